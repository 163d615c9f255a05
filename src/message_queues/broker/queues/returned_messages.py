"""What came back to a quorum queue: before all others whatever their priority, in the order in which it came (rabbit_fifo's returns).

Some of it waits for its retry first (x-delayed-retry-…, since 4.3).
"""

from collections import deque
from heapq import heappop, heappush

from message_queues.broker.queues.message import Entry


class ReturnedMessages:
    __slots__ = ("_delayed", "_ready", "bytes")

    def __init__(self) -> None:
        self._ready: deque[Entry] = deque()
        self._delayed: list[tuple[int, int, Entry]] = []
        """(when it is ready, order, entry), a heap."""
        self.bytes = 0
        """Of the bodies of all."""

    @property
    def ready_count(self) -> int:
        return len(self._ready)

    @property
    def delayed_count(self) -> int:
        """Those that wait for their retry."""
        return len(self._delayed)

    @property
    def next_retry_ms(self) -> int | None:
        return self._delayed[0][0] if self._delayed else None

    def add(self, entry: Entry) -> None:
        self.bytes += entry.size
        self._ready.append(entry)

    def delay(self, entry: Entry, ready_ms: int) -> None:
        """It is not ready before."""
        self.bytes += entry.size
        heappush(self._delayed, (ready_ms, entry.level << 48 | entry.position, entry))

    def end_delays(self, now_ms: int) -> bool:
        """Whether any of what is ready now expires some time."""
        expires = False
        while self._delayed and self._delayed[0][0] <= now_ms:
            entry = heappop(self._delayed)[2]
            self._ready.append(entry)
            expires |= entry.expires_at_ms > 0
        return expires

    def peek(self) -> Entry | None:
        """What `pop` would give."""
        return self._ready[0] if self._ready else None

    def pop(self) -> Entry:
        entry = self._ready.popleft()
        self.bytes -= entry.size
        return entry

    def clear(self) -> list[Entry]:
        """Gives all up; returns what there was."""
        gone = [*self._ready, *(entry for _, _, entry in self._delayed)]
        self._ready.clear()
        self._delayed.clear()
        self.bytes = 0
        return gone
