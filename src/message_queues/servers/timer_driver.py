"""Fires the broker's timers from the event loop: one wake-up at the earliest deadline, set anew only when an earlier one comes."""

import asyncio

from message_queues.broker.clock import Timers


class TimerDriver:
    def __init__(self, timers: Timers, loop: asyncio.AbstractEventLoop) -> None:
        self._timers = timers
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._wakes_at_ms = 0
        timers.on_earlier_deadline = self.arm
        self.arm()

    def arm(self) -> None:
        deadline_ms = self._timers.next_deadline()
        if deadline_ms is None or (self._handle is not None and self._wakes_at_ms <= deadline_ms):
            return
        if self._handle is not None:
            self._handle.cancel()
        self._wakes_at_ms = deadline_ms
        delay_ms = max(0, deadline_ms - self._timers.clock.now_ms())
        self._handle = self._loop.call_later(delay_ms / 1000, self._fire)

    def _fire(self) -> None:
        self._handle = None
        try:
            self._timers.fire_due()
        finally:
            # An action that fails takes none of the others with it.
            self.arm()

    def stop(self) -> None:
        self._timers.on_earlier_deadline = lambda: None
        if self._handle is not None:
            self._handle.cancel()
