"""The servers that conformance and contract tests run against: `mq serve` as a process of its own, and a real Apache Kafka.

Both start on free loopback ports with the same settings. `REAL_KAFKA=host:port` and `REAL_KAFKA_3_NODES=host:port,…` name real ones
that run already, which lets several test processes share them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.kafka import CannotInstall, KafkaCluster, install

SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
}
START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10
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
    directory = Path(tempfile.mkdtemp(prefix="mq-under-test-"))
    ready_file, log = directory / "ready.json", directory / "server.log"
    command = [str(Path(sys.executable).with_name("mq")), "serve", "--only", "kafka", "--kafka-port", "0", "--brokers", str(nodes)]
    command += ["--data", str(directory / "data"), "--ready-file", str(ready_file)]
    for key, value in SETTINGS.items():
        command += ["--config", f"{key}={value}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        addresses = wait_until_ready(process, ready_file, log)
        yield ServerUnderTest("embedded", tuple(addresses))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        text = log.read_text(errors="replace")
        shutil.rmtree(directory, ignore_errors=True)
        # A traceback is never an answer, whatever the client made of it.
        assert "Traceback" not in text, text[-5000:]


def wait_until_ready(process: subprocess.Popen[bytes], ready_file: Path, log: Path) -> list[str]:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if ready_file.exists():
            addresses = json.loads(ready_file.read_text())["kafka"]
            assert isinstance(addresses, list)
            return addresses
        time.sleep(0.02)
    raise AssertionError(f"mq serve did not get ready (exit code {process.poll()}):\n{log.read_text(errors='replace')[-5000:]}")
