"""Consuming, in a Kafka consumer group or from a RabbitMQ queue: iterate over a `Consumer`, or give it a handler and `run` it.

Where the messages come from is its `Source`: `group_source.py` or `queue_source.py`.

Of a group, what is committed is finished: with automatic commits, a message is finished when its handler returned or when the loop asks
for the next one; with manual commits, when the program calls `Message.ack`. Finished means the highest offset of a partition below which
all is finished. It is committed every `commit_interval_ms`, before a partition is given to another consumer, by `commit`, and by `close`.
So each message is processed at least once, and after a crash only what was not committed yet is seen again.

Of a queue, each message is acknowledged by itself when it is finished; what is not goes back to the queue when its consumer goes.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar

from message_queues.errors import Closed, InvalidArgument, InvalidRequest
from message_queues.message import Message

OnError: TypeAlias = Literal["stop", "skip", "requeue"] | Callable[[Message, Exception], None]
Handler = TypeVar("Handler", bound=Callable[[Message], object])


@dataclass(frozen=True, slots=True)
class ConsumerDescription:
    """Settings and state of a consumer at one moment."""

    queue_name: str
    group_id: str | None
    """None of a queue's consumer."""
    topics: tuple[str, ...]
    """None of a queue's consumer."""
    cluster: str
    concurrency: int
    prefetch_count: int
    commit: str
    state: str
    """ "idle", "iterating", "running" or "closed"."""
    partitions: tuple[str, ...]
    """The partitions that the group gave this consumer, as topic[number]."""
    consumer_type: str = "group"


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """What a consumer keeps of how it was asked for."""

    queue_name: str
    group_id: str | None
    topics: tuple[str, ...]
    cluster: str
    concurrency: int
    prefetch_count: int
    commit: str
    commit_interval_ms: float | None
    drain_timeout_ms: float

    @property
    def consumer_type(self) -> str:
        """ "group" or "queue"."""
        return "queue" if self.group_id is None else "group"

    @property
    def is_automatic(self) -> bool:
        """Whether a message is finished without the program saying so."""
        return self.commit == "auto"


