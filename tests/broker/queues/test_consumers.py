import pytest

from message_queues.broker.queues.consumers import Consumers
from message_queues.errors import AccessRefused
from tests.broker.queues.queue_world import Client


def _consumers(*, single_active: bool = False, takes_over: bool = False) -> Consumers:
    return Consumers(single_active=single_active, takes_over=takes_over, heeds_exclusive=True)


def _nobody(_: object) -> bool:
    return False


def test_nobody_has_the_next_turn_where_nobody_is() -> None:
    consumers = _consumers()
    assert (consumers.next(), len(consumers), consumers.greatest_ready_priority) == (None, 0, None)
    consumers.add(Client(is_paused=True), "q")
    assert (consumers.next(), len(consumers), consumers.greatest_ready_priority) == (None, 1, None)


def test_who_is_ready_again_is_the_last_in_turn() -> None:
    consumers = _consumers()
    a, b, c = clients = Client(), Client(), Client()
    for client in clients:
        consumers.add(client, "q")
    a.can_take = False
    assert [consumers.next() for _ in range(3)] == [b, c, b]
    a.can_take = True
    consumers.ready(a)
    assert [consumers.next() for _ in range(4)] == [c, b, a, c]


def test_who_is_ready_without_having_rested_keeps_one_turn() -> None:
    consumers = _consumers()
    a, b = Client(), Client()
    for client in (a, b):
        consumers.add(client, "q")
    consumers.ready(a)
    assert [consumers.next() for _ in range(4)] == [a, b, a, b]


def test_priorities_that_nobody_has_are_forgotten() -> None:
    consumers = _consumers()
    stays = Client()
    consumers.add(stays, "q")
    for priority in range(1, 100):
        passing = Client(priority=priority, is_paused=True)
        consumers.add(passing, "q")
        assert consumers.next() is stays
        assert consumers.remove(passing)
    assert len(consumers._rings) == 1
    assert consumers.greatest_ready_priority == 0


def test_a_consumer_is_removed_once() -> None:
    consumers = _consumers()
    client = Client()
    consumers.add(client, "q")
    assert [consumers.remove(client) for _ in range(2)] == [True, False]
    consumers.ready(client)
    assert consumers.next() is None


def test_a_refused_consumer_is_not_there() -> None:
    consumers = _consumers()
    consumers.add(Client(is_exclusive=True), "queue 'q' in vhost '/'")
    with pytest.raises(AccessRefused, match=r"^queue 'q' in vhost '/' in exclusive use$"):
        consumers.add(Client(), "queue 'q' in vhost '/'")
    assert len(consumers) == 1


def test_the_highest_priority_follows_the_single_active_consumer() -> None:
    consumers = _consumers(single_active=True)
    active, first, best, second = Client(), Client(), Client(priority=3), Client()
    for client in (active, first, best, second):
        consumers.add(client, "q")
    followed = []
    for _ in range(4):
        assert consumers.active is not None
        followed.append(consumers.active)
        consumers.remove(consumers.active)
    assert followed == [active, best, first, second]
    assert consumers.active is None


def test_nobody_gives_way_to_an_equal() -> None:
    consumers = _consumers(single_active=True, takes_over=True)
    active, equal = Client(priority=1), Client(priority=1)
    for client in (active, equal):
        consumers.add(client, "q")
    assert not consumers.give_way(_nobody)
    assert consumers.active is active


def test_who_holds_messages_gives_way_later() -> None:
    consumers = _consumers(single_active=True, takes_over=True)
    active, better = Client(), Client(priority=1)
    for client in (active, better):
        consumers.add(client, "q")
    assert not consumers.give_way(lambda _: True)
    assert (consumers.next(), consumers.is_quiescing) == (None, True)
    consumers.ready(active)
    assert consumers.next() is None
    assert consumers.give_way(_nobody)
    assert (consumers.next(), consumers.is_quiescing, active.is_active, better.is_active) == (better, False, False, True)


def test_a_quiescing_consumer_that_goes_is_followed_at_once() -> None:
    consumers = _consumers(single_active=True, takes_over=True)
    active, better = Client(), Client(priority=1)
    for client in (active, better):
        consumers.add(client, "q")
    consumers.give_way(lambda _: True)
    consumers.remove(active)
    assert (consumers.next(), consumers.is_quiescing) == (better, False)


def test_if_the_better_one_goes_the_quiescing_one_stays() -> None:
    consumers = _consumers(single_active=True, takes_over=True)
    active, better = Client(), Client(priority=1)
    for client in (active, better):
        consumers.add(client, "q")
    consumers.give_way(lambda _: True)
    consumers.remove(better)
    assert (consumers.next(), consumers.is_quiescing) == (active, False)


def test_all_can_be_forgotten() -> None:
    consumers = _consumers(single_active=True)
    clients = [Client(), Client()]
    for client in clients:
        consumers.add(client, "q")
    assert consumers.clear() == clients
    assert (len(consumers), consumers.active, consumers.next()) == (0, None, None)
