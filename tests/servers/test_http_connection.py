import asyncio
from collections.abc import Awaitable, Callable

from message_queues.servers.http_connection import GatheringTransport
from message_queues.servers.http_listener import HttpListener, Receive, Scope, Send


class Written(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.writes: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.writes.append("closed")

    def abort(self) -> None:
        self.writes.append("aborted")


def test_what_is_written_in_one_turn_is_one_write() -> None:
    async def scenario() -> None:
        below = Written()
        transport = GatheringTransport(below, asyncio.get_running_loop())
        transport.write(b"head ")
        transport.write(b"body")
        assert below.writes == []
        await asyncio.sleep(0)
        assert below.writes == [b"head body"]
        transport.write(b"next")
        await asyncio.sleep(0)
        assert below.writes == [b"head body", b"next"]
        assert transport.get_extra_info("peername") == ("127.0.0.1", 1)

    asyncio.run(scenario())


def test_what_was_written_is_sent_before_it_closes_and_not_when_it_is_aborted() -> None:
    async def scenario() -> None:
        below = Written()
        transport = GatheringTransport(below, asyncio.get_running_loop())
        transport.write(b"last")
        transport.close()
        await asyncio.sleep(0)
        assert below.writes == [b"last", "closed"]
        transport.write(b"never")
        transport.abort()
        await asyncio.sleep(0)
        assert below.writes == [b"last", "closed", "aborted"]

    asyncio.run(scenario())


async def read_whole(scope: Scope, receive: Receive, send: Send) -> None:
    while (event := await receive())["type"] == "http.request" and event.get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def with_connection(scenario: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
    async def run() -> None:
        listener = HttpListener(lambda: read_whole, longest_request_s=0.05)
        host, port = (await listener.listen("127.0.0.1", 0)).split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            async with asyncio.timeout(20):
                await scenario(reader, writer)
        finally:
            writer.close()
            await listener.stop()

    asyncio.run(run())


def test_who_sends_half_a_request_is_hung_up_on() -> None:
    for half in (b"", b"POST / HTTP/1.1\r\nHos", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"):

        async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, half: bytes = half) -> None:
            writer.write(half)
            assert await reader.read() == b""

        with_connection(scenario)


def test_who_has_been_answered_and_sends_half_a_request_is_hung_up_on() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.write(b"GET / HT")
        assert await reader.read() == b""

    with_connection(scenario)


def test_who_is_idle_between_two_requests_is_not() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK\r\n")
            # Twice as long as a request may take.
            await asyncio.sleep(0.15)

    with_connection(scenario)
