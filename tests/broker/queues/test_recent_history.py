import pytest

from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.recent_history import RecentHistory, check_history_length
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldValue
from tests.broker.queues.published import published


def test_the_last_messages_are_remembered_in_order() -> None:
    history = RecentHistory({"x-recent-history-length": 3})
    for number in range(5):
        history.match(published(body=str(number).encode()))
    assert [message.body for message in history.messages()] == [b"2", b"3", b"4"]


def test_twenty_are_remembered_when_nothing_is_said() -> None:
    history = RecentHistory({})
    for _ in range(30):
        history.match(published())
    assert len(history.messages()) == 20


def test_a_message_may_ask_not_to_be_remembered() -> None:
    history = RecentHistory({})
    history.add(Binding("x", "q", QUEUE, ""))
    assert history.match(published(headers={"x-recent-history-no-store": True}))
    assert history.match(published(headers={"x-recent-history-no-store": "true"}, body=b"kept"))
    assert [message.body for message in history.messages()] == [b"kept"]


def test_everything_bound_gets_every_message() -> None:
    history = RecentHistory({})
    history.add(Binding("x", "a", QUEUE, "1"))
    history.add(Binding("x", "b", QUEUE, "2"))
    assert {binding.destination for binding in history.match(published("3"))} == {"a", "b"}
    history.remove(Binding("x", "a", QUEUE, "1"))
    assert {binding.destination for binding in history.match(published("3"))} == {"b"}


@pytest.mark.parametrize(("length", "told"), [(0, "0"), (-1, "-1"), ("20", '<<"20">>'), (True, "true"), (1.5, "1.5")])
def test_the_length_is_a_positive_integer(length: FieldValue, told: str) -> None:
    with pytest.raises(PreconditionFailed, match=f"^Invalid argument {told}, 'x-recent-history-length' must be a positive integer$"):
        check_history_length({"x-recent-history-length": length})
    check_history_length({"x-recent-history-length": 1})
