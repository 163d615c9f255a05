from message_queues.clients.aws_ports import ReceivedMessage
from message_queues.messaging.sqs_inbox import Inbox
from message_queues.messaging.sqs_message import SqsRecord


def record(body: str, group: str | None = None) -> SqsRecord:
    system = {} if group is None else {"MessageGroupId": group}
    return SqsRecord(ReceivedMessage(f"id-{body}", f"receipt-{body}", body, {}, system), "orders", 1.0)


def filled(*bodies: str, in_order: bool) -> tuple[Inbox, dict[str, SqsRecord]]:
    inbox = Inbox(in_order=in_order)
    records = {body: record(body, body[0] if in_order else None) for body in bodies}
    for each in records.values():
        inbox.put(each)
    return inbox, records


def taken(inbox: Inbox, count: int = 10) -> list[str]:
    return [each.received.body for each in inbox.take(count)]


def test_of_a_standard_queue_all_may_be_taken() -> None:
    inbox, records = filled("a1", "a2", "b1", in_order=False)
    assert taken(inbox, 2) == ["a1", "a2"]
    assert inbox.done(records["a1"])
    assert not inbox.done(records["a1"])
    assert [each.received.body for each in inbox.held] == ["a2", "b1"]


def test_of_a_group_one_is_in_hand_at_a_time() -> None:
    inbox, records = filled("a1", "a2", "b1", "a3", in_order=True)
    assert taken(inbox) == ["a1", "b1"]
    assert not inbox.has_ready
    assert inbox.done(records["a1"])
    assert taken(inbox) == ["a2"]
    inbox.done(records["b1"])
    assert not inbox.has_ready
    inbox.done(records["a2"])
    inbox.put(record("a4", "a"))
    assert taken(inbox) == ["a3"]


def test_a_group_that_is_through_starts_anew() -> None:
    inbox, records = filled("a1", in_order=True)
    inbox.take(1)
    inbox.done(records["a1"])
    inbox.put(record("a2", "a"))
    assert taken(inbox) == ["a2"]


def test_what_is_given_back_takes_those_behind_it_along() -> None:
    inbox, records = filled("a1", "a2", "a3", "b1", in_order=True)
    inbox.take(1)
    assert inbox.give_back(records["a1"]) == [records["a2"], records["a3"]]
    assert list(inbox.held) == [records["b1"]]
    assert taken(inbox) == ["b1"]
    assert inbox.give_back(records["a1"]) == []
    inbox.put(record("a4", "a"))
    assert taken(inbox) == ["a4"]


def test_of_a_standard_queue_it_goes_alone() -> None:
    inbox, records = filled("a1", "a2", in_order=False)
    inbox.take(1)
    assert inbox.give_back(records["a1"]) == []
    assert taken(inbox) == ["a2"]


def test_what_is_lost_is_not_begun() -> None:
    inbox, records = filled("a1", "a2", "a3", "b1", in_order=True)
    assert inbox.lose(records["a2"])
    assert inbox.lose(records["b1"])
    assert taken(inbox) == ["a1"]
    assert not inbox.lose(records["a1"])
    inbox.done(records["a1"])
    assert taken(inbox) == ["a3"]


def test_the_first_of_a_group_that_is_lost_makes_way() -> None:
    inbox, records = filled("a1", "a2", in_order=True)
    assert inbox.lose(records["a1"])
    assert taken(inbox) == ["a2"]


def test_cleared_it_holds_nothing() -> None:
    inbox, records = filled("a1", "a2", "b1", in_order=True)
    inbox.take(1)
    assert inbox.clear() == list(records.values())
    assert not inbox.has_ready
    assert not inbox.done(records["a1"])
