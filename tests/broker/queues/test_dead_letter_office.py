"""Dead letters on their way: from the queue they died in to those that the exchange routes them to."""

import sys

import pytest

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.message import Entry
from message_queues.broker.queues.queue import Queue
from message_queues.broker.queues.queue_settings import QueueSettings
from message_queues.storage.filesystem import CrashedError, MemoryFileSystem
from tests.broker.queues.queue_world import CLASSIC, QUORUM, Client, QueueWorld, message

BOTH = pytest.mark.parametrize("kind", [CLASSIC, QUORUM])


def _taken(queue: Queue) -> Entry:
    entry = queue.get(no_ack=False)
    assert entry is not None
    return entry


def _reason(entry: Entry | None) -> object:
    assert entry is not None
    return entry.message.attributes.headers["x-first-death-reason"]


@BOTH
def test_each_kind_of_death_has_its_reason(kind: str) -> None:
    world = QueueWorld()
    dead = world.declare("dead", kind)
    queue = world.declare(
        kind=kind,
        settings=QueueSettings(max_length=1, delivery_limit=0, dead_letter_exchange="", dead_letter_routing_key="dead"),
    )
    for body in ("dropped", "rejected"):
        queue.publish(message(body))
    queue.reject(_taken(queue))
    queue.publish(message("expired", expiration="5"))
    world.advance(5)
    if kind == QUORUM:
        queue.publish(message("failed"))
        queue.requeue([_taken(queue)], ReturnReason.CHANNEL_CLOSED)
    world.turn()
    expected = ["maxlen", "rejected", "expired", *(["delivery_limit"] if kind == QUORUM else [])]
    assert [_reason(dead.get(no_ack=True)) for _ in expected] == expected
    assert (dead.message_count, queue.message_count, queue.unacknowledged_count) == (0, 0, 0)
    counters = queue.counters
    assert (counters.dead_lettered_maxlen, counters.dead_lettered_rejected, counters.dead_lettered_expired) == (1, 1, 1)


@BOTH
def test_a_dead_letter_goes_to_every_queue_of_its_exchange(kind: str) -> None:
    world = QueueWorld()
    for name in ("one", "two"):
        world.declare(name)
    world.exchanges["dlx"] = ["one", "two"]
    queue = world.declare(kind=kind, settings=QueueSettings(dead_letter_exchange="dlx"))
    queue.publish(message("a"))
    queue.reject(_taken(queue))
    world.turn()
    assert [world.drained(name) for name in ("one", "two")] == [["a"], ["a"]]


@BOTH
def test_without_the_exchange_or_a_route_it_is_dropped(kind: str) -> None:
    world = QueueWorld()
    for exchange in ("missing", ""):
        queue = world.declare(f"of {exchange}", kind, QueueSettings(dead_letter_exchange=exchange, dead_letter_routing_key="nowhere"))
        queue.publish(message("a"))
        queue.reject(_taken(queue))
    world.turn()
    world.restart()
    assert [queue.message_count for queue in world.queues.values()] == [0, 0]


# Durability


@BOTH
def test_a_dead_letter_is_stored_before_its_original_goes(kind: str) -> None:
    """A kill after any write finds the message once or, between the two, twice, and never not at all."""
    found: set[tuple[str, ...]] = set()
    is_done = False
    for crash_at in range(1, 60):
        file_system = MemoryFileSystem()
        world = QueueWorld(file_system=file_system)
        world.declare("dead", kind)
        queue = world.declare(kind=kind, settings=QueueSettings(dead_letter_exchange="", dead_letter_routing_key="dead"))
        queue.publish(message("a"))
        world.turn()
        file_system.crash_at = file_system.operations + crash_at
        queue.reject(_taken(queue))
        try:
            world.turn()
        except CrashedError:
            is_done = False
        else:
            is_done = True
        world.restart()
        found.add((*world.drained("dead"), *world.drained()))
        if is_done:
            break
    assert is_done
    assert found == {("a",), ("a", "a")}


