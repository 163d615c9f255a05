"""Produce (API key 0), versions 3-13; 0-2 are advertised since librdkafka needs to see them (KAFKA-18659), and refused.

v3: transactional id, record batches v2. v5: log start offset. v7: zstd. v8: errors for single records (KIP-467). v9: flexible.
v10: who leads instead (KIP-951). v11: TRANSACTION_ABORTABLE. v12: a transaction's partitions are added implicitly (KIP-890).
v13: topic ids instead of names.
"""

from message_queues.protocols.kafka.message import Int16, Int32, Int64, Message, NullableString, Records, String, Struct, Uuid, field


class PartitionProduceData(Struct):
    index: Int32 = field("3+")
    records: Records = field("3+")


class TopicProduceData(Struct):
    name: String = field("3-12", ignorable=True)
    topic_id: Uuid = field("13+", ignorable=True)
    partition_data: list[PartitionProduceData] = field("3+")


class ProduceRequest(Message, versions="3-13", flexible="9+"):
    transactional_id: NullableString = field("3+", default=None)
    acks: Int16 = field("3+")
    """0, 1 or -1 for all in-sync replicas."""
    timeout_ms: Int32 = field("3+")
    topic_data: list[TopicProduceData] = field("3+")


class BatchIndexAndErrorMessage(Struct):
    batch_index: Int32 = field("8+")
    batch_index_error_message: NullableString = field("8+", default=None)


class LeaderIdAndEpoch(Struct):
    leader_id: Int32 = field("10+", default=-1)
    leader_epoch: Int32 = field("10+", default=-1)


class PartitionProduceResponse(Struct):
    index: Int32 = field("3+")
    error_code: Int16 = field("3+")
    base_offset: Int64 = field("3+")
    log_append_time_ms: Int64 = field("3+", default=-1)
    log_start_offset: Int64 = field("5+", default=-1, ignorable=True)
    record_errors: list[BatchIndexAndErrorMessage] = field("8+", ignorable=True)
    error_message: NullableString = field("8+", default=None, ignorable=True)
    current_leader: LeaderIdAndEpoch = field("10+", tag=0)


class TopicProduceResponse(Struct):
    name: String = field("3-12", ignorable=True)
    topic_id: Uuid = field("13+", ignorable=True)
    partition_responses: list[PartitionProduceResponse] = field("3+")


class NodeEndpoint(Struct):
    node_id: Int32 = field("10+")
    host: String = field("10+")
    port: Int32 = field("10+")
    rack: NullableString = field("10+", default=None)


class ProduceResponse(Message, versions="3-13", flexible="9+"):
    responses: list[TopicProduceResponse] = field("3+")
    throttle_time_ms: Int32 = field("3+")
    node_endpoints: list[NodeEndpoint] = field("10+", tag=0)
