"""kafka-python: producer, consumer, groups and admin client."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import (
    InvalidConfigurationError,
    InvalidReplicationFactorError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from tests.conformance.topics import Topics, unique_name
from tests.patience import PATIENCE_S, eventually
from tests.servers_under_test import ServerUnderTest


@pytest.fixture(scope="module")
def client(bootstrap: str) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as client:
        yield client


def new_producer(bootstrap: str, **settings: object) -> KafkaProducer:
    return KafkaProducer(bootstrap_servers=bootstrap, **settings)


def new_consumer(bootstrap: str, *topics: str, **settings: object) -> KafkaConsumer:
    defaults: dict[str, object] = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "heartbeat_interval_ms": 200}
    consumer = KafkaConsumer(*topics, bootstrap_servers=bootstrap, **{**defaults, **settings})
    for topic in topics:
        # A group that forms before its leader knows the topic's partitions gives none away, and this client may not notice for minutes.
        assert consumer.partitions_for_topic(topic)
    return consumer


def next_records(consumer: KafkaConsumer, count: int) -> list[Any]:
    records: list[Any] = []

    def has_enough() -> bool:
        for batch in consumer.poll(timeout_ms=100).values():
            records.extend(batch)
        return len(records) >= count

    eventually(has_enough)
    assert len(records) == count
    return records


def poll_until(condition: Callable[[], bool], *members: KafkaConsumer) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        for member in members:
            assert not member.poll(timeout_ms=50)
        assert time.monotonic() < deadline, [member.assignment() for member in members]


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_each_compression_comes_back_as_it_was_sent(bootstrap: str, topics: Topics, compression: str | None) -> None:
    topic = topics.new()
    with closing(new_producer(bootstrap, compression_type=compression, linger_ms=20)) as producer:
        sent = [producer.send(topic, f"{number} ".encode() * 20, partition=0) for number in range(100)]
        assert [future.get(PATIENCE_S).offset for future in sent] == list(range(100))
    with closing(new_consumer(bootstrap, topic)) as consumer:
        assert [record.value for record in next_records(consumer, 100)] == [f"{number} ".encode() * 20 for number in range(100)]


@pytest.mark.parametrize(
    "settings",
    [{"acks": 0, "enable_idempotence": False}, {"acks": 1, "enable_idempotence": False}, {"acks": "all"}],
    ids=["acks-0", "acks-1", "idempotent"],
)
def test_a_record_arrives_with_key_headers_and_time(bootstrap: str, topics: Topics, settings: dict[str, object]) -> None:
    topic = topics.new()
    moment = int(time.time() * 1000) - 5000
    with closing(new_producer(bootstrap, **settings)) as producer:
        producer.send(topic, b"value", key=b"key", headers=[("a", b"1"), ("b", b"")], partition=0, timestamp_ms=moment)
        producer.send(topic, None, key=b"tombstone", partition=0)
        producer.flush(PATIENCE_S)
    with closing(new_consumer(bootstrap, topic)) as consumer:
        record, tombstone = next_records(consumer, 2)
    assert (record.key, record.value, record.timestamp, record.timestamp_type) == (b"key", b"value", moment, 0)
    assert list(record.headers) == [("a", b"1"), ("b", b"")]
    assert (tombstone.key, tombstone.value) == (b"tombstone", None)


def test_a_record_that_the_topic_finds_too_large_is_refused(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"max.message.bytes": "1000"})
    with closing(new_producer(bootstrap)) as producer, pytest.raises(MessageSizeTooLargeError):
        producer.send(topic, bytes(2000), partition=0).get(PATIENCE_S)


def test_a_consumer_seeks_pauses_and_finds_offsets_by_time(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    partition = TopicPartition(topic, 0)
    start = int(time.time() * 1000) - 100_000
    with closing(new_producer(bootstrap, linger_ms=20)) as producer:
        for number in range(10):
            producer.send(topic, str(number).encode(), partition=0, timestamp_ms=start + 1000 * number)
    with closing(new_consumer(bootstrap)) as consumer:
        consumer.assign([partition])
        assert (consumer.beginning_offsets([partition]), consumer.end_offsets([partition])) == ({partition: 0}, {partition: 10})
        found = consumer.offsets_for_times({partition: start + 4500})[partition]
        assert (found.offset, found.timestamp) == (5, start + 5000)
        assert consumer.offsets_for_times({partition: start + 9001}) == {partition: None}
        consumer.seek(partition, 7)
        assert [record.offset for record in next_records(consumer, 3)] == [7, 8, 9]
        consumer.pause(partition)
        consumer.seek_to_beginning(partition)
        assert consumer.poll(timeout_ms=300) == {}
        consumer.resume(partition)
        assert next_records(consumer, 10)[0].value == b"0"


def test_a_second_member_takes_half_and_gives_it_back_when_it_leaves(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=4), unique_name("group")
    first = new_consumer(bootstrap, topic, group_id=group)
    poll_until(lambda: len(first.assignment()) == 4, first)
    second = new_consumer(bootstrap, topic, group_id=group)
    poll_until(lambda: len(first.assignment()) == len(second.assignment()) == 2, first, second)
    assert first.assignment().isdisjoint(second.assignment())
    second.close()
    poll_until(lambda: len(first.assignment()) == 4, first)
    first.close()


def test_a_static_member_comes_back_to_its_partitions(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=4), unique_name("group")
    stays = new_consumer(bootstrap, topic, group_id=group, group_instance_id="stays")
    returns = new_consumer(bootstrap, topic, group_id=group, group_instance_id="returns")
    poll_until(lambda: len(stays.assignment()) == len(returns.assignment()) == 2, stays, returns)
    before = returns.assignment()
    returns.close()
    returns = new_consumer(bootstrap, topic, group_id=group, group_instance_id="returns")
    poll_until(lambda: len(returns.assignment()) > 0, stays, returns)
    assert returns.assignment() == before
    stays.close()
    returns.close()


def test_a_group_resumes_where_it_committed_with_its_metadata(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    partition = TopicPartition(topic, 0)
    with closing(new_producer(bootstrap)) as producer:
        for number in range(10):
            producer.send(topic, str(number).encode(), partition=0)
    with closing(new_consumer(bootstrap, topic, group_id=group)) as consumer:
        next_records(consumer, 10)
        consumer.commit({partition: OffsetAndMetadata(6, "six", -1)})
    with closing(new_consumer(bootstrap, topic, group_id=group)) as consumer:
        assert next_records(consumer, 4)[0].value == b"6"
        assert consumer.committed(partition, metadata=True)[:2] == (6, "six")


def test_topics_are_created_described_grown_and_deleted(client: KafkaAdminClient) -> None:
    name = unique_name("topic")
    client.create_topics({name: {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
    with pytest.raises(TopicAlreadyExistsError):
        client.create_topics({name: {}})
    client.create_partitions({name: 3})
    eventually(lambda: len(client.describe_topics([name])[0]["partitions"]) == 3)
    described = client.describe_topic_partitions([name])
    assert [each["partition_index"] for each in described["topics"][0]["partitions"]] == [0, 1, 2]
    client.delete_topics([name])
    eventually(lambda: name not in client.list_topics())
    with pytest.raises(UnknownTopicOrPartitionError):
        client.delete_topics([name])


def test_bad_topics_are_refused(client: KafkaAdminClient) -> None:
    with pytest.raises(InvalidReplicationFactorError):
        client.create_topics({unique_name("topic"): {"num_partitions": 1, "replication_factor": 9}})
    with pytest.raises(InvalidConfigurationError):
        client.create_topics({unique_name("topic"): {"configs": {"no.such.config": "1"}}})


def test_configurations_are_described_altered_and_reset(client: KafkaAdminClient, topics: Topics) -> None:
    topic = topics.new()

    def modified() -> dict[str, str]:
        described = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], include_synonyms=True)
        return {name: entry["value"] for name, entry in described["topic"][topic].items() if entry["config_source"].startswith("DYNAMIC")}

    assert modified() == {}
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "86400000"})])
    eventually(lambda: modified() == {"retention.ms": "86400000"})
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": ("APPEND", "compact")})])
    eventually(lambda: modified() == {"retention.ms": "86400000", "cleanup.policy": "delete,compact"})
    client.reset_configs([ConfigResource(ConfigResourceType.TOPIC, topic, ["retention.ms", "cleanup.policy"])])
    eventually(lambda: modified() == {})


def test_groups_are_listed_described_moved_and_deleted(client: KafkaAdminClient, bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    partition = TopicPartition(topic, 0)
    with closing(new_consumer(bootstrap, topic, group_id=group)) as member:
        poll_until(lambda: member.assignment() == {partition}, member)
        member.commit({partition: OffsetAndMetadata(0, "", -1)})
        described = client.describe_groups([group])[group]
        assert (described["group_state"], described["protocol_type"], len(described["members"])) == ("Stable", "consumer", 1)
    assert client.describe_groups([group])[group]["group_state"] == "Empty"
    assert group in {each["group_id"] for each in client.list_groups()}
    client.alter_group_offsets(group, {partition: OffsetAndMetadata(42, "moved", -1)})
    offsets = client.list_group_offsets({group: None})[group]
    assert (offsets[partition].offset, offsets[partition].metadata) == (42, "moved")
    client.delete_group_offsets(group, [partition])
    assert partition not in client.list_group_offsets({group: None})[group]
    client.delete_groups([group])
    assert group not in {each["group_id"] for each in client.list_groups()}


def test_records_are_deleted_and_offsets_listed(client: KafkaAdminClient, bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    partition = TopicPartition(topic, 0)
    with closing(new_producer(bootstrap)) as producer:
        for number in range(10):
            producer.send(topic, str(number).encode(), partition=0)
    deleted = client.delete_records({partition: 4})
    assert deleted[partition]["low_watermark"] == 4
    assert client.list_partition_offsets({partition: OffsetSpec.EARLIEST})[partition].offset == 4
    assert client.list_partition_offsets({partition: OffsetSpec.LATEST})[partition].offset == 10


def test_the_cluster_and_its_log_directories_are_described(
    client: KafkaAdminClient, server: ServerUnderTest, bootstrap: str, topics: Topics
) -> None:
    topic = topics.new()
    with closing(new_producer(bootstrap)) as producer:
        producer.send(topic, bytes(500), partition=0).get(PATIENCE_S)
    described = client.describe_cluster()
    assert {f"{broker['host']}:{broker['port']}" for broker in described["brokers"]} == set(server.addresses)
    directories = [directory for node in client.describe_log_dirs() for directory in node["log_dirs"]]
    assert all(directory["error_code"] == 0 and directory["log_dir"] for directory in directories)
    sizes = [
        partition["partition_size"]
        for directory in directories
        for each in directory["topics"]
        if each["name"] == topic
        for partition in each["partitions"]
    ]
    assert len(sizes) == 1
    assert sizes[0] > 500
