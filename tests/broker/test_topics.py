"""What may be created, grown, configured and deleted, and what is said to the rest."""

from collections.abc import Callable

import pytest

from message_queues.broker.cluster.nodes import Node, Nodes
from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.events import TopicDeleted
from message_queues.broker.logs.partition import LogHome
from message_queues.broker.topics import MAX_PARTITIONS_PER_REQUEST, Topic, Topics, TopicSpec, check_topic_name
from message_queues.errors import (
    InvalidConfig,
    InvalidPartitions,
    InvalidReplicaAssignment,
    InvalidReplicationFactor,
    InvalidRequest,
    InvalidTopic,
    MessageQueuesError,
    PolicyViolation,
    TopicAlreadyExists,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.open_files import OpenFiles


def run_now(work: Callable[[], None], done: Callable[[], None]) -> None:
    work()
    done()


def empty(*node_ids: int, **config: str) -> Topics:
    nodes = Nodes(Node(node_id) for node_id in node_ids or (0,))
    home = LogHome(OpenFiles(MemoryFileSystem(), 16), run_now)
    return Topics(nodes, BrokerConfig({name.replace("_", "."): value for name, value in config.items()}), home, "/topics")


def create(topics: Topics, name: str, partitions: int = 1, factor: int = 1, **fields: object) -> Topic:
    topics.apply_created(topics.decide_create(TopicSpec(name, partitions, factor, **fields)))  # type: ignore[arg-type]
    return topics.named(name)


def leaders(topic: Topic) -> list[int]:
    return [partition.replicas.leader for partition in topic.partitions]


def assigned(*replicas: list[int]) -> list[tuple[int, list[int]]]:
    return list(enumerate(replicas))


# Names


@pytest.mark.parametrize("name", ["a", "orders", "Orders.2024-01_x", "_", "...", "x" * 249, "0"])
def test_a_name_of_letters_digits_dots_dashes_and_underscores_is_legal(name: str) -> None:
    check_topic_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "the empty string is not allowed"),
        (".", "'.' is not allowed"),
        ("..", "'..' is not allowed"),
        ("x" * 250, "longer than the max allowed length 249"),
        ("or ders", "contains one or more characters other than"),
        ("ordérs", "contains one or more characters other than"),
        ("orders\n", "contains one or more characters other than"),
        ("a/b", "contains one or more characters other than"),
    ],
)
def test_any_other_name_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(InvalidTopic, match=f"(?s)Topic name is invalid: .*{reason}"):
        check_topic_name(name)
    with pytest.raises(InvalidTopic):
        empty().decide_create(TopicSpec(name))


def test_a_name_is_taken_once() -> None:
    topics = empty()
    create(topics, "orders")
    with pytest.raises(TopicAlreadyExists, match="Topic 'orders' already exists"):
        topics.decide_create(TopicSpec("orders"))


def test_names_that_differ_in_dots_and_underscores_only_collide() -> None:
    topics = empty()
    orders = create(topics, "or.ders_eu")
    with pytest.raises(InvalidTopic, match=r"Topic 'or_ders\.eu' collides with existing topic: or\.ders_eu"):
        topics.decide_create(TopicSpec("or_ders.eu"))
    topics.apply_deleted(TopicDeleted(topic_id=orders.topic_id))
    create(topics, "or_ders.eu")


# Partitions and replicas


def test_defaults_are_the_brokers() -> None:
    topics = empty(0, 1, 2, num_partitions="5", default_replication_factor="2")
    topic = create(topics, "orders", -1, -1)
    assert len(topic.partitions) == 5
    assert topic.replication_factor == 2


def test_leaders_go_round_over_topics_and_their_partitions() -> None:
    topics = empty(5, 7, 9)
    assert leaders(create(topics, "first", 4, 2)) == [5, 7, 9, 5]
    assert leaders(create(topics, "second", 3)) == [7, 9, 5]
    assert topics.named("first").partitions[2].replicas.assigned == (9, 5)


def test_added_partitions_go_on_where_the_last_ones_ended() -> None:
    topics = empty(10, 20, 30)
    topic = create(topics, "orders", 2)
    topics.apply_partitions_added(topics.decide_add_partitions("orders", 6, None))
    assert leaders(topic) == [10, 20, 30, 10, 20, 30]
    assert [partition.index for partition in topic.partitions] == list(range(6))


