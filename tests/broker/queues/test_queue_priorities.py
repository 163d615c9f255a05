"""x-max-priority of classic queues, and the priorities that every quorum queue has, release by release."""

import pytest

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.queue_settings import QueueSettings
from tests.broker.queues.queue_world import QUORUM, Client, QueueWorld, message


def test_a_classic_queue_delivers_higher_priorities_first() -> None:
    world = QueueWorld()
    queue = world.declare(settings=QueueSettings(max_priority=5))
    for body, priority in (("none", None), ("1", 1), ("5", 5), ("too high", 200), ("0", 0), ("again 1", 1)):
        queue.publish(message(body, priority=priority))
    assert world.drained() == ["5", "too high", "1", "again 1", "none", "0"]


def test_without_the_argument_priorities_mean_nothing() -> None:
    world = QueueWorld()
    queue = world.declare()
    for body, priority in (("0", 0), ("9", 9), ("5", 5)):
        queue.publish(message(body, priority=priority))
    assert world.drained() == ["0", "9", "5"]


def test_a_limit_drops_the_highest_priority_first() -> None:
    world = QueueWorld()
    queue = world.declare(settings=QueueSettings(max_priority=5, max_length=2))
    for body, priority in (("low", 0), ("high", 5), ("middle", 3)):
        queue.publish(message(body, priority=priority))
    assert world.drained() == ["middle", "low"]


def test_a_message_given_back_keeps_its_priority() -> None:
    world = QueueWorld()
    queue = world.declare(settings=QueueSettings(max_priority=5))
    for body, priority in (("a", 0), ("b", 5), ("c", 5)):
        queue.publish(message(body, priority=priority))
    entries = [entry for entry in (queue.get(no_ack=False) for _ in range(3)) if entry is not None]
    queue.requeue(entries, ReturnReason.NACK)
    assert world.drained() == ["b", "c", "a"]


def test_priorities_survive_a_restart() -> None:
    world = QueueWorld()
    world.declare("classic", settings=QueueSettings(max_priority=5))
    world.declare("quorum", QUORUM)
    for queue in world.queues.values():
        for body, priority in (("low", 1), ("high", 5)):
            queue.publish(message(body, priority=priority))
    world.stop_and_start()
    for name, queue in world.queues.items():
        assert queue.message_count == 2
        queue.publish(message("highest", priority=5))
        assert world.drained(name) == ["high", "highest", "low"]


def test_a_quorum_queue_has_32_priorities_and_messages_without_one_have_4() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM)
    for body, priority in (("3", 3), ("none", None), ("4", 4), ("5", 5), ("31", 31), ("255", 255), ("0", 0)):
        queue.publish(message(body, priority=priority))
    assert world.drained() == ["31", "255", "5", "none", "4", "3", "0"]


@pytest.mark.parametrize("version", ["4.0", "4.2"])
def test_before_4_3_there_are_two_and_the_lower_one_gets_each_third_turn(version: str) -> None:
    world = QueueWorld(version)
    queue = world.declare(kind=QUORUM)
    for number in range(3):
        queue.publish(message(f"n{number}", priority=4 if number else None))
    world.advance(1)
    for number in range(5):
        queue.publish(message(f"h{number}", priority=5 + number))
    assert world.drained() == ["h0", "h1", "n0", "h2", "h3", "n1", "h4", "n2"]


def test_before_4_3_what_is_older_has_its_turn_anyway() -> None:
    world = QueueWorld("4.0")
    queue = world.declare(kind=QUORUM)
    for number in range(4):
        queue.publish(message(f"h{number}", priority=9))
    world.advance(1)
    queue.publish(message("n"))
    assert world.drained() == ["h0", "h1", "h2", "h3", "n"]


def test_before_4_0_quorum_queues_have_no_priorities() -> None:
    world = QueueWorld("3.13")
    queue = world.declare(kind=QUORUM)
    for priority in (1, 9, 5):
        queue.publish(message(str(priority), priority=priority))
    assert world.drained() == ["1", "9", "5"]


def test_a_release_with_fewer_levels_finds_the_messages_of_one_with_more() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM)
    for priority in (1, 9, 5):
        queue.publish(message(str(priority), priority=priority))
    world.version = "3.13"
    world.stop_and_start()
    world.queues["q"].publish(message("new", priority=31))
    assert world.drained() == ["9", "5", "1", "new"]


def test_what_comes_back_to_a_quorum_queue_is_before_all_others() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM)
    for body, priority in (("low", 0), ("high", 9), ("later", 31)):
        queue.publish(message(body, priority=priority))
        if body == "high":
            entries = [entry for entry in (queue.get(no_ack=False) for _ in range(2)) if entry is not None]
    queue.requeue([entries[1], entries[0]], ReturnReason.NACK)
    assert world.drained() == ["low", "high", "later"]


def test_a_waiting_consumer_gets_a_message_whatever_its_priority() -> None:
    queue = QueueWorld().declare(settings=QueueSettings(max_priority=10))
    client = Client()
    queue.add_consumer(client)
    for priority in (1, 10, 3):
        queue.publish(message(str(priority), priority=priority))
    assert client.given == ["1", "10", "3"]
