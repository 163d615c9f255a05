"""Produce (key 0), versions 3-13.

Every batch is checked and buffered in the turn in which it arrives; the reply is made after the group commit of that turn, so that nothing
is acknowledged before it is in the file. timeout_ms is ignored: there is no replica to wait for. Transactions are not built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from message_queues.broker.logs.partition import Partition
from message_queues.broker.topics import Topics
from message_queues.errors import (
    InvalidProducerEpoch,
    InvalidRecord,
    InvalidRequiredAcks,
    InvalidTopic,
    MessageQueuesError,
    NotABatch,
    NotEnoughReplicas,
    NotLeaderOrFollower,
    NotOneBatch,
    OutOfOrderSequence,
    ProtocolError,
    UnknownTopicId,
    UnknownTopicOrPartition,
    UnsupportedCompressionType,
)
from message_queues.protocols.kafka.api_keys import ApiKey
from message_queues.protocols.kafka.frame import response_frame
from message_queues.protocols.kafka.header import RequestHeader
from message_queues.protocols.kafka.hot.produce import FIRST_WITH_TOPIC_IDS, Appended, encode_success, parse
from message_queues.protocols.kafka.messages.produce import (
    BatchIndexAndErrorMessage,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionProduceResponse,
    ProduceResponse,
    TopicProduceResponse,
)
from message_queues.records.compression import ZSTD
from message_queues.servers.error_map import error_code
from message_queues.storage.group_commit import Failures

if TYPE_CHECKING:
    from message_queues.servers.kafka.connection import KafkaConnection, Reply

FIRST_WITH_ZSTD = 7
FIRST_WITH_LEADER_HINTS = 10
COMPRESSION_ATTRIBUTE = 22
"""Where the low byte of a batch's attributes lies."""

TOLD_WITH_LOG_START = (InvalidRecord, OutOfOrderSequence, InvalidProducerEpoch, NotEnoughReplicas)
"""What the log itself refuses, and does not count as a trouble of its own (ReplicaManager.appendToLocalLog)."""

Refused = tuple[int, Partition | None, MessageQueuesError]
"""(partition, itself when it exists, why)"""


class Production:
    """One request's batches on their way to the disk, and its reply after that."""

    __slots__ = ("appended", "connection", "header", "partitions", "refused", "reply")

    def __init__(self, connection: KafkaConnection, header: RequestHeader, reply: Reply | None) -> None:
        self.connection = connection
        self.header = header
        self.reply = reply
        """None with acks=0."""
        self.appended: list[tuple[bytes, list[Appended]]] = []
        self.partitions: list[Partition] = []
        """In the order of all that was appended."""
        self.refused: dict[bytes, list[Refused]] = {}

    def refuse(self, topic: bytes, index: int, partition: Partition | None, error: MessageQueuesError) -> None:
        self.refused.setdefault(topic, []).append((index, partition, error))

    def durable(self, failures: Failures) -> None:
        """The group commit is over."""
        if failures:
            self._take_back(failures)
        if self.reply is None:
            if self.refused:
                reasons = "; ".join(str(error) for topic in self.refused.values() for _, _, error in topic)
                self.connection.refuse(f"produce with acks=0 failed: {reasons}", self.header)
        elif self.refused:
            try:
                response = self._response_with_errors()
            except ProtocolError as error:
                self.connection.break_off(self.reply, str(error), self.header)
            else:
                self.connection.finish(self.reply, (response,))
        else:
            self.connection.finish(self.reply, (encode_success(self.header.api_version, self.header.correlation_id, self.appended),))

    def _take_back(self, failures: Failures) -> None:
        partitions = iter(self.partitions)
        for topic, appended in self.appended:
            for entry in tuple(appended):
                partition = next(partitions)
                if partition in failures:
                    appended.remove(entry)
                    self.refuse(topic, entry[0], partition, failures[partition])

    def _response_with_errors(self) -> bytes:
        version = self.header.api_version
        topics: dict[bytes, TopicProduceResponse] = {}
        hinted: set[int] = set()
        for topic, appended in self.appended:
            # A topic may stand in the request more than once.
            topics.setdefault(topic, TopicProduceResponse()).partition_responses += [
                PartitionProduceResponse(index=index, base_offset=offset, log_append_time_ms=time_ms, log_start_offset=start)
                for index, offset, time_ms, start in appended
            ]
        for topic, refused in self.refused.items():
            responses = topics.setdefault(topic, TopicProduceResponse()).partition_responses
            for index, partition, error in refused:
                response = _refusal(index, partition, error)
                if partition is not None and isinstance(error, NotLeaderOrFollower) and version >= FIRST_WITH_LEADER_HINTS:
                    response.current_leader = LeaderIdAndEpoch(
                        leader_id=partition.replicas.leader, leader_epoch=partition.replicas.leader_epoch
                    )
                    hinted.add(partition.replicas.leader)
                responses.append(response)
        for topic, topic_response in topics.items():
            if version >= FIRST_WITH_TOPIC_IDS:
                topic_response.topic_id = topic
            else:
                topic_response.name = topic.decode("utf-8", "replace")  # as Java reads it
        answer = ProduceResponse(responses=list(topics.values()))
        if hinted:
            answer.node_endpoints = [
                NodeEndpoint(node_id=endpoint.node_id, host=endpoint.host, port=endpoint.port, rack=endpoint.rack)
                for endpoint in self.connection.endpoints
                if endpoint.node_id in hinted
            ]
        return response_frame(ApiKey.PRODUCE, version, self.header.correlation_id, answer)


