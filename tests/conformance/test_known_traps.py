"""What other light brokers got wrong, and what stock clients do not forgive: each defect that is known is a test here."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from message_queues.protocols.kafka.api_keys import ApiKey
from message_queues.protocols.kafka.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from message_queues.protocols.kafka.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from message_queues.records.batch import read_header
from tests.conformance.librdkafka import consumer, next_message, next_messages, producer, publish, read
from tests.conformance.topics import Topics, unique_name
from tests.contract.raw_client import RawClient
from tests.patience import PATIENCE_S, eventually
from tests.servers_under_test import ServerUnderTest


@pytest.fixture
def raw(server: ServerUnderTest) -> Iterator[RawClient]:
    with closing(RawClient(*server.host_and_port())) as client:
        yield client


def delivery_error(bootstrap: str, topic: str, value: bytes, key: bytes | None = None) -> KafkaError | None:
    errors: list[KafkaError | None] = []
    sender = producer(bootstrap)
    sender.produce(topic, value, key, partition=0, on_delivery=lambda error, _: errors.append(error))
    sender.flush(PATIENCE_S)
    (error,) = errors
    return error


# What other light brokers shipped


def test_a_message_without_a_key_is_refused_by_a_compacted_topic(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"cleanup.policy": "compact"})
    error = delivery_error(bootstrap, topic, b"keyless")
    assert error is not None
    assert error.code() == KafkaError.INVALID_RECORD
    assert delivery_error(bootstrap, topic, b"keyed", b"key") is None


def test_offsets_by_time_are_those_of_the_first_message_at_or_after_it(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    start = int(time.time() * 1000) - 1_000_000
    for linger_ms, compression in ((0, "none"), (50, "lz4")):
        sender = producer(bootstrap, linger_ms=linger_ms, compression_type=compression)
        first = 0 if compression == "none" else 50
        for number in range(first, first + 50):
            sender.produce(topic, b"value", partition=0, timestamp=start + 100 * number)
        assert sender.flush(PATIENCE_S) == 0
    reader = consumer(bootstrap)
    asked = [start - 1, start, start + 1, start + 4950, start + 4951, start + 7777, start + 9900]
    found = [reader.offsets_for_times([TopicPartition(topic, 0, moment)], timeout=PATIENCE_S)[0].offset for moment in asked]
    assert found == [0, 0, 1, 50, 50, 78, 99]
    reader.close()


def test_the_answer_to_new_partitions_names_every_topic(admin: AdminClient, topics: Topics) -> None:
    names = [topics.new(), topics.new(), unique_name("absent")]
    futures = admin.create_partitions([NewPartitions(name, 3) for name in names])
    assert set(futures) == set(names)
    for name in names[:2]:
        futures[name].result(PATIENCE_S)
    with pytest.raises(KafkaException):
        futures[names[2]].result(PATIENCE_S)


def test_the_metadata_of_a_commit_come_back(bootstrap: str, admin: AdminClient, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    metadata = "x" * 4000
    member = consumer(bootstrap, group)
    member.commit(offsets=[TopicPartition(topic, 0, 7, metadata=metadata)], asynchronous=False)
    assert member.committed([TopicPartition(topic, 0)], timeout=PATIENCE_S)[0].metadata == metadata
    (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    assert [each.metadata for each in future.result(PATIENCE_S).topic_partitions or []] == [metadata]
    member.close()


def test_configurations_are_described_for_every_resource_that_was_asked(admin: AdminClient, topics: Topics) -> None:
    resources = [ConfigResource(ResourceType.TOPIC, topics.new()) for _ in range(3)]
    futures = admin.describe_configs(resources)
    assert len(futures) == 3
    assert all(len(future.result(PATIENCE_S)) >= 30 for future in futures.values())


def test_appending_to_and_subtracting_from_a_list_works(admin: AdminClient, topics: Topics) -> None:
    topic = topics.new()

    def holds_after(value: str, operation: AlterConfigOpType, expected: str) -> None:
        entry = ConfigEntry("cleanup.policy", value, incremental_operation=operation)
        (future,) = admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]).values()
        future.result(PATIENCE_S)
        eventually(lambda: cleanup_policy(admin, topic) == expected)

    holds_after("compact", AlterConfigOpType.APPEND, "delete,compact")
    holds_after("delete", AlterConfigOpType.SUBTRACT, "compact")


def cleanup_policy(admin: AdminClient, topic: str) -> object:
    (described,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    return described.result(PATIENCE_S)["cleanup.policy"].value


def test_a_message_larger_than_its_topic_allows_is_refused(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"max.message.bytes": "500"})
    error = delivery_error(bootstrap, topic, bytes(600))
    assert error is not None
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert delivery_error(bootstrap, topic, bytes(300)) is None


def test_a_member_that_forgets_to_poll_costs_one_rebalance(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=2), unique_name("group")
    assigned: list[int] = []
    stays = consumer(bootstrap, group)
    stays.subscribe([topic], on_assign=lambda _, partitions: assigned.append(len(partitions)))
    forgets = consumer(bootstrap, group, max_poll_interval_ms=1500, session_timeout_ms=1500)
    forgets.subscribe([topic])

    def has_settled() -> bool:
        stays.poll(0.02)
        forgets.poll(0.02)
        return len(stays.assignment()) == len(forgets.assignment()) == 1

    eventually(has_settled)
    before = len(assigned)

    def has_everything() -> bool:
        stays.poll(0.05)
        return len(stays.assignment()) == 2

    eventually(has_everything)
    assert assigned[before:] == [2]
    stays.close()
    with pytest.raises(KafkaException) as left:
        next_message(forgets)
    assert left.value.args[0].code() == KafkaError._MAX_POLL_EXCEEDED
    forgets.close()


def test_members_that_join_at_once_settle_without_an_error(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=8), unique_name("group")
    members = [consumer(bootstrap, group) for _ in range(8)]
    for member in members:
        member.subscribe([topic])

    def has_settled() -> bool:
        for member in members:
            message = member.poll(0.01)
            assert message is None or message.error() is None
        return all(len(member.assignment()) == 1 for member in members)

    eventually(has_settled)
    assert {each.partition for member in members for each in member.assignment()} == set(range(8))
    for member in members:
        member.commit(offsets=[TopicPartition(topic, each.partition, 0) for each in member.assignment()], asynchronous=False)
        member.close()


def test_a_fetch_from_inside_a_batch_gets_the_whole_batch(
    bootstrap: str, topics: Topics, server: ServerUnderTest, admin: AdminClient
) -> None:
    topic = topics.new()
    publish(bootstrap, topic, [str(number).encode() for number in range(10)], linger_ms=50)
    leader = admin.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions[0].leader
    node = sorted(admin.list_topics(timeout=PATIENCE_S).brokers).index(leader)
    with closing(RawClient(*server.host_and_port(node))) as raw:
        part = FetchPartition(partition=0, fetch_offset=7, partition_max_bytes=1_000_000)
        answer = raw.ask(FetchRequest(max_wait_ms=100, min_bytes=1, topics=[FetchTopic(topic=topic, partitions=[part])]), 11)
    assert isinstance(answer, FetchResponse)
    header = read_header(answer.responses[0].partitions[0].records or b"")
    assert header.base_offset <= 7 <= header.last_offset
    assert read(bootstrap, topic, 3, offset=7)[0].value() == b"7"


# What stock clients do not forgive


def test_an_admin_answer_holds_a_result_for_each_thing_asked(admin: AdminClient, topics: Topics) -> None:
    """librdkafka aborts the whole process when one is missing."""
    known, absent = topics.new(), unique_name("absent")
    group, no_group = unique_name("group"), unique_name("absent")
    (future,) = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [TopicPartition(known, 0, 1)])]).values()
    future.result(PATIENCE_S)
    latest = OffsetSpec.latest()
    answers: list[Mapping[Any, Future[Any]]] = [
        admin.create_topics([NewTopic(known, 1, 1), NewTopic(unique_name("topic"), 1, 1), NewTopic("not a name", 1, 1)]),
        admin.create_partitions([NewPartitions(known, 2), NewPartitions(absent, 2)]),
        admin.describe_configs([ConfigResource(ResourceType.TOPIC, known), ConfigResource(ResourceType.TOPIC, absent)]),
        admin.describe_topics(TopicCollection([known, absent])),
        admin.list_offsets({TopicPartition(known, 0): latest, TopicPartition(known, 1): latest}),
        admin.delete_records([TopicPartition(known, 0, 0), TopicPartition(known, 1, 0)]),
        admin.describe_consumer_groups([group, no_group]),
        admin.delete_consumer_groups([group, no_group]),
        admin.delete_topics([known, absent]),
    ]
    for futures in answers:
        for each in futures.values():
            assert each.exception(PATIENCE_S) is None or isinstance(each.exception(), KafkaException)


def advertised(raw: RawClient) -> dict[int, tuple[int, int]]:
    answer = raw.ask(ApiVersionsRequest(), 0)
    assert isinstance(answer, ApiVersionsResponse)
    return {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}


def test_telemetry_is_not_offered(raw: RawClient, server: ServerUnderTest) -> None:
    """librdkafka pushes its metrics by default to a broker that would take them."""
    if server.kind == "embedded":
        assert not advertised(raw).keys() & {71, 72}


def test_produce_is_offered_from_version_0(raw: RawClient) -> None:
    """Or librdkafka takes the broker for one without compression (KAFKA-18659)."""
    assert advertised(raw)[ApiKey.PRODUCE][0] == 0


OLD_VERSIONS = {
    ApiKey.METADATA: 5,
    ApiKey.PRODUCE: 7,
    ApiKey.FETCH: 11,
    ApiKey.API_VERSIONS: 0,
    ApiKey.LIST_OFFSETS: 1,
    ApiKey.JOIN_GROUP: 2,
}


@pytest.mark.parametrize("api", OLD_VERSIONS)
def test_versions_that_old_clients_need_are_offered(raw: RawClient, api: ApiKey) -> None:
    lowest, highest = advertised(raw)[api]
    assert lowest <= OLD_VERSIONS[api] <= highest


def test_a_time_that_is_found_has_a_timestamp(raw: RawClient, bootstrap: str, topics: Topics) -> None:
    """Java refuses an offset that comes with the timestamp -1."""
    topic = topics.new()
    publish(bootstrap, topic, [b"0", b"1"])
    part = ListOffsetsPartition(partition_index=0, timestamp=0)
    answer = raw.ask(ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=[part])]), 7)
    assert isinstance(answer, ListOffsetsResponse)
    (found,) = answer.topics[0].partitions
    assert (found.offset == -1) == (found.timestamp == -1)


def test_addresses_are_those_that_the_client_dialled(server: ServerUnderTest, topics: Topics) -> None:
    topic = topics.new()
    for node in range(server.node_count):
        with closing(RawClient(*server.host_and_port(node))) as raw:
            answer = raw.ask(MetadataRequest(topics=[MetadataRequestTopic(name=topic)]), 9)
            assert isinstance(answer, MetadataResponse)
            assert {f"{broker.host}:{broker.port}" for broker in answer.brokers} == set(server.addresses)


def test_a_consumer_of_a_group_and_a_topic_that_appear_together_reads_it_all(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(partitions=3)
    reader = consumer(bootstrap)
    reader.subscribe([topic])
    for partition in range(3):
        publish(bootstrap, topic, [b"a", b"b"], partition=partition)
    assert len(next_messages(reader, 6)) == 6
    reader.close()
