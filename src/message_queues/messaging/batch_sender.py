"""Sending to SQS and SNS in batches: messages, or orders about them. Several batches are on their way at once, each on a thread.

A batch goes when it is full, when its first message has waited for the linger time, or when somebody waits for it. Of a batch that was
refused in part, or got no answer, what may go better the next time is sent again after a pause, until the message's time is up. So a
message may arrive twice in a standard queue; in a FIFO queue its deduplication id prevents that.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import uniform
from typing import Generic

from message_queues.clients.aws_ports import BATCH_MESSAGES, Batches, Refused, Sent
from message_queues.errors import Closed, InvalidArgument, MessageQueuesError, NotAuthorized, NotFound, TimedOut
from message_queues.message import DeliveryFailure
from message_queues.messaging.outbox import Item, OnAnswer, Outbox, Waiting

logger = logging.getLogger("message_queues.publisher")

AT_ONCE = 8
"""Batches on their way at most."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
IDLE_S = 10.0
"""A thread without work for so long ends."""


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """How messages are collected and sent."""

    linger_ms: float
    batch_messages: int
    batch_bytes: int
    buffer_messages: int
    buffer_bytes: int
    delivery_timeout_ms: int
    in_order: bool
    """Whether a message stays behind those of its group."""


class Failed:
    """Why a message was not delivered, as `Publisher.failed` asks for it."""

    __slots__ = ("error",)

    def __init__(self, error: MessageQueuesError) -> None:
        self.error = error

    def code(self) -> int:
        return 0

    def name(self) -> str:
        return type(self.error).__name__

    def str(self) -> str:
        return str(self.error)


