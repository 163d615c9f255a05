"""What travels: `Message`, as a consumer reads it, and `Delivery`, the fate of one message that was published.

Both are thin: a `Message` keeps the record as the client library handed it over and, but for its value, reads a field when asked for it.
"""

import json
import logging
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Protocol, TypeAlias

from message_queues.errors import InvalidArgument, MessageQueuesError, TimedOut

logger = logging.getLogger("message_queues.message")

Headers: TypeAlias = Mapping[str, bytes | str | None] | list[tuple[str, bytes | str | None]]
"""Headers of a message to publish: a mapping, or pairs where a name occurs twice. Kafka keeps order and duplicates (KIP-82)."""


class Record(Protocol):
    """A record as a client library hands it over."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def headers(self) -> object: ...


class Acknowledger(Protocol):
    """Whoever keeps account of what is finished."""

    def acknowledge(self, record: Record) -> None: ...


class Message:
    """One message read from a topic."""

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

    def __repr__(self) -> str:
        return f"Message({self.topic!r}, partition={self.partition}, offset={self.offset}, key={self.key!r})"


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
        """The topic it was published to."""
        return self._office.topic

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
        return f"Delivery({self.topic!r}, partition={self.partition}, offset={self.offset})"
