"""RabbitMQ's Prometheus endpoints over this broker's counters, in the text format 0.0.4.

    /metrics                    sums over all objects
    /metrics/per-object         each queue, channel and connection by itself
    /metrics/detailed?family=queue_coarse_metrics&vhost=/   what is asked for, by itself
    /metrics/memory-breakdown   memory

Names, types and labels are RabbitMQ's. Metrics of the Erlang runtime and of Raft do not exist here. Sums of what channels did include
closed channels, so that they never fall (RabbitMQ's fall when a channel closes).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qs

from message_queues.servers.http_listener import Receive, Scope, Send
from message_queues.servers.management.metric_families.families import CLUSTER_FAMILIES, FAMILIES
from message_queues.servers.management.metric_families.family import Family, Metric, Subject
from message_queues.servers.management.metric_families.node import MEMORY, PROCESS
from message_queues.servers.management.node import RUNTIME, Node

CONTENT_TYPE = "text/plain; version=0.0.4"
LONGEST_QUEUE_FILTER = 1024

Lines = Iterator[str]
Labels = Mapping[str, str]


class PrometheusApplication:
    def __init__(self, node: Node) -> None:
        self._node = node

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, body, content_type = self._answer(scope["method"], scope["path"], scope["query_string"])
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _answer(self, method: str, path: str, query: bytes) -> tuple[int, bytes, str]:
        parts = [part for part in path.split("/") if part]
        if method not in ("GET", "HEAD"):
            return 405, b"", CONTENT_TYPE
        if parts[:1] != ["metrics"] or len(parts) > 2:
            return 404, b'{"error":"Object Not Found","reason":"Not Found"}', "application/json"
        registry = parts[1] if len(parts) == 2 else "aggregated"
        asked = parse_qs(query.decode("utf-8", "surrogateescape"), keep_blank_values=True)
        try:
            lines = exposition(self._node, registry, asked)
        except KeyError:
            return 404, b"Unknown Registry", "text/plain"
        except re.error as error:
            return 400, f"Invalid 'queue' regex at position {error.pos}: {error.msg}".encode(), "text/plain"
        return 200, ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"), CONTENT_TYPE


def exposition(node: Node, registry: str, asked: Mapping[str, list[str]]) -> list[str]:
    """All lines of an endpoint. Raises KeyError and re.error."""
    subject = Subject(node, frozenset(asked["vhost"]) if "vhost" in asked else None, queue_filter(asked.get("queue")))
    # RabbitMQ 4 also says which endpoint this is.
    label = {"rabbitmq_endpoint": registry} if node.version.is_4 else {}
    writers = {
        "aggregated": lambda: [*each("", (PROCESS,), subject), *summed(FAMILIES, subject), *totals(subject)],
        "default": lambda: [*each("", (PROCESS,), subject), *summed(FAMILIES, subject), *totals(subject)],
        "per-object": lambda: [*each("", (PROCESS,), subject), *each("rabbitmq_", FAMILIES, subject), *totals(subject)],
        "detailed": lambda: detailed(subject, asked.get("family", [])),
        "memory-breakdown": lambda: [*summed((MEMORY,), subject)],
    }
    return [*writers[registry](), *identity(node, label)]


def queue_filter(patterns: list[str] | None) -> "re.Pattern[str] | None":
    if not patterns or not patterns[0]:
        return None
    if len(patterns[0]) > LONGEST_QUEUE_FILTER:
        raise re.error("regex too long")
    return re.compile(patterns[0])


def summed(families: Iterable[Family], subject: Subject) -> Lines:
    for family in families:
        if family.within is not None:
            continue
        if family.labels_always:
            yield from each("rabbitmq_", (family,), subject)
            continue
        rows = family.rows(subject)
        for index, metric in enumerate(family.metrics):
            values = [row[index] for _, row in rows if row[index] is not None]
            yield from head(f"rabbitmq_{metric.name}", metric)
            if values or family.is_sum:
                yield f"rabbitmq_{metric.name} {number(sum(value for value in values if value is not None))}"


def each(prefix: str, families: Iterable[Family], subject: Subject) -> Lines:
    families = tuple(families)
    names = {family.name for family in families}
    for family in families:
        if family.within in names:
            continue
        rows = family.rows(subject)
        for index, metric in enumerate(family.metrics):
            name = f"{prefix}{metric.name}"
            yield from head(name, metric)
            for labels, row in rows:
                value = row[index]
                if value is not None:
                    yield f"{name}{written(labels)} {number(value)}"


def detailed(subject: Subject, wanted: list[str]) -> list[str]:
    lines = [*each("rabbitmq_detailed_", (family for family in FAMILIES if family.name in wanted), subject)]
    return [*lines, *each("rabbitmq_cluster_", (family for family in CLUSTER_FAMILIES if family.name in wanted), subject)]


def totals(subject: Subject) -> Lines:
    counted = (
        ("connections", "Connections currently open", len(subject.node.connections())),
        ("channels", "Channels currently open", len(subject.node.channels())),
        ("consumers", "Consumers currently connected", sum(len(queue.consumers) for queue in subject.queues())),
        ("queues", "Queues available", len(subject.queues())),
    )
    for name, described, count in counted:
        yield from head(f"rabbitmq_{name}", Metric(name, "gauge", described))
        yield f"rabbitmq_{name} {count}"


def identity(node: Node, label: Labels) -> Lines:
    version = node.version.text
    build = {
        "rabbitmq_version": version,
        "prometheus_plugin_version": version,
        "prometheus_client_version": version,
        "erlang_version": RUNTIME,
        **({"product_version": version, "product_name": "RabbitMQ"} if label else {}),
    }
    yield from head("rabbitmq_build_info", Metric("build_info", "untyped", "RabbitMQ & Erlang/OTP version info"))
    yield f"rabbitmq_build_info{written(build)} 1"
    who = {
        "rabbitmq_node": node.name,
        "rabbitmq_cluster": node.cluster_name,
        "rabbitmq_cluster_permanent_id": node.cluster_id,
        **label,
    }
    yield from head("rabbitmq_identity_info", Metric("identity_info", "untyped", "RabbitMQ node & cluster identity info"))
    yield f"rabbitmq_identity_info{written(who)} 1"


def head(name: str, metric: Metric) -> Lines:
    yield f"# TYPE {name} {metric.kind}"
    yield f"# HELP {name} {metric.described}"


def written(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    return repr(value)
