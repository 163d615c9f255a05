"""InitProducerId (API key 22), versions 0-5.

v2: flexible. v3: a producer resumes with its id and epoch (KIP-360). v4: PRODUCER_FENCED. v5: TRANSACTION_ABORTABLE (KIP-890).
v6 (two-phase commit, KIP-939) is unstable in Kafka 4.3 and not served.
"""

from message_queues.protocols.kafka.message import Int16, Int32, Int64, Message, NullableString, field


class InitProducerIdRequest(Message, versions="0-5", flexible="2+"):
    transactional_id: NullableString = field("0+")
    transaction_timeout_ms: Int32 = field("0+")
    producer_id: Int64 = field("3+", default=-1)
    producer_epoch: Int16 = field("3+", default=-1)


class InitProducerIdResponse(Message, versions="0-5", flexible="2+"):
    throttle_time_ms: Int32 = field("0+")
    error_code: Int16 = field("0+")
    producer_id: Int64 = field("0+", default=-1)
    producer_epoch: Int16 = field("0+")
