from collections.abc import Callable
from datetime import datetime

import pytest

from message_queues.errors import InvalidArgument
from message_queues.messaging.amqp_arguments import (
    QUEUE_ARGUMENTS,
    QUEUE_TYPES,
    check_queue_flags,
    checked_binding_arguments,
    checked_consumer_arguments,
    checked_exchange_arguments,
    checked_exchange_type,
    checked_queue_arguments,
)


def test_the_arguments_of_each_type_of_queue_are_taken() -> None:
    classic = {
        "x-message-ttl": 86_400_000,
        "x-max-length": 100_000,
        "x-max-priority": 10,
        "x-overflow": "reject-publish-dlx",
        "x-dead-letter-exchange": "dead",
        "x-dead-letter-routing-key": "orders",
        "x-expires": 1,
        "x-single-active-consumer": True,
    }
    quorum = {
        "x-delivery-limit": -1,
        "x-dead-letter-exchange": "",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-delayed-retry-type": "failed",
        "x-delayed-retry-min": 1000,
        "x-delayed-retry-max": 1000,
    }
    stream = {
        "x-max-age": "7D",
        "x-max-length-bytes": 10**12,
        "x-stream-max-segment-size-bytes": 5_000_000,
        "x-stream-filter-size-bytes": 16,
    }
    assert checked_queue_arguments(classic) == classic
    assert checked_queue_arguments(quorum, "quorum") == {**quorum, "x-queue-type": "quorum"}
    assert checked_queue_arguments({**stream, "x-queue-type": "stream"}, "stream") == {**stream, "x-queue-type": "stream"}
    assert checked_queue_arguments(None) == {}


