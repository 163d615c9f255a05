"""Fetch (key 1), versions 4-18.

Whole batches from the one that holds the offset; the first is given whatever its size (KIP-74), the last may be cut off. A request that
finds less than min_bytes waits for it in `Waiters` until max_wait_ms are over. From version 11 on followers answer too (KIP-392).
Without transactions the last stable offset is the high watermark.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from message_queues.broker.logs.partition import Partition
from message_queues.broker.waiters import Waiter
from message_queues.errors import (
    FencedLeaderEpoch,
    MessageQueuesError,
    NotLeaderOrFollower,
    UnknownLeaderEpoch,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from message_queues.protocols.kafka.header import RequestHeader
from message_queues.protocols.kafka.hot.fetch import (
    FIRST_WITH_TOPIC_IDS,
    FetchRequestView,
    PartitionAnswer,
    PartitionFetch,
    encode,
    parse,
)
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.fetch_sessions import FetchSession, FetchSessionError

if TYPE_CHECKING:
    from message_queues.servers.kafka.connection import KafkaConnection, Reply

FIRST_FROM_FOLLOWERS = 11
FIRST_WITH_LEADER_HINTS = 16
UNKNOWN_OFFSET = -1


class FetchInProgress:
    """One request from its arrival until it is answered, now or after a wait."""

    __slots__ = ("answers_in_full", "asked", "connection", "header", "reply", "request", "session")

    def __init__(self, connection: KafkaConnection, header: RequestHeader, request: FetchRequestView, reply: Reply) -> None:
        self.connection = connection
        self.header = header
        self.request = request
        self.reply = reply
        self.session: FetchSession | None = None
        self.answers_in_full = True
        self.asked: tuple[PartitionFetch, ...] = ()

    def begin(self) -> None:
        request = self.request
        try:
            self.session, self.answers_in_full = self.connection.node.fetch_sessions.resolve(request, self.header.api_version)
        except FetchSessionError as error:
            self.connection.finish(self.reply, self._encoded(error.code, 0, []))
            return
        self.asked = tuple(request.partitions if self.session is None else self.session.partitions.values())
        answers, size, is_urgent = self._read()
        if size >= request.min_bytes or is_urgent or request.max_wait_ms <= 0 or not self.asked:
            self.connection.finish(self.reply, self._answer(answers))
        else:
            self._wait(request.min_bytes - size)

    def _wait(self, missing_bytes: int) -> None:
        broker = self.connection.broker
        places = [partition.waiters for asked in self.asked if (partition := self._find(asked)) is not None]
        parked = self.connection.parked

        def done() -> None:
            parked.discard(waiter.cancel)
            self.connection.finish(self.reply, self._late_answer())

        waiter = Waiter(places, missing_bytes, broker.patience, self.request.max_wait_ms, done)
        parked.add(waiter.cancel)

    def _late_answer(self) -> Iterator[bytes]:
        """Read only when its turn to leave has come: else all that a client asks for and does not take would pile up."""
        yield from self._answer(self._read()[0])

    def _answer(self, answers: list[PartitionAnswer]) -> list[bytes]:
        session = self.session
        if session is None:
            return self._encoded(0, 0, answers)
        return self._encoded(0, session.session_id, session.news(answers, full=self.answers_in_full))

    def _encoded(self, error: int, session_id: int, answers: list[PartitionAnswer]) -> list[bytes]:
        header = self.header
        hinted = {answer.leader[0] for answer in answers if answer.leader is not None}
        leaders = [
            (endpoint.node_id, endpoint.host, endpoint.port, endpoint.rack)
            for endpoint in (self.connection.endpoints if hinted else ())
            if endpoint.node_id in hinted
        ]
        return encode(header.api_version, header.correlation_id, error, session_id, self.request.isolation_level, answers, leaders)

    # Reading

    def _read(self) -> tuple[list[PartitionAnswer], int, bool]:
        """The answers, how many bytes of records they hold, and whether one of them cannot wait (an error)."""
        answers: list[PartitionAnswer] = []
        size = 0
        is_urgent = False
        budget = self.request.max_bytes
        node_id = self.connection.node.node_id
        for asked in self.asked:
            partition = self._find(asked)
            if partition is not None and partition.has_nothing_after(asked.fetch_offset, asked.current_leader_epoch, node_id):
                # What most partitions of most requests come to.
                answers.append(PartitionAnswer(asked.topic, asked.index, 0, asked.fetch_offset, partition.log.start_offset, b""))
                continue
            answer = self._read_one(asked, partition, max(0, budget - size), at_least_one=not size)
            answers.append(answer)
            size += len(answer.records)
            is_urgent = is_urgent or answer.error != 0
        return answers, size, is_urgent

    def _read_one(self, asked: PartitionFetch, partition: Partition | None, budget: int, *, at_least_one: bool) -> PartitionAnswer:
        try:
            if partition is None:
                raise self._unknown(asked)
            self._check_leadership(partition, asked)
            records = partition.read(asked.fetch_offset, max(0, min(asked.max_bytes, budget)), at_least_one=at_least_one)
        except MessageQueuesError as error:
            answer = PartitionAnswer(asked.topic, asked.index, error_code(error), UNKNOWN_OFFSET, UNKNOWN_OFFSET, b"")
            is_elsewhere = isinstance(error, NotLeaderOrFollower | FencedLeaderEpoch)
            if partition is not None and is_elsewhere and self.header.api_version >= FIRST_WITH_LEADER_HINTS:
                answer.leader = (partition.replicas.leader, partition.replicas.leader_epoch)
            return answer
        return PartitionAnswer(asked.topic, asked.index, 0, partition.high_watermark, partition.log.start_offset, records)

    def _find(self, asked: PartitionFetch) -> Partition | None:
        topics = self.connection.broker.topics
        if self.header.api_version >= FIRST_WITH_TOPIC_IDS:
            topic = topics.by_id.get(asked.topic)
        else:
            topic = topics.by_name.get(asked.topic.decode("utf-8", "replace"))
        if topic is None or not 0 <= asked.index < len(topic.partitions):
            return None
        return topic.partitions[asked.index]

    def _unknown(self, asked: PartitionFetch) -> MessageQueuesError:
        if self.header.api_version >= FIRST_WITH_TOPIC_IDS and asked.topic not in self.connection.broker.topics.by_id:
            return UnknownTopicId("This server does not host this topic ID.")
        return UnknownTopicOrPartition("This server does not host this topic-partition.")

    def _check_leadership(self, partition: Partition, asked: PartitionFetch) -> None:
        replicas = partition.replicas
        node_id = self.connection.node.node_id
        if replicas.leader != node_id and (self.header.api_version < FIRST_FROM_FOLLOWERS or node_id not in replicas.assigned):
            raise NotLeaderOrFollower(f"node {replicas.leader} leads {partition!r}")
        epoch = asked.current_leader_epoch
        if epoch == -1 or epoch == replicas.leader_epoch:
            return
        if epoch < replicas.leader_epoch:
            raise FencedLeaderEpoch(f"leader epoch {epoch} of {partition!r} is older than {replicas.leader_epoch}")
        raise UnknownLeaderEpoch(f"leader epoch {epoch} of {partition!r} is newer than {replicas.leader_epoch}")


def handle(connection: KafkaConnection, header: RequestHeader, frame: bytes) -> None:
    request = parse(header.api_version, frame, header.body_position)
    request.max_bytes = min(request.max_bytes, connection.broker.max_fetch_bytes)
    FetchInProgress(connection, header, request, connection.begin_reply()).begin()
