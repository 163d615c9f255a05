"""What each request of a member or an administrator is answered."""

import pytest

from message_queues.broker.clock import ManualClock, Timers
from message_queues.broker.coordination.classic_group import GroupState
from message_queues.broker.coordination.coordinator import GroupCoordinator, Leaver
from message_queues.broker.coordination.events import GenerationStored, GroupDeleted
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.broker.event import Event
from message_queues.errors import (
    FencedInstanceId,
    GroupIdNotFound,
    GroupMaxSizeReached,
    IllegalGeneration,
    InconsistentGroupProtocol,
    InvalidGroupId,
    InvalidSessionTimeout,
    MemberIdRequired,
    NonEmptyGroup,
    NotCoordinator,
    RebalanceInProgress,
    UnknownMemberId,
)
from tests.broker.coordination.world import DELAY_MS, RANGE, SESSION_MS, World, subscription


class Stranger(Event, frozen=True, tag="Stranger"):
    """An event of another part."""


STICKY = (("sticky", b"s"),)
BOTH = (("range", subscription("orders")), ("sticky", b"s"))


# JoinGroup.


def test_an_empty_group_id_is_refused() -> None:
    world = World()
    assert isinstance(world.join(group_id="").error, InvalidGroupId)
    assert isinstance(world.sync("m", 1, group_id="").error, InvalidGroupId)
    with pytest.raises(InvalidGroupId):
        world.heartbeat("m", 1, group_id="")
    with pytest.raises(InvalidGroupId):
        world.leave("m", group_id="")


@pytest.mark.parametrize(("session_timeout_ms", "fits"), [(5_999, False), (6_000, True), (1_800_000, True), (1_800_001, False)])
def test_the_session_timeout_is_within_the_brokers_limits(session_timeout_ms: int, fits: bool) -> None:
    answer = World().join(session_timeout_ms=session_timeout_ms).answer
    assert isinstance(answer, InvalidSessionTimeout) != fits


def test_settings_count_from_the_moment_they_change() -> None:
    world = World()
    assert isinstance(world.join(session_timeout_ms=1_000).error, InvalidSessionTimeout)
    world.groups.settings = GroupSettings(min_session_timeout_ms=1_000)
    assert world.join(session_timeout_ms=1_000).answer is None


def test_a_new_member_is_first_told_its_id() -> None:
    world = World()
    told = world.join(client_id="billing", needs_member_id=True).error
    assert isinstance(told, MemberIdRequired)
    assert told.member_id == "billing-1"
    assert world.group.state is GroupState.EMPTY
    joined = world.join("billing-1", needs_member_id=True)
    world.after(DELAY_MS)
    assert joined.joined.member_id == "billing-1"


def test_a_member_that_does_not_come_back_with_its_id_is_forgotten() -> None:
    world = World()
    told = world.join(needs_member_id=True).error
    assert isinstance(told, MemberIdRequired)
    world.after(SESSION_MS)
    assert isinstance(world.join(told.member_id).error, UnknownMemberId)


def test_the_default_member_id_is_the_client_id_and_a_uuid() -> None:
    coordinator = GroupCoordinator(Timers(ManualClock()), GroupSettings(), (0,), lambda topic: None, lambda events: None)
    world = World()
    world.groups = coordinator
    told = world.join(client_id="billing", needs_member_id=True).error
    assert isinstance(told, MemberIdRequired)
    prefix, number = told.member_id[:8], told.member_id[8:]
    assert prefix == "billing-"
    assert [len(part) for part in number.split("-")] == [8, 4, 4, 4, 12]


def test_a_member_id_that_nobody_gave_is_unknown() -> None:
    world = World()
    assert isinstance(world.join("made-up").error, UnknownMemberId)
    assert world.groups.find("g") is None
    world.stable()
    assert isinstance(world.join("made-up").error, UnknownMemberId)


def test_a_member_needs_the_groups_type_and_a_common_protocol() -> None:
    world = World()
    [member_id] = world.stable()
    for join in (
        world.join(protocol_type="connect"),
        world.join(protocols=STICKY),
        world.join(protocols=()),
        world.join(member_id, protocols=STICKY),
    ):
        assert isinstance(join.error, InconsistentGroupProtocol)
    assert world.group.state is GroupState.STABLE


def test_a_join_without_protocols_makes_no_group() -> None:
    world = World()
    assert isinstance(world.join(protocols=()).error, InconsistentGroupProtocol)
    assert isinstance(world.join(protocol_type="").error, InconsistentGroupProtocol)
    assert list(world.groups) == []


