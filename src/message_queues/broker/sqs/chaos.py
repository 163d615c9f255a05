"""What the real service may do and this one does not, unless it is asked to: by a seed, so that a run can be repeated.

Source: Developer Guide, "Amazon SQS at-least-once delivery": "you might get that message copy again"; "Amazon SQS short and long polling":
a short poll asks a part of the servers, and may miss messages; standard queues keep the order at best effort. API reference,
SetQueueAttributes: "the change can take up to 60 seconds for most of the attributes to propagate". FIFO queues keep their promises, and are
throttled: 300 calls a second of an action without high throughput.
"""

from random import Random
from typing import Final

DUPLICATE_SHARE: Final = 0.02
SURVIVING_SHARE: Final = 0.02
SHORT_POLL_MISSES: Final = 0.2
REORDER_SHARE: Final = 0.3
REORDER_AMONG: Final = 10
LATEST_CHANGE_MS: Final = 60_000
FIFO_CALLS_PER_SECOND: Final = 300


class Chaos:
    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def delivers_twice(self) -> bool:
        return self._random.random() < DUPLICATE_SHARE

    def survives_deletion(self) -> bool:
        """A server that has a copy of the message did not hear of it."""
        return self._random.random() < SURVIVING_SHARE

    def misses(self) -> bool:
        """A short poll finds nothing of a server that it did not ask."""
        return self._random.random() < SHORT_POLL_MISSES

    def skips(self) -> int:
        """So many messages come after the next one."""
        return self._random.randrange(REORDER_AMONG) if self._random.random() < REORDER_SHARE else 0

    def change_delay_ms(self) -> int:
        """So much later new attributes are heeded."""
        return self._random.randrange(LATEST_CHANGE_MS)


class Throttle:
    """The calls of one action in this second."""

    __slots__ = ("_calls", "_second")

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}
        self._second = 0

    def admits(self, action: str, now_ms: int) -> bool:
        second = now_ms // 1000
        if second != self._second:
            self._calls.clear()
            self._second = second
        calls = self._calls[action] = self._calls.get(action, 0) + 1
        return calls <= FIFO_CALLS_PER_SECOND
