"""An AMQP client that sends what it is told, right or wrong, and shows what comes back; and servers in the event loop of a test."""

import asyncio
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from pamqp import commands

from message_queues.protocols.amqp.deliveries import method_frame, publish_frames
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER
from message_queues.protocols.amqp.methods import read_method
from message_queues.records.properties import EMPTY_PROPERTIES, Properties, read_properties, write_properties
from message_queues.servers.amqp.listener import AmqpListener
from message_queues.servers.server import Server
from tests.servers.running_server import running_server

M = TypeVar("M")
PATIENCE_S = 10
CONTENT_METHODS = (commands.Basic.Deliver, commands.Basic.GetOk, commands.Basic.Return)
CAPABILITIES = {"consumer_cancel_notify": True, "connection.blocked": True, "authentication_failure_close": True}


@dataclass(frozen=True, slots=True)
class Content:
    """A method that carries a message, with the message."""

    method: Any
    properties: Properties
    body: bytes


class HungUp(Exception):
    """The server has closed the socket."""


class AmqpClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.arrived: deque[tuple[int, Any]] = deque()
        """Channel, and a method, a Content, or a heartbeat (None)."""
        self._partial: dict[int, tuple[Any, bytes, int, bytes]] = {}

    @classmethod
    async def dialled(cls, server: Server, protocol: str = "amqp", **how: Any) -> Self:
        host, port = server.addresses[protocol][0].rsplit(":", 1)
        return cls(*await asyncio.open_connection(host, int(port), limit=1 << 24, **how))

    @classmethod
    async def logged_in_by_certificate(cls, server: Server, tls: ssl.SSLContext, mechanism: str = "EXTERNAL") -> Self:
        client = await cls.dialled(server, "amqps", ssl=tls, server_hostname="localhost")
        await client.shake_hands(mechanism=mechanism, response="" if mechanism == "EXTERNAL" else None)
        await client.ask(0, commands.Connection.Open("/"), commands.Connection.OpenOk)
        await client.open_channel()
        return client

    @classmethod
    async def connected(cls, server: Server, virtual_host: str = "/", *, channel: bool = True, **handshake: Any) -> Self:
        return await cls.at(server.addresses["amqp"][0], virtual_host, channel=channel, **handshake)

    @classmethod
    async def at(cls, address: str, virtual_host: str = "/", *, channel: bool = True, **handshake: Any) -> Self:
        host, port = address.rsplit(":", 1)
        client = cls(*await asyncio.open_connection(host, int(port), limit=1 << 24))
        await client.shake_hands(**handshake)
        await client.ask(0, commands.Connection.Open(virtual_host), commands.Connection.OpenOk)
        if channel:
            await client.open_channel()
        return client

    async def shake_hands(
        self,
        user: str = "guest",
        password: str = "guest",
        *,
        mechanism: str = "PLAIN",
        response: str | bytes | None = None,
        heartbeat_s: int = 0,
        frame_max: int = 131072,
        channel_max: int = 2047,
        capabilities: dict[str, Any] | None = None,
    ) -> commands.Connection.Tune:
        self.write(PROTOCOL_HEADER)
        await self.expect(0, commands.Connection.Start)
        told: Any = {"capabilities": CAPABILITIES if capabilities is None else capabilities, "connection_name": "test"}
        said: Any = f"\0{user}\0{password}" if response is None else response
        tune = await self.ask(0, commands.Connection.StartOk(told, mechanism, said, "en_US"), commands.Connection.Tune)
        self.send(0, commands.Connection.TuneOk(channel_max, frame_max, heartbeat_s))
        return tune

    async def open_channel(self, number: int = 1) -> None:
        await self.ask(number, commands.Channel.Open(), commands.Channel.OpenOk)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.writer.transport.abort()

    # Saying

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, channel: int, method: Any) -> None:
        self.write(method_frame(channel, method))

    def publish(
        self, exchange: str, routing_key: str, body: bytes = b"", properties: bytes | Properties = EMPTY_PROPERTIES, *,
        channel: int = 1, mandatory: bool = False,
    ) -> None:  # fmt: skip
        octets = properties if isinstance(properties, bytes) else write_properties(properties)
        self.write(publish_frames(channel, exchange, routing_key, octets, body, mandatory=mandatory))

    async def ask(self, channel: int, method: Any, answer: type[M]) -> M:
        """Its answer, which other things may come before: they are left to be taken."""
        self.send(channel, method)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for index, (at, arrived) in enumerate(self.arrived):
                    if at == channel and isinstance(arrived, answer | commands.Channel.Close):
                        del self.arrived[index]
                        assert isinstance(arrived, answer), describe(arrived)
                        return arrived
                    assert not isinstance(arrived, commands.Connection.Close), describe(arrived)
                await self._read_frame()

    async def declare(self, name: str, *, channel: int = 1, **how: Any) -> str:
        declared = await self.ask(channel, commands.Queue.Declare(queue=name, **{"durable": True, **how}), commands.Queue.DeclareOk)
        return str(declared.queue)

    async def consume(self, queue: str, tag: str = "tag", *, channel: int = 1, **how: Any) -> None:
        await self.ask(channel, commands.Basic.Consume(queue=queue, consumer_tag=tag, **how), commands.Basic.ConsumeOk)

    async def published(self, queue: str, *bodies: bytes) -> None:
        """They are in the queue when this returns."""
        for body in bodies:
            self.publish("", queue, body)
        await self.ask(1, commands.Basic.Qos(0, 0, False), commands.Basic.QosOk)

    # Hearing

    async def expect(self, channel: int, kind: type[M]) -> M:
        """The next that arrives on the channel."""
        arrived = await self.next(channel)
        assert isinstance(arrived, kind), describe(arrived)
        return arrived

    async def next(self, channel: int) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for index, (at, arrived) in enumerate(self.arrived):
                    if at == channel:
                        del self.arrived[index]
                        return arrived
                await self._read_frame()

    async def content(self, channel: int = 1) -> Content:
        return await self.expect(channel, Content)

    async def bodies(self, count: int, channel: int = 1) -> list[bytes]:
        return [(await self.content(channel)).body for _ in range(count)]

    async def got(self, queue: str, *, no_ack: bool = True) -> Content | None:
        self.send(1, commands.Basic.Get(queue=queue, no_ack=no_ack))
        arrived = await self.next(1)
        return None if isinstance(arrived, commands.Basic.GetEmpty) else arrived

    async def silent(self, channel: int = 1) -> bool:
        """Whether nothing has come on the channel until the server has answered something else."""
        await self.ask(channel, commands.Basic.Qos(0, 0, False), commands.Basic.QosOk)
        return not any(at == channel for at, _ in self.arrived)

    async def hung_up(self) -> list[Any]:
        """What came before the server closed the socket."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    await self._read_frame()
            except HungUp:
                return [arrived for _, arrived in self.arrived]

    async def _read_frame(self) -> None:
        try:
            kind, channel, size = struct.unpack(">BHI", await self.reader.readexactly(7))
            payload = await self.reader.readexactly(size + 1)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise HungUp from None
        assert payload[-1] == 0xCE
        payload = payload[:-1]
        if kind == 8:
            self.arrived.append((channel, None))
        elif kind == 1:
            method = read_method(payload)
            if isinstance(method, CONTENT_METHODS):
                self._partial[channel] = (method, b"", -1, b"")
            else:
                self.arrived.append((channel, method))
        else:
            self._content_frame(kind, channel, payload)

    def _content_frame(self, kind: int, channel: int, payload: bytes) -> None:
        method, properties, size, body = self._partial[channel]
        if kind == 2:
            size, properties = int.from_bytes(payload[4:12]), payload[12:]
        else:
            body += payload
        self._partial[channel] = (method, properties, size, body)
        if len(body) == size:
            del self._partial[channel]
            self.arrived.append((channel, Content(method, read_properties(properties), body)))


def describe(arrived: Any) -> str:
    if isinstance(arrived, commands.Channel.Close | commands.Connection.Close):
        return f"{arrived.name} {arrived.reply_code} {arrived.reply_text}"
    return repr(arrived)


@asynccontextmanager
async def amqp_server(**settings: Any) -> AsyncIterator[Server]:
    async with running_server(only=("amqp",), **settings) as server:
        yield server


def listener_of(server: Server) -> AmqpListener:
    assert server.amqp is not None
    return server.amqp


def with_amqp(scenario: Callable[[Server, AmqpClient], Awaitable[None]], **settings: Any) -> None:
    """With a client that has channel 1 open."""

    async def run() -> None:
        async with amqp_server(**settings) as server, await AmqpClient.connected(server) as client:
            await scenario(server, client)

    asyncio.run(run())


async def refusal(client: AmqpClient, channel: int, method: Any = None) -> tuple[Any, ...]:
    """What the channel or the connection is closed with: code, text, class and method."""
    if method is not None:
        client.send(channel, method)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for _, arrived in client.arrived:
                if isinstance(arrived, commands.Channel.Close | commands.Connection.Close):
                    client.arrived.clear()
                    return arrived.reply_code, arrived.reply_text, arrived.class_id, arrived.method_id
            await client._read_frame()
