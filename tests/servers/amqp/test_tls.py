import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from message_queues.errors import InvalidArgument
from message_queues.servers.amqp.tls import distinguished_name, rfc3339
from message_queues.servers.server import Server
from message_queues.settings import ServerSettings
from tests.servers.amqp.amqp_client import AmqpClient, HungUp, amqp_server, listener_of
from tests.servers.running_server import FREE_PORTS


class Authority:
    """Signs certificates with the tool openssl; each in a file with its key."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate = self._made("ca", "/CN=authority", "-x509")

    def sign(self, name: str, subject: str) -> str:
        return self._made(name, subject, "-x509", "-CA", self.certificate, "-CAkey", self.certificate)

    def _made(self, name: str, subject: str, *how: str) -> str:
        path = str(self._directory / f"{name}.pem")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path + ".key", "-out", path + ".crt"]
        alternative = ["-addext", "subjectAltName=DNS:localhost"]
        made = subprocess.run(
            ["openssl", "req", *how, *key, *alternative, "-days", "2", "-subj", subject], capture_output=True, check=False
        )
        assert made.returncode == 0, made.stderr.decode()
        Path(path).write_text(Path(path + ".crt").read_text() + Path(path + ".key").read_text())
        return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def context(authority: Authority, certificate: str | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=authority.certificate)
    if certificate is not None:
        made.load_cert_chain(certificate)
    return made


def settings(authority: Authority, **more: Any) -> dict[str, Any]:
    server = authority.sign("server", "/CN=localhost")
    return {"amqps_port": 0, "tls_certificate": server, "tls_key": server, "tls_ca": authority.certificate, "tls_verify": "peer", **more}


@pytest.mark.parametrize(("login_from", "name"), [("distinguished_name", "O=shop,CN=orders"), ("common_name", "orders")])
def test_a_certificate_is_a_login(authority: Authority, login_from: str, name: str) -> None:
    async def run() -> None:
        tls = context(authority, authority.sign("client", "/CN=orders/O=shop"))
        async with amqp_server(**settings(authority, tls_login_from=login_from)) as server:
            server.broker.access.put_user(name)
            server.broker.access.set_permissions(name, "/", configure=".*", write=".*", read=".*")
            async with await AmqpClient.logged_in_by_certificate(server, tls) as client:
                await client.declare("q")
                client.publish("", "q", bytes(300_000))
                got = await client.got("q")
                assert got is not None
                (connection,) = listener_of(server).connections.values()
                assert (connection.user_name, connection.auth_mechanism, connection.is_tls) == (name, "EXTERNAL", True)
                assert connection.tls["peer_cert_subject"] == "O=shop,CN=orders"
                assert connection.tls["ssl_protocol"].startswith("tlsv1.")

    asyncio.run(run())


def test_without_a_certificate_a_password_is_asked_for(authority: Authority) -> None:
    async def run() -> None:
        async with amqp_server(**settings(authority)) as server:
            async with await AmqpClient.logged_in_by_certificate(server, context(authority), "PLAIN") as client:
                await client.declare("q")
            async with await AmqpClient.dialled(server, "amqps", ssl=context(authority), server_hostname="localhost") as client:
                hands = asyncio.ensure_future(client.shake_hands(mechanism="EXTERNAL", response=""))
                with pytest.raises(AssertionError, match="403 ACCESS_REFUSED - Login was refused using authentication mechanism EXTERNAL"):
                    await hands

    asyncio.run(run())


def test_a_server_can_take_nobody_without_a_certificate(authority: Authority) -> None:
    async def run() -> None:
        async with amqp_server(**settings(authority, tls_verify="require")) as server:
            with pytest.raises((HungUp, OSError)):
                await AmqpClient.logged_in_by_certificate(server, context(authority), "PLAIN")
            async with await AmqpClient.connected(server) as client:
                await client.declare("q")

    asyncio.run(run())


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    async def run() -> None:
        nonsense = tmp_path / "nonsense.pem"
        nonsense.write_text("nonsense")
        server = Server(
            ServerSettings(
                data=str(tmp_path / "data"),
                only=("amqp",),
                amqps_port=0,
                tls_certificate=str(nonsense),
                tls_key=str(nonsense),
                **FREE_PORTS,
            )
        )
        with pytest.raises(InvalidArgument, match=f"the TLS files {nonsense}"):
            await server.start()

    asyncio.run(run())


def test_a_subject_is_shown_from_its_end() -> None:
    subject = ((("countryName", "DE"),), (("organizationName", "a, b"),), (("commonName", "me"), ("userId", "1")))
    assert distinguished_name(subject) == "CN=me+UID=1,O=a\\, b,C=DE"
    assert rfc3339("Jun  1 12:00:00 2030 GMT") == "2030-06-01T12:00:00Z"
