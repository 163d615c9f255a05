"""x-max-length, x-max-length-bytes and what happens beyond them."""

import pytest

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.queue import REMOVED_AT_ONCE
from message_queues.broker.queues.queue_settings import REJECT_PUBLISH, REJECT_PUBLISH_DLX, QueueSettings
from tests.broker.queues.queue_world import CLASSIC, QUORUM, Client, QueueWorld, message

BOTH = pytest.mark.parametrize("kind", [CLASSIC, QUORUM])


@BOTH
def test_the_oldest_go_when_there_are_too_many(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind, settings=QueueSettings(max_length=3))
    assert all(queue.publish(message(str(number))) for number in range(10))
    assert (queue.message_count, queue.counters.dropped_maxlen) == (3, 7)
    world.stop_and_start()
    assert world.drained() == ["7", "8", "9"]


@BOTH
def test_the_oldest_go_when_they_are_too_large(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind, settings=QueueSettings(max_length_bytes=10))
    for body in ("aaaa", "bbbb", "cc", "dddd"):
        queue.publish(message(body))
    assert world.drained() == ["bbbb", "cc", "dddd"]
    queue.publish(message("eleven byte"))
    assert queue.message_count == 0


@BOTH
def test_what_is_unacknowledged_does_not_count(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind, settings=QueueSettings(max_length=1))
    client = Client(prefetch_count=2)
    queue.add_consumer(client)
    for number in range(4):
        queue.publish(message(str(number)))
    assert (client.given, queue.message_count) == (["0", "1"], 1)
    queue.remove_consumer(client)
    client.give_back(queue, ReturnReason.CHANNEL_CLOSED)
    # What came back is the oldest.
    assert world.drained() == ["3"]


@BOTH
def test_a_limit_of_nothing_lets_through_what_a_consumer_waits_for(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind, settings=QueueSettings(max_length=0))
    queue.publish(message("dropped"))
    client = Client()
    queue.add_consumer(client)
    queue.publish(message("through"))
    assert (client.given, queue.message_count) == (["through"], 0)


def test_a_full_classic_queue_refuses() -> None:
    world = QueueWorld()
    queue = world.declare(settings=QueueSettings(max_length=2, overflow=REJECT_PUBLISH))
    assert [queue.publish(message(str(number))) for number in range(4)] == [True, True, False, False]
    assert (queue.counters.refused, queue.counters.published) == (2, 2)
    queue.get(no_ack=True)
    assert queue.publish(message("4"))
    assert world.drained() == ["1", "4"]


def test_a_full_classic_queue_refuses_by_bytes() -> None:
    queue = QueueWorld().declare(settings=QueueSettings(max_length_bytes=5, overflow=REJECT_PUBLISH))
    assert [queue.publish(message(body)) for body in ("aaa", "bbb", "cc", "")] == [True, False, True, True]


def test_a_full_quorum_queue_refuses_one_later_and_until_a_fifth_is_gone() -> None:
    queue = QueueWorld().declare(kind=QUORUM, settings=QueueSettings(max_length=5, overflow=REJECT_PUBLISH))
    assert [queue.publish(message()) for _ in range(8)] == [True] * 6 + [False] * 2
    queue.get(no_ack=True)
    assert not queue.publish(message())
    queue.get(no_ack=True)
    assert [queue.publish(message()) for _ in range(3)] == [True, True, False]


def test_a_refused_message_can_be_dead_lettered() -> None:
    world = QueueWorld()
    world.declare("dead")
    queue = world.declare(
        settings=QueueSettings(max_length=1, overflow=REJECT_PUBLISH_DLX, dead_letter_exchange="", dead_letter_routing_key="dead")
    )
    assert [queue.publish(message(body)) for body in ("kept", "refused")] == [True, False]
    entry = world.queues["dead"].get(no_ack=True)
    assert entry is not None
    assert entry.message.attributes.headers["x-first-death-reason"] == "maxlen"
    assert world.drained() == ["kept"]


@BOTH
def test_a_new_limit_holds_for_what_is_there(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    for number in range(10):
        queue.publish(message(str(number)))
    queue.configure(QueueSettings(max_length=4))
    assert queue.message_count == 4
    queue.configure(QueueSettings())
    queue.publish(message("10"))
    assert world.drained() == ["6", "7", "8", "9", "10"]


def test_many_go_in_pieces() -> None:
    world = QueueWorld()
    queue = world.declare()
    for number in range(3 * REMOVED_AT_ONCE):
        queue.publish(message(str(number)))
    queue.configure(QueueSettings(max_length=1))
    assert queue.message_count == 2 * REMOVED_AT_ONCE
    world.advance(0)
    assert world.drained() == [str(3 * REMOVED_AT_ONCE - 1)]


def test_a_lower_limit_on_a_refusing_queue_drops_nothing() -> None:
    queue = QueueWorld().declare()
    for _ in range(5):
        queue.publish(message())
    queue.configure(QueueSettings(max_length=1, overflow=REJECT_PUBLISH))
    assert (queue.message_count, queue.publish(message())) == (5, False)
