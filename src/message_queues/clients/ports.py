"""What the library needs of a Kafka client: `Producer`, `Consumer`, `Admin`, and the values that pass between.

The adapter over confluent-kafka is `clients/kafka.py`; a second one, in memory, stands in for it in the tests of `messaging/`.
The hot calls have the shape of confluent-kafka's own, so that its C functions can be called with nothing in between.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from message_queues.errors import MessageQueuesError
from message_queues.message import DeliveryFailure, Record

OnDelivery: TypeAlias = Callable[[DeliveryFailure | None, Record], None]
HeaderPairs: TypeAlias = list[tuple[str, bytes | str | None]]


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


@dataclass(frozen=True, slots=True)
class ProducerOptions:
    """How messages are collected, sent and confirmed."""

    linger_ms: float
    batch_messages: int | None
    compression: str
    idempotent: bool
    acks: str
    buffer_messages: int
    buffer_bytes: int
    delivery_timeout_ms: int
    config: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """Whom to read as, and from where."""

    group_id: str
    auto_offset_reset: str
    config: Mapping[str, str | int | float | bool] = field(default_factory=dict)


class ProduceCall(Protocol):
    """Hand one message over; raises BufferError while the buffer is full."""

    def __call__(
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
    ) -> None: ...


class Confirming(Protocol):
    """What every client that publishes has: messages handed over, and an answer to each."""

    def flush(self, timeout_s: float) -> int:
        """Send what waits; return how many messages are still unanswered."""

    def purge(self) -> None:
        """Give up every message that is unanswered: each fails."""

    def pending(self) -> int:
        """How many messages are unanswered."""

    def error(self, failure: DeliveryFailure | Exception) -> MessageQueuesError:
        """What a delivery failed with, or handing over raised, as one of our errors."""


class Producer(Confirming, Protocol):
    @property
    def produce(self) -> ProduceCall: ...
    def poll(self, timeout_s: float) -> None:
        """Wait for events and run the delivery callbacks that are due."""


class GroupListener(Protocol):
    """Told from inside `Consumer.fetch` and `Consumer.close`: before partitions change hands, and when a commit failed."""

    def assigned(self, partitions: Collection[TopicPartition]) -> None: ...
    def revoked(self, partitions: Collection[TopicPartition]) -> None: ...
    def lost(self, partitions: Collection[TopicPartition]) -> None: ...
    def not_committed(self, partitions: Collection[TopicPartition], error: MessageQueuesError) -> None:
        """Of a commit that nobody waited for."""


class Consumer(Protocol):
    """A member of a consumer group. Commits nothing by itself."""

    def subscribe(self, topics: Sequence[str], listener: GroupListener) -> None: ...
    def fetch(self, count: int, timeout_s: float) -> Sequence[Record]:
        """Up to `count` records, as soon as there is one. Rebalances happen in here."""

    def assignment(self) -> list[TopicPartition]: ...
    def positions(self) -> dict[TopicPartition, int]:
        """The offset after the last record that `fetch` returned, of each assigned partition that returned one."""

    def pause(self, partitions: Collection[TopicPartition]) -> None: ...
    def resume(self, partitions: Collection[TopicPartition]) -> None: ...
    def commit(self, offsets: Mapping[TopicPartition, int], *, wait: bool) -> None: ...
    def close(self) -> None: ...


class Broker(NamedTuple):
    """One node of a cluster."""

    node_id: int
    host: str
    port: int


class PartitionState(NamedTuple):
    """Where one partition lives: node ids; leader -1 when it has none."""

    partition: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


class ClusterState(NamedTuple):
    cluster_id: str
    controller: int | None
    brokers: tuple[Broker, ...]


class ConfigValue(NamedTuple):
    """A configuration as the broker holds it; `is_default` where nobody set it on the topic itself."""

    value: str | None
    is_default: bool


class MemberState(NamedTuple):
    member_id: str
    client_id: str
    host: str
    partitions: tuple[TopicPartition, ...]


class GroupState(NamedTuple):
    """state as Kafka names it: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead, Assigning, Reconciling."""

    group_id: str
    state: str
    assignor: str
    coordinator: int | None
    members: tuple[MemberState, ...]


@dataclass(frozen=True, slots=True)
class NewTopic:
    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]


class Admin(Protocol):
    """Questions and orders to a cluster. Every call raises Unreachable, TimedOut, NotAuthorized or the error that Kafka names."""

    def cluster(self) -> ClusterState: ...
    def topic_names(self) -> list[str]:
        """All topics that a program may use; Kafka's internal ones left out."""

    def partitions(self, topic: str) -> tuple[PartitionState, ...] | None:
        """None where there is no such topic."""

    def topic_config(self, topic: str) -> dict[str, ConfigValue]: ...
    def create_topic(self, topic: NewTopic) -> None:
        """Raises TopicAlreadyExists."""

    def delete_topic(self, topic: str) -> None: ...
    def add_partitions(self, topic: str, total: int) -> None: ...
    def alter_topic_config(self, topic: str, changes: Mapping[str, str | None]) -> None:
        """None takes a setting back to its default."""

    def group(self, group_id: str) -> GroupState | None:
        """None where the broker knows no such group."""

    def committed(self, group_id: str) -> dict[TopicPartition, int]: ...
    def commit_for(self, group_id: str, offsets: Mapping[TopicPartition, int]) -> None: ...
    def delete_group(self, group_id: str) -> None: ...
    def offsets(self, partitions: Collection[TopicPartition], at: int | str) -> dict[TopicPartition, int]:
        """`at`: "earliest", "latest", or milliseconds since 1970: the first record that old or younger, else the end."""


class Client(Protocol):
    """One cluster's client: where the three above come from."""

    @property
    def admin(self) -> Admin: ...
    def check(self, timeout_s: float) -> ClusterState:
        """Ask any broker who is there. Raises Unreachable with each address and what was wrong with it."""

    def producer(self, options: ProducerOptions) -> Producer: ...
    def consumer(self, options: ConsumerOptions) -> Consumer: ...
