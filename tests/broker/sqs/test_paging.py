"""Queues larger than the memory that they may have."""

import random

import pytest

from tests.broker.sqs.sqs_world import SqsWorld, bodies_of
from tests.storage.messages import memory


def crowded(name: str = "q", retention_s: int = 345_600) -> SqsWorld:
    world = SqsWorld(memory(), residence_bytes=20_000)
    world.create(name, MessageRetentionPeriod=retention_s)
    return world


@pytest.mark.parametrize("name", ["q", "q.fifo"])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_does_not_fit_into_memory_comes_in_order(name: str, restarts: bool) -> None:
    world = crowded(name)
    expected = [str(number) for number in range(3000)]
    for first in range(0, 3000, 100):
        world.send_all(*expected[first : first + 100], name=name, group="g" if name == "q.fifo" else None)
    if restarts:
        world.restart()
    assert world.residence.used_bytes < 30_000
    assert world.counts(name) == (3000, 0, 0)
    found: list[str] = []
    while received := world.receive(10, name):
        found += bodies_of(received)
        for each in received:
            world.queue(name).delete(each.receipt_handle)
    assert found == expected
    world.turn()
    assert world.residence.used_bytes == 0


def test_messages_that_come_back_stand_before_those_on_disk() -> None:
    world = crowded()
    world.send_all(*(str(number) for number in range(500)))
    received = [each for _ in range(20) for each in world.receive(visibility_s=5)]
    assert bodies_of(received) == [str(number) for number in range(200)]
    world.advance(5)
    assert [body for _ in range(50) for body in world.bodies()] == [str(number) for number in range(500)]


def test_delayed_messages_take_their_places_among_those_on_disk() -> None:
    world = crowded()
    chance = random.Random(5)
    for number in range(400):
        world.send(str(number), delay_s=chance.choice((0, 0, 3, 9)))
    world.turn()
    visible, _, delayed = world.counts()
    assert visible + delayed == 400
    first = [body for _ in range(5) for body in world.bodies()]
    assert first == sorted(first, key=int)
    world.advance(10)
    rest = [body for _ in range(50) for body in world.bodies(visibility_s=100)]
    assert rest == sorted(rest, key=int)
    assert sorted(first + rest, key=int) == [str(number) for number in range(400)]


def test_a_queue_gives_memory_to_another_one() -> None:
    world = SqsWorld(memory(), residence_bytes=40_000)
    for name in ("a", "b.fifo"):
        world.create(name)
        world.send_all(*(str(number) for number in range(200)), name=name, group="g")
    assert world.residence.used_bytes <= 45_000
    for name in ("a", "b.fifo"):
        assert [body for _ in range(20) for body in world.bodies(10, name)][:3] == ["0", "1", "2"]


def test_a_message_of_a_megabyte_passes() -> None:
    world = crowded()
    body = "x" * 1_048_576
    world.send_all(body, "small")
    assert world.bodies() == [body, "small"]


def test_a_purge_and_a_retention_reach_what_is_on_disk() -> None:
    world = crowded(retention_s=60)
    world.send_all(*(str(number) for number in range(500)))
    world.receive()
    world.queue().purge()
    world.turn()
    assert world.counts() == (0, 0, 0)
    world.send_all(*(str(number) for number in range(500)))
    world.advance(10)
    world.send_all("young")
    world.advance(52)
    assert world.counts() == (1, 0, 0)
    assert world.bodies() == ["young"]
