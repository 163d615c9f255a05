"""From JoinGroup to a Stable group and back: who is waited for, and how long."""

import pytest

from message_queues.broker.coordination.classic_group import GroupState
from message_queues.broker.coordination.events import GenerationStored
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.errors import (
    IllegalGeneration,
    MemberIdRequired,
    NotCoordinator,
    RebalanceInProgress,
    UnknownMemberId,
)
from tests.broker.coordination.world import DELAY_MS, REBALANCE_MS, SESSION_MS, World, subscription

CHANGED = (("range", subscription("orders", "payments")),)


# The first rebalance.


def test_the_first_member_waits_for_others_and_then_leads() -> None:
    world = World()
    first, second = world.join(), world.join()
    world.after(DELAY_MS - 1)
    assert first.answer is None
    world.after(1 + DELAY_MS)
    assert first.joined.leader_id == first.joined.member_id
    assert first.joined.generation == second.joined.generation == 1
    assert first.joined.protocol_type == "consumer"
    assert first.joined.protocol_name == "range"
    assert [member.member_id for member in first.joined.members] == [first.joined.member_id, second.joined.member_id]
    assert second.joined.members == ()
    assert second.joined.leader_id == first.joined.member_id
    assert world.group.state is GroupState.COMPLETING_REBALANCE


def test_without_a_delay_the_group_is_ready_at_once() -> None:
    world = World(GroupSettings(initial_rebalance_delay_ms=0))
    alone = world.join()
    world.after(0)
    assert alone.joined.generation == 1


def test_each_newcomer_prolongs_the_first_rebalance() -> None:
    world = World()
    first = world.join()
    for _ in range(4):
        world.after(DELAY_MS - 1)
        world.join()
        world.after(1)
    assert first.answer is None
    world.after(DELAY_MS)
    assert len(first.joined.members) == 5


def test_the_first_rebalance_ends_with_the_rebalance_timeout_however_many_come() -> None:
    world = World()
    first = world.join(rebalance_timeout_ms=10_000)
    for _ in range(9):
        world.after(1_000)
        world.join(rebalance_timeout_ms=10_000)
    world.after(999)
    assert not first.is_answered
    world.after(1)
    assert len(first.joined.members) == 10


def test_all_may_leave_during_the_first_rebalance() -> None:
    world = World()
    first = world.join()
    [member_id] = world.group.members
    assert world.leave(member_id) == [None]
    assert isinstance(first.error, UnknownMemberId)
    world.after(DELAY_MS)
    assert world.group.state is GroupState.EMPTY
    assert world.group.generation == 1


# Later rebalances.


def test_a_newcomer_starts_a_rebalance_and_the_others_hear_of_it_by_heartbeat() -> None:
    world = World()
    leader, follower = world.stable(2)
    newcomer = world.join()
    for member_id in (leader, follower):
        with pytest.raises(RebalanceInProgress):
            world.heartbeat(member_id, 1)
    rejoined = [world.join(leader), world.join(follower)]
    assert newcomer.joined.generation == 2
    assert rejoined[0].joined.leader_id == leader
    assert len(rejoined[0].joined.members) == 3
    world.assign([newcomer, *rejoined])
    assert world.group.state is GroupState.STABLE


def test_members_that_do_not_rejoin_in_time_are_removed() -> None:
    world = World()
    leader, follower = world.stable(2, session_timeout_ms=2 * REBALANCE_MS)
    rejoined = world.join(follower, protocols=CHANGED, session_timeout_ms=2 * REBALANCE_MS)
    world.after(REBALANCE_MS - 1)
    assert rejoined.answer is None
    world.after(1)
    assert rejoined.joined.leader_id == follower, "who has rejoined leads"
    with pytest.raises(UnknownMemberId):
        world.heartbeat(leader, 1)


def test_a_member_that_leaves_during_a_rebalance_is_not_waited_for() -> None:
    world = World()
    leader, follower = world.stable(2)
    rejoined = world.join(leader)
    assert rejoined.answer is None
    world.leave(follower)
    assert [member.member_id for member in rejoined.joined.members] == [leader]


def test_a_pending_member_is_waited_for_until_its_session_ends() -> None:
    world = World()
    [leader] = world.stable()
    pending = world.join(needs_member_id=True)
    assert isinstance(pending.error, MemberIdRequired)
    rejoined = world.join(leader)
    assert rejoined.answer is None
    world.after(SESSION_MS)
    assert rejoined.joined.generation == 2


def test_a_pending_member_that_leaves_is_not_waited_for() -> None:
    world = World()
    [leader] = world.stable()
    pending = world.join(needs_member_id=True).error
    assert isinstance(pending, MemberIdRequired)
    rejoined = world.join(leader)
    assert world.leave(pending.member_id) == [None]
    assert rejoined.joined.generation == 2


def test_the_last_member_leaves_an_empty_group_of_a_new_generation() -> None:
    world = World()
    [alone] = world.stable()
    world.leave(alone)
    assert world.group.state is GroupState.EMPTY
    assert world.group.generation == 2
    assert world.group.protocol_type == "consumer"
    assert world.group.protocol_name is None


