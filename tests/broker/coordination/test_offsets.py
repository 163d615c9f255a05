"""Who may commit offsets, what is kept, and when it goes."""

import pytest

from message_queues.broker.coordination.classic_group import GroupState
from message_queues.broker.coordination.events import CommittedOffset, GroupDeleted, OffsetsCommitted, OffsetsDeleted
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.broker.coordination.offsets import OffsetCommit, OffsetToCommit
from message_queues.errors import (
    FencedInstanceId,
    GroupIdNotFound,
    GroupSubscribedToTopic,
    IllegalGeneration,
    InvalidGroupId,
    NonEmptyGroup,
    OffsetMetadataTooLarge,
    RebalanceInProgress,
    UnknownMemberId,
    UnknownTopicOrPartition,
)
from tests.broker.coordination.world import DELAY_MS, SESSION_MS, World, subscription

WEEK_MS = 7 * 24 * 60 * 60_000
CHECK_MS = 600_000
PAYMENTS = (("range", subscription("payments")),)


# Commits.


def test_what_is_committed_comes_back_whole() -> None:
    world = World()
    assert world.commit_offset(partition=7, offset=2**40, metadata="größe", leader_epoch=5) is None
    kept = world.groups.offsets.of_group("g")["orders"][7]
    assert kept == CommittedOffset(7, 2**40, 5, "größe", world.clock.now_ms())
    assert world.restarted().groups.offsets.of_group("g") == {"orders": {7: kept}}


def test_no_metadata_is_kept_as_empty() -> None:
    world = World()
    world.commit_offset(metadata=None)
    assert world.groups.offsets.of_group("g")["orders"][0].metadata == ""


def test_a_later_commit_replaces_an_earlier_even_a_lower_one() -> None:
    world = World()
    world.commit_offset(offset=10)
    world.commit_offset(offset=3)
    assert world.committed() == 3


def test_a_commit_from_outside_makes_a_simple_group() -> None:
    world = World()
    assert world.commit_offset() is None
    assert world.group.state is GroupState.EMPTY
    assert world.group.protocol_type is None
    assert world.restarted().group.state is GroupState.EMPTY


def test_a_commit_of_a_member_to_no_group_finds_no_group() -> None:
    world = World()
    assert isinstance(world.commit_offset(member_id="m", generation=1), GroupIdNotFound)
    assert world.groups.find("g") is None


def test_a_member_commits_with_its_id_and_generation() -> None:
    world = World()
    [member_id] = world.stable()
    assert world.commit_offset(member_id=member_id, generation=1) is None
    assert isinstance(world.commit_offset(member_id=member_id, generation=0), IllegalGeneration)
    assert isinstance(world.commit_offset(member_id=member_id, generation=2), IllegalGeneration)
    assert isinstance(world.commit_offset(member_id=member_id, generation=-1), IllegalGeneration)
    assert isinstance(world.commit_offset(member_id="made-up", generation=1), UnknownMemberId)
    assert isinstance(world.commit_offset(member_id=member_id, instance_id="made-up", generation=1), UnknownMemberId)


def test_a_fenced_instance_commits_no_more() -> None:
    world = World()
    joined = world.join(instance_id="a")
    world.after(DELAY_MS)
    [member_id] = world.assign([joined])
    world.join(instance_id="a")
    assert isinstance(world.commit_offset(member_id=member_id, instance_id="a", generation=1), FencedInstanceId)


def test_nobody_commits_from_outside_while_there_are_members() -> None:
    world = World()
    [member_id] = world.stable()
    assert isinstance(world.commit_offset(), UnknownMemberId)
    world.leave(member_id)
    assert world.commit_offset() is None


def test_members_commit_while_they_are_asked_to_rejoin_but_not_while_they_wait_for_the_assignment() -> None:
    world = World()
    leader, _ = world.stable(2)
    newcomer = world.join()
    assert world.group.state is GroupState.PREPARING_REBALANCE
    assert world.commit_offset(member_id=leader, generation=1) is None
    for member_id in list(world.group.members)[:2]:
        world.join(member_id)
    assert newcomer.joined.generation == 2
    assert isinstance(world.commit_offset(member_id=leader, generation=2), RebalanceInProgress)
    assert isinstance(world.commit_offset(member_id=leader, generation=1), IllegalGeneration)


def test_a_commit_counts_as_a_heartbeat() -> None:
    world = World()
    [member_id] = world.stable()
    for _ in range(5):
        world.after(SESSION_MS - 1)
        world.commit_offset(member_id=member_id, generation=1)
    assert world.group.state is GroupState.STABLE


