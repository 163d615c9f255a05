"""The one node of the cluster, as the management API shows this server: `rabbit@<host>`, its listeners, memory, disk and files.

RabbitMQ's facts about the Erlang runtime have no counterpart: they are numbers that a dashboard can draw, 0 where nothing is the same.
"""

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from message_queues.servers.amqp.node_name import NODE_NAME
from message_queues.servers.management import counters
from message_queues.servers.management.samples import Reading, Sampler, Values

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker
    from message_queues.servers.amqp.channel import AmqpChannel
    from message_queues.servers.amqp.connection import AmqpConnection
    from message_queues.servers.amqp.listener import AmqpListener
    from message_queues.servers.shovels.shovels import Shovels

PLUGINS = (
    ("rabbitmq_consistent_hash_exchange", "Consistent Hash Exchange Type"),
    ("rabbitmq_delayed_message_exchange", "RabbitMQ Delayed Message Exchange"),
    ("rabbitmq_management", "RabbitMQ Management Console"),
    ("rabbitmq_management_agent", "RabbitMQ Management Agent"),
    ("rabbitmq_prometheus", "Prometheus metrics for RabbitMQ"),
    ("rabbitmq_random_exchange", "RabbitMQ Random Exchange"),
    ("rabbitmq_recent_history_exchange", "RabbitMQ Recent History Exchange"),
    ("rabbitmq_shovel", "Data Shovel for RabbitMQ"),
    ("rabbitmq_shovel_management", "Management extension for the Shovel plugin"),
)
EXCHANGE_TYPES = (
    ("direct", "AMQP direct exchange, as per the AMQP specification"),
    ("fanout", "AMQP fanout exchange, as per the AMQP specification"),
    ("headers", "AMQP headers exchange, as per the AMQP specification"),
    ("topic", "AMQP topic exchange, as per the AMQP specification"),
    ("x-consistent-hash", "Consistent Hashing Exchange"),
    ("x-delayed-message", "Delayed Message Exchange."),
    ("x-local-random", "Picks one random local binding (queue) to route via (to)."),
    ("x-modulus-hash", "Modulus Hashing Exchange"),
    ("x-random", "Picks one random binding (queue) to route via (to)."),
    ("x-recent-history", "Recent History Exchange."),
)
AUTH_MECHANISMS = (
    ("AMQPLAIN", "QPid AMQPLAIN mechanism", True),
    ("EXTERNAL", "SASL EXTERNAL mechanism, the client's certificate", True),
    ("PLAIN", "SASL PLAIN authentication mechanism", True),
    ("RABBIT-CR-DEMO", "RabbitMQ Demo challenge-response authentication mechanism", False),
)
RUNTIME = f"Python {platform.python_version()}"

PROTOCOLS = {"amqp": "amqp", "amqps": "amqp/ssl", "management": "http", "prometheus": "http/prometheus"}
"""RabbitMQ's names of what this server speaks."""
MOST_SOURCES = 1_000
"""Addresses whose log-ins are counted one by one."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A port of this server."""

    protocol: str
    """RabbitMQ's name: `amqp`, `amqp/ssl`, `http`, `http/prometheus`."""
    host: str
    port: int
    certificate_path: str = ""

    @property
    def is_tls(self) -> bool:
        return self.protocol.endswith("/ssl")


class Attempts:
    """How often users logged in over HTTP, or could not."""

    def __init__(self) -> None:
        self.by_source: dict[tuple[str, str], list[int]] = {}
        self.counts = [0, 0]

    def succeeded(self, source: str, user: str) -> None:
        self._count(source, user, 0)

    def failed(self, source: str, user: str) -> None:
        self._count(source, user, 1)

    def reset(self) -> None:
        self.by_source.clear()
        self.counts = [0, 0]

    def _count(self, source: str, user: str, which: int) -> None:
        self.counts[which] += 1
        key = (source, user)
        if key in self.by_source or len(self.by_source) < MOST_SOURCES:
            self.by_source.setdefault(key, [0, 0])[which] += 1


class Everything:
    """Stands for the whole broker among the things that are sampled."""


EVERYTHING = Everything()
CHURN = Everything()
"""What has come and gone."""


