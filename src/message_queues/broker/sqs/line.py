"""The messages of a standard queue that can be received, the oldest first.

    delayed     not yet visible; when its time has come, a message takes its place by position
    returned    were received before, or delayed, and are visible in their place
    window      in memory, in order
    paged out   on disk only, see shelf.py

The order is better than what Amazon promises for standard queues, so that tests are repeatable; `Fairness` alone departs from it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.fair import LOOK_AHEAD_AT_ONCE, Fairness
from message_queues.broker.sqs.leases import POSITION, POSITION_BITS
from message_queues.broker.sqs.shelf import Shelf
from message_queues.broker.sqs.stored import Times
from message_queues.storage.message_store import StoredMessage

_LEAST_MESSAGES: Final = 16
"""So many are in the window whatever the budget says."""


class Line:
    __slots__ = ("_delayed", "_fair", "_held", "_look_ahead", "_ready", "_returned", "_shelf", "_standing")

    def __init__(self, shelf: Shelf, look_ahead: int) -> None:
        self._look_ahead = look_ahead
        """Messages of noisy groups that are passed over."""
        self._shelf = shelf
        self._ready: deque[Entry] = deque()
        self._returned: list[Entry] = []
        self._delayed: list[int] = []
        """A heap of time and position in one number: there may be a million."""
        self._held: dict[int, Entry] = {}
        """Those of the delayed ones that are in memory."""
        self._fair = Fairness()
        self._standing = 0
        """Visible ones that are not paged out."""

    # Counts.

    @property
    def visible_count(self) -> int:
        return self._standing + self._shelf.paged_count

    @property
    def delayed_count(self) -> int:
        return len(self._delayed)

    # In.

    def arrive(self, entry: Entry, now_ms: int) -> None:
        """A message that is durable from now on."""
        shelf = self._shelf
        if entry.until_ms > now_ms:
            heappush(self._delayed, entry.until_ms << POSITION_BITS | entry.position)
            if shelf.has_room():
                self._held[entry.position] = entry
            else:
                shelf.let_go(entry)
        elif shelf.paged_count or (len(self._ready) >= _LEAST_MESSAGES and not shelf.has_room()):
            shelf.page_out(entry)
        else:
            self._ready.append(entry)
            self._standing += 1

    def put_back(self, entry: Entry) -> None:
        """One that was offered is visible again, in its place."""
        self._fair.ended(entry)
        self._stand(entry)

    def _stand(self, entry: Entry) -> None:
        self._shelf.known[entry.position] = entry
        heappush(self._returned, entry)
        self._standing += 1

    # Out.

    def offered(self, now_ms: int) -> Iterator[Entry]:
        """Each message in turn; who gets it has it until it is put back or has ended."""
        fair = self._fair
        passed_over = 0
        while True:
            entry = fair.next_quiet() if fair.aside_count else None
            while entry is None:
                entry = self._next(now_ms)
                if entry is None or entry.group_id is None or not fair.is_noisy(entry.group_id):
                    break
                self._shelf.known[entry.position] = entry
                fair.set_aside(entry)
                entry = None
                passed_over += 1
                if passed_over >= LOOK_AHEAD_AT_ONCE or fair.aside_count >= self._look_ahead:
                    break
            if entry is None:
                entry = fair.next_any()
                if entry is None:
                    return
            self._standing -= 1
            self._shelf.known[entry.position] = entry
            fair.taken(entry)
            yield entry

    def _next(self, now_ms: int) -> Entry | None:
        ready, returned, shelf = self._ready, self._returned, self._shelf
        while True:
            while returned and returned[0].is_gone:
                heappop(returned)
            if ready:
                if returned and returned[0].position < ready[0].position:
                    return heappop(returned)
                return ready.popleft()
            if returned and returned[0].position < shelf.paged_from:
                return heappop(returned)
            if not shelf.paged_count:
                return None
            ahead = shelf.read_ahead(now_ms)
            ready.extend(ahead)
            self._standing += len(ahead)

    def ended(self, entry: Entry) -> None:
        """One that was offered is settled."""
        self._fair.ended(entry)

    def removed(self, entry: Entry) -> None:
        """One that had come back, and was not offered since, is settled."""
        self._standing -= 1

    def taken_out(self, entry: Entry) -> Entry:
        """One that had come back is in flight again, though it was not offered: a new entry stands for it from now on. The other one
        is gone when it surfaces."""
        self._standing -= 1
        again = entry.succeeded()
        self._shelf.known[again.position] = again
        self._fair.taken(again)
        return again

    def is_empty(self) -> bool:
        return not self._standing and not self._shelf.paged_count

    # Time.

    def next_due_ms(self) -> int | None:
        """When the next delay is over."""
        return self._delayed[0] >> POSITION_BITS if self._delayed else None

    def release_due(self, now_ms: int) -> bool:
        """Those whose delay is over become visible; whether there were any."""
        delayed, shelf = self._delayed, self._shelf
        end = (now_ms + 1) << POSITION_BITS
        if not delayed or delayed[0] >= end:
            return False
        on_disk: list[int] = []
        while delayed and delayed[0] < end:
            position = heappop(delayed) & POSITION
            entry = self._held.pop(position, None)
            if shelf.left_behind(position):
                if entry is not None:
                    shelf.let_go(entry)
            elif entry is None:
                on_disk.append(position)
            else:
                self._stand(entry)
        for entry in shelf.at(sorted(on_disk)):
            self._stand(entry)
        return True

    def change_delay(self, delay_s: int, now_ms: int) -> None:
        """Developer Guide: "For standard queues, the per-queue delay setting is not retroactive"."""

    # All at once.

    def drop(self, positions: Sequence[tuple[int, int]], now_ms: int) -> None:
        """Messages that nobody holds are over their retention: position and end of delay of each."""
        shelf = self._shelf
        delayed = {position for position, until_ms in positions if until_ms > now_ms}
        if delayed:
            self._delayed = [each for each in self._delayed if each & POSITION not in delayed]
            heapify(self._delayed)
            for position in delayed:
                held = self._held.pop(position, None)
                if held is not None:
                    shelf.let_go(held)
        paged_from = shelf.paged_from
        others = {position for position, until_ms in positions if until_ms <= now_ms}
        in_window = {position for position in others if position < paged_from}
        shelf.unpage(len(others) - len(in_window))
        if in_window:
            for entry in self._ready:
                if entry.position in in_window:
                    shelf.drop(entry)
            self._ready = deque(entry for entry in self._ready if not entry.is_gone)
            self._standing -= len(in_window)
        for position, _ in positions:
            shelf.settle_position(position)

    def shrink(self) -> None:
        """Pages out the newer half of the window, and delayed ones."""
        ready, shelf = self._ready, self._shelf
        goal = max(_LEAST_MESSAGES, len(ready) // 2)
        while len(ready) > goal:
            entry = ready.pop()
            self._standing -= 1
            shelf.page_out(entry)
        for entry in self._held.values():
            shelf.let_go(entry)
        self._held.clear()

    def clear(self) -> None:
        """Nothing is there any more."""
        for entry in self._ready:
            entry.is_gone = True
        for entry in self._held.values():
            entry.is_gone = True
        self._ready.clear()
        self._returned.clear()
        self._delayed.clear()
        self._held.clear()
        self._fair.clear()
        self._standing = 0

    # Opening.

    def take_in(self, entry: Entry, is_in_flight: bool) -> None:
        """A received message of an earlier life of the server."""
        if is_in_flight:
            self._shelf.known[entry.position] = entry
            self._fair.taken(entry)
        else:
            self._stand(entry)

    def take_in_unreceived(self, stored: StoredMessage, times: Times, now_ms: int) -> None:
        """Any other one of an earlier life."""
        if times.delayed_until_ms > now_ms:
            heappush(self._delayed, times.delayed_until_ms << POSITION_BITS | stored[0])
        else:
            self._shelf.count_paged(stored[0])

    def reasons(self) -> list[str]:
        noisy = self._fair.noisy_groups()
        return [f"groups with more than a tenth of what is in flight come after the others: {', '.join(sorted(noisy))}"] if noisy else []
