"""Of each queue."""

from collections.abc import Callable, Sequence

from message_queues.broker.queues.virtual_host import AnyQueue
from message_queues.servers.management.metric_families.family import Family, Rows, Value, metrics


def labels_of(queue: AnyQueue) -> dict[str, str]:
    return {"vhost": queue.virtual_host, "queue": queue.name}


def of_queues(read: Callable[[AnyQueue], Sequence[Value]]) -> Rows:
    return lambda subject: [(labels_of(queue), read(queue)) for queue in subject.queues()]


def queue_depth(queue: AnyQueue) -> Sequence[Value]:
    ready, unacknowledged = queue.message_count, queue.unacknowledged_count
    return ready, unacknowledged, ready + unacknowledged, 0


def queue_facts(queue: AnyQueue) -> Sequence[Value]:
    ready, unacknowledged = queue.message_count, queue.unacknowledged_count
    ready_bytes, unacknowledged_bytes = queue.ready_bytes, queue.unacknowledged_bytes
    size = ready_bytes + unacknowledged_bytes
    takes_all = 1.0 if queue.consumers and not ready else 0
    return (
        len(queue.consumers), takes_all, takes_all, 0, ready + unacknowledged, size, ready, unacknowledged, queue.persistent_count,
        size if queue.persistent_count else 0, size, ready_bytes, unacknowledged_bytes, 0, 0, 0, 0,
    )  # fmt: skip


def queue_deliveries(queue: AnyQueue) -> Sequence[Value]:
    counted = queue.counters
    return (
        counted.got, counted.got_no_ack, counted.delivered, counted.delivered_no_ack, counted.redelivered, counted.acknowledged,
        counted.get_empty,
    )  # fmt: skip


QUEUE_COARSE_METRICS = Family(
    "queue_coarse_metrics",
    metrics(
        ("queue_messages_ready", "gauge", "Messages ready to be delivered to consumers"),
        ("queue_messages_unacked", "gauge", "Messages delivered to consumers but not yet acknowledged"),
        ("queue_messages", "gauge", "Sum of ready and unacknowledged messages - total queue depth"),
        ("queue_process_reductions_total", "counter", "Total number of queue process reductions"),
    ),
    of_queues(queue_depth),
)
QUEUE_METRICS = Family(
    "queue_metrics",
    metrics(
        ("queue_consumers", "gauge", "Consumers on a queue"),
        ("queue_consumer_capacity", "gauge", "Consumer capacity"),
        ("queue_consumer_utilisation", "gauge", "Same as consumer capacity"),
        ("queue_process_memory_bytes", "gauge", "Memory in bytes used by the Erlang queue process"),
        ("queue_messages_ram", "gauge", "Ready and unacknowledged messages stored in memory"),
        ("queue_messages_ram_bytes", "gauge", "Size of ready and unacknowledged messages stored in memory"),
        ("queue_messages_ready_ram", "gauge", "Ready messages stored in memory"),
        ("queue_messages_unacked_ram", "gauge", "Unacknowledged messages stored in memory"),
        ("queue_messages_persistent", "gauge", "Persistent messages"),
        ("queue_messages_persistent_bytes", "gauge", "Size in bytes of persistent messages"),
        ("queue_messages_bytes", "gauge", "Size in bytes of ready and unacknowledged messages"),
        ("queue_messages_ready_bytes", "gauge", "Size in bytes of ready messages"),
        ("queue_messages_unacked_bytes", "gauge", "Size in bytes of all unacknowledged messages"),
        ("queue_messages_paged_out", "gauge", "Messages paged out to disk"),
        ("queue_messages_paged_out_bytes", "gauge", "Size in bytes of messages paged out to disk"),
        ("queue_disk_reads_total", "counter", "Total number of times queue read messages from disk"),
        ("queue_disk_writes_total", "counter", "Total number of times queue wrote messages to disk"),
    ),
    of_queues(queue_facts),
)
QUEUE_CONSUMER_COUNT = Family(
    "queue_consumer_count",
    metrics(("queue_consumers", "gauge", "Consumers on a queue")),
    of_queues(lambda queue: (len(queue.consumers),)),
    within="queue_metrics",
)
CHANNEL_QUEUE_EXCHANGE_METRICS = Family(
    "channel_queue_exchange_metrics",
    metrics(
        (
            "queue_messages_published_total",
            "counter",
            "Total number of messages published into a queue through an exchange on a channel",
        )
    ),
    of_queues(lambda queue: (queue.counters.published,)),
)
QUEUE_DELIVERY_METRICS = Family(
    "queue_delivery_metrics",
    metrics(
        (
            "queue_get_ack_total",
            "counter",
            "Total number of messages fetched from a queue with basic.get in manual acknowledgement mode",
        ),
        (
            "queue_get_total",
            "counter",
            "Total number of messages fetched from a queue with basic.get in automatic acknowledgement mode",
        ),
        (
            "queue_messages_delivered_ack_total",
            "counter",
            "Total number of messages delivered from a queue to consumers in manual acknowledgement mode",
        ),
        (
            "queue_messages_delivered_total",
            "counter",
            "Total number of messages delivered from a queue to consumers in automatic acknowledgement mode",
        ),
        ("queue_messages_redelivered_total", "counter", "Total number of messages redelivered from a queue to consumers"),
        ("queue_messages_acked_total", "counter", "Total number of messages acknowledged by consumers on a queue"),
        ("queue_get_empty_total", "counter", "Total number of times basic.get operations fetched no message on a queue"),
    ),
    of_queues(queue_deliveries),
)
