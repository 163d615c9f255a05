"""Offsets of groups: OffsetCommit (API key 8), versions 2-10; OffsetFetch (9) 1-10; OffsetDelete (47) 0.

OffsetCommit v3: throttle time. v5: no retention time any more. v6: leader epochs. v7: static members. v8: flexible.
v9: consumer groups (KIP-848). v10: topic ids instead of names.
OffsetFetch v2: null asks for all topics; an error for the whole answer. v3: throttle time. v5: leader epochs. v6: flexible.
v7: only offsets that no transaction holds. v8: several groups at once. v9: member id and epoch (KIP-848). v10: topic ids instead of names.
"""

from message_queues.protocols.kafka.message import Boolean, Int16, Int32, Int64, Message, NullableString, String, Struct, Uuid, field


class OffsetCommitRequestPartition(Struct):
    partition_index: Int32 = field("2+")
    committed_offset: Int64 = field("2+")
    committed_leader_epoch: Int32 = field("6+", default=-1, ignorable=True)
    committed_metadata: NullableString = field("2+")


class OffsetCommitRequestTopic(Struct):
    name: String = field("2-9", ignorable=True)
    topic_id: Uuid = field("10+", ignorable=True)
    partitions: list[OffsetCommitRequestPartition] = field("2+")


class OffsetCommitRequest(Message, versions="2-10", flexible="8+"):
    group_id: String = field("2+")
    generation_id_or_member_epoch: Int32 = field("2+", default=-1)
    """-1: a commit from outside the group."""
    member_id: String = field("2+")
    group_instance_id: NullableString = field("7+", default=None)
    retention_time_ms: Int64 = field("2-4", default=-1, ignorable=True)
    topics: list[OffsetCommitRequestTopic] = field("2+")


class OffsetCommitResponsePartition(Struct):
    partition_index: Int32 = field("2+")
    error_code: Int16 = field("2+")


class OffsetCommitResponseTopic(Struct):
    name: String = field("2-9", ignorable=True)
    topic_id: Uuid = field("10+", ignorable=True)
    partitions: list[OffsetCommitResponsePartition] = field("2+")


class OffsetCommitResponse(Message, versions="2-10", flexible="8+"):
    throttle_time_ms: Int32 = field("3+", ignorable=True)
    topics: list[OffsetCommitResponseTopic] = field("2+")


class OffsetFetchRequestTopic(Struct):
    name: String = field("1-7")
    partition_indexes: list[Int32] = field("1-7")


class OffsetFetchRequestTopics(Struct):
    name: String = field("8-9", ignorable=True)
    topic_id: Uuid = field("10+", ignorable=True)
    partition_indexes: list[Int32] = field("8+")


class OffsetFetchRequestGroup(Struct):
    group_id: String = field("8+")
    member_id: NullableString = field("9+", default=None, ignorable=True)
    member_epoch: Int32 = field("9+", default=-1, ignorable=True)
    topics: list[OffsetFetchRequestTopics] | None = field("8+")


class OffsetFetchRequest(Message, versions="1-10", flexible="6+"):
    group_id: String = field("1-7")
    topics: list[OffsetFetchRequestTopic] | None = field("1-7", nullable="2-7")
    groups: list[OffsetFetchRequestGroup] = field("8+")
    require_stable: Boolean = field("7+")


class OffsetFetchResponsePartition(Struct):
    partition_index: Int32 = field("1-7")
    committed_offset: Int64 = field("1-7")
    """-1: nothing is committed."""
    committed_leader_epoch: Int32 = field("5-7", default=-1, ignorable=True)
    metadata: NullableString = field("1-7")
    error_code: Int16 = field("1-7")


class OffsetFetchResponseTopic(Struct):
    name: String = field("1-7")
    partitions: list[OffsetFetchResponsePartition] = field("1-7")


class OffsetFetchResponsePartitions(Struct):
    partition_index: Int32 = field("8+")
    committed_offset: Int64 = field("8+")
    """-1: nothing is committed."""
    committed_leader_epoch: Int32 = field("8+", default=-1, ignorable=True)
    metadata: NullableString = field("8+")
    error_code: Int16 = field("8+")


class OffsetFetchResponseTopics(Struct):
    name: String = field("8-9", ignorable=True)
    topic_id: Uuid = field("10+", ignorable=True)
    partitions: list[OffsetFetchResponsePartitions] = field("8+")


class OffsetFetchResponseGroup(Struct):
    group_id: String = field("8+")
    topics: list[OffsetFetchResponseTopics] = field("8+")
    error_code: Int16 = field("8+")


class OffsetFetchResponse(Message, versions="1-10", flexible="6+"):
    throttle_time_ms: Int32 = field("3+", ignorable=True)
    topics: list[OffsetFetchResponseTopic] = field("1-7")
    error_code: Int16 = field("2-7", ignorable=True)
    groups: list[OffsetFetchResponseGroup] = field("8+")


class OffsetDeleteRequestPartition(Struct):
    partition_index: Int32 = field("0+")


class OffsetDeleteRequestTopic(Struct):
    name: String = field("0+")
    partitions: list[OffsetDeleteRequestPartition] = field("0+")


class OffsetDeleteRequest(Message, versions="0"):
    group_id: String = field("0+")
    topics: list[OffsetDeleteRequestTopic] = field("0+")


class OffsetDeleteResponsePartition(Struct):
    partition_index: Int32 = field("0+")
    error_code: Int16 = field("0+")


class OffsetDeleteResponseTopic(Struct):
    name: String = field("0+")
    partitions: list[OffsetDeleteResponsePartition] = field("0+")


class OffsetDeleteResponse(Message, versions="0"):
    error_code: Int16 = field("0+")
    throttle_time_ms: Int32 = field("0+")
    topics: list[OffsetDeleteResponseTopic] = field("0+")