class Node:
    def __init__(
        self,
        broker: "Broker",
        amqp: "AmqpListener | None",
        addresses: Mapping[str, list[str]] | None = None,
        shovels: "Shovels | None" = None,
        tls_certificate: str | None = None,
    ) -> None:
        self.broker = broker
        self.amqp = amqp
        self.shovels = shovels
        self.version = broker.rabbit_version
        self.name = NODE_NAME
        self.started_ms = broker.clock.now_ms()
        self._addresses = addresses if addresses is not None else {}
        self._tls_certificate = tls_certificate or ""
        self.attempts = Attempts()
        self.sampler = Sampler(broker.timers, self._look)

    @property
    def loopback_users(self) -> frozenset[str]:
        """They log in from this machine only."""
        return self.amqp.limits.loopback_users if self.amqp is not None else frozenset()

    # The cluster

    @property
    def cluster_name(self) -> str:
        named = self.broker.parameters.global_value("cluster_name")
        return named if isinstance(named, str) else self.name

    @property
    def cluster_id(self) -> str:
        return f"rabbitmq-cluster-id-{self.broker.cluster_id}"

    @property
    def uptime_ms(self) -> int:
        return self.broker.clock.now_ms() - self.started_ms

    @property
    def listenings(self) -> list[Listening]:
        """The ports of the server, by protocol."""
        found = []
        for kind, protocol in PROTOCOLS.items():
            for address in self._addresses.get(kind, ()):
                host, _, port = address.rpartition(":")
                found.append(Listening(protocol, host, int(port), self._tls_certificate if protocol.endswith("/ssl") else ""))
        return found

    # Connections and channels

    def connections(self) -> "list[AmqpConnection]":
        return list(self.amqp.connections.values()) if self.amqp is not None else []

    def channels(self) -> "list[AmqpChannel]":
        return [channel for connection in self.connections() for channel in connection.channels.values()]

    @property
    def is_full(self) -> bool:
        return self.amqp is not None and len(self.amqp.connections) >= self.amqp.limits.max_connections

    def alarms(self) -> list[str]:
        """The resources that run out: "memory", "disk"."""
        return sorted(self.broker.alarms.active)

    # What is counted

    def churn(self) -> dict[str, int]:
        """What has come and gone."""
        amqp, queues = self.amqp, self.broker.virtual_hosts.queue_churn
        return {
            "connection_created": amqp.connections_opened if amqp is not None else 0,
            "connection_closed": amqp.connections_closed if amqp is not None else 0,
            "channel_created": amqp.channels_opened if amqp is not None else 0,
            "channel_closed": amqp.channels_closed if amqp is not None else 0,
            "queue_declared": queues.declared,
            "queue_created": queues.created,
            "queue_deleted": queues.deleted,
        }

    def totals(self, virtual_host: str | None = None) -> Values:
        """Of a virtual host, or of all."""
        total = [0] * len(counters.TOTAL)
        for channel_values in self._channel_values(virtual_host):
            for index in counters.TOTAL_MESSAGES:
                total[index] += channel_values[index]
        for name, each in self.broker.virtual_hosts.items():
            if virtual_host is None or name == virtual_host:
                for queue in each.queues.values():
                    ready, unacknowledged = queue.message_count, queue.unacknowledged_count
                    total[counters.TOTAL_LENGTHS[0]] += ready + unacknowledged
                    total[counters.TOTAL_LENGTHS[1]] += ready
                    total[counters.TOTAL_LENGTHS[2]] += unacknowledged
        for connection in self.connections():
            if virtual_host is None or connection.virtual_host_name == virtual_host:
                total[counters.TOTAL_OCTETS[0]] += connection.received_bytes
                total[counters.TOTAL_OCTETS[1]] += connection.sent_bytes
        return tuple(total)

    def _channel_values(self, virtual_host: str | None) -> Iterator[Values]:
        if self.amqp is None:
            return
        closed = self.amqp.closed_channels if virtual_host is None else self.amqp.closed_channels_of.get(virtual_host)
        if closed is not None:
            yield counters.of_channel(closed)
        for connection in self.connections():
            if virtual_host is None or connection.virtual_host_name == virtual_host:
                for channel in connection.channels.values():
                    yield counters.of_channel(channel.counters)

    def reading_of_total(self, virtual_host: str | None = None) -> Reading:
        thing = EVERYTHING if virtual_host is None else self.broker.virtual_hosts[virtual_host]
        return self.sampler.of(thing, self.totals(virtual_host))

    def reading_of_churn(self) -> Reading:
        return self.sampler.of(CHURN, self._churn_values())

    def _churn_values(self) -> Values:
        return tuple(self.churn().values())

    def _look(self) -> list[tuple[object, Callable[[], Values]]]:
        things: list[tuple[object, Callable[[], Values]]] = [(EVERYTHING, self.totals), (CHURN, self._churn_values)]
        for name, virtual_host in self.broker.virtual_hosts.items():
            things.append((virtual_host, partial(self.totals, name)))
            things.extend((exchange, partial(counters.of_exchange, exchange)) for exchange in virtual_host.exchanges.values())
            things.extend((queue, partial(counters.of_queue, queue)) for queue in virtual_host.queues.values())
        for connection in self.connections():
            things.append((connection, partial(counters.of_connection, connection)))
            things.extend((channel, partial(counters.of_channel, channel.counters)) for channel in connection.channels.values())
        return things


# The machine


def open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


def most_open_files() -> int:
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
