"""`mq serve` as RabbitMQ 3.10, and a real RabbitMQ 3.10 from Debian's package. `REAL_RABBITMQ` names one that runs already."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.rabbitmq import CannotInstall, RabbitMQ, install

VERSION = "3.10"
ADDRESS_VARIABLE = "REAL_RABBITMQ"
"""host:port,host:management port"""
START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10
EMBEDDED = pytest.param("embedded", id="embedded")
REAL = pytest.param("rabbitmq", id="rabbitmq", marks=pytest.mark.real)


@dataclass(frozen=True, slots=True)
class RabbitMQUnderTest:
    kind: str
    """ "embedded" or "rabbitmq"."""
    host: str
    port: int
    management: str
    """host:port"""


@contextmanager
def running(kind: str) -> Iterator[RabbitMQUnderTest]:
    with running_embedded() if kind == "embedded" else running_rabbitmq() as server:
        yield server


@contextmanager
def running_rabbitmq() -> Iterator[RabbitMQUnderTest]:
    if addresses := os.environ.get(ADDRESS_VARIABLE):
        amqp, management = addresses.split(",")
        host, port = amqp.rsplit(":", 1)
        yield RabbitMQUnderTest("rabbitmq", host, int(port), management)
        return
    try:
        install()
    except CannotInstall as reason:
        pytest.skip(str(reason))
    with RabbitMQ() as rabbitmq:
        yield RabbitMQUnderTest("rabbitmq", rabbitmq.host, rabbitmq.port, f"{rabbitmq.host}:{rabbitmq.management_port}")


@contextmanager
def running_embedded(version: str = VERSION, *, more: Sequence[str] = ()) -> Iterator[RabbitMQUnderTest]:
    directory = Path(tempfile.mkdtemp(prefix="mq-under-test-"))
    ready_file, log = directory / "ready.json", directory / "server.log"
    command = [str(Path(sys.executable).with_name("mq")), "serve", "--only", "amqp,management", "--rabbitmq-version", version]
    command += ["--amqp-port", "0", "--management-port", "0", "--data", str(directory / "data"), "--ready-file", str(ready_file), *more]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        addresses = wait_until_ready(process, ready_file, log)
        host, port = addresses["amqp"][0].rsplit(":", 1)
        yield RabbitMQUnderTest("embedded", host, int(port), addresses["management"][0])
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


def wait_until_ready(process: subprocess.Popen[bytes], ready_file: Path, log: Path) -> dict[str, list[str]]:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if ready_file.exists():
            addresses: dict[str, list[str]] = json.loads(ready_file.read_text())
            return addresses
        time.sleep(0.02)
    raise AssertionError(f"mq serve did not get ready (exit code {process.poll()}):\n{log.read_text(errors='replace')[-5000:]}")