@BOTH
def test_when_a_dead_letter_cannot_be_stored_its_original_comes_back(kind: str) -> None:
    file_system = MemoryFileSystem()
    world = QueueWorld(file_system=file_system)
    dead = world.declare("dead")
    queue = world.declare(kind=kind, settings=QueueSettings(dead_letter_exchange="", dead_letter_routing_key="dead"))
    queue.publish(message("a"))
    world.turn()
    file_system.space_left = 0
    queue.reject(_taken(queue))
    world.turn()
    assert (dead.message_count, queue.message_count) == (0, 0)
    file_system.space_left = None
    client = Client()
    queue.add_consumer(client)
    world.advance(1000)
    assert client.given == ["a"]


# Cycles and chains


@BOTH
def test_a_message_that_expires_does_not_go_round(kind: str) -> None:
    world = QueueWorld()
    for name, other in (("a", "b"), ("b", "a")):
        world.declare(name, kind, QueueSettings(message_ttl_ms=10, dead_letter_exchange="", dead_letter_routing_key=other))
    world.queues["a"].publish(message())
    world.advance(10)
    assert (world.queues["a"].message_count, world.queues["b"].message_count) == (0, 1)
    world.advance(1000)
    assert (world.queues["a"].message_count, world.queues["b"].message_count) == (0, 0)
    assert world.residence.used_bytes == 0


@BOTH
def test_a_message_that_is_rejected_may_come_back(kind: str) -> None:
    world = QueueWorld()
    world.declare("waits", kind, QueueSettings(message_ttl_ms=10, dead_letter_exchange="", dead_letter_routing_key="q"))
    queue = world.declare(kind=kind, settings=QueueSettings(dead_letter_exchange="", dead_letter_routing_key="waits"))
    queue.publish(message("a"))
    for attempt in range(1, 4):
        queue.reject(_taken(queue))
        world.advance(10)
        entry = _taken(queue)
        deaths = entry.message.attributes.headers["x-death"]
        assert isinstance(deaths, list)
        assert [(death["queue"], death["count"]) for death in deaths if isinstance(death, dict)] == [("waits", attempt), ("q", attempt)]
        queue.requeue([entry], ReturnReason.NACK)


def test_a_queue_may_be_its_own_dead_letter_queue() -> None:
    world = QueueWorld()
    queue = world.declare(settings=QueueSettings(max_length=2, dead_letter_exchange="", dead_letter_routing_key="q"))
    for body in ("a", "b", "c"):
        queue.publish(message(body))
    # What is dropped by length would go round: it is gone.
    assert queue.message_count == 2
    queue.reject(_taken(queue))
    assert world.drained() == ["c", "b"]


def test_a_long_chain_of_queues_takes_no_deep_call() -> None:
    world = QueueWorld()
    # Three calls a hop would be too deep; what the message carries grows with each hop.
    last = sys.getrecursionlimit() // 2
    for number in range(last):
        settings = QueueSettings(max_length=0, dead_letter_exchange="", dead_letter_routing_key=str(number + 1))
        world.declare(str(number), settings=settings, is_durable=False)
    world.declare(str(last))
    world.queues["0"].publish(message("a", is_persistent=False))
    assert world.drained(str(last)) == ["a"]


def test_dead_letters_arrive_in_the_order_of_their_deaths() -> None:
    world = QueueWorld()
    world.declare("dead")
    queue = world.declare(settings=QueueSettings(message_ttl_ms=10, dead_letter_exchange="", dead_letter_routing_key="dead"))
    for number in range(20):
        queue.publish(message(str(number)))
    world.advance(10)
    assert world.drained("dead") == [str(number) for number in range(20)]


def test_a_publishers_own_x_death_means_nothing_even_after_a_restart() -> None:
    world = QueueWorld("4.3")
    world.declare("dead")
    queue = world.declare(settings=QueueSettings(dead_letter_exchange="", dead_letter_routing_key="dead"))
    queue.publish(message("forged", headers={"x-death": [{"queue": "q", "reason": "rejected", "count": 9}]}))
    queue.publish(message("real"))
    queue.reject(_taken(queue))
    queue.reject(_taken(queue))
    world.stop_and_start()
    for entry in (_taken(world.queues["dead"]), _taken(world.queues["dead"])):
        assert entry.message.has_died
        deaths = entry.message.attributes.headers["x-death"]
        assert isinstance(deaths, list)
        assert [death["count"] for death in deaths if isinstance(death, dict)] == [1]
