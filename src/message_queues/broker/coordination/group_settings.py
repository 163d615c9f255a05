"""The broker configurations that groups obey, as values; the defaults are those of Apache Kafka 4.3."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupSettings:
    initial_rebalance_delay_ms: int = 3_000
    """group.initial.rebalance.delay.ms: how long the first rebalance of an Empty group waits for more members."""
    min_session_timeout_ms: int = 6_000
    """group.min.session.timeout.ms"""
    max_session_timeout_ms: int = 1_800_000
    """group.max.session.timeout.ms"""
    max_size: int = 2_147_483_647
    """group.max.size: members of one group."""
    new_member_join_timeout_ms: int = 300_000
    """How long a member that never had a session may wait in a JoinGroup; not configurable in Kafka."""
    offset_metadata_max_bytes: int = 4_096
    """offset.metadata.max.bytes, which Kafka counts in characters."""
    offsets_retention_ms: int = 7 * 24 * 60 * 60_000
    """offsets.retention.minutes"""
    offsets_retention_check_interval_ms: int = 600_000
    """offsets.retention.check.interval.ms"""
    offsets_partitions: int = 50
    """offsets.topic.num.partitions: what group ids are hashed to; each partition's leader coordinates its groups."""

    @classmethod
    def of(cls, config: Callable[[str], int]) -> "GroupSettings":
        """`config` gives the value of a broker configuration by its name."""
        return cls(
            initial_rebalance_delay_ms=config("group.initial.rebalance.delay.ms"),
            min_session_timeout_ms=config("group.min.session.timeout.ms"),
            max_session_timeout_ms=config("group.max.session.timeout.ms"),
            max_size=config("group.max.size"),
            offset_metadata_max_bytes=config("offset.metadata.max.bytes"),
            offsets_retention_ms=config("offsets.retention.minutes") * 60_000,
            offsets_retention_check_interval_ms=config("offsets.retention.check.interval.ms"),
            offsets_partitions=config("offsets.topic.num.partitions"),
        )
