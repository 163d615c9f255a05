"""Consumers of queues, whichever channel they are on."""

from message_queues.broker.queues.virtual_host import AnyQueue
from message_queues.servers.amqp.connection import AmqpConnection
from message_queues.servers.amqp.consuming import ChannelConsumer
from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, bad_request
from message_queues.servers.management.authorization import anyone
from message_queues.servers.management.call import Call
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.tables import json_table

NO_STATISTICS = "Stats in management UI are disabled on this node"


def consumer_facts(call: Call, queue: AnyQueue, consumer: object) -> Item:
    """Only a channel's consumers say whose they are: a shovel's is the server's own."""
    facts: Item = {"queue": {"name": queue.name, "vhost": queue.virtual_host}, "channel_details": {}}
    if not isinstance(consumer, ChannelConsumer):
        return {
            **facts,
            "arguments": {},
            "ack_required": True,
            "active": True,
            "activity_status": "up",
            "consumer_tag": getattr(consumer, "tag", ""),
            **timeout(call, queue),
            "exclusive": False,
            "prefetch_count": 0,
            "user": "",
        }
    connection = consumer.channel.connection
    is_waiting = not consumer.is_active
    return {
        **facts,
        "arguments": json_table(consumer.arguments),
        "ack_required": not consumer.no_ack,
        "active": consumer.is_active,
        "activity_status": "waiting" if is_waiting else "up",
        "channel_details": {
            "connection_name": connection.name,
            "name": consumer.channel.name,
            "node": call.node.name,
            "number": consumer.channel.number,
            "peer_host": connection.ends.peer_host,
            "peer_port": connection.ends.peer_port,
            "user": connection.user_name,
        },
        "consumer_tag": consumer.tag,
        **timeout(call, queue),
        "exclusive": consumer.is_exclusive,
        "prefetch_count": consumer.prefetch_count,
    }


def connection_details(connection: AmqpConnection) -> Item:
    return {"name": connection.name, "peer_host": connection.ends.peer_host, "peer_port": connection.ends.peer_port}


def timeout(call: Call, queue: AnyQueue) -> Item:
    """RabbitMQ 3 does not tell it."""
    if not call.node.version.is_4:
        return {}
    wanted = queue.settings.consumer_timeout_ms
    return {"consumer_timeout": call.node.version.consumer_timeout_ms if wanted is None else wanted}


def consumers(call: Call) -> Answer:
    if not call.wants_statistics:
        raise bad_request(NO_STATISTICS)
    name = call.virtual_host_name
    virtual_hosts = [each for each in call.broker.virtual_hosts.values() if name is None or each.name == name]
    found = [(queue, consumer) for virtual_host in virtual_hosts for queue in virtual_host.queues.values() for consumer in queue.consumers]
    if not authorization.is_monitor(call.user):
        mine = call.user.name
        found = [(queue, each) for queue, each in found if isinstance(each, ChannelConsumer) and each.channel.connection.user_name == mine]
    return call.listed([consumer_facts(call, queue, consumer) for queue, consumer in found])


def virtual_host_exists(call: Call) -> bool:
    name = call.virtual_host_name
    return name is None or name in call.broker.virtual_hosts


RESOURCES = [
    Resource("/consumers", anyone, get=consumers, exists=virtual_host_exists),
    Resource("/consumers/:vhost", anyone, get=consumers, exists=virtual_host_exists),
]
