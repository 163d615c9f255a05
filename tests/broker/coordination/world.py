"""A coordinator with a journal in memory and a clock set by hand, and members that talk to it."""

import struct
from collections.abc import Iterator, Sequence
from itertools import count

from message_queues.broker.clock import ManualClock, Timers
from message_queues.broker.coordination.classic_group import ClassicGroup, Joined, Synced
from message_queues.broker.coordination.coordinator import GroupCoordinator, Join, Leaver, Sync
from message_queues.broker.coordination.events import CoordinationEvent
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.broker.coordination.offsets import OffsetCommit, OffsetToCommit
from message_queues.errors import MessageQueuesError, StorageError

SESSION_MS = 10_000
REBALANCE_MS = 60_000
DELAY_MS = 3_000


def subscription(*topics: str) -> bytes:
    """ConsumerProtocolSubscription, version 0, without user data."""
    names = b"".join(struct.pack(">h", len(name)) + name.encode() for name in topics)
    return struct.pack(">hi", 0, len(topics)) + names + struct.pack(">i", -1)


RANGE = (("range", subscription("orders")),)


class JoinAnswer:
    """Where the answer to a JoinGroup arrives; a second one is an error."""

    def __init__(self) -> None:
        self.answer: Joined | MessageQueuesError | None = None

    def __call__(self, answer: Joined | MessageQueuesError) -> None:
        assert self.answer is None, "a JoinGroup was answered twice"
        self.answer = answer

    @property
    def is_answered(self) -> bool:
        return self.answer is not None

    @property
    def joined(self) -> Joined:
        assert isinstance(self.answer, Joined), f"not joined: {self.answer!r}"
        return self.answer

    @property
    def error(self) -> MessageQueuesError:
        assert isinstance(self.answer, MessageQueuesError), f"no error: {self.answer!r}"
        return self.answer


class SyncAnswer:
    """Where the answer to a SyncGroup arrives; a second one is an error."""

    def __init__(self) -> None:
        self.answer: Synced | MessageQueuesError | None = None

    def __call__(self, answer: Synced | MessageQueuesError) -> None:
        assert self.answer is None, "a SyncGroup was answered twice"
        self.answer = answer

    @property
    def is_answered(self) -> bool:
        return self.answer is not None

    @property
    def synced(self) -> Synced:
        assert isinstance(self.answer, Synced), f"not synced: {self.answer!r}"
        return self.answer

    @property
    def error(self) -> MessageQueuesError:
        assert isinstance(self.answer, MessageQueuesError), f"no error: {self.answer!r}"
        return self.answer