@pytest.mark.parametrize(
    ("spec", "error", "reason"),
    [
        (TopicSpec("t", 0), InvalidPartitions, "Number of partitions was set to an invalid non-positive value"),
        (TopicSpec("t", -2), InvalidPartitions, "non-positive"),
        (TopicSpec("t", 1, 0), InvalidReplicationFactor, "Replication factor must be larger than 0"),
        (TopicSpec("t", 1, -2), InvalidReplicationFactor, "larger than 0"),
        (TopicSpec("t", 1, 4), InvalidReplicationFactor, r"only 3 broker\(s\) are registered"),
        (TopicSpec("t", MAX_PARTITIONS_PER_REQUEST + 1), PolicyViolation, "Excessively large number of partitions per request"),
        (TopicSpec("t", 0x7FFFFFFF), PolicyViolation, "Excessively large"),
        (TopicSpec("t", 1, assignments=assigned([0])), InvalidRequest, "numPartitions was not set to -1"),
        (TopicSpec("t", -1, 1, assigned([0])), InvalidRequest, "replication factor was not set to -1"),
        (TopicSpec("t", assignments=assigned([])), InvalidReplicaAssignment, "an empty replica list"),
        (TopicSpec("t", assignments=assigned([0, 9])), InvalidReplicaAssignment, "broker 9, but no such broker is registered"),
        (TopicSpec("t", assignments=assigned([1, 1])), InvalidReplicaAssignment, "the broker 1 more than once"),
        (TopicSpec("t", assignments=assigned([0, 1], [2])), InvalidReplicaAssignment, "not consistent with previous partitions"),
        (TopicSpec("t", assignments=[(0, [0]), (2, [0])]), InvalidReplicaAssignment, "consecutive 0-based"),
        (TopicSpec("t", assignments=[(-1, [0])]), InvalidReplicaAssignment, "consecutive 0-based"),
        (TopicSpec("t", assignments=[(0, [0]), (0, [0])]), InvalidReplicaAssignment, "multiple manual partition assignments"),
        (TopicSpec("t", configs={"retention.ms": None}), InvalidConfig, "Null value not supported for topic configs: retention.ms"),
        (TopicSpec("t", configs={"retention.ms": "soon"}), InvalidConfig, "retention.ms"),
        (TopicSpec("t", configs={"retention.sm": "1"}), InvalidConfig, "retention.sm"),
    ],
)
def test_what_cannot_be_created_is_refused_with_the_reason_and_changes_nothing(
    spec: TopicSpec, error: type[MessageQueuesError], reason: str
) -> None:
    topics = empty(0, 1, 2)
    with pytest.raises(error, match=reason):
        topics.decide_create(spec)
    assert len(topics) == 0


def test_replicas_can_be_assigned_by_hand_in_any_order() -> None:
    topics = empty(0, 1, 2)
    event = topics.decide_create(TopicSpec("orders", assignments=[(1, [2, 0]), (0, [1, 2])]))
    assert event.replicas == [[1, 2], [2, 0]]


@pytest.mark.parametrize(
    ("count", "assignments", "error", "reason"),
    [
        (3, None, InvalidPartitions, r"Topic already has 3 partition\(s\)"),
        (2, None, InvalidPartitions, r"currently has 3 partition\(s\); 2 would not be an increase"),
        (0, None, InvalidPartitions, "not be an increase"),
        (4 + MAX_PARTITIONS_PER_REQUEST, None, PolicyViolation, "Excessively large"),
        (5, [[0]], InvalidReplicaAssignment, r"Attempted to add 2 additional partition\(s\), but only 1 assignment\(s\) were specified"),
        (4, [[7]], InvalidReplicaAssignment, "no such broker"),
        (4, [[0, 1]], InvalidReplicaAssignment, "not consistent"),
        (4, [[]], InvalidReplicaAssignment, "empty replica list"),
    ],
)
def test_what_cannot_be_added_is_refused_with_the_reason(
    count: int, assignments: list[list[int]] | None, error: type[MessageQueuesError], reason: str
) -> None:
    topics = empty(0, 1)
    create(topics, "orders", 3)
    with pytest.raises(error, match=reason):
        topics.decide_add_partitions("orders", count, assignments)


