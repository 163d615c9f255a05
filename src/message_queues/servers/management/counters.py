"""What the broker's objects count, under the names that the management API gives it.

Each kind of object has one tuple of counters; its names say which is which. `deliver_get` is everything handed out in any way.
"""

from collections.abc import Mapping

from message_queues.broker.queues.exchange import Exchange
from message_queues.broker.queues.virtual_host import AnyQueue
from message_queues.servers.amqp.connection import AmqpConnection
from message_queues.servers.amqp.counters import ChannelCounters
from message_queues.servers.management.samples import Range, Reading, Values

DELIVERIES = ("ack", "deliver", "deliver_get", "deliver_no_ack", "get", "get_empty", "get_no_ack", "redeliver")
PUBLISHES = ("publish", "confirm", "return_unroutable", "drop_unroutable")
LENGTHS = ("messages", "messages_ready", "messages_unacknowledged")
OCTETS = ("recv_oct", "send_oct")

QUEUE = ("publish", *DELIVERIES, *LENGTHS)
EXCHANGE = ("publish_in", "publish_out")
CHANNEL = (*PUBLISHES, *DELIVERIES)
CONNECTION = OCTETS
TOTAL = (*PUBLISHES, *DELIVERIES, *LENGTHS, *OCTETS)
"""Of a virtual host, and of all."""

QUEUE_MESSAGES = range(1 + len(DELIVERIES))
QUEUE_LENGTHS = range(1 + len(DELIVERIES), len(QUEUE))
TOTAL_MESSAGES = range(len(CHANNEL))
TOTAL_LENGTHS = range(len(CHANNEL), len(CHANNEL) + len(LENGTHS))
TOTAL_OCTETS = range(len(CHANNEL) + len(LENGTHS), len(TOTAL))

NO_TOTAL: Values = (0,) * len(TOTAL)


def of_queue(queue: AnyQueue) -> Values:
    counted = queue.counters
    ready, unacknowledged = queue.message_count, queue.unacknowledged_count
    return (
        counted.published,
        counted.acknowledged,
        counted.delivered,
        counted.delivered + counted.delivered_no_ack + counted.got + counted.got_no_ack,
        counted.delivered_no_ack,
        counted.got,
        counted.get_empty,
        counted.got_no_ack,
        counted.redelivered,
        ready + unacknowledged,
        ready,
        unacknowledged,
    )


def of_channel(counted: ChannelCounters) -> Values:
    return (
        counted.published,
        counted.confirmed,
        counted.returned_unroutable,
        counted.dropped_unroutable,
        counted.acknowledged,
        counted.delivered,
        counted.delivered + counted.delivered_no_ack + counted.got + counted.got_no_ack,
        counted.delivered_no_ack,
        counted.got,
        counted.get_empty,
        counted.got_no_ack,
        counted.redelivered,
    )


def of_connection(connection: AmqpConnection) -> Values:
    return connection.received_bytes, connection.sent_bytes


def of_exchange(exchange: Exchange) -> Values:
    return exchange.published_in, exchange.published_out


def shown(reading: Reading, names: tuple[str, ...], which: range, wanted: Range | None) -> dict[str, object]:
    """`{"ack": 5, "ack_details": {"rate": 0.4}, …}`"""
    facts: dict[str, object] = {}
    for index in which:
        name = names[index]
        facts[name] = reading.now[index]
        facts[f"{name}_details"] = reading.detail(index, wanted)
    return facts


def message_stats(reading: Reading, names: tuple[str, ...], which: range, wanted: Range | None) -> Mapping[str, object]:
    """`{"message_stats": {…}}`, or nothing of an object that no message has passed yet."""
    if not any(reading.now[index] for index in which):
        return {}
    return {"message_stats": shown(reading, names, which, wanted)}
