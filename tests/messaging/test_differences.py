import pytest

from message_queues.errors import PreconditionFailed, Unreachable
from message_queues.messaging.differences import argument_differences, conflict, named_differences, said_difference


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ("inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'", "durable is true, not false"),
        (
            "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received none but current is the value '100' of type 'signedint'",
            "x-max-length is 100, not none",
        ),
        (
            "inequivalent arg 'x-overflow' for queue 'q' in vhost '/': received the value 'drop-head' of type 'lstr' but current is none",
            "x-overflow is none, not drop-head",
        ),
        ("inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'topic'", "type is topic, not fanout"),
        ("something else", "something else"),
    ],
)
def test_what_rabbitmq_says_of_a_difference_is_read(refusal: str, says: str) -> None:
    assert said_difference(refusal) == says


def test_a_conflict_lists_every_difference_where_the_management_api_can_be_asked() -> None:
    refusal = PreconditionFailed("inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'")

    def away() -> list[str]:
        raise Unreachable("the management API at x:15672 cannot be reached")

    assert conflict("queue 'q'", refusal, lambda: ["a is 1, not 2", "b is 3, not 4"]).differences == ("a is 1, not 2", "b is 3, not 4")
    for compare in (away, list):
        error = conflict("queue 'q'", refusal, compare)
        assert error.differences == ("durable is true, not false",)
        assert str(error) == "queue 'q' exists with other settings: durable is true, not false"


def test_differences_of_arguments_count_what_either_side_lacks() -> None:
    assert argument_differences({"a": 1, "b": 2, "t": 1}, {"a": 1, "c": 3}, ("t",)) == ["b is 2, not None", "c is None, not 3"]
    assert argument_differences([], {}) == []
    assert named_differences({"durable": (True, True), "type": ("topic", "direct")}) == ["type is 'topic', not 'direct'"]
