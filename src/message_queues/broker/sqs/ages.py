"""How old the messages of a queue are: how many there are of each second in which messages were sent.

A message is over its retention once that time has passed since the end of the second in which it was sent.
"""

from heapq import heappop, heappush
from typing import Final

_SECOND_MS: Final = 1000


class Ages:
    __slots__ = ("_counts", "_seconds")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._seconds: list[int] = []
        """A heap: dead letters bring earlier ones."""

    def add(self, sent_ms: int) -> None:
        second = sent_ms // _SECOND_MS
        count = self._counts.get(second)
        if count is None:
            heappush(self._seconds, second)
            count = 0
        self._counts[second] = count + 1

    def remove(self, sent_ms: int) -> None:
        self._counts[sent_ms // _SECOND_MS] -= 1

    def oldest_second(self) -> int | None:
        seconds = self._seconds
        while seconds:
            if self._counts[seconds[0]]:
                return seconds[0]
            del self._counts[heappop(seconds)]
        return None

    def count_until(self, second: int) -> int:
        """How many messages were sent in that second or before."""
        return sum(count for each, count in self._counts.items() if each <= second)

    def clear(self) -> None:
        self._counts.clear()
        self._seconds.clear()


def last_over(now_ms: int, retention_s: int) -> int:
    """Messages sent in this second or before are over their retention."""
    return now_ms // _SECOND_MS - retention_s - 1


def over_at_ms(second: int, retention_s: int) -> int:
    """When messages sent in that second are over their retention."""
    return (second + 1 + retention_s) * _SECOND_MS
