"""The arguments of queues that no recorded answer of RabbitMQ 3.10 tells of: those of newer releases."""

import pytest

from message_queues.broker.queues.queue_arguments import (
    age_ms,
    check_equivalent,
    check_queue_arguments,
    check_queue_type,
    check_stream_sizes,
)
from message_queues.broker.queues.version import rabbit_version
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable, FieldValue, Short, Timestamp

DESCRIBED = "queue 'q' in vhost '/'"
NEWEST = rabbit_version("4.3")


def said_of(kind: str, arguments: FieldTable, release: str = "4.3") -> str:
    with pytest.raises(PreconditionFailed) as refusal:
        check_queue_arguments(kind, arguments, DESCRIBED, rabbit_version(release))
    return str(refusal.value)


def test_version_1_of_classic_queues_is_gone_since_4_3() -> None:
    check_queue_arguments("classic", {"x-queue-version": 1}, DESCRIBED, rabbit_version("4.2"))
    assert said_of("classic", {"x-queue-version": 1}) == f"invalid arg 'x-queue-version' for {DESCRIBED}: \"unsupported queue version '1'\""


def test_nobody_looks_at_the_queue_mode_since_4_3() -> None:
    check_queue_arguments("classic", {"x-queue-mode": "busy"}, DESCRIBED, NEWEST)
    assert said_of("classic", {"x-queue-mode": "busy"}, "4.2").endswith("\"unsupported queue mode 'busy'\"")


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-delayed-retry-type", "all"), ("x-delayed-retry-min", 1000), ("x-delayed-retry-max", 60_000), ("x-consumer-timeout", 5000)],
)
def test_quorum_queues_alone_have_the_arguments_of_4_3(name: str, value: FieldValue) -> None:
    check_queue_arguments("quorum", {name: value}, DESCRIBED, NEWEST)
    assert said_of("classic", {name: value}) == f"invalid arg '{name}' for {DESCRIBED} of queue type rabbit_classic_queue"
    # What a release does not know, it takes and ignores.
    check_queue_arguments("classic", {name: value}, DESCRIBED, rabbit_version("4.2"))


@pytest.mark.parametrize(
    ("kind", "arguments", "what"),
    [
        ("quorum", {"x-dead-letter-strategy": "sometimes"}, "invalid_dlx_strategy"),
        ("quorum", {"x-consumer-timeout": -1}, "{value_negative,-1}"),
        ("classic", {"x-expires": 0}, "{value_zero,0}"),
        ("classic", {"x-message-ttl": 315_360_000_001}, "{value_too_large,315360000001}"),
        ("classic", {"x-message-ttl": Timestamp(5)}, '"expected integer, got timestamp"'),
        ("classic", {"x-max-priority": 256}, "{max_value_exceeded,256}"),
        ("stream", {"x-max-age": "0s"}, "invalid_max_age"),
    ],
)
def test_wrong_values_are_refused(kind: str, arguments: FieldTable, what: str) -> None:
    (name,) = arguments
    assert said_of(kind, arguments) == f"invalid arg '{name}' for {DESCRIBED}: {what}"


def test_values_are_looked_at_before_names() -> None:
    wrong: FieldTable = {"x-max-age": "1h", "x-max-length": -1}
    assert said_of("classic", wrong) == f"invalid arg 'x-max-length' for {DESCRIBED}: {{value_negative,-1}}"


def test_sizes_of_streams() -> None:
    check_stream_sizes({"x-stream-filter-size-bytes": 16, "x-stream-max-segment-size-bytes": 3_000_000_000}, NEWEST)
    with pytest.raises(PreconditionFailed, match="Invalid value for x-stream-filter-size-bytes"):
        check_stream_sizes({"x-stream-filter-size-bytes": 15}, NEWEST)
    with pytest.raises(PreconditionFailed, match="Exceeded max value for x-stream-max-segment-size-bytes"):
        check_stream_sizes({"x-stream-max-segment-size-bytes": 3_000_000_001}, NEWEST)


def test_the_type_of_a_queue() -> None:
    check_queue_type({"x-queue-type": "stream"}, DESCRIBED)
    check_queue_type({"x-queue-type": "undefined"}, DESCRIBED)
    with pytest.raises(PreconditionFailed, match="unsupported queue type 'fast'"):
        check_queue_type({"x-queue-type": "fast"}, DESCRIBED)


@pytest.mark.parametrize(
    ("kind", "received", "current", "what"),
    [
        ("classic", {}, {"x-max-length": 10}, "'x-max-length' .*: received none but current is the value '10' of type 'signedint'"),
        ("classic", {"x-max-length": 9}, {"x-max-length": 10}, "'x-max-length' .*: received '9' but current is '10'"),
        ("classic", {"x-max-length": 10.0}, {"x-max-length": 10}, "'x-max-length' .*: received '10.0' but current is '10'"),
        ("classic", {"x-queue-type": "quorum"}, {}, "received the value 'quorum' of type 'longstr' but current is none"),
        ("quorum", {"x-queue-type": "classic"}, {"x-queue-type": "quorum"}, "received 'classic' but current is 'quorum'"),
        ("quorum", {"x-delivery-limit": 3}, {}, "'x-delivery-limit'"),
    ],
)
def test_other_arguments_make_another_queue(kind: str, received: FieldTable, current: FieldTable, what: str) -> None:
    with pytest.raises(PreconditionFailed, match=what):
        check_equivalent(received, current, kind, DESCRIBED, NEWEST)


@pytest.mark.parametrize(
    ("received", "current"),
    [
        ({"x-max-length": 10}, {"x-max-length": Short(10)}),
        ({"x-queue-type": "classic"}, {}),
        ({}, {"x-queue-type": "classic"}),
        ({"x-own": 1}, {}),
    ],
)
def test_the_same_queue_said_otherwise(received: FieldTable, current: FieldTable) -> None:
    check_equivalent(received, current, "classic", DESCRIBED, NEWEST)


def test_ages_of_streams() -> None:
    assert [age_ms(text) for text in ("5s", "2m", "1h", "1D")] == [5000, 120_000, 3_600_000, 86_400_000]
