"""One queue of SQS, standard or FIFO.

A message is sent, and visible once it is stored and its delay is over; a receive makes it invisible until it is deleted or its visibility
timeout is over, when it is visible in its place again. What a receiver was told is durable: how often, until when, and that it is gone.

    Stock               the messages, each in its state
    Line or Groups      what can be received, and in which order
    WaitingRoom         long polls

Source: API reference and Developer Guide of Amazon SQS; deviations and what is chosen where they say nothing stand where it is done.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from message_queues.broker.clock import Timer
from message_queues.broker.sqs.attempts import Attempts
from message_queues.broker.sqs.chaos import Throttle
from message_queues.broker.sqs.deduplication import Deduplication, moved_key, sent_key
from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.looking import reasons, seen
from message_queues.broker.sqs.message import (
    SEQUENCE_BASE,
    Counts,
    NewMessage,
    Received,
    Seen,
    Sent,
    SqsMessage,
    accepted,
    answer,
    fifo_id,
    md5_of,
    moved_id,
    new_id,
    uuid_text,
)
from message_queues.broker.sqs.queue_name import QueueName
from message_queues.broker.sqs.queue_settings import settings_of
from message_queues.broker.sqs.receipt_handle import Receipt, not_valid, read_handle, write_handle
from message_queues.broker.sqs.stock import Stock
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

LONGEST_INVISIBILITY_MS: Final = 43_200_000
PURGE_INTERVAL_MS: Final = 60_000


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
        self._room = WaitingRoom(home.patience)
        self._attempts = Attempts()
        self._throttle = Throttle()
        self._purged_ms: int | None = None
        self._timer: Timer | None = None
        self._is_serving = False
        self._is_closed = False
        self._stock = Stock(home, self.directory, self.settings, self._shown)
        self._plan()

    # Sending.

    def send(self, new: NewMessage) -> Sent:
        """Stored at the group commit of this turn, and visible from then on. A duplicate in a FIFO queue is not stored: the answer names
        the first one.

        Raises MissingParameter, InvalidParameterValue, RequestThrottled.
        """
        now_ms = self._home.clock.now_ms()
        if self._stock.deduplication is not None:
            return self._send_once(new, self._stock.deduplication, now_ms)
        delay_s = self.settings.delay_s if new.delay_s is None else new.delay_s
        message = accepted(new_id(), new, now_ms, None)
        self._stock.add(message, now_ms + delay_s * 1000 if delay_s else 0)
        return answer(message.message_id, message.md5_of_body, new, None)

    def _send_once(self, new: NewMessage, deduplication: Deduplication, now_ms: int) -> Sent:
        self._check_throttle("SendMessage", now_ms)
        deduplication_id = self._deduplication_id(new)
        key = sent_key(new.group_id, deduplication_id, self.settings.is_scoped_by_group)
        position = deduplication.position_of(key, now_ms)
        if position is not None:
            # The sums are of what was sent now: SDKs check them.
            return answer(uuid_text(fifo_id(self.queue_id, position)), md5_of(new.body), new, SEQUENCE_BASE + position)
        position = self._stock.shelf.next_position
        message = accepted(fifo_id(self.queue_id, position), new, now_ms, SEQUENCE_BASE + position)
        message.deduplication_id = deduplication_id
        deduplication.remember(key, position, now_ms, now_ms)
        self._stock.add(message, 0)
        return answer(message.message_id, message.md5_of_body, new, message.sequence_number)

    def _deduplication_id(self, new: NewMessage) -> str:
        if new.group_id is None:
            raise MissingParameter("The request must contain the parameter MessageGroupId.")
        if new.deduplication_id is not None:
            return new.deduplication_id
        if not self.settings.content_based_deduplication:
            raise InvalidParameterValue(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
            )
        # "Amazon SQS uses a SHA-256 hash to generate the MessageDeduplicationId using the body of the message (but not the attributes …)."
        return sha256(new.body, usedforsecurity=False).hexdigest()

    def take_dead_letter(self, message: SqsMessage, receives: int, first_received_ms: int, source_arn: str) -> None:
        """A message that another queue could not get rid of. It is durable with the next group commit; see `is_failing`.

        Developer Guide, "Using dead-letter queues": "For standard queues, the expiration of a message is always based on its original
        enqueue timestamp"; "For FIFO queues, the enqueue timestamp resets when the message is moved". "When a message is moved
        from a FIFO queue to a FIFO DLQ, the original message's deduplication ID will be replaced with the original message's ID."
        """
        sent_ms = self._home.clock.now_ms() if self.settings.is_fifo else message.sent_ms
        dead = message.moved(message.id_bytes, sent_ms, source_arn, receives, first_received_ms)
        if self.settings.is_fifo:
            dead.deduplication_id = message.message_id
        self._take(dead)

    def take_moved(self, message: SqsMessage, task_id: str) -> None:
        """A message that a move task brings. Developer Guide, "… configure a dead-letter queue redrive": "All redriven messages are
        considered new messages with a new messageID and enqueueTime"."""
        self._take(message.moved(moved_id(message.id_bytes, task_id), self._home.clock.now_ms(), None, 0, 0))

    def _take(self, message: SqsMessage) -> None:
        deduplication = self._stock.deduplication
        if deduplication is not None:
            now_ms = self._home.clock.now_ms()
            key = moved_key(message)
            if deduplication.position_of(key, now_ms) is not None:
                return
            position = self._stock.shelf.next_position
            message.sequence_number = SEQUENCE_BASE + position
            deduplication.remember(key, position, now_ms, now_ms)
        self._stock.add(message, 0, is_remembered=False)

    def is_failing(self, failures: Failures) -> bool:
        """Whether this commit did not store what was sent or told."""
        return self._stock.is_failing(failures)

    def _shown(self) -> None:
        """There may be messages that were not visible before."""
        if self._room:
            self._serve(self._home.clock.now_ms())
        self._plan()

    # Receiving.

    def receive(self, count: int, visibility_s: int | None, wait_s: float, attempt_id: str | None, done: Done) -> Waiting:
        """Calls `done` at once if a message is visible or nothing is waited for; else when one comes, the longest waiting first, or
        time is over. Who is told answers once everything is durable.

        Raises OverLimit if 120,000 messages of a standard queue are in flight: API reference, "If you reach this limit, Amazon SQS returns
        the OverLimit error message". A long poll waits instead (Developer Guide, "Amazon SQS visibility timeout"); and of FIFO queues
        "Amazon SQS returns no error messages". Raises RequestThrottled.
        """
        now_ms = self._tick()
        waiting = Waiting(count, visibility_s, attempt_id, done)
        if self.settings.is_fifo:
            self._check_throttle("ReceiveMessage", now_ms)
        elif len(self._stock.leases) >= self._home.most_in_flight and wait_s <= 0:
            raise OverLimit("Too many messages in flight.")
        received = self._receive(waiting, now_ms, is_short_poll=wait_s <= 0)
        if received or wait_s <= 0 or self._is_closed:
            waiting.answer(received)
        else:
            self._room.take_in(waiting, wait_s)
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
        visibility_s = self.settings.visibility_timeout_s if waiting.visibility_s is None else waiting.visibility_s
        until_ms = now_ms + visibility_s * 1000
        attempt_id = waiting.attempt_id
        if attempt_id is not None:
            earlier = self._attempts.find(attempt_id, self._stock.leases, now_ms)
            if earlier is not None:
                return self._give_again(attempt_id, earlier, until_ms, now_ms)
        count = min(waiting.count, self._home.most_in_flight - len(self._stock.leases))
        if count <= 0 or self._stock.order.is_empty():
            return ()
        chaos = None if self.settings.is_fifo else self._home.chaos
        if chaos is None:
            taken = self._taken(count, now_ms)
        elif is_short_poll and chaos.misses():
            return ()
        else:
            taken = self._taken_in_disorder(count, chaos.skips(), now_ms)
        received = [self._give(entry, until_ms, now_ms) for entry in taken]
        if attempt_id is not None:
            self._attempts.note(attempt_id, taken, until_ms, now_ms)
        if not visibility_s:
            self._show_again(taken, now_ms)
        elif taken:
            if chaos is not None:
                self._show_again([entry for entry in taken if chaos.delivers_twice()], now_ms)
            self._arm(until_ms)
        return received

    def _taken(self, count: int, now_ms: int) -> Sequence[Entry]:
        """Those that come next; what was received too often already goes to the dead letter queue instead."""
        redrive = self.settings.redrive
        dead_letters = self._find(redrive.target_arn) if redrive is not None else None
        taken: list[Entry] = []
        for entry in self._stock.order.offered(now_ms):
            if dead_letters is not None and redrive is not None and entry.receive_count >= redrive.max_receive_count:
                self._bury(entry, dead_letters)
                continue
            taken.append(entry)
            if len(taken) >= count:
                break
        return taken

    def _taken_in_disorder(self, count: int, skips: int, now_ms: int) -> Sequence[Entry]:
        """As many, but some that come first are passed over if there are enough others."""
        taken = self._taken(count + skips, now_ms)
        passed_over = taken[: max(0, len(taken) - count)]
        for entry in passed_over:
            self._stock.order.put_back(entry)
        return taken[len(passed_over) :]

    def _show_again(self, entries: Sequence[Entry], now_ms: int) -> None:
        for entry in entries:
            self._stock.leases.give_up(entry.position)
            entry.until_ms = now_ms
            self._stock.order.put_back(entry)

    def _give(self, entry: Entry, until_ms: int, now_ms: int) -> Received:
        entry.receive_count += 1
        if entry.receive_count == 1:
            entry.first_received_ms = now_ms
        entry.received_ms = now_ms
        self._stock.leases.hold(entry, until_ms)
        self._stock.shelf.note(entry)
        return self._told(entry)

    def _told(self, entry: Entry) -> Received:
        shelf = self._stock.shelf
        message = entry.message or shelf.message_of(entry)
        handle = write_handle(self.queue_id, entry.position, entry.receive_count, message.id_bytes)
        earlier = message.earlier_receives
        first_ms = message.earlier_received_ms if earlier else entry.first_received_ms
        if shelf.is_short:
            shelf.let_go(entry)
        return Received(message, handle, earlier + entry.receive_count, first_ms)

    def _give_again(self, attempt_id: str, entries: Sequence[Entry], until_ms: int, now_ms: int) -> Sequence[Received]:
        for entry in entries:
            self._stock.leases.hold(entry, until_ms)
            self._stock.shelf.note(entry)
        self._attempts.note(attempt_id, entries, until_ms, now_ms)
        self._arm(until_ms)
        return [self._told(entry) for entry in entries]

    def _check_throttle(self, action: str, now_ms: int) -> None:
        """Developer Guide, "Amazon SQS message quotas": 300 calls a second of each action on a FIFO queue without high throughput.
        Only where chaos is asked for: a laptop has no need to be protected."""
        if self._home.chaos is not None and not self.settings.is_high_throughput and not self._throttle.admits(action, now_ms):
            raise RequestThrottled("Rate exceeded.")

    # What becomes of a received message.

    def delete(self, receipt_handle: str) -> None:
        """A handle of an earlier receive deletes as the latest one does, but not where chaos is asked for; in a FIFO queue it is refused,
        as one whose time is over.

        API reference, DeleteMessage: "If you use an old ReceiptHandle, the request will succeed, but the message might not be deleted".
        Raises ReceiptHandleIsInvalid, InvalidParameterValue, RequestThrottled.
        """
        receipt = self._receipt(receipt_handle)
        now_ms = self._home.clock.now_ms()
        is_fifo = self.settings.is_fifo
        if is_fifo:
            self._check_throttle("DeleteMessage", now_ms)
        entry = self._received(receipt)
        if entry is None:
            return
        is_latest = entry.receive_count & 0xFFFFFFFF == receipt.receive_number
        if is_fifo and (not is_latest or entry.until_ms <= now_ms or receipt.position not in self._stock.leases):
            raise InvalidParameterValue(
                f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
            )
        chaos = None if is_fifo else self._home.chaos
        if chaos is not None and not is_latest:
            return
        if chaos is not None and receipt.position in self._stock.leases and chaos.survives_deletion():
            self._show_again([entry], now_ms)
        else:
            self._stock.remove(entry, now_ms)
        if self._room:
            # Its group may go on, and fewer are in flight.
            self._serve(now_ms)

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        """In a standard queue a handle of an earlier receive does, too, also when its time is over: then the message is in flight again.
        The real service takes such handles; its documentation does not say so.

        Raises ReceiptHandleIsInvalid, InvalidParameterValue, MessageNotInflight (of a FIFO queue).
        """
        receipt = self._receipt(receipt_handle)
        now_ms = self._tick()
        entry = self._received(receipt)
        is_fifo = self.settings.is_fifo
        if entry is None or (is_fifo and entry.receive_count & 0xFFFFFFFF != receipt.receive_number):
            raise InvalidParameterValue(
                f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for "
                "visibility timeout change."
            )
        is_in_flight = receipt.position in self._stock.leases
        if is_fifo and not is_in_flight:
            raise MessageNotInflight("The message referred to isn't in flight.")
        until_ms = now_ms + seconds * 1000
        # Developer Guide, "Amazon SQS visibility timeout": 12 hours in all from the receive on; a change does not begin them anew.
        if until_ms > entry.received_ms + LONGEST_INVISIBILITY_MS:
            raise InvalidParameterValue(
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond "
                f"the limit [{LONGEST_INVISIBILITY_MS // 1000} seconds]"
            )
        if seconds:
            if not is_in_flight:
                entry = self._stock.taken_out(entry)
            self._stock.leases.hold(entry, until_ms)
            self._stock.shelf.note(entry)
            self._arm(until_ms)
            return
        if not is_in_flight:
            return
        self._show_again([entry], now_ms)
        self._stock.shelf.note(entry)
        if self._room:
            self._serve(now_ms)

    def _receipt(self, receipt_handle: str) -> Receipt:
        receipt = read_handle(receipt_handle)
        if receipt.queue_id != self.queue_id:
            raise not_valid(receipt_handle)
        return receipt

    def _received(self, receipt: Receipt) -> Entry | None:
        """A message that is there and was received before."""
        entry = self._stock.shelf.known.get(receipt.position)
        if entry is None or entry.is_moving or not entry.receive_count:
            return None
        if entry.message is not None and entry.message.id_bytes != receipt.id_bytes:
            return None
        return entry

    def purge(self) -> None:
        """All messages go, also those in flight. Raises PurgeQueueInProgress and StorageError."""
        now_ms = self._tick()
        if self._purged_ms is not None and now_ms - self._purged_ms < PURGE_INTERVAL_MS:
            raise PurgeQueueInProgress(f"Only one PurgeQueue operation on {self.name.name} is allowed every 60 seconds.")
        self._purged_ms = now_ms
        self._attempts.clear()
        self._stock.purge(now_ms)

    # Dead letters.

    def _bury(self, entry: Entry, dead_letters: "SqsQueue") -> None:
        """It was received too often: it goes to the other queue, and from here once it is stored there."""
        message = self._stock.shelf.message_of(entry)
        first_ms = message.earlier_received_ms or entry.first_received_ms
        dead_letters.take_dead_letter(message, message.earlier_receives + entry.receive_count, first_ms, self.arn)
        self._stock.leave(entry, dead_letters.is_failing)

    def move(self, count: int, move: "Callable[[SqsMessage], SqsQueue | None]") -> int:
        """Has up to so many visible messages moved: `move` gives each to another queue and returns that, or None if it cannot. Then
        the others stay. Returns how many go; each is gone once it is durable in its new place.
        """
        now_ms = self._tick()
        moved = 0
        for entry in self._stock.order.offered(now_ms) if count > 0 else ():
            target = move(self._stock.shelf.message_of(entry))
            if target is None:
                self._stock.order.put_back(entry)
                break
            self._stock.leave(entry, target.is_failing)
            moved += 1
            if moved >= count:
                break
        return moved

    # Time.

    def _tick(self) -> int:
        """What is visible again by now is so; returns the time."""
        now_ms = self._home.clock.now_ms()
        if self._stock.release(now_ms) and self._room:
            self._serve(now_ms)
        return now_ms

    def _on_time(self) -> None:
        now_ms = self._tick()
        self._stock.sweep(now_ms)
        if self._room:
            self._serve(now_ms)
        self._plan()

    def _plan(self) -> None:
        deadline_ms = self._stock.next_ms()
        if deadline_ms is not None:
            self._arm(deadline_ms)

    def _arm(self, deadline_ms: int) -> None:
        """One timer, for what comes first."""
        timer = self._timer
        if timer is not None and timer.is_pending:
            if timer.deadline_ms <= deadline_ms:
                return
            timer.cancel()
        if not self._is_closed:
            self._timer = self._home.timers.at(deadline_ms, self._on_time)

    # Looking.

    def counts(self) -> Counts:
        self._tick()
        stock = self._stock
        return Counts(stock.order.visible_count, len(stock.leases) + stock.moving_count, stock.order.delayed_count)

    def oldest_age_s(self) -> int:
        """Of the oldest message, whatever its state; 0 if there is none."""
        second = self._stock.ages.oldest_second()
        return 0 if second is None else max(0, self._home.clock.now_ms() // 1000 - second)

    def peek(self, count: int) -> Sequence[Seen]:
        """The oldest messages, whatever their state; nothing is changed by it."""
        return seen(self._stock, count, self._tick())

    def explain(self) -> Sequence[str]:
        """Why a receive would return nothing now, or less than there is."""
        self._tick()
        told = reasons(self._stock, self._home.most_in_flight)
        redrive = self.settings.redrive
        if redrive is not None and self._find(redrive.target_arn) is None:
            told.append(f"the dead-letter queue {redrive.target_arn} does not exist: messages stay here however often they are received")
        return told

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
        self._stock.heed(self.settings, now_ms)
        if self._room:
            self._serve(now_ms)
        self._plan()

    # The end.

    def close(self) -> None:
        """What is stored stays; who waits gets nothing."""
        self._stop()
        self._stock.close()

    def delete_all(self) -> None:
        """The queue is deleted, with all that is in it."""
        self._stop()
        self._stock.delete()
        self._home.remove_files(self.directory)

    def _stop(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._room.dismiss_all()
