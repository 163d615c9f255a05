"""The topics by name and by id, and the rules by which they are created, grown, configured and deleted.

The checks, their order and their texts are those of Kafka's ReplicationControlManager (KRaft).
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from message_queues.broker.cluster.nodes import Nodes
from message_queues.broker.cluster.replicas import Replicas
from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.configs.topic_configs import TopicConfig, validate_topic_configs
from message_queues.broker.events import PartitionsAdded, TopicConfigsAltered, TopicCreated, TopicDeleted
from message_queues.broker.logs.partition import LogHome, Partition
from message_queues.errors import (
    InvalidConfig,
    InvalidPartitions,
    InvalidReplicaAssignment,
    InvalidReplicationFactor,
    InvalidRequest,
    InvalidTopic,
    PolicyViolation,
    TopicAlreadyExists,
    UnknownTopicId,
    UnknownTopicOrPartition,
)

MAX_NAME_LENGTH = 249
LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]+")
MAX_PARTITIONS_PER_REQUEST = 10_000
"""As KRaft's MAX_PARTITIONS_PER_BATCH: what one call may create."""
TOO_MANY_PARTITIONS = "Excessively large number of partitions per request."

CLUSTER_METADATA = "__cluster_metadata"
OFFSETS = "__consumer_offsets"
INTERNAL = frozenset({OFFSETS, "__transaction_state", "__share_group_state"})
"""Told apart in the answers to clients, whoever created them."""


def check_topic_name(name: str) -> None:
    if not name:
        reason = "the empty string is not allowed"
    elif name in (".", ".."):
        reason = f"'{name}' is not allowed"
    elif len(name) > MAX_NAME_LENGTH:
        reason = f"the length of '{name}' is longer than the max allowed length {MAX_NAME_LENGTH}"
    elif not LEGAL_NAME.fullmatch(name):
        reason = f"'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    else:
        return
    raise InvalidTopic(f"Topic name is invalid: {reason}")


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a client asks for; -1 asks for the broker's default."""

    name: str
    partitions: int = -1
    replication_factor: int = -1
    assignments: Sequence[tuple[int, Sequence[int]]] = ()
    configs: Mapping[str, str | None] = field(default_factory=dict)


class Topic:
    __slots__ = ("config", "configs", "name", "partitions", "topic_id")

    def __init__(self, topic_id: bytes, name: str, configs: dict[str, str], config: TopicConfig) -> None:
        self.topic_id = topic_id
        self.name = name
        self.configs = configs
        """The overrides as they were given."""
        self.config = config
        self.partitions: list[Partition] = []

    def __repr__(self) -> str:
        return f"<Topic {self.name} of {len(self.partitions)} partitions>"

    @property
    def is_internal(self) -> bool:
        return self.name in INTERNAL

    @property
    def replication_factor(self) -> int:
        return len(self.partitions[0].replicas.assigned)


