"""The families of RabbitMQ's metrics: of which objects, what of each, under which names."""

import re
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from message_queues.broker.alarms import DISK as DISK_ALARM
from message_queues.broker.alarms import MEMORY as MEMORY_ALARM
from message_queues.broker.alarms import process_memory_bytes
from message_queues.broker.queues.queue_arguments import CLASSIC, QUORUM, STREAM
from message_queues.broker.queues.queue_settings import AT_LEAST_ONCE
from message_queues.broker.queues.virtual_host import AnyQueue
from message_queues.servers.amqp.channel import AmqpChannel
from message_queues.servers.amqp.counters import ChannelCounters
from message_queues.servers.management.node import Node, most_open_files, open_files

Value = int | float | None
Row = tuple[dict[str, str], Sequence[Value]]
"""The labels of an object, and its value for each metric of the family."""

QUEUE_TYPES = {CLASSIC: "rabbit_classic_queue", QUORUM: "rabbit_quorum_queue", STREAM: "rabbit_stream_queue"}
PROTOCOL = {"protocol": "amqp091"}
STARTED_S = time.time()


class Subject:
    """What is looked at: the broker, as far as the caller asks for it."""

    def __init__(self, node: Node, virtual_hosts: frozenset[str] | None, queue_pattern: "re.Pattern[str] | None") -> None:
        self.node = node
        self._virtual_hosts = virtual_hosts
        self._queue_pattern = queue_pattern
        self._queues: list[AnyQueue] | None = None

    def queues(self) -> list[AnyQueue]:
        if self._queues is None:
            self._queues = [
                queue
                for name, virtual_host in self.node.broker.virtual_hosts.items()
                if self._virtual_hosts is None or name in self._virtual_hosts
                for queue in virtual_host.queues.values()
                if self._queue_pattern is None or self._queue_pattern.search(queue.name)
            ]
        return self._queues

    def channel_counters(self) -> ChannelCounters:
        """Of all channels there ever were."""
        return self.node.amqp.totals() if self.node.amqp is not None else ChannelCounters()


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: str
    described: str


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    metrics: tuple[Metric, ...]
    rows: Callable[[Subject], list[Row]]
    is_sum: bool = True
    """Aggregated without any object it is 0; else it is left away."""
    labels_always: bool = False
    """Aggregated, too, it has labels."""
    within: str | None = None
    """It is a part of this family, for who wants no more."""


def metrics(*told: tuple[str, str, str]) -> tuple[Metric, ...]:
    return tuple(Metric(*each) for each in told)


def labels_of(queue: AnyQueue) -> dict[str, str]:
    return {"vhost": queue.virtual_host, "queue": queue.name}


def of_queues(read: Callable[[AnyQueue], Sequence[Value]]) -> Callable[[Subject], list[Row]]:
    return lambda subject: [(labels_of(queue), read(queue)) for queue in subject.queues()]


def of_channels(read: Callable[[AmqpChannel], Sequence[Value]]) -> Callable[[Subject], list[Row]]:
    return lambda subject: [({"channel": channel.name}, read(channel)) for channel in subject.node.channels()]


def one_row(values: Iterable[Value]) -> list[Row]:
    return [({}, tuple(values))]


# The node


def churn(subject: Subject) -> list[Row]:
    counted = subject.node.churn()
    names = ("connection_created", "connection_closed", "channel_created", "channel_closed", "queue_declared", "queue_created")
    return one_row([*(counted[name] for name in names), counted["queue_deleted"]])


def node_now(subject: Subject) -> list[Row]:
    sockets = len(subject.node.connections())
    return one_row((open_files(), sockets, process_memory_bytes(), subject.node.broker.alarms.disk_free_bytes))


def node_limits(subject: Subject) -> list[Row]:
    alarms = subject.node.broker.alarms
    files = most_open_files()
    return one_row((files, files, alarms.memory_high_watermark_bytes, alarms.disk_free_limit_bytes, subject.node.uptime_ms / 1000))


def alarms_now(subject: Subject) -> list[Row]:
    active = subject.node.broker.alarms.active
    return one_row((0, int(DISK_ALARM in active), int(MEMORY_ALARM in active)))


