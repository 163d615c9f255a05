"""The two servers that a suite is run against, each of one node: `mq serve` as a process of its own, and the real broker, or for SQS the
server whose suite it is.

RabbitMQ and its counterpart take the ports that RabbitMQ's users know, since its suites name them, and speak TLS with a certificate for
localhost that is made for the run. moto, ministack and their counterparts take the ports of these two for the same reason.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tools.aws_peers import ministack_server, moto_server
from tools.kafka import KafkaCluster
from tools.parity.systems import KAFKA, MINISTACK, MOTO, RABBITMQ, System
from tools.rabbitmq import RabbitMQ

KAFKA_SETTINGS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "auto.create.topics.enable": "true",
}
AMQP_PORT, AMQPS_PORT, MANAGEMENT_PORT = 5672, 5671, 15672
MOTO_PORT, MINISTACK_PORT = 5000, 4566
MOTO_ACCOUNT = "123456789012"
PROTOCOL = {KAFKA: "kafka", RABBITMQ: "amqp", MOTO: "sqs", MINISTACK: "sqs"}
START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10


class ServerFailed(Exception):
    """`mq serve` did not start, or did not answer as it should; the message ends with its log."""


def real_server(system: System, config: Mapping[str, str]) -> AbstractContextManager[str]:
    start = {KAFKA: real_kafka, RABBITMQ: real_rabbitmq, MOTO: real_moto, MINISTACK: real_ministack}
    return start[system](config)


@contextmanager
def real_kafka(config: Mapping[str, str]) -> Iterator[str]:
    with KafkaCluster(1, config={**KAFKA_SETTINGS, **config}) as kafka:
        yield kafka.bootstrap_servers


@contextmanager
def real_rabbitmq(config: Mapping[str, str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="parity-") as directory:
        certificate, key = make_certificate(Path(directory))
        tls = {
            "listeners.ssl.default": f"127.0.0.1:{AMQPS_PORT}",
            "ssl_options.certfile": str(certificate),
            "ssl_options.keyfile": str(key),
            "ssl_options.verify": "verify_none",
        }
        with RabbitMQ(port=AMQP_PORT, management_port=MANAGEMENT_PORT, config={**tls, **config}) as rabbitmq:
            yield rabbitmq.address


@contextmanager
def real_moto(config: Mapping[str, str]) -> Iterator[str]:
    with moto_server(MOTO_PORT) as address:
        yield address.removeprefix("http://")


@contextmanager
def real_ministack(config: Mapping[str, str]) -> Iterator[str]:
    with ministack_server(MINISTACK_PORT) as address:
        yield address.removeprefix("http://")


@contextmanager
def our_moto() -> Iterator[str]:
    """moto's suite starts each test with an empty account: its plugin starts a server for each."""
    os.environ["PARITY_SERVE"] = json.dumps([mq(), "serve", "--only", "sqs", "--sqs-port", str(MOTO_PORT), "--aws-account", MOTO_ACCOUNT])
    try:
        yield f"127.0.0.1:{MOTO_PORT}"
    finally:
        del os.environ["PARITY_SERVE"]


def our_server(system: System, config: Mapping[str, str]) -> AbstractContextManager[str]:
    return our_moto() if system is MOTO else our_running_server(system, config)


@contextmanager
def our_running_server(system: System, config: Mapping[str, str]) -> Iterator[str]:
    directory = Path(tempfile.mkdtemp(prefix="parity-"))
    ready_file, log = directory / "ready.json", directory / "server.log"
    command = [mq(), "serve", "--data", str(directory / "data"), "--ready-file", str(ready_file)]
    command += options_for(system, config, directory)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        addresses = wait_until_ready(process, ready_file, log)
        yield addresses[PROTOCOL[system]][0]
    finally:
        stop(process)
        text = log.read_text(errors="replace")
        shutil.rmtree(directory, ignore_errors=True)
    if "Traceback" in text:
        raise ServerFailed(f"The server logged a traceback:\n{text[-5000:]}")


def mq() -> str:
    return str(Path(sys.executable).with_name("mq"))


def options_for(system: System, config: Mapping[str, str], directory: Path) -> Sequence[str]:
    if system is KAFKA:
        return kafka_options(config)
    if system is RABBITMQ:
        return rabbitmq_options(directory)
    return ["--only", "sqs", "--sqs-port", str(MINISTACK_PORT)]


def kafka_options(config: Mapping[str, str]) -> Sequence[str]:
    options = ["--only", "kafka", "--kafka-port", "0", "--brokers", "1"]
    for key, value in {**KAFKA_SETTINGS, **config}.items():
        options += ["--config", f"{key}={value}"]
    return options


def rabbitmq_options(directory: Path) -> Sequence[str]:
    certificate, key = make_certificate(directory)
    ports = ["--amqp-port", str(AMQP_PORT), "--amqps-port", str(AMQPS_PORT), "--management-port", str(MANAGEMENT_PORT)]
    tls = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
    return ["--only", "amqp,management", "--rabbitmq-version", "3.10", *ports, *tls]


def make_certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    return certificate, key


def wait_until_ready(process: subprocess.Popen[bytes], ready_file: Path, log: Path) -> dict[str, list[str]]:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if ready_file.exists():
            addresses: dict[str, list[str]] = json.loads(ready_file.read_text())
            return addresses
        time.sleep(0.02)
    raise ServerFailed(f"mq serve did not get ready (exit code {process.poll()}):\n{log.read_text(errors='replace')[-5000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
