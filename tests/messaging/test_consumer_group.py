import pytest

from message_queues.clients.ports import GroupState, MemberState, NewTopic, TopicPartition
from message_queues.errors import Conflict, InvalidArgument
from message_queues.messaging.consumer_group import ConsumerGroup, GroupSettings, Lag
from tests.messaging.memory_client import MemoryAdmin

FIRST, SECOND = TopicPartition("orders", 0), TopicPartition("orders", 1)


@pytest.fixture
def admin() -> MemoryAdmin:
    admin = MemoryAdmin(topics={"orders": NewTopic("orders", 2, 1, {})})
    admin.ends = {FIRST: 10, SECOND: 5}
    return admin


def group(admin: MemoryAdmin, reset: str = "earliest") -> ConsumerGroup:
    settings = GroupSettings("processors", "east", ("orders", "order-events"), reset, False, {})
    return ConsumerGroup(admin, settings, lambda: admin.calls.append("forgotten"))


def joined(admin: MemoryAdmin) -> GroupState:
    state = GroupState("processors", "Stable", "range", 1, (MemberState("m-1", "c", "/127.0.0.1", (FIRST, SECOND)),))
    admin.group_states["processors"] = state
    return state


def test_a_group_that_nobody_joined_is_declared(admin: MemoryAdmin) -> None:
    described = group(admin).describe()
    assert (described.state, described.topics, described.members) == ("Declared", ("orders", "order-events"), ())
    assert repr(group(admin)) == "ConsumerGroup('processors', topics=['orders', 'order-events'], cluster='east')"


def test_a_group_with_members_is_described_as_the_broker_has_it(admin: MemoryAdmin) -> None:
    state = joined(admin)
    described = group(admin).describe()
    assert (described.state, described.assignor, described.coordinator, described.members) == ("Stable", "range", 1, state.members)


def test_lag_is_the_distance_to_the_end_and_all_of_it_before_the_first_commit(admin: MemoryAdmin) -> None:
    admin.commit_for("processors", {FIRST: 4})
    assert group(admin).lag() == {FIRST: Lag(4, 10, 6), SECOND: Lag(None, 5, 5)}
    assert group(admin, "latest").lag()[SECOND] == Lag(None, 5, 0)


def test_offsets_are_reset_for_topics_that_exist(admin: MemoryAdmin) -> None:
    assert group(admin).reset_offsets("latest") == {FIRST: 10, SECOND: 5}
    assert group(admin).reset_offsets("earliest", topics=["orders"]) == {FIRST: 0, SECOND: 0}
    assert admin.committed("processors") == {FIRST: 0, SECOND: 0}
    assert group(admin).reset_offsets(1_700_000_000_000, topics=["order-events"]) == {}


def test_offsets_of_a_group_with_members_are_not_reset(admin: MemoryAdmin) -> None:
    joined(admin)
    with pytest.raises(Conflict, match="group 'processors' has 1 members: stop its consumers"):
        group(admin).reset_offsets("earliest")


def test_a_wrong_place_to_reset_to_is_refused(admin: MemoryAdmin) -> None:
    with pytest.raises(InvalidArgument, match=r"to='earlyest' is not one of 'earliest', 'latest': did you mean earliest\?"):
        group(admin).reset_offsets("earlyest")
    with pytest.raises(InvalidArgument, match="to=-5 must be milliseconds since 1970"):
        group(admin).reset_offsets(-5)


def test_deleting_forgets_it_whether_the_broker_knows_it_or_not(admin: MemoryAdmin) -> None:
    group(admin).delete()
    joined(admin)
    group(admin).delete()
    assert admin.group_states == {}
    assert admin.calls == ["forgotten", "forgotten"]


def test_differences_of_declarations_are_listed() -> None:
    held = GroupSettings("g", "east", ("a",), "earliest", True, {})
    assert held.differences(held) == ()
    assert held.differences(GroupSettings("g", "east", ("a", "b"), "latest", False, {"session.timeout.ms": 1})) == (
        "topics is ['a'], not ['a', 'b']",
        "auto_offset_reset is 'earliest', not 'latest'",
        "enable_auto_commit is True, not False",
        "config is {}, not {'session.timeout.ms': 1}",
    )
