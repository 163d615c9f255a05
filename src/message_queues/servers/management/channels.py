"""AMQP channels."""

from message_queues.servers.amqp.channel import AmqpChannel
from message_queues.servers.management import authorization, counters
from message_queues.servers.management.answers import Answer
from message_queues.servers.management.authorization import anyone, of_virtual_host, owner_or_monitor
from message_queues.servers.management.call import Call
from message_queues.servers.management.consumers import connection_details, consumer_facts
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.samples import Range, wanted_range
from message_queues.servers.management.times import rfc3339

CONSUMING = frozenset(counters.DELIVERIES)
PUBLISHING = frozenset(counters.PUBLISHES)


def channel_facts(call: Call, channel: AmqpChannel, wanted: Range | None = None) -> Item:
    connection = channel.connection
    facts: Item = {
        "connection_details": connection_details(connection),
        "name": channel.name,
        "node": call.node.name,
        "number": channel.number,
        "user": connection.user_name,
        "user_who_performed_action": connection.user_name,
        "vhost": connection.virtual_host_name,
    }
    if not call.wants_statistics:
        return facts
    facts |= {
        "acks_uncommitted": channel.uncommitted_acknowledgements,
        "confirm": channel.is_confirming,
        "consumer_count": len(channel.consumers),
        "global_prefetch_count": channel.global_prefetch_count,
        "idle_since": rfc3339(channel.idle_since_ms),
        "messages_unacknowledged": channel.unacknowledged_count,
        "messages_uncommitted": channel.uncommitted_count,
        "messages_unconfirmed": channel.unconfirmed_count,
        "pending_raft_commands": 0,
        "prefetch_count": channel.prefetch_count,
        "reductions": 0,
        "reductions_details": {"rate": 0.0},
        "state": channel.state,
        "transactional": channel.is_transactional,
    }
    reading = call.node.sampler.of(channel, counters.of_channel(channel.counters))
    stats = counters.message_stats(reading, counters.CHANNEL, range(len(counters.CHANNEL)), wanted).get("message_stats")
    if isinstance(stats, dict):
        facts["message_stats"] = what_it_does(stats)
    return facts


def what_it_does(stats: dict[str, object]) -> dict[str, object]:
    """Of a channel that only publishes, or only consumes, the other half is left away."""
    halves = [half for half in (PUBLISHING, CONSUMING) if any(stats[name] for name in half)]
    return {name: value for name, value in stats.items() if any(name.removesuffix("_details") in half for half in halves)}


def in_full(call: Call, channel: AmqpChannel) -> Item:
    facts = channel_facts(call, channel, wanted_range(call.query, "msg_rates"))
    consumers = [consumer_facts(call, consumer.queue, consumer) for consumer in channel.consumers.values()]
    return {**facts, "consumer_details": consumers, "deliveries": [], "publishes": []}


def seen_channels(call: Call) -> list[AmqpChannel]:
    virtual_host = call.virtual_host_name
    channels = [each for each in call.node.channels() if virtual_host is None or each.connection.virtual_host_name == virtual_host]
    if authorization.is_monitor(call.user):
        return channels
    return [each for each in channels if each.connection.user_name == call.user.name]


def channels(call: Call) -> Answer:
    wanted = wanted_range(call.query, "msg_rates")
    return call.listed([channel_facts(call, each, wanted) for each in seen_channels(call)], has_pages=True)


def found(call: Call) -> AmqpChannel | None:
    """`127.0.0.1:50000 -> 127.0.0.1:5672 (1)` names the connection, too."""
    name = call.name("channel")
    amqp = call.node.amqp
    connection = amqp.connections.get(name.rpartition(" (")[0]) if amqp is not None else None
    if connection is None:
        return None
    return next((channel for channel in connection.channels.values() if channel.name == name), None)


def its_owner(call: Call) -> None:
    channel = found(call)
    owner_or_monitor(call, channel.connection.user_name if channel is not None else None)


def exists(call: Call) -> bool:
    return found(call) is not None


def channel(call: Call) -> Answer:
    one = found(call)
    assert one is not None
    return call.shown(in_full(call, one))


def virtual_host_exists(call: Call) -> bool:
    return call.virtual_host_name in call.broker.virtual_hosts


RESOURCES = [
    Resource("/channels", anyone, get=channels),
    Resource("/channels/:channel", its_owner, get=channel, exists=exists),
    Resource("/vhosts/:vhost/channels", of_virtual_host, get=channels, exists=virtual_host_exists),
]
