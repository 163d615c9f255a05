"""Fair queues: in a standard queue whose messages name groups, a group that has most of what is in flight waits for the others.

Source: Developer Guide, "How Amazon SQS fair queues work": "A tenant is marked as a noisy neighbor when … the tenant accounts for more than
10% of in-flight messages in the queue and has at least 30 of its own messages in flight", and messages of the others come before its
own. A message without a group is a tenant by itself. The other measure of that page, the share of processing time, is not taken.
"""

from heapq import heappop, heappush
from typing import Final

from message_queues.broker.sqs.entry import Entry

LEAST_IN_FLIGHT: Final = 30
SHARE: Final = 10
LOOK_AHEAD_AT_ONCE: Final = 1000
"""In one receive; the next one goes on from there."""


class Fairness:
    """What is in flight of each group, and what was set aside because its group was noisy."""

    __slots__ = ("_aside", "_in_flight", "aside_count", "in_flight_count")

    def __init__(self) -> None:
        self._in_flight: dict[str, int] = {}
        self._aside: dict[str, list[Entry]] = {}
        """By group, each a heap."""
        self.in_flight_count = 0
        """With those without a group."""
        self.aside_count = 0

    def taken(self, entry: Entry) -> None:
        self.in_flight_count += 1
        if entry.group_id is not None:
            self._in_flight[entry.group_id] = self._in_flight.get(entry.group_id, 0) + 1

    def ended(self, entry: Entry) -> None:
        self.in_flight_count -= 1
        group = entry.group_id
        if group is not None:
            left = self._in_flight.pop(group) - 1
            if left:
                self._in_flight[group] = left

    def is_noisy(self, group: str) -> bool:
        count = self._in_flight.get(group, 0)
        return count >= LEAST_IN_FLIGHT and count * SHARE > self.in_flight_count

    def set_aside(self, entry: Entry) -> None:
        assert entry.group_id is not None
        heappush(self._aside.setdefault(entry.group_id, []), entry)
        self.aside_count += 1

    def next_quiet(self) -> Entry | None:
        """The oldest one set aside whose group is noisy no longer; it is not aside any more."""
        return self._pop(only_quiet=True)

    def next_any(self) -> Entry | None:
        """The oldest one set aside; it is not aside any more."""
        return self._pop(only_quiet=False)

    def _pop(self, only_quiet: bool) -> Entry | None:
        oldest: Entry | None = None
        for group, aside in list(self._aside.items()):
            while aside and aside[0].is_gone:
                heappop(aside)
                self.aside_count -= 1
            if not aside:
                del self._aside[group]
            elif (oldest is None or aside[0] < oldest) and not (only_quiet and self.is_noisy(group)):
                oldest = aside[0]
        if oldest is not None:
            assert oldest.group_id is not None
            heappop(self._aside[oldest.group_id])
            self.aside_count -= 1
        return oldest

    def noisy_groups(self) -> list[str]:
        return [group for group in self._in_flight if self.is_noisy(group)]

    def forget_aside(self) -> None:
        self._aside.clear()
        self.aside_count = 0

    def clear(self) -> None:
        self.forget_aside()
        self._in_flight.clear()
        self.in_flight_count = 0
