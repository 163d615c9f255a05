"""What came back to a quorum queue: counts, delivery limits, delayed retries, release by release."""

import pytest

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.message import Entry
from message_queues.broker.queues.queue import Queue
from message_queues.broker.queues.queue_settings import RETRY_ALL, RETRY_FAILED, RETRY_RETURNED, QueueSettings
from message_queues.records.properties import read_properties
from tests.broker.queues.queue_world import CLASSIC, QUORUM, QueueWorld, message


def _taken(queue: Queue) -> Entry:
    entry = queue.get(no_ack=False)
    assert entry is not None
    return entry


def _sent_back(queue: Queue, why: int, times: int) -> None:
    for _ in range(times):
        queue.requeue([_taken(queue)], why)


def _headers(queue: Queue, entry: Entry) -> object:
    return read_properties(queue.delivery_properties(entry)).headers


@pytest.mark.parametrize(("version", "after_a_rejection"), [("4.0", 1), ("4.3", 2)])
def test_a_return_is_counted_and_a_failure_too(version: str, after_a_rejection: int) -> None:
    queue = QueueWorld(version).declare(kind=QUORUM)
    queue.publish(message())
    entry = _taken(queue)
    assert queue.delivery_properties(entry) == entry.message.properties
    queue.requeue([entry], ReturnReason.NACK)
    entry = _taken(queue)
    assert _headers(queue, entry) == {"x-acquired-count": 1}
    queue.requeue([entry], ReturnReason.CHANNEL_CLOSED)
    entry = _taken(queue)
    assert _headers(queue, entry) == {"x-acquired-count": 2, "x-delivery-count": 1}
    queue.requeue([entry], ReturnReason.REJECT)
    assert _headers(queue, _taken(queue)) == {"x-acquired-count": 3, "x-delivery-count": after_a_rejection}


def test_until_3_13_there_is_one_count_of_all_returns() -> None:
    queue = QueueWorld("3.13").declare(kind=QUORUM, settings=QueueSettings(delivery_limit=100))
    queue.publish(message())
    _sent_back(queue, ReturnReason.NACK, 2)
    _sent_back(queue, ReturnReason.CHANNEL_CLOSED, 1)
    assert _headers(queue, _taken(queue)) == {"x-delivery-count": 3}


def test_a_classic_queue_tells_no_counts() -> None:
    queue = QueueWorld().declare(kind=CLASSIC)
    queue.publish(message())
    _sent_back(queue, ReturnReason.NACK, 3)
    entry = _taken(queue)
    assert (entry.redelivered, queue.delivery_properties(entry)) == (True, entry.message.properties)


def test_counts_survive_a_kill() -> None:
    world = QueueWorld()
    queue = world.declare(kind=QUORUM)
    queue.publish(message("a"))
    queue.publish(message("b"))
    world.turn()
    _sent_back(queue, ReturnReason.CHANNEL_CLOSED, 3)
    world.turn()
    world.restart()
    entry = _taken(world.queues["q"])
    assert (entry.redelivered, entry.delivery_count, entry.acquired_count) == (True, 3, 3)


# The delivery limit


@pytest.mark.parametrize("failure", [ReturnReason.REJECT, ReturnReason.CHANNEL_CLOSED])
def test_since_4_3_only_failures_exhaust_the_limit(failure: int) -> None:
    queue = QueueWorld("4.3").declare(kind=QUORUM, settings=QueueSettings(delivery_limit=2))
    queue.publish(message())
    _sent_back(queue, ReturnReason.NACK, 10)
    _sent_back(queue, ReturnReason.CHANNEL_CLOSED, 1)
    _sent_back(queue, ReturnReason.REJECT, 1)
    assert queue.message_count == 1
    _sent_back(queue, failure, 1)
    assert (queue.message_count, queue.unacknowledged_count, queue.counters.dropped_delivery_limit) == (0, 0, 1)


@pytest.mark.parametrize("version", ["3.13", "4.0", "4.2"])
def test_before_4_3_every_return_does(version: str) -> None:
    queue = QueueWorld(version).declare(kind=QUORUM, settings=QueueSettings(delivery_limit=2))
    queue.publish(message())
    _sent_back(queue, ReturnReason.NACK, 2)
    assert queue.message_count == 1
    _sent_back(queue, ReturnReason.NACK, 1)
    assert queue.message_count == 0


def test_the_default_limit_is_20_since_4_0() -> None:
    queue = QueueWorld("4.0").declare(kind=QUORUM)
    queue.publish(message())
    _sent_back(queue, ReturnReason.NACK, 20)
    assert queue.message_count == 1
    _sent_back(queue, ReturnReason.NACK, 1)
    assert queue.message_count == 0