class World:
    def __init__(
        self,
        settings: GroupSettings | None = None,
        journal: Sequence[CoordinationEvent] = (),
        now_ms: int = 1_000_000,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self.clock = ManualClock(now_ms)
        self.timers = Timers(self.clock)
        self.journal: list[CoordinationEvent] = list(journal)
        self.topics: dict[str, int] = {"orders": 12, "payments": 3}
        self.disk_is_full = False
        self.numbers = numbers or count(1)
        """Stand for the UUIDs in member ids, which no restart repeats."""
        self.groups = GroupCoordinator(
            self.timers, settings or GroupSettings(), (0,), self.topics.get, self.commit, new_uuid=lambda: str(next(self.numbers))
        )
        for event in journal:
            self.groups.apply(event)
        self.groups.loaded()

    def commit(self, events: Sequence[CoordinationEvent]) -> None:
        if self.disk_is_full:
            raise StorageError("no space left")
        self.journal.extend(events)
        for event in events:
            self.groups.apply(event)

    def restarted(self, settings: GroupSettings | None = None) -> "World":
        """Another process on the same journal."""
        return World(settings or self.groups.settings, self.journal, self.clock.now_ms(), self.numbers)

    def after(self, delay_ms: int) -> None:
        """Time passes, and every deadline is met when it comes."""
        end_ms = self.clock.now_ms() + delay_ms
        while (deadline_ms := self.timers.next_deadline()) is not None and deadline_ms <= end_ms:
            self.clock.set(max(deadline_ms, self.clock.now_ms()))
            self.timers.fire_due()
        self.clock.set(end_ms)

    @property
    def group(self) -> ClassicGroup:
        group = self.groups.find("g")
        assert group is not None
        return group

    # Requests; the defaults are those of one consumer of the group "g".

    def join(
        self,
        member_id: str = "",
        instance_id: str | None = None,
        protocols: tuple[tuple[str, bytes], ...] = RANGE,
        *,
        group_id: str = "g",
        client_id: str = "c",
        protocol_type: str = "consumer",
        session_timeout_ms: int = SESSION_MS,
        rebalance_timeout_ms: int = REBALANCE_MS,
        needs_member_id: bool = False,
        knows_skip_assignment: bool = True,
    ) -> JoinAnswer:
        answer = JoinAnswer()
        join = Join(
            group_id,
            member_id,
            instance_id,
            client_id,
            "/127.0.0.1",
            session_timeout_ms,
            rebalance_timeout_ms,
            protocol_type,
            protocols,
            needs_member_id,
            knows_skip_assignment,
        )
        self.groups.join(join, answer)
        return answer

    def sync(
        self,
        member_id: str,
        generation: int,
        assignments: dict[str, bytes] | None = None,
        instance_id: str | None = None,
        protocol_type: str | None = "consumer",
        protocol_name: str | None = "range",
        group_id: str = "g",
    ) -> SyncAnswer:
        answer = SyncAnswer()
        self.groups.sync(Sync(group_id, member_id, instance_id, generation, protocol_type, protocol_name, assignments or {}), answer)
        return answer

    def heartbeat(self, member_id: str, generation: int, instance_id: str | None = None, group_id: str = "g") -> None:
        self.groups.heartbeat(group_id, member_id, instance_id, generation)

    def leave(self, *member_ids: str, group_id: str = "g") -> list[MessageQueuesError | None]:
        return self.groups.leave(group_id, [Leaver(member_id) for member_id in member_ids])

    def commit_offset(
        self,
        topic: str = "orders",
        partition: int = 0,
        offset: int = 42,
        metadata: str | None = "",
        *,
        leader_epoch: int = -1,
        group_id: str = "g",
        member_id: str = "",
        instance_id: str | None = None,
        generation: int = -1,
        retention_ms: int = -1,
    ) -> MessageQueuesError | None:
        asked = OffsetToCommit(partition, offset, leader_epoch, metadata)
        commit = OffsetCommit(group_id, [(topic, [asked])], member_id, instance_id, generation, retention_ms)
        [[answer]] = self.groups.offsets.commit(commit)
        return answer

    def committed(self, topic: str = "orders", partition: int = 0, group_id: str = "g") -> int | None:
        offset = self.groups.offsets.of_group(group_id).get(topic, {}).get(partition)
        return None if offset is None else offset.offset

    # Groups made ready.

    def stable(self, size: int = 1, *, session_timeout_ms: int = SESSION_MS, rebalance_timeout_ms: int = REBALANCE_MS) -> list[str]:
        """The member ids of a Stable group of so many dynamic members, the leader first; each is assigned its own id."""
        answers = [self.join(session_timeout_ms=session_timeout_ms, rebalance_timeout_ms=rebalance_timeout_ms) for _ in range(size)]
        while any(answer.answer is None for answer in answers):
            self.after(DELAY_MS)
        return self.assign(answers)

    def assign(self, answers: Sequence[JoinAnswer]) -> list[str]:
        """The leader assigns to each member its own id."""
        joined = sorted((answer.joined for answer in answers), key=lambda one: one.member_id != one.leader_id)
        ids = [one.member_id for one in joined]
        syncs = [self.sync(one.member_id, one.generation, {i: i.encode() for i in ids}) for one in reversed(joined)]
        assert [sync.synced.assignment for sync in syncs] == [i.encode() for i in reversed(ids)]
        return ids
