"""One queue of SQS, standard or FIFO.

A message is sent, and visible once it is stored and its delay is over; a receive makes it invisible until it is deleted or its visibility
timeout is over, when it is visible in its place again. What a receiver was told is durable: how often, until when, and that it is gone.

    Line or Groups      what can be received, and in which order
    Leases              what is in flight
    Shelf               the disk, and what of it is in memory
    Deduplication       what was sent to a FIFO queue in the last five minutes
    WaitingRoom         long polls

Source: API reference and Developer Guide of Amazon SQS; deviations and what is chosen where they say nothing stand where it is done.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Final

from message_queues.broker.clock import Timer
from message_queues.broker.sqs.ages import Ages, last_over, over_at_ms
from message_queues.broker.sqs.attempts import Attempts
from message_queues.broker.sqs.chaos import Throttle
from message_queues.broker.sqs.deduplication import Deduplication, key_of, moved_key, sent_key
from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.groups import Groups
from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.leases import Leases
from message_queues.broker.sqs.line import Line
from message_queues.broker.sqs.message import (
    SEQUENCE_BASE,
    Counts,
    NewMessage,
    Received,
    Seen,
    Sent,
    SqsMessage,
    fifo_message_id,
    md5_of,
    md5_of_system_attributes,
    moved_message_id,
    new_message_id,
)
from message_queues.broker.sqs.queue_name import QueueName
from message_queues.broker.sqs.queue_settings import settings_of
from message_queues.broker.sqs.receipt_handle import not_valid, read_handle, write_handle
from message_queues.broker.sqs.shelf import Shelf
from message_queues.broker.sqs.waiting import Done, Waiting, WaitingRoom
from message_queues.errors import (
    InvalidParameterValue,
    MessageNotInflight,
    MissingParameter,
    OverLimit,
    PurgeQueueInProgress,
    RequestThrottled,
)
from message_queues.storage.group_commit import Failures

MOST_IN_FLIGHT: Final = 120_000
LONGEST_INVISIBILITY_MS: Final = 43_200_000
PURGE_INTERVAL_MS: Final = 60_000
SWEPT_AT_ONCE: Final = 1000
"""So many messages are looked at before others get a turn."""


class SqsQueue:
    def __init__(
        self,
        name: QueueName,
        queue_id: bytes,
        attributes: Mapping[str, str],
        tags: Mapping[str, str],
        created_ms: int,
        modified_ms: int,
        home: SqsHome,
        find: "Callable[[str], SqsQueue | None]",
    ) -> None:
        """The queue as its directory has it. `find` knows queues by their ARNs. Raises StorageError and DamagedFile."""
        self.name = name
        self.arn = name.arn
        self.queue_id = queue_id
        self.attributes: dict[str, str] = dict(attributes)
        """As they were set; others have their defaults."""
        self.tags: dict[str, str] = dict(tags)
        self.created_ms = created_ms
        self.modified_ms = modified_ms
        self.settings = settings_of(self.attributes, name.is_fifo)
        self.directory = f"{home.directory}/{queue_id.hex()}"
        self._home = home
        self._find = find
        self._ages = Ages()
        self._leases = Leases()
        self._room = WaitingRoom(home.patience)
        self._throttle = Throttle()
        self._purged_ms: int | None = None
        self._unshown: deque[list[Entry]] = deque()
        """What is not durable yet, by commit."""
        self._unshown_round = -1
        self._moving_count = 0
        self._sweep_from = 0
        self._has_old_unshown = False
        self._timer: Timer | None = None
        self._is_serving = False
        self._is_closed = False
        self._attempts = Attempts()
        self._deduplication = Deduplication(home, f"{self.directory}/deduplication") if name.is_fifo else None
        self._shelf = Shelf(home, f"{self.directory}/messages", name.is_fifo, self._taken_back, self._shrink)
        self._order: Line | Groups = Groups(self._shelf, self.settings.delay_s) if name.is_fifo else Line(self._shelf)
        self._load()

    # Sending.

    def send(self, new: NewMessage) -> Sent:
        """Stored at the group commit of this turn, and visible from then on. A duplicate in a FIFO queue is not stored: the answer names
        the first one.

        Raises MissingParameter, InvalidParameterValue, RequestThrottled.
        """
        now_ms = self._home.clock.now_ms()
        md5_of_body = md5_of(new.body)
        position = self._shelf.next_position
        sequence_number = None
        deduplication_id = None
        if self._deduplication is not None:
            self._check_throttle("SendMessage", now_ms)
            deduplication_id = self._deduplication_id(new)
            key = sent_key(new.group_id, deduplication_id, self._is_scoped_by_group)
            earlier = self._deduplication.position_of(key, now_ms)
            if earlier is None:
                self._deduplication.remember(key, position, now_ms, now_ms)
            else:
                position = earlier
            message_id = fifo_message_id(self.queue_id, position)
            sequence_number = SEQUENCE_BASE + position
            is_new = earlier is None
            delay_s = 0
        else:
            message_id = new_message_id()
            is_new = True
            delay_s = self.settings.delay_s if new.delay_s is None else new.delay_s
        if is_new:
            message = SqsMessage(
                message_id,
                new.body,
                new.attributes,
                md5_of_body,
                new.md5_of_attributes,
                now_ms,
                sequence_number,
                new.group_id,
                deduplication_id,
                new.sender_id,
                new.trace_header,
                None,
            )
            self._store(message, now_ms + delay_s * 1000 if delay_s else 0)
        return Sent(
            message_id,
            md5_of_body,
            new.md5_of_attributes,
            md5_of_system_attributes(new.trace_header) if new.trace_header is not None else None,
            None if sequence_number is None else str(sequence_number),
        )

    @property
    def _is_scoped_by_group(self) -> bool:
        return self.settings.deduplication_scope == "messageGroup"

    def _deduplication_id(self, new: NewMessage) -> str:
        if new.group_id is None:
            raise MissingParameter("The request must contain the parameter MessageGroupId.")
        if new.deduplication_id is not None:
            return new.deduplication_id
        if not self.settings.content_based_deduplication:
            raise InvalidParameterValue(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
            )
        # "Amazon SQS uses a SHA-256 hash to generate the message deduplication ID using the body of the message (but not the attributes)."
        return sha256(new.body, usedforsecurity=False).hexdigest()

    def take_dead_letter(self, message: SqsMessage, receives: int, first_received_ms: int, source_arn: str) -> None:
        """A message that another queue could not get rid of. It is durable with the next group commit; see `is_failing`.

        Developer Guide, "Using dead-letter queues": "For standard queues, the expiration of a message is always based on its original
        enqueue timestamp"; "For FIFO queues, the enqueue timestamp resets when the message is moved".
        """
        sent_ms = self._home.clock.now_ms() if self.settings.is_fifo else message.sent_ms
        self._take(message.moved(message.message_id, sent_ms, source_arn, receives, first_received_ms))

    def take_moved(self, message: SqsMessage, task_id: str) -> None:
        """A message that a move task brings. Developer Guide, "Configuring a dead-letter queue redrive": "redriven messages are considered
        new messages with a new messageID and enqueueTime"."""
        self._take(message.moved(moved_message_id(message.message_id, task_id), self._home.clock.now_ms(), None, 0, 0))

    def _take(self, message: SqsMessage) -> None:
        if self._deduplication is not None:
            now_ms = self._home.clock.now_ms()
            key = moved_key(message)
            if self._deduplication.position_of(key, now_ms) is not None:
                return
            position = self._shelf.next_position
            message.sequence_number = SEQUENCE_BASE + position
            self._deduplication.remember(key, position, now_ms, now_ms)
        self._store(message, 0, is_remembered=False)

    def _store(self, message: SqsMessage, delayed_until_ms: int, is_remembered: bool = True) -> None:
        entry = self._shelf.append(message, delayed_until_ms, is_remembered)
        self._ages.add(message.sent_ms)
        round_ = self._home.group_commit.round
        if not self._unshown or self._unshown_round != round_:
            self._unshown_round = round_
            batch: list[Entry] = []
            self._unshown.append(batch)
            self._home.group_commit.when_durable(partial(self._durable, batch))
        self._unshown[-1].append(entry)

    def is_failing(self, failures: Failures) -> bool:
        """Whether this commit did not store what was sent or told."""
        return self._shelf.is_failing(failures) or (self._deduplication is not None and self._deduplication.is_failing(failures))

    def _durable(self, batch: list[Entry], failures: Failures) -> None:
        if self._is_closed:
            return
        assert self._unshown[0] is batch
        self._unshown.popleft()
        self._shelf.shown_end = batch[-1].position + 1
        now_ms = self._home.clock.now_ms()
        is_failing = self._shelf.is_failing(failures)
        order = self._order
        for entry in batch:
            if entry.is_gone:
                continue
            if is_failing:
                # It is written and perhaps not synced: its sender was told that it is not there.
                self._unsent(entry)
                self._shelf.settle(entry)
            else:
                order.arrive(entry, now_ms)
        if self._room:
            self._serve(now_ms)
        self._has_old_unshown = False
        self._plan()

    def _taken_back(self, positions: set[int]) -> None:
        """These could not be written: their senders hear of it."""
        for batch in self._unshown:
            for entry in batch:
                if entry.position in positions and not entry.is_gone:
                    self._unsent(entry)
                    self._shelf.drop(entry)

    def _unsent(self, entry: Entry) -> None:
        self._ages.remove(entry.sent_ms)
        if self._deduplication is not None and entry.message is not None:
            message = entry.message
            self._deduplication.forget(key_of(message, self._is_scoped_by_group), entry.position)
            self._deduplication.forget(moved_key(message), entry.position)

    # Receiving.

    def receive(self, count: int, visibility_s: int | None, wait_s: float, attempt_id: str | None, done: Done) -> Waiting:
        """Calls `done` at once if a message is visible or nothing is waited for; else when one comes, the longest waiting first, or
        time is over. Who is told answers once everything is durable.

        Raises OverLimit: 120,000 messages are in flight in a standard queue ("short polling … returns the OverLimit error"; a long poll
        waits, and a FIFO queue returns nothing). Raises RequestThrottled.
        """
        now_ms = self._tick()
        waiting = Waiting(count, visibility_s, attempt_id, done)
        if self._deduplication is not None:
            self._check_throttle("ReceiveMessage", now_ms)
        elif len(self._leases) >= MOST_IN_FLIGHT and wait_s <= 0:
            raise OverLimit("Too many messages in flight")
        received = self._receive(waiting, now_ms, is_short_poll=wait_s <= 0)
        if received or wait_s <= 0 or self._is_closed:
            waiting.answer(received)
        else:
            self._room.take_in(waiting, wait_s)
        self._plan()
        return waiting

    def _serve(self, now_ms: int) -> None:
        """Those who wait get what is visible."""
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while (waiting := self._room.first()) is not None:
                received = self._receive(waiting, now_ms)
                if not received:
                    break
                waiting.answer(received)
        finally:
            self._is_serving = False

    def _receive(self, waiting: Waiting, now_ms: int, is_short_poll: bool = False) -> Sequence[Received]:
        settings = self.settings
        visibility_s = settings.visibility_timeout_s if waiting.visibility_s is None else waiting.visibility_s
        until_ms = now_ms + visibility_s * 1000
        if waiting.attempt_id is not None and self._deduplication is not None:
            earlier = self._attempts.find(waiting.attempt_id, self._leases, now_ms)
            if earlier is not None:
                return self._give_again(waiting.attempt_id, earlier, until_ms, now_ms)
        count = min(waiting.count, MOST_IN_FLIGHT - len(self._leases))
        if count <= 0 or self._order.is_empty():
            return ()
        chaos = self._home.chaos if self._deduplication is None else None
        if chaos is not None and is_short_poll and chaos.misses():
            return ()
        redrive = settings.redrive
        dead_letters = self._find(redrive.target_arn) if redrive is not None else None
        most_receives = redrive.max_receive_count if redrive is not None and dead_letters is not None else 0
        taken: list[Entry] = []
        passed_over: list[Entry] = []
        skips = chaos.skips() if chaos is not None else 0
        for entry in self._order.offered(now_ms):
            if most_receives and entry.receive_count >= most_receives and dead_letters is not None:
                self._bury(entry, dead_letters)
            elif len(passed_over) < skips:
                passed_over.append(entry)
            else:
                taken.append(entry)
                if len(taken) >= count:
                    break
        for entry in passed_over:
            if len(taken) < count:
                taken.append(entry)
            else:
                self._order.put_back(entry)
        received = [self._give(entry, until_ms, now_ms) for entry in taken]
        for entry in taken:
            if not visibility_s or (chaos is not None and chaos.delivers_twice()):
                self._leases.give_up(entry.position)
                entry.until_ms = now_ms
                self._order.put_back(entry)
        if waiting.attempt_id is not None and self._deduplication is not None:
            self._attempts.note(waiting.attempt_id, taken, until_ms, now_ms)
        return received

    def _give(self, entry: Entry, until_ms: int, now_ms: int) -> Received:
        entry.receive_count += 1
        if entry.receive_count == 1:
            entry.first_received_ms = now_ms
        entry.received_ms = now_ms
        self._leases.hold(entry, until_ms)
        self._shelf.note(entry)
        return self._told(entry)

    def _told(self, entry: Entry) -> Received:
        shelf = self._shelf
        message = shelf.message_of(entry)
        handle = write_handle(self.queue_id, entry.position, entry.receive_count, message.message_id)
        earlier = message.earlier_receives
        first_ms = message.earlier_received_ms if earlier else entry.first_received_ms
        if shelf.is_short:
            shelf.let_go(entry)
        return Received(message, handle, earlier + entry.receive_count, first_ms)

    def _give_again(self, attempt_id: str, entries: Sequence[Entry], until_ms: int, now_ms: int) -> Sequence[Received]:
        for entry in entries:
            self._leases.hold(entry, until_ms)
            self._shelf.note(entry)
        self._attempts.note(attempt_id, entries, until_ms, now_ms)
        return [self._told(entry) for entry in entries]

    def _check_throttle(self, action: str, now_ms: int) -> None:
        """Developer Guide, "Amazon SQS message quotas": "300 API calls per second per API method" of a FIFO queue without high throughput.
        Only where chaos is asked for: a laptop has no need to be protected."""
        if self._home.chaos is not None and not self.settings.is_high_throughput and not self._throttle.admits(action, now_ms):
            raise RequestThrottled("Rate exceeded.")

    # What becomes of a received message.

    def delete(self, receipt_handle: str) -> None:
        """A handle of an earlier receive succeeds and deletes nothing; in a FIFO queue it is refused, as one whose time is over.

        API reference, DeleteMessage: "you must provide the most recently received ReceiptHandle for the message (otherwise, the request
        succeeds, but the message will not be deleted)". Raises ReceiptHandleIsInvalid, InvalidParameterValue, RequestThrottled.
        """
        receipt = read_handle(receipt_handle)
        if receipt.queue_id != self.queue_id:
            raise not_valid(receipt_handle)
        now_ms = self._tick()
        if self._deduplication is not None:
            self._check_throttle("DeleteMessage", now_ms)
        entry = self._received(receipt.position, receipt.message_id)
        if entry is None:
            return
        is_latest = entry.receive_count & 0xFFFFFFFF == receipt.receive_number
        if self._deduplication is not None:
            if not is_latest or receipt.position not in self._leases:
                raise InvalidParameterValue(
                    f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
                )
        elif not is_latest:
            return
        self._remove(entry, now_ms)
        if self._room:
            # Its group may go on, and fewer are in flight.
            self._serve(now_ms)

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        """Raises ReceiptHandleIsInvalid, InvalidParameterValue, MessageNotInflight."""
        receipt = read_handle(receipt_handle)
        if receipt.queue_id != self.queue_id:
            raise not_valid(receipt_handle)
        now_ms = self._tick()
        entry = self._received(receipt.position, receipt.message_id)
        if entry is None or entry.receive_count & 0xFFFFFFFF != receipt.receive_number:
            raise InvalidParameterValue(
                f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for "
                "visibility timeout change."
            )
        if receipt.position not in self._leases:
            raise MessageNotInflight("The message referred to isn't in flight.")
        until_ms = now_ms + seconds * 1000
        # "Keep in mind that you have a maximum of 12 hours … from the time you receive the message."
        if until_ms > entry.received_ms + LONGEST_INVISIBILITY_MS:
            raise InvalidParameterValue(
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond "
                f"the limit [{LONGEST_INVISIBILITY_MS // 1000} seconds]"
            )
        if seconds:
            self._leases.hold(entry, until_ms)
            self._shelf.note(entry)
        else:
            self._leases.give_up(entry.position)
            entry.until_ms = now_ms
            self._shelf.note(entry)
            self._order.put_back(entry)
            if self._room:
                self._serve(now_ms)
        self._plan()

    def _received(self, position: int, message_id: bytes) -> Entry | None:
        """A message that is there and was received before."""
        entry = self._shelf.known.get(position)
        if entry is None or entry.is_moving or not entry.receive_count:
            return None
        if entry.message is not None and entry.message.message_id != str_id(message_id):
            return None
        return entry

    def _remove(self, entry: Entry, now_ms: int) -> None:
        """Of one that is in flight, or known and visible."""
        was_in_flight = self._leases.give_up(entry.position) is not None
        self._settle(entry, now_ms)
        if was_in_flight:
            self._order.ended(entry)
        else:
            self._order.removed(entry)

    def _settle(self, entry: Entry, now_ms: int) -> None:
        """The message goes, from memory at once."""
        self._ages.remove(entry.sent_ms)
        if self._deduplication is None or not self._leave_trace(entry, now_ms):
            self._shelf.settle(entry)
            return
        self._shelf.drop(entry)
        self._home.group_commit.when_durable(partial(self._traced, entry.position))

    def _leave_trace(self, entry: Entry, now_ms: int) -> bool:
        deduplication = self._deduplication
        assert deduplication is not None
        message = self._shelf.message_of(entry)
        # One of the two is remembered, if any.
        return deduplication.leave_trace(key_of(message, self._is_scoped_by_group), entry.position, now_ms) or deduplication.leave_trace(
            moved_key(message), entry.position, now_ms
        )

    def _traced(self, position: int, failures: Failures) -> None:
        if not self._is_closed:
            self._shelf.settle_position(position)

    def purge(self) -> None:
        """All messages go, also those in flight. Raises PurgeQueueInProgress and StorageError."""
        now_ms = self._tick()
        if self._purged_ms is not None and now_ms - self._purged_ms < PURGE_INTERVAL_MS:
            raise PurgeQueueInProgress(f"Only one PurgeQueue operation on {self.name.name} is allowed every 60 seconds.")
        self._purged_ms = now_ms
        if self._deduplication is not None:
            self._deduplication.leave_all_traces(now_ms)
        for batch in self._unshown:
            for entry in batch:
                entry.is_gone = True
        self._order.clear()
        self._leases.clear()
        self._attempts.clear()
        self._ages.clear()
        self._moving_count = 0
        self._shelf.purge()

    # Dead letters.

    def _bury(self, entry: Entry, dead_letters: "SqsQueue") -> None:
        """It was received too often: it goes to the other queue, and from here once it is stored there."""
        message = self._shelf.message_of(entry)
        first_ms = message.earlier_received_ms or entry.first_received_ms
        dead_letters.take_dead_letter(message, message.earlier_receives + entry.receive_count, first_ms, self.arn)
        self.leave(entry)
        self._home.group_commit.when_durable(partial(self._moved, entry, dead_letters))

    def leave(self, entry: Entry) -> None:
        """One that was offered is on its way to another queue."""
        entry.is_moving = True
        self._moving_count += 1
        self._order.ended(entry)

    def _moved(self, entry: Entry, target: "SqsQueue", failures: Failures) -> None:
        self.left(entry, target.is_failing(failures))

    def left(self, entry: Entry, has_failed: bool) -> None:
        """The other queue has it, or could not store it."""
        if self._is_closed or entry.is_gone:
            return
        self._moving_count -= 1
        entry.is_moving = False
        now_ms = self._home.clock.now_ms()
        if has_failed:
            self._order.take_in(entry, is_in_flight=False)
            self._serve(now_ms)
        else:
            self._settle(entry, now_ms)

    def take_for_move(self, count: int) -> list[tuple[Entry, SqsMessage]]:
        """Visible messages for a move task; each is to be told by `left` what has become of it."""
        now_ms = self._tick()
        taken: list[tuple[Entry, SqsMessage]] = []
        if count <= 0:
            return taken
        for entry in self._order.offered(now_ms):
            taken.append((entry, self._shelf.message_of(entry)))
            if len(taken) >= count:
                break
        for entry, _ in taken:
            self.leave(entry)
        return taken

    # Time.

    def _tick(self) -> int:
        """What is visible again by now is so; returns the time."""
        now_ms = self._home.clock.now_ms()
        over = self._leases.take_over(now_ms)
        for entry in over:
            self._order.put_back(entry)
        if (self._order.release_due(now_ms) or over) and self._room:
            self._serve(now_ms)
        return now_ms

    def _on_time(self) -> None:
        now_ms = self._tick()
        self._sweep(now_ms)
        self._plan()

    def _plan(self) -> None:
        """One timer, for what comes first."""
        deadline_ms = self._next_ms()
        if deadline_ms is None or self._is_closed:
            return
        timer = self._timer
        if timer is not None and timer.is_pending:
            if timer.deadline_ms <= deadline_ms:
                return
            timer.cancel()
        self._timer = self._home.timers.at(deadline_ms, self._on_time)

    def _next_ms(self) -> int | None:
        moments = [self._leases.next_end_ms(), self._order.next_due_ms()]
        second = self._ages.oldest_second()
        if second is not None and not self._has_old_unshown:
            moments.append(over_at_ms(second, self.settings.retention_s))
        return min((moment for moment in moments if moment is not None), default=None)

    def _sweep(self, now_ms: int) -> None:
        """Messages that are over their retention go, wherever they are, the oldest first."""
        last_second = last_over(now_ms, self.settings.retention_s)
        oldest = self._ages.oldest_second()
        if oldest is None or oldest > last_second:
            return
        left = self._ages.count_until(last_second)
        unheld: list[tuple[int, int]] = []
        for looked_at, stored in enumerate(self._shelf.all_shown(self._sweep_from), 1):
            self._sweep_from = stored[0] + 1
            times = self._shelf.times_of(stored)
            if times.sent_ms // 1000 <= last_second:
                entry = self._shelf.known.get(stored[0])
                if entry is None:
                    if self._deduplication is not None:
                        passing = self._shelf.entry_of(stored)
                        self._leave_trace(passing, now_ms)
                        self._shelf.let_go(passing)
                    self._ages.remove(times.sent_ms)
                    unheld.append((stored[0], times.delayed_until_ms))
                elif not entry.is_moving:
                    self._remove(entry, now_ms)
                left -= 1
            if not left or looked_at >= SWEPT_AT_ONCE:
                break
        else:
            # What is left is not durable yet.
            self._has_old_unshown = True
            self._sweep_from = 0
        if not left:
            self._sweep_from = 0
        if unheld:
            self._order.drop(unheld, now_ms)
        if self._room:
            self._serve(now_ms)

    # Looking.

    def counts(self) -> Counts:
        self._tick()
        return Counts(self._order.visible_count, len(self._leases) + self._moving_count, self._order.delayed_count)

    def oldest_age_s(self) -> int:
        """Of the oldest message, whatever its state; 0 if there is none."""
        second = self._ages.oldest_second()
        return 0 if second is None else max(0, self._home.clock.now_ms() // 1000 - second)

    def peek(self, count: int) -> list[Seen]:
        """The oldest messages, whatever their state; nothing is changed by it."""
        now_ms = self._tick()
        seen: list[Seen] = []
        if count <= 0:
            return seen
        for stored in self._shelf.all_shown():
            entry = self._shelf.known.get(stored[0])
            message = self._shelf.peeked(stored)
            delayed_until_ms = self._shelf.times_of(stored).delayed_until_ms
            if self.settings.is_fifo:
                delayed_until_ms = message.sent_ms + self.settings.delay_s * 1000
            receives = entry.receive_count if entry is not None else 0
            is_delayed = not receives and delayed_until_ms > now_ms
            is_out = stored[0] in self._leases or (entry is not None and entry.is_moving)
            first_ms = message.earlier_received_ms or (entry.first_received_ms if entry is not None and receives else None)
            seen.append(Seen(message, message.earlier_receives + receives, first_ms, not is_out and not is_delayed, is_delayed))
            if len(seen) >= count:
                break
        return seen

    def explain(self) -> Sequence[str]:
        """Why a receive would return nothing now, or less than there is."""
        counts = self.counts()
        reasons: list[str] = []
        if not any(counts):
            reasons.append("the queue is empty")
        if counts.delayed:
            due_ms = self._order.next_due_ms()
            reasons.append(f"{counts.delayed} messages are delayed, the first until {due_ms} ms")
        if counts.not_visible:
            end_ms = self._leases.next_end_ms()
            until = f", the first until {end_ms} ms" if end_ms is not None else ""
            reasons.append(f"{counts.not_visible} messages are in flight{until}")
        if len(self._leases) >= MOST_IN_FLIGHT:
            reasons.append(f"no more than {MOST_IN_FLIGHT} messages may be in flight")
        if isinstance(self._order, Groups):
            reasons += [self._blocked(entry) for entry in self._order.blocking(self._leases.entries())]
        else:
            reasons += self._order.reasons()
        redrive = self.settings.redrive
        if redrive is not None and self._find(redrive.target_arn) is None:
            reasons.append(f"the dead-letter queue {redrive.target_arn} does not exist: messages stay here however often they are received")
        if self._unshown:
            reasons.append(f"{sum(map(len, self._unshown))} messages are not durable yet")
        return reasons

    def _blocked(self, entry: Entry) -> str:
        message = self._shelf.message_of(entry)
        return f"group {message.group_id} is blocked until message {message.message_id} is deleted or visible, at {entry.until_ms} ms"

    # Attributes.

    def heed(self, attributes: Mapping[str, str], modified_ms: int) -> None:
        """The attributes that the queue has from now on."""
        self.attributes = dict(attributes)
        self.modified_ms = modified_ms
        chaos = self._home.chaos
        if chaos is not None:
            self._home.timers.after(chaos.change_delay_ms(), self._apply_settings)
        else:
            self._apply_settings()

    def _apply_settings(self) -> None:
        if self._is_closed:
            return
        self.settings = settings_of(self.attributes, self.name.is_fifo)
        now_ms = self._home.clock.now_ms()
        self._order.change_delay(self.settings.delay_s, now_ms)
        self._sweep_from = 0
        if self._room:
            self._serve(now_ms)
        self._plan()

    # The beginning and the end.

    def _load(self) -> None:
        """What the disk has: each message in its state."""
        shelf, order, deduplication = self._shelf, self._order, self._deduplication
        now_ms = self._home.clock.now_ms()
        remembered_from_ms = now_ms - 5 * 60 * 1000
        present: list[tuple[int, int, str]] = []
        for stored in shelf.all_shown():
            position = stored[0]
            if deduplication is not None and position in deduplication.deleted:
                shelf.settle_position(position)
                continue
            times = shelf.times_of(stored)
            self._ages.add(times.sent_ms)
            if deduplication is not None and times.sent_ms > remembered_from_ms:
                message = shelf.peeked(stored)
                is_sent = shelf.is_remembered(stored)
                key = key_of(message, self._is_scoped_by_group) if is_sent else moved_key(message)
                present.append((times.sent_ms, position, key))
            if stored[5] is not None:
                entry = shelf.entry_of(stored)
                if not shelf.has_room():
                    shelf.let_go(entry)
                is_in_flight = entry.until_ms > now_ms
                if is_in_flight:
                    self._leases.hold(entry, entry.until_ms)
                order.take_in(entry, is_in_flight)
            else:
                order.take_in_unreceived(stored, times, now_ms)
        if deduplication is not None:
            deduplication.loaded(present)
        self._plan()

    def _shrink(self) -> None:
        self._order.shrink()
        for entry in self._leases.entries():
            self._shelf.let_go(entry)

    def close(self) -> None:
        """What is stored stays; who waits gets nothing."""
        self._stop()
        self._shelf.close()
        if self._deduplication is not None:
            self._deduplication.close()

    def delete_all(self) -> None:
        """The queue is deleted, with all that is in it."""
        self._stop()
        self._shelf.delete()
        if self._deduplication is not None:
            self._deduplication.delete()
        self._home.remove_files(self.directory)

    def _stop(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._room.dismiss_all()
        self._order.clear()
        self._leases.clear()
        self._unshown.clear()


def str_id(message_id: bytes) -> str:
    digits = message_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
