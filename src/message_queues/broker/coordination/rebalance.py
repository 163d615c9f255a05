"""How a classic group gets from one generation to the next: who is waited for, how long, and what is answered.

After the classic part of Kafka 4.3's GroupMetadataManager. A rebalance:

    prepare      members are told to rejoin (heartbeats answer REBALANCE_IN_PROGRESS); their JoinGroups are parked
    finish_join  all have rejoined, or the longest of their rebalance time-outs is over: the rest is removed, the generation goes up,
                 the JoinGroups are answered, the leader's with the members' metadata; SyncGroups are parked
    assign       the leader's SyncGroup brings the assignment: it is stored, and then the SyncGroups are answered

The first rebalance of an Empty group waits `group.initial.rebalance.delay.ms` instead, again and again while new members keep coming,
up to the rebalance time-out.

A session costs one timer per member: a heartbeat moves a number, and the timer looks at it when it fires.
"""

import logging
from collections.abc import Callable
from functools import partial

from message_queues.broker.clock import Timers
from message_queues.broker.coordination.classic_group import ClassicGroup, GroupState, JoinReply, Member, Protocols
from message_queues.broker.coordination.events import GenerationStored
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.errors import MessageQueuesError, NotCoordinator, RebalanceInProgress, StorageError

logger = logging.getLogger(__name__)


