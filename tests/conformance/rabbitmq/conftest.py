"""Stock clients against `mq serve` as the newest RabbitMQ it knows; in `make test-real` against a real RabbitMQ too.

The server is one for all tests: each names what it declares anew.
"""

import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.rabbitmq.servers import EMBEDDED, REAL, RabbitMQUnderTest, running_embedded, running_rabbitmq


@pytest.fixture(scope="session", params=[EMBEDDED, REAL])
def server(request: pytest.FixtureRequest) -> Iterator[RabbitMQUnderTest]:
    with running_embedded("4.3") if request.param == "embedded" else running_rabbitmq() as server:
        yield server


@pytest.fixture
def name() -> Callable[[str], str]:
    """Names that were never used: `name("orders")`."""
    token = os.urandom(4).hex()
    return lambda stem: f"{stem}-{token}"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class TlsServer:
    host: str
    port: int
    certificate: Path
    """Signed by itself: clients that trust it trust the server."""

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key, port = folder / "certificate.pem", folder / "key.pem", free_port()
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=60)
    more = ["--amqps-port", str(port), "--tls-certificate", str(certificate), "--tls-key", str(key)]
    with running_embedded("4.3", more=more) as server:
        yield TlsServer(server.host, port, certificate)


@pytest.fixture
def restarts(tmp_path: Path) -> "Restarts":
    return Restarts(tmp_path / "data", free_port())


class Restarts:
    """`with restarts.running():` again and again: the same port and the same data."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data
        self.port = port

    def running(self) -> AbstractContextManager[RabbitMQUnderTest]:
        return running_embedded("4.3", more=["--data", str(self.data), "--amqp-port", str(self.port)])
