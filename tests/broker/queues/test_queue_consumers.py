"""Who of several consumers gets the next message."""

import pytest

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.queue_settings import QueueSettings
from message_queues.errors import AccessRefused
from tests.broker.queues.queue_world import CLASSIC, QUORUM, Client, QueueWorld, message

BOTH = pytest.mark.parametrize("kind", [CLASSIC, QUORUM])
SINGLE_ACTIVE = QueueSettings(single_active_consumer=True)


@BOTH
def test_consumers_take_turns(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind)
    clients = [Client() for _ in range(3)]
    for client in clients:
        queue.add_consumer(client)
    for number in range(7):
        queue.publish(message(str(number)))
    assert [client.given for client in clients] == [["0", "3", "6"], ["1", "4"], ["2", "5"]]


@BOTH
def test_who_cannot_take_is_left_out_until_it_can(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind)
    small, large = Client(prefetch_count=1), Client(prefetch_count=3)
    for client in (small, large):
        queue.add_consumer(client)
    for number in range(5):
        queue.publish(message(str(number)))
    assert (small.given, large.given) == (["0"], ["1", "2", "3"])
    small.acknowledge(queue)
    assert small.given == ["0", "4"]


@BOTH
def test_higher_priorities_are_served_first(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind)
    low, high, other_high = Client(), Client(prefetch_count=1, priority=5), Client(prefetch_count=1, priority=5)
    for client in (low, high, other_high):
        queue.add_consumer(client)
    for number in range(4):
        queue.publish(message(str(number)))
    assert (low.given, high.given, other_high.given) == (["2", "3"], ["0"], ["1"])
    high.acknowledge(queue)
    queue.publish(message("4"))
    assert high.given == ["0", "4"]
    for client in (high, other_high):
        queue.remove_consumer(client)
    queue.publish(message("5"))
    assert low.given == ["2", "3", "5"]


# Exclusive consumers


def test_an_exclusive_consumer_wants_a_queue_without_others() -> None:
    queue = QueueWorld().declare()
    queue.add_consumer(Client())
    with pytest.raises(AccessRefused) as raised:
        queue.add_consumer(Client(is_exclusive=True))
    assert str(raised.value) == "queue 'q' in vhost '/' in exclusive use"
    assert len(queue.consumers) == 1


def test_nobody_joins_an_exclusive_consumer_while_it_is_there() -> None:
    queue = QueueWorld().declare()
    alone = Client(is_exclusive=True)
    queue.add_consumer(alone)
    for is_exclusive in (False, True):
        with pytest.raises(AccessRefused):
            queue.add_consumer(Client(is_exclusive=is_exclusive))
    queue.remove_consumer(alone)
    queue.add_consumer(Client())
    assert queue.active_consumer is None


def test_exclusive_consumers_and_a_single_active_one_exclude_each_other() -> None:
    queue = QueueWorld().declare(settings=SINGLE_ACTIVE)
    with pytest.raises(AccessRefused):
        queue.add_consumer(Client(is_exclusive=True))


def test_quorum_queues_take_no_notice_of_exclusive_consumers() -> None:
    queue = QueueWorld().declare(kind=QUORUM)
    queue.add_consumer(Client(is_exclusive=True))
    queue.add_consumer(Client())
    assert len(queue.consumers) == 2


# The single active consumer


@BOTH
def test_one_consumer_is_active_and_the_next_one_follows_it(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind, settings=SINGLE_ACTIVE)
    first, second, third = clients = Client(), Client(), Client()
    for client in clients:
        queue.add_consumer(client)
    assert [client.is_active for client in clients] == [True, False, False]
    queue.publish(message("a"))
    queue.publish(message("b"))
    assert [client.given for client in clients] == [["a", "b"], [], []]
    queue.remove_consumer(first)
    assert [second.is_active, third.is_active] == [True, False]
    assert queue.active_consumer is second
    first.give_back(queue, ReturnReason.CHANNEL_CLOSED)
    queue.publish(message("c"))
    assert (second.given, third.given) == (["a", "b", "c"], [])


@BOTH
def test_a_waiting_consumer_gets_nothing_although_the_active_one_is_full(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind, settings=SINGLE_ACTIVE)
    active, waiting = Client(prefetch_count=1), Client()
    queue.add_consumer(active)
    queue.add_consumer(waiting)
    for number in range(3):
        queue.publish(message(str(number)))
    queue.consumer_ready(waiting)
    assert (active.given, waiting.given, queue.message_count) == (["0"], [], 2)
    queue.remove_consumer(waiting)
    active.acknowledge(queue)
    assert active.given == ["0", "1"]


def test_a_newcomer_of_a_higher_priority_takes_over_once_the_active_one_holds_nothing() -> None:
    queue = QueueWorld().declare(kind=QUORUM, settings=SINGLE_ACTIVE)
    active, better, best = Client(), Client(priority=1), Client(priority=2)
    queue.add_consumer(active)
    queue.publish(message("0"))
    queue.add_consumer(better)
    queue.publish(message("1"))
    assert (active.given, better.given, active.is_active) == (["0"], [], True)
    active.acknowledge(queue)
    assert (better.given, active.is_active, better.is_active) == (["1"], False, True)
    better.acknowledge(queue)
    queue.add_consumer(best)
    queue.publish(message("2"))
    assert (best.given, queue.active_consumer) == (["2"], best)


def test_what_the_active_one_gives_back_goes_to_who_takes_over() -> None:
    queue = QueueWorld().declare(kind=QUORUM, settings=SINGLE_ACTIVE)
    active, better = Client(), Client(priority=1)
    queue.add_consumer(active)
    queue.publish(message("0"))
    queue.add_consumer(better)
    active.give_back(queue, ReturnReason.NACK)
    assert (active.given, better.given) == (["0"], ["0"])


@pytest.mark.parametrize(("kind", "version"), [(CLASSIC, "4.3"), (QUORUM, "3.13")])
def test_elsewhere_a_newcomer_waits_whatever_its_priority(kind: str, version: str) -> None:
    queue = QueueWorld(version).declare(kind=kind, settings=SINGLE_ACTIVE)
    active, better = Client(), Client(priority=1)
    queue.add_consumer(active)
    queue.add_consumer(better)
    queue.publish(message("0"))
    assert (active.given, better.given) == (["0"], [])