@pytest.mark.parametrize(("version", "limit"), [("4.3", -1), ("3.13", None)])
def test_without_a_limit_what_is_given_back_goes_to_the_tail(version: str, limit: int | None) -> None:
    world = QueueWorld(version)
    queue = world.declare(kind=QUORUM, settings=QueueSettings(delivery_limit=limit))
    for body in ("a", "b", "c"):
        queue.publish(message(body))
    world.turn()
    _sent_back(queue, ReturnReason.NACK, 1)
    world.turn()
    world.restart()
    assert world.drained() == ["b", "c", "a"]


@pytest.mark.parametrize("failure", [ReturnReason.REJECT, ReturnReason.CHANNEL_CLOSED])
def test_without_a_limit_what_has_failed_comes_first(failure: int) -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM, settings=QueueSettings(delivery_limit=-1))
    for body in ("a", "b"):
        queue.publish(message(body))
    _sent_back(queue, failure, 50)
    assert world.drained() == ["a", "b"]


def test_a_late_delivery_is_no_failure() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM, settings=QueueSettings(consumer_timeout_ms=100))
    queue.publish(message())
    entry = _taken(queue)
    world.advance(100)
    again = _taken(queue)
    assert again is not entry
    assert (again.acquired_count, again.delivery_count) == (1, 0)


# Delayed retries


@pytest.mark.parametrize(
    ("kind", "why", "delay_ms"),
    [
        (RETRY_ALL, ReturnReason.NACK, 100),
        (RETRY_ALL, ReturnReason.CHANNEL_CLOSED, 100),
        (RETRY_FAILED, ReturnReason.NACK, 0),
        (RETRY_FAILED, ReturnReason.CHANNEL_CLOSED, 100),
        (RETRY_FAILED, ReturnReason.REJECT, 100),
        (RETRY_RETURNED, ReturnReason.NACK, 100),
        (RETRY_RETURNED, ReturnReason.CHANNEL_CLOSED, 0),
        (RETRY_RETURNED, ReturnReason.REJECT, 0),
    ],
)
def test_what_came_back_waits_for_its_retry(kind: str, why: int, delay_ms: int) -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM, settings=QueueSettings(delayed_retry_type=kind, delayed_retry_min_ms=100, delayed_retry_max_ms=250))
    queue.publish(message("a"))
    _sent_back(queue, why, 1)
    if delay_ms:
        assert (queue.message_count, queue.delayed_count) == (0, 1)
        world.advance(delay_ms - 1)
        assert queue.message_count == 0
        world.advance(1)
    assert (queue.message_count, queue.delayed_count) == (1, 0)


def test_the_delay_grows_with_the_failures_up_to_its_maximum() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(
        kind=QUORUM, settings=QueueSettings(delayed_retry_type=RETRY_FAILED, delayed_retry_min_ms=100, delayed_retry_max_ms=250)
    )
    queue.publish(message("a"))
    for delay_ms in (100, 200, 250, 250):
        _sent_back(queue, ReturnReason.CHANNEL_CLOSED, 1)
        world.advance(delay_ms - 1)
        assert queue.message_count == 0
        world.advance(1)
        assert queue.message_count == 1


def test_without_a_maximum_the_delay_does_not_grow() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM, settings=QueueSettings(delayed_retry_type=RETRY_FAILED, delayed_retry_min_ms=100))
    queue.publish(message("a"))
    for _ in range(3):
        _sent_back(queue, ReturnReason.CHANNEL_CLOSED, 1)
        world.advance(99)
        assert queue.message_count == 0
        world.advance(1)
        assert queue.message_count == 1


def test_a_delayed_message_survives_a_restart_and_counts_against_the_length() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM, settings=QueueSettings(delayed_retry_type=RETRY_ALL, delayed_retry_min_ms=100, max_length=2))
    for body in ("a", "b"):
        queue.publish(message(body))
    world.turn()
    _sent_back(queue, ReturnReason.NACK, 1)
    queue.publish(message("c"))
    assert (queue.message_count, queue.delayed_count) == (1, 1)
    world.turn()
    world.restart()
    assert world.drained() == ["a", "c"]


def test_a_purge_takes_delayed_messages() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM, settings=QueueSettings(delayed_retry_type=RETRY_ALL, delayed_retry_min_ms=100))
    queue.publish(message("a"))
    _sent_back(queue, ReturnReason.NACK, 1)
    assert queue.purge() == 1
    world.advance(1000)
    assert (queue.message_count, queue.delayed_count, world.residence.used_bytes) == (0, 0, 0)


def test_before_4_3_nothing_is_delayed() -> None:
    queue = QueueWorld("4.2").declare(kind=QUORUM, settings=QueueSettings(delayed_retry_type=RETRY_ALL, delayed_retry_min_ms=100))
    queue.publish(message("a"))
    _sent_back(queue, ReturnReason.NACK, 1)
    assert queue.message_count == 1
