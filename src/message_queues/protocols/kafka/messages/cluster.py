"""The cluster: DescribeCluster (API key 60), versions 0-2; DescribeTopicPartitions (75) 0; DescribeLogDirs (35) 1-5.

DescribeCluster is flexible from the start. v1: brokers or controllers (KIP-919). v2: fenced brokers (KIP-1073).
DescribeTopicPartitions is flexible from the start, and pages with a cursor (KIP-966).
DescribeLogDirs v2: flexible. v3: an error for the whole answer. v4: size of the volume. v5: cordoned directories.
"""

from message_queues.protocols.kafka.message import Boolean, Int8, Int16, Int32, Int64, Message, NullableString, String, Struct, Uuid, field


class DescribeClusterRequest(Message, versions="0-2", flexible="0+"):
    include_cluster_authorized_operations: Boolean = field("0+")
    endpoint_type: Int8 = field("1+", default=1)
    """1 brokers, 2 controllers."""
    include_fenced_brokers: Boolean = field("2+")


class DescribeClusterBroker(Struct):
    broker_id: Int32 = field("0+")
    host: String = field("0+")
    port: Int32 = field("0+")
    rack: NullableString = field("0+", default=None)
    is_fenced: Boolean = field("2+")


class DescribeClusterResponse(Message, versions="0-2", flexible="0+"):
    throttle_time_ms: Int32 = field("0+")
    error_code: Int16 = field("0+")
    error_message: NullableString = field("0+", default=None)
    endpoint_type: Int8 = field("1+", default=1)
    cluster_id: String = field("0+")
    controller_id: Int32 = field("0+", default=-1)
    brokers: list[DescribeClusterBroker] = field("0+")
    cluster_authorized_operations: Int32 = field("0+", default=-0x80000000)


class TopicRequest(Struct):
    name: String = field("0+")


class Cursor(Struct):
    topic_name: String = field("0+")
    partition_index: Int32 = field("0+")


class DescribeTopicPartitionsRequest(Message, versions="0", flexible="0+"):
    topics: list[TopicRequest] = field("0+")
    response_partition_limit: Int32 = field("0+", default=2000)
    cursor: Cursor | None = field("0+", default=None)


class DescribeTopicPartitionsResponsePartition(Struct):
    error_code: Int16 = field("0+")
    partition_index: Int32 = field("0+")
    leader_id: Int32 = field("0+")
    leader_epoch: Int32 = field("0+", default=-1)
    replica_nodes: list[Int32] = field("0+")
    isr_nodes: list[Int32] = field("0+")
    eligible_leader_replicas: list[Int32] | None = field("0+", default=None)
    last_known_elr: list[Int32] | None = field("0+", default=None)
    offline_replicas: list[Int32] = field("0+")


class DescribeTopicPartitionsResponseTopic(Struct):
    error_code: Int16 = field("0+")
    name: NullableString = field("0+")
    topic_id: Uuid = field("0+")
    is_internal: Boolean = field("0+")
    partitions: list[DescribeTopicPartitionsResponsePartition] = field("0+")
    topic_authorized_operations: Int32 = field("0+", default=-0x80000000)


class DescribeTopicPartitionsResponse(Message, versions="0", flexible="0+"):
    throttle_time_ms: Int32 = field("0+")
    topics: list[DescribeTopicPartitionsResponseTopic] = field("0+")
    next_cursor: Cursor | None = field("0+", default=None)


class DescribableLogDirTopic(Struct):
    topic: String = field("1+")
    partitions: list[Int32] = field("1+")


class DescribeLogDirsRequest(Message, versions="1-5", flexible="2+"):
    topics: list[DescribableLogDirTopic] | None = field("1+")
    """None asks for all."""


class DescribeLogDirsPartition(Struct):
    partition_index: Int32 = field("1+")
    partition_size: Int64 = field("1+")
    offset_lag: Int64 = field("1+")
    is_future_key: Boolean = field("1+")


class DescribeLogDirsTopic(Struct):
    name: String = field("1+")
    partitions: list[DescribeLogDirsPartition] = field("1+")


class DescribeLogDirsResult(Struct):
    error_code: Int16 = field("1+")
    log_dir: String = field("1+")
    topics: list[DescribeLogDirsTopic] = field("1+")
    total_bytes: Int64 = field("4+", default=-1, ignorable=True)
    usable_bytes: Int64 = field("4+", default=-1, ignorable=True)
    is_cordoned: Boolean = field("5+", ignorable=True)


class DescribeLogDirsResponse(Message, versions="1-5", flexible="2+"):
    throttle_time_ms: Int32 = field("1+")
    error_code: Int16 = field("3+", ignorable=True)
    results: list[DescribeLogDirsResult] = field("1+")
