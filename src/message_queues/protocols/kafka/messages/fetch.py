"""Fetch (API key 1), versions 4-18.

v4: isolation level, aborted transactions. v5: log start offset. v7: fetch sessions (KIP-227). v9: leader epochs (KIP-320). v10: zstd.
v11: rack of the consumer, preferred replica (KIP-392). v12: flexible, diverging epochs. v13: topic ids instead of names.
v14: OFFSET_MOVED_TO_TIERED_STORAGE. v15: the replica's state instead of its id (KIP-903). v16: who leads instead (KIP-951).
v17: directory ids (KIP-853). v18: the replica's high watermark (KIP-1166).
"""

from message_queues.protocols.kafka.message import Int8, Int16, Int32, Int64, Message, NullableString, Records, String, Struct, Uuid, field


class ReplicaState(Struct):
    replica_id: Int32 = field("15+", default=-1)
    replica_epoch: Int64 = field("15+", default=-1)


class FetchPartition(Struct):
    partition: Int32 = field("4+")
    current_leader_epoch: Int32 = field("9+", default=-1, ignorable=True)
    fetch_offset: Int64 = field("4+")
    last_fetched_epoch: Int32 = field("12+", default=-1)
    log_start_offset: Int64 = field("5+", default=-1, ignorable=True)
    partition_max_bytes: Int32 = field("4+")
    replica_directory_id: Uuid = field("17+", ignorable=True, tag=0)
    high_watermark: Int64 = field("18+", default=0x7FFFFFFFFFFFFFFF, ignorable=True, tag=1)
    """The highest value: the replica does not take part in KIP-1166."""


class FetchTopic(Struct):
    topic: String = field("4-12", ignorable=True)
    topic_id: Uuid = field("13+", ignorable=True)
    partitions: list[FetchPartition] = field("4+")


class ForgottenTopic(Struct):
    topic: String = field("7-12", ignorable=True)
    topic_id: Uuid = field("13+", ignorable=True)
    partitions: list[Int32] = field("7+")


class FetchRequest(Message, versions="4-18", flexible="12+"):
    cluster_id: NullableString = field("12+", default=None, ignorable=True, tag=0)
    replica_id: Int32 = field("4-14", default=-1)
    replica_state: ReplicaState = field("15+", tag=1)
    max_wait_ms: Int32 = field("4+")
    min_bytes: Int32 = field("4+")
    max_bytes: Int32 = field("4+", default=0x7FFFFFFF)
    isolation_level: Int8 = field("4+")
    """0 read uncommitted, 1 read committed."""
    session_id: Int32 = field("7+", ignorable=True)
    session_epoch: Int32 = field("7+", default=-1, ignorable=True)
    """0 opens a session, -1 closes it or asks without one."""
    topics: list[FetchTopic] = field("4+")
    forgotten_topics_data: list[ForgottenTopic] = field("7+")
    rack_id: String = field("11+", ignorable=True)


class EpochEndOffset(Struct):
    epoch: Int32 = field("12+", default=-1)
    end_offset: Int64 = field("12+", default=-1)


class LeaderIdAndEpoch(Struct):
    leader_id: Int32 = field("12+", default=-1)
    leader_epoch: Int32 = field("12+", default=-1)


class SnapshotId(Struct):
    end_offset: Int64 = field("4+", default=-1)
    epoch: Int32 = field("4+", default=-1)


class AbortedTransaction(Struct):
    producer_id: Int64 = field("4+")
    first_offset: Int64 = field("4+")


class PartitionData(Struct):
    partition_index: Int32 = field("4+")
    error_code: Int16 = field("4+")
    high_watermark: Int64 = field("4+")
    last_stable_offset: Int64 = field("4+", default=-1)
    """The first offset that a transaction still holds back."""
    log_start_offset: Int64 = field("5+", default=-1, ignorable=True)
    diverging_epoch: EpochEndOffset = field("12+", tag=0)
    current_leader: LeaderIdAndEpoch = field("12+", tag=1)
    snapshot_id: SnapshotId = field("12+", tag=2)
    aborted_transactions: list[AbortedTransaction] | None = field("4+")
    preferred_read_replica: Int32 = field("11+", default=-1)
    records: Records = field("4+")


class FetchableTopicResponse(Struct):
    topic: String = field("4-12", ignorable=True)
    topic_id: Uuid = field("13+", ignorable=True)
    partitions: list[PartitionData] = field("4+")


class NodeEndpoint(Struct):
    node_id: Int32 = field("16+")
    host: String = field("16+")
    port: Int32 = field("16+")
    rack: NullableString = field("16+", default=None)


class FetchResponse(Message, versions="4-18", flexible="12+"):
    throttle_time_ms: Int32 = field("4+")
    error_code: Int16 = field("7+", ignorable=True)
    session_id: Int32 = field("7+")
    responses: list[FetchableTopicResponse] = field("4+")
    node_endpoints: list[NodeEndpoint] = field("16+", tag=0)
