"""A Kafka consumer group: declared here, made by the broker when its first consumer joins; described, measured, reset, deleted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from message_queues.clients.ports import Admin, MemberState, TopicPartition
from message_queues.errors import Conflict, InvalidArgument
from message_queues.messaging.arguments import checked_choice, checked_topic_names


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """What a program declared of a group."""

    group_id: str
    cluster: str
    topics: tuple[str, ...]
    auto_offset_reset: str
    enable_auto_commit: bool
    config: Mapping[str, str | int | float | bool]

    def differences(self, wanted: "GroupSettings") -> tuple[str, ...]:
        """What `wanted` would have otherwise."""
        pairs: tuple[tuple[str, object, object], ...] = (
            ("topics", list(self.topics), list(wanted.topics)),
            ("auto_offset_reset", self.auto_offset_reset, wanted.auto_offset_reset),
            ("enable_auto_commit", self.enable_auto_commit, wanted.enable_auto_commit),
            ("config", dict(self.config), dict(wanted.config)),
        )
        return tuple(f"{name} is {held!r}, not {asked!r}" for name, held, asked in pairs if held != asked)


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """A group at one moment: what was declared, and what the broker knows of it."""

    group_id: str
    cluster: str
    topics: tuple[str, ...]
    auto_offset_reset: str
    enable_auto_commit: bool
    state: str
    """As Kafka names it (Stable, Empty, PreparingRebalance, …), or "Declared" while the broker does not know the group."""
    assignor: str
    coordinator: int | None
    members: tuple[MemberState, ...]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind in one partition, in offsets."""

    committed: int | None
    """The next offset the group reads; None before its first commit."""
    end: int
    """The offset that the next message will get."""
    lag: int
    """end less committed; before the first commit, all that there is from where the group would begin."""


class ConsumerGroup:
    """A group over one or more topics, which need not exist yet. Made by `MessageQueues.create_consumer_group`."""

    def __init__(self, admin: Admin, settings: GroupSettings, on_delete: Callable[[], None]) -> None:
        self._admin = admin
        self._on_delete = on_delete
        self.settings = settings

    @property
    def group_id(self) -> str:
        """Its name, on its cluster."""
        return self.settings.group_id

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it was declared over."""
        return self.settings.topics

    def describe(self) -> GroupDescription:
        """What was declared, and the group's state and members as its coordinator has them now."""
        settings = self.settings
        state = self._admin.group(settings.group_id)
        return GroupDescription(
            settings.group_id,
            settings.cluster,
            settings.topics,
            settings.auto_offset_reset,
            settings.enable_auto_commit,
            "Declared" if state is None else state.state,
            "" if state is None else state.assignor,
            None if state is None else state.coordinator,
            () if state is None else state.members,
        )

    def lag(self) -> dict[TopicPartition, Lag]:
        """Of every partition of its topics (and of others that it has commits for): committed offset, end and the distance."""
        committed = self._admin.committed(self.group_id)
        partitions = sorted({*self._partitions(self.topics), *committed})
        ends = self._admin.offsets(partitions, "latest")
        begin = "earliest" if self.settings.auto_offset_reset == "earliest" else "latest"
        starts = self._admin.offsets([each for each in partitions if each not in committed], begin)
        return {
            each: Lag(committed.get(each), ends[each], max(0, ends[each] - committed.get(each, starts.get(each, 0)))) for each in partitions
        }

    def reset_offsets(self, to: str | int, *, topics: list[str] | None = None) -> dict[TopicPartition, int]:
        """Let the group read again from elsewhere: `to` is "earliest", "latest", or milliseconds since 1970 (the first message that
        old or younger). Of all its topics, or the ones given. Returns the offsets set.

        Raises Conflict while the group has members: Kafka accepts it only from a stopped group.
        """
        if isinstance(to, bool) or not isinstance(to, int):
            checked_choice("to", to, ("earliest", "latest"))
        elif to < 0:
            raise InvalidArgument(f"to={to} must be milliseconds since 1970, 'earliest' or 'latest'")
        chosen = self.topics if topics is None else checked_topic_names("topics", topics)
        state = self._admin.group(self.group_id)
        if state is not None and state.members:
            raise Conflict(f"group {self.group_id!r} has {len(state.members)} members: stop its consumers before its offsets are reset")
        offsets = self._admin.offsets(self._partitions(chosen), to)
        if offsets:
            self._admin.commit_for(self.group_id, offsets)
        return offsets

    def _partitions(self, topics: tuple[str, ...]) -> list[TopicPartition]:
        return [TopicPartition(topic, each.partition) for topic in topics for each in self._admin.partitions(topic) or ()]

    def delete(self) -> None:
        """Delete the group with its committed offsets. Raises NonEmptyGroup while it has members; one that never joined is forgotten."""
        if self._admin.group(self.group_id) is not None:
            self._admin.delete_group(self.group_id)
        self._on_delete()

    def __repr__(self) -> str:
        return f"ConsumerGroup({self.group_id!r}, topics={list(self.topics)!r}, cluster={self.settings.cluster!r})"
