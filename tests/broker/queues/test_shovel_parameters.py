import pytest

from message_queues.broker.queues.shovel_parameters import check_shovel, field_value, shovel_definition, shovel_errors
from message_queues.errors import InvalidArgument

QUEUES = {"src-uri": "amqp://", "src-queue": "from", "dest-uri": "amqp://", "dest-queue": "to"}


def errors(value: object) -> list[str]:
    return shovel_errors("s", value, "guest", lambda virtual_host: virtual_host == "/")


def test_two_queues_are_enough() -> None:
    assert errors(QUEUES) == []
    definition = shovel_definition("/", "s", QUEUES)
    assert (definition.ack_mode, definition.reconnect_delay_s) == ("on-confirm", 5)
    source, target = definition.source, definition.target
    assert (source.protocol, source.uris, source.queue, source.exchange) == ("amqp091", ("amqp://",), "from", None)
    assert (source.prefetch_count, source.delete_after, source.delete_after_duration_s) == (1000, "never", None)
    assert (target.protocol, target.uris, target.queue, target.exchange) == ("amqp091", ("amqp://",), "to", None)
    assert not target.adds_forward_headers
    assert not target.adds_timestamp_header
    assert not target.properties


def test_everything_that_can_be_said() -> None:
    value = {
        "src-protocol": "amqp091",
        "src-uri": ["amqp://a", "amqp://b"],
        "src-exchange": "x",
        "src-exchange-key": "k",
        "src-prefetch-count": 10,
        "src-delete-after": 5,
        "src-delete-after-duration": 10,
        "src-consumer-args": {"x-priority": 1},
        "src-consumer-name": "tag",
        "src-predeclared": False,
        "dest-protocol": "amqp091",
        "dest-uri": "amqp://c",
        "dest-exchange": "y",
        "dest-exchange-key": "l",
        "dest-add-forward-headers": True,
        "dest-add-timestamp-header": True,
        "dest-publish-properties": {"delivery_mode": 2, "app_id": "shovel"},
        "dest-predeclared": True,
        "ack-mode": "on-publish",
        "reconnect-delay": 0.5,
        "internal": False,
        "internal_owner": {"name": "q", "kind": "queue", "virtual_host": "/"},
    }
    assert errors(value) == []
    definition = shovel_definition("v", "s", value)
    source, target = definition.source, definition.target
    assert source.uris == ("amqp://a", "amqp://b")
    assert (source.exchange, source.exchange_key, source.prefetch_count, source.delete_after) == ("x", "k", 10, 5)
    assert source.delete_after_duration_s == 60
    assert (source.consumer_arguments, source.consumer_tag) == ({"x-priority": 1}, "tag")
    assert (target.exchange, target.exchange_key, target.is_predeclared) == ("y", "l", True)
    assert target.adds_forward_headers
    assert target.adds_timestamp_header
    assert target.properties == {"delivery_mode": 2, "app_id": "shovel"}
    assert (definition.ack_mode, definition.reconnect_delay_s) == ("on-publish", 0.5)


def test_the_old_names_of_keys_still_count() -> None:
    value = QUEUES | {
        "prefetch-count": 7,
        "delete-after": "queue-length",
        "add-forward-headers": True,
        "add-timestamp-header": True,
        "publish-properties": {"priority": 3},
    }
    assert errors(value) == []
    definition = shovel_definition("/", "s", value)
    assert (definition.source.prefetch_count, definition.source.delete_after) == (7, "queue-length")
    assert definition.target.adds_forward_headers
    assert definition.target.adds_timestamp_header
    assert definition.target.properties == {"priority": 3}


def test_local_ends_take_no_keys_of_the_protocol() -> None:
    local = QUEUES | {"src-protocol": "local", "dest-protocol": "local"}
    assert errors(local) == []
    assert errors(local | {"src-prefetch-count": 1, "publish-properties": {}}) == [
        'Unrecognised terms [{<<"src-prefetch-count">>,1},{<<"publish-properties">>,#{}}] in s'
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"src-exchange": "x"}, "Cannot specify 'src-exchange' and 'src-queue'"),
        ({"dest-exchange": "x"}, "Cannot specify 'dest-exchange' and 'dest-queue'"),
        ({"src-delete-after": 5, "ack-mode": "no-ack"}, "Cannot specify 'no-ack' and numerical 'delete-after'"),
        (
            {"ack-mode": "never"},
            'ack-mode should be one of [<<"no-ack">>,<<"on-publish">>,<<"on-confirm">>], actually was <<"never">>',
        ),
        ({"ack-mode": 1}, "ack-mode should be binary, actually was 1"),
        ({"src-protocol": "amqp10"}, 'src-protocol should be one of [<<"amqp091">>,<<"local">>], actually was <<"amqp10">>'),
        ({"reconnect-delay": "5"}, 'reconnect-delay should be a number, actually was <<"5">>'),
        ({"src-prefetch-count": True}, "src-prefetch-count should be a number, actually was true"),
        ({"src-queue": None}, "src-queue should be binary, actually was null"),
        ({"dest-queue": "q" * 256}, "dest-queue should be less than 255 bytes, actually was 256"),
        ({"add-forward-headers": "yes"}, 'add-forward-headers should be boolean, actually was <<"yes">>'),
        (
            {"src-delete-after": -1},
            'src-delete-after should be a number greater than or equal to 0, "never" or "queue-length", actually was -1',
        ),
        (
            {"src-delete-after-duration": 0},
            "src-delete-after-duration should be a positive integer (seconds), actually was 0",
        ),
        ({"src-queue-args": []}, "src-queue-args not a list []"),
        ({"publish-properties": {"priority": "high"}}, 'priority should be a number, actually was <<"high">>'),
        ({"publish-properties": {"colour": 1}}, 'Unrecognised terms [{<<"colour">>,1}] in publish-properties'),
        ({"publish-properties": 1}, "publish-properties not a list 1"),
        ({"src-uri": "http://h"}, '"http://h" not a valid URI: {{unexpected_uri_scheme,"http"},"http://h"}'),
        ({"src-uri": ["amqp://h", "h"]}, '"h" not a valid URI: {{unable_to_parse_uri,no_scheme},"h"}'),
        ({"src-uri": 1}, "src-uri should be list, actually was 1"),
        ({"dest-uri": "amqp:///other"}, 'user "guest" may not connect to vhost "other"'),
        ({"src-colour": [1, {"a": "b"}]}, 'Unrecognised terms [{<<"src-colour">>,[1,#{<<"a">> => <<"b">>}]}] in s'),
    ],
)
def test_what_is_wrong_is_told_in_words_of_rabbitmq(changes: dict[str, object], told: str) -> None:
    assert errors(QUEUES | changes) == [told]


def test_everything_that_is_missing_is_told() -> None:
    assert errors({}) == [
        "Must specify 'src-exchange' or 'src-queue'",
        'Key "dest-uri" not found in s',
        'Key "src-uri" not found in s',
    ]
    assert errors("text") == ['s not a list <<"text">>']


def test_a_wrong_shovel_is_refused_with_all_that_is_wrong() -> None:
    check_shovel("s", QUEUES)
    with pytest.raises(InvalidArgument) as refused:
        check_shovel("s", QUEUES | {"ack-mode": 1, "src-queue": 2})
    assert str(refused.value) == (
        "Validation failed\n\nack-mode should be binary, actually was 1\nsrc-queue should be binary, actually was 2\n"
    )


def test_json_becomes_fields() -> None:
    value = {"a": [1, "b", None], "c": {"d": True}}
    assert field_value(value) == value
