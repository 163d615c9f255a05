"""A queue as the source of a consumer: each message is settled by itself. RabbitMQ's; `sqs_source.py` has that of SQS.

With automatic acknowledgements a message is acknowledged when its handler returned or the loop asks for the next one, unless the program
settled it before; with manual ones the program calls `ack`, `nack` or `reject`. What is not settled goes back to the queue when the
consumer closes, its connection is lost or its process dies, and is delivered again (`message.redelivered`).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeAlias

from message_queues.clients.queue_ports import QueueConsumer
from message_queues.errors import HandlerFailed, MessageQueuesError
from message_queues.message import Judge, Message, QueueMessage, QueueRecord, Settled, SettledMessage
from message_queues.messaging.arguments import checked_choice
from message_queues.messaging.consumer import ConsumerSettings, OnError

logger = logging.getLogger("message_queues.consumer")

FETCH_S = 0.1
CHUNK = 32
"""Messages that a worker takes at a time, while its handler is fast enough that nobody waits for them."""
SLOW_S = 0.001
"""A handler that takes longer for a message gets them one by one."""


class SettlingClient(Judge[Settled], Protocol[Settled]):
    """What `QueueConsumer` asks of a client of RabbitMQ, of any system's."""

    def start(self) -> None: ...
    def fetch(self, count: int, timeout_s: float) -> Sequence[Settled]: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


Made: TypeAlias = Callable[[Settled, Judge[Settled]], SettledMessage[Settled]]
"""A record as a message."""


class QueueSource:
    """One consumer's client."""

    def __init__(self, client: QueueConsumer, settings: ConsumerSettings) -> None:
        self._client = client
        self._settings = settings

    def reading(self) -> "QueueReading[QueueRecord]":
        self._client.start()
        return QueueReading(self._client, QueueMessage, batch=self._settings.prefetch_count, automatic=self._settings.is_automatic)

    def workers(self, handler: Callable[[Message], object], on_error: OnError) -> "QueueWorkers[QueueRecord]":
        if not callable(on_error):
            checked_choice("on_error", on_error, ("stop", "skip", "requeue"))
        return QueueWorkers(self._client, QueueMessage, handler, on_error, self._settings)

    def partitions(self) -> list[str]:
        return []

    def close(self) -> None:
        self._client.close()


class QueueReading(Generic[Settled]):
    """Reading by iteration, in the program's thread."""

    def __init__(self, client: SettlingClient[Settled], made: Made[Settled], *, batch: int, automatic: bool) -> None:
        self._client = client
        self._made = made
        self._batch = batch
        self._automatic = automatic
        self._ahead: Iterator[Settled] = iter(())
        self._in_hand: SettledMessage[Settled] | None = None
        self._stopping = False
        self._closed = False

    def messages(self, idle_timeout_s: float | None) -> Iterator[Message]:
        """Until `stop`, or until none came for `idle_timeout_s`."""
        client, made = self._client, self._made
        while True:
            # Whoever asks for the next one has finished the one before.
            if self._automatic and self._in_hand is not None:
                self._in_hand.ack()
            self._in_hand = None
            record = None if self._stopping else next(self._ahead, None)
            if record is not None:
                self._in_hand = message = made(record, client)
                yield message
            elif not self._refill(idle_timeout_s):
                return

    def _refill(self, idle_timeout_s: float | None) -> bool:
        deadline = None if idle_timeout_s is None else time.monotonic() + idle_timeout_s
        while not self._stopping:
            wait_s = FETCH_S if deadline is None else max(0.0, min(FETCH_S, deadline - time.monotonic()))
            batch = self._client.fetch(self._batch, wait_s)
            if batch:
                self._ahead = iter(batch)
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
        return False

    def commit(self) -> None:
        self._client.flush()

    def stop(self) -> None:
        """No more messages are handed out; may be called from a signal handler."""
        self._stopping = True

    def close(self) -> None:
        self.stop()
        if not self._closed:
            self._closed = True
            self._client.close()


class QueueWorkers(Generic[Settled]):
    """`concurrency` threads, each of which takes messages and calls the handler."""

    def __init__(
        self,
        client: SettlingClient[Settled],
        made: Made[Settled],
        handler: Callable[[Message], object],
        on_error: OnError,
        settings: ConsumerSettings,
    ) -> None:
        self._client = client
        self._made = made
        self._handler = handler
        self._on_error = on_error
        self._concurrency = settings.concurrency
        self._automatic = settings.is_automatic
        self._drain_s = settings.drain_timeout_ms / 1000
        self._stopping = False
        self._ended = threading.Event()
        self._failure: MessageQueuesError | None = None
        self._counting = threading.Lock()
        self.is_running = False

    def run(self) -> None:
        """Until `stop`, or until a handler or the reading fails. Raises HandlerFailed, or what reading cannot go on after."""
        self._client.start()
        threads = [threading.Thread(target=self._work, name=f"worker-{number}", daemon=True) for number in range(self._concurrency)]
        self.is_running = True
        for thread in threads:
            thread.start()
        try:
            # In short steps, so that Ctrl-C and signal handlers come through.
            while not self._stopping:
                self._ended.wait(FETCH_S)
        finally:
            self.stop()
            deadline = time.monotonic() + self._drain_s
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            late = sum(thread.is_alive() for thread in threads)
            if late:
                logger.warning("%d messages took longer than %g s: the queue delivers them again", late, self._drain_s)
            self.is_running = False
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Let the workers finish the message in hand, then end; may be called from a signal handler."""
        self._stopping = True

    def commit(self) -> None:
        self._client.flush()

    def partitions(self) -> list[str]:
        return []

    def _work(self) -> None:
        count = 1
        try:
            while not self._stopping:
                batch = self._client.fetch(count, FETCH_S)
                started = time.monotonic()
                for record in batch:
                    if not self._stopping:
                        self._handle(self._made(record, self._client))
                # What a stop leaves of a batch goes back to the queue when the client is closed.
                count = CHUNK if batch and (time.monotonic() - started) / len(batch) < SLOW_S else 1
        except MessageQueuesError as error:
            self._fail(error)

    def _handle(self, message: SettledMessage[Settled]) -> None:
        try:
            self._handler(message)
        except BaseException as error:
            self._failed(message, error)
            return
        if self._automatic:
            message.ack()

    def _failed(self, message: SettledMessage[Settled], error: BaseException) -> None:
        if not isinstance(error, Exception) or self._on_error == "stop":  # sys.exit() in a handler ends the run, not just this thread
            message.nack()
            self._fail(self._handler_failed(message, error))
        elif callable(self._on_error):
            try:
                self._on_error(message, error)
            except BaseException as final:
                message.nack()
                self._fail(self._handler_failed(message, final))
            else:
                message.ack()
        elif self._on_error == "requeue" and not message.redelivered:
            logger.warning("the handler failed on %r, which is tried once more", message, exc_info=error)
            message.nack()
        else:
            logger.error("the handler failed on %r, which is rejected", message, exc_info=error)
            message.reject()

    @staticmethod
    def _handler_failed(message: SettledMessage[Settled], error: BaseException) -> HandlerFailed:
        failure = HandlerFailed(f"the handler failed on {message!r}: {error!r}", message)
        failure.__cause__ = error
        return failure

    def _fail(self, failure: MessageQueuesError) -> None:
        with self._counting:
            self._failure = self._failure or failure
        self._stopping = True
        self._ended.set()
