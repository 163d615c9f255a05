"""ListOffsets (API key 2), versions 1-11.

v2: isolation level, throttle time. v4: leader epochs. v5: OFFSET_NOT_AVAILABLE. v6: flexible.
v10: a time-out for remote storage (KIP-1075).
Special timestamps: -1 latest, -2 earliest, -3 maximum timestamp (v7), -4 earliest local (v8), -5 latest tiered (v9),
-6 earliest pending upload (v11).
"""

from message_queues.protocols.kafka.message import Int8, Int16, Int32, Int64, Message, String, Struct, field


class ListOffsetsPartition(Struct):
    partition_index: Int32 = field("1+")
    current_leader_epoch: Int32 = field("4+", default=-1, ignorable=True)
    timestamp: Int64 = field("1+")


class ListOffsetsTopic(Struct):
    name: String = field("1+")
    partitions: list[ListOffsetsPartition] = field("1+")


class ListOffsetsRequest(Message, versions="1-11", flexible="6+"):
    replica_id: Int32 = field("1+")
    """-1 for a consumer."""
    isolation_level: Int8 = field("2+")
    """0 read uncommitted, 1 read committed."""
    topics: list[ListOffsetsTopic] = field("1+")
    timeout_ms: Int32 = field("10+", ignorable=True)


class ListOffsetsPartitionResponse(Struct):
    partition_index: Int32 = field("1+")
    error_code: Int16 = field("1+")
    timestamp: Int64 = field("1+", default=-1)
    offset: Int64 = field("1+", default=-1)
    leader_epoch: Int32 = field("4+", default=-1)


class ListOffsetsTopicResponse(Struct):
    name: String = field("1+")
    partitions: list[ListOffsetsPartitionResponse] = field("1+")


class ListOffsetsResponse(Message, versions="1-11", flexible="6+"):
    throttle_time_ms: Int32 = field("2+", ignorable=True)
    topics: list[ListOffsetsTopicResponse] = field("1+")
