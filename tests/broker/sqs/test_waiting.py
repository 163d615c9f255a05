import pytest

from tests.broker.sqs.sqs_world import SqsWorld


@pytest.fixture
def world() -> SqsWorld:
    world = SqsWorld()
    world.create()
    return world


def test_who_waits_longest_gets_what_comes_and_nobody_else_is_told(world: SqsWorld) -> None:
    answers: list[list[str]] = []
    for _ in range(3):
        world.wait(answers)
    world.send("a")
    assert answers == []
    world.turn()
    assert answers == [["a"]]
    world.send("b")
    world.send("c")
    world.turn()
    assert answers == [["a"], ["b", "c"]]


def test_messages_of_one_turn_go_to_several_if_they_ask_for_few(world: SqsWorld) -> None:
    answers: list[list[str]] = []
    for _ in range(3):
        world.wait(answers, count=1)
    world.send_all("a", "b")
    assert answers == [["a"], ["b"]]


def test_waiting_ends_with_nothing(world: SqsWorld) -> None:
    answers: list[list[str]] = []
    world.wait(answers, wait_s=20)
    world.advance(19.999)
    assert answers == []
    world.advance(0.001)
    assert answers == [[]]


def test_who_has_gone_gets_nothing(world: SqsWorld) -> None:
    answers: list[list[str]] = []
    gone = world.wait(answers)
    world.wait(answers)
    gone.cancel()
    world.send_all("a")
    assert answers == [["a"]]
    assert gone.is_over


def test_who_waits_gets_what_is_visible_again_or_no_longer_delayed(world: SqsWorld) -> None:
    world.send_all("a")
    world.receive(visibility_s=5)
    world.send("b", delay_s=7)
    world.turn()
    answers: list[list[str]] = []
    world.wait(answers)
    world.wait(answers)
    world.advance(5)
    assert answers == [["a"]]
    world.advance(2)
    assert answers == [["a"], ["b"]]


def test_who_waits_for_a_queue_that_hides_nothing_waits(world: SqsWorld) -> None:
    world.queues.set_attributes(world.queue(), {"VisibilityTimeout": "0"})
    answers: list[list[str]] = []
    world.wait(answers)
    world.advance(1)
    world.send_all("a")
    assert answers == [["a"]]


def test_a_queue_that_is_deleted_keeps_nobody_waiting(world: SqsWorld) -> None:
    answers: list[list[str]] = []
    world.wait(answers)
    world.queues.delete(world.queue().name)
    assert answers == [[]]


def test_a_thousand_wait_and_each_message_wakes_one(world: SqsWorld) -> None:
    answers: list[list[str]] = []
    for _ in range(1000):
        world.wait(answers, count=1)
    for number in range(1000):
        world.send(str(number))
        world.turn()
        assert answers[-1] == [str(number)]
    assert len(answers) == 1000
