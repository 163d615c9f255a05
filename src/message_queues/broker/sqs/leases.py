"""Which messages are in flight, and until when nobody else sees them."""

from heapq import heapify, heappop, heappush
from typing import Final

from message_queues.broker.sqs.entry import Entry

POSITION_BITS: Final = 63
POSITION: Final = (1 << POSITION_BITS) - 1
_LEAST_STALE: Final = 64


class Leases:
    """Entries in flight. A deadline that was moved or given up stays in the heap until it surfaces, or too many do."""

    __slots__ = ("_entries", "ends")

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self.ends: list[int] = []
        """A heap of time and position in one number: half of what a pair takes."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, position: int) -> bool:
        return position in self._entries

    def entries(self) -> list[Entry]:
        return list(self._entries.values())

    def get(self, position: int) -> Entry | None:
        return self._entries.get(position)

    def hold(self, entry: Entry, until_ms: int) -> None:
        """Begins a lease, or moves its end."""
        entry.until_ms = until_ms
        self._entries[entry.position] = entry
        heap = self.ends
        heappush(heap, until_ms << POSITION_BITS | entry.position)
        if len(heap) > _LEAST_STALE and len(heap) > 2 * len(self._entries):
            heap[:] = [each.until_ms << POSITION_BITS | each.position for each in self._entries.values()]
            heapify(heap)

    def give_up(self, position: int) -> Entry | None:
        """The entry if it was in flight; it is not any more."""
        return self._entries.pop(position, None)

    def next_end_ms(self) -> int | None:
        heap = self.ends
        while heap:
            entry = self._entries.get(heap[0] & POSITION)
            if entry is not None and entry.until_ms == heap[0] >> POSITION_BITS:
                return entry.until_ms
            heappop(heap)
        return None

    def take_over(self, now_ms: int) -> list[Entry]:
        """Those whose time is over, the earliest first; they are in flight no longer."""
        over: list[Entry] = []
        heap = self.ends
        end = (now_ms + 1) << POSITION_BITS
        while heap and heap[0] < end:
            ended = heappop(heap)
            entry = self._entries.get(ended & POSITION)
            if entry is not None and entry.until_ms == ended >> POSITION_BITS:
                del self._entries[entry.position]
                over.append(entry)
        return over

    def clear(self) -> None:
        self._entries.clear()
        self.ends.clear()
