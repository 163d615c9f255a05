"""What consumers put into a classic group's opaque bytes, for the protocol type "consumer": subscriptions and assignments, versions 0-3.

An INT16 version comes first. A newer version only adds fields at the end: read it as the highest that is known.
v1: owned partitions. v2: generation. v3: rack. No version is flexible.
"""

from message_queues.protocols.kafka.message import Int32, Message, NullableBytes, NullableString, String, Struct, field


class TopicPartition(Struct):
    topic: String = field("0+")
    partitions: list[Int32] = field("0+")


class ConsumerProtocolSubscription(Message, versions="0-3"):
    topics: list[String] = field("0+")
    user_data: NullableBytes = field("0+", default=None)
    owned_partitions: list[TopicPartition] = field("1+", ignorable=True)
    generation_id: Int32 = field("2+", default=-1, ignorable=True)
    rack_id: NullableString = field("3+", default=None, ignorable=True)


class ConsumerProtocolAssignment(Message, versions="0-3"):
    assigned_partitions: list[TopicPartition] = field("0+")
    user_data: NullableBytes = field("0+", default=None)
