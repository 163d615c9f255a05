"""Reading an SQS queue: long polls, a bounded number of messages ahead, their visibility kept up by a heartbeat, deletions in tens.

While nothing comes, one long poll of 20 s waits. While the queue answers with full hands, several poll at once. A message that is held,
in hand or not, is made invisible again for the same time when half of it is over; so a handler may take as long as it likes, up to the 12
hours that SQS allows. What is held when the consumer closes is made visible at once.
"""

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from message_queues.clients.aws_ports import BATCH_MESSAGES, ReceivedMessage, Receiver, Refused, Sent
from message_queues.errors import Closed, InvalidArgument, MessageQueuesError, NotAuthorized, NotFound
from message_queues.message import Verdict
from message_queues.messaging.sqs_inbox import Inbox
from message_queues.messaging.sqs_message import SqsRecord
from message_queues.messaging.sqs_orders import Deletion, VisibilityChange, deletions, visibility_changes

logger = logging.getLogger("message_queues.consumer")

WAIT_S = 20
"""The longest that SQS lets a poll wait; every poll costs."""
MOST_POLLS = 8
GRACE_S = 0.2
"""A poll that is being answered is awaited when the consumer closes; one that waits is ended."""
CLOSE_S = 5.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
LONGEST_BACKOFF_S = 900
LONGEST_VISIBILITY_S = 43_200


@dataclass(frozen=True, slots=True)
class SqsConsumerOptions:
    """What to read, how much of it at a time, and what becomes of what is given back."""

    queue: str
    prefetch: int
    visibility_s: int
    is_fifo: bool
    is_redriven: bool
    """Whether the queue has a redrive policy: then what is rejected is left to it, else it is dropped."""
    retry_delay_ms: float = 0
    """Before a message that was given back is delivered again; twice as long each time, up to 15 minutes."""


