"""`mq serve` as a process of its own, which can be killed and started again on the same data and ports."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROTOCOLS = ("kafka", "amqp", "management", "sqs")
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
LOOK_EVERY_S = 0.005


class BrokerFailed(Exception):
    """The server did not come up; the message holds what it said."""


class BrokerProcess:
    """The first start picks free ports, later ones take the same."""

    def __init__(self, directory: Path, nodes: int) -> None:
        self._addresses: dict[str, list[str]] = {}
        self._directory = directory
        self._nodes = nodes
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def kafka(self) -> list[str]:
        """Host:port of each node."""
        return self._addresses["kafka"]

    @property
    def amqp(self) -> str:
        """Where it speaks RabbitMQ's protocol."""
        return self._addresses["amqp"][0]

    @property
    def management(self) -> str:
        """Where RabbitMQ's management API is."""
        return self._addresses["management"][0]

    @property
    def sqs(self) -> str:
        """The endpoint URL of SQS and SNS."""
        return f"http://{self._addresses['sqs'][0]}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """Seconds until all nodes listen."""
        started = time.perf_counter()
        ready_file = self._directory / "ready.json"
        ready_file.unlink(missing_ok=True)
        with (self._directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(ready_file), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not ready_file.exists():
            if self._process.poll() is not None:
                raise BrokerFailed(f"the server ended with code {self._process.returncode}: {self._last_words()}")
            if time.perf_counter() - started > START_TIMEOUT_S:
                raise BrokerFailed(f"the server did not listen within {START_TIMEOUT_S} s: {self._last_words()}")
            time.sleep(LOOK_EVERY_S)
        found = json.loads(ready_file.read_text())
        self._addresses = {protocol: found[protocol] for protocol in PROTOCOLS}
        return time.perf_counter() - started

    def kill(self) -> None:
        """kill -9; it is gone when this returns."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _command(self, ready_file: Path) -> list[str]:
        command = [sys.executable, "-m", "message_queues", "serve", "--brokers", str(self._nodes), "--only", ",".join(PROTOCOLS)]
        for protocol in PROTOCOLS:
            ports = [address.rpartition(":")[2] for address in self._addresses.get(protocol, [":0"])]
            command += [f"--{protocol}-port", ",".join(ports)]
        command += ["--data", str(self._directory / "data"), "--ready-file", str(ready_file)]
        # Kafka waits three seconds for more members before a group's first rebalance; a demo need not.
        return [*command, "--config", "group.initial.rebalance.delay.ms=0"]

    def _last_words(self) -> str:
        return (self._directory / "server.log").read_text(errors="replace")[-2000:].strip() or "it said nothing"
