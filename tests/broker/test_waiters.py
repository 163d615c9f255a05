from message_queues.broker.clock import ManualClock, Timers
from message_queues.broker.waiters import Waiter, Waiters


class Reader:
    def __init__(self, places: list[Waiters], wanted: int, max_wait_ms: int = 100) -> None:
        self.clock = ManualClock(0)
        self.timers = Timers(self.clock)
        self.times_done = 0
        self.waiter = Waiter(places, wanted, self.timers, max_wait_ms, self._done)

    def _done(self) -> None:
        self.times_done += 1


def test_a_reader_is_done_when_enough_has_arrived_over_all_that_it_waits_for() -> None:
    orders, payments = Waiters(), Waiters()
    reader = Reader([orders, payments], wanted=10)
    orders.wake(6)
    assert reader.times_done == 0
    payments.wake(4)
    assert reader.times_done == 1
    assert not orders
    assert not payments


def test_a_reader_is_done_at_its_deadline_and_never_twice() -> None:
    orders = Waiters()
    reader = Reader([orders], wanted=1, max_wait_ms=50)
    reader.clock.set(49)
    reader.timers.fire_due()
    assert reader.times_done == 0
    reader.clock.set(50)
    reader.timers.fire_due()
    orders.wake(1)
    assert reader.times_done == 1


def test_a_reader_that_has_gone_is_told_nothing() -> None:
    orders = Waiters()
    reader = Reader([orders], wanted=1)
    reader.waiter.cancel()
    orders.wake(1)
    reader.clock.set(1000)
    reader.timers.fire_due()
    assert reader.times_done == 0
    assert reader.timers.next_deadline() is None


def test_all_readers_of_one_place_are_woken() -> None:
    orders = Waiters()
    readers = [Reader([orders], wanted=1) for _ in range(3)]
    assert len(orders) == 3
    orders.wake(1)
    assert [reader.times_done for reader in readers] == [1, 1, 1]
