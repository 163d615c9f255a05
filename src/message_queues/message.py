"""What travels: `Message`, as a consumer reads it, and `Delivery`, the fate of one message that was published.

Both are thin: a `Message` keeps the record as the client library handed it over and, but for its value, reads a field when asked for it.
`QueueMessage` is the `Message` that comes from a queue of RabbitMQ, `Properties` what AMQP 0-9-1 says of one. What comes from a queue of
Amazon SQS is in `messaging/sqs_message.py`.
"""

import json
import logging
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Generic, Protocol, TypeAlias, TypeVar

from message_queues.errors import InvalidArgument, MessageQueuesError, TimedOut, Unsupported

logger = logging.getLogger("message_queues.message")

HeaderValue: TypeAlias = bytes | str | int | float | None
"""Kafka takes bytes, str and None; SQS and SNS bytes, str and numbers."""
Headers: TypeAlias = Mapping[str, HeaderValue] | Sequence[tuple[str, HeaderValue]]
"""Headers of a message to publish: a mapping, or pairs where a name occurs twice. Kafka keeps order and duplicates (KIP-82)."""

TIMESTAMP_HEADER = "timestamp_in_ms"
"""RabbitMQ's own name for a time that the `timestamp` property, in whole seconds, is too coarse for."""


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of an AMQP message (0-9-1, class basic)."""

    content_type: str | None = None
    content_encoding: str | None = None
    headers: Mapping[str, object] = field(default_factory=dict)
    """Values: None, bool, int, Decimal, str, bytes, datetime, list, dict."""
    delivery_mode: int | None = None
    """2 is persistent: it survives a restart in a durable queue."""
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    """Milliseconds until it expires, as text."""
    message_id: str | None = None
    timestamp: int | None = None
    """Seconds since 1970."""
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


class Verdict(Enum):
    """What a program says of a message that it was given."""

    ACK = "ack"
    """Finished."""
    REQUEUE = "requeue"
    """Back to the queue, for this consumer or another."""
    REJECT = "reject"
    """Not wanted: to the dead letter exchange, or dropped where there is none."""


class Record(Protocol):
    """A record as a client library hands it over."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def headers(self) -> object: ...


class QueueRecord(Record, Protocol):
    """A delivery as the RabbitMQ client hands it over."""

    @property
    def queue(self) -> str: ...
    @property
    def exchange(self) -> str: ...
    @property
    def routing_key(self) -> str: ...
    @property
    def redelivered(self) -> bool: ...
    @property
    def delivery_tag(self) -> int: ...
    @property
    def properties(self) -> Properties: ...


class Acknowledger(Protocol):
    """Whoever keeps account of what is finished."""

    def acknowledge(self, record: Record) -> None: ...


Judged_contra = TypeVar("Judged_contra", contravariant=True)


class Judge(Protocol[Judged_contra]):
    """Whoever passes on what became of a message of a queue."""

    def settle(self, record: Judged_contra, verdict: Verdict) -> None: ...


