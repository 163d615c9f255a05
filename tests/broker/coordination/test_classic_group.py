import itertools

import pytest

from message_queues.broker.coordination.classic_group import TRANSITIONS, ClassicGroup, GroupState, Member
from message_queues.errors import FencedInstanceId, NonEmptyGroup, UnknownMemberId
from tests.broker.coordination.world import subscription


def member(member_id: str, *protocols: str, instance_id: str | None = None, rebalance_timeout_ms: int = 1) -> Member:
    return Member(member_id, instance_id, ("client", "/host"), (rebalance_timeout_ms, 2), tuple((name, b"") for name in protocols))


def group_of(*members: Member, protocol_type: str = "consumer") -> ClassicGroup:
    group = ClassicGroup("g")
    for one in members:
        group.add(one, protocol_type)
    if members:
        group.move_to(GroupState.PREPARING_REBALANCE, 0)
    return group


@pytest.mark.parametrize(("here", "there"), list(itertools.product(GroupState, GroupState)))
def test_a_group_moves_as_the_table_says_and_no_other_way(here: GroupState, there: GroupState) -> None:
    group = ClassicGroup("g")
    group.state = here
    if there in TRANSITIONS[here]:
        group.move_to(there, now_ms=7)
        assert (group.state, group.previous_state, group.state_since_ms) == (there, here, 7)
    else:
        with pytest.raises(AssertionError):
            group.move_to(there, now_ms=7)


def test_dead_is_final_and_reached_from_everywhere_else() -> None:
    assert TRANSITIONS[GroupState.DEAD] == frozenset()
    assert all(GroupState.DEAD in TRANSITIONS[state] for state in GroupState if state is not GroupState.DEAD)


def test_the_protocol_with_most_first_votes_among_those_that_all_support_is_selected() -> None:
    group = group_of(
        member("a", "sticky", "range", "roundrobin"),
        member("b", "roundrobin", "range"),
        member("c", "sticky", "roundrobin", "range"),
    )
    # "sticky" is nobody's vote, because b does not support it: a votes range, b and c roundrobin.
    assert group.select_protocol() == "roundrobin"
    group.remove("b")
    assert group.select_protocol() == "sticky"


def test_the_first_member_leads_and_another_follows_when_it_goes() -> None:
    group = group_of(member("a", "range"), member("b", "range"))
    assert group.leader_id == "a"
    group.remove("a")
    assert group.leader_id == "b"
    group.remove("b")
    assert group.leader_id is None


def test_a_member_fits_only_with_the_groups_type_and_a_protocol_of_all() -> None:
    group = group_of(member("a", "range", "sticky"), member("b", "range"))
    assert group.supports("consumer", (("range", b""),))
    assert not group.supports("consumer", (("sticky", b""),))
    assert not group.supports("connect", (("range", b""),))
    assert not group.supports("consumer", ())


def test_any_type_and_protocol_fit_an_empty_group_but_none_does_not() -> None:
    group = group_of()
    assert group.supports("connect", (("sessioned", b""),))
    assert not group.supports("", (("sessioned", b""),))
    assert not group.supports("connect", ())


def test_the_longest_rebalance_timeout_counts() -> None:
    group = group_of(member("a", "range", rebalance_timeout_ms=5), member("b", "range", rebalance_timeout_ms=50))
    assert group.rebalance_timeout_ms == 50
    assert group_of().rebalance_timeout_ms == 0


def test_members_are_checked_by_id_and_instance() -> None:
    group = group_of(member("a", "range"), member("s-1", "range", instance_id="s"))
    assert group.check_member("a", None).member_id == "a"
    assert group.check_member("s-1", "s").member_id == "s-1"
    with pytest.raises(UnknownMemberId):
        group.check_member("b", None)
    with pytest.raises(UnknownMemberId):
        group.check_member("a", "other")
    with pytest.raises(FencedInstanceId):
        group.check_member("a", "s")


def test_a_replaced_static_member_hands_over_everything() -> None:
    group = group_of(member("s-1", "range", "sticky", instance_id="s", rebalance_timeout_ms=9))
    group.members["s-1"].assignment = b"mine"
    new = group.replace_static_member("s", "s-2")
    assert (new.member_id, new.instance_id, new.assignment, new.rebalance_timeout_ms) == ("s-2", "s", b"mine", 9)
    assert list(group.members) == ["s-2"]
    assert group.leader_id == "s-2"
    assert group.static_member_id("s") == "s-2"


def test_subscriptions_are_known_while_all_of_them_can_be_read() -> None:
    group = ClassicGroup("g")
    for member_id, topics in (("a", ("orders",)), ("b", ("orders", "payments"))):
        group.add(Member(member_id, None, ("c", "h"), (1, 1), (("range", subscription(*topics)),)), "consumer")
    group.move_to(GroupState.PREPARING_REBALANCE, 0)
    assert group.is_subscribed_to("anything"), "before the first generation nothing is known, so nothing may be deleted"
    group.start_next_generation(0)
    assert group.subscribed_topics == frozenset({"orders", "payments"})
    assert group.is_subscribed_to("orders")
    assert not group.is_subscribed_to("refunds")


def test_an_unreadable_subscription_counts_as_one_to_every_topic() -> None:
    group = group_of(member("a", "range"))
    group.start_next_generation(0)
    assert group.subscribed_topics is None
    assert group.is_subscribed_to("orders")


def test_a_group_of_another_protocol_subscribes_to_nothing() -> None:
    group = group_of(member("a", "sessioned"), protocol_type="connect")
    group.start_next_generation(0)
    assert not group.is_subscribed_to("orders")


def test_only_an_empty_group_may_be_deleted() -> None:
    ClassicGroup("g").check_delete()
    with pytest.raises(NonEmptyGroup):
        group_of(member("a", "range")).check_delete()


def test_offsets_of_members_that_speak_another_protocol_may_not_be_deleted() -> None:
    group_of(member("a", "range")).check_offset_delete()
    ClassicGroup("g").check_offset_delete()
    with pytest.raises(NonEmptyGroup):
        group_of(member("a", "sessioned"), protocol_type="connect").check_offset_delete()
