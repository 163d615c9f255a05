from collections.abc import Callable

import pytest

from message_queues.broker.clock import ManualClock, Timers, advance
from message_queues.servers.management.answers import Refused
from message_queues.servers.management.samples import INTERVAL_MS, MOST_POINTS, Sampler, Series, Values, wanted_range

NOW = 1_700_000_000_000


class Counting:
    def __init__(self) -> None:
        self.count = 0

    def read(self) -> Values:
        return (self.count,)


class House:
    def __init__(self, *things: Counting) -> None:
        self.clock = ManualClock(NOW)
        self.timers = Timers(self.clock)
        self.things = list(things)
        self.looks = 0
        self.sampler = Sampler(self.timers, self.look)

    def look(self) -> list[tuple[object, Callable[[], Values]]]:
        self.looks += 1
        return [(thing, thing.read) for thing in self.things]

    def pass_time(self, ms: int) -> None:
        advance(self.clock, self.timers, self.clock.now_ms() + ms)


def test_a_rate_is_the_change_between_the_last_two_looks() -> None:
    thing = Counting()
    house = House(thing)
    house.sampler.start()
    thing.count = 50
    house.pass_time(INTERVAL_MS)
    assert house.sampler.of(thing, thing.read()).series.rate(0) == 10.0
    house.pass_time(INTERVAL_MS)
    assert house.sampler.of(thing, thing.read()).series.rate(0) == 0.0


def test_what_was_not_looked_at_yet_has_no_rate() -> None:
    assert House().sampler.of(object(), (7,)).detail(0, None) == {"rate": 0.0}


def test_samples_go_back_in_steps() -> None:
    series = Series(NOW, (0,))
    for step in range(1, 5):
        series.add(NOW + step * 5_000, (step * 10,), 100)
    detail = series.detail(0, (20_000, 5_000))
    assert detail["samples"] == [{"sample": 40 - 10 * step, "timestamp": NOW + 20_000 - step * 5_000} for step in range(5)]
    assert detail["avg_rate"] == 2.0
    assert detail["avg"] == 20.0


def test_an_object_that_is_gone_is_forgotten() -> None:
    thing = Counting()
    house = House(thing)
    house.sampler.start()
    house.things.clear()
    house.pass_time(INTERVAL_MS)
    assert house.sampler.of(thing, (5,)).series.points == [(house.clock.now_ms(), (5,))]


def test_the_history_of_an_object_is_bounded() -> None:
    thing = Counting()
    house = House(thing)
    house.sampler.start()
    for _ in range(MOST_POINTS + 50):
        thing.count += 1
        house.pass_time(INTERVAL_MS)
    assert len(house.sampler.of(thing, thing.read()).series.points) == MOST_POINTS


def test_a_year_in_which_nothing_happens_passes_few_looks() -> None:
    house = House(Counting())
    house.sampler.start()
    house.pass_time(365 * 86_400_000)
    assert house.looks < 200


def test_somebody_who_asks_makes_it_look_again() -> None:
    thing = Counting()
    house = House(thing)
    house.sampler.start()
    house.pass_time(86_400_000)
    looks = house.looks
    thing.count = 5
    house.sampler.start()
    assert house.looks == looks + 1
    assert house.sampler.of(thing, thing.read()).now == (5,)


def test_many_objects_are_looked_at_in_slices() -> None:
    things = [Counting() for _ in range(2_500)]
    house = House(*things)
    house.sampler.start()
    assert house.timers.next_deadline() == NOW
    house.pass_time(0)
    house.pass_time(0)
    for thing in things:
        thing.count = 5
    house.pass_time(INTERVAL_MS)
    assert all(house.sampler.of(thing, thing.read()).series.rate(0) == 1.0 for thing in things)


def test_a_range_is_given_in_seconds() -> None:
    assert wanted_range({"lengths_age": "60", "lengths_incr": "5"}, "lengths") == (60_000, 5_000)
    assert wanted_range({"lengths_age": "60"}, "lengths") is None


@pytest.mark.parametrize(("age", "step"), [("60", "0"), ("0", "5"), ("6000", "1")])
def test_an_impossible_range_is_refused(age: str, step: str) -> None:
    with pytest.raises(Refused) as caught:
        wanted_range({"lengths_age": age, "lengths_incr": step}, "lengths")
    assert caught.value.reason == f"Invalid range parameters: age {age}, incr {step}"
