"""The coordinator of all groups: joins, syncs, heartbeats, leaves, offsets.

After Kafka 4.3's group coordinator, for the classic protocol. There is one for all simulated nodes; each group belongs to one of them,
and only that one may answer for it (`check_coordinator`).

What must outlive a restart goes through `commit`: it journals the events and hands each back to `apply`. Replaying the journal calls the
same `apply`; `loaded` then begins the sessions. The rest (who has rejoined, parked requests, deadlines) is rebuilt by the clients.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from message_queues.broker.clock import Timer, Timers
from message_queues.broker.coordination.classic_group import (
    ClassicGroup,
    GroupState,
    Joined,
    JoinReply,
    Member,
    Protocols,
    SyncReply,
)
from message_queues.broker.coordination.events import (
    CoordinationEvent,
    GenerationStored,
    GroupDeleted,
    OffsetsCommitted,
    OffsetsDeleted,
)
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.broker.coordination.offsets import Offsets
from message_queues.broker.coordination.placement import coordinator_node
from message_queues.broker.coordination.rebalance import Rebalance
from message_queues.broker.event import Event
from message_queues.errors import (
    GroupIdNotFound,
    GroupMaxSizeReached,
    IllegalGeneration,
    InconsistentGroupProtocol,
    InvalidGroupId,
    InvalidSessionTimeout,
    MemberIdRequired,
    MessageQueuesError,
    NotCoordinator,
    RebalanceInProgress,
    StorageError,
    UnknownMemberId,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Join:
    """A JoinGroup request."""

    group_id: str
    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: Protocols
    needs_member_id: bool = True
    """JoinGroup >= 4: a new dynamic member is first told its id, so that retries do not leave defunct members (KIP-394)."""
    knows_skip_assignment: bool = True
    """JoinGroup >= 9: a static leader that comes back gets the members but need not assign (KIP-814)."""
    reason: str = "not provided"

    @property
    def timeouts_ms(self) -> tuple[int, int]:
        return self.rebalance_timeout_ms, self.session_timeout_ms


@dataclass(frozen=True, slots=True)
class Sync:
    """A SyncGroup request."""

    group_id: str
    member_id: str
    instance_id: str | None
    generation: int
    protocol_type: str | None
    protocol_name: str | None
    assignments: dict[str, bytes]


class Leaver(NamedTuple):
    member_id: str
    instance_id: str | None = None
    reason: str = "not provided"


class GroupCoordinator:
    def __init__(
        self,
        timers: Timers,
        settings: GroupSettings,
        node_ids: Sequence[int],
        partition_count: Callable[[str], int | None],
        commit: Callable[[Sequence[CoordinationEvent]], None],
        new_uuid: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        """`partition_count` is None for a topic that does not exist."""
        self.settings = settings
        """Assign another value when the configuration changes; it counts from the next use."""
        self._timers = timers
        self._node_ids = node_ids
        self._commit = commit
        self._new_uuid = new_uuid
        self._groups: dict[str, ClassicGroup] = {}
        self._rebalance = Rebalance(timers, lambda: self.settings, lambda event: commit([event]))
        self.offsets = Offsets(self._groups, self._rebalance, lambda: self.settings, commit, partition_count, timers.clock)
        self._retention_timer: Timer | None = None

    # Reading.

    def find(self, group_id: str) -> ClassicGroup | None:
        return self._groups.get(group_id)

    def __iter__(self) -> Iterator[ClassicGroup]:
        return iter(self._groups.values())

    def coordinator_of(self, key: str) -> int:
        """The node that coordinates this group or transactional id."""
        return coordinator_node(key, self._node_ids, self.settings.offsets_partitions)

    def check_coordinator(self, group_id: str, node_id: int) -> None:
        if len(self._node_ids) > 1 and self.coordinator_of(group_id) != node_id:
            raise NotCoordinator(f"node {self.coordinator_of(group_id)} coordinates group {group_id}, not node {node_id}")

    # JoinGroup.

    def join(self, join: Join, reply: JoinReply) -> None:
        """`reply` is called once: now, or when the group is ready to go on."""
        try:
            self._join(join, reply)
        except MessageQueuesError as error:
            reply(error)

    def _join(self, join: Join, reply: JoinReply) -> None:
        self._check_join(join)
        group = self._groups.get(join.group_id)
        if group is None:
            if join.member_id:
                raise UnknownMemberId(f"there is no group {join.group_id}")
            group = ClassicGroup(join.group_id)
        self._check_room(group, join.member_id)
        if not group.supports(join.protocol_type, join.protocols):
            raise InconsistentGroupProtocol(f"group {join.group_id} has no protocol in common with {join.client_id}")
        self._groups[join.group_id] = group
        if not join.member_id:
            self._join_new(group, join, reply)
        elif join.member_id in group.pending_joins and join.instance_id is None:
            self._add(group, join, join.member_id, reply)
        else:
            self._join_again(group, join, reply)

    def _check_join(self, join: Join) -> None:
        if not join.group_id:
            raise InvalidGroupId("the group id is empty")
        settings = self.settings
        if not settings.min_session_timeout_ms <= join.session_timeout_ms <= settings.max_session_timeout_ms:
            raise InvalidSessionTimeout(
                f"the session time-out is {join.session_timeout_ms} ms, and must be within group.min.session.timeout.ms "
                f"({settings.min_session_timeout_ms}) and group.max.session.timeout.ms ({settings.max_session_timeout_ms})"
            )

    def _check_room(self, group: ClassicGroup, member_id: str) -> None:
        member = group.members.get(member_id)
        match group.state:
            case GroupState.PREPARING_REBALANCE:
                # Not the number of members: that may be above a limit that was lowered, and whoever rejoins last is to go.
                fits = (member is not None and member.join_reply is not None) or group.awaiting_join < self.settings.max_size
            case GroupState.COMPLETING_REBALANCE | GroupState.STABLE:
                fits = member is not None or len(group.members) < self.settings.max_size
            case _:
                fits = True
        if not fits:
            group.remove(member_id)
            self._rebalance.go_on(group)
            raise GroupMaxSizeReached(f"group {group.group_id} has {self.settings.max_size} members, as many as group.max.size allows")

    def _join_new(self, group: ClassicGroup, join: Join, reply: JoinReply) -> None:
        member_id = f"{join.client_id if join.instance_id is None else join.instance_id}-{self._new_uuid()}"
        if join.instance_id is not None and group.static_member_id(join.instance_id) is not None:
            self._replace_static(group, join, member_id, reply)
        elif join.instance_id is None and join.needs_member_id:
            self._rebalance.expect_join(group, member_id, join.session_timeout_ms)
            raise MemberIdRequired(member_id)
        else:
            self._add(group, join, member_id, reply)

    def _add(self, group: ClassicGroup, join: Join, member_id: str, reply: JoinReply) -> None:
        member = Member(member_id, join.instance_id, (join.client_id, join.client_host), join.timeouts_ms, join.protocols)
        self._rebalance.add_member(group, member, join.protocol_type, reply, join.reason)

    def _replace_static(self, group: ClassicGroup, join: Join, member_id: str, reply: JoinReply) -> None:
        assert join.instance_id is not None
        leader_before = group.leader_id
        member = group.replace_static_member(join.instance_id, member_id)
        group.update(member, join.protocols, join.timeouts_ms)
        self._rebalance.heard_from(group, member)
        if group.state is GroupState.STABLE and group.select_protocol() == group.protocol_name:
            # Same protocol, so everyone keeps their assignment, and the group its generation.
            assignments = {other.member_id: other.assignment for other in group.members.values()}
            self._commit([group.to_store(assignments, self._timers.clock.now_ms())])
            reply(self._joined_as_before(group, member, leader_before, join.knows_skip_assignment))
            return
        group.park_join(member, reply)
        self._rebalance.prepare_or_go_on(group, f"static member {join.instance_id} came back as {member_id}: {join.reason}")

    def _joined_as_before(self, group: ClassicGroup, member: Member, leader_before: str | None, knows_skip_assignment: bool) -> Joined:
        if knows_skip_assignment:
            is_leader = member.member_id == group.leader_id
            return group.joined(member, with_members=is_leader, skip_assignment=is_leader)
        # An older leader would assign anew on seeing itself as the leader: it is told the id that it had.
        return Joined(member.member_id, group.generation, group.protocol_type, group.protocol_name, leader_before or "")

    def _join_again(self, group: ClassicGroup, join: Join, reply: JoinReply) -> None:
        member = group.check_member(join.member_id, join.instance_id)
        is_leader = member.member_id == group.leader_id
        is_unchanged = member.protocols == join.protocols
        match group.state:
            case GroupState.COMPLETING_REBALANCE if is_unchanged:
                # It may have missed the answer to its last JoinGroup.
                reply(group.joined(member, with_members=is_leader))
            case GroupState.STABLE if is_unchanged and not is_leader:
                reply(group.joined(member, with_members=False))
            case _:
                # A leader that joins a Stable group wants a rebalance: what it assigns may have changed, such as the number of partitions.
                self._rebalance.rejoin(group, member, join.protocols, join.timeouts_ms, reply, join.reason)

    # SyncGroup.

    def sync(self, sync: Sync, reply: SyncReply) -> None:
        """`reply` is called once: now, or when the leader has given the assignment."""
        try:
            self._sync(sync, reply)
        except MessageQueuesError as error:
            reply(error)

    def _sync(self, sync: Sync, reply: SyncReply) -> None:
        group = self._existing(sync.group_id)
        member = group.check_member(sync.member_id, sync.instance_id)
        self._check_generation(group, sync.generation)
        if sync.protocol_type not in (None, group.protocol_type) or sync.protocol_name not in (None, group.protocol_name):
            raise InconsistentGroupProtocol(f"group {sync.group_id} uses {group.protocol_type} {group.protocol_name}")
        if group.state is GroupState.PREPARING_REBALANCE:
            raise RebalanceInProgress(f"group {sync.group_id} rebalances")
        if group.state is GroupState.STABLE:
            self._rebalance.sync_came(group, sync.member_id)
            reply(group.synced(member))
            return
        group.park_sync(member, reply)
        self._rebalance.sync_came(group, sync.member_id)
        if sync.member_id == group.leader_id:
            self._rebalance.assign(group, sync.assignments)

    # Heartbeat.

    def heartbeat(self, group_id: str, member_id: str, instance_id: str | None, generation: int) -> None:
        group = self._existing(group_id)
        member = group.check_member(member_id, instance_id)
        self._check_generation(group, generation)
        self._rebalance.heard_from(group, member)
        if group.state is GroupState.PREPARING_REBALANCE:
            raise RebalanceInProgress(f"group {group_id} rebalances")

    # LeaveGroup.

    def leave(self, group_id: str, leavers: Sequence[Leaver]) -> list[MessageQueuesError | None]:
        """One answer per leaver; the group rebalances once, without all of them."""
        try:
            group = self._existing(group_id)
        except UnknownMemberId as error:
            return [error] * len(leavers)
        answers = [self._leave_one(group, leaver) for leaver in leavers]
        if any(answer is None for answer in answers):
            reason = ", ".join(leaver.member_id or leaver.instance_id or "" for leaver in leavers)
            if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
                self._rebalance.prepare(group, f"{reason} left: {leavers[0].reason}")
            else:
                self._rebalance.go_on(group)
        return answers

    def _leave_one(self, group: ClassicGroup, leaver: Leaver) -> MessageQueuesError | None:
        if not leaver.member_id:
            # An administrator removes a static member, whose member id need not be known.
            member_id = group.static_member_id(leaver.instance_id or "")
            if member_id is None:
                return UnknownMemberId(f"group {group.group_id} has no member with the instance id {leaver.instance_id}")
            group.remove(member_id)
            return None
        if leaver.member_id not in group.pending_joins:
            try:
                group.check_member(leaver.member_id, leaver.instance_id)
            except MessageQueuesError as error:
                return error
        group.remove(leaver.member_id)
        return None

    # DeleteGroups.

    def delete(self, group_id: str) -> None:
        group = self._groups.get(group_id)
        if group is None:
            raise GroupIdNotFound(f"Group {group_id} not found.")
        group.check_delete()
        self._commit([GroupDeleted(group_id)])

    def _existing(self, group_id: str) -> ClassicGroup:
        group = self._groups.get(group_id)
        if group is None:
            if not group_id:
                raise InvalidGroupId("the group id is empty")
            raise UnknownMemberId(f"there is no group {group_id}")
        return group

    def _check_generation(self, group: ClassicGroup, generation: int) -> None:
        if generation != group.generation:
            raise IllegalGeneration(f"group {group.group_id} is at generation {group.generation}, not {generation}")

    # Life of the coordinator.

    def loaded(self) -> None:
        """After the replay: members have a whole session to be heard again, and the retention of offsets begins."""
        for group in tuple(self._groups.values()):
            self._rebalance.start(group)
        self._schedule_retention()

    def stop(self) -> None:
        """Answers everything that is parked, so that clients look for another coordinator."""
        if self._retention_timer is not None:
            self._retention_timer.cancel()
        gone = NotCoordinator("the server stops")
        for group in self._groups.values():
            self._rebalance.stop(group)
            for member in group.members.values():
                group.answer_join(member, gone)
                group.answer_sync(member, gone)

    def _schedule_retention(self) -> None:
        self._retention_timer = self._timers.after(self.settings.offsets_retention_check_interval_ms, self._apply_retention)

    def _apply_retention(self) -> None:
        self._schedule_retention()
        now_ms = self._timers.clock.now_ms()
        events: list[CoordinationEvent] = []
        for group in self._groups.values():
            expired, nothing_left = self.offsets.expired(group, now_ms)
            if nothing_left and group.state is GroupState.EMPTY and not group.pending_joins:
                events.append(GroupDeleted(group.group_id))
            elif expired is not None:
                events.append(expired)
        if not events:
            return
        try:
            self._commit(events)
        except StorageError as error:
            logger.warning("expired offsets stay until the next check", extra={"error": str(error)})

    # What the journal says.

    def apply(self, event: Event) -> None:
        match event:
            case OffsetsCommitted():
                if event.group_id not in self._groups:
                    self._groups[event.group_id] = ClassicGroup(event.group_id)
                self.offsets.apply_committed(event)
            case OffsetsDeleted():
                self.offsets.apply_deleted(event)
            case GenerationStored():
                if event.group_id not in self._groups:
                    self._groups[event.group_id] = ClassicGroup(event.group_id)
                self._groups[event.group_id].apply(event)
            case GroupDeleted():
                self.offsets.forget_group(event.group_id)
                group = self._groups.pop(event.group_id, None)
                if group is not None:
                    self._rebalance.stop(group)
                    group.move_to(GroupState.DEAD, self._timers.clock.now_ms())
            case _:
                raise TypeError(f"{type(event).__name__} is no event of groups")

    def topic_deleted(self, topic: str) -> None:
        """Part of applying a topic's deletion."""
        self.offsets.forget_topic(topic)

    def state_events(self) -> Iterable[CoordinationEvent]:
        """The shortest history that ends in the present state. A rebalance under way is no part of it, as in the journal."""
        for group in self._groups.values():
            if group.stored is not None:
                yield group.stored
            offsets = self.offsets.state_event(group.group_id)
            if offsets is not None:
                yield offsets
