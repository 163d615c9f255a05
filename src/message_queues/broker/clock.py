"""The only source of time in the broker, and the only deadlines.

`Clock.now_ms` is wall time in milliseconds, the unit of every Kafka and AMQP time-out. `Timers` holds the deadlines; whoever drives
the broker calls `fire_due` when `next_deadline` has come: the event loop for a `SystemClock`,
a test or the HTTP control for a `ManualClock`.
"""

import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since the epoch; never goes back."""
        ...


class SystemClock:
    """Wall time, held still when the machine's clock is set back."""

    def __init__(self) -> None:
        self._latest_ms = 0

    def now_ms(self) -> int:
        self._latest_ms = max(self._latest_ms, time.time_ns() // 1_000_000)
        return self._latest_ms


class ManualClock:
    """Time that moves only when told to: a one-day time-out is tested in a millisecond."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def set(self, now_ms: int) -> None:
        if now_ms < self._now_ms:
            raise ValueError(f"time cannot go back from {self._now_ms} to {now_ms}")
        self._now_ms = now_ms


class Timer:
    """One deadline: `action` is called once when it has come, unless cancelled before."""

    __slots__ = ("_timers", "action", "deadline_ms")

    def __init__(self, deadline_ms: int, action: Callable[[], None], timers: "Timers") -> None:
        self.deadline_ms = deadline_ms
        self.action: Callable[[], None] | None = action
        self._timers = timers

    def cancel(self) -> None:
        if self.action is not None:
            self.action = None
            self._timers.forget_one()

    @property
    def is_pending(self) -> bool:
        return self.action is not None


class Timers:
    """The broker's deadlines, earliest first; equal deadlines fire in the order they were set."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.on_earlier_deadline: Callable[[], None] = lambda: None
        """Called when a new timer is due before all others, so that the driver can wake up sooner."""
        self._heap: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._cancelled = 0

    def after(self, delay_ms: int, action: Callable[[], None]) -> Timer:
        return self.at(self.clock.now_ms() + max(0, delay_ms), action)

    def at(self, deadline_ms: int, action: Callable[[], None]) -> Timer:
        timer = Timer(deadline_ms, action, self)
        heapq.heappush(self._heap, (deadline_ms, next(self._order), timer))
        if self._heap[0][2] is timer:
            self.on_earlier_deadline()
        return timer

    def next_deadline(self) -> int | None:
        """The earliest deadline in ms since the epoch, or None when nothing waits."""
        self._drop_cancelled_head()
        return self._heap[0][0] if self._heap else None

    def fire_due(self) -> int:
        """Calls every action whose deadline has come, in order; returns how many.

        What an action sets for now comes with the next call: work that is cut into pieces lets others in between.
        """
        fired = 0
        now_ms = self.clock.now_ms()
        first_of_next_call = next(self._order)
        while self._heap and self._heap[0][0] <= now_ms and self._heap[0][1] < first_of_next_call:
            _, _, timer = heapq.heappop(self._heap)
            action = timer.action
            if action is None:
                self._cancelled -= 1
                continue
            timer.action = None
            action()
            fired += 1
        return fired

    def forget_one(self) -> None:
        # Cancelled timers stay in the heap until they surface; when they are the majority the heap is rebuilt.
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].is_pending]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _drop_cancelled_head(self) -> None:
        while self._heap and not self._heap[0][2].is_pending:
            heapq.heappop(self._heap)
            self._cancelled -= 1


class WakeUp:
    """One action for many deadlines: it is called at the earliest that it was asked for, and has to ask again for the others."""

    __slots__ = ("_action", "_is_over", "_timer", "_timers")

    def __init__(self, timers: Timers, action: Callable[[], None]) -> None:
        self._timers = timers
        self._action = action
        self._timer: Timer | None = None
        self._is_over = False

    def at(self, deadline_ms: int) -> None:
        timer = self._timer
        if timer is not None and timer.is_pending:
            if timer.deadline_ms <= deadline_ms:
                return
            timer.cancel()
        if not self._is_over:
            self._timer = self._timers.at(deadline_ms, self._action)

    def stop(self) -> None:
        """For good."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()


def advance(clock: ManualClock, timers: Timers, now_ms: int) -> int:
    """Moves the clock to `now_ms` and stops at every deadline on the way, as time itself would; returns how many timers fired."""
    fired = 0
    while (deadline_ms := timers.next_deadline()) is not None and deadline_ms <= now_ms:
        clock.set(max(deadline_ms, clock.now_ms()))
        fired += timers.fire_due()
    clock.set(now_ms)
    return fired
