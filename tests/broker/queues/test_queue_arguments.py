"""The arguments of queues that no recorded answer of RabbitMQ 3.10 tells of: those of newer releases."""

import pytest

from message_queues.broker.queues.queue_arguments import age_ms, check_queue_arguments, kind_of
from message_queues.broker.queues.version import rabbit_version
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldValue

DESCRIBED = "queue 'q' in vhost '/'"
NEWEST = rabbit_version("4.3")


def test_the_queue_mode_is_gone_since_4_3() -> None:
    check_queue_arguments("classic", {"x-queue-mode": "lazy"}, DESCRIBED, rabbit_version("4.2"))
    with pytest.raises(
        PreconditionFailed, match="invalid arg 'x-queue-mode' for queue 'q' in vhost '/' of queue type rabbit_classic_queue"
    ):
        check_queue_arguments("classic", {"x-queue-mode": "lazy"}, DESCRIBED, NEWEST)


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-delayed-retry-type", "all"), ("x-delayed-retry-min", 1000), ("x-delayed-retry-max", 60_000), ("x-consumer-timeout", 5000)],
)
def test_quorum_queues_have_the_arguments_of_4_3(name: str, value: FieldValue) -> None:
    check_queue_arguments("quorum", {name: value}, DESCRIBED, NEWEST)


@pytest.mark.parametrize(
    ("name", "value"), [("x-delayed-retry-type", "sometimes"), ("x-delayed-retry-min", "soon"), ("x-delivery-limit", "few")]
)
def test_wrong_values_are_refused(name: str, value: FieldValue) -> None:
    with pytest.raises(PreconditionFailed, match=f"invalid arg '{name}' for {DESCRIBED}: "):
        check_queue_arguments("quorum", {name: value}, DESCRIBED, NEWEST)


def test_the_type_of_a_queue() -> None:
    assert kind_of({}, "quorum", DESCRIBED) == "quorum"
    assert kind_of({"x-queue-type": "stream"}, "quorum", DESCRIBED) == "stream"
    with pytest.raises(PreconditionFailed, match="unsupported queue type 'fast'"):
        kind_of({"x-queue-type": "fast"}, "classic", DESCRIBED)


def test_ages_of_streams() -> None:
    assert [age_ms(text) for text in ("5s", "2m", "1h", "1D")] == [5000, 120_000, 3_600_000, 86_400_000]
