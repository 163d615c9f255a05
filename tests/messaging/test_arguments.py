import pytest

from message_queues.errors import InvalidArgument, InvalidPartitions, InvalidReplicationFactor, InvalidTopic
from message_queues.messaging import arguments


def test_a_misspelt_choice_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidArgument, match=r"compression='zsdt' is not one of 'none', 'gzip', 'zstd': did you mean zstd\?"):
        arguments.checked_choice("compression", "zsdt", ("none", "gzip", "zstd"))


def test_a_choice_of_another_type_is_refused_without_a_hint() -> None:
    with pytest.raises(InvalidArgument, match=r"acks=1\.5 is not one of 'all'$"):
        arguments.checked_choice("acks", 1.5, ("all",))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (True, "count=True is bool: it must be an int"),
        ("3", "count='3' is str: it must be an int"),
        (0, r"count=0 is outside 1\.\.9"),
        (10, r"count=10 is outside 1\.\.9"),
    ],
)
def test_a_count_says_what_is_wrong(value: object, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        arguments.checked_count("count", value, 1, 9)


def test_a_length_may_be_a_fraction_and_not_a_text() -> None:
    assert arguments.checked_length("linger_ms", 0.5, 0, 10) == 0.5
    with pytest.raises(InvalidArgument, match="linger_ms='5' is str: it must be a number"):
        arguments.checked_length("linger_ms", "5", 0, 10)
    with pytest.raises(InvalidArgument, match=r"linger_ms=11 is outside 0\.\.10"):
        arguments.checked_length("linger_ms", 11, 0, 10)


def test_a_flag_is_true_or_false_and_nothing_that_passes_for_it() -> None:
    assert arguments.checked_flag("durable", False) is False
    with pytest.raises(InvalidArgument, match="durable=1 must be True or False"):
        arguments.checked_flag("durable", 1)


def test_a_text_is_a_str_with_something_in_it() -> None:
    with pytest.raises(InvalidArgument, match="name is int: it must be a str"):
        arguments.checked_text("name", 5)
    with pytest.raises(InvalidArgument, match="name is empty"):
        arguments.checked_text("name", "  ")


@pytest.mark.parametrize("name", ["orders", "a.b_c-D9", "x" * 249])
def test_names_that_kafka_accepts(name: str) -> None:
    assert arguments.checked_topic_name("topic", name) == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "topic='' is not a topic name"),
        ("..", r"topic='\.\.' is not a topic name"),
        ("x" * 250, "topic has 250 characters: a topic name has at most 249"),
        ("my orders!", r"topic='my orders!' holds ' !': a topic name is of letters, digits"),
        (7, "topic is int: it must be a str"),
    ],
)
def test_names_that_kafka_refuses(name: object, says: str) -> None:
    with pytest.raises(InvalidTopic, match=says):
        arguments.checked_topic_name("topic", name)


def test_a_list_of_topics_is_no_single_text_and_not_empty() -> None:
    assert arguments.checked_topic_names("topics", ["a", "b", "a"]) == ("a", "b")
    with pytest.raises(InvalidArgument, match="topics='orders' must be a list of topic names"):
        arguments.checked_topic_names("topics", "orders")
    with pytest.raises(InvalidArgument, match="topics is empty"):
        arguments.checked_topic_names("topics", [])
    with pytest.raises(InvalidTopic, match=r"topics\[1\]='a b'"):
        arguments.checked_topic_names("topics", ["a", "a b"])


def test_partitions_and_replicas_have_errors_of_their_own() -> None:
    with pytest.raises(InvalidPartitions, match=r"partitions=0 is outside 1\.\.10000"):
        arguments.checked_partitions(0)
    with pytest.raises(InvalidReplicationFactor, match="replication_factor='3' is str"):
        arguments.checked_replication_factor("3")


def test_brokers_are_a_list_or_one_text_and_default_to_port_9092() -> None:
    assert arguments.checked_brokers(["a:1", "b", "[::1]:9", "[::1]"]) == ("a:1", "b:9092", "[::1]:9", "[::1]:9092")
    assert arguments.checked_brokers("a:1, b:2,a:1") == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("brokers", "says"),
    [
        ([], "brokers is empty"),
        (5, "brokers=5 must be a list of 'host:port'"),
        (["kafka1:0"], r"brokers\[0\]='kafka1:0': '0' is not a port"),
        (["kafka1:http"], r"'http' is not a port"),
        ([":9092"], r"brokers\[0\]=':9092' has no host"),
        (["http://kafka1:9092"], "must be 'host:port', without scheme"),
        ([None], r"brokers\[0\] is NoneType"),
    ],
)
def test_wrong_brokers_are_named_by_their_place(brokers: object, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        arguments.checked_brokers(brokers)


def test_a_url_has_a_scheme_and_a_host() -> None:
    assert arguments.checked_url("schema_registry", "http://schema-registry:8081") == "http://schema-registry:8081"
    with pytest.raises(InvalidArgument, match="must be a URL such as"):
        arguments.checked_url("schema_registry", "schema-registry:8081")


def test_properties_that_a_parameter_sets_are_refused_by_that_name() -> None:
    assert arguments.checked_client_config(None, {}) == {}
    assert arguments.checked_client_config({"a": 1, "b": True}, {}) == {"a": 1, "b": True}
    with pytest.raises(InvalidArgument, match=r"config: linger\.ms is set by linger_ms="):
        arguments.checked_client_config({"linger.ms": 1}, {"linger.ms": "linger_ms="})
    with pytest.raises(InvalidArgument, match=r"config: x=\[\] is list"):
        arguments.checked_client_config({"x": []}, {})
    with pytest.raises(InvalidArgument, match="the name 5 is int"):
        arguments.checked_client_config({5: 1}, {})
    with pytest.raises(InvalidArgument, match="config is list: it must be a mapping"):
        arguments.checked_client_config([1], {})