class Topics:
    def __init__(self, nodes: Nodes, config: BrokerConfig, home: LogHome, directory: str) -> None:
        self.by_name: dict[str, Topic] = {}
        self.by_id: dict[bytes, Topic] = {}
        self._by_unified_name: dict[str, str] = {}
        self._nodes = nodes
        self._config = config
        self._home = home
        self._directory = directory
        self._configs: dict[frozenset[tuple[str, str]], TopicConfig] = {}

    def __iter__(self) -> Iterator[Topic]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def partitions(self) -> Iterator[Partition]:
        for topic in self.by_name.values():
            yield from topic.partitions

    def named(self, name: str) -> Topic:
        topic = self.by_name.get(name)
        if topic is None:
            raise UnknownTopicOrPartition(f"This server does not host this topic-partition: {name}")
        return topic

    def with_id(self, topic_id: bytes) -> Topic:
        topic = self.by_id.get(topic_id)
        if topic is None:
            raise UnknownTopicId("This server does not host this topic ID.")
        return topic

    def partition(self, name: str, index: int) -> Partition:
        topic = self.by_name.get(name)
        if topic is None or not 0 <= index < len(topic.partitions):
            raise UnknownTopicOrPartition(f"This server does not host this topic-partition: {name}-{index}")
        return topic.partitions[index]

    def partition_count(self, name: str) -> int | None:
        """None for a topic that does not exist."""
        topic = self.by_name.get(name)
        return None if topic is None else len(topic.partitions)

    def directory_of(self, topic_id: bytes) -> str:
        return f"{self._directory}/{topic_id.hex()}"

    # Creating

    def decide_create(self, spec: TopicSpec) -> TopicCreated:
        check_topic_name(spec.name)
        if spec.name == CLUSTER_METADATA:
            raise InvalidRequest(f"Creation of internal topic {spec.name} is prohibited.")
        unified = spec.name.replace(".", "_")
        colliding = self._by_unified_name.get(unified)
        if spec.name in self.by_name:
            raise TopicAlreadyExists(f"Topic '{spec.name}' already exists.")
        if colliding is not None:
            raise InvalidTopic(f"Topic '{spec.name}' collides with existing topic: {colliding}")
        configs = self._checked_configs(spec.configs)
        replicas = self._assigned(spec) if spec.assignments else self._placed(spec)
        if len(replicas) > MAX_PARTITIONS_PER_REQUEST:
            raise PolicyViolation(TOO_MANY_PARTITIONS)
        return TopicCreated(topic_id=uuid.uuid4().bytes, name=spec.name, replicas=replicas, configs=configs)

    def check_total(self, specs: Iterable[TopicSpec]) -> None:
        """Whether one request may ask for all of these; whether each can be created is another question."""
        default = self._config.int("num.partitions")
        total = 0
        for spec in specs:
            total += len(spec.assignments) or (default if spec.partitions == -1 else max(0, spec.partitions))
        if total > MAX_PARTITIONS_PER_REQUEST:
            raise PolicyViolation(TOO_MANY_PARTITIONS)

    def _checked_configs(self, configs: Mapping[str, str | None]) -> dict[str, str]:
        nulls = [name for name, value in configs.items() if value is None]
        if nulls:
            raise InvalidConfig(f"Null value not supported for topic configs: {','.join(nulls)}")
        validate_topic_configs(configs, self._config)
        return {name: value for name, value in configs.items() if value is not None}

    def _placed(self, spec: TopicSpec) -> list[list[int]]:
        if spec.replication_factor < -1 or spec.replication_factor == 0:
            raise InvalidReplicationFactor("Replication factor must be larger than 0, or -1 to use the default value.")
        if spec.partitions < -1 or spec.partitions == 0:
            raise InvalidPartitions("Number of partitions was set to an invalid non-positive value.")
        partitions = self._config.int("num.partitions") if spec.partitions == -1 else spec.partitions
        factor = self._config.int("default.replication.factor") if spec.replication_factor == -1 else spec.replication_factor
        if partitions > MAX_PARTITIONS_PER_REQUEST:
            raise PolicyViolation(TOO_MANY_PARTITIONS)
        return self._nodes.place(partitions, factor, first=len(self.by_name))

    def _assigned(self, spec: TopicSpec) -> list[list[int]]:
        if spec.replication_factor != -1:
            raise InvalidRequest("A manual partition assignment was specified, but replication factor was not set to -1.")
        if spec.partitions != -1:
            raise InvalidRequest("A manual partition assignment was specified, but numPartitions was not set to -1.")
        by_index: dict[int, list[int]] = {}
        factor: int | None = None
        for index, node_ids in spec.assignments:
            if index in by_index:
                raise InvalidReplicaAssignment(f"Found multiple manual partition assignments for partition {index}")
            self._check_assignment(node_ids, factor)
            factor = len(node_ids)
            by_index[index] = list(node_ids)
        if sorted(by_index) != list(range(len(by_index))):
            raise InvalidReplicaAssignment("partitions should be a consecutive 0-based integer sequence")
        return [by_index[index] for index in range(len(by_index))]

    def _check_assignment(self, node_ids: Sequence[int], factor: int | None) -> None:
        assignment = "The manual partition assignment includes"
        if not node_ids:
            raise InvalidReplicaAssignment(f"{assignment} an empty replica list.")
        previous: int | None = None
        for node_id in sorted(node_ids):
            if node_id not in self._nodes.by_id:
                raise InvalidReplicaAssignment(f"{assignment} broker {node_id}, but no such broker is registered.")
            if node_id == previous:
                raise InvalidReplicaAssignment(f"{assignment} the broker {node_id} more than once.")
            previous = node_id
        if factor is not None and len(node_ids) != factor:
            raise InvalidReplicaAssignment(
                f"{assignment} a partition with {len(node_ids)} replica(s), but this is not consistent with previous partitions, "
                f"which have {factor} replica(s)."
            )

    def decide_add_partitions(self, name: str, count: int, assignments: Sequence[Sequence[int]] | None) -> PartitionsAdded:
        """`count` is the total that the topic shall have."""
        topic = self.named(name)
        existing = len(topic.partitions)
        if count == existing:
            raise InvalidPartitions(f"Topic already has {existing} partition(s).")
        if count < existing:
            raise InvalidPartitions(f"The topic {name} currently has {existing} partition(s); {count} would not be an increase.")
        additional = count - existing
        if additional > MAX_PARTITIONS_PER_REQUEST:
            raise PolicyViolation(TOO_MANY_PARTITIONS)
        if assignments is None:
            # From the node after the last one on, as if all had been placed at once.
            after_last = self._nodes.ids.index(topic.partitions[-1].replicas.assigned[0]) + 1
            replicas = self._nodes.place(additional, topic.replication_factor, first=after_last)
            return PartitionsAdded(topic_id=topic.topic_id, replicas=replicas)
        if len(assignments) != additional:
            raise InvalidReplicaAssignment(
                f"Attempted to add {additional} additional partition(s), but only {len(assignments)} assignment(s) were specified."
            )
        for node_ids in assignments:
            self._check_assignment(node_ids, topic.replication_factor)
        return PartitionsAdded(topic_id=topic.topic_id, replicas=[list(node_ids) for node_ids in assignments])

    def decide_alter_configs(self, name: str, changes: Mapping[str, str | None]) -> TopicConfigsAltered:
        topic = self.named(name)
        resulting = {**topic.configs, **changes}
        validate_topic_configs({key: value for key, value in resulting.items() if value is not None}, self._config)
        return TopicConfigsAltered(topic_id=topic.topic_id, changes=dict(changes))

    # What has happened

    def apply_created(self, event: TopicCreated) -> None:
        configs = dict(event.configs)
        topic = Topic(event.topic_id, event.name, configs, self._shared_config(configs))
        self._add_partitions(topic, event.replicas)
        self.by_name[topic.name] = topic
        self.by_id[topic.topic_id] = topic
        self._by_unified_name[topic.name.replace(".", "_")] = topic.name

    def apply_partitions_added(self, event: PartitionsAdded) -> None:
        self._add_partitions(self.by_id[event.topic_id], event.replicas)

    def apply_configs_altered(self, event: TopicConfigsAltered) -> None:
        topic = self.by_id[event.topic_id]
        resulting = {**topic.configs, **event.changes}
        topic.configs = {name: value for name, value in resulting.items() if value is not None}
        self._configure(topic)

    def apply_deleted(self, event: TopicDeleted) -> Topic:
        topic = self.by_id.pop(event.topic_id)
        del self.by_name[topic.name]
        del self._by_unified_name[topic.name.replace(".", "_")]
        for partition in topic.partitions:
            partition.discard()
        return topic

    def broker_config_changed(self) -> None:
        """Defaults that topics inherit may be others now."""
        self._configs.clear()
        for topic in self:
            self._configure(topic)

    def state_events(self) -> Iterator[TopicCreated]:
        """The shortest history that ends in the present."""
        for topic in self:
            replicas = [list(partition.replicas.assigned) for partition in topic.partitions]
            yield TopicCreated(topic_id=topic.topic_id, name=topic.name, replicas=replicas, configs=topic.configs)

    def _add_partitions(self, topic: Topic, replicas: list[list[int]]) -> None:
        directory = self.directory_of(topic.topic_id)
        for index, node_ids in enumerate(replicas, start=len(topic.partitions)):
            partition = Partition(topic.name, index, Replicas(node_ids), topic.config, self._home, f"{directory}/{index}")
            topic.partitions.append(partition)

    def _configure(self, topic: Topic) -> None:
        topic.config = self._shared_config(topic.configs)
        for partition in topic.partitions:
            partition.configure(topic.config)

    def _shared_config(self, configs: dict[str, str]) -> TopicConfig:
        # Topics with equal overrides share one parsed configuration: ten thousand topics cost ten thousand references.
        key = frozenset(configs.items())
        config = self._configs.get(key)
        if config is None:
            if len(self._configs) > 2 * len(self.by_name) + 64:
                # Most are of topics that have gone, or have other overrides now.
                self._configs = {frozenset(topic.configs.items()): topic.config for topic in self}
            config = self._configs[key] = TopicConfig(configs, self._config)
        return config
