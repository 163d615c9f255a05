"""Reading a queue of RabbitMQ: deliveries wait here for the program, verdicts go back in batches.

A delivery belongs to the channel that brought it. When that is lost, what the program has not fetched is dropped, and verdicts on what it
has are ignored: the broker delivers all of it again. Consuming begins again by itself: after a lost connection, after the broker
cancelled the consumer because the queue was deleted (as soon as there is a queue of that name), after it closed the channel because
acknowledgements took too long. A stream is read on from the first message that was not settled.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from pika.channel import Channel

from message_queues import errors
from message_queues.clients.queue_ports import QueueConsumerOptions
from message_queues.clients.rabbitmq_connection import RabbitConnection
from message_queues.clients.rabbitmq_frames import ack_frame, reject_frame
from message_queues.clients.rabbitmq_producer import decoded_properties
from message_queues.clients.rabbitmq_wire import Wire
from message_queues.message import TIMESTAMP_HEADER, Properties, QueueRecord, Verdict

logger = logging.getLogger("message_queues.rabbitmq")

VERDICT_PAUSE_S = 0.002
"""Verdicts are collected for so long, unless the program has nothing left to do or holds half of its prefetch."""
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
START_S = 30.0
LOOK_S = 0.05


class Delivered:
    """One delivery; its properties are read when asked for."""

    __slots__ = ("_encoded", "_properties", "body", "delivery_tag", "exchange", "life", "queue", "redelivered", "routing_key")

    def __init__(
        self,
        queue: str,
        life: int,
        delivery_tag: int,
        redelivered: bool,
        exchange: str,
        routing_key: str,
        encoded: bytes,
        body: bytes,
    ) -> None:
        self.queue = queue
        self.life = life
        """Which of the consumer's channels brought it, counted from 1."""
        self.delivery_tag = delivery_tag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routing_key = routing_key
        self.body = body
        self._encoded = encoded
        self._properties: Properties | None = None

    @property
    def properties(self) -> Properties:
        if self._properties is None:
            self._properties = decoded_properties(self._encoded)
        return self._properties

    def topic(self) -> str | None:
        return None

    def partition(self) -> int | None:
        return None

    def offset(self) -> int | None:
        """Of a stream."""
        found = self.properties.headers.get("x-stream-offset")
        return found if isinstance(found, int) else None

    def key(self) -> bytes | None:
        return self.routing_key.encode("utf-8", "surrogateescape")

    def value(self) -> bytes | None:
        return self.body

    def timestamp(self) -> tuple[int, int]:
        exact = self.properties.headers.get(TIMESTAMP_HEADER)
        return (1, exact if isinstance(exact, int) else (self.properties.timestamp or 0) * 1000)

    def headers(self) -> object:
        return list(self.properties.headers.items())


