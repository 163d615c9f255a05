import base64
import json

import pytest

from message_queues.broker.sqs.move_tasks import MoveTask
from message_queues.broker.sqs.queue import SqsQueue
from message_queues.errors import InvalidParameterValue, ResourceNotFound, UnsupportedOperation
from message_queues.storage.filesystem import CrashedError
from tests.broker.sqs.sqs_world import SqsWorld, name_of
from tests.storage.messages import memory


def with_dead(world: SqsWorld, suffix: str = "") -> tuple[SqsQueue, SqsQueue]:
    dead = world.create(f"dead{suffix}")
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    return world.create(f"q{suffix}", {"RedrivePolicy": policy}), dead


def kill(world: SqsWorld, count: int, suffix: str = "") -> None:
    """So many messages become dead letters."""
    world.send_all(*(str(number) for number in range(count)), name=f"q{suffix}", group="g")
    taken = 0
    while taken < count:
        taken += len(world.receive(name=f"q{suffix}", visibility_s=1000))
    world.advance(1000)
    world.receive(name=f"q{suffix}")


def task(world: SqsWorld, dead: SqsQueue) -> MoveTask:
    return world.queues.move_tasks.list(dead.arn)[0]


@pytest.fixture
def world() -> SqsWorld:
    return SqsWorld(memory())


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_dead_letters_go_back_to_where_they_came_from(world: SqsWorld, suffix: str) -> None:
    queue, dead = with_dead(world, suffix)
    kill(world, 5, suffix)
    assert (world.counts(queue.name.name), world.counts(dead.name.name)) == ((0, 0, 0), (5, 0, 0))
    (old,) = world.receive(1, dead.name.name, visibility_s=0)
    world.advance(1)
    world.queues.move_tasks.start(dead.arn, None, None)
    world.advance(1)
    assert (world.counts(queue.name.name), world.counts(dead.name.name)) == ((5, 0, 0), (0, 0, 0))
    found = task(world, dead)
    assert (found.status, found.moved, found.to_move, found.failure_reason) == ("COMPLETED", 5, 5, None)
    received = world.receive(10, queue.name.name)
    # "All redriven messages are considered new messages with a new messageID and enqueueTime"
    assert [each.message.body for each in received] == [b"0", b"1", b"2", b"3", b"4"]
    assert received[0].message.message_id != old.message.message_id
    assert received[0].receive_count == 1
    assert received[0].message.sent_ms > old.message.sent_ms
    assert received[0].message.source_arn is None


