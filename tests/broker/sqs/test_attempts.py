"""ReceiveRequestAttemptId of FIFO queues."""

import pytest

from tests.broker.sqs.sqs_world import SqsWorld

Q = "q.fifo"


@pytest.fixture
def world() -> SqsWorld:
    world = SqsWorld()
    world.create(Q)
    for number in range(3):
        world.send(str(number), Q, "g", str(number))
    world.turn()
    return world


def test_the_same_attempt_gets_the_same_messages_and_handles(world: SqsWorld) -> None:
    first = world.receive(2, Q, attempt_id="try")
    again = world.receive(2, Q, attempt_id="try")
    assert [(each.message.body, each.receipt_handle, each.receive_count) for each in again] == [
        (each.message.body, each.receipt_handle, each.receive_count) for each in first
    ]
    assert world.receive(2, Q, attempt_id="other") == []


def test_an_attempt_that_is_tried_again_begins_the_visibility_timeout_anew(world: SqsWorld) -> None:
    world.receive(2, Q, attempt_id="try")
    world.advance(20)
    world.receive(2, Q, attempt_id="try")
    world.advance(20)
    assert world.counts(Q) == (1, 2, 0)
    world.advance(10)
    assert world.counts(Q) == (3, 0, 0)


def test_an_attempt_whose_message_was_deleted_or_changed_is_a_new_one(world: SqsWorld) -> None:
    first, second = world.receive(2, Q, attempt_id="try")
    world.queue(Q).change_visibility(first.receipt_handle, 60)
    assert world.receive(2, Q, attempt_id="try") == []
    world.queue(Q).delete(first.receipt_handle)
    world.queue(Q).delete(second.receipt_handle)
    assert [each.message.body for each in world.receive(2, Q, attempt_id="try")] == [b"2"]


def test_an_attempt_is_remembered_for_five_minutes(world: SqsWorld) -> None:
    world.receive(1, Q, visibility_s=1000, attempt_id="try")
    world.advance(299)
    assert len(world.receive(1, Q, visibility_s=1000, attempt_id="try")) == 1
    world.advance(1)
    assert world.receive(1, Q, attempt_id="try") == []


def test_an_attempt_that_got_nothing_is_not_remembered(world: SqsWorld) -> None:
    (received,) = world.receive(1, Q)
    assert world.receive(1, Q, attempt_id="try") == []
    world.queue(Q).delete(received.receipt_handle)
    assert [each.message.body for each in world.receive(1, Q, attempt_id="try")] == [b"1"]
