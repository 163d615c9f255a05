import pytest

from message_queues.clients.ports import NewTopic
from message_queues.errors import Conflict, InvalidArgument, InvalidConfig, InvalidPartitions, UnknownTopicOrPartition
from message_queues.messaging.topic import Topic
from tests.messaging.memory_client import MemoryAdmin

WANTED = NewTopic("orders", 3, 2, {"retention.ms": "1000", "cleanup.policy": "compact,delete"})


@pytest.fixture
def admin() -> MemoryAdmin:
    return MemoryAdmin()


def topic(admin: MemoryAdmin, name: str = "orders") -> Topic:
    return Topic(admin, "east", name, lambda: admin.calls.append("forgotten"))


def test_it_is_created_as_wanted_and_described(admin: MemoryAdmin) -> None:
    made = topic(admin)
    made.create(WANTED)
    described = made.describe()
    assert (described.name, described.cluster, len(described.partitions), described.replication_factor) == ("orders", "east", 3, 2)
    assert described.overrides == {"retention.ms": "1000", "cleanup.policy": "compact,delete"}
    assert repr(made) == "Topic('orders', cluster='east')"


def test_creating_what_is_there_with_equal_settings_changes_nothing(admin: MemoryAdmin) -> None:
    topic(admin).create(WANTED)
    topic(admin).create(NewTopic("orders", 3, 2, {"cleanup.policy": "delete,compact"}))
    assert admin.calls.count("create orders") == 1


def test_every_difference_of_what_is_there_is_listed(admin: MemoryAdmin) -> None:
    topic(admin).create(WANTED)
    with pytest.raises(Conflict, match="topic 'orders' exists on cluster 'east' with other settings") as raised:
        topic(admin).create(NewTopic("orders", 12, 3, {"retention.ms": "2000", "cleanup.policy": "compact,delete", "segment.ms": "5"}))
    assert raised.value.differences == (
        "partitions is 3, not 12",
        "replication_factor is 2, not 3",
        "retention.ms is 1000, not 2000",
        "segment.ms is None, not 5",
    )


def test_who_is_second_in_a_race_finds_the_same_or_a_conflict(admin: MemoryAdmin) -> None:
    admin.someone_is_quicker = WANTED
    topic(admin).create(WANTED)
    admin.topics.clear()
    with pytest.raises(Conflict, match="partitions is 3, not 4"):
        topic(admin).create(NewTopic("orders", 4, 2, {}))


def test_it_is_altered_by_setting_and_resetting_and_growing(admin: MemoryAdmin) -> None:
    made = topic(admin)
    made.create(WANTED)
    made.alter(config={"retention.ms": 5000, "cleanup.policy": None}, partitions=6)
    described = made.describe()
    assert described.overrides == {"retention.ms": "5000"}
    assert len(described.partitions) == 6
    made.alter(partitions=6)
    assert admin.calls.count("grow orders 6") == 1


def test_wrong_alterations_are_refused_before_anything_is_changed(admin: MemoryAdmin) -> None:
    made = topic(admin)
    made.create(WANTED)
    with pytest.raises(InvalidArgument, match=r"alter\(\) needs config= or partitions="):
        made.alter()
    with pytest.raises(InvalidConfig, match=r"did you mean retention\.ms\?"):
        made.alter(config={"retention.m": "1"})
    with pytest.raises(InvalidConfig, match=r"did you mean retention\.ms\?"):
        made.alter(config={"retention.m": None})
    with pytest.raises(InvalidPartitions, match="partitions=0"):
        made.alter(config={"retention.ms": "1"}, partitions=0)
    assert made.describe().overrides["retention.ms"] == "1000"


def test_a_deleted_topic_is_gone_and_forgotten(admin: MemoryAdmin) -> None:
    made = topic(admin)
    made.create(WANTED)
    made.delete()
    assert admin.calls[-2:] == ["forgotten", "partitions orders"]
    with pytest.raises(UnknownTopicOrPartition):
        made.delete()
    with pytest.raises(UnknownTopicOrPartition, match="there is no topic 'orders' on cluster 'east'"):
        made.describe()
