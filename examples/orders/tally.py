"""How far publisher and processors are: what the demo shows, and what it waits for."""

import threading
import time
from collections.abc import Callable

from message_queues import Delivery

PATIENCE_S = 60


class DemoFailed(Exception):
    """Something did not come about in time."""


class Tally:
    """How far everybody is; others wait for it to change."""

    def __init__(self, taken: str) -> None:
        self.taken = taken
        """What the broker does with an order that it has: it is "acknowledged", "confirmed"."""
        self.acknowledged: dict[str, int] = {}
        """Order -> microseconds from publishing to the acknowledgement."""
        self.refused: list[str] = []
        self.killed_ns: int | None = None
        self.resumed_ns: int | None = None
        """When the first of the orders that were published after the kill was acknowledged."""
        self._processed: dict[str, int] = {}
        self._changed = threading.Condition()

    def answered(self, order_id: str, published_ns: int, delivery: Delivery) -> None:
        """The publisher knows what became of an order."""
        now_ns = time.monotonic_ns()
        with self._changed:
            if delivery.error is not None:
                self.refused.append(f"{order_id}: {delivery.error}")
            else:
                self.acknowledged[order_id] = (now_ns - published_ns) // 1000
                if self.resumed_ns is None and self.killed_ns is not None and published_ns > self.killed_ns:
                    self.resumed_ns = now_ns
            self._changed.notify_all()

    def told(self, processor: str, processed: int) -> None:
        """A processor tells how far it is."""
        with self._changed:
            self._processed[processor] = processed
            self._changed.notify_all()

    @property
    def resumed_s(self) -> float | None:
        """After the kill."""
        return None if self.resumed_ns is None or self.killed_ns is None else (self.resumed_ns - self.killed_ns) / 1e9

    @property
    def processed(self) -> int:
        return sum(self._processed.values())

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(holds, PATIENCE_S):
                state = f"{len(self.acknowledged):,} orders are acknowledged and {self.processed:,} processed"
                raise DemoFailed(f"{what} did not come about within {PATIENCE_S} s; {state}")
