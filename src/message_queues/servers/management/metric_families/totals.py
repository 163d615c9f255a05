"""Of all messages: the global counters, by protocol and type of queue."""

from message_queues.broker.queues.queue_arguments import CLASSIC, QUORUM, STREAM
from message_queues.broker.queues.queue_settings import AT_LEAST_ONCE
from message_queues.servers.management.metric_families.family import Family, Row, Subject, metrics

PROTOCOL = {"protocol": "amqp091"}
QUEUE_TYPES = {CLASSIC: "rabbit_classic_queue", QUORUM: "rabbit_quorum_queue", STREAM: "rabbit_stream_queue"}


def received(subject: Subject) -> list[Row]:
    counted = subject.channel_counters()
    unroutable = counted.returned_unroutable + counted.dropped_unroutable
    values = (
        counted.published, counted.confirmed, counted.published - unroutable, counted.confirmed, counted.dropped_unroutable,
        counted.returned_unroutable, sum(len(queue.consumers) for queue in subject.queues()),
        sum(1 for channel in subject.node.channels() if channel.counters.published),
    )  # fmt: skip
    return [(PROTOCOL, values)]


def handed_out(subject: Subject) -> list[Row]:
    sums = {kind: [0] * 8 for kind in QUEUE_TYPES}
    for queue in subject.queues():
        counted, total = queue.counters, sums[queue.kind]
        each = (
            counted.acknowledged, counted.delivered_no_ack, counted.delivered, counted.got_no_ack, counted.got,
            counted.delivered + counted.delivered_no_ack + counted.got + counted.got_no_ack, counted.get_empty, counted.redelivered,
        )  # fmt: skip
        for index, value in enumerate(each):
            total[index] += value
    return [({**PROTOCOL, "queue_type": QUEUE_TYPES[kind]}, total) for kind, total in sums.items()]


def dead_letters(subject: Subject) -> list[Row]:
    strategies = (
        (CLASSIC, "at_most_once"),
        (CLASSIC, "disabled"),
        (QUORUM, "at_least_once"),
        (QUORUM, "at_most_once"),
        (QUORUM, "disabled"),
    )
    sums = {key: [0] * 4 for key in strategies}
    for queue in subject.queues():
        if queue.kind == STREAM:
            continue
        counted = queue.counters
        strategy = "at_least_once" if queue.settings.dead_letter_strategy == AT_LEAST_ONCE and queue.kind == QUORUM else "at_most_once"
        gone = (
            counted.dead_lettered_delivery_limit,
            counted.dead_lettered_expired,
            counted.dead_lettered_maxlen,
            counted.dead_lettered_rejected,
        )
        dropped = (0, counted.dropped_expired, counted.dropped_maxlen, counted.dropped_rejected)
        for key, values in (((queue.kind, strategy), gone), ((queue.kind, "disabled"), dropped)):
            for index, value in enumerate(values):
                sums[key][index] += value
    return [({"queue_type": QUEUE_TYPES[kind], "dead_letter_strategy": told}, total) for (kind, told), total in sums.items()]


GLOBAL_COUNTERS = Family(
    "global_counters",
    metrics(
        ("global_messages_received_total", "counter", "Total number of messages received from publishers"),
        (
            "global_messages_received_confirm_total",
            "counter",
            "Total number of messages received from publishers expecting confirmations",
        ),
        ("global_messages_routed_total", "counter", "Total number of messages routed to queues or streams"),
        ("global_messages_confirmed_total", "counter", "Total number of messages confirmed to publishers"),
        (
            "global_messages_unroutable_dropped_total",
            "counter",
            "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
        ),
        (
            "global_messages_unroutable_returned_total",
            "counter",
            "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
        ),
        ("global_consumers", "gauge", "Consumers currently connected"),
        ("global_publishers", "gauge", "Publishers currently connected"),
    ),
    received,
    labels_always=True,
)
GLOBAL_QUEUE_COUNTERS = Family(
    "global_queue_counters",
    metrics(
        ("global_messages_acknowledged_total", "counter", "Total number of message acknowledgements received from consumers"),
        (
            "global_messages_delivered_consume_auto_ack_total",
            "counter",
            "Total number of messages delivered to consumers using basic.consume with automatic acknowledgment",
        ),
        (
            "global_messages_delivered_consume_manual_ack_total",
            "counter",
            "Total number of messages delivered to consumers using basic.consume with manual acknowledgment",
        ),
        (
            "global_messages_delivered_get_auto_ack_total",
            "counter",
            "Total number of messages delivered to consumers using basic.get with automatic acknowledgment",
        ),
        (
            "global_messages_delivered_get_manual_ack_total",
            "counter",
            "Total number of messages delivered to consumers using basic.get with manual acknowledgment",
        ),
        ("global_messages_delivered_total", "counter", "Total number of messages delivered to consumers"),
        ("global_messages_get_empty_total", "counter", "Total number of times basic.get operations fetched no message"),
        ("global_messages_redelivered_total", "counter", "Total number of messages redelivered to consumers"),
    ),
    handed_out,
    labels_always=True,
)
GLOBAL_DEAD_LETTER_COUNTERS = Family(
    "global_dead_letter_counters",
    metrics(
        (
            "global_messages_dead_lettered_delivery_limit_total",
            "counter",
            "Total number of messages dead-lettered due to delivery-limit exceeded",
        ),
        (
            "global_messages_dead_lettered_expired_total",
            "counter",
            "Total number of messages dead-lettered due to message TTL exceeded",
        ),
        (
            "global_messages_dead_lettered_maxlen_total",
            "counter",
            "Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx",
        ),
        (
            "global_messages_dead_lettered_rejected_total",
            "counter",
            "Total number of messages dead-lettered due to basic.reject or basic.nack",
        ),
    ),
    dead_letters,
    labels_always=True,
)