class BatchSender(Generic[Item]):
    """One publisher's messages on their way, or one consumer's orders. For any number of threads."""

    def __init__(self, sender: Batches[Item], options: SendingOptions, name: str) -> None:
        self._sender = sender
        self._options = options
        self._name = name
        self._linger_s = options.linger_ms / 1000
        self._batch_messages = min(options.batch_messages, BATCH_MESSAGES)
        self._outbox = Outbox[Item](in_order=options.in_order)
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        self._answers = threading.Condition(lock)
        self._unanswered: set[Waiting[Item]] = set()
        self._unanswered_bytes = 0
        self._threads = 0
        self._idle = 0
        self._hurried = 0
        """Threads that wait for everything to be answered: nothing lingers."""
        self._is_over = threading.Event()

    def send(self, message: Item, on_answer: OnAnswer) -> None:
        """Hand one message over; raises BufferError while the buffer is full."""
        now = time.monotonic()
        waiting = Waiting(message, on_answer, now, now + self._options.delivery_timeout_ms / 1000)
        with self._work:
            if self._is_full(message.size):
                raise BufferError(f"{len(self._unanswered)} messages wait")
            if self._is_over.is_set():
                raise Closed(f"the publisher of {self._name!r} is closed")
            self._unanswered.add(waiting)
            self._unanswered_bytes += message.size
            self._outbox.put(waiting)
            self._wake()

    def _is_full(self, size: int) -> bool:
        options = self._options
        full_bytes = self._unanswered_bytes + size > options.buffer_bytes and bool(self._unanswered)
        return len(self._unanswered) >= options.buffer_messages or full_bytes

    def _wake(self) -> None:
        # A thread that waits for the first message's linger time takes those that join it.
        if not (self._hurried or self._outbox.ready == 1 or self._outbox.ready >= self._batch_messages):
            return
        if self._idle:
            self._work.notify()
        elif self._threads < AT_ONCE:
            self._threads += 1
            threading.Thread(target=self._run, name=f"sender-{self._name}", daemon=True).start()

    def wait_for_room(self, timeout_s: float) -> None:
        """Return once the buffer may have room, or after `timeout_s`."""
        with self._answers:
            self._answers.wait(timeout_s)

    def flush(self, timeout_s: float) -> int:
        """Send what waits; return how many messages are still unanswered."""
        with self._answers:
            self._hurried += 1
            self._work.notify_all()
            try:
                self._answers.wait_for(lambda: not self._unanswered, timeout_s)
            finally:
                self._hurried -= 1
            return len(self._unanswered)

    def purge(self) -> None:
        """Give up every message that is unanswered: each fails."""
        with self._work:
            self._outbox.clear()
            given_up = list(self._unanswered)
        gave_up = Refused(TimedOut("it was given up before it was answered"), is_final=True)
        self._answer([(each, gave_up) for each in given_up])

    def pending(self) -> int:
        """How many messages are unanswered."""
        return len(self._unanswered)

    def error(self, failure: DeliveryFailure | Exception) -> MessageQueuesError:
        return failure.error if isinstance(failure, Failed) else InvalidArgument(str(failure))

    def close(self) -> None:
        """Take no more. What is on its way may still arrive."""
        with self._work:
            self._is_over.set()
            self._work.notify_all()
            self._answers.notify_all()
            is_idle = self._threads == self._idle
        if is_idle:
            self._sender.close()

    # The threads that send.

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._deliver(batch)
            except Exception:
                logger.exception("sending to %s", self._name)
            finally:
                with self._work:
                    self._outbox.came_back(batch)
                    if self._outbox.ready:
                        self._wake()
        if self._is_over.is_set() and not self._threads:
            self._sender.close()

    def _next_batch(self) -> list[Waiting[Item]]:
        """What is to be sent next; nothing where the thread may end."""
        with self._work:
            deadline = time.monotonic() + IDLE_S
            while True:
                now = time.monotonic()
                if self._outbox.ready:
                    due = self._due()
                    if due <= now:
                        batch = self._outbox.take(self._batch_messages, self._options.batch_bytes)
                        if self._outbox.ready:
                            self._wake()
                        return batch
                elif self._is_over.is_set() or now >= deadline:
                    self._threads -= 1
                    return []
                else:
                    due = deadline
                self._idle += 1
                self._work.wait(due - now)
                self._idle -= 1

    def _due(self) -> float:
        """When the next batch is to go."""
        box, options = self._outbox, self._options
        if self._hurried or self._is_over.is_set() or box.ready >= self._batch_messages or box.ready_bytes >= options.batch_bytes:
            return 0.0
        return box.oldest() + self._linger_s

    def _deliver(self, batch: Sequence[Waiting[Item]]) -> None:
        """Until each is answered: those that may go better the next time are sent again."""
        pause_s = FIRST_PAUSE_S
        while batch := self._unexpired(batch):
            outcomes = self._send(batch)
            now = time.monotonic()
            pairs = [(each, outcome, _is_final(each, outcome, now)) for each, outcome in zip(batch, outcomes, strict=True)]
            self._answer([(each, outcome) for each, outcome, is_final in pairs if is_final])
            batch = [each for each, _, is_final in pairs if not is_final]
            if batch:
                logger.info("%d messages to %s are sent again after a pause: %s", len(batch), self._name, outcomes)
                self._is_over.wait(uniform(pause_s / 2, pause_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _unexpired(self, batch: Sequence[Waiting[Item]]) -> list[Waiting[Item]]:
        now = time.monotonic()
        late = [each for each in batch if each.deadline <= now and not each.is_answered]
        timed_out = Refused(TimedOut(f"not sent within {self._options.delivery_timeout_ms} ms"), is_final=True)
        self._answer([(each, timed_out) for each in late])
        return [each for each in batch if not each.is_answered]

    def _send(self, batch: Sequence[Waiting[Item]]) -> Sequence[Sent | Refused]:
        try:
            return self._sender.send([each.message for each in batch])
        except MessageQueuesError as error:
            # AWS has said no, or nobody has said anything.
            is_final = isinstance(error, InvalidArgument | NotFound | NotAuthorized)
            return [Refused(error, is_final)] * len(batch)

    def _answer(self, answers: Sequence[tuple[Waiting[Item], Sent | Refused]]) -> None:
        with self._answers:
            new = [(waiting, outcome) for waiting, outcome in answers if not waiting.is_answered]
            for waiting, _ in new:
                waiting.is_answered = True
        for waiting, outcome in new:
            try:
                waiting.on_answer(outcome)
            except Exception:
                logger.exception("hearing the answer to a message to %s", self._name)
        with self._answers:
            for waiting, _ in new:
                self._unanswered.discard(waiting)
                self._unanswered_bytes -= waiting.message.size
            self._answers.notify_all()


def _is_final(waiting: Waiting[Item], outcome: Sent | Refused, now: float) -> bool:
    return isinstance(outcome, Sent) or outcome.is_final or waiting.deadline <= now