def _refusal(index: int, partition: Partition | None, error: MessageQueuesError) -> PartitionProduceResponse:
    response = PartitionProduceResponse(index=index, error_code=error_code(error), base_offset=-1)
    if partition is not None and isinstance(error, TOLD_WITH_LOG_START) and not isinstance(error, NotOneBatch):
        response.log_start_offset = partition.log.start_offset
    if isinstance(error, NotABatch):
        response.error_message = str(error)
    if isinstance(error, InvalidRecord) and error.record_errors:
        response.error_message = str(error)
        response.record_errors = [
            BatchIndexAndErrorMessage(batch_index=batch_index, batch_index_error_message=message)
            for batch_index, message in error.record_errors
        ]
    return response


def handle(connection: KafkaConnection, header: RequestHeader, frame: bytes) -> None:
    version = header.api_version
    request = parse(version, frame, header.body_position)
    acks = request.acks
    broker = connection.broker
    topics = broker.topics
    node_id = connection.node.node_id
    production = Production(connection, header, connection.begin_reply() if acks else None)
    now_ms = broker.clock.now_ms()
    for topic, partitions in request.topics:
        appended: list[Appended] = []
        for index, records in partitions:
            partition: Partition | None = None
            try:
                partition = _partition(topics, version, topic, index)
                if partition.replicas.leader != node_id or version < FIRST_WITH_ZSTD or not -1 <= acks <= 1:
                    _check(partition, node_id, version, acks, records)
                base_offset, append_time = partition.append(records, now_ms, in_sync=acks == -1)
            except MessageQueuesError as error:
                production.refuse(topic, index, partition, error)
            else:
                broker.group_commit.add(partition)
                production.partitions.append(partition)
                appended.append((index, base_offset, append_time, partition.log.start_offset))
        production.appended.append((topic, appended))
    broker.group_commit.when_durable(production.durable)
    if not production.refused:
        connection.familiar_produce.learn(frame, version, request, production.partitions)


def _check(partition: Partition, node_id: int, version: int, acks: int, records: bytes) -> None:
    """What the partition itself does not check."""
    if not -1 <= acks <= 1:
        raise InvalidRequiredAcks(f"acks should be -1, 0 or 1, not {acks}")
    if partition.replicas.leader != node_id:
        raise NotLeaderOrFollower(f"node {partition.replicas.leader} leads {partition!r}")
    if version < FIRST_WITH_ZSTD and len(records) > COMPRESSION_ATTRIBUTE and records[COMPRESSION_ATTRIBUTE] & 7 == ZSTD:
        raise UnsupportedCompressionType(f"Produce requests with version {version} are not allowed to use ZStandard compression")


def _partition(topics: Topics, version: int, topic: bytes, index: int) -> Partition:
    if version >= FIRST_WITH_TOPIC_IDS:
        found = topics.by_id.get(topic)
        if found is None:
            raise UnknownTopicId("This server does not host this topic ID.")
    else:
        found = topics.by_name.get(topic.decode("utf-8", "replace"))
        if found is None:
            raise UnknownTopicOrPartition("This server does not host this topic-partition.")
    if found.is_internal:
        raise InvalidTopic(f"Cannot append to internal topic {found.name}")
    if not 0 <= index < len(found.partitions):
        raise UnknownTopicOrPartition("This server does not host this topic-partition.")
    return found.partitions[index]
