import pytest

from message_queues.broker.clock import ManualClock, Timers, WakeUp, advance


def test_time_set_by_hand_cannot_go_back() -> None:
    clock = ManualClock(1000)
    with pytest.raises(ValueError, match="cannot go back from 1000 to 999"):
        clock.set(999)


def test_timers_fire_in_the_order_of_their_deadlines_and_then_of_their_making() -> None:
    clock = ManualClock(0)
    timers = Timers(clock)
    fired: list[str] = []
    timers.after(20, lambda: fired.append("late"))
    timers.after(10, lambda: fired.append("early"))
    timers.after(10, lambda: fired.append("early too"))
    clock.set(9)
    assert timers.fire_due() == 0
    clock.set(30)
    assert timers.fire_due() == 3
    assert fired == ["early", "early too", "late"]


def test_a_cancelled_timer_never_fires_and_is_no_deadline() -> None:
    timers = Timers(ManualClock(0))
    timers.after(5, lambda: pytest.fail("was cancelled")).cancel()
    later = timers.after(7, lambda: None)
    assert timers.next_deadline() == 7
    later.cancel()
    later.cancel()
    assert timers.next_deadline() is None


def test_a_timer_set_while_firing_lets_others_in_between_even_when_it_is_due() -> None:
    clock = ManualClock(0)
    timers = Timers(clock)
    fired: list[int] = []

    def first() -> None:
        fired.append(1)
        timers.after(0, lambda: fired.append(2))

    timers.after(1, first)
    clock.set(1)
    assert timers.fire_due() == 1
    assert fired == [1]
    assert timers.next_deadline() == 1
    timers.fire_due()
    assert fired == [1, 2]


def test_only_a_deadline_before_all_others_wakes_the_driver() -> None:
    timers = Timers(ManualClock(0))
    woken: list[int | None] = []
    timers.on_earlier_deadline = lambda: woken.append(timers.next_deadline())
    timers.after(10, lambda: None)
    timers.after(20, lambda: None)
    timers.after(5, lambda: None)
    assert woken == [10, 5]


def test_cancelled_timers_do_not_pile_up() -> None:
    timers = Timers(ManualClock(0))
    for _ in range(10_000):
        timers.after(500, lambda: None).cancel()
    assert len(timers._heap) < 200


def test_advancing_stops_at_every_deadline_on_the_way() -> None:
    clock = ManualClock(0)
    timers = Timers(clock)
    seen: list[int] = []

    def tick() -> None:
        seen.append(clock.now_ms())
        timers.after(300, tick)

    timers.after(300, tick)
    assert advance(clock, timers, 1000) == 3
    assert seen == [300, 600, 900]
    assert clock.now_ms() == 1000


def test_a_wake_up_comes_once_at_the_earliest_of_what_it_was_asked_for() -> None:
    clock = ManualClock(0)
    timers = Timers(clock)
    seen: list[int] = []
    wake_up = WakeUp(timers, lambda: seen.append(clock.now_ms()))
    for deadline_ms in (300, 100, 200):
        wake_up.at(deadline_ms)
    advance(clock, timers, 1000)
    assert seen == [100]
    wake_up.at(1200)
    advance(clock, timers, 2000)
    assert seen == [100, 1200]


def test_a_wake_up_may_ask_for_the_next_one() -> None:
    clock = ManualClock(0)
    timers = Timers(clock)
    seen: list[int] = []

    def wake() -> None:
        seen.append(clock.now_ms())
        wake_up.at(clock.now_ms() + 100)

    wake_up = WakeUp(timers, wake)
    wake_up.at(100)
    advance(clock, timers, 350)
    assert seen == [100, 200, 300]


def test_a_wake_up_that_was_stopped_never_comes() -> None:
    clock = ManualClock(0)
    timers = Timers(clock)
    wake_up = WakeUp(timers, lambda: clock.set(-1))
    wake_up.at(100)
    wake_up.stop()
    wake_up.at(200)
    assert timers.next_deadline() is None
