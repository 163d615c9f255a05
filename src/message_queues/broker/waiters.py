"""Parks a reader until data or a deadline: Kafka's long poll, SQS's wait time, an AMQP consumer's credit.

One idea for all of them: what a reader waits for (a partition, a queue) has `Waiters`; the reader is a `Waiter` that may stand in several.
"""

from collections.abc import Callable, Iterable

from message_queues.broker.clock import Timer, Timers


class Waiters:
    """Those who wait for one thing. Empty ones cost nothing but themselves."""

    __slots__ = ("_parked",)

    def __init__(self) -> None:
        self._parked: dict[Waiter, None] = {}

    def __bool__(self) -> bool:
        return bool(self._parked)

    def __len__(self) -> int:
        return len(self._parked)

    def wake(self, arrived: int) -> None:
        """`arrived` is how much came: bytes for a partition, messages for a queue."""
        for waiter in tuple(self._parked):
            waiter.arrived(arrived)

    def add(self, waiter: "Waiter") -> None:
        self._parked[waiter] = None

    def remove(self, waiter: "Waiter") -> None:
        self._parked.pop(waiter, None)


class Waiter:
    """Calls `done` once: when `wanted` has arrived in all, at the deadline, or when released."""

    __slots__ = ("_done", "_missing", "_places", "_timer")

    def __init__(self, places: Iterable[Waiters], wanted: int, timers: Timers, max_wait_ms: int, done: Callable[[], None]) -> None:
        self._places = tuple(places)
        self._missing = wanted
        self._done: Callable[[], None] | None = done
        self._timer: Timer = timers.after(max_wait_ms, self.release)
        for place in self._places:
            place.add(self)

    def arrived(self, amount: int) -> None:
        self._missing -= amount
        if self._missing <= 0:
            self.release()

    def release(self) -> None:
        """What is there now must do: something arrived, changed, or time is over."""
        done = self.cancel()
        if done is not None:
            done()

    def cancel(self) -> Callable[[], None] | None:
        """The reader has gone: nothing will be called. Returns what would have been."""
        done, self._done = self._done, None
        if done is not None:
            self._timer.cancel()
            for place in self._places:
                place.remove(self)
        return done
