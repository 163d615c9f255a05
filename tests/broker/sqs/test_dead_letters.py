"""Messages that were received too often go to another queue."""

import json

import pytest

from message_queues.broker.sqs.queue import SqsQueue
from message_queues.storage.filesystem import CrashedError
from tests.broker.sqs.sqs_world import SqsWorld, bodies_of
from tests.storage.messages import memory


def with_dead_letters(world: SqsWorld, suffix: str = "", count: int = 1, **settings: object) -> tuple[SqsQueue, SqsQueue]:
    dead = world.create(f"dead{suffix}")
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": count})
    return world.create(f"q{suffix}", {"RedrivePolicy": policy}, **settings), dead


@pytest.fixture
def world() -> SqsWorld:
    return SqsWorld(memory())


def test_a_message_is_moved_when_it_would_be_received_too_often(world: SqsWorld) -> None:
    with_dead_letters(world, count=2)
    world.send_all("m")
    for receives in (1, 2):
        assert world.receive()[0].receive_count == receives
        world.advance(30)
    assert world.counts() == (1, 0, 0)
    assert world.bodies() == []
    assert (world.counts(), world.counts("dead")) == ((0, 0, 0), (1, 0, 0))


def test_a_receive_goes_on_with_the_next_message(world: SqsWorld) -> None:
    with_dead_letters(world)
    world.send_all("a", "b")
    assert world.bodies(1) == ["a"]
    world.advance(30)
    assert world.bodies(1) == ["b"]


def test_a_dead_letter_tells_where_it_comes_from_and_how_often_it_was_received(world: SqsWorld) -> None:
    """API reference: ApproximateReceiveCount is "the number of times a message has been received across all queues"."""
    queue, _ = with_dead_letters(world, count=2)
    sent = world.send("m", group="g")
    world.turn()
    first_ms = world.clock.now_ms()
    for _ in range(2):
        world.receive()
        world.advance(30)
    world.receive()
    (received,) = world.receive(name="dead")
    message = received.message
    assert (message.message_id, message.body, message.group_id) == (sent.message_id, b"m", "g")
    assert message.source_arn == queue.arn
    assert (received.receive_count, received.first_received_ms) == (3, first_ms)


def test_a_dead_letter_keeps_its_age_in_a_standard_queue_and_is_new_in_a_fifo_queue(world: SqsWorld) -> None:
    """Developer Guide: "For standard queues, the expiration of a message is always based on its original enqueue timestamp"."""
    with_dead_letters(world)
    with_dead_letters(world, ".fifo")
    sent_ms = world.clock.now_ms()
    world.send("m")
    world.send_all("m", name="q.fifo", group="g")
    for name in ("q", "q.fifo"):
        world.receive(name=name)
    world.advance(30)
    for name in ("q", "q.fifo"):
        world.receive(name=name)
    assert world.receive(name="dead")[0].message.sent_ms == sent_ms
    assert world.receive(name="dead.fifo")[0].message.sent_ms == sent_ms + 30_000
    world.queues.set_attributes(world.queue("dead"), {"MessageRetentionPeriod": "60"})
    world.queues.set_attributes(world.queue("dead.fifo"), {"MessageRetentionPeriod": "60"})
    world.advance(32)
    assert (world.counts("dead"), world.counts("dead.fifo")) == ((0, 0, 0), (1, 0, 0))


def test_a_dead_letter_that_is_over_its_retention_goes_when_it_arrives(world: SqsWorld) -> None:
    with_dead_letters(world)
    world.queues.set_attributes(world.queue("dead"), {"MessageRetentionPeriod": "60"})
    world.send_all("m")
    world.receive(visibility_s=100)
    world.advance(100)
    world.receive()
    world.advance(0)
    assert (world.counts(), world.counts("dead")) == ((0, 0, 0), (0, 0, 0))


def test_a_dead_letter_wakes_who_waits_for_it(world: SqsWorld) -> None:
    with_dead_letters(world)
    world.send_all("m")
    world.receive()
    world.advance(30)
    answers: list[list[str]] = []
    world.wait(answers, name="dead")
    world.receive()
    assert answers == [["m"]]


