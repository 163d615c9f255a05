"""Heartbeats of one connection: AMQP 0-9-1 4.2.7, "any octet transmitted is a valid substitute for a heartbeat".

One is sent when nothing else was for half the interval; a client of which nothing comes for two intervals is gone.
"""

from collections.abc import Callable
from typing import Protocol

from message_queues.broker.clock import Timer, Timers


class Traffic(Protocol):
    @property
    def received_bytes(self) -> int: ...
    @property
    def sent_bytes(self) -> int: ...


HALVES_MISSED = 4


class Heartbeats:
    def __init__(self, timers: Timers, interval_s: int, traffic: Traffic, send: Callable[[], None], missed: Callable[[], None]) -> None:
        self.is_paused = False
        """Set while nothing is read from the client: then its silence says nothing."""
        self._timers = timers
        self._half_ms = max(1, interval_s * 500)
        self._traffic = traffic
        self._send = send
        self._missed = missed
        self._sent_bytes = -1
        self._received_bytes = -1
        self._silent_halves = 0
        self._timer: Timer | None = timers.after(self._half_ms, self._beat) if interval_s else None

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        traffic = self._traffic
        self._timer = self._timers.after(self._half_ms, self._beat)
        if traffic.sent_bytes == self._sent_bytes:
            self._send()
        self._sent_bytes = traffic.sent_bytes
        if traffic.received_bytes != self._received_bytes or self.is_paused:
            self._received_bytes = traffic.received_bytes
            self._silent_halves = 0
            return
        self._silent_halves += 1
        if self._silent_halves >= HALVES_MISSED:
            self.stop()
            self._missed()
