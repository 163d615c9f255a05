"""A Kafka client in memory, behind the ports of `clients/ports.py`: what the logic of `messaging/` is tested with.

It keeps records, committed offsets and topics, and does what a test tells it: rebalance at the next fetch, fail deliveries, fill up.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from message_queues.clients.ports import (
    Broker,
    ClusterState,
    ConfigValue,
    GroupListener,
    GroupState,
    HeaderPairs,
    NewTopic,
    OnDelivery,
    PartitionState,
    TopicPartition,
)
from message_queues.errors import (
    GroupIdNotFound,
    InvalidArgument,
    KafkaError,
    MessageQueuesError,
    TopicAlreadyExists,
    UnknownTopicOrPartition,
)
from message_queues.message import DeliveryFailure, Record


@dataclass(frozen=True)
class MemoryRecord:
    at: TopicPartition
    number: int
    content: bytes | None = b""
    name: bytes | None = None
    pairs: tuple[tuple[str, bytes | None], ...] = ()

    def topic(self) -> str:
        return self.at.topic

    def partition(self) -> int:
        return self.at.partition

    def offset(self) -> int:
        return self.number

    def key(self) -> bytes | None:
        return self.name

    def value(self) -> bytes | None:
        return self.content

    def timestamp(self) -> tuple[int, int]:
        return (1, 1_700_000_000_000)

    def headers(self) -> object:
        return list(self.pairs) or None


@dataclass(frozen=True)
class MemoryFailure:
    text: str = "Local: Message timed out"

    def code(self) -> int:
        return -192

    def name(self) -> str:
        return "_MSG_TIMED_OUT"

    def str(self) -> str:
        return self.text


class MemoryProducer:
    """Keeps what it is given until `answer`; `room` messages fit."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.room = room
        self.sent: list[tuple[bytes | str | None, bytes | str | None, int, int, HeaderPairs | None]] = []
        self.waiting: list[OnDelivery] = []
        self.answers_by_itself = True
        self.failure: DeliveryFailure | None = None
        self.raises: Exception | None = None

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None,
        partition: int,
        callback: OnDelivery,
        on_delivery: None,
        timestamp: int,
        headers: HeaderPairs | None,
        /,
    ) -> None:
        if self.raises is not None:
            raise self.raises
        if len(self.waiting) >= self.room:
            raise BufferError("Local: Queue full")
        self.sent.append((value, key, partition, timestamp, headers))
        self.waiting.append(callback)

    def answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        for offset, callback in enumerate(waiting, start=len(self.sent) - len(waiting)):
            callback(self.failure, MemoryRecord(TopicPartition("orders", 3), offset))

    def poll(self, timeout_s: float) -> None:
        if self.answers_by_itself:
            self.answer()
        else:
            threading.Event().wait(min(timeout_s, 0.001))

    def flush(self, timeout_s: float) -> int:
        self.poll(0)
        return len(self.waiting)

    def purge(self) -> None:
        self.failure = MemoryFailure("Local: Purged in queue")
        self.answers_by_itself = True

    def pending(self) -> int:
        return len(self.waiting)

    def error(self, failure: DeliveryFailure | Exception) -> MessageQueuesError:
        return (
            InvalidArgument(str(failure)) if isinstance(failure, Exception) else KafkaError(failure.str(), failure.code(), failure.name())
        )


