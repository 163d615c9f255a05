import asyncio
from collections.abc import Awaitable, Callable

import pytest

from message_queues.broker.queues.amqp_uri import parse_amqp_uri
from message_queues.broker.queues.declarations import QueueSpec
from message_queues.servers.server import Server
from message_queues.servers.shovels.amqp_link import AmqpLink, connection_parameters
from message_queues.servers.shovels.ends import EndLost
from tests.servers.running_server import eventually, running_server


def with_server(scenario: Callable[[Server, str], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running_server() as server:
            await scenario(server, f"amqp://guest:guest@{server.addresses['amqp'][0]}")

    asyncio.run(run())


def test_a_uri_says_how_to_connect() -> None:
    parameters = connection_parameters(
        parse_amqp_uri("amqp://u:p@h:5673/v?heartbeat=7&channel_max=9&frame_max=8192&connection_timeout=1500"), "Shovel s"
    )
    assert (parameters.host, parameters.port, parameters.virtual_host) == ("h", 5673, "v")
    assert (parameters.credentials.username, parameters.credentials.password) == ("u", "p")
    assert (parameters.heartbeat, parameters.channel_max, parameters.frame_max, parameters.stack_timeout) == (7, 9, 8192, 1.5)
    assert parameters.client_properties == {"connection_name": "Shovel s"}
    assert parameters.ssl_options is None


def test_a_tls_uri_has_its_own_port_and_says_whom_to_trust() -> None:
    parameters = connection_parameters(parse_amqp_uri("amqps://h"), "s")
    assert parameters.port == 5671
    assert parameters.ssl_options.server_hostname == "h"
    assert parameters.ssl_options.context.check_hostname
    trusting = connection_parameters(parse_amqp_uri("amqps://h?verify=verify_none&server_name_indication=other"), "s")
    assert trusting.ssl_options.server_hostname == "other"
    assert not trusting.ssl_options.context.check_hostname


def test_the_first_server_that_answers_is_taken() -> None:
    async def scenario(server: Server, uri: str) -> None:
        link = AmqpLink(["amqp://127.0.0.1:1", uri], "Shovel s")
        await link.connect(lambda reason: None)
        assert link.is_open
        assert link.uri == uri.replace("guest:guest@", "")
        assert server.amqp is not None
        (connection,) = server.amqp.connections.values()
        assert connection.client_properties["connection_name"] == "Shovel s"
        await link.close()
        await eventually(lambda: server.amqp is not None and not server.amqp.connections)

    with_server(scenario)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda uri: "amqp://127.0.0.1:1", "Connection refused"),
        (lambda uri: uri.replace(":guest@", ":wrong@"), "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN"),
        (lambda uri: f"{uri}/none", "NOT_ALLOWED - vhost none not found"),
    ],
)
def test_why_there_is_no_connection_is_told(change: Callable[[str], str], told: str) -> None:
    async def scenario(server: Server, uri: str) -> None:
        link = AmqpLink([change(uri)], "s")
        with pytest.raises(EndLost, match=told):
            await link.connect(lambda reason: None)
        assert not link.is_open
        await link.close()

    with_server(scenario)


def test_a_missing_queue_is_declared_unless_it_has_to_be_there() -> None:
    async def scenario(server: Server, uri: str) -> None:
        link = AmqpLink([uri], "s")
        await link.connect(lambda reason: None)
        assert await link.see_to_queue("q", {"x-max-length": 5}, is_predeclared=False) == 0
        queue = server.broker.virtual_hosts["/"].queues["q"]
        assert (queue.is_durable, queue.arguments) == (True, {"x-max-length": 5, "x-queue-type": "classic"})
        assert await link.see_to_queue("q", {}, is_predeclared=False) == 0
        with pytest.raises(EndLost, match="NOT_FOUND - no queue 'r' in vhost '/'"):
            await link.see_to_queue("r", {}, is_predeclared=True)
        with pytest.raises(EndLost, match="ACCESS_REFUSED"):
            await link.see_to_queue("amq.reserved", {}, is_predeclared=False)
        assert link.is_open
        await link.close()

    with_server(scenario)


def test_the_loss_of_a_connection_is_told_once_it_is_open() -> None:
    async def scenario(server: Server, uri: str) -> None:
        told: list[str] = []
        link = AmqpLink([uri], "s")
        await link.connect(told.append)
        server.broker.virtual_hosts["/"].declare_queue(QueueSpec("q"), None)
        assert server.amqp is not None
        server.amqp.close("it is late")
        await eventually(lambda: told)
        assert "it is late" in told[0]
        with pytest.raises(EndLost):
            await link.new_channel()
        await link.close()

    with_server(scenario)


def test_a_link_that_was_never_made_can_be_closed() -> None:
    async def run() -> None:
        link = AmqpLink(["amqp://h"], "s")
        await link.close()
        with pytest.raises(EndLost, match="it is not connected"):
            _ = link.opened_channel

    asyncio.run(run())
