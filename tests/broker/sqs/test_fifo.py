"""FIFO queues: groups in order, one at a time, and nothing twice."""

import hashlib

import pytest

from message_queues.broker.sqs.message import NewMessage
from message_queues.errors import InvalidParameterValue, MessageNotInflight, MissingParameter
from tests.broker.sqs.sqs_world import SqsWorld, bodies_of
from tests.storage.messages import memory

Q = "q.fifo"


@pytest.fixture
def world() -> SqsWorld:
    world = SqsWorld(memory())
    world.create(Q)
    return world


def send(world: SqsWorld, *bodies: str, group: str = "g", name: str = Q) -> None:
    for body in bodies:
        world.send(body, name, group, body)
    world.turn()


# Groups


def test_a_receive_takes_as_many_of_one_group_as_possible_and_then_of_the_next(world: SqsWorld) -> None:
    """Developer Guide: "as many messages with the same message group ID as possible"."""
    send(world, "a1", group="a")
    send(world, "b1", group="b")
    send(world, "a2", group="a")
    send(world, "b2", group="b")
    assert world.bodies(3, Q) == ["a1", "a2", "b1"]
    assert world.bodies(3, Q) == []


def test_a_group_is_blocked_while_one_of_its_messages_is_in_flight(world: SqsWorld) -> None:
    send(world, "1", "2", "3")
    first, second = world.receive(2, Q)
    assert world.bodies(1, Q) == []
    world.queue(Q).delete(first.receipt_handle)
    assert world.bodies(1, Q) == []
    world.queue(Q).delete(second.receipt_handle)
    assert world.bodies(1, Q) == ["3"]


def test_a_group_stays_blocked_while_the_visibility_of_one_message_is_extended(world: SqsWorld) -> None:
    send(world, "1", "2", "3")
    first, _ = world.receive(2, Q)
    world.queue(Q).change_visibility(first.receipt_handle, 100)
    world.advance(30)
    # The second is visible, behind one that is in flight.
    assert world.counts(Q) == (2, 1, 0)
    assert world.bodies(10, Q) == []
    world.advance(70)
    assert world.bodies(10, Q) == ["1", "2", "3"]


def test_messages_of_a_group_come_again_in_order(world: SqsWorld) -> None:
    send(world, "1", "2", "3")
    first, second = world.receive(2, Q)
    world.queue(Q).change_visibility(second.receipt_handle, 0)
    world.queue(Q).change_visibility(first.receipt_handle, 0)
    assert world.bodies(10, Q) == ["1", "2", "3"]


def test_another_group_goes_on_meanwhile(world: SqsWorld) -> None:
    send(world, "a1", "a2", group="a")
    send(world, "b1", group="b")
    assert world.bodies(1, Q) == ["a1"]
    assert world.bodies(10, Q) == ["b1"]


def test_who_waits_gets_the_group_that_is_free_again(world: SqsWorld) -> None:
    send(world, "1", "2")
    (received,) = world.receive(1, Q)
    answers: list[list[str]] = []
    world.wait(answers, name=Q)
    world.queue(Q).delete(received.receipt_handle)
    assert answers == [["2"]]


def test_sequence_numbers_ascend_in_twenty_digits(world: SqsWorld) -> None:
    numbers = [world.send(str(number), Q, "g", str(number)).sequence_number for number in range(3)]
    world.turn()
    assert numbers == sorted(numbers, key=str)
    assert all(number is not None and len(number) == 20 for number in numbers)
    assert [str(each.message.sequence_number) for each in world.receive(10, Q)] == numbers


def test_sequence_numbers_ascend_through_restarts_of_an_empty_queue(world: SqsWorld) -> None:
    first = world.send("1", Q, "g", "1")
    world.turn()
    world.queue(Q).delete(world.receive(1, Q)[0].receipt_handle)
    world.turn()
    world.stop_and_start()
    second = world.send("2", Q, "g", "2")
    assert str(first.sequence_number) < str(second.sequence_number)


