"""What the real service may do, by a seed."""

import pytest

from message_queues.errors import RequestThrottled
from tests.broker.sqs.sqs_world import SqsWorld, bodies_of


def run(seed: int) -> list[str]:
    """All that comes of 200 messages, received by short polls and deleted."""
    world = SqsWorld(chaos=seed)
    queue = world.create(VisibilityTimeout=1)
    world.advance(60)
    for number in range(200):
        world.send(str(number))
    world.turn()
    came = []
    for _ in range(2000):
        received = world.receive(3)
        came += bodies_of(received)
        for each in received:
            queue.delete(each.receipt_handle)
        if not any(queue.counts()):
            break
    assert not any(queue.counts())
    return came


def test_everything_comes_at_least_once_some_of_it_twice_and_in_another_order() -> None:
    came = run(1)
    numbers = [str(number) for number in range(200)]
    assert set(came) == set(numbers)
    assert len(came) > 200
    first_times = list(dict.fromkeys(came))
    assert first_times != numbers
    # Best effort: not far from its place.
    assert all(abs(first_times.index(number) - place) < 60 for place, number in enumerate(numbers))


def test_a_seed_stands_for_a_run() -> None:
    assert run(7) == run(7)
    assert run(7) != run(8)


def test_a_short_poll_may_miss_what_a_long_poll_finds() -> None:
    world = SqsWorld(chaos=3)
    world.create(VisibilityTimeout=0)
    world.send_all("m")
    polls = [world.bodies(1) for _ in range(100)]
    assert 5 < polls.count([]) < 40
    for _ in range(20):
        answers: list[list[str]] = []
        world.wait(answers)
        assert answers == [["m"]]


def test_a_handle_of_an_earlier_receive_deletes_nothing() -> None:
    """API reference, DeleteMessage: "If you use an old ReceiptHandle, the request will succeed, but the message might not be deleted"."""
    world = SqsWorld(chaos=3)
    queue = world.create(VisibilityTimeout=0)
    world.send_all("m")
    handles: list[str] = []
    while len(handles) < 2:
        handles += [each.receipt_handle for each in world.receive(1)]
    queue.delete(handles[0])
    assert queue.counts() == (1, 0, 0)


def test_attributes_are_heeded_late_and_told_at_once() -> None:
    world = SqsWorld(chaos=3)
    queue = world.create()
    world.queues.set_attributes(queue, {"VisibilityTimeout": "7"})
    assert (queue.attributes["VisibilityTimeout"], queue.settings.visibility_timeout_s) == ("7", 30)
    world.advance(60)
    assert queue.settings.visibility_timeout_s == 7


def test_fifo_queues_keep_their_order_and_are_throttled() -> None:
    world = SqsWorld(chaos=3)
    world.create("q.fifo")
    for number in range(300):
        world.send(str(number), "q.fifo", "g", str(number))
    with pytest.raises(RequestThrottled):
        world.send("one more", "q.fifo", "g", "one more")
    world.advance(1)
    came: list[str] = []
    while received := world.receive(10, "q.fifo"):
        came += bodies_of(received)
        for each in received:
            world.queue("q.fifo").delete(each.receipt_handle)
        world.advance(0.1)
    assert came == [str(number) for number in range(300)]


def test_high_throughput_is_not_throttled() -> None:
    world = SqsWorld(chaos=3)
    world.create("q.fifo", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for number in range(1000):
        world.send(str(number), "q.fifo", "g", str(number))
    world.turn()
    assert world.counts("q.fifo") == (1000, 0, 0)


def test_without_chaos_nobody_is_throttled() -> None:
    world = SqsWorld()
    world.create("q.fifo")
    for number in range(1000):
        world.send(str(number), "q.fifo", "g", str(number))
