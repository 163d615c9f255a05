"""ListOffsets and OffsetForLeaderEpoch in all their versions, through the codec."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.leader_epochs import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from message_queues.protocols.kafka.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from message_queues.records.batch import Record, build_batch
from message_queues.servers.kafka.leader_epochs import offset_for_leader_epoch
from message_queues.servers.kafka.list_offsets import (
    EARLIEST,
    EARLIEST_LOCAL,
    EARLIEST_PENDING_UPLOAD,
    FIRST_VERSION,
    LATEST,
    LATEST_TIERED,
    MAX_TIMESTAMP,
    list_offsets,
)
from tests.servers.kafka.asked_node import AskedNode, asked_node

VERSIONS = range(1, 12)
WITH_LEADER_EPOCH = 4
NONE = (0, -1, -1)
"""No error, and nothing found."""


def on_node(scenario: Callable[[AskedNode], Awaitable[None]], *node_ids: int) -> None:
    async def run() -> None:
        async with asked_node(node_ids or (0,)) as node:
            await scenario(node)

    asyncio.run(run())


async def append(node: AskedNode, *timestamps: int, topic: str = "orders", partition: int = 0) -> None:
    """A batch with a record for each timestamp."""
    log = node.broker.topics.partition(topic, partition)
    log.append(build_batch([Record(offset, at, b"k", b"v") for offset, at in enumerate(timestamps)]), node.clock.now_ms(), in_sync=False)
    node.broker.group_commit.add(log)
    await node.broker.synced()


def answered(
    node: AskedNode, timestamp: int, version: int = 11, topic: str = "orders", partition: int = 0, epoch: int = -1
) -> ListOffsetsPartitionResponse:
    asked = ListOffsetsPartition(partition_index=partition, timestamp=timestamp, current_leader_epoch=epoch)
    request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=[asked])])
    (of_topic,) = node.ask(list_offsets, request, version).topics
    (answer,) = of_topic.partitions
    assert (of_topic.name, answer.partition_index) == (topic, partition)
    return answer


def found(node: AskedNode, timestamp: int, version: int = 11) -> tuple[int, int, int]:
    """(error code, offset, timestamp)"""
    answer = answered(node, timestamp, version)
    return answer.error_code, answer.offset, answer.timestamp


@pytest.mark.parametrize("version", VERSIONS)
def test_the_ends_of_the_log_come_without_a_timestamp(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await append(node, 100, 200, 300)
        node.broker.topics.partition("orders", 0).delete_records(1)
        assert found(node, EARLIEST, version) == (0, 1, -1)
        assert found(node, LATEST, version) == (0, 3, -1)

    on_node(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_timestamp_finds_the_first_record_as_late_with_its_own_timestamp(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await append(node, 100, 300, 200)
        await append(node, 250, 400)
        assert found(node, 0, version) == (0, 0, 100)
        assert found(node, 101, version) == (0, 1, 300)
        assert found(node, 301, version) == (0, 4, 400)
        assert found(node, 401, version) == NONE

    on_node(scenario)


@pytest.mark.parametrize("version", range(7, 12))
def test_the_latest_timestamp_finds_the_first_record_that_has_it(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        assert found(node, MAX_TIMESTAMP, version) == NONE
        await append(node, 100, 300, 200)
        await append(node, 300, 250)
        assert found(node, MAX_TIMESTAMP, version) == (0, 1, 300)

    on_node(scenario)


def test_nothing_is_tiered() -> None:
    async def scenario(node: AskedNode) -> None:
        await append(node, 100, 200)
        assert found(node, EARLIEST_LOCAL) == (0, 0, -1)
        assert found(node, LATEST_TIERED) == NONE
        assert found(node, EARLIEST_PENDING_UPLOAD) == NONE

    on_node(scenario)


@pytest.mark.parametrize(("timestamp", "first"), [*FIRST_VERSION.items(), (-7, 12), (-(1 << 63), 12)])
def test_a_special_timestamp_means_nothing_to_versions_before_it(timestamp: int, first: int) -> None:
    async def scenario(node: AskedNode) -> None:
        for version in VERSIONS:
            expected = ErrorCode.UNSUPPORTED_VERSION if version < first else ErrorCode.NONE
            assert found(node, timestamp, version)[0] == expected

    on_node(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_leader_epoch_comes_with_what_was_found(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await append(node, 100)
        assert answered(node, LATEST, version).leader_epoch == (0 if version >= WITH_LEADER_EPOCH else -1)
        assert answered(node, 101, version).leader_epoch == -1

    on_node(scenario)


def test_a_client_that_believes_in_another_epoch_is_told() -> None:
    async def scenario(node: AskedNode) -> None:
        node.broker.topics.partition("orders", 0).replicas.leader_epoch = 5
        assert answered(node, LATEST, epoch=4).error_code == ErrorCode.FENCED_LEADER_EPOCH
        assert answered(node, LATEST, epoch=6).error_code == ErrorCode.UNKNOWN_LEADER_EPOCH
        assert answered(node, LATEST, epoch=5).error_code == 0

    on_node(scenario)


def test_only_the_leader_answers_and_only_for_what_there_is() -> None:
    async def scenario(node: AskedNode) -> None:
        partitions = node.broker.topics.named("payments").partitions
        elsewhere = next(partition.index for partition in partitions if partition.replicas.leader != node.node_id)
        assert answered(node, LATEST, topic="payments", partition=elsewhere).error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
        for topic, partition in (("orders", 99), ("orders", -1), ("unknown", 0)):
            assert answered(node, LATEST, topic=topic, partition=partition).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    on_node(scenario, 0, 1)


def test_a_partition_that_is_asked_for_twice_is_refused() -> None:
    async def scenario(node: AskedNode) -> None:
        twice = [ListOffsetsPartition(partition_index=index, timestamp=timestamp) for index, timestamp in ((0, -1), (0, -2), (1, -1))]
        (topic,) = node.ask(list_offsets, ListOffsetsRequest(topics=[ListOffsetsTopic(name="orders", partitions=twice)]), 5).topics
        assert {partition.partition_index: partition.error_code for partition in topic.partitions} == {0: ErrorCode.INVALID_REQUEST, 1: 0}

    on_node(scenario)


# OffsetForLeaderEpoch


def epoch_end(node: AskedNode, epoch: int, version: int = 4, current: int = -1, partition: int = 0) -> tuple[int, int, int]:
    """(error code, leader epoch, end offset)"""
    asked = OffsetForLeaderPartition(partition=partition, current_leader_epoch=current, leader_epoch=epoch)
    request = OffsetForLeaderEpochRequest(topics=[OffsetForLeaderTopic(topic="orders", partitions=[asked])])
    (answer,) = node.ask(offset_for_leader_epoch, request, version).topics[0].partitions
    assert answer.partition == partition
    return answer.error_code, answer.leader_epoch, answer.end_offset


@pytest.mark.parametrize("version", range(2, 5))
def test_an_epoch_ends_where_the_log_ends_and_an_unknown_one_nowhere(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await append(node, 100, 200)
        assert epoch_end(node, 0, version) == (0, 0, 2)
        assert epoch_end(node, 1, version) == NONE
        assert epoch_end(node, -1, version) == NONE
        assert epoch_end(node, 0, version, current=3) == (ErrorCode.UNKNOWN_LEADER_EPOCH, -1, -1)
        assert epoch_end(node, 0, version, partition=99) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1, -1)

    on_node(scenario)
