"""The AMQP brokers under measurement: this project's server and RabbitMQ 3.10.8, each a process of its own on loopback.

Both keep durable queues and persistent messages on the same disk and otherwise have the settings they come with, but that this project's
server runs with --fsync: RabbitMQ syncs persistent messages before it confirms them. (`UnsyncedServer` runs as it comes, without.)
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from benchmarks.amqp_connection import Connection
from benchmarks.broker_process import PeerFailed, stop
from tools.rabbitmq import RabbitMQ

PROBE_INTERVAL_S = 0.005
START_TIMEOUT_S = 90


class AmqpPeer(Protocol):
    """One broker process."""

    address: str

    @property
    def pid(self) -> int: ...

    def start(self) -> float:
        """Seconds from the start of the process until a channel is open."""
        ...

    def stop(self) -> None: ...


def seconds_until_it_serves(address: str, started: float) -> float:
    deadline = time.perf_counter() + START_TIMEOUT_S
    while time.perf_counter() < deadline:
        try:
            Connection(address).close()
        except OSError:
            time.sleep(PROBE_INTERVAL_S)
        else:
            return time.perf_counter() - started
    raise PeerFailed(f"nobody serves AMQP at {address}")


class EmbeddedServer:
    """`mq serve`, AMQP only."""

    options: tuple[str, ...] = ("--fsync",)

    def __init__(self, directory: Path) -> None:
        self.address = ""
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        self._directory.mkdir(parents=True)
        ready = self._directory / "ready.json"
        mq = str(Path(sys.executable).with_name("mq"))
        command = [mq, "serve", "--only", "amqp", "--amqp-port", "0", "--data", str(self._directory / "data"), "--ready-file", str(ready)]
        started = time.perf_counter()
        with (self._directory / "output.log").open("ab") as output:
            self._process = subprocess.Popen([*command, *self.options], stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        while not ready.exists():
            if self._process.poll() is not None or time.perf_counter() - started > START_TIMEOUT_S:
                raise PeerFailed(f"the server did not start: {(self._directory / 'output.log').read_text(errors='replace')[-2000:]}")
            time.sleep(PROBE_INTERVAL_S)
        self.address = json.loads(ready.read_text())["amqp"][0]
        return seconds_until_it_serves(self.address, started)

    def stop(self) -> None:
        process, self._process = self._process, None
        stop(process)


class UnsyncedServer(EmbeddedServer):
    """A confirmed message survives the process, not a power cut."""

    options = ()


class RealRabbitMQ:
    """RabbitMQ of Debian with its management plugin, as tools/rabbitmq starts it."""

    def __init__(self, directory: Path) -> None:
        self.address = ""
        self._directory = directory
        self._node: RabbitMQ | None = None

    @property
    def pid(self) -> int:
        assert self._node is not None
        return self._node.pid

    def start(self) -> float:
        self._directory.mkdir(parents=True)
        started = time.perf_counter()
        self._node = RabbitMQ(directory=self._directory)
        self._node.start()
        self.address = self._node.address
        return seconds_until_it_serves(self.address, started)

    def stop(self) -> None:
        if self._node is not None:
            self._node.stop()
            self._node = None
