"""Of the node and its process."""

import resource
import time

from message_queues.broker.alarms import DISK as DISK_ALARM
from message_queues.broker.alarms import MEMORY as MEMORY_ALARM
from message_queues.broker.alarms import process_memory_bytes
from message_queues.servers.management.metric_families.family import Family, Row, Subject, metrics, one_row
from message_queues.servers.management.node import most_open_files, open_files

STARTED_S = time.time()


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


def process(subject: Subject) -> list[Row]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return one_row((round(STARTED_S), used.ru_utime + used.ru_stime, process_memory_bytes(), open_files(), most_open_files()))


def memory(subject: Subject) -> list[Row]:
    return one_row((process_memory_bytes(),))


ALARMS = Family(
    "alarms",
    metrics(
        ("alarms_file_descriptor_limit", "untyped", "is 1 if file descriptor limit alarm is in effect"),
        ("alarms_free_disk_space_watermark", "untyped", "is 1 if free disk space watermark alarm is in effect"),
        ("alarms_memory_used_watermark", "untyped", "is 1 if VM memory watermark alarm is in effect"),
    ),
    alarms_now,
)
CONNECTION_CHURN_METRICS = Family(
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
)
NODE_COARSE_METRICS = Family(
    "node_coarse_metrics",
    metrics(
        ("process_open_fds", "gauge", "Open file descriptors"),
        ("process_open_tcp_sockets", "gauge", "Open TCP sockets"),
        ("process_resident_memory_bytes", "gauge", "Memory used in bytes"),
        ("disk_space_available_bytes", "gauge", "Disk space available in bytes"),
    ),
    node_now,
)
NODE_METRICS = Family(
    "node_metrics",
    metrics(
        ("process_max_fds", "gauge", "Open file descriptors limit"),
        ("process_max_tcp_sockets", "gauge", "Open TCP sockets limit"),
        ("resident_memory_limit_bytes", "gauge", "Memory high watermark in bytes"),
        ("disk_space_available_limit_bytes", "gauge", "Free disk space low watermark in bytes"),
        ("erlang_uptime_seconds", "gauge", "Node uptime"),
    ),
    node_limits,
)
AUTH_ATTEMPT_METRICS = Family(
    "auth_attempt_metrics",
    metrics(
        ("auth_attempts_total", "counter", "Total number of authentication attempts"),
        ("auth_attempts_succeeded_total", "counter", "Total number of successful authentication attempts"),
        ("auth_attempts_failed_total", "counter", "Total number of failed authentication attempts"),
    ),
    attempts,
    labels_always=True,
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
MEMORY = Family("node_memory", metrics(("memory_other_system_bytes", "gauge", "Other runtime footprint in bytes")), memory)
