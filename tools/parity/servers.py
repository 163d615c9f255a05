"""The two servers that a suite is run against, each of one node: `mq serve` as a process of its own, and a real Apache Kafka."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tools.kafka import KafkaCluster

SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "auto.create.topics.enable": "true",
}
START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10


class ServerFailed(Exception):
    """`mq serve` did not start, or did not answer as it should; the message ends with its log."""


@contextmanager
def real_kafka(config: Mapping[str, str]) -> Iterator[str]:
    with KafkaCluster(1, config={**SETTINGS, **config}) as kafka:
        yield kafka.bootstrap_servers


@contextmanager
def our_server(config: Mapping[str, str]) -> Iterator[str]:
    directory = Path(tempfile.mkdtemp(prefix="parity-"))
    ready_file, log = directory / "ready.json", directory / "server.log"
    command = [str(Path(sys.executable).with_name("mq")), "serve", "--only", "kafka", "--kafka-port", "0", "--brokers", "1"]
    command += ["--data", str(directory / "data"), "--ready-file", str(ready_file)]
    for key, value in {**SETTINGS, **config}.items():
        command += ["--config", f"{key}={value}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield wait_until_ready(process, ready_file, log)
    finally:
        stop(process)
        text = log.read_text(errors="replace")
        shutil.rmtree(directory, ignore_errors=True)
    if "Traceback" in text:
        raise ServerFailed(f"The server logged a traceback:\n{text[-5000:]}")


def wait_until_ready(process: subprocess.Popen[bytes], ready_file: Path, log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if ready_file.exists():
            return str(json.loads(ready_file.read_text())["kafka"][0])
        time.sleep(0.02)
    raise ServerFailed(f"mq serve did not get ready (exit code {process.poll()}):\n{log.read_text(errors='replace')[-5000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
