"""A server in the event loop of the test, and clients that speak to it over sockets."""

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from message_queues.broker.topics import TopicSpec
from message_queues.protocols.kafka.api_keys import APIS, Api
from message_queues.protocols.kafka.codec import decode
from message_queues.protocols.kafka.frame import request_frame
from message_queues.protocols.kafka.header import parse_response_header
from message_queues.protocols.kafka.message import Message
from message_queues.servers.server import Server
from message_queues.settings import ServerSettings

M = TypeVar("M", bound=Message)
PATIENCE_S = 20
API_OF_REQUEST: dict[type[Message], Api] = {api.request: api for api in APIS.values()}
CONFIG = {"group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "1", "num.partitions": "3"}

FREE_PORTS: dict[str, Any] = {"amqp_port": 0, "management_port": 0, "prometheus_port": 0, "sqs_port": 0}


class ConnectionClosed(Exception):
    """The server hung up instead of answering."""


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._correlation_id = 0

    @classmethod
    async def connected(cls, server: Server, node: int = 0) -> Self:
        return await cls.at(server.addresses["kafka"][node])

    @classmethod
    async def at(cls, address: str) -> Self:
        host, port = address.rsplit(":", 1)
        return cls(*await asyncio.open_connection(host, int(port), limit=1 << 24))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        self.writer.transport.abort()
        await eventually(lambda: self.writer.transport.is_closing())

    def frame(self, request: Message, version: int) -> bytes:
        self._correlation_id += 1
        return request_frame(API_OF_REQUEST[type(request)].key, version, self._correlation_id, "client", request)

    def send(self, request: Message, version: int) -> None:
        self.writer.write(self.frame(request, version))

    async def receive_frame(self) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE_S):
                size = int.from_bytes(await self.reader.readexactly(4), "big")
                return await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ConnectionClosed("the server closed the connection") from None

    async def receive(self, response: type[M], version: int) -> M:
        api = next(api for api in APIS.values() if api.response is response)
        frame = await self.receive_frame()
        return decode(response, version, frame, parse_response_header(api.key, version, frame)[1])

    async def ask(self, request: Message, version: int, response: type[M]) -> M:
        self.send(request, version)
        return await self.receive(response, version)

    async def until_closed(self) -> bytes:
        """What came before the server hung up."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


def resident_bytes() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what the server does by itself has no event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running_server(**settings: Any) -> AsyncIterator[Server]:
    """On free ports. With `data` it may be started again on what it left."""
    config = CONFIG | settings.pop("config", {})
    server = Server(ServerSettings(kafka_port=(0,), config=config, **(FREE_PORTS | settings)))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def with_server(scenario: Callable[[Server], Awaitable[None]], **settings: Any) -> None:
    """On a server that has the topic `orders` of three partitions."""

    async def run() -> None:
        async with running_server(**settings) as server:
            await server.broker.create_topic(TopicSpec("orders", 3, 1))
            await scenario(server)

    asyncio.run(run())
