"""Counters over time: what makes `*_details: {"rate": …}` and the samples that charts are drawn from.

The broker's objects count in plain integers. Every five seconds of the broker's clock each is looked at; what has changed is kept, for a
while. With nothing happening and nobody asking for ten minutes the looking stops, until somebody asks: a clock that is moved on by a year
passes few rounds.

A rate is the change between the last two looks, as RabbitMQ shows it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from message_queues.broker.clock import Timer, Timers
from message_queues.servers.management.answers import bad_request

INTERVAL_MS = 5_000
IDLE_ROUNDS = 120
"""After so many rounds without a change and without a caller the looking stops."""
MOST_POINTS = 120
"""Kept of one object: ten minutes of steady change."""
MOST_POINTS_OF_ALL = 60_000
SLICE = 1_000
"""Objects looked at in one go: others come in between."""
MOST_SAMPLES = 500

Values = tuple[int, ...]
Look = Callable[[], Sequence[tuple[object, Callable[[], Values]]]]
"""Everything that counts, each with how to read it."""

Detail = dict[str, object]
Range = tuple[int, int]
"""How far back and in which steps, in ms."""


class Series:
    """One object's counters: the last two looks, and earlier changes."""

    __slots__ = ("before", "before_ms", "now", "now_ms", "points")

    def __init__(self, now_ms: int, values: Values, before_ms: int | None = None) -> None:
        """`before_ms`: when it was not there yet, and had counted nothing."""
        self.now = self.before = values
        self.now_ms = self.before_ms = now_ms
        if before_ms is not None:
            self.before, self.before_ms = (0,) * len(values), before_ms
        self.points: list[tuple[int, Values]] = [(now_ms, values)]

    def add(self, now_ms: int, values: Values, most_points: int) -> bool:
        """True: something has changed."""
        self.before_ms, self.now_ms = self.now_ms, now_ms
        self.before = self.now
        if values == self.now:
            return False
        self.now = values
        self.points.append((now_ms, values))
        if len(self.points) > most_points:
            del self.points[: len(self.points) - most_points]
        return True

    def rate(self, index: int) -> float:
        elapsed_ms = self.now_ms - self.before_ms
        return (self.now[index] - self.before[index]) * 1000 / elapsed_ms if elapsed_ms else 0.0

    def detail(self, index: int, wanted: Range | None) -> Detail:
        if wanted is None:
            return {"rate": self.rate(index)}
        age_ms, step_ms = wanted
        last_ms = self.now_ms // step_ms * step_ms
        stamps = range(last_ms, last_ms - age_ms - 1, -step_ms)
        values = [self._at(stamp, index) for stamp in stamps]
        return {
            "rate": self.rate(index),
            "samples": [{"sample": value, "timestamp": stamp} for value, stamp in zip(values, stamps, strict=True)],
            "avg_rate": (values[0] - values[-1]) * 1000 / age_ms,
            "avg": sum(values) / len(values),
        }

    def _at(self, stamp_ms: int, index: int) -> int:
        for ms, values in reversed(self.points):
            if ms <= stamp_ms:
                return values[index]
        return 0


class Reading:
    """One object's counters as they are now, and their past."""

    __slots__ = ("now", "series")

    def __init__(self, now: Values, series: Series) -> None:
        self.now = now
        self.series = series

    def detail(self, index: int, wanted: Range | None) -> Detail:
        return self.series.detail(index, wanted)


class Sampler:
    def __init__(self, timers: Timers, look: Look) -> None:
        self._timers = timers
        self._look = look
        self._series: dict[object, Series] = {}
        self._timer: Timer | None = None
        self._idle_rounds = 0
        self._has_changed = False
        self._last_round_ms: int | None = None

    def start(self) -> None:
        """Begins, or goes on: somebody asks."""
        self._idle_rounds = 0
        if self._timer is None:
            self._begin_round()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def of(self, thing: object, values: Values) -> Reading:
        """`values` are its counters now."""
        series = self._series.get(thing)
        return Reading(values, series if series is not None else Series(self._timers.clock.now_ms(), values))

    def forget(self) -> None:
        """RabbitMQ's reset of its statistics: rates begin anew."""
        self._series.clear()
        self._last_round_ms = None

    def _begin_round(self) -> None:
        things = self._look()
        self._has_changed = False
        most_points = max(3, min(MOST_POINTS, MOST_POINTS_OF_ALL // max(1, len(things))))
        self._go_on(iter(things), {}, self._timers.clock.now_ms(), most_points)

    def _go_on(
        self, rest: Iterable[tuple[object, Callable[[], Values]]], seen: dict[object, Series], now_ms: int, most_points: int
    ) -> None:
        known = self._series
        for count, (thing, read) in enumerate(rest, 1):
            series = known.get(thing)
            if series is None:
                series = Series(now_ms, read(), self._last_round_ms)
                self._has_changed = True
            elif series.add(now_ms, read(), most_points):
                self._has_changed = True
            seen[thing] = series
            if count == SLICE:
                self._timer = self._timers.after(0, lambda: self._go_on(rest, seen, now_ms, most_points))
                return
        # Who was not there any more is forgotten.
        self._series = seen
        self._last_round_ms = now_ms
        self._end_round(now_ms)

    def _end_round(self, now_ms: int) -> None:
        self._idle_rounds = 0 if self._has_changed else self._idle_rounds + 1
        if self._idle_rounds > IDLE_ROUNDS:
            self._timer = None
        else:
            self._timer = self._timers.at(max(now_ms + INTERVAL_MS, self._timers.clock.now_ms()), self._begin_round)


def wanted_range(query: Mapping[str, str], prefix: str) -> Range | None:
    """`lengths`, `msg_rates`, `data_rates` or `node_stats`: what `…_age` and `…_incr` ask for, in seconds there."""
    try:
        age_s, step_s = int(query.get(f"{prefix}_age", "")), int(query.get(f"{prefix}_incr", ""))
    except ValueError:
        return None
    if age_s <= 0 or step_s <= 0 or age_s // step_s > MOST_SAMPLES:
        raise bad_request(f"Invalid range parameters: age {age_s}, incr {step_s}")
    return age_s * 1000, step_s * 1000