# Handles


def test_a_handle_whose_time_is_over_is_refused(world: SqsWorld) -> None:
    send(world, "1")
    (received,) = world.receive(1, Q)
    world.advance(30)
    with pytest.raises(InvalidParameterValue, match="The receipt handle has expired"):
        world.queue(Q).delete(received.receipt_handle)
    with pytest.raises(MessageNotInflight):
        world.queue(Q).change_visibility(received.receipt_handle, 10)
    assert world.bodies(1, Q) == ["1"]
    with pytest.raises(InvalidParameterValue, match="The receipt handle has expired"):
        world.queue(Q).delete(received.receipt_handle)


def test_a_handle_may_delete_twice(world: SqsWorld) -> None:
    send(world, "1")
    (received,) = world.receive(1, Q)
    world.queue(Q).delete(received.receipt_handle)
    world.queue(Q).delete(received.receipt_handle)


# Deduplication


def test_what_is_sent_twice_is_stored_once_and_answered_alike(world: SqsWorld) -> None:
    first = world.send("body", Q, "g", "id")
    again = world.send("other", Q, "g", "id")
    world.turn()
    assert (again.message_id, again.sequence_number) == (first.message_id, first.sequence_number)
    # SDKs compare the sum with what they sent.
    assert again.md5_of_body == hashlib.md5(b"other").hexdigest()
    assert world.bodies(10, Q) == ["body"]


def test_a_duplicate_is_one_for_five_minutes_also_after_the_message_was_deleted(world: SqsWorld) -> None:
    first = world.send("1", Q, "g", "id")
    world.turn()
    world.queue(Q).delete(world.receive(1, Q)[0].receipt_handle)
    world.advance(299.999)
    assert world.send("2", Q, "g", "id").message_id == first.message_id
    world.advance(0.001)
    assert world.send("3", Q, "g", "id").message_id != first.message_id
    world.turn()
    assert world.bodies(10, Q) == ["3"]


def test_the_interval_begins_with_the_first_send(world: SqsWorld) -> None:
    world.send("1", Q, "g", "id")
    world.advance(200)
    world.send("2", Q, "g", "id")
    world.advance(100)
    world.send("3", Q, "g", "id")
    world.turn()
    assert world.bodies(10, Q) == ["1", "3"]


def test_a_deleted_message_is_remembered_through_a_kill(world: SqsWorld) -> None:
    first = world.send("1", Q, "g", "id")
    world.turn()
    world.queue(Q).delete(world.receive(1, Q)[0].receipt_handle)
    world.turn()
    for _ in range(2):
        world.restart()
        assert world.counts(Q) == (0, 0, 0)
        assert world.send("2", Q, "g", "id").message_id == first.message_id
    world.advance(300)
    assert world.send("3", Q, "g", "id").message_id != first.message_id


def test_a_purged_or_expired_message_is_remembered_too() -> None:
    world = SqsWorld(memory())
    queue = world.create(Q, MessageRetentionPeriod=60)
    send(world, "expired")
    world.advance(61)
    send(world, "purged")
    queue.purge()
    world.turn()
    for _ in range(2):
        send(world, "expired", "purged")
        assert world.counts(Q) == (0, 0, 0)
        world.restart()


def test_what_could_not_be_stored_is_not_remembered() -> None:
    file_system = memory()
    world = SqsWorld(file_system)
    world.create(Q)
    file_system.space_left = 0
    world.send("1", Q, "g", "id")
    world.turn()
    file_system.space_left = None
    world.send("1", Q, "g", "id")
    world.turn()
    assert world.bodies(10, Q) == ["1"]


def test_the_body_deduplicates_if_the_queue_says_so() -> None:
    world = SqsWorld()
    world.create(Q, ContentBasedDeduplication="true")
    for _ in range(2):
        world.send("same", Q, "g")
    world.send("same", Q, "g", "explicit")
    world.turn()
    received = world.receive(10, Q)
    assert bodies_of(received) == ["same", "same"]
    assert [each.message.deduplication_id for each in received] == [hashlib.sha256(b"same").hexdigest(), "explicit"]