def attempts(subject: Subject) -> list[Row]:
    succeeded, failed = subject.node.attempts.counts
    return [({"protocol": "http"}, (succeeded + failed, succeeded, failed))]


# Queues


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


# Channels and connections


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


def of_channel_counters(read: Callable[[ChannelCounters], Sequence[Value]]) -> Callable[[Subject], list[Row]]:
    """Each open channel, and what closed ones have done."""

    def rows(subject: Subject) -> list[Row]:
        found: list[Row] = [({"channel": channel.name}, read(channel.counters)) for channel in subject.node.channels()]
        if subject.node.amqp is not None:
            found.append(({}, read(subject.node.amqp.closed_channels)))
        return found

    return rows


def connection_bytes(subject: Subject) -> list[Row]:
    return [({"connection": each.name}, (each.received_bytes, each.sent_bytes, 0)) for each in subject.node.connections()]


def connection_packets(subject: Subject) -> list[Row]:
    return [
        ({"connection": each.name}, (each.received_count, each.sent_count, each.unsent_bytes, len(each.channels)))
        for each in subject.node.connections()
    ]


def exchange_publishes(subject: Subject) -> list[Row]:
    return [
        ({"vhost": name, "exchange": exchange.name}, (exchange.published_in,))
        for name, virtual_host in subject.node.broker.virtual_hosts.items()
        for exchange in virtual_host.exchanges.values()
    ]


# Global counters


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


# The process


def process(subject: Subject) -> list[Row]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return one_row((round(STARTED_S), used.ru_utime + used.ru_stime, process_memory_bytes(), open_files(), most_open_files()))


# What only /metrics/detailed has


def virtual_hosts(subject: Subject) -> list[Row]:
    return [({"vhost": name}, (1,)) for name in subject.node.broker.virtual_hosts]


def exchange_bindings(subject: Subject) -> list[Row]:
    return [
        ({"vhost": name, "exchange": exchange.name, "type": exchange.kind}, (len(virtual_host.bindings.of_source(exchange.name)),))
        for name, virtual_host in subject.node.broker.virtual_hosts.items()
        for exchange in virtual_host.exchanges.values()
    ]


def exchange_names(subject: Subject) -> list[Row]:
    return [({key: labels[key] for key in ("vhost", "exchange", "type")}, (1,)) for labels, _ in exchange_bindings(subject)]


def memory(subject: Subject) -> list[Row]:
    return one_row((process_memory_bytes(),))


MEMORY = Family("node_memory", metrics(("memory_other_system_bytes", "gauge", "Other runtime footprint in bytes")), memory)