class MemoryConsumer:
    """A group member whose partitions change when a test says so; `fetch` gives what is there and never waits."""

    def __init__(self, partitions: Collection[TopicPartition] = ()) -> None:
        self.logs: dict[TopicPartition, list[MemoryRecord]] = defaultdict(list)
        self.committed: dict[TopicPartition, int] = {}
        self.commits: list[dict[TopicPartition, int]] = []
        self.paused: set[TopicPartition] = set()
        self.most_at_once: int | None = None
        self.fetches = 0
        self.is_closed = False
        self.commit_fails_with: MessageQueuesError | None = None
        self.commits_fail = 1_000_000
        self.when_empty: Callable[[], None] | None = None
        self._assigned: dict[TopicPartition, int] = {}
        self._read: set[TopicPartition] = set()
        self._changes: list[Callable[[GroupListener], None]] = []
        self._listener: GroupListener | None = None
        self.give(*partitions)

    def publish(self, at: TopicPartition, count: int) -> None:
        start = len(self.logs[at])
        self.logs[at].extend(MemoryRecord(at, start + index, str(start + index).encode()) for index in range(count))

    def give(self, *partitions: TopicPartition) -> None:
        def change(listener: GroupListener) -> None:
            listener.assigned(partitions)
            for partition in partitions:
                self._assigned[partition] = self.committed.get(partition, 0)

        self._changes.append(change)

    def take(self, *partitions: TopicPartition) -> None:
        def change(listener: GroupListener) -> None:
            listener.revoked(partitions)
            self._drop(partitions)

        self._changes.append(change)

    def lose(self, *partitions: TopicPartition) -> None:
        def change(listener: GroupListener) -> None:
            listener.lost(partitions)
            self._drop(partitions)

        self._changes.append(change)

    def _drop(self, partitions: Collection[TopicPartition]) -> None:
        for partition in partitions:
            del self._assigned[partition]
            self._read.discard(partition)
            self.paused.discard(partition)

    def subscribe(self, topics: Sequence[str], listener: GroupListener) -> None:
        self._listener = listener

    def fetch(self, count: int, timeout_s: float) -> Sequence[Record]:
        self.fetches += 1
        changes, self._changes = self._changes, []
        for change in changes:
            if self._listener is not None:
                change(self._listener)
        batch: list[Record] = []
        for partition in sorted(self._assigned):
            if partition in self.paused:
                continue
            start = self._assigned[partition]
            found = self.logs[partition][start : start + min(count, self.most_at_once or count) - len(batch)]
            if found:
                batch.extend(found)
                self._assigned[partition] = start + len(found)
                self._read.add(partition)
        if not batch and self.when_empty is not None:
            self.when_empty()
        if not batch and timeout_s:
            threading.Event().wait(0.001)
        return batch

    def assignment(self) -> list[TopicPartition]:
        return list(self._assigned)

    def positions(self) -> dict[TopicPartition, int]:
        return {partition: self._assigned[partition] for partition in self._read}

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        self.paused.update(partitions)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        self.paused.difference_update(partitions)

    def commit(self, offsets: Mapping[TopicPartition, int], *, wait: bool) -> None:
        if self.commit_fails_with is not None and self.commits_fail > 0:
            self.commits_fail -= 1
            if wait:
                raise self.commit_fails_with
            error = self.commit_fails_with
            self._changes.append(lambda listener: listener.not_committed(list(offsets), error))
            return
        self.commits.append(dict(offsets))
        self.committed.update(offsets)

    def close(self) -> None:
        if self._listener is not None and self._assigned:
            self._listener.revoked(list(self._assigned))
        self._assigned.clear()
        self.is_closed = True


@dataclass
class MemoryAdmin:
    """Topics and groups of one cluster."""

    topics: dict[str, NewTopic] = field(default_factory=dict)
    group_states: dict[str, GroupState] = field(default_factory=dict)
    group_offsets: dict[str, dict[TopicPartition, int]] = field(default_factory=dict)
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    someone_is_quicker: NewTopic | None = None

    def cluster(self) -> ClusterState:
        return ClusterState("memory", 1, (Broker(1, "localhost", 9092),))

    def topic_names(self) -> list[str]:
        return sorted(self.topics)

    def partitions(self, topic: str) -> tuple[PartitionState, ...] | None:
        self.calls.append(f"partitions {topic}")
        if topic not in self.topics:
            return None
        replicas = tuple(range(self.topics[topic].replication_factor))
        return tuple(PartitionState(number, 0, replicas, replicas) for number in range(self.topics[topic].partitions))

    def topic_config(self, topic: str) -> dict[str, ConfigValue]:
        defaults = {"retention.ms": "604800000", "cleanup.policy": "delete"}
        held = self.topics[topic].config
        return {name: ConfigValue(held.get(name, defaults.get(name)), name not in held) for name in {**defaults, **held}}

    def create_topic(self, topic: NewTopic) -> None:
        self.calls.append(f"create {topic.name}")
        if self.someone_is_quicker is not None:
            self.topics[topic.name] = self.someone_is_quicker
            raise TopicAlreadyExists(topic.name)
        self.topics[topic.name] = topic

    def delete_topic(self, topic: str) -> None:
        if self.topics.pop(topic, None) is None:
            raise UnknownTopicOrPartition(topic)

    def add_partitions(self, topic: str, total: int) -> None:
        self.calls.append(f"grow {topic} {total}")
        held = self.topics[topic]
        self.topics[topic] = NewTopic(topic, total, held.replication_factor, held.config)

    def alter_topic_config(self, topic: str, changes: Mapping[str, str | None]) -> None:
        held = self.topics[topic]
        merged = {**held.config, **changes}
        self.topics[topic] = NewTopic(
            topic, held.partitions, held.replication_factor, {name: value for name, value in merged.items() if value is not None}
        )

    def group(self, group_id: str) -> GroupState | None:
        return self.group_states.get(group_id)

    def committed(self, group_id: str) -> dict[TopicPartition, int]:
        return dict(self.group_offsets.get(group_id, {}))

    def commit_for(self, group_id: str, offsets: Mapping[TopicPartition, int]) -> None:
        self.group_offsets.setdefault(group_id, {}).update(offsets)

    def delete_group(self, group_id: str) -> None:
        if self.group_states.pop(group_id, None) is None:
            raise GroupIdNotFound(group_id)

    def offsets(self, partitions: Collection[TopicPartition], at: int | str) -> dict[TopicPartition, int]:
        return {each: 0 if at == "earliest" else self.ends.get(each, 0) for each in partitions}