def test_each_partition_has_its_own_answer_and_the_good_ones_are_kept() -> None:
    world = World()
    topics = [
        ("orders", [OffsetToCommit(0, 1, -1, ""), OffsetToCommit(12, 1, -1, ""), OffsetToCommit(1, 1, -1, "x" * 4097)]),
        ("nowhere", [OffsetToCommit(0, 1, -1, "")]),
        ("payments", [OffsetToCommit(-1, 1, -1, ""), OffsetToCommit(2, 5, -1, "x" * 4096)]),
    ]
    orders, nowhere, payments = world.groups.offsets.commit(OffsetCommit("g", topics))
    assert orders[0] is None
    assert isinstance(orders[1], UnknownTopicOrPartition)
    assert isinstance(orders[2], OffsetMetadataTooLarge)
    assert isinstance(nowhere[0], UnknownTopicOrPartition)
    assert isinstance(payments[0], UnknownTopicOrPartition)
    assert payments[1] is None
    [event] = world.journal
    assert isinstance(event, OffsetsCommitted)
    assert [(topic, [offset.partition for offset in offsets]) for topic, offsets in event.topics] == [("orders", [0]), ("payments", [2])]


def test_an_unknown_topic_is_named_even_to_a_stranger() -> None:
    world = World()
    world.stable()
    topics = [("nowhere", [OffsetToCommit(0, 1, -1, "")]), ("orders", [OffsetToCommit(0, 1, -1, "")])]
    nowhere, orders = world.groups.offsets.commit(OffsetCommit("g", topics, "made-up", None, 1))
    assert isinstance(nowhere[0], UnknownTopicOrPartition)
    assert isinstance(orders[0], UnknownMemberId)


def test_nothing_is_journaled_when_nothing_is_accepted() -> None:
    world = World()
    world.commit_offset(topic="nowhere")
    assert world.journal == []
    assert world.groups.find("g") is None


def test_the_metadata_limit_is_a_setting() -> None:
    world = World(GroupSettings(offset_metadata_max_bytes=3))
    assert world.commit_offset(metadata="abc") is None
    assert isinstance(world.commit_offset(metadata="abcd"), OffsetMetadataTooLarge)


# OffsetDelete.


def test_offsets_are_deleted_by_request() -> None:
    world = World()
    world.commit_offset(partition=0)
    world.commit_offset(partition=1)
    assert world.groups.offsets.delete("g", [("orders", [0, 5])]) == [[None, None]]
    assert (world.committed(partition=0), world.committed(partition=1)) == (None, 42)
    assert world.journal[-1] == OffsetsDeleted("g", (("orders", (0,)),))
    assert world.restarted().committed(partition=0) is None


def test_deleting_what_is_not_committed_writes_nothing() -> None:
    world = World()
    world.commit_offset(partition=0)
    before = len(world.journal)
    assert world.groups.offsets.delete("g", [("orders", [5]), ("payments", [0])]) == [[None], [None]]
    assert len(world.journal) == before


def test_offsets_of_topics_that_are_consumed_stay() -> None:
    world = World()
    [member_id] = world.stable()
    world.commit_offset("orders", member_id=member_id, generation=1)
    world.commit_offset("payments", member_id=member_id, generation=1)
    [[orders], [payments], [nowhere]] = world.groups.offsets.delete("g", [("orders", [0]), ("payments", [0]), ("nowhere", [0])])
    assert isinstance(orders, GroupSubscribedToTopic)
    assert payments is None
    assert isinstance(nowhere, UnknownTopicOrPartition)
    assert (world.committed("orders"), world.committed("payments")) == (42, None)


def test_offsets_of_members_that_are_no_consumers_stay() -> None:
    world = World()
    joined = world.join(protocol_type="connect")
    with pytest.raises(NonEmptyGroup):
        world.groups.offsets.delete("g", [("orders", [0])])
    assert joined.answer is None


def test_offsets_of_no_group_cannot_be_deleted() -> None:
    with pytest.raises(GroupIdNotFound):
        World().groups.offsets.delete("g", [("orders", [0])])
    with pytest.raises(InvalidGroupId):
        World().groups.offsets.delete("", [("orders", [0])])


# Expiry.


def test_offsets_of_an_empty_group_expire_a_week_after_it_became_empty_and_then_it_goes() -> None:
    world = World()
    [member_id] = world.stable()
    world.commit_offset(member_id=member_id, generation=1)
    for _ in range(30):
        world.after(SESSION_MS - 1)
        world.heartbeat(member_id, 1)
    world.leave(member_id)
    world.after(WEEK_MS - CHECK_MS)
    assert world.committed() == 42
    world.after(2 * CHECK_MS)
    assert world.committed() is None
    assert world.groups.find("g") is None
    assert world.journal[-1] == GroupDeleted("g")