def test_an_empty_group_takes_any_protocol() -> None:
    world = World()
    [member_id] = world.stable()
    world.leave(member_id)
    joined = world.join(protocol_type="connect", protocols=STICKY)
    world.after(DELAY_MS)
    assert joined.joined.protocol_type == "connect"
    assert joined.joined.protocol_name == "sticky"
    assert joined.joined.generation == 3


def test_a_follower_that_rejoins_unchanged_gets_the_present_generation() -> None:
    world = World()
    leader, follower = world.stable(2)
    joined = world.join(follower).joined
    assert (joined.generation, joined.leader_id, joined.members) == (1, leader, ())
    assert world.group.state is GroupState.STABLE


def test_a_leader_that_rejoins_starts_a_rebalance() -> None:
    world = World()
    leader, _ = world.stable(2)
    assert world.join(leader).answer is None
    assert world.group.state is GroupState.PREPARING_REBALANCE


def test_a_follower_that_has_changed_starts_a_rebalance() -> None:
    world = World()
    _, follower = world.stable(2)
    assert world.join(follower, protocols=(("range", subscription("payments")),)).answer is None
    assert world.group.state is GroupState.PREPARING_REBALANCE


def test_a_join_repeated_before_the_assignment_gets_the_same_answer() -> None:
    world = World()
    answers = [world.join() for _ in range(2)]
    world.after(2 * DELAY_MS)
    for answer in answers:
        assert world.join(answer.joined.member_id).joined == answer.joined
    assert world.group.state is GroupState.COMPLETING_REBALANCE


def test_a_changed_join_before_the_assignment_starts_over() -> None:
    world = World()
    answers = [world.join() for _ in range(2)]
    world.after(2 * DELAY_MS)
    assert world.join(answers[1].joined.member_id, protocols=BOTH).answer is None
    assert world.group.state is GroupState.PREPARING_REBALANCE


# group.max.size.


def test_a_full_stable_group_takes_no_new_member_but_its_own() -> None:
    world = World(GroupSettings(max_size=2))
    leader, follower = world.stable(2)
    assert isinstance(world.join().error, GroupMaxSizeReached)
    assert world.join(follower).joined.generation == 1
    assert world.join(leader).answer is None


def test_a_group_that_prepares_takes_as_many_as_may_wait() -> None:
    world = World(GroupSettings(max_size=2))
    first, second, third = (world.join() for _ in range(3))
    assert first.answer is None
    assert second.answer is None
    assert isinstance(third.error, GroupMaxSizeReached)


def test_when_the_limit_was_lowered_whoever_rejoins_last_goes() -> None:
    world = World()
    members = world.stable(3)
    world.groups.settings = GroupSettings(max_size=2)
    answers = [world.join(member_id) for member_id in members]
    assert isinstance(answers[2].error, GroupMaxSizeReached)
    assert answers[0].joined.generation == 2
    assert list(world.group.members) == members[:2]


# SyncGroup.


def test_syncs_are_checked_as_members_of_the_generation() -> None:
    world = World()
    [member_id] = world.stable()
    assert isinstance(world.sync("made-up", 1).error, UnknownMemberId)
    assert isinstance(world.sync(member_id, 2).error, IllegalGeneration)
    assert isinstance(world.sync(member_id, 1, group_id="other").error, UnknownMemberId)


def test_a_sync_names_the_groups_protocol_or_none() -> None:
    world = World()
    [member_id] = world.stable()
    assert isinstance(world.sync(member_id, 1, protocol_type="connect").error, InconsistentGroupProtocol)
    assert isinstance(world.sync(member_id, 1, protocol_name="sticky").error, InconsistentGroupProtocol)
    assert world.sync(member_id, 1, protocol_type=None, protocol_name=None).synced.assignment == member_id.encode()


def test_an_empty_group_knows_no_member() -> None:
    world = World()
    [member_id] = world.stable()
    world.leave(member_id)
    assert isinstance(world.sync(member_id, 2).error, UnknownMemberId)
    with pytest.raises(UnknownMemberId):
        world.heartbeat(member_id, 2)
    with pytest.raises(UnknownMemberId):
        world.heartbeat(member_id, 2, group_id="other")


def test_syncing_again_while_parked_answers_the_older_request() -> None:
    world = World()
    answers = [world.join() for _ in range(2)]
    world.after(2 * DELAY_MS)
    leader, follower = (answer.joined.member_id for answer in answers)
    older, newer = world.sync(follower, 1), world.sync(follower, 1)
    assert isinstance(older.error, RebalanceInProgress)
    world.sync(leader, 1, {follower: b"all"})
    assert newer.synced.assignment == b"all"


# LeaveGroup.


def test_each_leaver_has_its_own_answer_and_there_is_one_rebalance() -> None:
    world = World()
    leader, second, third = world.stable(3)
    answers = world.leave(second, "made-up", third)
    assert answers[0] is None
    assert isinstance(answers[1], UnknownMemberId)
    assert answers[2] is None
    assert world.join(leader).joined.generation == 2


