"""Those who wait for messages of one queue: long polls. The one who waits longest gets what comes first, and nobody else is woken for it.

How long somebody waits is real time (docs/decisions/0004-long-polls-keep-real-time.md).
"""

from collections.abc import Callable, Sequence

from message_queues.broker.clock import Timer, Timers
from message_queues.broker.sqs.message import Received

Done = Callable[[Sequence[Received]], None]


class Waiting:
    """One receive. `done` is called once, unless it is cancelled."""

    __slots__ = ("_done", "_room", "_timer", "attempt_id", "count", "visibility_s")

    def __init__(self, count: int, visibility_s: int | None, attempt_id: str | None, done: Done) -> None:
        self.count = count
        self.visibility_s = visibility_s
        self.attempt_id = attempt_id
        self._done: Done | None = done
        self._room: WaitingRoom | None = None
        self._timer: Timer | None = None

    @property
    def is_over(self) -> bool:
        return self._done is None

    def answer(self, received: Sequence[Received]) -> None:
        done = self._end()
        if done is not None:
            done(received)

    def cancel(self) -> None:
        """The client has gone: it gets nothing."""
        self._end()

    def sit(self, room: "WaitingRoom", timers: Timers, wait_s: float) -> None:
        self._room = room
        self._timer = timers.after(round(wait_s * 1000), lambda: self.answer(()))

    def _end(self) -> Done | None:
        done, self._done = self._done, None
        if self._timer is not None:
            self._timer.cancel()
        if self._room is not None:
            self._room.leave(self)
        return done


class WaitingRoom:
    __slots__ = ("_sitting", "_timers")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._sitting: dict[Waiting, None] = {}

    def __len__(self) -> int:
        return len(self._sitting)

    def __bool__(self) -> bool:
        return bool(self._sitting)

    def take_in(self, waiting: Waiting, wait_s: float) -> None:
        self._sitting[waiting] = None
        waiting.sit(self, self._timers, wait_s)

    def leave(self, waiting: Waiting) -> None:
        self._sitting.pop(waiting, None)

    def first(self) -> Waiting | None:
        return next(iter(self._sitting), None)

    def dismiss_all(self) -> None:
        for waiting in list(self._sitting):
            waiting.answer(())
