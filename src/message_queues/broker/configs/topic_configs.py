"""A topic's configuration: its overrides over the broker's, which give the defaults.

`TopicConfig` holds what the paths of produce and fetch need, parsed once. Checks and their words are those of Kafka's LogConfig.
"""

from collections.abc import Mapping
from functools import cache

from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.configs.config_definition import (
    ConfigDefinition,
    Value,
    as_boolean,
    as_double,
    as_int,
    as_list,
    as_string,
    read_table,
)
from message_queues.errors import InvalidConfig

TOPIC_CONFIGS: dict[str, ConfigDefinition] = read_table("topic_configs.txt")

UNLIMITED = (1 << 63) - 1

LEVELS = {"gzip": "compression.gzip.level", "lz4": "compression.lz4.level", "zstd": "compression.zstd.level"}


class TopicConfig:
    """`overrides` are valid: they were checked by `validate_topic_configs` before they became a fact."""

    __slots__ = (
        "cleanup_policy",
        "compression_level",
        "compression_type",
        "delete_retention_ms",
        "file_delete_delay_ms",
        "flush_messages",
        "flush_ms",
        "index_interval_bytes",
        "max_compaction_lag_ms",
        "max_message_bytes",
        "message_timestamp_after_max_ms",
        "message_timestamp_before_max_ms",
        "message_timestamp_type",
        "min_cleanable_dirty_ratio",
        "min_compaction_lag_ms",
        "min_insync_replicas",
        "preallocate",
        "retention_bytes",
        "retention_ms",
        "segment_bytes",
        "segment_index_bytes",
        "segment_jitter_ms",
        "segment_ms",
        "takes_batches_as_sent",
        "unclean_leader_election_enable",
    )

    def __init__(self, overrides: Mapping[str, str], broker: BrokerConfig) -> None:

        def value(name: str) -> Value:
            return effective(TOPIC_CONFIGS[name], overrides, broker)

        self.cleanup_policy = frozenset(as_list(value("cleanup.policy")))
        self.compression_type = as_string(value("compression.type"))
        """"producer", "uncompressed", or the name of a codec."""
        level = LEVELS.get(self.compression_type)
        self.compression_level = None if level is None else as_int(value(level))
        """Of the codec that the broker compresses with; None where it has none."""
        self.delete_retention_ms = as_int(value("delete.retention.ms"))
        self.file_delete_delay_ms = as_int(value("file.delete.delay.ms"))
        self.flush_messages = as_int(value("flush.messages"))
        self.flush_ms = as_int(value("flush.ms"))
        self.index_interval_bytes = as_int(value("index.interval.bytes"))
        self.max_compaction_lag_ms = as_int(value("max.compaction.lag.ms"))
        self.max_message_bytes = as_int(value("max.message.bytes"))
        self.message_timestamp_after_max_ms = as_int(value("message.timestamp.after.max.ms"))
        self.message_timestamp_before_max_ms = as_int(value("message.timestamp.before.max.ms"))
        self.message_timestamp_type = as_string(value("message.timestamp.type"))
        """"CreateTime" or "LogAppendTime"."""
        self.min_cleanable_dirty_ratio = as_double(value("min.cleanable.dirty.ratio"))
        self.min_compaction_lag_ms = as_int(value("min.compaction.lag.ms"))
        self.min_insync_replicas = as_int(value("min.insync.replicas"))
        self.preallocate = as_boolean(value("preallocate"))
        self.retention_bytes = as_int(value("retention.bytes"))
        self.retention_ms = as_int(value("retention.ms"))
        self.segment_bytes = as_int(value("internal.segment.bytes") or value("segment.bytes"))
        self.segment_index_bytes = as_int(value("segment.index.bytes"))
        self.segment_jitter_ms = as_int(value("segment.jitter.ms"))
        self.segment_ms = as_int(value("segment.ms"))
        self.unclean_leader_election_enable = as_boolean(value("unclean.leader.election.enable"))
        self.takes_batches_as_sent = (
            self.compression_type == "producer"
            and self.message_timestamp_type == "CreateTime"
            and self.message_timestamp_before_max_ms == UNLIMITED
            and "compact" not in self.cleanup_policy
        )
        """Nothing asks for a look at single records, so long as no batch lies too far ahead of the clock."""


def effective(known: ConfigDefinition, overrides: Mapping[str, str], broker: BrokerConfig, node_id: int | None = None) -> Value:
    """The topic's own value, else the broker's (on that node, or in this process), else the default."""
    text = overrides.get(known.name)
    if text is None:
        inherited = broker.first_of(known.synonyms, node_id)
        if inherited is None:
            return known.default_value
        text, _ = inherited
    return known.parse(text)


@cache
def kafkas_defaults() -> BrokerConfig:
    return BrokerConfig()


def validate_topic_configs(configs: Mapping[str, str | None], broker: BrokerConfig | None = None) -> None:
    """Raises InvalidConfig exactly as Kafka words it. `broker` gives what the topic inherits; without it, the defaults count."""
    given = {name: text for name, text in configs.items() if text is not None}
    for name in given:
        if name not in TOPIC_CONFIGS:
            raise InvalidConfig(f"Unknown topic config name: {name}")
    inherited = broker or kafkas_defaults()
    values = {name: effective(known, given, inherited) for name, known in TOPIC_CONFIGS.items()}
    least, most = as_int(values["min.compaction.lag.ms"]), as_int(values["max.compaction.lag.ms"])
    if least > most:
        raise InvalidConfig(f"conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})")
    if values["remote.storage.enable"]:
        raise InvalidConfig("Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")
