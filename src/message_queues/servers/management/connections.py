"""AMQP connections: who is connected from where, and closing them."""

from message_queues.servers.amqp.connection import AmqpConnection
from message_queues.servers.management import authorization, counters
from message_queues.servers.management.answers import Answer, object_not_found
from message_queues.servers.management.authorization import anyone, of_virtual_host, owner_or_monitor
from message_queues.servers.management.call import Call
from message_queues.servers.management.channels import channel_facts
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.samples import Range, wanted_range
from message_queues.servers.management.tables import json_table

TLS_FACTS = (
    "peer_cert_issuer",
    "peer_cert_subject",
    "peer_cert_validity",
    "ssl_cipher",
    "ssl_hash",
    "ssl_key_exchange",
    "ssl_protocol",
)
CLOSED_BY_MANAGEMENT = "Closed via management plugin"


def connection_facts(call: Call, connection: AmqpConnection, wanted: Range | None = None) -> Item:
    node = call.node
    facts: Item = {
        "auth_mechanism": connection.auth_mechanism,
        "channel_max": connection.channel_max,
        "channels": len(connection.channels),
        "client_properties": json_table(connection.client_properties),
        "connected_at": connection.connected_at_ms,
        "frame_max": connection.frame_max,
        "host": connection.ends.host,
        "name": connection.name,
        "node": node.name,
        **dict.fromkeys(TLS_FACTS),
        **connection.tls,
        "peer_host": connection.ends.peer_host,
        "peer_port": connection.ends.peer_port,
        "port": connection.ends.port,
        "protocol": "AMQP 0-9-1",
        "ssl": connection.is_tls,
        "state": connection.state,
        "timeout": connection.heartbeat_s,
        "type": "network",
        "user": connection.user_name,
        "user_who_performed_action": connection.user_name,
        "vhost": connection.virtual_host_name,
    }
    if connection.user_provided_name is not None:
        facts["user_provided_name"] = connection.user_provided_name
    if call.wants_statistics:
        reading = node.sampler.of(connection, counters.of_connection(connection))
        facts |= counters.shown(reading, counters.CONNECTION, range(len(counters.CONNECTION)), wanted)
        facts |= {
            "recv_cnt": connection.received_count,
            "recv_oct": connection.received_bytes,
            "send_cnt": connection.sent_count,
            "send_oct": connection.sent_bytes,
            "send_pend": connection.unsent_bytes,
            "reductions": 0,
            "reductions_details": {"rate": 0.0},
        }
    return facts


def seen_connections(call: Call) -> list[AmqpConnection]:
    """Those of the caller, or of everybody."""
    virtual_host = call.virtual_host_name
    connections = [each for each in call.node.connections() if virtual_host is None or each.virtual_host_name == virtual_host]
    if authorization.is_monitor(call.user):
        return connections
    return [each for each in connections if each.user_name == call.user.name]


def connections(call: Call) -> Answer:
    wanted = wanted_range(call.query, "data_rates")
    return call.listed([connection_facts(call, each, wanted) for each in seen_connections(call)], has_pages=True)


def found(call: Call) -> AmqpConnection | None:
    amqp = call.node.amqp
    return amqp.connections.get(call.name("connection")) if amqp is not None else None


def its_owner(call: Call) -> None:
    connection = found(call)
    if connection is not None or authorization.is_monitor(call.user):
        owner_or_monitor(call, connection.user_name if connection is not None else None)
    else:
        raise object_not_found()


def exists(call: Call) -> bool:
    return found(call) is not None


def connection(call: Call) -> Answer:
    one = found(call)
    assert one is not None
    return call.shown(connection_facts(call, one, wanted_range(call.query, "data_rates")))


def channels_of(call: Call) -> Answer:
    one = found(call)
    assert one is not None
    return call.listed([channel_facts(call, channel) for channel in one.channels.values()])


def close(call: Call) -> None:
    one = found(call)
    assert one is not None
    one.close(reason(call))


def reason(call: Call) -> str:
    return call.headers.get("x-reason") or CLOSED_BY_MANAGEMENT


def of_user(call: Call) -> list[AmqpConnection]:
    return [each for each in call.node.connections() if each.user_name == call.name("username")]


def named_user(call: Call) -> None:
    owner_or_monitor(call, call.name("username"))


def connections_of_user(call: Call) -> Answer:
    tracked: list[Item] = [
        {"name": each.name, "vhost": each.virtual_host_name, "user": each.user_name, "node": call.node.name} for each in of_user(call)
    ]
    return call.listed(tracked, has_pages=True)


def close_those_of_user(call: Call) -> None:
    for each in of_user(call):
        each.close(reason(call))


def no_sessions(call: Call) -> Answer:
    """AMQP 1.0 has sessions; these connections have none."""
    return call.listed([])


def virtual_host_exists(call: Call) -> bool:
    return call.virtual_host_name in call.broker.virtual_hosts


RESOURCES = [
    Resource("/connections", anyone, get=connections),
    Resource("/connections/:connection", its_owner, get=connection, delete=close, exists=exists),
    Resource("/connections/username/:username", named_user, get=connections_of_user, delete=close_those_of_user),
    Resource("/connections/:connection/channels", its_owner, get=channels_of, exists=exists),
    Resource("/connections/:connection/sessions", its_owner, get=no_sessions, exists=exists),
    Resource("/vhosts/:vhost/connections", of_virtual_host, get=connections, exists=virtual_host_exists),
]