def test_without_its_dead_letter_queue_messages_stay(world: SqsWorld) -> None:
    queue, dead = with_dead_letters(world)
    world.queues.delete(dead.name)
    world.send_all("m")
    for receives in (1, 2, 3):
        assert world.receive()[0].receive_count == receives
        world.advance(30)
    assert queue.explain() == [f"the dead-letter queue {dead.arn} does not exist: messages stay here however often they are received"]


def test_a_message_stays_where_it_was_if_it_cannot_be_stored_elsewhere() -> None:
    file_system = memory()
    world = SqsWorld(file_system)
    with_dead_letters(world)
    world.send_all("m")
    world.receive()
    world.advance(30)
    file_system.space_left = 0
    assert world.bodies() == []
    file_system.space_left = None
    assert (world.counts(), world.counts("dead")) == ((1, 0, 0), (0, 0, 0))
    assert world.bodies() == []
    assert (world.counts(), world.counts("dead")) == ((0, 0, 0), (1, 0, 0))


def test_a_message_on_its_way_is_seen_by_nobody_and_cannot_be_deleted(world: SqsWorld) -> None:
    queue, _ = with_dead_letters(world)
    world.send_all("m")
    (received,) = world.receive()
    world.advance(30)
    queue.receive(1, None, 0, None, lambda found: None)
    assert world.counts() == (0, 1, 0)
    assert [each.is_visible for each in queue.peek(1)] == [False]
    queue.delete(received.receipt_handle)
    world.turn()
    assert (world.counts(), world.counts("dead")) == ((0, 0, 0), (1, 0, 0))


def test_a_group_goes_on_behind_its_dead_letter(world: SqsWorld) -> None:
    with_dead_letters(world, ".fifo")
    world.send_all("1", "2", "3", name="q.fifo", group="g")
    assert world.bodies(1, "q.fifo") == ["1"]
    world.advance(30)
    assert world.bodies(1, "q.fifo") == ["2"]
    assert world.bodies(10, "dead.fifo") == ["1"]


def test_a_dead_letter_of_a_fifo_queue_has_its_message_id_for_deduplication(world: SqsWorld) -> None:
    """Developer Guide: "the original message's deduplication ID will be replaced with the original message's ID"."""
    with_dead_letters(world, ".fifo")
    world.send_all("m", name="q.fifo", group="g")
    world.receive(name="q.fifo")
    world.advance(30)
    world.receive(name="q.fifo")
    (received,) = world.receive(name="dead.fifo")
    assert received.message.deduplication_id == received.message.message_id


def test_queues_may_be_each_others_dead_letter_queue(world: SqsWorld) -> None:
    one, two = with_dead_letters(world, ".fifo")
    world.queues.set_attributes(two, {"RedrivePolicy": json.dumps({"deadLetterTargetArn": one.arn, "maxReceiveCount": 1})})
    world.send_all("m", name="q.fifo", group="g")
    names = ["q.fifo", "dead.fifo"] * 3
    for receives, name in enumerate(names, 1):
        received = world.receive(name=name)
        assert [(each.message.body, each.receive_count) for each in received] == [(b"m", receives)]
        world.advance(30)
        assert bodies_of(world.receive(name=name)) == []


def test_a_crash_between_the_two_writes_loses_nothing_and_doubles_nothing_in_fifo_queues() -> None:
    for operation in range(1, 30):
        file_system = memory()
        world = SqsWorld(file_system)
        with_dead_letters(world, ".fifo")
        world.send_all("m", name="q.fifo", group="g")
        world.receive(name="q.fifo")
        world.advance(30)
        file_system.crash_at = file_system.operations + operation
        has_crashed = False
        try:
            world.receive(name="q.fifo")
        except CrashedError:
            has_crashed = True
        world.restart()
        world.advance(60)
        for _ in range(2):
            world.receive(name="q.fifo")
            world.advance(0)
        assert (world.counts("q.fifo"), world.counts("dead.fifo")) == ((0, 0, 0), (1, 0, 0)), operation
        if not has_crashed:
            break
    assert operation > 3
