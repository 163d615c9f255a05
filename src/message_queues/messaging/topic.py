"""A Kafka topic: created once, described, altered, deleted."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from message_queues.clients.ports import Admin, ConfigValue, NewTopic, PartitionState
from message_queues.errors import Conflict, InvalidArgument, TimedOut, TopicAlreadyExists, UnknownTopicOrPartition
from message_queues.messaging.arguments import checked_partitions
from message_queues.messaging.topic_configs import checked_topic_config_changes, same_value

SETTLE_S = 30.0
"""How long a change may take to be seen in the metadata."""
SETTLE_STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic as its cluster has it at one moment."""

    name: str
    cluster: str
    partitions: tuple[PartitionState, ...]
    replication_factor: int
    config: Mapping[str, str | None]
    """Every configuration, with its value."""
    overrides: Mapping[str, str | None]
    """Those that were set on this topic."""


class Topic:
    """A topic of one cluster. Made by `MessageQueues.create_topic`."""

    def __init__(self, admin: Admin, cluster: str, name: str, on_delete: Callable[[], None]) -> None:
        self._admin = admin
        self._on_delete = on_delete
        self.cluster = cluster
        self.name = name

    def describe(self) -> TopicDescription:
        """As the cluster has it now. Raises UnknownTopicOrPartition if it is gone."""
        partitions = self._admin.partitions(self.name)
        if partitions is None:
            raise UnknownTopicOrPartition(f"there is no topic {self.name!r} on cluster {self.cluster!r}")
        config = self._admin.topic_config(self.name)
        return TopicDescription(
            self.name,
            self.cluster,
            partitions,
            len(partitions[0].replicas) if partitions else 0,
            {name: each.value for name, each in config.items()},
            {name: each.value for name, each in config.items() if not each.is_default},
        )

    def alter(
        self,
        *,
        config: Mapping[str, object] | None = None,
        partitions: int | None = None,
        allow_unknown_config: bool = False,
    ) -> None:
        """Change configurations (None takes one back to its default; others stay) or grow to `partitions`, as Kafka cannot shrink.

        Raises InvalidConfig, InvalidPartitions, UnknownTopicOrPartition. With more partitions, keys map to other partitions from then on.
        """
        if config is None and partitions is None:
            raise InvalidArgument("alter() needs config= or partitions=")
        changes = checked_topic_config_changes(config or {}, allow_unknown=allow_unknown_config)
        total = None if partitions is None else checked_partitions(partitions)
        if changes:
            self._admin.alter_topic_config(self.name, changes)
        if total is not None:
            self._grow(total)

    def _grow(self, total: int) -> None:
        present = self._admin.partitions(self.name)
        if present is not None and len(present) == total:
            return
        self._admin.add_partitions(self.name, total)
        self._wait_for(lambda partitions: partitions is not None and len(partitions) == total, f"has {total} partitions")

    def delete(self) -> None:
        """Delete it with all its messages. Raises UnknownTopicOrPartition if it is gone already."""
        self._admin.delete_topic(self.name)
        self._on_delete()
        self._wait_for(lambda partitions: partitions is None, "is gone")

    def create(self, wanted: NewTopic) -> None:
        """Make it as wanted, or find it so. Raises Conflict with each difference if it exists otherwise."""
        present = self._admin.partitions(self.name)
        if present is None:
            try:
                self._admin.create_topic(wanted)
            except TopicAlreadyExists:
                # Someone was quicker; theirs may be the same.
                self._wait_for(lambda partitions: partitions is not None, "exists")
            else:
                self._wait_for(lambda partitions: _is_led(partitions, wanted.partitions), "has leaders for all partitions")
                return
        present = present or self._admin.partitions(self.name) or ()
        differences = _differences(wanted, present, self._admin.topic_config(self.name))
        if differences:
            raise Conflict(
                f"topic {self.name!r} exists on cluster {self.cluster!r} with other settings: {'; '.join(differences)};"
                " Topic.alter() changes configurations and adds partitions",
                differences,
            )

    def _wait_for(self, holds: Callable[[tuple[PartitionState, ...] | None], bool], state: str) -> None:
        deadline = time.monotonic() + SETTLE_S
        while not holds(self._admin.partitions(self.name)):
            if time.monotonic() >= deadline:
                raise TimedOut(f"the metadata does not say within {SETTLE_S:g} s that topic {self.name!r} {state}")
            time.sleep(SETTLE_STEP_S)

    def __repr__(self) -> str:
        return f"Topic({self.name!r}, cluster={self.cluster!r})"


def _is_led(partitions: tuple[PartitionState, ...] | None, count: int) -> bool:
    return partitions is not None and len(partitions) == count and all(each.leader >= 0 for each in partitions)


def _differences(wanted: NewTopic, present: tuple[PartitionState, ...], config: Mapping[str, ConfigValue]) -> tuple[str, ...]:
    found = []
    if len(present) != wanted.partitions:
        found.append(f"partitions is {len(present)}, not {wanted.partitions}")
    factor = len(present[0].replicas) if present else 0
    if factor != wanted.replication_factor:
        found.append(f"replication_factor is {factor}, not {wanted.replication_factor}")
    for name, value in wanted.config.items():
        held = config[name].value if name in config else None
        if not same_value(name, held, value):
            found.append(f"{name} is {held}, not {value}")
    return tuple(found)
