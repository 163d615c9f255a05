"""One group of the classic protocol: its members, its state, and the rules that need nothing else.

After Kafka 4.3's ClassicGroup. What moves a group from state to state, and the deadlines, are in `rebalance.py`.
Assignments and metadata are opaque bytes: which partitions go where is decided by the member that leads, so that the eager and the
cooperative protocols look the same from here.

On purpose unlike Kafka: a JoinGroup or SyncGroup that is superseded by the member's own retry, or whose member is removed, gets an error
as its answer, where Kafka leaves the old request without one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from message_queues.broker.clock import Timer
from message_queues.broker.coordination.events import GenerationStored, StoredMember
from message_queues.broker.coordination.subscription import CONSUMER_PROTOCOL, subscribed_topics
from message_queues.errors import (
    FencedInstanceId,
    IllegalGeneration,
    MessageQueuesError,
    NonEmptyGroup,
    RebalanceInProgress,
    UnknownMemberId,
)


class GroupState(StrEnum):
    EMPTY = "Empty"
    """No members; also a simple group, which only commits offsets. A new member => PREPARING_REBALANCE, all offsets gone => DEAD."""
    PREPARING_REBALANCE = "PreparingRebalance"
    """Parks JoinGroups until all expected members have come, or time is up => COMPLETING_REBALANCE, or EMPTY when nobody is left."""
    COMPLETING_REBALANCE = "CompletingRebalance"
    """Parks SyncGroups until the leader's assignment comes => STABLE. A member joins, leaves or fails => PREPARING_REBALANCE."""
    STABLE = "Stable"
    """Everyone has an assignment. A member joins, changes, leaves or fails => PREPARING_REBALANCE."""
    DEAD = "Dead"
    """Deleted: final."""