@pytest.mark.parametrize(
    ("arguments", "queue_type", "says"),
    [
        ({"x-max-lenght": 1}, None, r"x-max-lenght is not a queue argument: did you mean x-max-length\?"),
        ({"zzz": 1}, None, "zzz is not a queue argument; allow_unknown_arguments=True leaves it to a plugin"),
        ({"x-max-length": "1"}, None, "x-max-length='1' must be a whole number from 0 on"),
        ({"x-max-length": True}, None, "x-max-length=True must be a whole number"),
        ({"x-max-length": -1}, None, "x-max-length=-1 must be a whole number from 0 on"),
        ({"x-message-ttl": 2**32}, None, "x-message-ttl=4294967296 must be a whole number from 0 to 4294967295"),
        ({"x-expires": 0}, None, "x-expires=0 must be a whole number from 1 to"),
        ({"x-overflow": "drop-tail"}, None, r"must be one of drop-head, reject-publish, reject-publish-dlx: did you mean drop-head\?"),
        ({"x-single-active-consumer": 1}, None, "must be True or False"),
        ({"x-dead-letter-exchange": 5}, None, "must be a str"),
        ({"x-max-age": "7 days"}, "stream", "must be a length of time such as '7D'"),
        ({"x-max-priority": 256}, None, "from 0 to 255"),
        ({"x-max-priority": 5}, "quorum", "x-max-priority is for classic queues, not quorum"),
        ({"x-message-ttl": 5}, "stream", "x-message-ttl is for classic or quorum queues, not stream"),
        ({"x-delivery-limit": 5}, None, "x-delivery-limit is for quorum queues, not classic; queue_type= says which this is to be"),
        ({"x-queue-type": "quorum"}, "classic", "queue_type='classic' and arguments: x-queue-type='quorum' contradict each other"),
        ({}, "qorum", r"x-queue-type='qorum' must be one of classic, quorum, stream: did you mean quorum\?"),
        ({"x-dead-letter-routing-key": "k"}, None, "x-dead-letter-routing-key needs x-dead-letter-exchange"),
        ({"x-overflow": "reject-publish-dlx"}, "quorum", "is for classic queues: a quorum queue takes reject-publish"),
        ({"x-dead-letter-strategy": "at-least-once"}, "quorum", "needs x-dead-letter-exchange"),
        ({"x-dead-letter-strategy": "at-least-once", "x-dead-letter-exchange": "d"}, "quorum", "needs x-overflow='reject-publish'"),
        ({"x-delayed-retry-min": 2, "x-delayed-retry-max": 1}, "quorum", "x-delayed-retry-min=2 is more than x-delayed-retry-max=1"),
        ([("x-max-length", 1)], None, "arguments is list: it must be a mapping"),
        ({5: 1}, None, "the name 5 must be a str"),
        ({"x-max-length": 1.5}, None, "x-max-length=1.5 is float, which AMQP cannot carry"),
    ],
)
def test_a_wrong_argument_is_named_with_what_would_be_right(arguments: object, queue_type: str | None, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        checked_queue_arguments(arguments, queue_type)


def test_unknown_arguments_are_left_to_a_plugin_when_asked() -> None:
    assert checked_queue_arguments({"x-new": 1}, allow_unknown=True) == {"x-new": 1}


def test_every_argument_is_for_some_type_of_queue() -> None:
    assert all(rule.queue_types and rule.queue_types <= set(QUEUE_TYPES) for rule in QUEUE_ARGUMENTS.values())


def test_quorum_queues_and_streams_are_durable_and_shared() -> None:
    check_queue_flags({}, durable=False, exclusive=True, auto_delete=True)
    check_queue_flags({"x-queue-type": "quorum"}, durable=True, exclusive=False, auto_delete=False)
    with pytest.raises(InvalidArgument, match="durable=False is for classic queues: a quorum queue is durable and shared"):
        check_queue_flags({"x-queue-type": "quorum"}, durable=False, exclusive=False, auto_delete=False)
    with pytest.raises(InvalidArgument, match="exclusive=True"):
        check_queue_flags({"x-queue-type": "stream"}, durable=True, exclusive=True, auto_delete=False)


def test_types_of_exchanges_are_known_and_those_of_further_plugins_are_left_to_them() -> None:
    assert checked_exchange_type("topic") == "topic"
    assert checked_exchange_type("x-consistent-hash") == "x-consistent-hash"
    assert checked_exchange_type("x-jms-topic") == "x-jms-topic"
    for wrong, says in (
        ("topci", r"did you mean topic\?"),
        ("x-delayed-mesage", r"did you mean x-delayed-message\?"),
        (5, "exchange_type=5"),
    ):
        with pytest.raises(InvalidArgument, match=says):
            checked_exchange_type(wrong)


def test_arguments_of_exchanges_belong_to_their_types() -> None:
    assert checked_exchange_arguments({"alternate-exchange": "rest"}, "topic") == {"alternate-exchange": "rest"}
    assert checked_exchange_arguments({"x-delayed-type": "direct"}, "x-delayed-message") == {"x-delayed-type": "direct"}
    wrong: tuple[tuple[dict[str, object], str, str], ...] = (
        ({"alternate_exchange": "rest"}, "topic", r"did you mean alternate-exchange\?"),
        ({"alternate-exchange": ""}, "topic", "arguments: alternate-exchange is empty"),
        ({"hash-header": "h"}, "topic", "hash-header is for exchanges of type x-consistent-hash, not topic"),
        ({"hash-header": "h", "hash-property": "message_id"}, "x-consistent-hash", "exclude each other"),
        ({}, "x-delayed-message", "needs x-delayed-type"),
        ({"x-delayed-type": "topci"}, "x-delayed-message", r"did you mean topic\?"),
    )
    for arguments, kind, says in wrong:
        with pytest.raises(InvalidArgument, match=says):
            checked_exchange_arguments(arguments, kind)


def test_bindings_of_headers_exchanges_match_any_names() -> None:
    assert checked_binding_arguments({"x-match": "any-with-x", "colour": "red", "n": None}) == {
        "x-match": "any-with-x",
        "colour": "red",
        "n": None,
    }
    with pytest.raises(InvalidArgument, match=r"x-match='some' must be one of all, any"):
        checked_binding_arguments({"x-match": "some"})


@pytest.mark.parametrize("offset", ["first", "last", "next", 0, 17, "7D", datetime(2026, 1, 1)])
def test_a_stream_is_read_from_any_of_its_offsets(offset: object) -> None:
    assert checked_consumer_arguments({"x-stream-offset": offset}) == {"x-stream-offset": offset}


def test_wrong_arguments_of_consumers_are_named() -> None:
    calls: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: checked_consumer_arguments({"x-stream-offset": "begin"}), "must be 'first', 'last', 'next'"),
        (lambda: checked_consumer_arguments({"x-stream-offset": -1}), "must be 'first', 'last', 'next'"),
        (lambda: checked_consumer_arguments({"x-prioritiy": 1}), r"did you mean x-priority\?"),
    )
    for call, says in calls:
        with pytest.raises(InvalidArgument, match=says):
            call()
