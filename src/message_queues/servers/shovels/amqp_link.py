"""A connection with one channel to a server that speaks AMQP 0-9-1, by pika, in the server's own event loop.

Properties of messages stay bytes: pika would lose the fractions of floating point numbers and the widths of integers.
"""

import asyncio
import random
import ssl
import struct
from collections.abc import Callable, Sequence
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker, InvalidFrameError
from pika.frame import Header
from pika.spec import FRAME_END, FRAME_HEADER, FRAME_HEADER_SIZE, BasicProperties

from message_queues.broker.queues.amqp_uri import AmqpUri, parse_amqp_uri, without_credentials
from message_queues.records.field_table import FieldTable
from message_queues.servers.shovels.ends import EndLost, Lost

ANSWER_TAKES_AT_MOST_S = 30
CLOSING_TAKES_AT_MOST_S = 3
NOT_FOUND = 404

HEADER_FRAME = struct.Struct(">BHL4xQ")
"""Type, channel, size, class and weight, body size (4.2.6.1)."""


class RawProperties(BasicProperties):  # type: ignore[misc]  # pika has no types
    """Properties as a content header has them, from the flags on."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw

    def encode(self) -> list[bytes]:
        return [self.raw]


class RawConnection(AsyncioConnection):  # type: ignore[misc]
    _frame_buffer: bytes

    def _read_frame(self) -> tuple[int, object]:
        buffer = self._frame_buffer
        if len(buffer) < HEADER_FRAME.size or buffer[0] != FRAME_HEADER:
            found: tuple[int, object] = super()._read_frame()
            return found
        _, channel, size, body_size = HEADER_FRAME.unpack_from(buffer)
        # AMQP 0-9-1 4.2.3: "the frame-end octet MUST always be the hexadecimal value %xCE".
        end = FRAME_HEADER_SIZE + size
        if end >= len(buffer):
            return 0, None
        if buffer[end] != FRAME_END:
            raise InvalidFrameError("Invalid FRAME_END marker")
        return end + 1, Header(channel, body_size, RawProperties(buffer[HEADER_FRAME.size : end]))


class AmqpLink:
    def __init__(self, uris: Sequence[str], name: str) -> None:
        """`name` is what the other server shows of the connection."""
        self.uri = without_credentials(uris[0]) if uris else ""
        self.connection: AsyncioConnection | None = None
        self.channel: Channel | None = None
        self._uris = uris
        self._name = name
        self._closed = asyncio.Event()
        self._lost: Lost = _ignored

    async def connect(self, lost: Lost) -> None:
        """To the first of the URIs that answers, in any order. Raises EndLost."""
        reasons = []
        for uri in random.sample(list(self._uris), len(self._uris)):
            try:
                self.connection = await self._open(parse_amqp_uri(uri))
            except EndLost as error:
                reasons.append(f"{without_credentials(uri)}: {error}")
                continue
            self.uri, self._lost = without_credentials(uri), lost
            self.channel = await self.new_channel()
            self.channel.add_on_close_callback(lambda channel, reason: self._ended(reason))
            return
        raise EndLost("; ".join(reasons))

    @property
    def opened_connection(self) -> AsyncioConnection:
        if self.connection is None:
            raise EndLost("it is not connected")
        return self.connection

    @property
    def opened_channel(self) -> Channel:
        if self.channel is None:
            raise EndLost("it is not connected")
        return self.channel

    @property
    def is_open(self) -> bool:
        return self.channel is not None and bool(self.channel.is_open)

    async def new_channel(self) -> Channel:
        return await self.call(lambda callback: self.opened_connection.channel(on_open_callback=callback))

    async def call(self, method: Callable[[Callable[[Any], None]], object], channel: Channel | None = None) -> Any:
        """What `method` hands to the callback it gets. Raises EndLost, and ChannelClosedByBroker when the server refuses."""
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if channel is not None:
            channel.add_on_close_callback(lambda channel, reason: _fail(answered, reason))
        try:
            method(lambda answer: _succeed(answered, answer))
            async with asyncio.timeout(ANSWER_TAKES_AT_MOST_S):
                return await answered
        except ChannelClosedByBroker:
            raise
        except AMQPError as error:
            raise EndLost(_told(error)) from error
        except TimeoutError as error:
            raise EndLost("no answer") from error

    async def ask(self, method: Callable[[Callable[[Any], None]], object]) -> Any:
        """`call` on the channel, where whatever is refused loses the end."""
        try:
            return await self.call(method, self.channel)
        except ChannelClosedByBroker as error:
            raise EndLost(_told(error)) from error

    async def see_to_queue(self, queue: str, arguments: FieldTable, is_predeclared: bool) -> int:
        """Declares the queue if it is missing; returns how many messages are ready in it."""
        try:
            return await self._declare(queue, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != NOT_FOUND or is_predeclared:
                raise EndLost(_told(error)) from error
        try:
            return await self._declare(queue, durable=True, arguments=arguments)
        except ChannelClosedByBroker as error:
            raise EndLost(_told(error)) from error

    async def _declare(self, queue: str, **declared: object) -> int:
        # On a channel of its own, because a refusal closes it.
        channel = await self.new_channel()
        answer = await self.call(lambda callback: channel.queue_declare(queue, callback=callback, **declared), channel)
        channel.close()
        return int(answer.method.message_count)

    async def close(self) -> None:
        self._lost = _ignored
        connection = self.connection
        if connection is None or connection.is_closed:
            return
        try:
            if not connection.is_closing:
                connection.close()
            async with asyncio.timeout(CLOSING_TAKES_AT_MOST_S):
                await self._closed.wait()
        except (AMQPError, TimeoutError):
            # It is gone, or does not answer: nothing is owed to it.
            return

    async def _open(self, uri: AmqpUri) -> AsyncioConnection:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        connection = RawConnection(
            connection_parameters(uri, self._name),
            on_open_callback=lambda connection: _succeed(opened, None),
            on_open_error_callback=lambda connection, error: _fail(opened, EndLost(_told(error))),
            on_close_callback=lambda connection, reason: self._ended(reason),
            custom_ioloop=loop,
        )
        try:
            async with asyncio.timeout(ANSWER_TAKES_AT_MOST_S):
                await opened
        except TimeoutError as error:
            raise EndLost("no answer") from error
        return connection

    def _ended(self, reason: BaseException) -> None:
        if self.connection is not None and self.connection.is_closed:
            self._closed.set()
        self._lost(_told(reason))


def connection_parameters(uri: AmqpUri, name: str) -> pika.ConnectionParameters:
    told: dict[str, object] = {key: int(uri.query[key]) for key in ("channel_max", "frame_max", "heartbeat") if key in uri.query}
    if "connection_timeout" in uri.query:
        told["stack_timeout"] = int(uri.query["connection_timeout"]) / 1000
    if uri.is_tls:
        told["ssl_options"] = pika.SSLOptions(_tls(uri), uri.query.get("server_name_indication", uri.host))
    return pika.ConnectionParameters(
        host=uri.host,
        port=uri.port or (5671 if uri.is_tls else 5672),
        virtual_host=uri.virtual_host,
        credentials=pika.PlainCredentials(uri.user or "guest", uri.password or "guest"),
        client_properties={"connection_name": name},
        **told,
    )


def _tls(uri: AmqpUri) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=uri.query.get("cacertfile"))
    if "certfile" in uri.query:
        context.load_cert_chain(uri.query["certfile"], uri.query.get("keyfile"), uri.query.get("password"))
    if uri.query.get("verify") == "verify_none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _succeed(future: "asyncio.Future[Any]", answer: object) -> None:
    if not future.done():
        future.set_result(answer)


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _told(error: object) -> str:
    """What the server said, or what went wrong on the way to it: pika wraps errors in errors."""
    inner: object = error
    while isinstance(inner, BaseException):
        error = inner
        several = getattr(error, "exceptions", ()) or error.args
        inner = getattr(error, "exception", several[-1] if several else None)
    return str(getattr(error, "reply_text", "") or error) or type(error).__name__


def _ignored(reason: str) -> None:
    pass
