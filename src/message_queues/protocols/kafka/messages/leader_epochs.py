"""OffsetForLeaderEpoch (API key 23), versions 2-4.

v2: the current leader epoch fences. v3: replica id. v4: flexible.
"""

from message_queues.protocols.kafka.message import Int16, Int32, Int64, Message, String, Struct, field


class OffsetForLeaderPartition(Struct):
    partition: Int32 = field("2+")
    current_leader_epoch: Int32 = field("2+", default=-1)
    leader_epoch: Int32 = field("2+")


class OffsetForLeaderTopic(Struct):
    topic: String = field("2+")
    partitions: list[OffsetForLeaderPartition] = field("2+")


class OffsetForLeaderEpochRequest(Message, versions="2-4", flexible="4+"):
    replica_id: Int32 = field("3+", default=-2, ignorable=True)
    """-1 for a consumer, -2 for a consumer that may look beyond the high watermark."""
    topics: list[OffsetForLeaderTopic] = field("2+")


class EpochEndOffset(Struct):
    error_code: Int16 = field("2+")
    partition: Int32 = field("2+")
    leader_epoch: Int32 = field("2+", default=-1)
    end_offset: Int64 = field("2+", default=-1)


class OffsetForLeaderTopicResult(Struct):
    topic: String = field("2+")
    partitions: list[EpochEndOffset] = field("2+")


class OffsetForLeaderEpochResponse(Message, versions="2-4", flexible="4+"):
    throttle_time_ms: Int32 = field("2+")
    topics: list[OffsetForLeaderTopicResult] = field("2+")
