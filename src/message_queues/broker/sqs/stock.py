"""The messages of one queue, each in its state, and how they change it.

    not shown    stored with the group commit that is to come; nobody sees it before
    delayed      its delay is not over
    visible      can be received: Line, or Groups in a FIFO queue
    in flight    received: Leases
    moving       on its way to another queue; it goes from here once it is stored there

All of them are on the Shelf. `Ages` knows which of them are over their retention, `Deduplication` what a FIFO queue has seen.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from message_queues.broker.sqs.ages import Ages, last_over, over_at_ms
from message_queues.broker.sqs.deduplication import INTERVAL_MS, Deduplication, key_of, moved_key
from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.groups import Groups
from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.leases import POSITION_BITS, Leases
from message_queues.broker.sqs.line import Line
from message_queues.broker.sqs.message import SqsMessage
from message_queues.broker.sqs.queue_settings import QueueSettings
from message_queues.broker.sqs.shelf import Shelf
from message_queues.storage.group_commit import Failures

SWEPT_AT_ONCE: Final = 1000
"""So many messages are looked at before others get a turn."""


class Stock:
    def __init__(self, home: SqsHome, directory: str, settings: QueueSettings, on_shown: Callable[[], None]) -> None:
        """As the directory has it. `on_shown` is called when messages may have become visible that were not.

        Raises StorageError and DamagedFile.
        """
        self._home = home
        self._on_shown = on_shown
        self._unshown: deque[list[Entry]] = deque()
        """By commit."""
        self._unshown_round = -1
        self._leaving: list[tuple[Entry, Callable[[Failures], bool]]] = []
        """What the next commit lets go to other queues."""
        self._leaving_round = -1
        self._sweep_from = 0
        self._is_sweep_held = False
        """What is over its retention is not shown yet."""
        self._is_closed = False
        self.settings = settings
        self.moving_count = 0
        self.ages = Ages()
        self.leases = Leases()
        self.deduplication = Deduplication(home, f"{directory}/deduplication") if settings.is_fifo else None
        self.shelf = Shelf(home, f"{directory}/messages", settings.is_fifo, self._taken_back, self._shrink)
        if self.deduplication is not None:
            # A position stands for one message, also where the clock stood still.
            self.shelf.begin_behind(max(self.deduplication.deleted, default=0))
        self.order: Line | Groups = self._order()
        self._load()

    def _order(self) -> Line | Groups:
        look_ahead = self._home.look_ahead
        return Groups(self.shelf, self.settings.delay_s, look_ahead) if self.settings.is_fifo else Line(self.shelf, look_ahead)

    # In.

    def add(self, message: SqsMessage, delayed_until_ms: int, is_remembered: bool = True) -> None:
        entry = self.shelf.append(message, delayed_until_ms, is_remembered)
        self.ages.add(message.sent_ms)
        group_commit = self._home.group_commit
        if self._unshown_round != group_commit.round or not self._unshown:
            self._unshown_round = group_commit.round
            batch: list[Entry] = []
            self._unshown.append(batch)
            group_commit.when_durable(partial(self._durable, batch))
        self._unshown[-1].append(entry)

    @property
    def unshown_count(self) -> int:
        return sum(map(len, self._unshown))

    def is_failing(self, failures: Failures) -> bool:
        """Whether this commit did not store what was added or told."""
        return self.shelf.is_failing(failures) or (self.deduplication is not None and self.deduplication.is_failing(failures))

    def _durable(self, batch: list[Entry], failures: Failures) -> None:
        if self._is_closed:
            return
        assert self._unshown[0] is batch
        self._unshown.popleft()
        self.shelf.shown_end = batch[-1].position + 1
        now_ms = self._home.clock.now_ms()
        is_failing = bool(failures) and self.shelf.is_failing(failures)
        arrive = self.order.arrive
        for entry in batch:
            if entry.is_gone:
                continue
            if is_failing:
                # It is written and perhaps not synced: its sender was told that it is not there.
                self._unsent(entry)
                self.shelf.settle(entry)
            else:
                arrive(entry, now_ms)
        self._is_sweep_held = False
        self._on_shown()

    def _taken_back(self, positions: set[int]) -> None:
        """These could not be written: their senders hear of it."""
        for batch in self._unshown:
            for entry in batch:
                if entry.position in positions and not entry.is_gone:
                    self._unsent(entry)
                    self.shelf.drop(entry)

    def _unsent(self, entry: Entry) -> None:
        self.ages.remove(entry.sent_ms)
        if self.deduplication is not None and entry.message is not None:
            for key in self._keys(entry.message):
                self.deduplication.forget(key, entry.position)

    def _keys(self, message: SqsMessage) -> tuple[str, str]:
        """One of the two is remembered, if any."""
        return key_of(message, self.settings.is_scoped_by_group), moved_key(message)

    # Out.

    def remove(self, entry: Entry, now_ms: int) -> None:
        """Of one that is in flight, or known and visible: it goes."""
        was_in_flight = self.leases.give_up(entry.position) is not None
        self._settle(entry, now_ms)
        if was_in_flight:
            self.order.ended(entry)
        else:
            self.order.removed(entry)

    def taken_out(self, entry: Entry) -> Entry:
        """One of a standard queue that had come back is in flight again; the entry that it has from now on."""
        assert isinstance(self.order, Line)
        return self.order.taken_out(entry)

    def _settle(self, entry: Entry, now_ms: int) -> None:
        self.ages.remove(entry.sent_ms)
        if self.deduplication is None or not self._leaves_trace(entry, now_ms):
            self.shelf.settle(entry)
            return
        self.shelf.hide(entry)
        self._home.group_commit.when_durable(partial(self._traced, entry.position))

    def _leaves_trace(self, entry: Entry, now_ms: int) -> bool:
        assert self.deduplication is not None
        if entry.sent_ms + INTERVAL_MS <= now_ms:
            return False
        return any(self.deduplication.leave_trace(key, entry.position, now_ms) for key in self._keys(self.shelf.message_of(entry)))

    def _traced(self, position: int, failures: Failures) -> None:
        if not self._is_closed:
            self.shelf.settle_position(position)

    def purge(self, now_ms: int) -> None:
        """Raises StorageError."""
        if self.deduplication is not None:
            self.deduplication.leave_all_traces(now_ms)
        for batch in self._unshown:
            for entry in batch:
                entry.is_gone = True
        self.order.clear()
        self.leases.clear()
        self.ages.clear()
        self.moving_count = 0
        self.shelf.purge()

    # To another queue.

    def leave(self, entry: Entry, has_failed: Callable[[Failures], bool]) -> None:
        """One that was offered was sent to another queue, and goes from here unless that could not store it."""
        entry.is_moving = True
        self.moving_count += 1
        self.order.ended(entry)
        group_commit = self._home.group_commit
        if self._leaving_round != group_commit.round or not self._leaving:
            self._leaving_round = group_commit.round
            self._leaving = []
            group_commit.when_durable(partial(self._left, self._leaving))
        self._leaving.append((entry, has_failed))

    def _left(self, batch: list[tuple[Entry, Callable[[Failures], bool]]], failures: Failures) -> None:
        if batch is self._leaving:
            self._leaving = []
        if self._is_closed:
            return
        now_ms = self._home.clock.now_ms()
        for entry, has_failed in batch:
            if entry.is_gone:
                continue
            self.moving_count -= 1
            entry.is_moving = False
            if failures and has_failed(failures):
                self.order.take_in(entry, is_in_flight=False)
            else:
                self._settle(entry, now_ms)
        # A FIFO queue may look further now.
        self._on_shown()

    # Time.

    def release(self, now_ms: int) -> bool:
        """What is visible again by now is so; whether there was anything."""
        ends = self.leases.ends
        over = self.leases.take_over(now_ms) if ends and ends[0] >> POSITION_BITS <= now_ms else ()
        for entry in over:
            self.order.put_back(entry)
        return self.order.release_due(now_ms) or bool(over)

    def next_ms(self) -> int | None:
        """When something happens."""
        moments = [self.leases.next_end_ms(), self.order.next_due_ms()]
        second = self.ages.oldest_second()
        if second is not None and not self._is_sweep_held:
            moments.append(over_at_ms(second, self.settings.retention_s))
        return min((moment for moment in moments if moment is not None), default=None)

    def sweep(self, now_ms: int) -> None:
        """Messages that are over their retention go, whatever their state, the oldest first: a part of them, if there are many.

        API reference, DeleteMessage: "Amazon SQS automatically deletes messages left in a queue longer than the retention period configured
        for the queue"; a message in flight is in the queue.
        """
        last_second = last_over(now_ms, self.settings.retention_s)
        oldest = self.ages.oldest_second()
        if oldest is None or oldest > last_second:
            return
        left = self.ages.count_until(last_second)
        unheld: list[tuple[int, int]] = []
        for looked_at, stored in enumerate(self.shelf.all_shown(self._sweep_from), 1):
            self._sweep_from = stored[0] + 1
            times = self.shelf.times_of(stored)
            if times.sent_ms // 1000 <= last_second:
                entry = self.shelf.known.get(stored[0])
                if entry is None:
                    if self.deduplication is not None:
                        passing = self.shelf.entry_of(stored)
                        self._leaves_trace(passing, now_ms)
                        self.shelf.let_go(passing)
                    self.ages.remove(times.sent_ms)
                    unheld.append((stored[0], times.delayed_until_ms))
                elif not entry.is_moving:
                    self.remove(entry, now_ms)
                left -= 1
            if not left or looked_at >= SWEPT_AT_ONCE:
                break
        else:
            self._is_sweep_held = True
            left = 0
        if not left:
            self._sweep_from = 0
        if unheld:
            self.order.drop(unheld, now_ms)

    def heed(self, settings: QueueSettings, now_ms: int) -> None:
        """New attributes."""
        self.settings = settings
        self.order.change_delay(settings.delay_s, now_ms)
        self._sweep_from = 0

    # The beginning and the end.

    def _load(self) -> None:
        """What the disk has."""
        shelf, order, deduplication = self.shelf, self.order, self.deduplication
        now_ms = self._home.clock.now_ms()
        present: list[tuple[int, int, str]] = []
        for stored in shelf.all_shown():
            position = stored[0]
            if deduplication is not None and position in deduplication.deleted:
                shelf.settle_position(position)
                continue
            times = shelf.times_of(stored)
            self.ages.add(times.sent_ms)
            if deduplication is not None and times.sent_ms + INTERVAL_MS > now_ms:
                sent, moved = self._keys(shelf.peeked(stored))
                present.append((times.sent_ms, position, sent if shelf.is_remembered(stored) else moved))
            if stored[5] is not None:
                entry = shelf.entry_of(stored)
                if not shelf.has_room():
                    shelf.let_go(entry)
                is_in_flight = entry.until_ms > now_ms
                if is_in_flight:
                    self.leases.hold(entry, entry.until_ms)
                order.take_in(entry, is_in_flight)
            else:
                order.take_in_unreceived(stored, times, now_ms)
        if deduplication is not None:
            deduplication.loaded(present)

    def _shrink(self) -> None:
        self.order.shrink()
        for entry in self.leases.entries():
            self.shelf.let_go(entry)

    def close(self) -> None:
        """What is stored stays."""
        self._stop()
        self.shelf.close()
        if self.deduplication is not None:
            self.deduplication.close()

    def delete(self) -> None:
        """With all that is stored."""
        self._stop()
        self.shelf.delete()
        if self.deduplication is not None:
            self.deduplication.delete()

    def _stop(self) -> None:
        self._is_closed = True
        self.order.clear()
        self.leases.clear()
        self._unshown.clear()