TRANSITIONS: dict[GroupState, frozenset[GroupState]] = {
    GroupState.EMPTY: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.PREPARING_REBALANCE: frozenset({GroupState.COMPLETING_REBALANCE, GroupState.EMPTY, GroupState.DEAD}),
    GroupState.COMPLETING_REBALANCE: frozenset({GroupState.STABLE, GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.STABLE: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.DEAD: frozenset(),
}

Protocols: TypeAlias = tuple[tuple[str, bytes], ...]
"""(name, metadata), the most preferred first."""


class JoinedMember(NamedTuple):
    member_id: str
    instance_id: str | None
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer to a JoinGroup."""

    member_id: str
    generation: int
    protocol_type: str | None
    protocol_name: str | None
    leader_id: str
    members: tuple[JoinedMember, ...] = ()
    """For the leader only."""
    skip_assignment: bool = False


@dataclass(frozen=True, slots=True)
class Synced:
    """The answer to a SyncGroup."""

    protocol_type: str | None
    protocol_name: str | None
    assignment: bytes


JoinReply: TypeAlias = Callable[[Joined | MessageQueuesError], None]
SyncReply: TypeAlias = Callable[[Synced | MessageQueuesError], None]


class Member:
    """One member, with the requests that it has parked. `session_timer` fires at or before `session_deadline_ms`."""

    __slots__ = (
        "assignment",
        "client_host",
        "client_id",
        "instance_id",
        "is_new",
        "join_reply",
        "member_id",
        "protocols",
        "rebalance_timeout_ms",
        "session_deadline_ms",
        "session_timeout_ms",
        "session_timer",
        "sync_reply",
    )

    def __init__(
        self,
        member_id: str,
        instance_id: str | None,
        client: tuple[str, str],
        timeouts_ms: tuple[int, int],
        protocols: Protocols,
    ) -> None:
        """`client` is (client id, host); `timeouts_ms` is (rebalance, session)."""
        self.member_id = member_id
        self.instance_id = instance_id
        self.client_id, self.client_host = client
        self.rebalance_timeout_ms, self.session_timeout_ms = timeouts_ms
        self.protocols = protocols
        self.assignment = b""
        self.is_new = False
        """Has not had its first JoinGroup answered, so it cannot send heartbeats."""
        self.join_reply: JoinReply | None = None
        self.sync_reply: SyncReply | None = None
        self.session_deadline_ms = 0
        self.session_timer: Timer | None = None

    @property
    def is_static(self) -> bool:
        return self.instance_id is not None

    @property
    def needs_no_heartbeat(self) -> bool:
        """It waits for us, so its silence means nothing; new members may time out all the same."""
        return not self.is_new and (self.join_reply is not None or self.sync_reply is not None)

    def metadata_for(self, protocol_name: str) -> bytes:
        return next((metadata for name, metadata in self.protocols if name == protocol_name), b"")

    def end_session(self) -> None:
        if self.session_timer is not None:
            self.session_timer.cancel()
            self.session_timer = None

    def stored(self, assignment: bytes) -> StoredMember:
        return StoredMember(
            self.member_id,
            self.instance_id,
            self.client_id,
            self.client_host,
            self.rebalance_timeout_ms,
            self.session_timeout_ms,
            self.protocols,
            assignment,
        )


class ClassicGroup:
    def __init__(self, group_id: str) -> None:
        self.group_id = group_id
        self.state = GroupState.EMPTY
        self.previous_state = GroupState.DEAD
        self.state_since_ms = 0
        self.generation = 0
        self.protocol_type: str | None = None
        self.protocol_name: str | None = None
        self.leader_id: str | None = None
        self.members: dict[str, Member] = {}
        self.pending_joins: dict[str, Timer] = {}
        """Members that were given an id and have not come back with it yet; the timer is their session."""
        self.pending_syncs: set[str] = set()
        """Members of this generation that have not sent their SyncGroup."""
        self.awaiting_join = 0
        """How many members have a JoinGroup parked."""
        self.new_member_added = False
        """Someone came during the initial rebalance, so it may be prolonged."""
        self.subscribed_topics: frozenset[str] | None = None
        """None when they cannot be known."""
        self.join_timer: Timer | None = None
        self.sync_timer: Timer | None = None
        self.stored: GenerationStored | None = None
        """The group's last durable form, which the present members may have left behind."""
        self._instances: dict[str, str] = {}
        self._support: dict[str, int] = {}

    # States.

    def move_to(self, state: GroupState, now_ms: int) -> None:
        assert state in TRANSITIONS[self.state], f"group {self.group_id} cannot go from {self.state} to {state}"
        self.previous_state = self.state
        self.state = state
        self.state_since_ms = now_ms

    @property
    def can_rebalance(self) -> bool:
        return GroupState.PREPARING_REBALANCE in TRANSITIONS[self.state]

    @property
    def is_initial_rebalance(self) -> bool:
        return self.state is GroupState.PREPARING_REBALANCE and self.previous_state is GroupState.EMPTY

    @property
    def all_have_joined(self) -> bool:
        return self.awaiting_join == len(self.members) and not self.pending_joins

    def start_next_generation(self, now_ms: int) -> None:
        self.generation += 1
        self.protocol_name = self.select_protocol() if self.members else None
        self.subscribed_topics = self._find_subscribed_topics()
        self.pending_syncs.clear()
        self.move_to(GroupState.COMPLETING_REBALANCE if self.members else GroupState.EMPTY, now_ms)

    # Members.

    @property
    def rebalance_timeout_ms(self) -> int:
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def static_member_id(self, instance_id: str) -> str | None:
        return self._instances.get(instance_id)

    def check_member(self, member_id: str, instance_id: str | None) -> Member:
        if instance_id is not None:
            owner = self._instances.get(instance_id)
            if owner is None:
                raise UnknownMemberId(f"group {self.group_id} has no member with the instance id {instance_id}")
            if owner != member_id:
                raise FencedInstanceId(f"member {owner} of group {self.group_id} now has the instance id {instance_id}")
        member = self.members.get(member_id)
        if member is None:
            raise UnknownMemberId(f"group {self.group_id} has no member {member_id}")
        return member

    def add(self, member: Member, protocol_type: str | None) -> None:
        if not self.members:
            self.protocol_type = protocol_type
        if member.instance_id is not None:
            assert member.instance_id not in self._instances
            self._instances[member.instance_id] = member.member_id
        if self.leader_id is None:
            self.leader_id = member.member_id
        self.members[member.member_id] = member
        self._count_support(member, 1)
        self.forget_pending_join(member.member_id)

    def remove(self, member_id: str) -> None:
        """A member or a pending one; what it has parked is answered with UNKNOWN_MEMBER_ID."""
        self.forget_pending_join(member_id)
        self.pending_syncs.discard(member_id)
        member = self.members.pop(member_id, None)
        if member is None:
            return
        member.end_session()
        self._count_support(member, -1)
        gone = UnknownMemberId(f"member {member_id} was removed from group {self.group_id}")
        self.answer_join(member, gone)
        self.answer_sync(member, gone)
        if member.instance_id is not None:
            del self._instances[member.instance_id]
        if self.leader_id == member_id:
            self.leader_id = next(iter(self.members), None)

    def update(self, member: Member, protocols: Protocols, timeouts_ms: tuple[int, int]) -> None:
        self._count_support(member, -1)
        member.protocols = protocols
        self._count_support(member, 1)
        member.rebalance_timeout_ms, member.session_timeout_ms = timeouts_ms

    def replace_static_member(self, instance_id: str, new_member_id: str) -> Member:
        """The instance came back without its member id: the old id is fenced, the new one has all that the old one had."""
        old = self.members.pop(self._instances[instance_id])
        old.end_session()
        fenced = FencedInstanceId(f"the instance id {instance_id} joined group {self.group_id} again, as {new_member_id}")
        self.answer_join(old, fenced)
        self.answer_sync(old, fenced)
        client, timeouts_ms = (old.client_id, old.client_host), (old.rebalance_timeout_ms, old.session_timeout_ms)
        new = Member(new_member_id, instance_id, client, timeouts_ms, old.protocols)
        new.assignment = old.assignment
        self.members[new_member_id] = new
        self._instances[instance_id] = new_member_id
        if old.member_id in self.pending_syncs:
            self.pending_syncs.remove(old.member_id)
            self.pending_syncs.add(new_member_id)
        if self.leader_id == old.member_id:
            self.leader_id = new_member_id
        return new

    def forget_pending_join(self, member_id: str) -> None:
        timer = self.pending_joins.pop(member_id, None)
        if timer is not None:
            timer.cancel()

    def elect_joined_leader(self) -> bool:
        """Whether the group has a leader that has rejoined; a leader that has not loses its place to one that has."""
        if self.leader_id is None:
            return False
        if self.members[self.leader_id].join_reply is None:
            joined = next((member for member in self.members.values() if member.join_reply is not None), None)
            if joined is None:
                return False
            self.leader_id = joined.member_id
        return True

    # Parked requests.

    def park_join(self, member: Member, reply: JoinReply) -> None:
        self.answer_join(member, RebalanceInProgress(f"member {member.member_id} sent another JoinGroup"))
        member.join_reply = reply
        self.awaiting_join += 1

    def park_sync(self, member: Member, reply: SyncReply) -> None:
        self.answer_sync(member, RebalanceInProgress(f"member {member.member_id} sent another SyncGroup"))
        member.sync_reply = reply

    def answer_join(self, member: Member, answer: Joined | MessageQueuesError) -> bool:
        reply, member.join_reply = member.join_reply, None
        if reply is None:
            return False
        self.awaiting_join -= 1
        reply(answer)
        return True

    def answer_sync(self, member: Member, answer: Synced | MessageQueuesError) -> bool:
        reply, member.sync_reply = member.sync_reply, None
        if reply is None:
            return False
        reply(answer)
        return True

    def joined(self, member: Member, *, with_members: bool, skip_assignment: bool = False) -> Joined:
        return Joined(
            member.member_id,
            self.generation,
            self.protocol_type,
            self.protocol_name,
            self.leader_id or "",
            tuple(self._joined_members()) if with_members else (),
            skip_assignment,
        )

    def synced(self, member: Member) -> Synced:
        return Synced(self.protocol_type, self.protocol_name, member.assignment)

    def _joined_members(self) -> Iterable[JoinedMember]:
        protocol_name = self.protocol_name or ""
        for member in self.members.values():
            yield JoinedMember(member.member_id, member.instance_id, member.metadata_for(protocol_name))

    # Protocols.

    def supports(self, protocol_type: str, protocols: Protocols) -> bool:
        """Whether a member with these could be of the group."""
        if self.state is GroupState.EMPTY:
            return protocol_type != "" and len(protocols) > 0
        everyone = len(self.members)
        return protocol_type == self.protocol_type and any(self._support.get(name, 0) == everyone for name, _ in protocols)

    def select_protocol(self) -> str:
        """Each member votes for the first of its protocols that all members support."""
        everyone = len(self.members)
        votes: dict[str, int] = {}
        for member in self.members.values():
            vote = next(name for name, _ in member.protocols if self._support[name] == everyone)
            votes[vote] = votes.get(vote, 0) + 1
        return max(votes, key=votes.__getitem__)

    def _count_support(self, member: Member, change: int) -> None:
        for name in {name for name, _ in member.protocols}:
            count = self._support.get(name, 0) + change
            if count:
                self._support[name] = count
            else:
                self._support.pop(name, None)

    # Subscriptions and offsets.

    @property
    def uses_consumer_protocol(self) -> bool:
        return self.protocol_type == CONSUMER_PROTOCOL

    def is_subscribed_to(self, topic: str) -> bool:
        if self.subscribed_topics is None:
            return self.uses_consumer_protocol
        return topic in self.subscribed_topics

    def _find_subscribed_topics(self) -> frozenset[str] | None:
        if not self.uses_consumer_protocol:
            return None
        if not self.members:
            return frozenset()
        topics: set[str] = set()
        for member in self.members.values():
            of_member = subscribed_topics(member.metadata_for(self.protocol_name or ""))
            if of_member is None:
                return None
            topics |= of_member
        return frozenset(topics)

    def check_offset_commit(self, member_id: str, instance_id: str | None, generation: int) -> None:
        if generation < 0 and self.state is GroupState.EMPTY:
            # An admin client, or a consumer that assigns partitions itself.
            return
        if generation >= 0 or member_id or instance_id is not None:
            self.check_member(member_id, instance_id)
            if generation != self.generation:
                raise IllegalGeneration(f"group {self.group_id} is at generation {self.generation}, not {generation}")
        else:
            raise UnknownMemberId(f"group {self.group_id} has members: offsets are accepted from them only")
        if self.state is GroupState.COMPLETING_REBALANCE:
            raise RebalanceInProgress(f"group {self.group_id} waits for its assignment")

    def check_offset_delete(self) -> None:
        if self.state is not GroupState.EMPTY and not self.uses_consumer_protocol:
            raise NonEmptyGroup(f"group {self.group_id} has members, and what they consume is not known")

    def check_delete(self) -> None:
        if self.state is not GroupState.EMPTY:
            raise NonEmptyGroup(f"group {self.group_id} has members")

    def expires_offsets_since_ms(self) -> Callable[[int], int] | None:
        """When the retention of an offset committed at a given time began; None when no offset may expire now."""
        if self.protocol_type is None:
            return lambda committed_ms: committed_ms
        if self.state is GroupState.EMPTY:
            return lambda _: self.state_since_ms
        if self.state is GroupState.STABLE and self.uses_consumer_protocol and self.subscribed_topics is not None:
            return lambda committed_ms: committed_ms
        return None

    # The durable form.

    def to_store(self, assignments: dict[str, bytes], now_ms: int) -> GenerationStored:
        """The present generation with these assignments; a member without one gets an empty one."""
        return GenerationStored(
            self.group_id,
            self.generation,
            self.protocol_type,
            self.protocol_name,
            self.leader_id,
            now_ms,
            tuple(member.stored(assignments.get(member.member_id, b"")) for member in self.members.values()),
        )

    def apply(self, event: GenerationStored) -> None:
        """Makes the group what was stored; members that are here already keep their sessions and parked requests."""
        self.stored = event
        self.generation = event.generation
        self.protocol_type = event.protocol_type
        self.protocol_name = event.protocol_name
        for gone in self.members.keys() - {stored.member_id for stored in event.members}:
            self.remove(gone)
        for stored in event.members:
            member = self.members.get(stored.member_id)
            if member is None:
                member = self._load(stored)
            else:
                self.update(member, stored.protocols, (stored.rebalance_timeout_ms, stored.session_timeout_ms))
            member.assignment = stored.assignment
        self.leader_id = event.leader_id
        self.subscribed_topics = self._find_subscribed_topics()
        self.previous_state, self.state = self.state, GroupState.STABLE if event.members else GroupState.EMPTY
        self.state_since_ms = event.stored_ms

    def _load(self, stored: StoredMember) -> Member:
        client = (stored.client_id, stored.client_host)
        timeouts_ms = (stored.rebalance_timeout_ms, stored.session_timeout_ms)
        member = Member(stored.member_id, stored.instance_id, client, timeouts_ms, stored.protocols)
        self.add(member, self.protocol_type)
        return member
