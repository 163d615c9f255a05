"""Publishing to RabbitMQ: confirms are pipelined, and what is unconfirmed when a connection is lost is sent again in the same order.

`send` composes the frames in the program's thread and leaves them for the connection's; that writes as many as there are at once. Each
message has a publisher tag in the channel's order (the broker counts as we do), until an ack or a nack settles it.

When the broker closes the channel because of one message (406: too large, a foreign user id …) it does not say which one. Then those
without an answer are sent again one by one: the one after which the channel closes again has failed, and the others go through.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pika.exceptions
from pika.channel import Channel
from pika.spec import BasicProperties

from message_queues import errors
from message_queues.clients.ports import OnDelivery
from message_queues.clients.queue_ports import QueueProducerOptions
from message_queues.clients.rabbitmq_connection import RabbitConnection
from message_queues.clients.rabbitmq_frames import (
    SMALL_BODY,
    body_frames,
    content_head,
    publish_frame,
    short_string,
    small_content,
)
from message_queues.clients.rabbitmq_wire import Wire
from message_queues.message import DeliveryFailure, Properties

CHANNEL = 1
"""A producer has a connection of its own, and this channel on it."""
WRITE_BYTES = 64 * 1024
"""Frames written at a time."""
UNSENT_BYTES = 512 * 1024
"""No more is handed to a socket that has so much left to send."""
UNSENT_PAUSE_S = 0.002
WATCH_S = 0.1
"""How often messages are looked at that have waited too long."""
CHANNEL_PAUSE_S = 0.01


class Confirmed:
    """The report of a message that the broker has: RabbitMQ gives it no number."""

    def topic(self) -> str | None:
        return None

    def partition(self) -> int | None:
        return None

    def offset(self) -> int | None:
        return None

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return (0, 0)

    def headers(self) -> object:
        return None


CONFIRMED = Confirmed()


class Failed:
    """Why a message was not delivered."""

    __slots__ = ("error",)

    def __init__(self, error: errors.MessageQueuesError) -> None:
        self.error = error

    def code(self) -> int:
        return 0

    def name(self) -> str:
        return type(self.error).__name__

    def str(self) -> str:
        return str(self.error)


class _Sent:
    """A message without an answer: `frames` whole, or without those of a body that is larger than `SMALL_BODY`."""

    __slots__ = ("body", "deadline", "frames", "on_delivery", "returned", "size")

    def __init__(self, frames: bytes, body: bytes | None, size: int, on_delivery: OnDelivery, deadline: float) -> None:
        self.frames = frames
        self.body = body
        self.size = size
        self.on_delivery = on_delivery
        self.deadline = deadline
        self.returned: errors.Unroutable | None = None


class RabbitProducer:
    """One publisher's channel, with confirms."""

    def __init__(self, connection: RabbitConnection, options: QueueProducerOptions) -> None:
        self._connection = connection
        self._linger_s = options.linger_ms / 1000
        self._batch = options.batch_messages or 1_000_000
        self._most_messages = options.buffer_messages
        self._most_bytes = options.buffer_bytes
        self._patience_s = options.delivery_timeout_ms / 1000
        self._handing_over = threading.Lock()
        self._handed_over = 0
        self._handed_over_bytes = 0
        # The connection's thread alone counts these.
        self._answered = 0
        self._answered_bytes = 0
        self._waiting: deque[_Sent] = deque()
        self._unconfirmed: dict[int, _Sent] = {}
        self._lowest = 1
        self._next_tag = 1
        self._careful = 0
        """How many of the first waiting are to be sent one by one."""
        self._is_due = False
        self._is_watched = False
        self._urgent = False
        self._wire: Wire | None = None
        self._change = threading.Condition()
        self._watchers = 0
        connection.attach(self)

    # From the program's threads.

    def route(self, exchange: str, routing_key: str, mandatory: bool) -> bytes:
        return publish_frame(CHANNEL, exchange, routing_key, mandatory)

    def prepared(self, properties: Properties) -> bytes:
        return encoded_properties(properties)

    def send(self, route: bytes, properties: bytes, body: bytes, on_delivery: OnDelivery) -> None:
        size = len(body)
        if size <= SMALL_BODY:
            frames, rest = small_content(CHANNEL, route, properties, body), None
        else:
            frames, rest = route + content_head(CHANNEL, properties, size), body
        size += len(frames)
        sent = _Sent(frames, rest, size, on_delivery, time.monotonic() + self._patience_s)
        with self._handing_over:
            pending = self._handed_over - self._answered
            if pending and (pending >= self._most_messages or self._handed_over_bytes - self._answered_bytes + size > self._most_bytes):
                raise BufferError("the buffer is full")
            self._handed_over += 1
            self._handed_over_bytes += size
            self._waiting.append(sent)
            is_full = len(self._waiting) >= self._batch
            must_wake = not self._is_due or (is_full and not self._urgent)
            self._is_due = True
            self._urgent |= is_full
        if must_wake:
            self._connection.call(self._wake)

    def wait_for_room(self, timeout_s: float) -> None:
        before = self._answered
        self._wait(lambda: self._answered != before, timeout_s)

    def flush(self, timeout_s: float) -> int:
        if self.pending():
            self._urgent = True
            self._connection.call(self._send_waiting)
            self._wait(lambda: self._answered == self._handed_over, timeout_s)
        return self.pending()

    def purge(self) -> None:
        self._connection.call(lambda: self._fail_all(errors.TimedOut("given up before the broker confirmed it")))

    def pending(self) -> int:
        return self._handed_over - self._answered

    def error(self, failure: DeliveryFailure | Exception) -> errors.MessageQueuesError:
        if isinstance(failure, Failed):
            return failure.error
        return failure if isinstance(failure, errors.MessageQueuesError) else errors.InvalidArgument(str(failure))

    def blocked(self) -> str | None:
        return self._connection.blocked

    def close(self) -> None:
        self._connection.close()

    def _wait(self, holds: Callable[[], bool], timeout_s: float) -> None:
        with self._change:
            self._watchers += 1
            try:
                self._change.wait_for(holds, timeout_s)
            finally:
                self._watchers -= 1

    def _tell(self) -> None:
        if self._watchers:
            with self._change:
                self._change.notify_all()

    # In the connection's thread.

    def _wake(self) -> None:
        self._watch()
        if self._linger_s and not self._urgent:
            self._connection.later(self._linger_s, self._send_waiting)
        else:
            self._send_waiting()

    def _send_waiting(self) -> None:
        """Everything that waits, as long as the socket takes it."""
        wire, waiting = self._wire, self._waiting
        if wire is None or self._connection.blocked is not None:
            return  # it stays due: nobody need wake us before the connection is back
        self._is_due = self._urgent = False
        while waiting:
            if wire.unsent_bytes() > UNSENT_BYTES:
                self._is_due = True
                self._connection.later(UNSENT_PAUSE_S, self._send_waiting)
                return
            if self._careful:
                if not self._unconfirmed:
                    wire.emit(b"".join(self._taken(1, wire.frame_max)))
                return
            wire.emit(b"".join(self._taken(WRITE_BYTES, wire.frame_max)))

    def _taken(self, size: int, frame_max: int) -> list[bytes]:
        """The frames of the next messages, until they have `size` bytes; each message gets its tag."""
        waiting, unconfirmed, tag = self._waiting, self._unconfirmed, self._next_tag
        pieces: list[bytes] = []
        while size > 0 and waiting:
            sent = waiting.popleft()
            unconfirmed[tag] = sent
            tag += 1
            pieces.append(sent.frames)
            if sent.body is not None:
                pieces += body_frames(CHANNEL, sent.body, frame_max)
            size -= sent.size
        self._next_tag = tag
        return pieces

    def _watch(self) -> None:
        """Look after the messages while there are any."""
        if not self._is_watched:
            self._is_watched = True
            self._connection.later(WATCH_S, self._look)

    def _look(self) -> None:
        self._is_watched = False
        self._expire(time.monotonic())
        if self._waiting:
            self._send_waiting()
        with self._handing_over:
            if self.pending():
                self._watch()
            else:
                self._is_due = False

    def _expire(self, now: float) -> None:
        """The oldest come first, in both places."""
        while self._unconfirmed:
            tag = self._first_tag()
            if self._unconfirmed[tag].deadline > now:
                return
            self._settle(self._unconfirmed.pop(tag), self._timed_out())
        while self._waiting and self._waiting[0].deadline <= now:
            self._careful = max(0, self._careful - 1)
            self._settle(self._waiting.popleft(), self._timed_out())
        self._tell()

    def _first_tag(self) -> int:
        while self._lowest not in self._unconfirmed:
            self._lowest += 1
        return self._lowest

    def _timed_out(self) -> errors.MessageQueuesError:
        connection = self._connection
        why = f": {connection.address} is blocked ({connection.blocked})" if connection.blocked is not None else ""
        if connection.error is not None and not connection.is_open:
            why = f": {connection.error}"
        return errors.TimedOut(f"not confirmed within {self._patience_s:g} s{why}")

    def _settle(self, sent: _Sent, error: errors.MessageQueuesError | None) -> None:
        # First the report: whoever waits for all answers must find them reported.
        if error is None:
            sent.on_delivery(None, CONFIRMED)
        else:
            sent.on_delivery(Failed(error), CONFIRMED)
        self._answered_bytes += sent.size
        self._answered += 1

    def _fail_all(self, error: errors.MessageQueuesError) -> None:
        failed = [*self._unconfirmed.values(), *self._waiting]
        self._unconfirmed.clear()
        self._waiting.clear()
        self._careful = 0
        for sent in failed:
            self._settle(sent, error)
        self._tell()

    # The tap.

    def answered(self, tag: int, multiple: bool, is_ack: bool) -> None:
        unconfirmed = self._unconfirmed
        if not tag:  # AMQP 0-9-1: zero with multiple is everything so far
            tag = self._next_tag - 1
        tags = range(self._lowest, tag + 1) if multiple else range(tag, tag + 1)
        for each in tags:
            sent = unconfirmed.pop(each, None)
            if sent is not None:
                self._settle(sent, sent.returned if is_ack else REJECTED)
                if self._careful:
                    self._careful -= 1
        if multiple or tag == self._lowest:
            self._lowest = max(self._lowest, tag + 1)

    def returned(self, code: int, text: str, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None:
        """It comes before the ack of its message, and does not say which one that is: the first that looks the same."""
        where = f"exchange {exchange!r} routes {routing_key!r} to no queue" if exchange else f"there is no queue {routing_key!r}"
        error = errors.Unroutable(where, exchange, routing_key)
        route = publish_frame(CHANNEL, exchange, routing_key, True)
        for is_exact in (True, False):
            for tag in range(self._lowest, self._next_tag):
                sent = self._unconfirmed.get(tag)
                if sent is not None and sent.returned is None and _is_same(sent, route, properties, body, is_exact):
                    sent.returned = error
                    return

    def delivered(self, tag: int, redelivered: bool, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None:
        """A publisher consumes nothing."""

    def settled(self) -> None:
        self._tell()
        if self._careful:
            self._send_waiting()

    # The channel's user.

    def opened(self, wire: Wire, channel: Channel) -> None:
        wire.tap(channel.channel_number, self)

        def confirming(_: Any) -> None:
            self._lowest = self._next_tag = 1
            self._wire = wire
            self._send_waiting()

        channel.confirm_delivery(_nothing, confirming)

    def lost(self, error: errors.MessageQueuesError, *, connection_too: bool) -> float | None:
        self._wire = None
        unanswered = [self._unconfirmed[tag] for tag in sorted(self._unconfirmed)]
        self._unconfirmed.clear()
        for sent in unanswered:
            sent.returned = None
        if not connection_too:
            if self._concerns_all(error):
                for sent in unanswered:
                    self._settle(sent, error)
                unanswered = []
            elif self._careful and unanswered:
                self._careful -= 1
                self._settle(unanswered.pop(0), error)
            else:
                self._careful = max(self._careful, len(unanswered))
        self._waiting.extendleft(reversed(unanswered))
        self._tell()
        return CHANNEL_PAUSE_S

    @staticmethod
    def _concerns_all(error: errors.MessageQueuesError) -> bool:
        """Nothing can be published there at all; permissions for a topic are one message's."""
        return isinstance(error, errors.NotFound) or (isinstance(error, errors.AccessRefused) and "access to topic" not in str(error))


REJECTED = errors.Rejected("the broker did not take the message: a queue is full and refuses more, or it could not store it")


def _nothing(_: object) -> None:
    """pika wants a callback for confirms; they go to the tap."""


def _is_same(sent: _Sent, route: bytes, properties: bytes, body: bytes, is_exact: bool) -> bool:
    """Whether a returned message is this one; a broker may have written the properties otherwise."""
    if not sent.frames.startswith(route):
        return False
    if sent.body is not None:
        return sent.body == body
    if is_exact:
        return sent.frames == small_content(CHANNEL, route, properties, body)
    return sent.frames.endswith(body + b"\xce")


def encoded_properties(properties: Properties) -> bytes:
    """From the property flags on. Raises InvalidArgument for what AMQP cannot carry."""
    for name in ("content_type", "content_encoding", "correlation_id", "reply_to", "message_id", "type", "user_id", "app_id", "cluster_id"):
        text = getattr(properties, name)
        if text is not None:
            if not isinstance(text, str):
                raise errors.InvalidArgument(f"{name}={text!r} is {type(text).__name__}: it must be a str")
            short_string(name, text)
    values = BasicProperties(
        properties.content_type,
        properties.content_encoding,
        dict(properties.headers) if properties.headers else None,
        properties.delivery_mode,
        properties.priority,
        properties.correlation_id,
        properties.reply_to,
        properties.expiration,
        properties.message_id,
        properties.timestamp,
        properties.type,
        properties.user_id,
        properties.app_id,
        properties.cluster_id,
    )
    try:
        return b"".join(values.encode())
    except pika.exceptions.UnsupportedAMQPFieldException as error:
        value = error.args[-1] if error.args else None
        raise errors.InvalidArgument(
            f"headers: {value!r} is {type(value).__name__}: AMQP carries None, bool, int, Decimal, str, bytes, datetime, list and dict"
        ) from error
    except Exception as error:  # struct's and pika's, of a value out of range or a name that is too long
        raise errors.InvalidArgument(f"properties cannot be written: {error}") from error


def decoded_properties(encoded: bytes) -> Properties:
    """What a delivery says of itself."""
    found = BasicProperties().decode(encoded)
    return Properties(
        found.content_type,
        found.content_encoding,
        found.headers or {},
        found.delivery_mode,
        found.priority,
        found.correlation_id,
        found.reply_to,
        found.expiration,
        found.message_id,
        found.timestamp,
        found.type,
        found.user_id,
        found.app_id,
        found.cluster_id,
    )