def test_a_new_member_parked_for_five_minutes_is_removed() -> None:
    world = World()
    leader, _ = world.stable(2, rebalance_timeout_ms=1_000_000, session_timeout_ms=1_000_000)
    newcomer = world.join()
    world.after(299_999)
    assert newcomer.answer is None
    world.after(1)
    assert isinstance(newcomer.error, UnknownMemberId)
    assert len(world.group.members) == 2
    assert leader in world.group.members


def test_joining_again_while_parked_answers_the_older_request() -> None:
    world = World()
    leader, _ = world.stable(2)
    older = world.join(leader)
    newer = world.join(leader)
    assert isinstance(older.error, RebalanceInProgress)
    assert newer.answer is None
    assert world.group.awaiting_join == 1


# Assignments.


def test_everyone_gets_what_the_leader_gave_and_those_without_get_nothing() -> None:
    world = World()
    answers = [world.join() for _ in range(3)]
    world.after(2 * DELAY_MS)
    leader, second, third = (answer.joined.member_id for answer in answers)
    waiting = world.sync(second, 1)
    assert waiting.answer is None
    assert world.sync(leader, 1, {leader: b"0,1", second: b"2,3"}).synced.assignment == b"0,1"
    assert waiting.synced.assignment == b"2,3"
    assert waiting.synced.protocol_name == "range"
    assert world.group.state is GroupState.STABLE
    assert world.sync(third, 1).synced.assignment == b""
    assert world.sync(second, 1).synced.assignment == b"2,3", "asking again is fine"


def test_a_rebalance_sends_waiting_syncs_back_to_join() -> None:
    world = World()
    answers = [world.join() for _ in range(2)]
    world.after(2 * DELAY_MS)
    waiting = world.sync(answers[1].joined.member_id, 1)
    world.join()
    assert isinstance(waiting.error, RebalanceInProgress)
    assert isinstance(world.sync(answers[0].joined.member_id, 1).error, RebalanceInProgress)


def test_members_that_do_not_sync_within_the_rebalance_timeout_are_removed() -> None:
    world = World()
    answers = [world.join(rebalance_timeout_ms=5_000) for _ in range(2)]
    world.after(5_000)
    leader, silent = (answer.joined.member_id for answer in answers)
    world.sync(leader, 1, {leader: b"all"})
    world.after(4_000)
    world.heartbeat(leader, 1)
    world.heartbeat(silent, 1)
    world.after(1_000)
    assert silent not in world.group.members
    with pytest.raises(RebalanceInProgress):
        world.heartbeat(leader, 1)
    assert world.join(leader).joined.generation == 2


def test_all_are_removed_when_nobody_syncs() -> None:
    world = World()
    world.join(rebalance_timeout_ms=5_000)
    world.after(DELAY_MS)
    world.after(5_000)
    assert world.group.state is GroupState.EMPTY
    assert world.group.generation == 2


def test_the_leader_that_fails_while_others_wait_for_its_assignment_starts_a_rebalance() -> None:
    world = World()
    answers = [world.join() for _ in range(2)]
    world.after(2 * DELAY_MS)
    leader, follower = (answer.joined.member_id for answer in answers)
    waiting = world.sync(follower, 1)
    world.after(SESSION_MS)
    assert leader not in world.group.members
    assert isinstance(waiting.error, RebalanceInProgress)
    assert world.join(follower).joined.leader_id == follower


def test_a_member_removed_while_it_waits_for_its_assignment_is_told() -> None:
    world = World()
    answers = [world.join() for _ in range(2)]
    world.after(2 * DELAY_MS)
    follower = answers[1].joined.member_id
    waiting = world.sync(follower, 1)
    world.leave(follower)
    assert isinstance(waiting.error, UnknownMemberId)


def test_an_assignment_that_cannot_be_stored_is_not_handed_out() -> None:
    world = World()
    answers = [world.join() for _ in range(2)]
    world.after(2 * DELAY_MS)
    leader, follower = (answer.joined.member_id for answer in answers)
    waiting = world.sync(follower, 1)
    world.disk_is_full = True
    assert isinstance(world.sync(leader, 1, {leader: b"x"}).error, NotCoordinator)
    assert isinstance(waiting.error, NotCoordinator)
    assert world.group.state is GroupState.PREPARING_REBALANCE
    assert world.journal == []
    world.disk_is_full = False
    world.assign([world.join(leader), world.join(follower)])


def test_a_generation_is_stored_when_it_is_stable_and_when_the_group_is_empty() -> None:
    world = World()
    [alone] = world.stable()
    [stored] = world.journal
    assert isinstance(stored, GenerationStored)
    assert (stored.generation, stored.leader_id, stored.protocol_name) == (1, alone, "range")
    assert [(member.member_id, member.assignment) for member in stored.members] == [(alone, alone.encode())]
    world.leave(alone)
    emptied = world.journal[-1]
    assert isinstance(emptied, GenerationStored)
    assert (emptied.generation, emptied.leader_id, emptied.protocol_name, emptied.members) == (2, None, None, ())