def test_without_an_id_or_a_group_a_message_is_refused(world: SqsWorld) -> None:
    with pytest.raises(InvalidParameterValue, match="ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"):
        world.send("m", Q, "g")
    with pytest.raises(MissingParameter, match="MessageGroupId"):
        world.queue(Q).send(NewMessage(b"m", deduplication_id="id"))


def test_groups_may_have_ids_of_their_own() -> None:
    world = SqsWorld(memory())
    world.create(Q, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for _ in range(2):
        world.send("a", Q, "a", "id")
        world.send("b", Q, "b", "id")
        world.turn()
        world.restart()
    assert sorted(world.bodies(10, Q)) == ["a", "b"]


def test_a_deleted_message_is_gone_at_once_also_for_the_sweep_before_its_trace_is_durable() -> None:
    world = SqsWorld(memory())
    queue = world.create(Q, MessageRetentionPeriod=60, VisibilityTimeout=600)
    send(world, "1", "2", "3")
    (received,) = world.receive(1, Q)
    queue.delete(received.receipt_handle)
    assert [each.message.body for each in queue.peek(10)] == [b"2", b"3"]
    world.clock.set(world.clock.now_ms() + 61_000)
    world.timers.fire_due()
    assert (world.counts(Q), queue.oldest_age_s()) == ((0, 0, 0), 0)
    world.turn()
    world.restart()
    assert world.counts(Q) == (0, 0, 0)


# Delay


def test_the_delay_of_the_queue_is_retroactive() -> None:
    """Developer Guide: "For FIFO queues, the per-queue delay setting is retroactive"."""
    world = SqsWorld()
    queue = world.create(Q, DelaySeconds=100)
    send(world, "1", "2")
    assert world.counts(Q) == (0, 0, 2)
    world.queues.set_attributes(queue, {"DelaySeconds": "10"})
    world.advance(10)
    assert world.bodies(1, Q) == ["1"]
    world.queues.set_attributes(queue, {"DelaySeconds": "60"})
    # What was received once is delayed no more.
    assert world.counts(Q) == (0, 1, 1)
    world.advance(30)
    assert world.bodies(10, Q) == ["1"]
    world.advance(20)
    assert world.counts(Q) == (1, 1, 0)


# Limits


def test_a_full_queue_gives_nothing_and_no_error() -> None:
    world = SqsWorld(most_in_flight=2)
    world.create(Q)
    for number in range(3):
        send(world, str(number), group=str(number))
    assert world.bodies(10, Q) == ["0", "1"]
    assert world.bodies(10, Q) == []


def test_a_queue_looks_no_further_than_its_first_messages() -> None:
    world = SqsWorld(look_ahead=3)
    world.create(Q)
    send(world, "1", "2", "3", "4", group="a")
    send(world, "5", group="b")
    (received,) = world.receive(1, Q)
    assert world.bodies(1, Q) == []
    world.queue(Q).delete(received.receipt_handle)
    # Behind "4" is a message of a group that is not blocked, too far away.
    second, third = world.receive(10, Q)
    assert bodies_of([second, third]) == ["2", "3"]
    assert world.bodies(10, Q) == []
    world.queue(Q).delete(third.receipt_handle)
    assert world.bodies(10, Q) == ["5"]


def test_a_queue_explains_which_message_blocks_its_group(world: SqsWorld) -> None:
    send(world, "1", "2")
    (received,) = world.receive(1, Q)
    until_ms = world.clock.now_ms() + 30_000
    assert world.queue(Q).explain() == [
        f"1 messages are in flight, the first until {until_ms} ms",
        f"group g is blocked until message {received.message.message_id} is deleted or visible, at {until_ms} ms",
    ]
