"""The servers that conformance and contract tests run against: `mq serve` as a process of its own, and a real Apache Kafka.

Both start on free loopback ports with the same settings. `REAL_KAFKA=host:port` and `REAL_KAFKA_3_NODES=host:port,…` name real ones
that run already, which lets several test processes share them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.serve_process import serving
from tools.kafka import CannotInstall, KafkaCluster, install

SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
}
HEAP = "384M"


@dataclass(frozen=True, slots=True)
class ServerUnderTest:
    kind: str
    """ "embedded" or "kafka"."""
    addresses: tuple[str, ...]

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(self.addresses)

    @property
    def node_count(self) -> int:
        return len(self.addresses)

    def host_and_port(self, node: int = 0) -> tuple[str, int]:
        host, port = self.addresses[node].rsplit(":", 1)
        return host, int(port)


EMBEDDED_ONE_NODE = pytest.param(("embedded", 1), id="embedded")
EMBEDDED_THREE_NODES = pytest.param(("embedded", 3), id="embedded-3-nodes")
REAL_KAFKA = pytest.param(("kafka", 1), id="kafka", marks=pytest.mark.real)
REAL_KAFKA_THREE_NODES = pytest.param(("kafka", 3), id="kafka-3-nodes", marks=pytest.mark.real)

ADDRESS_VARIABLES = {1: "REAL_KAFKA", 3: "REAL_KAFKA_3_NODES"}


@contextmanager
def running(kind: str, nodes: int) -> Iterator[ServerUnderTest]:
    start = running_embedded if kind == "embedded" else running_kafka
    with start(nodes) as server:
        yield server


@contextmanager
def running_kafka(nodes: int) -> Iterator[ServerUnderTest]:
    if addresses := os.environ.get(ADDRESS_VARIABLES[nodes]):
        yield ServerUnderTest("kafka", tuple(addresses.split(",")))
        return
    try:
        install()
    except CannotInstall as reason:
        pytest.skip(str(reason))
    with KafkaCluster(nodes, config=SETTINGS, heap=HEAP) as kafka:
        yield ServerUnderTest("kafka", tuple(kafka.addresses))


@contextmanager
def running_embedded(nodes: int) -> Iterator[ServerUnderTest]:
    configs = [part for key, value in SETTINGS.items() for part in ("--config", f"{key}={value}")]
    with serving("--only", "kafka", "--kafka-port", "0", "--brokers", str(nodes), *configs) as addresses:
        yield ServerUnderTest("embedded", tuple(addresses["kafka"]))