def test_added_partitions_can_be_assigned_by_hand() -> None:
    topics = empty(0, 1, 2)
    topic = create(topics, "orders", 1)
    topics.apply_partitions_added(topics.decide_add_partitions("orders", 3, [[2], [2]]))
    assert leaders(topic) == [0, 2, 2]


def test_partitions_are_added_to_a_topic_that_exists() -> None:
    with pytest.raises(UnknownTopicOrPartition):
        empty().decide_add_partitions("orders", 3, None)


# Finding


def test_topics_are_found_by_name_and_by_id_and_partitions_within_them() -> None:
    topics = empty()
    orders = create(topics, "orders", 2)
    assert topics.named("orders") is topics.with_id(orders.topic_id) is orders
    assert topics.partition("orders", 1) is orders.partitions[1]
    assert topics.partition_count("orders") == 2
    assert topics.partition_count("unknown") is None
    assert [partition.topic_name for partition in topics.partitions()] == ["orders", "orders"]
    with pytest.raises(UnknownTopicOrPartition):
        topics.named("unknown")
    with pytest.raises(UnknownTopicId):
        topics.with_id(bytes(16))
    for name, index in (("orders", 2), ("orders", -1), ("unknown", 0)):
        with pytest.raises(UnknownTopicOrPartition):
            topics.partition(name, index)


def test_a_topic_created_again_is_another_one() -> None:
    topics = empty()
    first = create(topics, "orders")
    topics.apply_deleted(TopicDeleted(topic_id=first.topic_id))
    with pytest.raises(UnknownTopicOrPartition):
        topics.named("orders")
    second = create(topics, "orders")
    assert second.topic_id != first.topic_id
    assert topics.directory_of(second.topic_id) != topics.directory_of(first.topic_id)


# Configurations


def test_a_changed_configuration_applies_at_once_and_none_takes_it_away() -> None:
    topics = empty()
    topic = create(topics, "orders", configs={"retention.ms": "1000"})
    topics.apply_configs_altered(topics.decide_alter_configs("orders", {"retention.ms": None, "max.message.bytes": "5000"}))
    assert topic.configs == {"max.message.bytes": "5000"}
    assert topic.partitions[0].config.retention_ms == 604_800_000
    assert topic.partitions[0].config.max_message_bytes == 5000


def test_a_configuration_is_refused_as_a_whole() -> None:
    topics = empty()
    topic = create(topics, "orders")
    with pytest.raises(InvalidConfig):
        topics.decide_alter_configs("orders", {"retention.ms": "1", "segment.bytes": "none"})
    with pytest.raises(UnknownTopicOrPartition):
        topics.decide_alter_configs("unknown", {})
    assert topic.configs == {}


def test_topics_with_equal_overrides_share_what_was_parsed() -> None:
    topics = empty()
    first, second = (create(topics, name, configs={"retention.ms": "1000"}) for name in ("a", "b"))
    assert first.config is second.config


def test_configurations_that_nobody_has_any_more_are_forgotten() -> None:
    topics = empty()
    topic = create(topics, "orders")
    for number in range(1000):
        topics.apply_configs_altered(topics.decide_alter_configs("orders", {"retention.ms": str(number)}))
    assert topic.config.retention_ms == 999
    assert len(topics._configs) < 100


def test_a_default_of_the_broker_reaches_the_topics_that_do_not_override_it() -> None:
    config = BrokerConfig()
    home = LogHome(OpenFiles(MemoryFileSystem(), 16), run_now)
    topics = Topics(Nodes([Node(0)]), config, home, "/topics")
    inheriting, overriding = create(topics, "a"), create(topics, "b", configs={"retention.ms": "1000"})
    config.apply_dynamic(None, {"log.retention.ms": "7"})
    topics.broker_config_changed()
    assert (inheriting.config.retention_ms, overriding.config.retention_ms) == (7, 1000)


def test_the_shortest_history_gives_the_same_topics() -> None:
    topics = empty(0, 1, 2)
    create(topics, "orders", 3, 2, configs={"retention.ms": "1000"})
    create(topics, "payments", 1)
    topics.apply_partitions_added(topics.decide_add_partitions("payments", 4, None))
    again = empty(0, 1, 2)
    for event in topics.state_events():
        again.apply_created(event)
    assert list(again.state_events()) == list(topics.state_events())
    assert leaders(again.named("payments")) == leaders(topics.named("payments"))
