"""The offsets that groups have committed: who may commit, what is kept, and for how long.

After Kafka 4.3's OffsetMetadataManager. Kafka keeps them in `__consumer_offsets`, this broker in its journal, so a commit is as durable as
a topic's creation. They go with their topic at once, and with their group; otherwise `offsets.retention.minutes` after the group became
Empty (after the commit, for a simple group and for topics that a Stable group does not consume).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from message_queues.broker.clock import Clock
from message_queues.broker.coordination.classic_group import ClassicGroup, GroupState
from message_queues.broker.coordination.events import CommittedOffset, CoordinationEvent, OffsetsCommitted, OffsetsDeleted
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.broker.coordination.rebalance import Rebalance
from message_queues.errors import (
    GroupIdNotFound,
    GroupSubscribedToTopic,
    InvalidGroupId,
    MessageQueuesError,
    OffsetMetadataTooLarge,
    UnknownTopicOrPartition,
)


class OffsetToCommit(NamedTuple):
    partition: int
    offset: int
    leader_epoch: int
    metadata: str | None


@dataclass(frozen=True, slots=True)
class OffsetCommit:
    group_id: str
    topics: Sequence[tuple[str, Sequence[OffsetToCommit]]]
    member_id: str = ""
    instance_id: str | None = None
    generation: int = -1
    retention_ms: int = -1


class Offsets:
    def __init__(
        self,
        groups: Mapping[str, ClassicGroup],
        rebalance: Rebalance,
        settings: Callable[[], GroupSettings],
        store: Callable[[Sequence[CoordinationEvent]], None],
        partition_count: Callable[[str], int | None],
        clock: Clock,
    ) -> None:
        self._groups = groups
        self._rebalance = rebalance
        self._settings = settings
        self._store = store
        self._partition_count = partition_count
        self._clock = clock
        self._committed: dict[str, dict[str, dict[int, CommittedOffset]]] = {}

    def of_group(self, group_id: str) -> Mapping[str, Mapping[int, CommittedOffset]]:
        """By topic and partition; empty for a group that is not known."""
        return self._committed.get(group_id, {})

    # Commit.

    def commit(self, commit: OffsetCommit) -> list[list[MessageQueuesError | None]]:
        """Per topic and partition in the order asked: None where the offset is committed."""
        refusal = self._refusal(commit)
        now_ms = self._clock.now_ms()
        expires_ms = -1 if commit.retention_ms < 0 else now_ms + commit.retention_ms
        answers: list[list[MessageQueuesError | None]] = []
        accepted: list[tuple[str, tuple[CommittedOffset, ...]]] = []
        for topic, partitions in commit.topics:
            answers.append([self._partition_refusal(topic, asked) or refusal for asked in partitions])
            offsets = tuple(
                CommittedOffset(asked.partition, asked.offset, asked.leader_epoch, asked.metadata or "", now_ms, expires_ms)
                for asked, error in zip(partitions, answers[-1], strict=True)
                if error is None
            )
            if offsets:
                accepted.append((topic, offsets))
        if accepted:
            self._store([OffsetsCommitted(commit.group_id, tuple(accepted))])
        return answers

    def _refusal(self, commit: OffsetCommit) -> MessageQueuesError | None:
        """Why this member may not commit to this group; a commit that is let through counts as a heartbeat."""
        group = self._groups.get(commit.group_id)
        if group is None:
            return None if commit.generation < 0 else GroupIdNotFound(f"Group {commit.group_id} not found.")
        try:
            group.check_offset_commit(commit.member_id, commit.instance_id, commit.generation)
        except MessageQueuesError as error:
            return error
        member = group.members.get(commit.member_id)
        if member is not None and group.state in (GroupState.STABLE, GroupState.PREPARING_REBALANCE):
            self._rebalance.heard_from(group, member)
        return None

    def _partition_refusal(self, topic: str, asked: OffsetToCommit) -> MessageQueuesError | None:
        if asked.partition not in range(self._partition_count(topic) or 0):
            return UnknownTopicOrPartition(f"there is no partition {asked.partition} of topic {topic}")
        limit = self._settings().offset_metadata_max_bytes
        if asked.metadata is not None and len(asked.metadata) > limit:
            return OffsetMetadataTooLarge(f"{len(asked.metadata)} characters of metadata, and offset.metadata.max.bytes is {limit}")
        return None

    # Delete.

    def delete(self, group_id: str, topics: Sequence[tuple[str, Sequence[int]]]) -> list[list[MessageQueuesError | None]]:
        """Per topic and partition in the order asked: None where nothing is committed any more."""
        if not group_id:
            raise InvalidGroupId("the group id is empty")
        group = self._groups.get(group_id)
        if group is None:
            raise GroupIdNotFound(f"Group {group_id} not found.")
        group.check_offset_delete()
        committed = self.of_group(group_id)
        answers: list[list[MessageQueuesError | None]] = []
        deleted: list[tuple[str, tuple[int, ...]]] = []
        for topic, partitions in topics:
            answers.append([self._delete_refusal(group, topic, partition) for partition in partitions])
            there = committed.get(topic, {})
            gone = tuple(p for p, error in zip(partitions, answers[-1], strict=True) if error is None and p in there)
            if gone:
                deleted.append((topic, gone))
        if deleted:
            self._store([OffsetsDeleted(group_id, tuple(deleted))])
        return answers

    def _delete_refusal(self, group: ClassicGroup, topic: str, partition: int) -> MessageQueuesError | None:
        if partition not in range(self._partition_count(topic) or 0):
            return UnknownTopicOrPartition(f"there is no partition {partition} of topic {topic}")
        if group.is_subscribed_to(topic):
            return GroupSubscribedToTopic(f"group {group.group_id} consumes topic {topic}")
        return None

    # Expiry.

    def expired(self, group: ClassicGroup, now_ms: int) -> tuple[OffsetsDeleted | None, bool]:
        """What is to be deleted now, and whether nothing is left then."""
        committed = self.of_group(group.group_id)
        if not committed:
            return None, True
        since_ms = group.expires_offsets_since_ms()
        if since_ms is None:
            return None, False
        retention_ms = self._settings().offsets_retention_ms

        def is_over(offset: CommittedOffset) -> bool:
            if offset.expires_ms >= 0:
                return now_ms >= offset.expires_ms
            return now_ms - since_ms(offset.committed_ms) >= retention_ms

        over = {
            topic: tuple(partition for partition, offset in partitions.items() if is_over(offset))
            for topic, partitions in committed.items()
            if not group.is_subscribed_to(topic)
        }
        nothing_left = all(len(over.get(topic, ())) == len(partitions) for topic, partitions in committed.items())
        gone = tuple((topic, partitions) for topic, partitions in over.items() if partitions)
        return OffsetsDeleted(group.group_id, gone) if gone else None, nothing_left

    # What the journal says.

    def apply_committed(self, event: OffsetsCommitted) -> None:
        topics = self._committed.setdefault(event.group_id, {})
        for topic, offsets in event.topics:
            partitions = topics.setdefault(topic, {})
            for offset in offsets:
                partitions[offset.partition] = offset

    def apply_deleted(self, event: OffsetsDeleted) -> None:
        topics = self._committed.get(event.group_id, {})
        for topic, deleted in event.topics:
            partitions = topics.get(topic, {})
            for partition in deleted:
                partitions.pop(partition, None)
            if not partitions:
                topics.pop(topic, None)
        if not topics:
            self._committed.pop(event.group_id, None)

    def forget_group(self, group_id: str) -> None:
        self._committed.pop(group_id, None)

    def forget_topic(self, topic: str) -> None:
        """Part of applying the deletion of a topic, so it needs no event of its own."""
        for group_id, topics in tuple(self._committed.items()):
            if topics.pop(topic, None) is not None and not topics:
                del self._committed[group_id]

    def state_event(self, group_id: str) -> OffsetsCommitted | None:
        topics = self._committed.get(group_id)
        if not topics:
            return None
        return OffsetsCommitted(group_id, tuple((topic, tuple(partitions.values())) for topic, partitions in topics.items()))