class SqsConsumer:
    """One consumer's client."""

    def __init__(self, receiver: Receiver, options: SqsConsumerOptions) -> None:
        self._receiver = receiver
        self._options = options
        patience_s = options.visibility_s or CLOSE_S
        self._deletions = deletions(receiver, options.queue, patience_s)
        self._changes = visibility_changes(receiver, options.queue, patience_s)
        self._inbox = Inbox(in_order=options.is_fifo)
        lock = threading.Lock()
        self._arrived = threading.Condition(lock)
        self._room_made = threading.Condition(lock)
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._worth_polling = min(BATCH_MESSAGES, -(-options.prefetch // 2))
        self._polling = 0
        self._asked = 0
        """Messages that polls on their way may bring."""
        self._is_busy = False
        """Whether the last answer had at least half of what was asked for."""
        self._is_away = False
        """Whether the last poll failed in a way that may pass."""
        self._pollers = 0
        self._failure: MessageQueuesError | None = None

    # From the program's threads.

    def start(self) -> None:
        """Begin to poll."""
        with self._room_made:
            self._start_poller()
            if self._options.visibility_s:
                self._start(self._beat, "heartbeat")

    def fetch(self, count: int, timeout_s: float) -> Sequence[SqsRecord]:
        """Up to `count` messages, as soon as there is one. Raises what reading cannot go on after."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._inbox.has_ready or self._failure is not None or self._is_over.is_set(), timeout_s)
            taken = self._inbox.take(count)
            if not taken and self._failure is not None:
                raise self._failure
        return taken

    def settle(self, record: SqsRecord, verdict: Verdict) -> None:
        """Say what became of a message; nothing happens once the consumer is closed. From any thread."""
        if verdict is Verdict.ACK or (verdict is Verdict.REJECT and not self._options.is_redriven):
            self._finish(record)
        else:
            self._give_back(record)

    def flush(self) -> None:
        """Return once SQS has answered to all that was settled so far."""
        while self._deletions.flush(CLOSE_S) or self._changes.flush(CLOSE_S):
            if self._is_over.is_set():
                return

    def close(self) -> None:
        """Settle what was said, and make visible what is held."""
        with self._room_made:
            self._is_over.set()
            self._room_made.notify_all()
            self._arrived.notify_all()
        self._end_polls()
        with self._room_made:
            held = self._inbox.clear()
        for record in held:
            self._change(record, 0)
        for orders in (self._deletions, self._changes):
            if orders.flush(CLOSE_S):
                orders.purge()
            orders.close()
        self._receiver.close()

    def _end_polls(self) -> None:
        deadline = time.monotonic() + GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._receiver.interrupt()
        deadline = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # Settling.

    def _finish(self, record: SqsRecord) -> None:
        with self._room_made:
            was_held = self._inbox.done(record)
            self._changed()
        if was_held or not self._is_over.is_set():
            self._deletions.send(Deletion(record.received.receipt_handle), lambda outcome: self._deleted(record, outcome))

    def _deleted(self, record: SqsRecord, outcome: Sent | Refused) -> None:
        if isinstance(outcome, Refused):
            logger.warning("message %s of %s is delivered again: %s", record.received.message_id, record.queue, outcome.error)

    def _give_back(self, record: SqsRecord) -> None:
        with self._room_made:
            if record not in self._inbox.held:
                return
            behind = self._inbox.give_back(record)
            self._changed()
        self._change(record, self._backoff_s(record))
        for each in behind:
            self._change(each, 0)

    def _backoff_s(self, record: SqsRecord) -> int:
        delay_s = self._options.retry_delay_ms / 1000
        again = min(record.receive_count - 1, 20)
        return min(LONGEST_BACKOFF_S, round(delay_s * 2.0**again))

    def _change(self, record: SqsRecord, seconds: int) -> None:
        self._changes.send(VisibilityChange(record.received.receipt_handle, seconds), lambda outcome: self._given_back(record, outcome))

    def _given_back(self, record: SqsRecord, outcome: Sent | Refused) -> None:
        if isinstance(outcome, Refused):
            logger.info("message %s of %s comes back by itself: %s", record.received.message_id, record.queue, outcome.error)

    def _changed(self) -> None:
        """There is room, and the next of a group may be ready."""
        self._room_made.notify()
        if self._inbox.has_ready:
            self._arrived.notify()

    # Polling.

    def _start(self, run: Callable[[], None], role: str) -> None:
        thread = threading.Thread(target=run, name=f"{role}-{self._options.queue}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _start_poller(self) -> None:
        self._pollers += 1
        self._start(self._poll, "poller")

    def _poll(self) -> None:
        while count := self._count_to_ask():
            try:
                messages = self._receive(count)
            except Exception as error:
                self._ended(error)
                messages = []
            with self._arrived:
                self._polling -= 1
                self._asked -= count
                self._take_in(messages)
                self._is_busy = 2 * len(messages) >= count
                if self._is_busy and self._pollers < MOST_POLLS and self._room() >= self._worth_polling and not self._is_over.is_set():
                    self._start_poller()
                self._room_made.notify()

    def _count_to_ask(self) -> int:
        """Wait until another poll is of use; 0 where there is to be none."""
        with self._room_made:
            while not self._is_over.is_set() and self._failure is None:
                room = self._room()
                if room >= self._worth_polling and (self._is_busy or not self._polling):
                    count = min(room, BATCH_MESSAGES)
                    self._polling += 1
                    self._asked += count
                    return count
                self._room_made.wait()
            self._room_made.notify_all()
            return 0

    def _room(self) -> int:
        return self._options.prefetch - len(self._inbox.held) - self._asked

    def _receive(self, count: int) -> Sequence[ReceivedMessage]:
        """Once; after a failure that may pass, again until it goes. Raises what reading cannot go on after."""
        # SQS API reference, ReceiveMessage: with the same attempt id a FIFO queue answers again what got lost on its way.
        attempt_id = str(uuid.uuid4()) if self._options.is_fifo else None
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                messages = self._receiver.receive(count, WAIT_S, attempt_id)
                self._is_away = False
                return messages
            except (Closed, InvalidArgument, NotFound, NotAuthorized):
                raise
            except MessageQueuesError as error:
                # Once, however many polls fail and how often.
                logger.log(
                    logging.INFO if self._is_away else logging.WARNING, "reading %s: %s; it is tried again", self._options.queue, error
                )
                self._is_away = True
            if self._is_over.wait(pause_s):
                raise Closed("the consumer is closed")
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _ended(self, error: Exception) -> None:
        with self._arrived:
            if not self._is_over.is_set() and self._failure is None:
                ours = error if isinstance(error, MessageQueuesError) else MessageQueuesError(f"reading {self._options.queue}: {error!r}")
                self._failure = ours
            self._arrived.notify_all()

    def _take_in(self, messages: Sequence[ReceivedMessage]) -> None:
        deadline = time.monotonic() + (self._options.visibility_s or LONGEST_VISIBILITY_S)
        for message in messages:
            self._inbox.put(SqsRecord(message, self._options.queue, deadline))
        if messages:
            self._arrived.notify(len(messages))

    # The heartbeat.

    def _beat(self) -> None:
        visibility_s = self._options.visibility_s
        while not self._is_over.wait(visibility_s / 4):
            now = time.monotonic()
            with self._arrived:
                due = [record for record in self._inbox.held if record.deadline - now <= visibility_s / 2]
                for record in due:
                    record.deadline = now + visibility_s
            for record in due:
                self._keep(record)

    def _keep(self, record: SqsRecord) -> None:
        def answered(outcome: Sent | Refused) -> None:
            if isinstance(outcome, Refused):
                self._lost(record, outcome.error)

        self._changes.send(VisibilityChange(record.received.receipt_handle, self._options.visibility_s), answered)

    def _lost(self, record: SqsRecord, error: MessageQueuesError) -> None:
        with self._room_made:
            if record not in self._inbox.held:
                return
            is_waiting = self._inbox.lose(record)
            record.deadline = math.inf
            self._changed()
        what = "not begun" if is_waiting else "in hand"
        logger.warning(
            "message %s of %s, %s, may be delivered to another consumer too: %s", record.received.message_id, record.queue, what, error
        )
