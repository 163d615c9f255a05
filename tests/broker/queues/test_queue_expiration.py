"""x-message-ttl and the expiration of messages."""

import pytest

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.queue import REMOVED_AT_ONCE
from message_queues.broker.queues.queue_settings import QueueSettings
from tests.broker.queues.queue_world import CLASSIC, QUORUM, Client, QueueWorld, message, text

BOTH = pytest.mark.parametrize("kind", [CLASSIC, QUORUM])


@BOTH
def test_messages_expire_by_the_time_of_their_queue(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind, settings=QueueSettings(message_ttl_ms=1000))
    queue.publish(message("old"))
    world.advance(500)
    queue.publish(message("young"))
    world.advance(499)
    assert queue.message_count == 2
    world.advance(1)
    assert (queue.message_count, queue.counters.dropped_expired) == (1, 1)
    assert text(queue.get(no_ack=True)) == "young"


@BOTH
def test_the_shorter_of_two_times_holds(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind, settings=QueueSettings(message_ttl_ms=1000))
    queue.publish(message("own", expiration="100"))
    world.advance(100)
    assert queue.message_count == 0
    queue.publish(message("queue's", expiration="100000"))
    world.advance(999)
    assert queue.message_count == 1
    world.advance(1)
    assert queue.message_count == 0


@BOTH
def test_a_message_expires_only_at_the_head(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    queue.publish(message("head"))
    queue.publish(message("behind", expiration="10"))
    queue.publish(message("last"))
    world.advance(1000)
    assert queue.message_count == 3
    assert world.drained() == ["head", "last"]


def test_without_time_a_message_is_for_those_who_wait() -> None:
    queue = QueueWorld().declare(settings=QueueSettings(message_ttl_ms=0))
    queue.publish(message("nobody"))
    assert (queue.message_count, queue.counters.dropped_expired) == (0, 1)
    client = Client(prefetch_count=1)
    queue.add_consumer(client)
    for body in ("somebody", "full"):
        queue.publish(message(body))
    assert (client.given, queue.message_count) == (["somebody"], 0)


def test_a_message_without_time_waits_behind_others_for_its_end() -> None:
    world = QueueWorld()
    queue = world.declare()
    queue.publish(message("head"))
    queue.publish(message("no time", expiration="0"))
    assert queue.message_count == 2
    assert world.drained() == ["head"]


def test_a_quorum_queue_gives_a_message_without_time_the_rest_of_the_millisecond() -> None:
    world = QueueWorld()
    queue = world.declare(kind=QUORUM, settings=QueueSettings(message_ttl_ms=0))
    queue.publish(message("a"))
    assert queue.message_count == 1
    world.advance(1)
    assert queue.message_count == 0


@BOTH
def test_the_time_goes_on_while_a_consumer_holds_a_message(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind, settings=QueueSettings(message_ttl_ms=1000))
    client = Client()
    queue.add_consumer(client)
    queue.publish(message("a"))
    world.advance(5000)
    assert queue.unacknowledged_count == 1
    client.give_back(queue, ReturnReason.NACK)
    assert (queue.message_count, queue.unacknowledged_count, client.given) == (0, 0, ["a"])


@BOTH
def test_nothing_that_has_expired_is_delivered_though_no_timer_has_fired(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    for number in range(4):
        queue.publish(message(str(number), expiration="10" if number < 3 else None))
    world.clock.set(world.clock.now_ms() + 10)
    assert text(queue.get(no_ack=True)) == "3"


@BOTH
def test_expirations_survive_a_restart(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind, settings=QueueSettings(message_ttl_ms=1000))
    queue.publish(message("a"))
    world.advance(400)
    queue.publish(message("b"))
    world.stop_and_start()
    world.advance(599)
    assert world.queues["q"].message_count == 2
    world.advance(1)
    assert world.queues["q"].message_count == 1
    world.advance(400)
    assert world.queues["q"].message_count == 0


def test_each_priority_of_a_quorum_queue_has_a_head() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM)
    queue.publish(message("high", priority=9))
    queue.publish(message("low", priority=0, expiration="10"))
    world.advance(10)
    assert world.drained() == ["high"]
    assert queue.counters.dropped_expired == 1


def test_only_the_highest_priority_of_a_classic_queue_has_a_head() -> None:
    world = QueueWorld()
    queue = world.declare(settings=QueueSettings(max_priority=9))
    queue.publish(message("high", priority=9))
    queue.publish(message("low", priority=0, expiration="10"))
    world.advance(10)
    assert queue.message_count == 2
    assert world.drained() == ["high"]


def test_a_returned_message_of_a_quorum_queue_expires_too() -> None:
    world = QueueWorld()
    queue = world.declare(kind=QUORUM)
    queue.publish(message("a", expiration="10"))
    entry = queue.get(no_ack=False)
    assert entry is not None
    queue.requeue([entry], ReturnReason.NACK)
    world.advance(9)
    assert queue.message_count == 1
    world.advance(1)
    assert (queue.message_count, queue.ready_bytes) == (0, 0)


@BOTH
def test_a_new_time_of_the_queue_is_for_new_messages(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    queue.publish(message("before"))
    queue.configure(QueueSettings(message_ttl_ms=10))
    queue.publish(message("after"))
    world.advance(10)
    assert world.drained() == ["before"]


@BOTH
def test_many_expire_in_pieces(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind, settings=QueueSettings(message_ttl_ms=10))
    for _ in range(2 * REMOVED_AT_ONCE + 1):
        queue.publish(message())
    world.clock.set(world.clock.now_ms() + 10)
    world.timers.fire_due()
    assert queue.message_count == REMOVED_AT_ONCE + 1
    world.advance(0)
    assert queue.message_count == 0
    assert world.timers.next_deadline() is None