class Message:
    """One message read from a topic or a queue.

    What only the other system has is None: `exchange` of a topic's message, for one.
    """

    __slots__ = ("_acknowledger", "_record", "value")

    def __init__(self, record: Record, acknowledger: Acknowledger) -> None:
        self._record = record
        self._acknowledger = acknowledger
        self.value = record.value()
        """The value as bytes; None is a tombstone, which deletes its key from a compacted topic."""

    @property
    def topic(self) -> str:
        """The topic it was read from."""
        return self._record.topic() or ""

    @property
    def partition(self) -> int:
        """The partition of the topic, from 0."""
        partition = self._record.partition()
        return -1 if partition is None else partition

    @property
    def offset(self) -> int:
        """Its place in the partition, from 0."""
        offset = self._record.offset()
        return -1 if offset is None else offset

    @property
    def key(self) -> bytes | None:
        """The key as bytes, or None."""
        return self._record.key()

    @property
    def timestamp_ms(self) -> int:
        """Milliseconds since 1970 (UTC), by its producer's clock or, with message.timestamp.type=LogAppendTime, by the broker's."""
        return self._record.timestamp()[1]

    @property
    def headers(self) -> tuple[tuple[str, bytes | None], ...]:
        """(name, value) pairs in the order they were published; a name may occur twice."""
        pairs = self._record.headers()
        return tuple(pairs) if isinstance(pairs, list) else ()

    def header(self, name: str) -> bytes | None:
        """The last header of that name, or None."""
        for header_name, value in reversed(self.headers):
            if header_name == name:
                return value
        return None

    @property
    def queue(self) -> str | None:
        """The queue it was read from; None if that was a topic."""
        return None

    @property
    def exchange(self) -> str | None:
        """The exchange it was published to ("" is the default exchange); None if it was read from a topic."""
        return None

    @property
    def routing_key(self) -> str | None:
        """The routing key it was published with; None if it was read from a topic."""
        return None

    @property
    def redelivered(self) -> bool:
        """Whether RabbitMQ has delivered it before, to anyone; what Kafka cannot say is False."""
        return False

    @property
    def properties(self) -> Properties | None:
        """What AMQP says of it; None if it was read from a topic."""
        return None

    @property
    def message_id(self) -> str | None:
        """The id that SQS gave it; None of another system's."""
        return None

    @property
    def group_id(self) -> str | None:
        """The message group that it was sent in to SQS; None of another system's, and of one without."""
        return None

    @property
    def receive_count(self) -> int | None:
        """How often SQS has handed it out, this time included; None of another system's."""
        return None

    def text(self) -> str:
        """The value as UTF-8 text. Raises InvalidArgument where it is not."""
        try:
            return (self.value or b"").decode()
        except UnicodeDecodeError as error:
            raise InvalidArgument(f"the value of {self!r} is not UTF-8 text: {error}") from error

    def json(self) -> object:
        """The value read as JSON. Raises InvalidArgument where it is not."""
        try:
            return json.loads(self.value or b"null")
        except ValueError as error:
            raise InvalidArgument(f"the value of {self!r} is not JSON: {error}") from error

    def ack(self) -> None:
        """This message is finished: its group need not see it again.

        With manual commits this is how a program says so; what is finished without a gap is committed soon after.
        A second call does nothing, nor does one that comes after the partition was given to another consumer.
        """
        self._acknowledger.acknowledge(self._record)

    def nack(self, *, requeue: bool = True) -> None:
        """Give it back to its queue, or with `requeue=False` reject it. Raises Unsupported for a message of a topic."""
        raise Unsupported("a message of a Kafka topic cannot be given back: leave it unacknowledged, or reset the group's offsets")

    def reject(self, *, requeue: bool = False) -> None:
        """Not wanted: to the dead letter exchange of its queue, or dropped. Raises Unsupported for a message of a topic."""
        self.nack(requeue=requeue)

    def __repr__(self) -> str:
        return f"Message({self.topic!r}, partition={self.partition}, offset={self.offset}, key={self.key!r})"


Settled = TypeVar("Settled", bound=Record)


class SettledMessage(Message, Generic[Settled]):
    """One message read from a queue: finished, given back or rejected by itself."""

    __slots__ = ("_delivery", "_judge", "is_settled")

    def __init__(self, record: Settled, judge: Judge[Settled]) -> None:
        self._record = self._delivery = record
        self._judge = judge
        self.value = record.value()
        self.is_settled = False
        """Whether `ack`, `nack` or `reject` was called."""

    def ack(self) -> None:
        """This message is finished: its queue forgets it.

        A second call does nothing, nor does one that comes after the connection was lost: then the queue delivers it again.
        """
        self._settle(Verdict.ACK)

    def nack(self, *, requeue: bool = True) -> None:
        """Give it back to its queue, or with `requeue=False` reject it; once, as `ack`."""
        self._settle(Verdict.REQUEUE if requeue else Verdict.REJECT)

    def _settle(self, verdict: Verdict) -> None:
        if not self.is_settled:
            self.is_settled = True
            self._judge.settle(self._delivery, verdict)


class QueueMessage(SettledMessage[QueueRecord]):
    """One message read from a queue of RabbitMQ."""

    __slots__ = ()

    @property
    def queue(self) -> str:
        return self._delivery.queue

    @property
    def exchange(self) -> str:
        return self._delivery.exchange

    @property
    def routing_key(self) -> str:
        return self._delivery.routing_key

    @property
    def redelivered(self) -> bool:
        return self._delivery.redelivered

    @property
    def properties(self) -> Properties:
        return self._delivery.properties

    @property
    def headers(self) -> tuple[tuple[str, bytes | None], ...]:
        """(name, value) pairs; what is not text or bytes in AMQP is written as JSON. `properties.headers` has the values themselves."""
        return tuple((name, _header_bytes(value)) for name, value in self._delivery.properties.headers.items())

    @property
    def timestamp_ms(self) -> int:
        """Milliseconds since 1970 (UTC) as its publisher said, or 0."""
        properties = self._delivery.properties
        exact = properties.headers.get(TIMESTAMP_HEADER)
        return exact if isinstance(exact, int) else (properties.timestamp or 0) * 1000

    def __repr__(self) -> str:
        again = ", redelivered" if self.redelivered else ""
        return f"Message({self.queue!r}, exchange={self.exchange!r}, routing_key={self.routing_key!r}{again})"


