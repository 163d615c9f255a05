"""The messages of a FIFO queue that can be received, by message group.

Source: Developer Guide, "FIFO queue delivery logic in Amazon SQS": a receive returns "as many messages with the same message group ID as
possible", then others; and no more of a group until those that were received are deleted or visible again. A group is blocked while one of
its messages is in flight, however the others of the same receive have ended. Groups come in the order of their oldest messages.

A FIFO queue looks at its first 120,000 messages (`look_ahead`); the entries of these are in memory, their messages as far as there is
room. All others are paged out, see shelf.py. The delay is the queue's, and changes with it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush

from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.shelf import Shelf
from message_queues.broker.sqs.stored import Times
from message_queues.storage.message_store import StoredMessage


class Group:
    __slots__ = ("in_flight", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Entry] = []
        """A heap."""
        self.in_flight = 0


class Groups:
    __slots__ = ("_available", "_delay_ms", "_delayed", "_groups", "_look_ahead", "_shelf", "_visible")

    def __init__(self, shelf: Shelf, delay_s: int, look_ahead: int) -> None:
        self._look_ahead = look_ahead
        self._shelf = shelf
        self._groups: dict[str, Group] = {}
        self._available: list[Entry] = []
        """A heap of the first messages of groups; one that is none any more is passed over."""
        self._delayed: deque[Entry] = deque()
        """The last ones in memory, if they are not visible yet."""
        self._delay_ms = delay_s * 1000
        self._visible = 0

    # Counts.

    @property
    def visible_count(self) -> int:
        return self._visible if self._delayed else self._visible + self._shelf.paged_count

    @property
    def delayed_count(self) -> int:
        # What follows a delayed one was sent later still.
        return len(self._delayed) + self._shelf.paged_count if self._delayed else 0

    # In.

    def arrive(self, entry: Entry, now_ms: int) -> None:
        """A message that is durable from now on."""
        shelf = self._shelf
        if shelf.paged_count or len(shelf.known) >= self._look_ahead:
            shelf.page_out(entry)
            return
        if not shelf.has_room():
            shelf.let_go(entry)
        self._take_up(entry, now_ms)

    def _take_up(self, entry: Entry, now_ms: int) -> None:
        self._shelf.known[entry.position] = entry
        if self._delayed or (self._delay_ms and entry.sent_ms + self._delay_ms > now_ms):
            self._delayed.append(entry)
        else:
            self._wait(entry)

    def _wait(self, entry: Entry) -> None:
        group = self._group(entry)
        heappush(group.waiting, entry)
        self._visible += 1
        if not group.in_flight and group.waiting[0] is entry:
            heappush(self._available, entry)

    def _group(self, entry: Entry) -> Group:
        name = entry.group_id or ""
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group()
        return group

    def put_back(self, entry: Entry) -> None:
        """One that was offered is visible again, in its place."""
        self._group(entry).in_flight -= 1
        self._wait(entry)
        self._free(entry)

    # Out.

    def offered(self, now_ms: int) -> Iterator[Entry]:
        """Each message in turn, a group after the other; who gets it has it until it is put back or has ended."""
        while (group := self._next_group(now_ms)) is not None:
            while (entry := _first(group)) is not None:
                heappop(group.waiting)
                group.in_flight += 1
                self._visible -= 1
                yield entry

    def _next_group(self, now_ms: int) -> Group | None:
        available, shelf = self._available, self._shelf
        while True:
            while available:
                group = self._groups.get(available[0].group_id or "")
                if group is not None and not group.in_flight and _first(group) is available[0]:
                    return group
                heappop(available)
            if self._delayed or not shelf.paged_count or len(shelf.known) >= self._look_ahead:
                return None
            for entry in shelf.read_ahead(now_ms, self._look_ahead - len(shelf.known)):
                if not shelf.has_room():
                    shelf.let_go(entry)
                self._take_up(entry, now_ms)

    def ended(self, entry: Entry) -> None:
        """One that was offered is settled."""
        self._group(entry).in_flight -= 1
        self._free(entry)

    def _free(self, entry: Entry) -> None:
        """Fewer of the group are in flight."""
        group = self._group(entry)
        if not group.in_flight:
            first = _first(group)
            if first is None:
                del self._groups[entry.group_id or ""]
            else:
                heappush(self._available, first)

    def removed(self, entry: Entry) -> None:
        """One that waits, or is delayed, is settled: it is marked as gone."""
        if self._delayed and not entry.receive_count and entry.position >= self._delayed[0].position:
            self._delayed.remove(entry)
            return
        self._visible -= 1
        self._free(entry)

    def is_empty(self) -> bool:
        return not self._visible and not self._shelf.paged_count

    # Time.

    def next_due_ms(self) -> int | None:
        return self._delayed[0].sent_ms + self._delay_ms if self._delayed else None

    def release_due(self, now_ms: int) -> bool:
        """Those whose delay is over become visible; whether there were any."""
        delayed = self._delayed
        has_released = False
        while delayed and delayed[0].sent_ms + self._delay_ms <= now_ms:
            self._wait(delayed.popleft())
            has_released = True
        return has_released

    def change_delay(self, delay_s: int, now_ms: int) -> None:
        """Developer Guide: "For FIFO queues, the per-queue delay setting is retroactive"."""
        self._delay_ms = delay_s * 1000
        hidden: list[Entry] = []
        for name, group in list(self._groups.items()):
            later = [
                each for each in group.waiting if not each.is_gone and not each.receive_count and each.sent_ms + self._delay_ms > now_ms
            ]
            if later:
                hidden += later
                gone = set(map(id, later))
                group.waiting = [each for each in group.waiting if id(each) not in gone]
                heapify(group.waiting)
                if not group.waiting and not group.in_flight:
                    del self._groups[name]
        self._visible -= len(hidden)
        self._delayed.extendleft(sorted(hidden, reverse=True))
        self.release_due(now_ms)

    # All at once.

    def drop(self, positions: Sequence[tuple[int, int]], now_ms: int) -> None:
        """Messages that nobody holds are over their retention."""
        self._shelf.unpage(len(positions))
        for position, _ in positions:
            self._shelf.settle_position(position)

    def shrink(self) -> None:
        """Lets go of the messages of the later half."""
        known = self._shelf.known
        for position in sorted(known)[len(known) // 2 :]:
            self._shelf.let_go(known[position])

    def clear(self) -> None:
        self._groups.clear()
        self._available.clear()
        self._delayed.clear()
        self._visible = 0

    # Opening.

    def take_in(self, entry: Entry, is_in_flight: bool) -> None:
        """A received message of an earlier life of the server."""
        self._shelf.known[entry.position] = entry
        if is_in_flight:
            self._group(entry).in_flight += 1
        else:
            self._wait(entry)

    def take_in_unreceived(self, stored: StoredMessage, times: Times, now_ms: int) -> None:
        """Any other one of an earlier life, in the order of their positions."""
        shelf = self._shelf
        if shelf.paged_count or len(shelf.known) >= self._look_ahead:
            shelf.count_paged(stored[0])
            return
        entry = shelf.entry_of(stored)
        if not shelf.has_room():
            shelf.let_go(entry)
        self._take_up(entry, now_ms)

    def blocking(self, in_flight: Sequence[Entry]) -> list[Entry]:
        """Those in flight whose groups have others that wait."""
        found = []
        for entry in sorted(in_flight):
            group = self._groups.get(entry.group_id or "")
            if group is not None and _first(group) is not None:
                found.append(entry)
        return found


def _first(group: Group) -> Entry | None:
    """The first that waits."""
    waiting = group.waiting
    while waiting and waiting[0].is_gone:
        heappop(waiting)
    return waiting[0] if waiting else None
