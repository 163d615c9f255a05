"""The one node: its limits, what it uses, its memory; statistics begun anew, log-ins counted."""

import os

from message_queues.broker.alarms import DISK, MEMORY, process_memory_bytes
from message_queues.servers.management import node, overview
from message_queues.servers.management.answers import Answer
from message_queues.servers.management.authorization import administrators, anyone, monitors
from message_queues.servers.management.call import Call
from message_queues.servers.management.resource import Resource

MEMORY_KINDS = (
    "connection_readers", "connection_writers", "connection_channels", "connection_other", "queue_procs", "queue_slave_procs",
    "quorum_queue_procs", "quorum_queue_dlx_procs", "stream_queue_procs", "stream_queue_replica_reader_procs",
    "stream_queue_coordinator_procs", "plugins", "metadata_store", "other_proc", "metrics", "mgmt_db", "mnesia", "quorum_ets",
    "metadata_store_ets", "other_ets", "binary", "msg_index", "code", "atom", "other_system", "allocated_unused", "reserved_unallocated",
)  # fmt: skip
ACTIVITIES = (
    "gc_num", "gc_bytes_reclaimed", "context_switches", "io_read_count", "io_read_bytes", "io_read_avg_time", "io_write_count",
    "io_write_bytes", "io_write_avg_time", "io_sync_count", "io_sync_avg_time", "io_seek_count", "io_seek_avg_time", "io_reopen_count",
    "mnesia_ram_tx_count", "mnesia_disk_tx_count", "msg_store_read_count", "msg_store_write_count", "queue_index_write_count",
    "queue_index_read_count",
)  # fmt: skip
"""What RabbitMQ counts of its runtime and storage, and nothing here is the same as."""


def is_this_node(call: Call) -> bool:
    return call.names.get("node", call.node.name) == call.node.name


def nodes(call: Call) -> Answer:
    return call.listed([facts_of(call.node)], ("name",))


def one_node(call: Call) -> Answer:
    facts = facts_of(call.node)
    if call.query.get("memory") == "true":
        facts["memory"] = memory_facts()
    return call.shown(facts)


def facts_of(of: node.Node) -> dict[str, object]:
    alarms = of.broker.alarms
    used: dict[str, object] = {
        "mem_used": process_memory_bytes(),
        "fd_used": node.open_files(),
        "sockets_used": len(of.connections()),
        "proc_used": 1,
        "disk_free": alarms.disk_free_bytes,
        **dict.fromkeys(ACTIVITIES, 0),
        **of.churn(),
    }
    rates: dict[str, object] = {f"{name}_details": {"rate": 0.0} for name in used}
    return {
        "partitions": [],
        "os_pid": str(os.getpid()),
        "fd_total": node.most_open_files(),
        "sockets_total": node.most_open_files(),
        "mem_limit": alarms.memory_high_watermark_bytes,
        "mem_alarm": MEMORY in alarms.active,
        "mem_calculation_strategy": "rss",
        "disk_free_limit": alarms.disk_free_limit_bytes,
        "disk_free_alarm": DISK in alarms.active,
        "proc_total": 1,
        "rates_mode": "basic",
        "uptime": of.uptime_ms,
        "run_queue": 0,
        "processors": os.cpu_count() or 1,
        "exchange_types": overview.exchange_types(),
        "auth_mechanisms": [
            {"name": name, "description": described, "enabled": enabled} for name, described, enabled in node.AUTH_MECHANISMS
        ],
        "applications": applications(of),
        "contexts": overview.contexts(of),
        "log_files": ["<stdout>"],
        "db_dir": of.broker.data_path,
        "config_files": [],
        "net_ticktime": 60,
        "enabled_plugins": [name for name, _ in node.PLUGINS],
        "rabbitmq_version": of.version.text,
        "erlang_version": node.RUNTIME,
        "erlang_full_version": node.RUNTIME,
        "ra_open_file_metrics": {"ra_log_wal": 0, "ra_log_segment_writer": 0},
        "name": of.name,
        "running": True,
        "being_drained": False,
        "type": "disc",
        **used,
        **rates,
        "cluster_links": [],
        "metrics_gc_queue_length": {},
    }


def applications(of: node.Node) -> list[dict[str, object]]:
    named = (("rabbit", "RabbitMQ"), ("rabbit_common", "Modules shared by rabbitmq-server and rabbitmq-erlang-client"), *node.PLUGINS)
    return [{"name": name, "description": described, "version": of.version.text} for name, described in named]


def memory_facts() -> dict[str, object]:
    resident = process_memory_bytes()
    kinds: dict[str, object] = {**dict.fromkeys(MEMORY_KINDS, 0), "other_proc": resident}
    return {**kinds, "strategy": "rss", "total": {"erlang": resident, "rss": resident, "allocated": resident}}


def memory(call: Call) -> Answer:
    return call.shown({"memory": memory_facts()})


def relative_memory(call: Call) -> Answer:
    return call.shown({"memory": {"total": 100, **dict.fromkeys(MEMORY_KINDS, 0), "other_proc": 100}})


def reset(call: Call) -> None:
    call.node.sampler.forget()


def attempts(call: Call) -> Answer:
    return call.shown([{"protocol": "http", **attempted(*call.node.attempts.counts)}])


def attempted(succeeded: int, failed: int) -> dict[str, object]:
    return {"auth_attempts": succeeded + failed, "auth_attempts_failed": failed, "auth_attempts_succeeded": succeeded}


def attempts_by_source(call: Call) -> Answer:
    by_source = call.node.attempts.by_source.items()
    return call.shown(
        [
            {"remote_address": source, "username": user, "protocol": "http", **attempted(ok, failed)}
            for (source, user), (ok, failed) in by_source
        ]
    )


def forget_attempts(call: Call) -> None:
    call.node.attempts.reset()


def see_attempts(call: Call) -> None:
    (administrators if call.method == "DELETE" else monitors)(call)


def effective_config(call: Call) -> Answer:
    settings = {"cluster_name": call.node.cluster_name, "data": call.broker.data_path, "rabbitmq_version": call.node.version.text}
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    return Answer(200, lines.encode("utf-8", "surrogateescape"), [("content-type", "text/plain")])


def rebalance(call: Call) -> None:
    """All queues are led by the only node there is."""


RESOURCES = [
    Resource("/nodes", monitors, get=nodes),
    Resource("/nodes/:node", monitors, get=one_node, exists=is_this_node),
    Resource("/nodes/:node/memory", monitors, get=memory, exists=is_this_node),
    Resource("/nodes/:node/memory/relative", monitors, get=relative_memory, exists=is_this_node),
    Resource("/reset", administrators, delete=reset),
    Resource("/reset/:node", administrators, delete=reset, exists=is_this_node),
    Resource("/rebalance/queues", administrators, post=rebalance),
    Resource("/auth/attempts/:node", see_attempts, get=attempts, delete=forget_attempts, exists=is_this_node),
    Resource("/auth/attempts/:node/source", see_attempts, get=attempts_by_source, delete=forget_attempts, exists=is_this_node),
    Resource("/config/effective", administrators, get=effective_config),
    Resource("/auth", anyone, get=lambda call: call.shown({"oauth_enabled": False})),
]