def test_an_empty_group_that_cannot_be_stored_is_empty_all_the_same() -> None:
    world = World()
    [alone] = world.stable()
    world.disk_is_full = True
    world.leave(alone)
    assert world.group.state is GroupState.EMPTY


# Sessions.


def test_a_silent_member_is_removed_when_its_session_ends() -> None:
    world = World()
    leader, follower = world.stable(2)
    world.after(SESSION_MS - 1)
    world.heartbeat(leader, 1)
    assert follower in world.group.members
    world.after(1)
    assert list(world.group.members) == [leader]
    with pytest.raises(UnknownMemberId):
        world.heartbeat(follower, 1)
    with pytest.raises(RebalanceInProgress):
        world.heartbeat(leader, 1)


def test_heartbeats_keep_a_member_for_ever() -> None:
    world = World()
    [alone] = world.stable()
    for _ in range(1_000):
        world.after(SESSION_MS - 1)
        world.heartbeat(alone, 1)
    assert world.group.state is GroupState.STABLE


def test_a_heartbeat_sets_no_timer() -> None:
    world = World()
    [alone] = world.stable()
    timer = world.group.members[alone].session_timer
    for _ in range(100):
        world.after(10)
        world.heartbeat(alone, 1)
    assert world.group.members[alone].session_timer is timer


def test_a_member_that_shortens_its_session_is_held_to_the_new_one() -> None:
    world = World()
    leader, follower = world.stable(2, session_timeout_ms=600_000)
    world.assign([world.join(follower, protocols=CHANGED, session_timeout_ms=6_000), world.join(leader, session_timeout_ms=600_000)])
    world.after(6_000)
    assert list(world.group.members) == [leader]


def test_a_parked_join_needs_no_heartbeat() -> None:
    world = World()
    leader, follower = world.stable(2, session_timeout_ms=6_000)
    parked = world.join(leader, session_timeout_ms=6_000)
    for _ in range(9):
        world.after(5_000)
        with pytest.raises(RebalanceInProgress):
            world.heartbeat(follower, 1)
    assert parked.answer is None
    assert leader in world.group.members
    rejoined = world.join(follower)
    assert parked.joined.generation == rejoined.joined.generation == 2
    world.after(6_000)
    assert leader not in world.group.members, "once answered, its session counts again"


def test_heartbeats_are_answered_well_while_the_leader_assigns() -> None:
    world = World()
    joined = world.join()
    world.after(DELAY_MS)
    assert world.group.state is GroupState.COMPLETING_REBALANCE
    world.heartbeat(joined.joined.member_id, 1)


def test_a_heartbeat_of_another_generation_is_refused() -> None:
    world = World()
    [alone] = world.stable()
    for generation in (0, 2, -1):
        with pytest.raises(IllegalGeneration):
            world.heartbeat(alone, generation)


# Stop and restart.


def test_stopping_answers_everything_that_is_parked() -> None:
    world = World()
    answers = [world.join() for _ in range(2)]
    world.after(2 * DELAY_MS)
    sync = world.sync(answers[1].joined.member_id, 1)
    other = world.join(group_id="other")
    world.groups.stop()
    assert isinstance(sync.error, NotCoordinator)
    assert isinstance(other.error, NotCoordinator)
    assert world.timers.next_deadline() is None


def test_after_a_restart_the_members_of_the_last_generation_go_on() -> None:
    world = World()
    leader, follower = world.stable(2)
    world.after(SESSION_MS - 1)
    again = world.restarted()
    again.after(SESSION_MS - 1)
    for member_id in (leader, follower):
        again.heartbeat(member_id, 1)
        assert again.sync(member_id, 1).synced.assignment == member_id.encode()
        assert again.commit_offset(member_id=member_id, generation=1) is None
    assert again.join(follower).joined.generation == 1, "a follower that rejoins unchanged starts no rebalance"


def test_after_a_restart_members_that_stay_away_are_removed() -> None:
    world = World()
    world.stable(2)
    again = world.restarted()
    again.after(SESSION_MS)
    assert again.group.state is GroupState.EMPTY


def test_a_restart_in_a_rebalance_goes_back_to_the_last_generation() -> None:
    world = World()
    leader, follower = world.stable(2)
    newcomer = world.join()
    world.join(leader)
    world.join(follower)
    assert newcomer.joined.generation == 2
    again = world.restarted()
    assert again.group.state is GroupState.STABLE
    again.heartbeat(leader, 1)
    with pytest.raises(UnknownMemberId):
        again.heartbeat(newcomer.joined.member_id, 2)


def test_a_loaded_group_over_the_size_limit_rebalances() -> None:
    world = World()
    members = world.stable(3)
    again = world.restarted(GroupSettings(max_size=2))
    assert again.group.state is GroupState.PREPARING_REBALANCE
    with pytest.raises(RebalanceInProgress):
        again.heartbeat(members[0], 1)
