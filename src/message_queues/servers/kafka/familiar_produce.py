"""Produce requests like one that came before on the same connection: all the same but for the correlation id and the records.

A producer asks for the same topic, partition, acks and time-out again and again, so the bytes before its records are the same again and
again. Here they are looked up instead of parsed: what they mean was found out once, by the parser of protocols/kafka/hot/produce.py. As the
parser reads from left to right, equal bytes mean equal things. Whatever is not familiar, or fails, is left to produce.py.

Flexible versions (9 on) with one topic and one partition, which is what librdkafka and Java send when messages are few: then a request
costs more than its records. It halves the time that Python spends on a small request.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from message_queues.broker.logs.partition import Partition
from message_queues.broker.topics import Topic
from message_queues.errors import MessageQueuesError
from message_queues.protocols.kafka.header import parse_request_header
from message_queues.protocols.kafka.hot import varints
from message_queues.protocols.kafka.hot.produce import FIRST_FLEXIBLE, ProduceRequestView, success_layout
from message_queues.servers.kafka import produce
from message_queues.storage.group_commit import Failures

if TYPE_CHECKING:
    from message_queues.servers.kafka.connection import KafkaConnection, Reply

MOST_PLACES = 256
"""How many partitions a connection is remembered to write to; with one more the memory starts anew."""
MOST_BYTES = 512
"""The longest beginning that is remembered: topic names and client ids may be long."""
AFTER_VERSION, AFTER_CORRELATION_ID = 4, 8
NO_TAGS = b"\0\0\0"
"""Of the partition, the topic and the request."""

_correlation_id = Struct(">i").unpack_from


class Place:
    """What the bytes before the records mean."""

    __slots__ = ("frame_start", "in_sync", "partition", "reply", "reply_start", "topic", "wire_topic")

    def __init__(self, frame: bytes, version: int, acks: int, wire_topic: bytes, topic: Topic, partition: Partition) -> None:
        self.frame_start = frame[:AFTER_VERSION]
        self.in_sync = acks == -1
        self.wire_topic = wire_topic
        """Its name or id, as the request has it."""
        self.topic = topic
        self.partition = partition
        self.reply, self.reply_start = success_layout(version, wire_topic)


class FamiliarProduce:
    """What one connection has asked for before."""

    __slots__ = ("_connection", "_places", "_records_at")

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._places: dict[bytes, Place] = {}
        self._records_at = AFTER_CORRELATION_ID
        """Where the size of the records stood in the last request that was learned."""

    def __len__(self) -> int:
        return len(self._places)

    def handle(self, frame: bytes) -> bool:
        """Whether the request was familiar and is taken care of."""
        at = self._records_at
        place = self._places.get(frame[AFTER_CORRELATION_ID:at])
        if place is None or not frame.startswith(place.frame_start) or not frame.endswith(NO_TAGS):
            return False
        connection = self._connection
        broker = connection.broker
        partition = place.partition
        if broker.topics.by_id.get(place.topic.topic_id) is not place.topic or partition.replicas.leader != connection.node.node_id:
            return False
        try:
            size, position = varints.read(frame, at)
            end = position + size - 1
            if end + len(NO_TAGS) != len(frame):
                return False
            base_offset, append_time = partition.append(frame[position:end], broker.clock.now_ms(), in_sync=place.in_sync)
        except (MessageQueuesError, IndexError):
            return False
        broker.group_commit.add(partition)
        broker.group_commit.when_durable(FamiliarProduction(connection, frame, place, base_offset, append_time).durable)
        return True

    def learn(self, frame: bytes, version: int, request: ProduceRequestView, partitions: list[Partition]) -> None:
        """A request that was parsed, and whose batches were taken by these partitions."""
        if version < FIRST_FLEXIBLE or len(partitions) != 1 or len(request.topics) != 1 or not request.acks:
            return
        if request.transactional_id is not None:
            return
        ((wire_topic, ((_, records),)),) = request.topics
        rest = varints.write(len(records) + 1) + records + NO_TAGS
        at = len(frame) - len(rest)
        if at > MOST_BYTES or not frame.endswith(rest):
            return
        self._records_at = at
        beginning = frame[AFTER_CORRELATION_ID:at]
        known = self._places.get(beginning)
        topic = self._connection.broker.topics.by_name[partitions[0].topic_name]
        if known is None or known.topic is not topic or not frame.startswith(known.frame_start):
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            self._places[beginning] = Place(frame, version, request.acks, wire_topic, topic, partitions[0])


class FamiliarProduction:
    """One request's batch on its way to the disk, and its reply after that."""

    __slots__ = ("answer", "connection", "frame", "place", "reply")

    def __init__(self, connection: KafkaConnection, frame: bytes, place: Place, base_offset: int, append_time: int) -> None:
        self.connection = connection
        self.frame = frame
        self.place = place
        self.reply: Reply = connection.begin_reply()
        layout, partition = place.reply, place.partition
        (correlation_id,) = _correlation_id(frame, AFTER_VERSION)
        self.answer = layout.pack(
            layout.size - 4,
            correlation_id,
            0,
            place.reply_start,
            partition.index,
            0,
            base_offset,
            append_time,
            partition.log.start_offset,
            1,
        )

    def durable(self, failures: Failures) -> None:
        """The group commit is over."""
        partition = self.place.partition
        if failures and partition in failures:
            production = produce.Production(self.connection, parse_request_header(self.frame), self.reply)
            production.refuse(self.place.wire_topic, partition.index, partition, failures[partition])
            production.durable({})
        else:
            self.connection.finish(self.reply, (self.answer,))
