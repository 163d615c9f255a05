"""The brokers under measurement: this project's server and Apache Kafka, each a process of its own on loopback.

Both get one node, a data directory on the same disk and otherwise the settings they come with. Apache Kafka (4.3.1, KRaft, one
process for broker and controller, 1 GB heap, G1) is what tools/kafka installs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.broker_process import PeerFailed, stop
from benchmarks.kafka_requests import ClusterView, ask_metadata
from tools.kafka.cluster import LOG4J, format_storage, free_ports, java
from tools.kafka.installation import install

PROBE_INTERVAL_S = 0.004
START_TIMEOUT_S = 120


class Peer:
    """One broker process: started, asked what it costs, stopped by its own process id."""

    def __init__(self, name: str, command: Sequence[str], address: str, directory: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.address = address
        self.directory = directory
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise PeerFailed(f"{self.name} is not running")
        return self._process.pid

    def start(self) -> float:
        """Seconds from the start of the process until a client's Metadata request is answered."""
        started = time.perf_counter()
        with (self.directory / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=self._environment, cwd=self.directory
            )
        self.wait_for(lambda view: view.brokers > 0, topics=())
        return time.perf_counter() - started

    def wait_for(self, holds: Callable[[ClusterView], bool], topics: tuple[str, ...] | None, timeout_s: float = START_TIMEOUT_S) -> None:
        """Ask for Metadata until its answer is the one waited for."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self._require_running()
            try:
                if holds(ask_metadata(self.address, topics, timeout_s=10)):
                    return
            except OSError:
                pass  # not listening yet
            time.sleep(PROBE_INTERVAL_S)
        raise PeerFailed(f"{self.name} did not come to the expected state within {timeout_s:.0f} s: {self._last_output()}")

    def stop(self) -> None:
        process, self._process = self._process, None
        stop(process)

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def _require_running(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise PeerFailed(f"{self.name} ended: {self._last_output()}")

    def _last_output(self) -> str:
        lines = (self.directory / "output.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:]) or "it printed nothing"


def embedded_server(directory: Path, extra_arguments: Sequence[str] = ()) -> Peer:
    """This project's server with one node, not started yet."""
    directory.mkdir(parents=True)
    (port,) = free_ports(1)
    mq = str(Path(sys.executable).with_name("mq"))
    data = str(directory / "data")
    command = [mq, "serve", "--kafka-port", str(port), "--brokers", "1", "--data", data, "--only", "kafka", *extra_arguments]
    return Peer("message_queues", command, f"127.0.0.1:{port}", directory, {})


def apache_kafka(directory: Path) -> Peer:
    """Apache Kafka with one node, its directory formatted, not started yet."""
    install()
    directory.mkdir(parents=True)
    port, controller_port = free_ports(2)
    properties = directory / "server.properties"
    properties.write_text(kafka_properties(directory / "data", port, controller_port))
    (directory / "log4j2.properties").write_text(LOG4J)
    format_storage([directory], [controller_port])
    command = [*java("1G", directory, "server.log"), "kafka.Kafka", str(properties)]
    return Peer("Apache Kafka", command, f"127.0.0.1:{port}", directory, {})


def kafka_properties(data: Path, port: int, controller_port: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(data),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
