"""confluent-kafka's AdminClient: topics, partitions, configurations, groups, offsets, records, the cluster."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import pytest
from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from tests.conformance.librdkafka import consumer, next_message, publish, read
from tests.conformance.topics import Topics, unique_name
from tests.patience import PATIENCE_S, eventually
from tests.servers_under_test import ServerUnderTest

T = TypeVar("T")


def only(futures: Mapping[Any, "Future[T]"]) -> T:
    """The result for the one thing that was asked."""
    (future,) = futures.values()
    return future.result(PATIENCE_S)


def refusal(futures: Mapping[Any, "Future[Any]"]) -> int:
    with pytest.raises(KafkaException) as refused:
        only(futures)
    return int(refused.value.args[0].code())


def configuration(admin: AdminClient, kind: ResourceType, name: str) -> dict[str, ConfigEntry]:
    return only(admin.describe_configs([ConfigResource(kind, name)]))


def test_a_topic_is_created_described_and_deleted(admin: AdminClient, topics: Topics) -> None:
    name = unique_name("topic")
    topics.create(NewTopic(name, 3, 1))
    described = only(admin.describe_topics(TopicCollection([name])))
    assert (described.name, described.is_internal, len(described.partitions)) == (name, False, 3)
    assert str(described.topic_id) != "AAAAAAAAAAAAAAAAAAAAAA"
    assert [each.id for each in described.partitions] == [0, 1, 2]
    assert all(each.leader is not None and len(each.replicas) == len(each.isr) == 1 for each in described.partitions)
    only(admin.delete_topics([name]))
    eventually(lambda: name not in admin.list_topics(timeout=PATIENCE_S).topics)
    assert refusal(admin.describe_topics(TopicCollection([name]))) == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_replicas_are_spread_over_the_nodes(admin: AdminClient, topics: Topics, server: ServerUnderTest) -> None:
    topic = topics.new(partitions=6, replication=server.node_count)
    partitions = admin.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions.values()
    nodes = set(admin.list_topics(timeout=PATIENCE_S).brokers)
    assert {partition.leader for partition in partitions} == nodes
    assert all(set(partition.replicas) == set(partition.isrs) == nodes for partition in partitions)


def test_replicas_may_be_placed_by_hand(admin: AdminClient, topics: Topics) -> None:
    name = unique_name("topic")
    node = max(admin.list_topics(timeout=PATIENCE_S).brokers)
    topics.create(NewTopic(name, 2, replica_assignment=[[node], [node]]))
    partitions = admin.list_topics(name, timeout=PATIENCE_S).topics[name].partitions
    assert {number: partition.leader for number, partition in partitions.items()} == {0: node, 1: node}


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        (lambda: NewTopic("not a name", 1, 1), KafkaError.TOPIC_EXCEPTION),
        (lambda: NewTopic("..", 1, 1), KafkaError.TOPIC_EXCEPTION),
        (lambda: NewTopic("x" * 250, 1, 1), KafkaError.TOPIC_EXCEPTION),
        (lambda: NewTopic(unique_name("topic"), 1, 7), KafkaError.INVALID_REPLICATION_FACTOR),
        (lambda: NewTopic(unique_name("topic"), 1, 1, config={"no.such.config": "1"}), KafkaError.INVALID_CONFIG),
        (lambda: NewTopic(unique_name("topic"), 1, 1, config={"retention.ms": "long"}), KafkaError.INVALID_CONFIG),
        (lambda: NewTopic(unique_name("topic"), 1, replica_assignment=[[77]]), KafkaError.INVALID_REPLICA_ASSIGNMENT),
    ],
    ids=["space", "dots", "long", "replication", "unknown-config", "bad-config", "unknown-node"],
)
def test_a_bad_topic_is_refused(admin: AdminClient, topic: Callable[[], NewTopic], code: int) -> None:
    assert refusal(admin.create_topics([topic()])) == code


def test_a_topic_cannot_be_created_twice(admin: AdminClient, topics: Topics) -> None:
    assert refusal(admin.create_topics([NewTopic(topics.new(), 1, 1)])) == KafkaError.TOPIC_ALREADY_EXISTS


def test_validating_creates_nothing(admin: AdminClient) -> None:
    name = unique_name("topic")
    only(admin.create_topics([NewTopic(name, 1, 1)], validate_only=True))
    assert refusal(admin.describe_topics(TopicCollection([name]))) == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_deleting_what_is_not_there_is_refused(admin: AdminClient) -> None:
    assert refusal(admin.delete_topics([unique_name("absent")])) == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_topic_that_was_deleted_comes_back_empty(admin: AdminClient, bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, [b"old"])
    only(admin.delete_topics([topic]))
    eventually(lambda: topic not in admin.list_topics(timeout=PATIENCE_S).topics)
    topics.create(NewTopic(topic, 1, 1))
    publish(bootstrap, topic, [b"new"])
    assert [(message.offset(), message.value()) for message in read(bootstrap, topic, 1)] == [(0, b"new")]


def test_partitions_can_be_added_but_not_taken_away(admin: AdminClient, bootstrap: str, topics: Topics) -> None:
    topic = topics.new(partitions=2)
    only(admin.create_partitions([NewPartitions(topic, 5)]))
    eventually(lambda: topics.partition_count(topic) == 5)
    publish(bootstrap, topic, [b"in the new one"], partition=4)
    assert read(bootstrap, topic, 1, partition=4)[0].value() == b"in the new one"
    assert refusal(admin.create_partitions([NewPartitions(topic, 3)])) == KafkaError.INVALID_PARTITIONS
    assert refusal(admin.create_partitions([NewPartitions(unique_name("absent"), 3)])) == KafkaError.UNKNOWN_TOPIC_OR_PART


def source(entry: ConfigEntry) -> ConfigSource:
    # What is declared as the enumeration comes as its number.
    return ConfigSource(entry.source)


def test_a_topic_describes_its_configuration_with_sources_and_synonyms(admin: AdminClient, topics: Topics) -> None:
    entries = configuration(admin, ResourceType.TOPIC, topics.new(config={"retention.ms": "1234567"}))
    changed, default = entries["retention.ms"], entries["max.message.bytes"]
    assert (changed.value, source(changed), changed.is_default) == ("1234567", ConfigSource.DYNAMIC_TOPIC_CONFIG, False)
    assert (default.value, source(default), default.is_default) == ("1048588", ConfigSource.DEFAULT_CONFIG, True)
    assert [synonym.name for synonym in changed.synonyms.values()][:1] == ["retention.ms"]
    assert len(entries) >= 33


def test_a_broker_describes_its_configuration(admin: AdminClient) -> None:
    node = min(admin.list_topics(timeout=PATIENCE_S).brokers)
    entries = configuration(admin, ResourceType.BROKER, str(node))
    assert (entries["num.partitions"].value, entries["num.partitions"].is_read_only) == ("1", True)
    assert entries["group.initial.rebalance.delay.ms"].value == "0"
    assert source(entries["group.initial.rebalance.delay.ms"]) == ConfigSource.STATIC_BROKER_CONFIG
    assert len(entries) > 200


def altered(name: str, value: str | None, operation: AlterConfigOpType) -> ConfigEntry:
    return ConfigEntry(name, value, incremental_operation=operation)


def test_a_configuration_changes_one_step_at_a_time(admin: AdminClient, topics: Topics) -> None:
    topic = topics.new(config={"retention.ms": "1000000", "segment.ms": "2000000"})

    def holds_after(entry: ConfigEntry, value: str) -> None:
        only(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))
        eventually(lambda: configuration(admin, ResourceType.TOPIC, topic)[entry.name].value == value)

    holds_after(altered("retention.ms", "3000000", AlterConfigOpType.SET), "3000000")
    holds_after(altered("cleanup.policy", "compact", AlterConfigOpType.APPEND), "delete,compact")
    holds_after(altered("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT), "compact")
    holds_after(altered("retention.ms", None, AlterConfigOpType.DELETE), "604800000")
    assert configuration(admin, ResourceType.TOPIC, topic)["segment.ms"].value == "2000000"


def test_replacing_a_configuration_drops_what_is_not_named(admin: AdminClient, topics: Topics) -> None:
    topic = topics.new(config={"retention.ms": "1000000", "segment.ms": "2000000"})
    with pytest.warns(DeprecationWarning, match="alter_configs"):
        only(admin.alter_configs([ConfigResource(ResourceType.TOPIC, topic, set_config={"retention.ms": "3000000"})]))
    eventually(lambda: configuration(admin, ResourceType.TOPIC, topic)["retention.ms"].value == "3000000")
    assert configuration(admin, ResourceType.TOPIC, topic)["segment.ms"].value == "604800000"


def test_a_bad_configuration_is_refused_and_changes_nothing(admin: AdminClient, topics: Topics) -> None:
    topic = topics.new()
    entries = [altered("retention.ms", "5000000", AlterConfigOpType.SET), altered("segment.bytes", "-1", AlterConfigOpType.SET)]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    assert refusal(admin.incremental_alter_configs([resource])) == KafkaError.INVALID_CONFIG
    assert configuration(admin, ResourceType.TOPIC, topic)["retention.ms"].value == "604800000"


def test_the_configuration_of_an_absent_topic_is_refused(admin: AdminClient) -> None:
    resource = ConfigResource(ResourceType.TOPIC, unique_name("absent"))
    assert refusal(admin.describe_configs([resource])) == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_records_before_an_offset_can_be_deleted(admin: AdminClient, bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, [str(number).encode() for number in range(10)])
    assert only(admin.delete_records([TopicPartition(topic, 0, 4)])).low_watermark == 4
    assert read(bootstrap, topic, 1)[0].value() == b"4"
    assert refusal(admin.delete_records([TopicPartition(topic, 0, 11)])) == KafkaError.OFFSET_OUT_OF_RANGE
    assert only(admin.delete_records([TopicPartition(topic, 0, -1)])).low_watermark == 10


def test_offsets_are_listed_by_position_and_by_time(admin: AdminClient, bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    confirmed = publish(bootstrap, topic, [str(number).encode() for number in range(10)])
    partition = TopicPartition(topic, 0)

    def listed(spec: OffsetSpec) -> int:
        return int(only(admin.list_offsets({partition: spec})).offset)

    assert listed(OffsetSpec.latest()) == 10
    assert 0 <= listed(OffsetSpec.max_timestamp()) <= 9
    assert listed(OffsetSpec.for_timestamp(confirmed[0].timestamp()[1])) == 0
    only(admin.delete_records([TopicPartition(topic, 0, 2)]))
    assert listed(OffsetSpec.earliest()) == 2
    assert listed(OffsetSpec.for_timestamp(confirmed[0].timestamp()[1])) == 2
    assert listed(OffsetSpec.for_timestamp(confirmed[9].timestamp()[1] + 1000)) == -1


def test_a_group_is_listed_described_and_deleted(admin: AdminClient, bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    publish(bootstrap, topic, [b"message"])
    member = consumer(bootstrap, group, client_id="described")
    member.subscribe([topic])
    member.commit(message=next_message(member), asynchronous=False)

    described = only(admin.describe_consumer_groups([group]))
    assert (described.state, described.type, described.partition_assignor) == (
        ConsumerGroupState.STABLE,
        ConsumerGroupType.CLASSIC,
        "range",
    )
    assert not described.is_simple_consumer_group
    assert [(each.client_id, each.host) for each in described.members] == [("described", "/127.0.0.1")]
    assert [(each.topic, each.partition) for each in described.members[0].assignment.topic_partitions] == [(topic, 0)]
    assert refusal(admin.delete_consumer_groups([group])) == KafkaError.NON_EMPTY_GROUP

    member.close()
    listing = {each.group_id: each for each in admin.list_consumer_groups().result(PATIENCE_S).valid}
    assert (listing[group].state, listing[group].type) == (ConsumerGroupState.EMPTY, ConsumerGroupType.CLASSIC)
    stable = admin.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(PATIENCE_S).valid
    assert group not in {each.group_id for each in stable}
    only(admin.delete_consumer_groups([group]))
    assert group not in {each.group_id for each in admin.list_consumer_groups().result(PATIENCE_S).valid}
    assert refusal(admin.delete_consumer_groups([group])) == KafkaError.GROUP_ID_NOT_FOUND


def test_the_offsets_of_a_group_are_listed_and_altered(admin: AdminClient, topics: Topics) -> None:
    topic, group = topics.new(partitions=3), unique_name("group")
    changes = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 11), TopicPartition(topic, 2, 33)])
    only(admin.alter_consumer_group_offsets([changes]))
    everything = only(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))
    assert sorted((each.partition, each.offset) for each in everything.topic_partitions or []) == [(0, 11), (2, 33)]
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 1), TopicPartition(topic, 2)])
    some = only(admin.list_consumer_group_offsets([asked]))
    assert sorted((each.partition, each.offset) for each in some.topic_partitions or []) == [(1, -1001), (2, 33)]


def test_the_cluster_describes_its_nodes(admin: AdminClient, server: ServerUnderTest) -> None:
    described = admin.describe_cluster(include_authorized_operations=True).result(PATIENCE_S)
    addresses = {f"{node.host}:{node.port}" for node in described.nodes}
    assert addresses == set(server.addresses)
    assert described.cluster_id
    assert described.controller.id in {node.id for node in described.nodes}
    assert described.authorized_operations