def test_the_week_goes_on_over_a_restart() -> None:
    world = World()
    [member_id] = world.stable()
    world.commit_offset(member_id=member_id, generation=1)
    world.leave(member_id)
    world.after(WEEK_MS - CHECK_MS)
    again = world.restarted()
    assert again.committed() == 42
    again.after(2 * CHECK_MS)
    assert again.committed() is None


def test_offsets_of_a_simple_group_expire_a_week_after_each_commit() -> None:
    world = World()
    world.commit_offset(partition=0)
    world.after(WEEK_MS // 2)
    world.commit_offset(partition=1)
    world.after(WEEK_MS // 2 + CHECK_MS)
    assert (world.committed(partition=0), world.committed(partition=1)) == (None, 42)
    assert world.journal[-1] == OffsetsDeleted("g", (("orders", (0,)),))
    world.after(WEEK_MS // 2 + CHECK_MS)
    assert world.groups.find("g") is None


def test_a_stable_group_keeps_what_it_consumes_and_loses_the_rest() -> None:
    world = World(GroupSettings(offsets_retention_ms=2 * CHECK_MS, max_session_timeout_ms=WEEK_MS))
    [member_id] = world.stable(session_timeout_ms=WEEK_MS)
    world.commit_offset("orders", member_id=member_id, generation=1)
    world.commit_offset("payments", member_id=member_id, generation=1)
    world.after(3 * CHECK_MS)
    assert (world.committed("orders"), world.committed("payments")) == (42, None)
    assert world.group.state is GroupState.STABLE


def test_nothing_expires_during_a_rebalance() -> None:
    world = World(GroupSettings(offsets_retention_ms=CHECK_MS, max_session_timeout_ms=WEEK_MS, new_member_join_timeout_ms=WEEK_MS))
    members = world.stable(2, session_timeout_ms=WEEK_MS, rebalance_timeout_ms=WEEK_MS)
    world.commit_offset("payments", member_id=members[0], generation=1)
    world.join(rebalance_timeout_ms=WEEK_MS)
    world.after(3 * CHECK_MS)
    assert world.group.state is GroupState.PREPARING_REBALANCE
    assert world.committed("payments") == 42


def test_offsets_of_another_protocol_stay_while_it_has_members() -> None:
    world = World(GroupSettings(offsets_retention_ms=CHECK_MS, max_session_timeout_ms=WEEK_MS))
    joined = world.join(protocol_type="connect", session_timeout_ms=WEEK_MS)
    world.after(DELAY_MS)
    member_id = joined.joined.member_id
    world.sync(member_id, 1, {}, protocol_type="connect")
    world.commit_offset(member_id=member_id, generation=1)
    world.after(5 * CHECK_MS)
    assert world.committed() == 42


def test_a_retention_in_the_request_counts_instead_of_the_brokers() -> None:
    world = World()
    world.commit_offset(retention_ms=CHECK_MS // 2)
    world.commit_offset(partition=1)
    world.after(CHECK_MS)
    assert (world.committed(), world.committed(partition=1)) == (None, 42)


def test_a_group_without_offsets_goes_at_the_next_check_unless_someone_is_about_to_join() -> None:
    world = World(GroupSettings(max_session_timeout_ms=WEEK_MS))
    [member_id] = world.stable()
    world.leave(member_id)
    world.join(group_id="h", needs_member_id=True, session_timeout_ms=3 * CHECK_MS)
    world.after(CHECK_MS)
    assert world.groups.find("g") is None
    assert world.groups.find("h") is not None
    world.after(4 * CHECK_MS)
    assert world.groups.find("h") is None


def test_what_cannot_be_deleted_now_is_deleted_at_a_later_check() -> None:
    world = World()
    world.commit_offset()
    world.disk_is_full = True
    world.after(WEEK_MS + CHECK_MS)
    assert world.committed() == 42
    world.disk_is_full = False
    world.after(CHECK_MS)
    assert world.committed() is None


# Topics go.


def test_offsets_go_with_their_topic() -> None:
    world = World()
    world.commit_offset("orders")
    world.commit_offset("payments")
    world.commit_offset("orders", group_id="other")
    world.groups.topic_deleted("orders")
    assert (world.committed("orders"), world.committed("payments"), world.committed("orders", group_id="other")) == (None, 42, None)
    world.groups.topic_deleted("never-there")


def test_a_consumer_that_changes_its_topics_frees_the_offsets_of_the_old_ones() -> None:
    world = World()
    [member_id] = world.stable()
    world.commit_offset("orders", member_id=member_id, generation=1)
    world.assign([world.join(member_id, protocols=PAYMENTS)])
    assert world.groups.offsets.delete("g", [("orders", [0])]) == [[None]]
