"""At-least-once dead lettering of quorum queues."""

from dataclasses import replace

from message_queues.broker.queues.message import Entry
from message_queues.broker.queues.queue import Queue
from message_queues.broker.queues.queue_settings import AT_LEAST_ONCE, REJECT_PUBLISH, QueueSettings
from message_queues.broker.queues.retained_dead_letters import PREFETCH, RETRY_MS
from message_queues.storage.filesystem import MemoryFileSystem
from tests.broker.queues.queue_world import QUORUM, QueueWorld, message

SETTINGS = QueueSettings(
    dead_letter_exchange="dlx", dead_letter_strategy=AT_LEAST_ONCE, overflow=REJECT_PUBLISH, dead_letter_routing_key="dead"
)


def _dying(world: QueueWorld, count: int, settings: QueueSettings = SETTINGS) -> Queue:
    queue = world.declare(kind=QUORUM, settings=settings)
    for number in range(count):
        queue.publish(message(str(number)))
    for _ in range(count):
        entry: Entry | None = queue.get(no_ack=False)
        assert entry is not None
        queue.reject(entry)
    return queue


def test_a_dead_letter_stays_until_it_is_stored_everywhere() -> None:
    world = QueueWorld()
    for name in ("one", "two"):
        world.declare(name, QUORUM)
    world.exchanges["dlx"] = ["one", "two"]
    queue = _dying(world, 3)
    assert queue.retained_count == 3
    world.turn()
    assert queue.retained_count == 0
    world.restart()
    assert [world.drained(name) for name in ("one", "two", "q")] == [["0", "1", "2"], ["0", "1", "2"], []]


def test_without_exchange_or_route_it_waits_for_one() -> None:
    world = QueueWorld()
    world.declare("dead")
    queue = _dying(world, 2)
    world.advance(RETRY_MS)
    assert (queue.retained_count, queue.message_count) == (2, 0)
    world.exchanges["dlx"] = []
    world.advance(RETRY_MS)
    assert queue.retained_count == 2
    world.exchanges["dlx"] = ["dead"]
    world.advance(RETRY_MS)
    assert queue.retained_count == 0
    assert world.drained("dead") == ["0", "1"]


def test_a_target_that_refuses_is_asked_again_and_the_others_are_not() -> None:
    world = QueueWorld()
    world.declare("open")
    full = world.declare("full", settings=QueueSettings(max_length=1, overflow=REJECT_PUBLISH))
    full.publish(message("first"))
    world.exchanges["dlx"] = ["open", "full"]
    queue = _dying(world, 1)
    world.advance(3 * RETRY_MS)
    assert (queue.retained_count, world.queues["open"].message_count) == (1, 1)
    assert world.drained("full") == ["first"]
    world.advance(RETRY_MS)
    assert (queue.retained_count, world.drained("full"), world.drained("open")) == (0, ["0"], ["0"])


def test_a_target_that_is_gone_is_waited_for_no_longer() -> None:
    world = QueueWorld()
    world.declare("open")
    world.declare("full", settings=QueueSettings(max_length=0, overflow=REJECT_PUBLISH))
    world.exchanges["dlx"] = ["open", "full"]
    queue = _dying(world, 1)
    world.turn()
    world.delete("full")
    world.advance(RETRY_MS)
    assert queue.retained_count == 0


def test_only_some_are_under_way_at_a_time() -> None:
    world = QueueWorld()
    dead = world.declare("dead")
    world.exchanges["dlx"] = ["dead"]
    queue = _dying(world, PREFETCH + 5)
    assert (dead.message_count, queue.retained_count) == (PREFETCH, PREFETCH + 5)
    world.turn()
    assert (dead.message_count, queue.retained_count) == (PREFETCH + 5, 0)
    assert world.drained("dead") == [str(number) for number in range(PREFETCH + 5)]


def test_what_is_retained_counts_against_the_length_and_goes_by_a_purge() -> None:
    world = QueueWorld()
    queue = _dying(world, 2, replace(SETTINGS, max_length=2))
    assert [queue.publish(message("more")) for _ in range(3)] == [True, False, False]
    assert queue.purge() == 3
    assert (queue.retained_count, world.residence.used_bytes) == (0, 0)
    world.advance(RETRY_MS)
    world.restart()
    assert world.drained() == []


def test_a_dead_letter_that_could_not_be_stored_is_sent_again() -> None:
    file_system = MemoryFileSystem()
    world = QueueWorld(file_system=file_system)
    world.declare("dead")
    world.exchanges["dlx"] = ["dead"]
    queue = world.declare(kind=QUORUM, settings=SETTINGS)
    queue.publish(message("a"))
    world.turn()
    entry = queue.get(no_ack=False)
    assert entry is not None
    file_system.space_left = 0
    queue.reject(entry)
    world.turn()
    assert queue.retained_count == 1
    file_system.space_left = None
    world.advance(RETRY_MS)
    assert queue.retained_count == 0
    world.restart()
    assert (world.drained("dead"), world.drained()) == (["a"], [])


def test_a_kill_before_the_targets_have_it_loses_nothing() -> None:
    world = QueueWorld()
    world.declare("dead", QUORUM)
    queue = _dying(world, 1)
    world.turn()
    world.restart()
    assert (queue.retained_count, world.drained()) == (1, ["0"])


def test_it_takes_reject_publish_and_a_quorum_queue() -> None:
    world = QueueWorld()
    queue = _dying(world, 1, QueueSettings(dead_letter_exchange="dlx", dead_letter_strategy=AT_LEAST_ONCE))
    assert queue.retained_count == 0


def test_a_policy_that_names_another_exchange_frees_what_waits() -> None:
    world = QueueWorld()
    world.declare("dead")
    queue = _dying(world, PREFETCH + 1)
    world.turn()
    world.exchanges["right"] = ["dead"]
    queue.configure(replace(SETTINGS, dead_letter_exchange="right"))
    world.turn()
    assert (queue.retained_count, world.queues["dead"].message_count) == (0, PREFETCH + 1)


def test_a_policy_without_an_exchange_drops_what_waits() -> None:
    world = QueueWorld()
    queue = _dying(world, 2)
    queue.configure(QueueSettings())
    world.turn()
    world.restart()
    assert (queue.retained_count, world.drained()) == (0, [])
