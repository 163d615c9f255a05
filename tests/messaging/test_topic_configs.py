import pytest

from message_queues.errors import InvalidConfig
from message_queues.messaging.topic_configs import TOPIC_CONFIGS, checked_topic_config, same_value


def test_the_configurations_of_kafka_4_3_are_all_known() -> None:
    assert len(TOPIC_CONFIGS) == 33


def test_values_become_what_kafka_writes() -> None:
    given = {"retention.ms": 604_800_000, "cleanup.policy": ["compact", "delete"], "preallocate": True, "min.cleanable.dirty.ratio": 0.25}
    wanted = {"retention.ms": "604800000", "cleanup.policy": "compact,delete", "preallocate": "true", "min.cleanable.dirty.ratio": "0.25"}
    assert checked_topic_config(given) == wanted


def test_no_configuration_is_none() -> None:
    assert checked_topic_config(None) == {}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("retention.m", "1", r"retention\.m is not a topic configuration: did you mean retention\.ms\?"),
        ("retention_ms", "1", r"did you mean retention\.ms\?"),
        ("qqqqqq", "1", "qqqqqq is not a topic configuration; allow_unknown_config=True leaves it to the broker"),
        ("retention.ms", "a week", r"retention\.ms='a week' must be a whole number of at least -1"),
        ("retention.ms", -2, r"retention\.ms=-2 must be a whole number of at least -1"),
        ("retention.ms", 1.5, r"retention\.ms=1\.5 must be a whole number"),
        ("segment.bytes", 5, r"segment\.bytes=5 must be a whole number of at least 1048576"),
        ("compression.lz4.level", 18, "must be a whole number from 1 to 17"),
        ("min.cleanable.dirty.ratio", "2", "must be a number from 0 to 1"),
        ("min.cleanable.dirty.ratio", "nan", "must be a number from 0 to 1"),
        ("preallocate", "yes", "must be true or false"),
        ("cleanup.policy", "compct", "must be a list of compact, delete: did you mean compact"),
        ("compression.type", "zst", r"must be one of uncompressed, .*: did you mean zstd\?"),
        ("retention.ms", {}, r"retention\.ms=\{\} is dict: it must be a whole number"),
    ],
)
def test_what_kafka_would_refuse_is_refused_with_the_right_value(name: str, value: object, says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        checked_topic_config({name: value})


def test_names_are_text_in_a_mapping() -> None:
    with pytest.raises(InvalidConfig, match="the name 5 is int"):
        checked_topic_config({5: "x"})
    with pytest.raises(InvalidConfig, match="config is list: it must be a mapping"):
        checked_topic_config(["retention.ms"])


def test_an_unknown_name_is_left_to_a_newer_broker_on_demand() -> None:
    assert checked_topic_config({"confluent.tier.enable": True}, allow_unknown=True) == {"confluent.tier.enable": "true"}
    with pytest.raises(InvalidConfig, match=r"confluent\.tier\.enable=\[\] is list"):
        checked_topic_config({"confluent.tier.enable": []}, allow_unknown=True)


def test_values_are_compared_by_meaning() -> None:
    assert same_value("cleanup.policy", "compact,delete", "delete, compact")
    assert same_value("retention.ms", "0100", "100")
    assert same_value("min.cleanable.dirty.ratio", "0.50", "0.5")
    assert not same_value("retention.ms", "100", "200")
    assert not same_value("retention.ms", None, "200")
    assert same_value("unknown", "a", "a")
    assert not same_value("preallocate", "maybe", "true")