FAMILIES = (
    Family(
        "alarms",
        metrics(
            ("alarms_file_descriptor_limit", "untyped", "is 1 if file descriptor limit alarm is in effect"),
            ("alarms_free_disk_space_watermark", "untyped", "is 1 if free disk space watermark alarm is in effect"),
            ("alarms_memory_used_watermark", "untyped", "is 1 if VM memory watermark alarm is in effect"),
        ),
        alarms_now,
    ),
    Family(
        "connection_churn_metrics",
        metrics(
            ("connections_opened_total", "counter", "Total number of connections opened"),
            ("connections_closed_total", "counter", "Total number of connections closed or terminated"),
            ("channels_opened_total", "counter", "Total number of channels opened"),
            ("channels_closed_total", "counter", "Total number of channels closed"),
            ("queues_declared_total", "counter", "Total number of queues declared"),
            ("queues_created_total", "counter", "Total number of queues created"),
            ("queues_deleted_total", "counter", "Total number of queues deleted"),
        ),
        churn,
    ),
    Family(
        "node_coarse_metrics",
        metrics(
            ("process_open_fds", "gauge", "Open file descriptors"),
            ("process_open_tcp_sockets", "gauge", "Open TCP sockets"),
            ("process_resident_memory_bytes", "gauge", "Memory used in bytes"),
            ("disk_space_available_bytes", "gauge", "Disk space available in bytes"),
        ),
        node_now,
    ),
    Family(
        "node_metrics",
        metrics(
            ("process_max_fds", "gauge", "Open file descriptors limit"),
            ("process_max_tcp_sockets", "gauge", "Open TCP sockets limit"),
            ("resident_memory_limit_bytes", "gauge", "Memory high watermark in bytes"),
            ("disk_space_available_limit_bytes", "gauge", "Free disk space low watermark in bytes"),
            ("erlang_uptime_seconds", "gauge", "Node uptime"),
        ),
        node_limits,
    ),
    Family(
        "auth_attempt_metrics",
        metrics(
            ("auth_attempts_total", "counter", "Total number of authentication attempts"),
            ("auth_attempts_succeeded_total", "counter", "Total number of successful authentication attempts"),
            ("auth_attempts_failed_total", "counter", "Total number of failed authentication attempts"),
        ),
        attempts,
        labels_always=True,
    ),
    Family(
        "queue_coarse_metrics",
        metrics(
            ("queue_messages_ready", "gauge", "Messages ready to be delivered to consumers"),
            ("queue_messages_unacked", "gauge", "Messages delivered to consumers but not yet acknowledged"),
            ("queue_messages", "gauge", "Sum of ready and unacknowledged messages - total queue depth"),
            ("queue_process_reductions_total", "counter", "Total number of queue process reductions"),
        ),
        of_queues(queue_depth),
    ),
    Family(
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
    ),
    Family(
        "queue_consumer_count",
        metrics(("queue_consumers", "gauge", "Consumers on a queue")),
        of_queues(lambda queue: (len(queue.consumers),)),
        within="queue_metrics",
    ),
    Family(
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
    ),
    Family(
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
    ),
    Family(
        "channel_process_metrics",
        metrics(("channel_process_reductions_total", "counter", "Total number of channel process reductions")),
        of_channels(lambda channel: (0,)),
    ),
    Family(
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
    ),
    Family(
        "connection_coarse_metrics",
        metrics(
            ("connection_incoming_bytes_total", "counter", "Total number of bytes received on a connection"),
            ("connection_outgoing_bytes_total", "counter", "Total number of bytes sent on a connection"),
            ("connection_process_reductions_total", "counter", "Total number of connection process reductions"),
        ),
        connection_bytes,
    ),
    Family(
        "connection_metrics",
        metrics(
            ("connection_incoming_packets_total", "counter", "Total number of packets received on a connection"),
            ("connection_outgoing_packets_total", "counter", "Total number of packets sent on a connection"),
            ("connection_pending_packets", "gauge", "Number of packets waiting to be sent on a connection"),
            ("connection_channels", "gauge", "Channels on a connection"),
        ),
        connection_packets,
    ),
    Family(
        "channel_queue_exchange_metrics",
        metrics(
            (
                "queue_messages_published_total",
                "counter",
                "Total number of messages published into a queue through an exchange on a channel",
            )
        ),
        of_queues(lambda queue: (queue.counters.published,)),
    ),
    Family(
        "exchange_metrics",
        metrics(("exchange_messages_published_total", "counter", "Total number of messages published into an exchange")),
        exchange_publishes,
    ),
    Family(
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
    ),
    Family(
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
    ),
    Family(
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
    ),
    Family(
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
    ),
)
PROCESS = Family(
    "process",
    metrics(
        ("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
        ("process_cpu_seconds_total", "counter", "Process CPU time."),
        ("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
        ("process_open_fds", "gauge", "Number of open file descriptors."),
        ("process_max_fds", "gauge", "Maximum number of open file descriptors."),
    ),
    process,
)
"""These names have no `rabbitmq_` before them."""

CLUSTER_FAMILIES = (
    Family("vhost_status", metrics(("vhost_status", "gauge", "Whether a given vhost is running")), virtual_hosts),
    Family(
        "exchange_bindings",
        metrics(("exchange_bindings", "gauge", "Number of bindings for an exchange. This value is cluster-wide.")),
        exchange_bindings,
    ),
    Family(
        "exchange_names",
        metrics(
            (
                "exchange_name",
                "gauge",
                "Enumerates exchanges without any additional info. This value is cluster-wide. "
                "A cheaper alternative to `exchange_bindings`",
            )
        ),
        exchange_names,
    ),
)
