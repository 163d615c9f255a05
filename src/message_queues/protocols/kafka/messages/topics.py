"""Topics: CreateTopics (API key 19), versions 2-7; DeleteTopics (20) 1-6; CreatePartitions (37) 0-3; DeleteRecords (21) 0-2.

CreateTopics v4: -1 asks for the default number of partitions and replicas (KIP-464). v5: flexible; the answer tells the configuration
(KIP-525). v6: THROTTLING_QUOTA_EXCEEDED. v7: topic ids.
DeleteTopics v3: TOPIC_DELETION_DISABLED. v4: flexible. v5: error messages. v6: by name or by id.
CreatePartitions v2: flexible. v3: THROTTLING_QUOTA_EXCEEDED. DeleteRecords v2: flexible.
"""

from message_queues.protocols.kafka.message import Boolean, Int8, Int16, Int32, Int64, Message, NullableString, String, Struct, Uuid, field


class CreatableReplicaAssignment(Struct):
    partition_index: Int32 = field("2+")
    broker_ids: list[Int32] = field("2+")


class CreatableTopicConfig(Struct):
    name: String = field("2+")
    value: NullableString = field("2+")


class CreatableTopic(Struct):
    name: String = field("2+")
    num_partitions: Int32 = field("2+")
    """-1: as the assignments say, or the default."""
    replication_factor: Int16 = field("2+")
    """-1: as the assignments say, or the default."""
    assignments: list[CreatableReplicaAssignment] = field("2+")
    configs: list[CreatableTopicConfig] = field("2+")


class CreateTopicsRequest(Message, versions="2-7", flexible="5+"):
    topics: list[CreatableTopic] = field("2+")
    timeout_ms: Int32 = field("2+", default=60000)
    validate_only: Boolean = field("2+")


class CreatableTopicConfigs(Struct):
    name: String = field("5+")
    value: NullableString = field("5+")
    read_only: Boolean = field("5+")
    config_source: Int8 = field("5+", default=-1, ignorable=True)
    is_sensitive: Boolean = field("5+")


class CreatableTopicResult(Struct):
    name: String = field("2+")
    topic_id: Uuid = field("7+", ignorable=True)
    error_code: Int16 = field("2+")
    error_message: NullableString = field("2+")
    topic_config_error_code: Int16 = field("5+", ignorable=True, tag=0)
    num_partitions: Int32 = field("5+", default=-1, ignorable=True)
    replication_factor: Int16 = field("5+", default=-1, ignorable=True)
    configs: list[CreatableTopicConfigs] | None = field("5+", ignorable=True)


class CreateTopicsResponse(Message, versions="2-7", flexible="5+"):
    throttle_time_ms: Int32 = field("2+")
    topics: list[CreatableTopicResult] = field("2+")


class DeleteTopicState(Struct):
    name: NullableString = field("6+", default=None)
    topic_id: Uuid = field("6+")


class DeleteTopicsRequest(Message, versions="1-6", flexible="4+"):
    topics: list[DeleteTopicState] = field("6+")
    topic_names: list[String] = field("1-5", ignorable=True)
    timeout_ms: Int32 = field("1+")


class DeletableTopicResult(Struct):
    name: NullableString = field("1+", nullable="6+")
    topic_id: Uuid = field("6+", ignorable=True)
    error_code: Int16 = field("1+")
    error_message: NullableString = field("5+", default=None, ignorable=True)


class DeleteTopicsResponse(Message, versions="1-6", flexible="4+"):
    throttle_time_ms: Int32 = field("1+")
    responses: list[DeletableTopicResult] = field("1+")


class CreatePartitionsAssignment(Struct):
    broker_ids: list[Int32] = field("0+")


class CreatePartitionsTopic(Struct):
    name: String = field("0+")
    count: Int32 = field("0+")
    """How many there shall be in all."""
    assignments: list[CreatePartitionsAssignment] | None = field("0+")


class CreatePartitionsRequest(Message, versions="0-3", flexible="2+"):
    topics: list[CreatePartitionsTopic] = field("0+")
    timeout_ms: Int32 = field("0+")
    validate_only: Boolean = field("0+")


class CreatePartitionsTopicResult(Struct):
    name: String = field("0+")
    error_code: Int16 = field("0+")
    error_message: NullableString = field("0+", default=None)


class CreatePartitionsResponse(Message, versions="0-3", flexible="2+"):
    throttle_time_ms: Int32 = field("0+")
    results: list[CreatePartitionsTopicResult] = field("0+")


class DeleteRecordsPartition(Struct):
    partition_index: Int32 = field("0+")
    offset: Int64 = field("0+")
    """-1: all records up to the high watermark."""


class DeleteRecordsTopic(Struct):
    name: String = field("0+")
    partitions: list[DeleteRecordsPartition] = field("0+")


class DeleteRecordsRequest(Message, versions="0-2", flexible="2+"):
    topics: list[DeleteRecordsTopic] = field("0+")
    timeout_ms: Int32 = field("0+")


class DeleteRecordsPartitionResult(Struct):
    partition_index: Int32 = field("0+")
    low_watermark: Int64 = field("0+")
    error_code: Int16 = field("0+")


class DeleteRecordsTopicResult(Struct):
    name: String = field("0+")
    partitions: list[DeleteRecordsPartitionResult] = field("0+")


class DeleteRecordsResponse(Message, versions="0-2", flexible="2+"):
    throttle_time_ms: Int32 = field("0+")
    topics: list[DeleteRecordsTopicResult] = field("0+")
