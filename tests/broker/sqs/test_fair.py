from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.fair import Fairness
from tests.broker.sqs.sqs_world import SqsWorld


def entry(position: int, group: str | None) -> Entry:
    return Entry(position, 0, 0, None, group, 0)


def test_a_group_is_noisy_with_thirty_messages_and_a_tenth_of_what_is_in_flight() -> None:
    fair = Fairness()
    for position in range(29):
        fair.taken(entry(position, "a"))
    assert not fair.is_noisy("a")
    fair.taken(entry(29, "a"))
    assert fair.is_noisy("a")
    for position in range(270):
        fair.taken(entry(100 + position, None))
    # A tenth, not more.
    assert not fair.is_noisy("a")


def test_a_noisy_group_does_not_starve_quiet_ones() -> None:
    """Developer Guide: "they prioritize delivery of messages from quiet tenants"."""
    world = SqsWorld()
    world.create(VisibilityTimeout=1000)
    for number in range(500):
        world.send(f"noisy {number}", group="noisy")
    for group in ("b", "c"):
        world.send(f"quiet {group}", group=group)
    world.send("nobody's")
    world.turn()
    first = [body for _ in range(3) for body in world.bodies()]
    assert first == [f"noisy {number}" for number in range(30)]
    assert world.bodies(4) == ["quiet b", "quiet c", "nobody's", "noisy 30"]
    assert world.counts() == (469, 34, 0)


def test_a_group_that_is_noisy_no_longer_comes_in_its_place() -> None:
    world = SqsWorld()
    queue = world.create(VisibilityTimeout=1000)
    for number in range(40):
        world.send(f"a{number}", group="a")
    for number in range(3):
        world.send(f"b{number}", group="b")
    world.turn()
    received = [each for _ in range(3) for each in world.receive()]
    assert world.bodies(1) == ["b0"]
    for each in received:
        queue.delete(each.receipt_handle)
    assert world.bodies(10) == [f"a{number}" for number in range(30, 40)]
    assert world.bodies(10) == ["b1", "b2"]


def test_only_noisy_messages_come_in_order() -> None:
    world = SqsWorld()
    world.create(VisibilityTimeout=1000)
    for number in range(100):
        world.send(str(number), group="a")
    world.turn()
    assert [body for _ in range(10) for body in world.bodies()] == [str(number) for number in range(100)]


def test_a_message_set_aside_can_be_purged_and_comes_back_after_a_restart() -> None:
    world = SqsWorld()
    queue = world.create(VisibilityTimeout=1000)
    for number in range(50):
        world.send(str(number), group="a")
    world.send("b", group="b")
    world.turn()
    for _ in range(3):
        world.receive()
    assert world.bodies(1) == ["b"]
    world.restart()
    assert world.counts() == (20, 31, 0)
    assert world.bodies(2) == ["30", "31"]
    queue = world.queue()
    queue.purge()
    world.turn()
    assert world.counts() == (0, 0, 0)
    assert world.residence.used_bytes == 0
