from collections.abc import Sequence

from message_queues.clients.aws_ports import OutgoingMessage
from message_queues.messaging.outbox import Outbox, Waiting

Box = Outbox[OutgoingMessage]


def put(box: Box, body: str, group: str | None = None, since: float = 0.0) -> Waiting[OutgoingMessage]:
    waiting = Waiting(OutgoingMessage(body, len(body), group_id=group), lambda _: None, since, 1.0)
    box.put(waiting)
    return waiting


def bodies(taken: Sequence[Waiting[OutgoingMessage]]) -> list[str]:
    return [each.message.body for each in taken]


def test_messages_go_in_order_and_in_tens() -> None:
    box = Box(in_order=False)
    for number in range(12):
        put(box, f"{number:02}", since=number)
    assert (box.ready, box.ready_bytes, box.oldest()) == (12, 24, 0)
    assert bodies(box.take(10, 1000)) == [f"{number:02}" for number in range(10)]
    assert (box.ready, box.ready_bytes, box.oldest()) == (2, 4, 10)
    assert bodies(box.take(10, 1000)) == ["10", "11"]
    assert (box.ready, box.ready_bytes) == (0, 0)


def test_a_batch_has_no_more_bytes_than_asked_but_one_message_in_any_case() -> None:
    box = Box(in_order=False)
    for body in ("aaaa", "bbb", "c"):
        put(box, body)
    assert bodies(box.take(10, 7)) == ["aaaa", "bbb"]
    put(box, "dddddddddd")
    assert bodies(box.take(10, 5)) == ["c"]
    assert bodies(box.take(10, 5)) == ["dddddddddd"]


def test_of_a_group_on_its_way_nothing_is_taken() -> None:
    box = Box(in_order=True)
    put(box, "a1", "a")
    put(box, "a2", "a")
    put(box, "b1", "b")
    first = box.take(1, 1000)
    assert bodies(first) == ["a1"]
    assert (box.ready, box.ready_bytes) == (1, 2)
    put(box, "a3", "a")
    assert box.ready == 1
    second = box.take(10, 1000)
    assert bodies(second) == ["b1"]
    assert box.ready == 0
    box.came_back(first)
    assert box.ready == 2
    assert bodies(box.take(10, 1000)) == ["a2", "a3"]


def test_a_batch_holds_several_groups_each_in_order() -> None:
    box = Box(in_order=True)
    for body in ("a1", "b1", "a2", "c1"):
        put(box, body, body[0])
    assert bodies(box.take(3, 1000)) == ["a1", "a2", "b1"]
    assert bodies(box.take(3, 1000)) == ["c1"]


def test_a_group_that_has_come_back_empty_starts_anew() -> None:
    box = Box(in_order=True)
    put(box, "a1", "a")
    box.came_back(box.take(10, 1000))
    assert box.ready == 0
    put(box, "a2", "a")
    assert bodies(box.take(10, 1000)) == ["a2"]


def test_what_is_put_behind_a_batch_on_its_way_waits_for_it() -> None:
    box = Box(in_order=True)
    put(box, "a1", "a")
    batch = box.take(10, 1000)
    put(box, "a2", "a")
    assert box.ready == 0
    box.came_back(batch)
    assert bodies(box.take(10, 1000)) == ["a2"]


def test_clearing_takes_also_what_may_not_go_yet() -> None:
    box = Box(in_order=True)
    put(box, "a1", "a")
    batch = box.take(10, 1000)
    put(box, "a2", "a")
    put(box, "b1", "b")
    assert sorted(bodies(box.clear())) == ["a2", "b1"]
    assert box.ready == 0
    box.came_back(batch)
    assert box.ready == 0
