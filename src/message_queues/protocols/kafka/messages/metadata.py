"""Metadata (API key 3), versions 0-13.

v0: an empty list of topics asks for all of them; from v1 null does, and an empty list asks for none.
v1: racks, the controller, internal topics. v2: cluster id. v3: throttle time. v4: auto-creation can be refused. v5: offline replicas.
v7: leader epochs. v8: authorized operations. v9: flexible. v10: topic ids in the answer. v11: the cluster's operations moved to
DescribeCluster. v12: topics may be asked for by id, with a null name. v13: an error for the whole answer.
"""

from message_queues.protocols.kafka.message import Boolean, Int16, Int32, Message, NullableString, String, Struct, Uuid, field


class MetadataRequestTopic(Struct):
    topic_id: Uuid = field("10+", ignorable=True)
    name: NullableString = field("0+", nullable="10+")


class MetadataRequest(Message, versions="0-13", flexible="9+"):
    topics: list[MetadataRequestTopic] | None = field("0+", nullable="1+")
    """None asks for all topics; in v0 the empty list does."""
    allow_auto_topic_creation: Boolean = field("4+", default=True)
    include_cluster_authorized_operations: Boolean = field("8-10")
    include_topic_authorized_operations: Boolean = field("8+")


class MetadataResponseBroker(Struct):
    node_id: Int32 = field("0+")
    host: String = field("0+")
    port: Int32 = field("0+")
    rack: NullableString = field("1+", default=None, ignorable=True)


class MetadataResponsePartition(Struct):
    error_code: Int16 = field("0+")
    partition_index: Int32 = field("0+")
    leader_id: Int32 = field("0+")
    leader_epoch: Int32 = field("7+", default=-1, ignorable=True)
    replica_nodes: list[Int32] = field("0+")
    isr_nodes: list[Int32] = field("0+")
    offline_replicas: list[Int32] = field("5+", ignorable=True)


class MetadataResponseTopic(Struct):
    error_code: Int16 = field("0+")
    name: NullableString = field("0+", nullable="12+")
    topic_id: Uuid = field("10+", ignorable=True)
    is_internal: Boolean = field("1+", ignorable=True)
    partitions: list[MetadataResponsePartition] = field("0+")
    topic_authorized_operations: Int32 = field("8+", default=-0x80000000)


class MetadataResponse(Message, versions="0-13", flexible="9+"):
    throttle_time_ms: Int32 = field("3+", ignorable=True)
    brokers: list[MetadataResponseBroker] = field("0+")
    cluster_id: NullableString = field("2+", default=None, ignorable=True)
    controller_id: Int32 = field("1+", default=-1, ignorable=True)
    topics: list[MetadataResponseTopic] = field("0+")
    cluster_authorized_operations: Int32 = field("8-10", default=-0x80000000)
    error_code: Int16 = field("13+", ignorable=True)
