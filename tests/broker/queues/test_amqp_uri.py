import pytest

from message_queues.broker.queues.amqp_uri import AmqpUri, InvalidUri, parse_amqp_uri, without_credentials


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amqp://", AmqpUri(False, None, None, None, None, "/")),
        ("amqp:///", AmqpUri(False, None, None, None, None, "")),
        ("amqp:///%2F", AmqpUri(False, None, None, None, None, "/")),
        ("amqp:///other", AmqpUri(False, None, None, None, None, "other")),
        ("amqp://user@/other", AmqpUri(False, None, None, "user", None, "other")),
        ("amqp://host", AmqpUri(False, "host", None, None, None, "/")),
        ("AMQPS://u:p%40@host:5671/v%20h", AmqpUri(True, "host", 5671, "u", "p@", "v h")),
        ("amqp://u:p:q@host/v", AmqpUri(False, "host", None, "u", "p:q", "v")),
        ("amqp://[::1]:5672/", AmqpUri(False, "::1", 5672, None, None, "")),
        ("amqp://host?heartbeat=5&x", AmqpUri(False, "host", None, None, None, "/", {"heartbeat": "5"})),
    ],
)
def test_a_uri_has_these_parts(text: str, expected: AmqpUri) -> None:
    assert parse_amqp_uri(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("host", '{{unable_to_parse_uri,no_scheme},"host"}'),
        ("http://host", '{{unexpected_uri_scheme,"http"},"http://host"}'),
        ("amqp://host:99999", '{{port_out_of_range,99999},"amqp://host:99999"}'),
        ("amqp://host:port", '{{unable_to_parse_uri,{malformed_uri,"amqp://host:port",badarg}},"amqp://host:port"}'),
        ("amqp://:5672", '{port_requires_host,"amqp://:5672"}'),
        ("amqp://host/a/b", '{{invalid_vhost,"a/b"},"amqp://host/a/b"}'),
        ("amqp://host/%zz", '{{invalid_entitiy,"%zz"},"amqp://host/%zz"}'),
        (
            "amqp://h?heartbeat=x",
            '{{invalid_amqp_params_parameter,heartbeat,"x",[],{not_an_integer,"x"}},"amqp://h?heartbeat=x"}',
        ),
        (
            "amqp://h?host=x",
            '{{invalid_amqp_params_parameter,host,"x",[],{parameter_unconfigurable_in_query,host,"x"}},"amqp://h?host=x"}',
        ),
    ],
)
def test_what_is_wrong_is_told_as_erlang_would(text: str, told: str) -> None:
    with pytest.raises(InvalidUri) as refused:
        parse_amqp_uri(text)
    assert str(refused.value) == told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqp://u:p@host:5672/v?heartbeat=5", "amqp://host:5672/v"),
        ("amqp://u:p@q@host", "amqp://host"),
        ("amqp://", "amqp://"),
        ("no uri", "no uri"),
    ],
)
def test_a_uri_is_shown_without_its_secrets(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