class Reader(Protocol):
    """Reads by iteration, in the program's thread."""

    def messages(self, idle_timeout_s: float | None) -> Iterator[Message]: ...
    def commit(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None:
        """Say what is finished, and close the client."""


class Runner(Protocol):
    """Calls a handler, from `run` to the end of it."""

    @property
    def is_running(self) -> bool: ...
    def run(self) -> None: ...
    def commit(self) -> None: ...
    def stop(self) -> None: ...
    def partitions(self) -> list[str]: ...


class Source(Protocol):
    """Where a consumer's messages come from."""

    def reading(self) -> Reader: ...
    def workers(self, handler: Callable[[Message], object], on_error: OnError) -> Runner: ...
    def partitions(self) -> list[str]:
        """What it reads at this moment; nothing of a queue."""

    def close(self) -> None: ...


class Consumer:
    """A member of a consumer group, or one of a queue's consumers. Made by `MessageQueues.configure_consumer`.

    Iterate from one thread (`for message in consumer`), or `run` a handler on `concurrency` threads; not both.
    """

    def __init__(self, source: Source, settings: ConsumerSettings) -> None:
        self._source = source
        self._settings = settings
        self._reading: Reader | None = None
        self._workers: Runner | None = None
        self._handler: Callable[[Message], object] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[Message]:
        return self.messages()

    def messages(self, idle_timeout_ms: float | None = None) -> Iterator[Message]:
        """Messages one by one, in the order of each partition or of the queue, until `stop`, or until none came for `idle_timeout_ms`.

        Asking for the next message finishes the one before (with automatic commits). A loop left by `break` or an exception has not
        finished the message in hand, unless it called `message.ack()`; a later loop goes on after it.

        Raises NotAuthorized, OffsetOutOfRange (with auto_offset_reset="none"), QueueNotFound (a queue that is not there at the start) and
        other errors that reading cannot go on after.
        """
        return self._read().messages(None if idle_timeout_ms is None else idle_timeout_ms / 1000)

    def receive(self, timeout_ms: float | None = None) -> Message | None:
        """The next message, or None if none came within `timeout_ms`. The one before is finished (with automatic commits)."""
        return next(self.messages(timeout_ms), None)

    def on_message(self, handler: Handler) -> Handler:
        """Register the handler that `run` calls; as a decorator, if you like."""
        self._handler = _checked_handler(handler)
        return handler

    def run(self, handler: Callable[[Message], object] | None = None, *, on_error: OnError = "stop") -> None:
        """Call the handler with each message, on `concurrency` threads, until `stop`; then commit what is finished and close.

        Messages of a partition come one after the other; different partitions, and all messages of a queue, side by side. `on_error`:
        "stop" ends the run at the first exception of the handler and raises HandlerFailed (its message is seen again); "skip" logs it and
        counts the message as finished, of a queue it is rejected: dead-lettered, or dropped; "requeue", for queues, gives it back for
        another try, and rejects it when that fails too; a callable (message, exception) decides: the message is finished if it returns,
        unless it called `nack` or `reject`.
        """
        handle = self._handler if handler is None else _checked_handler(handler)
        if handle is None:
            raise InvalidArgument("run() needs a handler: run(handler), or register one with on_message(handler)")
        workers = self._start_workers(handle, on_error)
        try:
            workers.run()
        finally:
            self.close()

    def _start_workers(self, handler: Callable[[Message], object], on_error: OnError) -> Runner:
        self._refuse_if_closed()
        if self._reading is not None or self._workers is not None:
            raise InvalidRequest(f"{self!r} is in use already: a consumer is iterated over or runs a handler, once")
        self._workers = self._source.workers(handler, on_error)
        return self._workers

    def _read(self) -> Reader:
        self._refuse_if_closed()
        if self._workers is not None:
            raise InvalidRequest(f"{self!r} runs a handler: iterate over another consumer of the {self._settings.consumer_type}")
        if self._reading is None:
            self._reading = self._source.reading()
        return self._reading

    def commit(self) -> None:
        """Commit what is finished now and wait until the broker has it; of a queue, send the acknowledgements that are still collected.

        Raises RebalanceInProgress, IllegalGeneration or UnknownMemberId when partitions are changing hands: what is finished of those
        that stay is committed later; Unreachable, TimedOut.
        """
        self._refuse_if_closed()
        user = self._reading or self._workers
        if user is not None:
            user.commit()

    def stop(self) -> None:
        """End the loop or the run after the messages in hand; from any thread, a handler or a signal handler. Returns at once."""
        for user in (self._reading, self._workers):
            if user is not None:
                user.stop()

    def close(self) -> None:
        """Commit what is finished and leave, so that others take the partitions, or the messages in hand, at once. A second call does
        nothing.
        """
        if self._closed:
            return
        if self._workers is not None and self._workers.is_running:
            # Its own thread commits and closes once the handlers are through.
            self._workers.stop()
            return
        self._closed = True
        if self._reading is not None:
            self._reading.close()
        else:
            self._source.close()

    @property
    def is_closed(self) -> bool:
        """Whether it reads no more, for good."""
        return self._closed

    def describe(self) -> ConsumerDescription:
        """Settings and state at this moment."""
        settings = self._settings
        partitions = tuple(self._partitions())
        return ConsumerDescription(
            settings.queue_name,
            settings.group_id,
            settings.topics,
            settings.cluster,
            settings.concurrency,
            settings.prefetch_count,
            settings.commit,
            self._state(),
            partitions,
            settings.consumer_type,
        )

    def _partitions(self) -> list[str]:
        if self._closed:
            return []
        return self._source.partitions() if self._workers is None else self._workers.partitions()

    def _state(self) -> str:
        if self._closed:
            return "closed"
        if self._workers is not None:
            return "running"
        return "idle" if self._reading is None else "iterating"

    def _refuse_if_closed(self) -> None:
        if self._closed:
            settings = self._settings
            where = "" if settings.group_id is None else f" in group {settings.group_id!r}"
            raise Closed(f"the consumer of {settings.queue_name!r}{where} is closed")

    def __enter__(self) -> "Consumer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        settings = self._settings
        group = "" if settings.group_id is None else f" group={settings.group_id!r},"
        return (
            f"Consumer(queue_name={settings.queue_name!r},{group} cluster={settings.cluster!r},"
            f" concurrency={settings.concurrency}, {self._state()})"
        )


def _checked_handler(handler: Handler) -> Handler:
    if not callable(handler):
        raise InvalidArgument(f"handler={handler!r} must be a function that takes a message")
    if inspect.iscoroutinefunction(handler):
        raise InvalidArgument("handler is a coroutine function: handlers run on threads, so it must be a plain function")
    return handler