def test_they_may_go_elsewhere(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    other = world.create("other")
    kill(world, 3)
    world.queues.move_tasks.start(dead.arn, other.arn, None)
    world.advance(1)
    assert (world.counts("other"), world.counts("dead")) == ((3, 0, 0), (0, 0, 0))


def test_a_rate_is_kept(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    kill(world, 50)
    world.queues.move_tasks.start(dead.arn, None, 5)
    world.advance(4)
    assert 18 <= task(world, dead).moved <= 21
    assert task(world, dead).status == "RUNNING"
    world.advance(7)
    assert (task(world, dead).status, task(world, dead).moved) == ("COMPLETED", 50)


def test_a_task_can_be_cancelled_once(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    kill(world, 50)
    handle = world.queues.move_tasks.start(dead.arn, None, 10)
    world.advance(2)
    moved = world.queues.move_tasks.cancel(handle)
    assert 18 <= moved <= 21
    world.advance(10)
    assert world.counts("q")[0] == moved == task(world, dead).moved
    assert task(world, dead).status == "CANCELLED"
    with pytest.raises(UnsupportedOperation, match="Only active tasks can be cancelled"):
        world.queues.move_tasks.cancel(handle)


@pytest.mark.parametrize("is_clean", [True, False])
def test_a_task_goes_on_after_a_restart(world: SqsWorld, is_clean: bool) -> None:
    _, dead = with_dead(world)
    kill(world, 50)
    handle = world.queues.move_tasks.start(dead.arn, None, 10)
    world.advance(2)
    moved = task(world, dead).moved
    if is_clean:
        world.stop_and_start()
    else:
        world.restart()
    assert (task(world, dead).status, task(world, dead).moved, task(world, dead).handle) == ("RUNNING", moved, handle)
    world.advance(5)
    assert (task(world, dead).status, task(world, dead).moved) == ("COMPLETED", 50)
    assert (world.counts("q"), world.counts("dead")) == ((50, 0, 0), (0, 0, 0))


def test_a_message_of_unknown_origin_ends_the_task(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    world.send_all("direct", name="dead")
    world.queues.move_tasks.start(dead.arn, None, None)
    world.advance(1)
    assert (task(world, dead).status, task(world, dead).failure_reason) == ("FAILED", "CouldNotDetermineMessageSource")
    assert world.counts("dead") == (1, 0, 0)


def test_a_destination_that_goes_ends_the_task(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    other = world.create("other")
    kill(world, 50)
    world.queues.move_tasks.start(dead.arn, other.arn, 10)
    world.advance(1)
    world.queues.delete(other.name)
    world.advance(1)
    found = task(world, dead)
    assert (found.status, found.failure_reason) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert world.counts("dead")[0] == 50 - found.moved


def test_what_somebody_has_in_flight_is_not_moved(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    kill(world, 3)
    world.receive(1, "dead")
    world.queues.move_tasks.start(dead.arn, None, None)
    world.advance(1)
    assert (world.counts("q"), world.counts("dead")) == ((2, 0, 0), (0, 1, 0))
    assert task(world, dead).status == "COMPLETED"


def test_a_task_that_cannot_store_messages_tries_again() -> None:
    file_system = memory()
    world = SqsWorld(file_system)
    _, dead = with_dead(world)
    kill(world, 3)
    world.queues.move_tasks.start(dead.arn, None, None)
    file_system.space_left = 0
    world.advance(3)
    assert (world.counts("q"), world.counts("dead")) == ((0, 0, 0), (3, 0, 0))
    file_system.space_left = None
    world.advance(3)
    assert (world.counts("q"), world.counts("dead")) == ((3, 0, 0), (0, 0, 0))
    assert task(world, dead).status == "COMPLETED"


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_a_crash_while_moving_loses_nothing_and_doubles_nothing_in_fifo_queues(suffix: str) -> None:
    for operation in range(1, 40):
        file_system = memory()
        world = SqsWorld(file_system)
        _, dead = with_dead(world, suffix)
        kill(world, 4, suffix)
        world.queues.move_tasks.start(dead.arn, None, None)
        file_system.crash_at = file_system.operations + operation
        has_crashed = False
        try:
            world.advance(1)
        except CrashedError:
            has_crashed = True
        world.restart()
        world.advance(1)
        bodies = world.bodies(10, f"q{suffix}")
        if suffix:
            assert bodies == ["0", "1", "2", "3"], operation
        else:
            assert set(bodies) == {"0", "1", "2", "3"}, operation
        assert world.counts(f"dead{suffix}") == (0, 0, 0)
        if not has_crashed:
            break
    assert operation > 3


# What is refused


def test_one_task_of_a_queue_runs_at_a_time(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    kill(world, 5)
    world.queues.move_tasks.start(dead.arn, None, 1)
    with pytest.raises(InvalidParameterValue, match="There is already a task running"):
        world.queues.move_tasks.start(dead.arn, None, 1)


def test_only_a_dead_letter_queue_can_be_moved(world: SqsWorld) -> None:
    queue, dead = with_dead(world)
    with pytest.raises(InvalidParameterValue, match="Source queue must be configured as a Dead Letter Queue"):
        world.queues.move_tasks.start(queue.arn, None, None)
    with pytest.raises(ResourceNotFound):
        world.queues.move_tasks.start(dead.arn + "2", None, None)
    with pytest.raises(ResourceNotFound):
        world.queues.move_tasks.start(dead.arn, dead.arn + "2", None)
    with pytest.raises(InvalidParameterValue):
        world.queues.move_tasks.start(dead.arn, dead.arn, None)
    with pytest.raises(InvalidParameterValue, match="MaxNumberOfMessagesPerSecond"):
        world.queues.move_tasks.start(dead.arn, None, 501)
    fifo = world.create("other.fifo")
    with pytest.raises(InvalidParameterValue, match="same type"):
        world.queues.move_tasks.start(dead.arn, fifo.arn, None)


def test_a_handle_must_be_one_of_a_task(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    unknown = base64.b64encode(json.dumps({"taskId": "x", "sourceArn": dead.arn}).encode()).decode()
    with pytest.raises(ResourceNotFound, match="Task does not exist"):
        world.queues.move_tasks.cancel(unknown)
    for handle in ("x", "e30=", base64.b64encode(b"[]").decode()):
        with pytest.raises(InvalidParameterValue, match="TaskHandle"):
            world.queues.move_tasks.cancel(handle)


def test_the_newest_ten_tasks_are_listed(world: SqsWorld) -> None:
    _, dead = with_dead(world)
    for number in range(13):
        kill(world, number + 1)
        world.queues.move_tasks.start(dead.arn, None, None)
        world.advance(1)
        world.queue().purge()
        world.advance(400)
    world.restart()
    tasks = world.queues.move_tasks.list(dead.arn, 100)
    assert [each.to_move for each in tasks] == list(range(13, 3, -1))
    assert len(world.queues.move_tasks.list(dead.arn)) == 1
    world.queues.delete(name_of("dead"))
    with pytest.raises(ResourceNotFound):
        world.queues.move_tasks.list(dead.arn)
