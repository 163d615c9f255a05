"""DescribeCluster, DescribeTopicPartitions and DescribeLogDirs in all their versions, through the codec."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.cluster import (
    Cursor,
    DescribableLogDirTopic,
    DescribeClusterRequest,
    DescribeLogDirsRequest,
    DescribeLogDirsResult,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    TopicRequest,
)
from message_queues.records.batch import Record, build_batch
from message_queues.servers.kafka.cluster import describe_cluster, describe_log_dirs, describe_topic_partitions
from message_queues.servers.kafka.context import CLUSTER_OPERATIONS, OMITTED_OPERATIONS
from tests.servers.kafka.asked_node import AskedNode, asked_node

BROKERS, CONTROLLERS = 1, 2
LOG_DIRS = range(1, 6)


def on_node(scenario: Callable[[AskedNode], Awaitable[None]], *node_ids: int, data: str | None = None) -> None:
    async def run() -> None:
        async with asked_node(node_ids or (0,), data) as node:
            await scenario(node)

    asyncio.run(run())


# DescribeCluster


@pytest.mark.parametrize("version", range(3))
def test_the_nodes_are_described_and_operations_to_whoever_asks(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        for wanted in (False, True):
            answer = node.ask(describe_cluster, DescribeClusterRequest(include_cluster_authorized_operations=wanted), version)
            assert (answer.error_code, answer.cluster_id, answer.controller_id) == (0, node.broker.cluster_id, 2)
            assert [(broker.broker_id, broker.port) for broker in answer.brokers] == [(2, 9094), (4, 9096)]
            assert answer.cluster_authorized_operations == (CLUSTER_OPERATIONS if wanted else OMITTED_OPERATIONS)

    on_node(scenario, 2, 4)


@pytest.mark.parametrize("version", [1, 2])
def test_controllers_are_not_described_by_brokers(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        answer = node.ask(describe_cluster, DescribeClusterRequest(endpoint_type=CONTROLLERS), version)
        assert answer.error_code == ErrorCode.MISMATCHED_ENDPOINT_TYPE
        assert "of type BROKER" in (answer.error_message or "")
        assert answer.brokers == []

    on_node(scenario)


# DescribeTopicPartitions


def described(node: AskedNode, *names: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> DescribeTopicPartitionsResponse:
    request = DescribeTopicPartitionsRequest(topics=[TopicRequest(name=name) for name in names], response_partition_limit=limit)
    if cursor is not None:
        request.cursor = Cursor(topic_name=cursor[0], partition_index=cursor[1])
    return node.ask(describe_topic_partitions, request, 0)


def partitions(answer: DescribeTopicPartitionsResponse) -> dict[str | None, list[int]]:
    return {topic.name: [partition.partition_index for partition in topic.partitions] for topic in answer.topics}


def next_cursor(answer: DescribeTopicPartitionsResponse) -> tuple[str, int] | None:
    return None if answer.next_cursor is None else (answer.next_cursor.topic_name, answer.next_cursor.partition_index)


def test_topics_come_in_the_order_of_their_names_and_all_of_them_to_whoever_names_none() -> None:
    async def scenario(node: AskedNode) -> None:
        everything = {"orders": list(range(12)), "payments": [0, 1, 2]}
        for names in ((), ("payments", "orders", "payments")):
            answer = described(node, *names)
            assert list(partitions(answer).items()) == list(everything.items())
            assert next_cursor(answer) is None

    on_node(scenario)


def test_page_after_page_gives_every_partition_once() -> None:
    async def scenario(node: AskedNode) -> None:
        for limit in (1, 2, 5, 12, 14, 15):
            seen: list[tuple[str | None, int]] = []
            cursor: tuple[str, int] | None = ("", 0)
            while cursor is not None:
                answer = described(node, limit=limit, cursor=cursor)
                page = [(name, index) for name, indexes in partitions(answer).items() for index in indexes]
                assert 0 < len(page) <= limit
                seen += page
                cursor = next_cursor(answer)
            assert seen == [("orders", index) for index in range(12)] + [("payments", index) for index in range(3)]

    on_node(scenario)


@pytest.mark.parametrize("limit", [0, -1, -(1 << 31)])
def test_a_page_holds_a_partition_at_least(limit: int) -> None:
    async def scenario(node: AskedNode) -> None:
        assert partitions(described(node, "orders", limit=limit)) == {"orders": [0]}

    on_node(scenario)


@pytest.mark.parametrize("cursor", [("orders", 12), ("orders", 1 << 30), ("zzz", 0)])
def test_a_cursor_beyond_the_end_finds_nothing_more(cursor: tuple[str, int]) -> None:
    async def scenario(node: AskedNode) -> None:
        answer = described(node, "orders", cursor=cursor)
        assert sum(map(len, partitions(answer).values())) == 0
        assert next_cursor(answer) is None

    on_node(scenario)


def test_what_is_not_there_is_told() -> None:
    async def scenario(node: AskedNode) -> None:
        errors = {topic.name: topic.error_code for topic in described(node, "unknown", "no spaces").topics}
        assert errors == {"unknown": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "no spaces": ErrorCode.INVALID_TOPIC_EXCEPTION}
        (topic,) = described(node, "orders", cursor=("orders", -1)).topics
        assert topic.error_code == ErrorCode.INVALID_REQUEST

    on_node(scenario)


# DescribeLogDirs


def log_dir(node: AskedNode, version: int, *topics: tuple[str, list[int]]) -> DescribeLogDirsResult:
    asked = [DescribableLogDirTopic(topic=topic, partitions=indexes) for topic, indexes in topics] or None
    answer = node.ask(describe_log_dirs, DescribeLogDirsRequest(topics=asked), version)
    (result,) = answer.results
    assert (answer.error_code, result.error_code) == (0, 0)
    return result


def sizes(result: DescribeLogDirsResult) -> dict[tuple[str, int], int]:
    return {(topic.name, partition.partition_index): partition.partition_size for topic in result.topics for partition in topic.partitions}


@pytest.mark.parametrize("version", LOG_DIRS)
def test_sizes_are_those_of_the_records_before_and_after_a_restart(version: int, tmp_path: Path) -> None:
    batch = build_batch([Record(0, -1, b"k", b"v" * 100)])

    async def fill(node: AskedNode) -> None:
        log = node.broker.topics.partition("orders", 1)
        log.append(batch, node.clock.now_ms(), in_sync=False)
        node.broker.group_commit.add(log)
        await node.broker.synced()
        await check(node)

    async def check(node: AskedNode) -> None:
        result = log_dir(node, version, ("orders", [0, 1, 99]), ("unknown", [0]))
        assert sizes(result) == {("orders", 0): 0, ("orders", 1): len(batch)}
        assert result.log_dir == str(tmp_path)
        assert not node.broker.topics.partition("orders", 2).is_open
        if version >= 4:
            assert 0 < result.usable_bytes <= result.total_bytes

    on_node(fill, data=str(tmp_path))
    on_node(check, data=str(tmp_path))


def test_a_node_tells_of_the_partitions_that_it_has_and_of_all_to_whoever_names_none() -> None:
    async def scenario(node: AskedNode) -> None:
        led = {
            (topic.name, partition.index): 0
            for topic in node.broker.topics
            for partition in topic.partitions
            if partition.replicas.leader == node.node_id
        }
        assert sizes(log_dir(node, 5)) == led
        assert 0 < len(led) < 15

    on_node(scenario, 0, 1)