def test_nobody_known_leaves_nothing_changed() -> None:
    world = World()
    world.stable()
    assert isinstance(world.leave("made-up")[0], UnknownMemberId)
    assert world.group.state is GroupState.STABLE
    assert isinstance(world.leave("made-up", group_id="other")[0], UnknownMemberId)


# Static members.


def static(world: World, *instance_ids: str, protocols: tuple[tuple[str, bytes], ...] = RANGE) -> list[str]:
    """A Stable group of these; the leader first."""
    answers = [world.join(instance_id=instance_id, protocols=protocols, needs_member_id=True) for instance_id in instance_ids]
    world.after(len(instance_ids) * DELAY_MS)
    return world.assign(answers)


def test_a_static_member_joins_at_once_with_an_id_from_its_instance() -> None:
    world = World()
    assert static(world, "a", "b") == ["a-1", "b-2"]


def test_a_static_member_that_comes_back_keeps_its_assignment_and_starts_no_rebalance() -> None:
    world = World()
    leader, follower = static(world, "a", "b")
    back = world.join(instance_id="b").joined
    assert back.member_id == "b-3"
    assert (back.generation, back.leader_id, back.members, back.skip_assignment) == (1, leader, (), False)
    assert world.sync("b-3", 1, instance_id="b").synced.assignment == follower.encode()
    assert world.group.state is GroupState.STABLE
    world.heartbeat("b-3", 1, "b")


def test_the_old_member_id_of_a_static_member_is_fenced() -> None:
    world = World()
    _, follower = static(world, "a", "b")
    world.join(instance_id="b")
    with pytest.raises(FencedInstanceId):
        world.heartbeat(follower, 1, "b")
    assert isinstance(world.sync(follower, 1, instance_id="b").error, FencedInstanceId)
    assert isinstance(world.join(follower, "b").error, FencedInstanceId)
    assert isinstance(world.groups.leave("g", [Leaver(follower, "b")])[0], FencedInstanceId)
    with pytest.raises(UnknownMemberId):
        world.heartbeat(follower, 1)


def test_a_parked_request_of_the_old_id_is_fenced_too() -> None:
    world = World()
    first = world.join(instance_id="a")
    second = world.join(instance_id="a")
    assert isinstance(first.error, FencedInstanceId)
    world.after(2 * DELAY_MS)
    assert second.joined.leader_id == second.joined.member_id == "a-2"


def test_a_static_leader_that_comes_back_need_not_assign() -> None:
    world = World()
    static(world, "a", "b")
    back = world.join(instance_id="a").joined
    assert (back.member_id, back.leader_id, back.skip_assignment) == ("a-3", "a-3", True)
    assert {member.instance_id for member in back.members} == {"a", "b"}
    assert world.group.state is GroupState.STABLE


def test_a_static_leader_that_cannot_skip_is_told_its_old_id() -> None:
    world = World()
    static(world, "a", "b")
    back = world.join(instance_id="a", knows_skip_assignment=False).joined
    assert (back.member_id, back.leader_id, back.skip_assignment, back.members) == ("a-3", "a-1", False, ())
    assert world.group.leader_id == "a-3"


def test_a_static_member_whose_return_changes_the_protocol_starts_a_rebalance() -> None:
    world = World()
    leader, _ = static(world, "a", "b", protocols=BOTH)
    back = world.join(instance_id="b", protocols=STICKY)
    assert back.answer is None
    rejoined = world.join(leader, "a", protocols=BOTH)
    assert back.joined.protocol_name == rejoined.joined.protocol_name == "sticky"


def test_a_static_member_that_comes_back_before_the_assignment_starts_over() -> None:
    world = World()
    answers = [world.join(instance_id=instance_id) for instance_id in ("a", "b")]
    world.after(2 * DELAY_MS)
    leader = answers[0].joined.member_id
    assert world.join(instance_id="b").answer is None
    assert world.group.state is GroupState.PREPARING_REBALANCE
    assert isinstance(world.sync(leader, 1, instance_id="a").error, RebalanceInProgress)


def test_a_replaced_static_member_survives_a_restart_under_its_new_id() -> None:
    world = World()
    leader, follower = static(world, "a", "b")
    world.join(instance_id="b")
    again = world.restarted()
    again.heartbeat("b-3", 1, "b")
    again.heartbeat(leader, 1, "a")
    assert again.sync("b-3", 1, instance_id="b").synced.assignment == follower.encode()
    with pytest.raises(FencedInstanceId):
        again.heartbeat(follower, 1, "b")


