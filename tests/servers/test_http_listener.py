import asyncio
import http.client
import socket
import subprocess
import sys

import pytest

from message_queues.errors import PortTaken
from message_queues.servers.http_listener import Application, HttpListener, Receive, Scope, Send


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def get(address: str) -> bytes:
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request("GET", "/")
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


def test_the_application_is_made_when_the_first_connection_comes() -> None:
    made: list[Application] = []

    def make() -> Application:
        made.append(hello)
        return hello

    async def scenario() -> None:
        listener = HttpListener(make)
        address = await listener.listen("127.0.0.1", 0)
        assert made == []
        assert await asyncio.to_thread(get, address) == b"hello"
        assert await asyncio.to_thread(get, address) == b"hello"
        assert made == [hello]
        await listener.stop()

    asyncio.run(scenario())


def test_listening_imports_no_http_server() -> None:
    program = (
        "import asyncio, sys\n"
        "from message_queues.servers.management.server import ManagementServer\n"
        "from message_queues.servers.prometheus import PrometheusServer\n"
        "from message_queues.servers.http_listener import HttpListener\n"
        "async def run():\n"
        "    listener = HttpListener(lambda: None)\n"
        "    await listener.listen('127.0.0.1', 0)\n"
        "    await listener.stop()\n"
        "asyncio.run(run())\n"
        "print([name for name in ('uvicorn', 'starlette', 'msgspec', 'message_queues.broker.broker') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_port_in_use_is_taken() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken"):
                await HttpListener(lambda: hello).listen("127.0.0.1", port)

    asyncio.run(scenario())


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    async def scenario() -> None:
        with pytest.raises(PortTaken, match="cannot listen on 192\\.0\\.2\\.1:0"):
            await HttpListener(lambda: hello).listen("192.0.2.1", 0)

    asyncio.run(scenario())


def test_it_stops_while_it_is_still_starting() -> None:
    async def scenario() -> None:
        listener = HttpListener(lambda: hello)
        address = await listener.listen("127.0.0.1", 0)
        with socket.create_connection(address.split(":"), timeout=20):  # type: ignore[arg-type]
            await asyncio.sleep(0)
            await asyncio.wait_for(listener.stop(), 20)
        await listener.stop()

    asyncio.run(scenario())


def test_it_stops_with_clients_that_stay() -> None:
    async def scenario() -> None:
        listener = HttpListener(lambda: hello)
        address = await listener.listen("127.0.0.1", 0)
        connection = http.client.HTTPConnection(address, timeout=20)
        await asyncio.to_thread(connection.request, "GET", "/")
        assert (await asyncio.to_thread(connection.getresponse)).read() == b"hello"
        await asyncio.wait_for(listener.stop(), 20)
        connection.close()

    asyncio.run(scenario())


def test_who_cannot_be_served_is_hung_up_on() -> None:
    def fail() -> Application:
        raise RuntimeError("nothing to serve")

    async def scenario() -> None:
        listener = HttpListener(fail)
        address = await listener.listen("127.0.0.1", 0)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            await asyncio.to_thread(get, address)
        await listener.stop()

    asyncio.run(scenario())
