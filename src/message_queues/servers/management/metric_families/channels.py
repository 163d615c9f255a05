"""Of each channel and each connection."""

from collections.abc import Callable, Sequence

from message_queues.servers.amqp.channel import AmqpChannel
from message_queues.servers.amqp.counters import ChannelCounters
from message_queues.servers.management.metric_families.family import Family, Row, Rows, Subject, Value, metrics


def of_channels(read: Callable[[AmqpChannel], Sequence[Value]]) -> Rows:
    return lambda subject: [({"channel": channel.name}, read(channel)) for channel in subject.node.channels()]


def of_channel_counters(read: Callable[[ChannelCounters], Sequence[Value]]) -> Rows:
    """Each open channel, and what closed ones have done."""

    def rows(subject: Subject) -> list[Row]:
        found: list[Row] = [({"channel": channel.name}, read(channel.counters)) for channel in subject.node.channels()]
        if subject.node.amqp is not None:
            found.append(({}, read(subject.node.amqp.closed_channels)))
        return found

    return rows


def channel_state(channel: AmqpChannel) -> Sequence[Value]:
    return (
        len(channel.consumers), channel.unacknowledged_count, channel.unconfirmed_count, channel.uncommitted_count,
        channel.uncommitted_acknowledgements, channel.prefetch_count, channel.global_prefetch_count,
    )  # fmt: skip


def published_by(counted: ChannelCounters) -> Sequence[Value]:
    return counted.published, counted.confirmed, counted.returned_unroutable, counted.dropped_unroutable


def handed_out_by(counted: ChannelCounters) -> Sequence[Value]:
    return (
        counted.got, counted.got_no_ack, counted.delivered, counted.delivered_no_ack, counted.redelivered, counted.acknowledged,
        counted.get_empty,
    )  # fmt: skip


def connection_bytes(subject: Subject) -> list[Row]:
    return [({"connection": each.name}, (each.received_bytes, each.sent_bytes, 0)) for each in subject.node.connections()]


def connection_packets(subject: Subject) -> list[Row]:
    return [
        ({"connection": each.name}, (each.received_count, each.sent_count, each.unsent_bytes, len(each.channels)))
        for each in subject.node.connections()
    ]


CHANNEL_METRICS = Family(
    "channel_metrics",
    metrics(
        ("channel_consumers", "gauge", "Consumers on a channel"),
        ("channel_messages_unacked", "gauge", "Delivered but not yet acknowledged messages"),
        ("channel_messages_unconfirmed", "gauge", "Published but not yet confirmed messages"),
        ("channel_messages_uncommitted", "gauge", "Messages received in a transaction but not yet committed"),
        ("channel_acks_uncommitted", "gauge", "Message acknowledgements in a transaction not yet committed"),
        ("consumer_prefetch", "gauge", "Limit of unacknowledged messages for each consumer"),
        ("channel_prefetch", "gauge", "Total limit of unacknowledged messages for all consumers on a channel"),
    ),
    of_channels(channel_state),
)
CHANNEL_EXCHANGE_METRICS = Family(
    "channel_exchange_metrics",
    metrics(
        ("channel_messages_published_total", "counter", "Total number of messages published into an exchange on a channel"),
        (
            "channel_messages_confirmed_total",
            "counter",
            "Total number of messages published into an exchange and confirmed on the channel",
        ),
        (
            "channel_messages_unroutable_returned_total",
            "counter",
            "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
        ),
        (
            "channel_messages_unroutable_dropped_total",
            "counter",
            "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
        ),
    ),
    of_channel_counters(published_by),
)
CHANNEL_PROCESS_METRICS = Family(
    "channel_process_metrics",
    metrics(("channel_process_reductions_total", "counter", "Total number of channel process reductions")),
    of_channels(lambda channel: (0,)),
)
CHANNEL_QUEUE_METRICS = Family(
    "channel_queue_metrics",
    metrics(
        ("channel_get_ack_total", "counter", "Total number of messages fetched with basic.get in manual acknowledgement mode"),
        ("channel_get_total", "counter", "Total number of messages fetched with basic.get in automatic acknowledgement mode"),
        (
            "channel_messages_delivered_ack_total",
            "counter",
            "Total number of messages delivered to consumers in manual acknowledgement mode",
        ),
        (
            "channel_messages_delivered_total",
            "counter",
            "Total number of messages delivered to consumers in automatic acknowledgement mode",
        ),
        ("channel_messages_redelivered_total", "counter", "Total number of messages redelivered to consumers"),
        ("channel_messages_acked_total", "counter", "Total number of messages acknowledged by consumers"),
        ("channel_get_empty_total", "counter", "Total number of times basic.get operations fetched no message"),
    ),
    of_channel_counters(handed_out_by),
)
CONNECTION_COARSE_METRICS = Family(
    "connection_coarse_metrics",
    metrics(
        ("connection_incoming_bytes_total", "counter", "Total number of bytes received on a connection"),
        ("connection_outgoing_bytes_total", "counter", "Total number of bytes sent on a connection"),
        ("connection_process_reductions_total", "counter", "Total number of connection process reductions"),
    ),
    connection_bytes,
)
CONNECTION_METRICS = Family(
    "connection_metrics",
    metrics(
        ("connection_incoming_packets_total", "counter", "Total number of packets received on a connection"),
        ("connection_outgoing_packets_total", "counter", "Total number of packets sent on a connection"),
        ("connection_pending_packets", "gauge", "Number of packets waiting to be sent on a connection"),
        ("connection_channels", "gauge", "Channels on a connection"),
    ),
    connection_packets,
)