def test_a_static_member_that_is_away_during_a_rebalance_keeps_its_place() -> None:
    world = World(GroupSettings(max_session_timeout_ms=600_000))
    answers = [world.join(instance_id=instance_id, session_timeout_ms=600_000, rebalance_timeout_ms=5_000) for instance_id in ("a", "b")]
    world.after(5_000)
    leader, away = world.assign(answers)
    rejoined = world.join(leader, "a", session_timeout_ms=600_000, rebalance_timeout_ms=5_000)
    world.after(5_000)
    assert {member.instance_id for member in rejoined.joined.members} == {"a", "b"}
    assert away in world.group.members


def test_static_members_of_whom_none_rejoins_are_waited_for_again() -> None:
    world = World()
    answers = [world.join(instance_id=i, session_timeout_ms=20_000, rebalance_timeout_ms=5_000) for i in ("a", "b")]
    world.after(5_000)
    leader, follower = world.assign(answers)
    world.leave(leader)
    world.after(5_000)
    assert follower in world.group.members
    with pytest.raises(RebalanceInProgress):
        world.heartbeat(follower, 1, "b")
    world.after(20_000)
    assert world.group.state is GroupState.EMPTY


def test_an_administrator_removes_static_members_by_instance() -> None:
    world = World()
    _, follower = static(world, "a", "b")
    answers = world.groups.leave("g", [Leaver("", "b"), Leaver("", "c"), Leaver("", None)])
    assert answers[0] is None
    assert isinstance(answers[1], UnknownMemberId)
    assert isinstance(answers[2], UnknownMemberId)
    assert follower not in world.group.members


# DeleteGroups.


def test_only_an_empty_group_is_deleted_and_its_offsets_go_with_it() -> None:
    world = World()
    [member_id] = world.stable()
    world.commit_offset(member_id=member_id, generation=1)
    with pytest.raises(NonEmptyGroup):
        world.groups.delete("g")
    world.leave(member_id)
    world.groups.delete("g")
    assert world.groups.find("g") is None
    assert world.committed() is None
    assert world.journal[-1] == GroupDeleted("g")
    with pytest.raises(GroupIdNotFound, match=r"Group g not found\."):
        world.groups.delete("g")
    assert world.restarted().groups.find("g") is None


def test_a_group_deleted_under_a_pending_member_leaves_no_timer() -> None:
    world = World()
    told = world.join(needs_member_id=True).error
    assert isinstance(told, MemberIdRequired)
    world.groups.delete("g")
    assert isinstance(world.join(told.member_id).error, UnknownMemberId)
    world.after(SESSION_MS)
    assert world.groups.find("g") is None


# Nodes.


def test_one_node_coordinates_each_group() -> None:
    groups = GroupCoordinator(Timers(ManualClock()), GroupSettings(), (3, 5, 8), lambda topic: None, lambda events: None)
    owner = groups.coordinator_of("hello")
    assert owner == (3, 5, 8)[22 % 3]
    groups.check_coordinator("hello", owner)
    for other in {3, 5, 8} - {owner}:
        with pytest.raises(NotCoordinator):
            groups.check_coordinator("hello", other)


# The journal.


def test_the_state_events_make_the_same_state_again() -> None:
    world = World()
    [member_id] = world.stable()
    for offset in range(50):
        world.commit_offset(member_id=member_id, generation=1, offset=offset, metadata=f"m{offset}")
    world.commit_offset(group_id="simple", partition=3)
    static(World(), "a")
    snapshot = tuple(world.groups.state_events())
    assert len(snapshot) == 3
    again = World(journal=snapshot, now_ms=world.clock.now_ms())
    assert tuple(again.groups.state_events()) == snapshot
    again.heartbeat(member_id, 1)
    assert again.committed() == 49
    assert again.committed(partition=3, group_id="simple") == 42


def test_a_snapshot_during_a_rebalance_holds_the_last_finished_generation() -> None:
    world = World()
    [member_id] = world.stable()
    newcomer = world.join()
    world.join(member_id)
    assert newcomer.joined.generation == 2
    [stored] = world.groups.state_events()
    assert isinstance(stored, GenerationStored)
    assert stored.generation == 1
    assert [member.member_id for member in stored.members] == [member_id]


def test_replaying_many_generations_ends_in_the_last() -> None:
    world = World()
    members = world.stable(3)
    world.assign([world.join(m, protocols=(("range", subscription("payments")),)) for m in members])
    world.leave(members[1])
    world.assign([world.join(members[0]), world.join(members[2])])
    again = world.restarted()
    assert set(again.group.members) == {members[0], members[2]}
    assert again.group.generation == world.group.generation == 3
    assert again.group.subscribed_topics == frozenset({"orders"})
    assert again.group.leader_id == world.group.leader_id


def test_an_event_of_something_else_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        World().groups.apply(Stranger())
