"""What a queue does with messages that nothing special is asked of: in, out, back, and through a restart."""

import pytest

from message_queues.broker.queues.consumer import CancelReason, ReturnReason
from message_queues.broker.queues.queue_settings import QueueSettings
from message_queues.errors import ResourceLocked
from tests.broker.queues.queue_world import CLASSIC, QUORUM, Client, QueueWorld, bodies, message, text

BOTH = pytest.mark.parametrize("kind", [CLASSIC, QUORUM])


@BOTH
def test_messages_come_out_in_the_order_they_went_in(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    for number in range(50):
        assert queue.publish(message(str(number)))
    assert (queue.message_count, queue.ready_bytes) == (50, 90)
    assert world.drained() == [str(number) for number in range(50)]
    assert (queue.message_count, queue.ready_bytes) == (0, 0)
    assert (queue.counters.published, queue.counters.got_no_ack, queue.counters.get_empty) == (50, 50, 1)


@BOTH
def test_a_consumer_gets_what_is_there_and_what_comes(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind)
    queue.publish(message("before"))
    client = Client()
    queue.add_consumer(client)
    queue.publish(message("after"))
    assert client.given == ["before", "after"]
    assert client.redelivered == [False, False]
    assert (queue.message_count, queue.unacknowledged_count, queue.unacknowledged_bytes) == (0, 2, 11)
    client.acknowledge(queue)
    assert (queue.unacknowledged_count, queue.counters.acknowledged, queue.counters.delivered) == (0, 2, 2)


@BOTH
def test_a_consumer_gets_no_more_than_it_can_take(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind)
    client = Client(prefetch_count=2)
    queue.add_consumer(client)
    for number in range(5):
        queue.publish(message(str(number)))
    assert client.given == ["0", "1"]
    client.acknowledge(queue, 1)
    assert client.given == ["0", "1", "2"]
    client.acknowledge(queue)
    assert client.given == ["0", "1", "2", "3", "4"]


@BOTH
def test_without_acknowledgements_a_delivery_is_the_end_of_it(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    queue.publish(message("stored"))
    client = Client(no_ack=True)
    queue.add_consumer(client)
    queue.publish(message("passed"))
    assert client.given == ["stored", "passed"]
    assert (queue.message_count, queue.unacknowledged_count, queue.counters.delivered_no_ack) == (0, 0, 2)
    world.stop_and_start()
    assert world.drained() == []


def test_a_message_given_back_returns_to_its_place() -> None:
    queue = QueueWorld().declare()
    for number in range(6):
        queue.publish(message(str(number)))
    taken = [queue.get(no_ack=False) for _ in range(4)]
    entries = [entry for entry in taken if entry is not None]
    queue.requeue([entries[2], entries[0]], ReturnReason.NACK)
    again = [queue.get(no_ack=False) for _ in range(4)]
    assert [text(entry) for entry in again] == ["0", "2", "4", "5"]
    assert [entry.redelivered for entry in again if entry is not None] == [True, True, False, False]
    assert queue.counters.redelivered == 2


@BOTH
def test_what_a_closed_channel_held_goes_to_others(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind)
    first, second = Client(), Client()
    queue.add_consumer(first)
    for number in range(3):
        queue.publish(message(str(number)))
    queue.add_consumer(second)
    queue.remove_consumer(first)
    assert (second.given, queue.unacknowledged_count) == ([], 3)
    first.give_back(queue, ReturnReason.CHANNEL_CLOSED)
    assert second.given == ["0", "1", "2"]
    assert second.redelivered == [True, True, True]


@BOTH
def test_an_entry_is_settled_once(kind: str) -> None:
    queue = QueueWorld().declare(kind=kind)
    queue.publish(message("a"))
    queue.publish(message("b"))
    entry = queue.get(no_ack=False)
    assert entry is not None
    queue.acknowledge(entry)
    queue.acknowledge(entry)
    queue.reject(entry)
    queue.requeue([entry], ReturnReason.NACK)
    assert (queue.counters.acknowledged, queue.message_count, queue.unacknowledged_count) == (1, 1, 0)


@BOTH
def test_a_rejected_message_without_an_exchange_is_gone(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    queue.publish(message("a"))
    entry = queue.get(no_ack=False)
    assert entry is not None
    queue.reject(entry)
    assert (queue.message_count, queue.unacknowledged_count, queue.counters.dropped_rejected) == (0, 0, 1)
    world.stop_and_start()
    assert world.drained() == []


@BOTH
def test_a_purge_takes_what_is_ready_and_nothing_else(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    for number in range(5):
        queue.publish(message(str(number)))
    held, back = queue.get(no_ack=False), queue.get(no_ack=False)
    assert held is not None
    assert back is not None
    queue.requeue([back], ReturnReason.NACK)
    assert queue.purge() == 4
    assert (queue.message_count, queue.ready_bytes, queue.unacknowledged_count) == (0, 0, 1)
    queue.requeue([held], ReturnReason.NACK)
    world.turn()
    world.restart()
    assert world.drained() == ["0"]


# Durability


@BOTH
def test_persistent_messages_of_a_durable_queue_survive_a_kill(kind: str) -> None:
    world = QueueWorld()
    queue = world.declare(kind=kind)
    for number in range(4):
        queue.publish(message(str(number), is_persistent=number != 2))
    acknowledged, held = queue.get(no_ack=False), queue.get(no_ack=False)
    assert acknowledged is not None
    assert held is not None
    queue.acknowledge(acknowledged)
    world.turn()
    world.restart()
    # A quorum queue keeps every message.
    expected = ["1", "2", "3"] if kind == QUORUM else ["1", "3"]
    assert world.queues["q"].message_count == len(expected)
    assert world.drained() == expected


def test_a_queue_that_is_not_durable_keeps_nothing() -> None:
    world = QueueWorld()
    world.declare(is_durable=False).publish(message())
    world.turn()
    world.restart()
    assert world.queues == {}


def test_what_is_not_yet_written_is_lost_by_a_kill() -> None:
    world = QueueWorld()
    queue = world.declare()
    queue.publish(message("written"))
    world.turn()
    queue.publish(message("not written"))
    world.restart()
    assert world.drained() == ["written"]


@pytest.mark.parametrize("kind", [CLASSIC, QUORUM])
def test_a_backlog_beyond_memory_is_delivered_in_order(kind: str) -> None:
    world = QueueWorld(residence_bytes=20_000)
    queue = world.declare(kind=kind)
    for number in range(500):
        queue.publish(message(str(number)))
        if number % 50 == 0:
            world.turn()
    client = Client(prefetch_count=100)
    queue.add_consumer(client)
    while client.held:
        world.turn()
        client.give_back(queue, ReturnReason.NACK, 1)
        client.acknowledge(queue, 60)
    assert sorted(set(client.given), key=int) == [str(number) for number in range(500)]
    assert (queue.message_count, queue.unacknowledged_count) == (0, 0)
    assert world.residence.used_bytes == 0


def test_a_deleted_queue_leaves_no_file_and_tells_its_consumers() -> None:
    world = QueueWorld()
    queue = world.declare()
    client = Client(prefetch_count=1)
    queue.add_consumer(client)
    for number in range(3):
        queue.publish(message(str(number)))
    world.turn()
    held = list(client.held)
    assert world.delete("q") == 2
    assert client.cancellations == [CancelReason.QUEUE_DELETED]
    # Late words about what it held.
    queue.acknowledge(held[0])
    queue.requeue(held, ReturnReason.CHANNEL_CLOSED)
    queue.remove_consumer(client)
    world.turn()
    assert [name for name in world.file_system.list_directory("/data/queues") if not name.endswith(".log")] == []
    assert world.timers.next_deadline() is None
    assert world.residence.used_bytes == 0


# Whether anybody needs it


def test_an_auto_delete_queue_goes_with_its_last_consumer() -> None:
    world = QueueWorld()
    queue = world.declare(is_auto_delete=True)
    first, second = Client(), Client()
    queue.add_consumer(first)
    queue.add_consumer(second)
    queue.remove_consumer(second)
    assert world.unused == []
    queue.remove_consumer(first)
    assert world.unused == ["q"]


def test_a_queue_that_nobody_uses_expires() -> None:
    world = QueueWorld()
    queue = world.declare(settings=QueueSettings(expires_ms=1000))
    world.advance(999)
    assert queue.get(no_ack=True) is None
    world.advance(999)
    queue.used()
    world.advance(999)
    client = Client()
    queue.add_consumer(client)
    world.advance(5000)
    queue.remove_consumer(client)
    world.advance(999)
    assert world.unused == []
    world.advance(1)
    assert world.unused == ["q"]


def test_declaring_a_quorum_queue_again_is_no_use_of_it() -> None:
    world = QueueWorld()
    queue = world.declare(kind=QUORUM, settings=QueueSettings(expires_ms=1000))
    world.advance(999)
    queue.used()
    world.advance(1)
    assert world.unused == ["q"]


def test_messages_of_an_expired_queue_are_not_dead_lettered() -> None:
    world = QueueWorld()
    target = world.declare("dead")
    world.declare(settings=QueueSettings(expires_ms=10, dead_letter_exchange="", dead_letter_routing_key="dead")).publish(message())
    world.advance(10)
    assert (world.unused, target.message_count) == (["q"], 0)


# Late consumers


def test_a_late_consumer_of_a_quorum_queue_loses_messages_and_subscription() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM, settings=QueueSettings(consumer_timeout_ms=1000))
    late = Client()
    queue.add_consumer(late)
    queue.publish(message("a"))
    world.advance(500)
    queue.publish(message("b"))
    world.advance(499)
    assert late.cancellations == []
    world.advance(1)
    assert late.cancellations == [CancelReason.TIMEOUT]
    assert queue.consumers == []
    assert (queue.message_count, queue.unacknowledged_count) == (1, 1)
    entry = queue.get(no_ack=False)
    assert entry is not None
    assert (text(entry), entry.redelivered, entry.delivery_count, entry.acquired_count) == ("a", True, 0, 1)
    # What the late one says of it counts no more; of the other it does.
    queue.acknowledge(late.held[0])
    assert queue.unacknowledged_count == 2
    queue.acknowledge(late.held[1])
    assert queue.unacknowledged_count == 1


def test_a_consumer_has_its_own_patience() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(kind=QUORUM)
    assert queue.timeout_of(None) == 1_800_000
    patient, hasty = Client(prefetch_count=1), Client(prefetch_count=1, arguments={"x-consumer-timeout": 60_000})
    for client in (patient, hasty):
        queue.add_consumer(client)
        queue.publish(message())
    assert (queue.timeout_of(patient), queue.timeout_of(hasty)) == (1_800_000, 60_000)
    world.advance(60_000)
    assert (patient.cancellations, hasty.cancellations) == ([], [CancelReason.TIMEOUT])
    world.advance(1_740_000)
    assert patient.cancellations == [CancelReason.TIMEOUT]


@BOTH
def test_before_4_3_the_channel_of_a_late_consumer_is_closed(kind: str) -> None:
    world = QueueWorld("4.2")
    queue = world.declare(kind=kind)
    late = Client()
    queue.add_consumer(late)
    queue.publish(message("a"))
    world.advance(1_800_000)
    assert late.cancellations == [CancelReason.TIMEOUT]
    assert (queue.consumers, queue.unacknowledged_count) == ([late], 1)
    queue.remove_consumer(late)
    late.give_back(queue, ReturnReason.CHANNEL_CLOSED)
    assert world.drained() == ["a"]


def test_a_classic_queue_waits_for_ever_since_4_3() -> None:
    world = QueueWorld("4.3")
    queue = world.declare(settings=QueueSettings(consumer_timeout_ms=1000))
    client = Client()
    queue.add_consumer(client)
    queue.publish(message())
    world.advance(10_000_000)
    assert (client.cancellations, queue.timeout_of(None)) == ([], None)


# Single active consumers and get


def test_a_quorum_queue_gives_messages_to_its_single_active_consumer_only() -> None:
    world = QueueWorld()
    queue = world.declare(kind=QUORUM, settings=QueueSettings(single_active_consumer=True))
    queue.publish(message())
    with pytest.raises(ResourceLocked) as raised:
        queue.get(no_ack=True)
    assert str(raised.value) == (
        "cannot obtain access to locked queue 'q' in vhost '/'. "
        "basic.get operations are not supported by quorum queues with single active consumer"
    )


def test_a_classic_queue_gives_messages_to_anyone_who_asks() -> None:
    world = QueueWorld()
    queue = world.declare(settings=QueueSettings(single_active_consumer=True))
    queue.publish(message("a"))
    assert text(queue.get(no_ack=True)) == "a"


def test_held_entries_are_seen_by_their_owner_until_they_are_settled() -> None:
    queue = QueueWorld().declare()
    client = Client()
    queue.add_consumer(client)
    for number in range(3):
        queue.publish(message(str(number)))
    client.acknowledge(queue, 1)
    assert bodies(client.held) == ["1", "2"]
