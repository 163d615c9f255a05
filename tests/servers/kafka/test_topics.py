"""CreateTopics, DeleteTopics, CreatePartitions and DeleteRecords in all their versions, through the codec."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from message_queues.broker.configs.config_definition import ConfigSource
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreatableTopicResult,
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreateTopicsRequest,
    DeletableTopicResult,
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
    DeleteTopicsRequest,
    DeleteTopicState,
)
from message_queues.protocols.kafka.wire import ZERO_UUID
from message_queues.records.batch import Record, build_batch
from message_queues.servers.kafka.topics import create_partitions, create_topics, delete_records, delete_topics
from tests.servers.kafka.asked_node import AskedNode, asked_node

CREATE, DELETE, GROW, DELETE_RECORDS = range(2, 8), range(1, 7), range(4), range(3)
STRANGE_ID = b"\x07" * 16


def on_node(scenario: Callable[[AskedNode], Awaitable[None]], *node_ids: int) -> None:
    async def run() -> None:
        async with asked_node(node_ids or (0,)) as node:
            await scenario(node)

    asyncio.run(run())


def topic(name: str, partitions: int = 1, factor: int = 1, **configs: str | None) -> CreatableTopic:
    given = [CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()]
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=factor, configs=given)


async def create(node: AskedNode, *topics: CreatableTopic, version: int = 7, validate_only: bool = False) -> list[CreatableTopicResult]:
    request = CreateTopicsRequest(topics=list(topics), validate_only=validate_only)
    return (await node.ask_and_wait(create_topics, request, version)).topics


async def delete(node: AskedNode, *names: str, version: int = 6) -> list[DeletableTopicResult]:
    request = DeleteTopicsRequest(topic_names=list(names))
    if version >= 6:
        request = DeleteTopicsRequest(topics=[DeleteTopicState(name=name) for name in names])
    return (await node.ask_and_wait(delete_topics, request, version)).responses


async def grow(
    node: AskedNode, name: str, count: int, assignments: Sequence[list[int]] | None = None, version: int = 3, validate_only: bool = False
) -> tuple[int, str | None]:
    given = None if assignments is None else [CreatePartitionsAssignment(broker_ids=node_ids) for node_ids in assignments]
    request = CreatePartitionsRequest(
        topics=[CreatePartitionsTopic(name=name, count=count, assignments=given)], validate_only=validate_only
    )
    (result,) = (await node.ask_and_wait(create_partitions, request, version)).results
    assert result.name == name
    return result.error_code, result.error_message


def count(node: AskedNode, name: str) -> int | None:
    return node.broker.topics.partition_count(name)


# CreateTopics


@pytest.mark.parametrize("version", CREATE)
def test_a_topic_is_created_with_what_was_asked_for(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        (result,) = await create(node, topic("new", 4, retention_ms="1000"), version=version)
        created = node.broker.topics.named("new")
        assert (result.name, result.error_code, result.error_message) == ("new", 0, None)
        assert (len(created.partitions), created.configs) == (4, {"retention.ms": "1000"})
        assert result.topic_id == (created.topic_id if version >= 7 else ZERO_UUID)
        if version >= 5:
            assert (result.num_partitions, result.replication_factor) == (4, 1)
            (config,) = [config for config in result.configs or [] if config.name == "retention.ms"]
            assert (config.value, config.config_source, config.read_only) == ("1000", ConfigSource.TOPIC, False)

    on_node(scenario)


@pytest.mark.parametrize("version", CREATE)
def test_what_is_only_validated_is_answered_alike_and_not_created(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        results = await create(node, topic("new", 4), topic("orders"), version=version, validate_only=True)
        assert [result.error_code for result in results] == [0, ErrorCode.TOPIC_ALREADY_EXISTS]
        assert count(node, "new") is None

    on_node(scenario)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (topic("orders"), ErrorCode.TOPIC_ALREADY_EXISTS),
        (topic("no spaces"), ErrorCode.INVALID_TOPIC_EXCEPTION),
        (topic("new", 0), ErrorCode.INVALID_PARTITIONS),
        (topic("new", 1, 2), ErrorCode.INVALID_REPLICATION_FACTOR),
        (topic("new", retention_ms="soon"), ErrorCode.INVALID_CONFIG),
        (topic("new", retention_ms=None), ErrorCode.INVALID_CONFIG),
        (topic("new", no_such_config="1"), ErrorCode.INVALID_CONFIG),
        (topic("new", 20_000), ErrorCode.POLICY_VIOLATION),
        (
            CreatableTopic(
                name="new",
                num_partitions=-1,
                replication_factor=-1,
                assignments=[CreatableReplicaAssignment(partition_index=0, broker_ids=[9])],
            ),
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        ),
        (
            CreatableTopic(
                name="new",
                num_partitions=1,
                replication_factor=-1,
                assignments=[CreatableReplicaAssignment(partition_index=0, broker_ids=[0])],
            ),
            ErrorCode.INVALID_REQUEST,
        ),
    ],
)
def test_a_topic_that_cannot_be_created_is_answered_with_the_reason(asked: CreatableTopic, error: ErrorCode) -> None:
    async def scenario(node: AskedNode) -> None:
        (result,) = await create(node, asked)
        assert result.error_code == error
        assert result.error_message
        assert count(node, "new") is None

    on_node(scenario)


def test_each_topic_succeeds_or_fails_by_itself_and_sees_those_before_it() -> None:
    async def scenario(node: AskedNode) -> None:
        results = await create(node, topic("new.a"), topic("orders"), topic("new_a"), topic("new-b"))
        assert [(result.name, result.error_code) for result in results] == [
            ("new.a", 0),
            ("orders", ErrorCode.TOPIC_ALREADY_EXISTS),
            ("new_a", ErrorCode.INVALID_TOPIC_EXCEPTION),
            ("new-b", 0),
        ]

    on_node(scenario)


def test_a_name_that_is_given_twice_is_refused_once() -> None:
    async def scenario(node: AskedNode) -> None:
        results = await create(node, topic("new"), topic("other"), topic("new", 3))
        assert [(result.name, result.error_code) for result in results] == [("new", ErrorCode.INVALID_REQUEST), ("other", 0)]
        assert count(node, "new") is None

    on_node(scenario)


def test_more_than_ten_thousand_partitions_are_refused_for_the_whole_request() -> None:
    async def scenario(node: AskedNode) -> None:
        results = await create(node, topic("foo", 5000), topic("bar", 5000), topic("baz"))
        assert [(result.name, result.error_code) for result in results] == [
            (name, ErrorCode.POLICY_VIOLATION) for name in ("foo", "bar", "baz")
        ]
        assert {result.error_message for result in results} == {"Excessively large number of partitions per request."}
        assert count(node, "foo") is None

    on_node(scenario)


def test_a_request_with_many_names_takes_no_longer_than_they_are_many() -> None:
    async def scenario(node: AskedNode) -> None:
        results = await create(node, *(topic(f"no good {number}") for number in range(5000)), validate_only=True)
        assert {result.error_code for result in results} == {ErrorCode.INVALID_TOPIC_EXCEPTION}

    on_node(scenario)


# DeleteTopics


@pytest.mark.parametrize("version", DELETE)
def test_topics_are_deleted_by_name_and_each_is_answered(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        orders = node.broker.topics.named("orders").topic_id
        results = await delete(node, "orders", "unknown", version=version)
        assert [(result.name, result.error_code) for result in results] == [
            ("orders", 0),
            ("unknown", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ]
        assert results[0].topic_id == (orders if version >= 6 else ZERO_UUID)
        assert count(node, "orders") is None
        assert count(node, "payments") == 3

    on_node(scenario)


def test_topics_are_deleted_by_id() -> None:
    async def scenario(node: AskedNode) -> None:
        orders = node.broker.topics.named("orders").topic_id
        request = DeleteTopicsRequest(topics=[DeleteTopicState(topic_id=orders), DeleteTopicState(topic_id=STRANGE_ID)])
        known, unknown = (await node.ask_and_wait(delete_topics, request, 6)).responses
        assert (known.name, known.topic_id, known.error_code) == ("orders", orders, 0)
        assert (unknown.name, unknown.topic_id, unknown.error_code) == (None, STRANGE_ID, ErrorCode.UNKNOWN_TOPIC_ID)

    on_node(scenario)


def test_a_topic_that_is_named_badly_is_refused() -> None:
    async def scenario(node: AskedNode) -> None:
        orders = node.broker.topics.named("orders").topic_id
        bad = [
            [DeleteTopicState(name="orders", topic_id=orders)],
            [DeleteTopicState()],
            [DeleteTopicState(name="orders"), DeleteTopicState(name="orders")],
            [DeleteTopicState(topic_id=orders), DeleteTopicState(topic_id=orders)],
        ]
        for states in bad:
            (result,) = (await node.ask_and_wait(delete_topics, DeleteTopicsRequest(topics=states), 6)).responses
            assert result.error_code == ErrorCode.INVALID_REQUEST
        assert count(node, "orders") == 12

    on_node(scenario)


def test_a_topic_that_was_deleted_can_be_created_again() -> None:
    async def scenario(node: AskedNode) -> None:
        await delete(node, "orders")
        (result,) = await create(node, topic("orders", 2))
        assert result.error_code == 0
        assert count(node, "orders") == 2

    on_node(scenario)


# CreatePartitions


@pytest.mark.parametrize("version", GROW)
def test_a_topic_grows_to_the_count_that_was_asked_for(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        assert await grow(node, "payments", 5, version=version) == (0, None)
        assert count(node, "payments") == 5
        assert await grow(node, "payments", 6, [[0]], version=version) == (0, None)
        assert count(node, "payments") == 6

    on_node(scenario)


@pytest.mark.parametrize(
    ("name", "total", "assignments", "error"),
    [
        ("unknown", 5, None, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("payments", 3, None, ErrorCode.INVALID_PARTITIONS),
        ("payments", 2, None, ErrorCode.INVALID_PARTITIONS),
        ("payments", -1, None, ErrorCode.INVALID_PARTITIONS),
        ("payments", 5, [[0]], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ("payments", 4, [[9]], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        ("payments", 20_000, None, ErrorCode.POLICY_VIOLATION),
    ],
)
def test_a_topic_that_cannot_grow_is_answered_with_the_reason(
    name: str, total: int, assignments: list[list[int]] | None, error: ErrorCode
) -> None:
    async def scenario(node: AskedNode) -> None:
        assert (await grow(node, name, total, assignments))[0] == error
        assert count(node, "payments") == 3

    on_node(scenario)


def test_growth_that_is_only_validated_does_not_happen() -> None:
    async def scenario(node: AskedNode) -> None:
        assert await grow(node, "payments", 5, validate_only=True) == (0, None)
        assert count(node, "payments") == 3

    on_node(scenario)


def test_a_topic_that_is_to_grow_twice_is_refused_once() -> None:
    async def scenario(node: AskedNode) -> None:
        topics = [CreatePartitionsTopic(name="payments", count=number, assignments=None) for number in (5, 6)]
        (result,) = (await node.ask_and_wait(create_partitions, CreatePartitionsRequest(topics=topics), 3)).results
        assert result.error_code == ErrorCode.INVALID_REQUEST
        assert count(node, "payments") == 3

    on_node(scenario)


# DeleteRecords


async def with_records(node: AskedNode, name: str = "orders", partition: int = 0) -> None:
    log = node.broker.topics.partition(name, partition)
    log.append(build_batch([Record(offset, -1, b"k", b"v") for offset in range(5)]), node.clock.now_ms(), in_sync=False)
    node.broker.group_commit.add(log)
    await node.broker.synced()


def deleted(node: AskedNode, offset: int, version: int = 2, name: str = "orders", partition: int = 0) -> tuple[int, int]:
    asked = DeleteRecordsTopic(name=name, partitions=[DeleteRecordsPartition(partition_index=partition, offset=offset)])
    (answered,) = node.ask(delete_records, DeleteRecordsRequest(topics=[asked]), version).topics
    assert (answered.name, answered.partitions[0].partition_index) == (name, partition)
    return answered.partitions[0].error_code, answered.partitions[0].low_watermark


@pytest.mark.parametrize("version", DELETE_RECORDS)
def test_records_before_an_offset_are_deleted_and_minus_one_is_the_end(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await with_records(node)
        assert deleted(node, 3, version) == (0, 3)
        assert deleted(node, 1, version) == (0, 3)
        assert deleted(node, -1, version) == (0, 5)

    on_node(scenario)


@pytest.mark.parametrize("offset", [6, -2])
def test_an_offset_that_the_partition_does_not_have_is_out_of_range(offset: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await with_records(node)
        assert deleted(node, offset) == (ErrorCode.OFFSET_OUT_OF_RANGE, -1)

    on_node(scenario)


def test_records_are_deleted_by_the_node_that_leads_and_of_partitions_that_there_are() -> None:
    async def scenario(node: AskedNode) -> None:
        partitions = node.broker.topics.named("payments").partitions
        led_elsewhere = next(partition.index for partition in partitions if partition.replicas.leader != node.node_id)
        assert deleted(node, 0, name="payments", partition=led_elsewhere) == (ErrorCode.NOT_LEADER_OR_FOLLOWER, -1)
        assert deleted(node, 0, name="payments", partition=7) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1)
        assert deleted(node, 0, name="unknown") == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1)

    on_node(scenario, 0, 1)


def test_records_of_a_topic_that_keeps_them_are_not_deleted() -> None:
    async def scenario(node: AskedNode) -> None:
        await create(node, topic("kept", cleanup_policy="compact"))
        assert deleted(node, -1, name="kept") == (ErrorCode.POLICY_VIOLATION, -1)

    on_node(scenario)
