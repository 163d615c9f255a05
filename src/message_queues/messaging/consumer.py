"""Consuming in a Kafka consumer group: iterate over a `Consumer`, or give it a handler and `run` it.

What is committed is finished: with automatic commits, a message is finished when its handler returned or when the loop asks for the next
one; with manual commits, when the program calls `Message.ack`. Finished means the highest offset of a partition below which all is
finished. It is committed every `commit_interval_ms`, before a partition is given to another consumer, by `commit`, and by `close`.
So each message is processed at least once, and after a crash only what was not committed yet is seen again.
"""

import inspect
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from message_queues.clients import ports
from message_queues.errors import Closed, InvalidArgument, InvalidRequest
from message_queues.message import Message
from message_queues.messaging.arguments import checked_choice
from message_queues.messaging.commits import Commits
from message_queues.messaging.reading import Reading
from message_queues.messaging.workers import Workers

logger = logging.getLogger("message_queues.consumer")

OnError: TypeAlias = Literal["stop", "skip"] | Callable[[Message, Exception], None]
Handler = TypeVar("Handler", bound=Callable[[Message], object])


@dataclass(frozen=True, slots=True)
class ConsumerDescription:
    """Settings and state of a consumer at one moment."""

    queue_name: str
    group_id: str
    topics: tuple[str, ...]
    cluster: str
    concurrency: int
    prefetch_count: int
    commit: str
    state: str
    """ "idle", "iterating", "running" or "closed"."""
    partitions: tuple[str, ...]
    """The partitions that the group gave this consumer, as topic[number]."""


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """What a consumer keeps of how it was asked for."""

    queue_name: str
    group_id: str
    topics: tuple[str, ...]
    cluster: str
    concurrency: int
    prefetch_count: int
    commit: str
    commit_interval_ms: float | None
    drain_timeout_ms: float


class Consumer:
    """A member of a consumer group. Made by `MessageQueues.configure_consumer`.

    Iterate from one thread (`for message in consumer`), or `run` a handler on `concurrency` threads; not both.
    """

    def __init__(self, client: ports.Consumer, settings: ConsumerSettings) -> None:
        self._client = client
        self._settings = settings
        interval = settings.commit_interval_ms
        self._commits = Commits(client, None if interval is None else interval / 1000)
        self._reading: Reading | None = None
        self._workers: Workers | None = None
        self._handler: Callable[[Message], object] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[Message]:
        return self.messages()

    def messages(self, idle_timeout_ms: float | None = None) -> Iterator[Message]:
        """Messages one by one, in the order of each partition, until `stop`, or until none came for `idle_timeout_ms`.

        Asking for the next message finishes the one before (with automatic commits). A loop left by `break` or an exception has not
        finished the message in hand, unless it called `message.ack()`; a later loop goes on after it.

        Raises NotAuthorized, OffsetOutOfRange (with auto_offset_reset="none") and other errors that reading cannot go on after.
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

        Messages of a partition come one after the other; different partitions side by side. `on_error`: "stop" ends the run at the
        first exception of the handler and raises HandlerFailed (its message is seen again by the group); "skip" logs it and counts
        the message as finished; a callable (message, exception) decides: the message is finished if it returns.
        """
        handle = self._handler if handler is None else _checked_handler(handler)
        if handle is None:
            raise InvalidArgument("run() needs a handler: run(handler), or register one with on_message(handler)")
        workers = self._start_workers(handle, _checked_on_error(on_error))
        try:
            workers.run()
        finally:
            self.close()

    def _start_workers(self, handler: Callable[[Message], object], on_error: Callable[[Message, Exception], None]) -> Workers:
        self._refuse_if_closed()
        if self._reading is not None or self._workers is not None:
            raise InvalidRequest(f"{self!r} is in use already: a consumer is iterated over or runs a handler, once")
        settings = self._settings
        self._workers = Workers(
            self._client,
            settings.topics,
            self._commits,
            handler,
            on_error,
            concurrency=settings.concurrency,
            prefetch=settings.prefetch_count,
            automatic=settings.commit == "auto",
            drain_s=settings.drain_timeout_ms / 1000,
        )
        return self._workers

    def _read(self) -> Reading:
        self._refuse_if_closed()
        if self._workers is not None:
            raise InvalidRequest(f"{self!r} runs a handler: iterate over another consumer of the group")
        if self._reading is None:
            settings = self._settings
            self._reading = Reading(
                self._client,
                settings.topics,
                self._commits,
                batch=settings.prefetch_count,
                automatic=settings.commit == "auto",
                drain_s=settings.drain_timeout_ms / 1000,
            )
        return self._reading

    def commit(self) -> None:
        """Commit what is finished now and wait until the broker has it.

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
        """Commit what is finished and leave the group, so that others take the partitions at once. A second call does nothing."""
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
            self._client.close()

    @property
    def is_closed(self) -> bool:
        """Whether it left its group for good."""
        return self._closed

    def describe(self) -> ConsumerDescription:
        """Settings and state at this moment."""
        settings = self._settings
        partitions = tuple(str(partition) for partition in sorted(self._partitions()))
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
        )

    def _partitions(self) -> list[ports.TopicPartition]:
        if self._closed:
            return []
        return self._client.assignment() if self._workers is None else self._workers.partitions()

    def _state(self) -> str:
        if self._closed:
            return "closed"
        if self._workers is not None:
            return "running"
        return "idle" if self._reading is None else "iterating"

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Closed(f"the consumer of {self._settings.queue_name!r} in group {self._settings.group_id!r} is closed")

    def __enter__(self) -> "Consumer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        settings = self._settings
        return (
            f"Consumer(queue_name={settings.queue_name!r}, group={settings.group_id!r}, cluster={settings.cluster!r},"
            f" concurrency={settings.concurrency}, {self._state()})"
        )


def _checked_handler(handler: Handler) -> Handler:
    if not callable(handler):
        raise InvalidArgument(f"handler={handler!r} must be a function that takes a message")
    if inspect.iscoroutinefunction(handler):
        raise InvalidArgument("handler is a coroutine function: handlers run on threads, so it must be a plain function")
    return handler


def _checked_on_error(on_error: OnError) -> Callable[[Message, Exception], None]:
    if callable(on_error):
        return on_error
    return _stop if checked_choice("on_error", on_error, ("stop", "skip")) == "stop" else _skip


def _stop(_: Message, error: Exception) -> None:
    raise error


def _skip(message: Message, error: Exception) -> None:
    logger.error("the handler failed on %r, which is skipped", message, exc_info=error)
