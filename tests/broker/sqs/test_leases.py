from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.leases import Leases


def entry(position: int) -> Entry:
    return Entry(position, 0, 0, None, None, 0)


def test_leases_end_in_the_order_of_their_times() -> None:
    leases = Leases()
    entries = [entry(position) for position in range(4)]
    for each, until_ms in zip(entries, (30, 10, 20, 10), strict=True):
        leases.hold(each, until_ms)
    assert leases.next_end_ms() == 10
    assert leases.take_over(9) == []
    assert leases.take_over(20) == [entries[1], entries[3], entries[2]]
    assert (len(leases), leases.next_end_ms()) == (1, 30)


def test_a_lease_that_is_moved_ends_once_and_then() -> None:
    leases = Leases()
    one = entry(5)
    leases.hold(one, 10)
    leases.hold(one, 50)
    assert leases.take_over(10) == []
    leases.hold(one, 20)
    assert leases.take_over(60) == [one]
    assert leases.take_over(60) == []


def test_a_lease_that_is_given_up_does_not_end() -> None:
    leases = Leases()
    one = entry(5)
    leases.hold(one, 10)
    assert leases.give_up(5) is one
    assert leases.give_up(5) is None
    assert leases.next_end_ms() is None
    assert leases.take_over(10) == []


def test_leases_that_are_given_up_leave_nothing_behind() -> None:
    leases = Leases()
    for position in range(10_000):
        leases.hold(entry(position), 1000 + position)
        leases.give_up(position)
    assert len(leases.ends) < 100