class RabbitConsumer:
    """One consumer of one queue, on a connection of its own or, for an exclusive queue, on the one that declared it."""

    def __init__(self, connection: RabbitConnection, options: QueueConsumerOptions, *, owns_connection: bool) -> None:
        self._connection = connection
        self._options = options
        self._owns_connection = owns_connection
        self._queue = options.queue
        self._is_stream: bool | None = None
        self._changed = threading.Condition()
        self._is_waited_for = False
        self._ready: deque[Delivered] = deque()
        self._life = 0
        self._has_begun = False
        self._failure: errors.MessageQueuesError | None = None
        self._retry_s = FIRST_RETRY_S
        self._verdicts: deque[tuple[int, int, Verdict]] = deque()
        self._is_due = False
        self._eager = max(1, options.prefetch_count // 2)
        self._wire: Wire | None = None
        self._channel: Channel | None = None
        self._number = 0
        self._lowest = 1
        """Of the tags that this channel brought, the first without a verdict."""
        self._settled_above: set[int] = set()
        self._offsets: dict[int, int] = {}
        self._next_offset: int | None = None

    def start(self) -> None:
        self._connection.attach(self)
        deadline = time.monotonic() + START_S
        while not self._has_begun:
            with self._changed:
                self._changed.wait_for(lambda: self._has_begun or self._failure is not None, LOOK_S)
            if self._failure is not None:
                raise self._failure
            if self._connection.error is not None and not self._has_begun:
                raise self._connection.error
            if time.monotonic() >= deadline:
                raise errors.TimedOut(f"{self._connection.address} does not deliver from {self._queue!r} after {START_S:g} s")

    def fetch(self, count: int, timeout_s: float) -> Sequence[QueueRecord]:
        ready = self._ready
        if not ready:
            if self._verdicts:
                self._wake()
            with self._changed:
                self._is_waited_for = True
                self._changed.wait_for(lambda: self._ready or self._failure is not None, timeout_s)
                self._is_waited_for = False
        if self._failure is not None and not ready:
            raise self._failure
        with self._changed:  # a lost connection empties it
            return [ready.popleft() for _ in range(min(count, len(ready)))]

    def settle(self, record: QueueRecord, verdict: Verdict) -> None:
        assert isinstance(record, Delivered)
        self._verdicts.append((record.life, record.delivery_tag, verdict))
        if not self._is_due or len(self._verdicts) == self._eager:
            self._wake()

    def _wake(self) -> None:
        self._is_due = True
        self._connection.call(self._collect)

    def flush(self) -> None:
        sent = threading.Event()

        def send() -> None:
            self._send_verdicts()
            sent.set()

        if self._connection.call(send):
            sent.wait(START_S)

    def close(self) -> None:
        self.flush()
        self._connection.detach(self)
        if self._owns_connection:
            self._connection.close()

    # In the connection's thread: verdicts.

    def _collect(self) -> None:
        if not self._ready or len(self._verdicts) >= self._eager:
            self._send_verdicts()
        else:
            self._connection.later(VERDICT_PAUSE_S, self._send_verdicts)

    def _send_verdicts(self) -> None:
        self._is_due = False
        verdicts, number = self._verdicts, self._number
        acks: list[int] = []
        frames: list[bytes] = []
        while verdicts:
            life, tag, verdict = verdicts.popleft()
            if life != self._life:
                continue  # its channel is gone, and the message will come again
            self._settled_above.add(tag)
            if verdict is Verdict.ACK:
                acks.append(tag)
            else:
                frames.append(reject_frame(number, tag, verdict is Verdict.REQUEUE))
        # Rejects first: an ack of several must find nothing below it that is to be rejected.
        frames += self._ack_frames(acks, number)
        if self._is_stream:
            self._note_offsets()
        if frames and self._wire is not None and self._channel is not None and self._channel.is_open:
            self._wire.emit(b"".join(frames))

    def _ack_frames(self, tags: list[int], number: int) -> list[bytes]:
        """One frame for all below the first that is still in hand, and one each for those beyond."""
        above, lowest = self._settled_above, self._lowest
        while lowest in above:
            above.remove(lowest)
            lowest += 1
        self._lowest = lowest
        below = max((tag for tag in tags if tag < lowest), default=0)
        frames = [ack_frame(number, below, True)] if below else []
        return frames + [ack_frame(number, tag, False) for tag in tags if tag > below]

    def _note_offsets(self) -> None:
        """Where a stream is to be read on from."""
        for tag in [tag for tag in self._offsets if tag < self._lowest]:
            self._next_offset = max(self._next_offset or 0, self._offsets.pop(tag) + 1)

    # The tap.

    def answered(self, tag: int, multiple: bool, is_ack: bool) -> None:
        """Nothing is published here."""

    def returned(self, code: int, text: str, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None:
        """Nor returned."""

    def delivered(self, tag: int, redelivered: bool, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None:
        delivery = Delivered(self._queue, self._life, tag, redelivered, exchange, routing_key, properties, body)
        if self._is_stream is None:
            self._is_stream = delivery.offset() is not None
        if self._is_stream:
            self._offsets[tag] = delivery.offset() or 0
        self._ready.append(delivery)

    def settled(self) -> None:
        if self._is_waited_for:
            with self._changed:
                self._changed.notify_all()

    # The channel's user.

    def opened(self, wire: Wire, channel: Channel) -> None:
        with self._changed:
            self._life += 1
            self._ready.clear()
        self._lowest, self._settled_above, self._offsets = 1, set(), {}
        self._wire, self._channel, self._number = wire, channel, channel.channel_number
        wire.tap(channel.channel_number, self)
        channel.add_on_cancel_callback(lambda _: self._cancelled(channel))
        channel.basic_qos(prefetch_count=self._options.prefetch_count, callback=lambda _: self._consume(channel))

    def _consume(self, channel: Channel) -> None:
        arguments: dict[str, Any] = dict(self._options.arguments)
        if self._is_stream and self._next_offset is not None:
            arguments["x-stream-offset"] = self._next_offset
        channel.basic_consume(
            self._queue,
            on_message_callback=_nothing,
            exclusive=self._options.exclusive,
            arguments=arguments,
            callback=lambda _: self._begun(),
        )

    def _begun(self) -> None:
        with self._changed:
            if self._has_begun:
                logger.info("consuming from %r again", self._queue)
            self._has_begun = True
            self._retry_s = FIRST_RETRY_S
            self._changed.notify_all()

    def _cancelled(self, channel: Channel) -> None:
        """The queue was deleted, or its leader went away: what was delivered is gone with it."""
        logger.warning("the broker cancelled the consumer of %r; it begins again when there is such a queue", self._queue)
        if channel.is_open:
            channel.close()

    def lost(self, error: errors.MessageQueuesError, *, connection_too: bool) -> float | None:
        with self._changed:
            self._life += 1
            self._wire = self._channel = None
            self._ready.clear()
            if connection_too:
                self._changed.notify_all()
                return None
            if not self._goes_on(error):
                self._failure = error
                self._changed.notify_all()
                return None
        if not isinstance(error, errors.NotFound | errors.Unreachable):
            logger.warning("the channel that reads %r was closed, and is opened again: %s", self._queue, error)
        self._retry_s, pause_s = min(self._retry_s * 2, LONGEST_RETRY_S), self._retry_s
        return pause_s

    def _goes_on(self, error: errors.MessageQueuesError) -> bool:
        """What the first attempt is refused for is the program's to know; later, only what would be refused again."""
        if isinstance(error, errors.AccessRefused | errors.NotImplementedByBroker):
            return False
        return self._has_begun or not isinstance(
            error, errors.NotFound | errors.PreconditionFailed | errors.ResourceLocked | errors.NotAllowed | errors.InternalFailure
        )


def _nothing(*_: object) -> None:
    """pika wants a callback for deliveries; they go to the tap."""
