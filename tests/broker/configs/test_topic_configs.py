import pytest

from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.configs.topic_configs import TOPIC_CONFIGS, TopicConfig, validate_topic_configs
from message_queues.errors import InvalidConfig

KAFKAS_DEFAULTS = BrokerConfig()


def refusal(configs: dict[str, str], broker: BrokerConfig | None = None) -> str:
    with pytest.raises(InvalidConfig) as refused:
        validate_topic_configs(configs, broker)
    return str(refused.value)


def test_without_overrides_a_topic_has_kafkas_defaults() -> None:
    config = TopicConfig({}, KAFKAS_DEFAULTS)
    assert config.retention_ms == 604_800_000
    assert config.segment_bytes == 1 << 30
    assert config.max_message_bytes == 1_048_588
    assert config.cleanup_policy == {"delete"}
    assert config.message_timestamp_type == "CreateTime"
    assert config.message_timestamp_after_max_ms == 3_600_000
    assert config.compression_type == "producer"
    assert config.compression_level is None
    assert config.min_insync_replicas == 1


def test_an_override_counts_before_the_brokers_value() -> None:
    broker = BrokerConfig({"log.retention.ms": "1000", "log.segment.bytes": "2000000"})
    config = TopicConfig({"retention.ms": "5"}, broker)
    assert (config.retention_ms, config.segment_bytes) == (5, 2_000_000)


@pytest.mark.parametrize(
    ("static", "retention_ms"),
    [
        ({"log.retention.hours": "2"}, 7_200_000),
        ({"log.retention.hours": "2", "log.retention.minutes": "3"}, 180_000),
        ({"log.retention.hours": "2", "log.retention.minutes": "3", "log.retention.ms": "4"}, 4),
    ],
)
def test_the_finest_unit_that_the_broker_was_given_counts(static: dict[str, str], retention_ms: int) -> None:
    assert TopicConfig({}, BrokerConfig(static)).retention_ms == retention_ms


def test_what_is_set_on_the_running_broker_counts_before_what_it_was_started_with_in_any_unit() -> None:
    broker = BrokerConfig({"log.roll.ms": "1000"})
    broker.apply_dynamic(None, {"log.roll.ms": "2000"})
    assert TopicConfig({}, broker).segment_ms == 2000
    broker.apply_dynamic(0, {"log.roll.ms": "3000"})
    assert TopicConfig({}, broker).segment_ms == 3000
    broker.apply_dynamic(0, {"log.roll.ms": None})
    assert TopicConfig({}, broker).segment_ms == 2000


def test_the_level_is_that_of_the_codec_the_broker_compresses_with() -> None:
    configs = {"compression.type": "zstd", "compression.zstd.level": "7", "compression.lz4.level": "2"}
    assert TopicConfig(configs, KAFKAS_DEFAULTS).compression_level == 7
    assert TopicConfig({"compression.type": "snappy"}, KAFKAS_DEFAULTS).compression_level is None


@pytest.mark.parametrize(
    "configs",
    [
        {"compression.type": "lz4"},
        {"cleanup.policy": "compact"},
        {"message.timestamp.type": "LogAppendTime"},
        {"message.timestamp.before.max.ms": "1000"},
    ],
)
def test_batches_are_looked_into_only_where_a_setting_asks_for_it(configs: dict[str, str]) -> None:
    assert TopicConfig({}, KAFKAS_DEFAULTS).takes_batches_as_sent
    assert not TopicConfig(configs, KAFKAS_DEFAULTS).takes_batches_as_sent


def test_an_empty_cleanup_policy_keeps_everything() -> None:
    validate_topic_configs({"cleanup.policy": ""})
    assert TopicConfig({"cleanup.policy": ""}, KAFKAS_DEFAULTS).cleanup_policy == frozenset()


@pytest.mark.parametrize("name", ["foo", "Retention.ms", "", "message.downconversion.enable", "message.format.version"])
def test_an_unknown_name_is_refused(name: str) -> None:
    assert refusal({"retention.ms": "5", name: "1"}) == f"Unknown topic config name: {name}"


def test_of_several_wrong_values_the_one_that_kafka_checks_first_is_named() -> None:
    answer = refusal({"retention.ms": "-5", "segment.bytes": "1000"})
    assert answer == "Invalid value 1000 for configuration segment.bytes: Value must be at least 1048576"


def test_the_lags_of_compaction_must_not_cross_also_where_the_broker_gives_one() -> None:
    answer = "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"
    assert refusal({"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5"}) == answer
    assert refusal({"min.compaction.lag.ms": "10"}, BrokerConfig({"log.cleaner.max.compaction.lag.ms": "5"})) == answer


def test_tiered_storage_is_refused_because_the_broker_has_none() -> None:
    answer = "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
    assert refusal({"remote.storage.enable": "true"}) == answer


def test_tests_may_have_segments_below_the_limit() -> None:
    validate_topic_configs({"internal.segment.bytes": "300"})
    assert TopicConfig({"internal.segment.bytes": "300"}, KAFKAS_DEFAULTS).segment_bytes == 300


def test_every_configuration_that_a_broker_can_default_has_a_known_synonym_with_the_same_default() -> None:
    for name, known in TOPIC_CONFIGS.items():
        if known.synonyms:
            assert KAFKAS_DEFAULTS.value(known.synonyms[0].name) in (known.default_value, None), name