def _header_bytes(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=_header_text, separators=(",", ":"))
    return text.encode("utf-8", "surrogateescape")


def _header_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class DeliveryFailure(Protocol):
    """What a client library says of a message that it could not deliver."""

    def code(self) -> int: ...
    def name(self) -> str: ...
    def str(self) -> str: ...


class DeliveryOffice(Protocol):
    """The publisher, as its deliveries see it."""

    @property
    def topic(self) -> str: ...
    def failed(self, delivery: "Delivery", failure: DeliveryFailure) -> MessageQueuesError: ...
    def excused(self, delivery: "Delivery") -> None: ...


# One for all deliveries: it is held for a list append, and only where someone waits or listens.
_listening = threading.Lock()


class Delivery:
    """What became of one published message: `done`, then `partition` and `offset`, or `error`.

    Wait for it with `result()`, with `await`, or give it a callback.
    """

    # Made once for every message, so only these two are set at first; `__getattr__` answers for the others until its fate is known.
    __slots__ = ("_listeners", "_office", "done", "error", "offset", "partition")

    done: bool
    """Whether its fate is known: stored by the broker, or failed for good."""
    error: MessageQueuesError | None
    """Why it failed, or None."""
    partition: int | None
    """The partition that it went to, once it is stored."""
    offset: int | None
    """Its place in the partition, once it is stored; None also with acks=0, where no broker answers."""

    def __init__(self, office: DeliveryOffice) -> None:
        self._office = office
        self._listeners: list[Callable[[Delivery], None]] | None = None

    def __getattr__(self, name: str) -> bool | None:
        if name == "done":
            return False
        if name in ("error", "offset", "partition"):
            return None
        raise AttributeError(f"'Delivery' object has no attribute {name!r}")

    @property
    def topic(self) -> str:
        """The topic it was published to; of RabbitMQ, the exchange or queue."""
        return self._office.topic

    @property
    def message_id(self) -> str | None:
        """The id that SQS or SNS gave it, once it is stored; None of another system's."""
        return None

    @property
    def sequence_number(self) -> str | None:
        """Its number in its group, of a FIFO queue or topic, once it is stored; None of another system's."""
        return None

    def result(self, timeout_ms: float | None = None) -> "Delivery":
        """Wait until its fate is known; return itself.

        Raises TimedOut after `timeout_ms` (it may still arrive), or the error that it failed with.
        """
        if not self.done:
            known = threading.Event()
            self.add_done_callback(lambda _: known.set())
            if not known.wait(None if timeout_ms is None else timeout_ms / 1000):
                raise TimedOut(f"no answer for a message to {self.topic!r} within {timeout_ms:g} ms; it may still be delivered")
        if self.error is not None:
            self._office.excused(self)
            raise self.error
        return self

    def add_done_callback(self, callback: Callable[["Delivery"], None]) -> None:
        """Call `callback(self)` once its fate is known, at once if it is already; from the publisher's thread, so keep it short."""
        with _listening:
            self._listeners = [*(self._listeners or ()), callback]
        # Settled in between: it may have looked before the callback stood in the list.
        if self.done:
            self._tell()

    def __await__(self) -> Generator[object, None, "Delivery"]:
        import asyncio

        loop = asyncio.get_running_loop()
        known: asyncio.Future[None] = loop.create_future()

        def wake(_: Delivery) -> None:
            loop.call_soon_threadsafe(lambda: None if known.done() else known.set_result(None))

        self.add_done_callback(wake)
        yield from known
        return self.result()

    # The client library calls the delivery itself: a bound method would be one more object for every message.
    def __call__(self, failure: DeliveryFailure | None, report: Record) -> None:
        """The client library's answer; not for programs to call."""
        if failure is None:
            self.partition = report.partition()
            self.offset = report.offset()
        else:
            self.error = self._office.failed(self, failure)
        self._know()

    def _know(self) -> None:
        self.done = True
        if self._listeners is not None:
            self._tell()

    def _tell(self) -> None:
        with _listening:
            listeners, self._listeners = self._listeners, None
        for listener in listeners or ():
            try:
                listener(self)
            except Exception:
                logger.exception("a delivery callback for topic %s raised", self.topic)

    def __repr__(self) -> str:
        if not self.done:
            return f"Delivery({self.topic!r}, on its way)"
        if self.error is not None:
            return f"Delivery({self.topic!r}, failed: {self.error})"
        if self.partition is None:
            return f"Delivery({self.topic!r}, confirmed)"
        return f"Delivery({self.topic!r}, partition={self.partition}, offset={self.offset})"