class Rebalance:
    """`store` makes an event durable and applies it; it raises StorageError when it cannot."""

    def __init__(self, timers: Timers, settings: Callable[[], GroupSettings], store: Callable[[GenerationStored], None]) -> None:
        self._timers = timers
        self._clock = timers.clock
        self._settings = settings
        self._store = store

    # Sessions.

    def heard_from(self, group: ClassicGroup, member: Member) -> None:
        self._expect_within(group, member, member.session_timeout_ms)

    def _expect_within(self, group: ClassicGroup, member: Member, timeout_ms: int) -> None:
        member.session_deadline_ms = deadline_ms = self._clock.now_ms() + timeout_ms
        timer = member.session_timer
        if timer is None or deadline_ms < timer.deadline_ms:
            self._arm_session(group, member)

    def _arm_session(self, group: ClassicGroup, member: Member) -> None:
        member.end_session()
        member.session_timer = self._timers.at(member.session_deadline_ms, partial(self._check_session, group, member))

    def _check_session(self, group: ClassicGroup, member: Member) -> None:
        member.session_timer = None
        if self._clock.now_ms() < member.session_deadline_ms:
            self._arm_session(group, member)
        elif not member.needs_no_heartbeat:
            # Otherwise the session starts again when what the member has parked is answered.
            logger.info("a member has failed: no heartbeat", extra={"group": group.group_id, "member": member.member_id})
            self._remove_failed(group, member.member_id)

    def _remove_failed(self, group: ClassicGroup, member_id: str) -> None:
        group.remove(member_id)
        if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
            self.prepare(group, f"member {member_id} failed")
        elif group.state is GroupState.PREPARING_REBALANCE and group.all_have_joined:
            self._finish_join(group)

    # Members come and go.

    def expect_join(self, group: ClassicGroup, member_id: str, session_timeout_ms: int) -> None:
        """The member was told its id, and is to join again with it."""
        expire = partial(self._expire_pending_join, group, member_id)
        group.pending_joins[member_id] = self._timers.after(session_timeout_ms, expire)

    def _expire_pending_join(self, group: ClassicGroup, member_id: str) -> None:
        group.remove(member_id)
        if group.state is GroupState.PREPARING_REBALANCE and group.all_have_joined:
            self._finish_join(group)

    def add_member(self, group: ClassicGroup, member: Member, protocol_type: str, reply: JoinReply, reason: str) -> None:
        member.is_new = True
        if group.is_initial_rebalance:
            group.new_member_added = True
        group.add(member, protocol_type)
        group.park_join(member, reply)
        # It cannot send heartbeats before it is answered, nor be seen to have gone: without an end to its waiting, clients that retry
        # during a long rebalance would leave a defunct member behind each time.
        self._expect_within(group, member, self._settings().new_member_join_timeout_ms)
        self.prepare_or_go_on(group, f"member {member.member_id} joined: {reason}")

    def rejoin(
        self, group: ClassicGroup, member: Member, protocols: Protocols, timeouts_ms: tuple[int, int], reply: JoinReply, reason: str
    ) -> None:
        group.update(member, protocols, timeouts_ms)
        group.park_join(member, reply)
        self.prepare_or_go_on(group, f"member {member.member_id} joined again: {reason}")

    # From generation to generation.

    def prepare_or_go_on(self, group: ClassicGroup, reason: str) -> None:
        if group.can_rebalance:
            self.prepare(group, reason)
        else:
            self.go_on(group)

    def prepare(self, group: ClassicGroup, reason: str) -> None:
        if group.state is GroupState.COMPLETING_REBALANCE:
            self._refuse_syncs(group, RebalanceInProgress(f"group {group.group_id} rebalances"))
        self._stop_waiting_for_syncs(group)
        is_initial = group.state is GroupState.EMPTY
        group.move_to(GroupState.PREPARING_REBALANCE, self._clock.now_ms())
        logger.info("a group rebalances", extra={"group": group.group_id, "generation": group.generation, "reason": reason})
        if is_initial:
            delay_ms = self._settings().initial_rebalance_delay_ms
            self._wait_for_more_members(group, delay_ms, max(group.rebalance_timeout_ms - delay_ms, 0))
        elif group.all_have_joined:
            self._finish_join(group)
        else:
            self._finish_join_within_timeout(group)

    def go_on(self, group: ClassicGroup) -> None:
        """Ends the wait for JoinGroups when there is nobody left to wait for."""
        if group.state is GroupState.PREPARING_REBALANCE and not group.is_initial_rebalance and group.all_have_joined:
            self._finish_join(group)

    def _wait_for_more_members(self, group: ClassicGroup, delay_ms: int, remaining_ms: int) -> None:
        def time_is_up() -> None:
            if group.new_member_added and remaining_ms != 0:
                group.new_member_added = False
                next_delay_ms = min(self._settings().initial_rebalance_delay_ms, remaining_ms)
                self._wait_for_more_members(group, next_delay_ms, max(remaining_ms - delay_ms, 0))
            else:
                self._finish_join(group)

        group.join_timer = self._timers.after(delay_ms, time_is_up)

    def _finish_join_within_timeout(self, group: ClassicGroup) -> None:
        self._stop_waiting_for_joins(group)
        group.join_timer = self._timers.after(group.rebalance_timeout_ms, partial(self._finish_join, group))

    def _finish_join(self, group: ClassicGroup) -> None:
        self._stop_waiting_for_joins(group)
        # Static members keep their place until their session ends: they may be restarting.
        absent = [m.member_id for m in group.members.values() if m.join_reply is None and not m.is_static]
        for member_id in absent:
            logger.info("a member did not rejoin in time", extra={"group": group.group_id, "member": member_id})
            group.remove(member_id)
        if not group.elect_joined_leader() and group.members:
            logger.info("a group waits again: it has static members only, and none has rejoined", extra={"group": group.group_id})
            self._finish_join_within_timeout(group)
            return
        group.start_next_generation(self._clock.now_ms())
        if group.members:
            self._answer_joins(group)
        else:
            self._store_emptiness(group)

    def _answer_joins(self, group: ClassicGroup) -> None:
        facts = {"group": group.group_id, "generation": group.generation, "size": len(group.members)}
        logger.info("a generation begins", extra=facts)
        for member in group.members.values():
            group.answer_join(member, group.joined(member, with_members=member.member_id == group.leader_id))
            self.heard_from(group, member)
            member.is_new = False
        group.pending_syncs = set(group.members)
        group.sync_timer = self._timers.after(group.rebalance_timeout_ms, partial(self._remove_those_without_sync, group))

    def _store_emptiness(self, group: ClassicGroup) -> None:
        logger.info("a group is empty", extra={"group": group.group_id, "generation": group.generation})
        try:
            self._store(group.to_store({}, self._clock.now_ms()))
        except StorageError as error:
            # After a restart the last generation would be back, and end with its members' sessions: no harm.
            logger.warning("that a group is empty could not be stored", extra={"group": group.group_id, "error": str(error)})

    # Assignments.

    def sync_came(self, group: ClassicGroup, member_id: str) -> None:
        group.pending_syncs.discard(member_id)
        if not group.pending_syncs:
            self._stop_waiting_for_syncs(group)

    def assign(self, group: ClassicGroup, assignments: dict[str, bytes]) -> None:
        """The leader has spoken: the generation is stored, and everyone gets what is theirs."""
        try:
            self._store(group.to_store(assignments, self._clock.now_ms()))
        except StorageError as error:
            logger.warning("the assignment of a group could not be stored", extra={"group": group.group_id, "error": str(error)})
            # Kafka maps KAFKA_STORAGE_ERROR to NOT_COORDINATOR here: the member finds its coordinator again, and rejoins.
            self._refuse_syncs(group, NotCoordinator(f"the assignment of group {group.group_id} could not be stored"))
            self.prepare(group, "the assignment could not be stored")
            return
        for member in group.members.values():
            if group.answer_sync(member, group.synced(member)):
                self.heard_from(group, member)

    def _refuse_syncs(self, group: ClassicGroup, error: MessageQueuesError) -> None:
        for member in group.members.values():
            member.assignment = b""
            if group.answer_sync(member, error):
                self.heard_from(group, member)

    def _remove_those_without_sync(self, group: ClassicGroup) -> None:
        group.sync_timer = None
        silent = sorted(group.pending_syncs)
        for member_id in silent:
            group.remove(member_id)
        if silent:
            self.prepare(group, f"no SyncGroup came from {', '.join(silent)}")

    # Deadlines of a group.

    def start(self, group: ClassicGroup) -> None:
        """The group was loaded from the journal: its members have a whole session to be heard."""
        for member in group.members.values():
            self.heard_from(group, member)
        if len(group.members) > self._settings().max_size:
            self.prepare(group, f"loaded with {len(group.members)} members, more than group.max.size")

    def stop(self, group: ClassicGroup) -> None:
        self._stop_waiting_for_joins(group)
        self._stop_waiting_for_syncs(group)
        for member in group.members.values():
            member.end_session()
        for member_id in tuple(group.pending_joins):
            group.forget_pending_join(member_id)

    def _stop_waiting_for_joins(self, group: ClassicGroup) -> None:
        if group.join_timer is not None:
            group.join_timer.cancel()
            group.join_timer = None

    def _stop_waiting_for_syncs(self, group: ClassicGroup) -> None:
        group.pending_syncs.clear()
        if group.sync_timer is not None:
            group.sync_timer.cancel()
            group.sync_timer = None
