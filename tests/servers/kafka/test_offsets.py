"""The offset APIs in all their versions, through the codec."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.offsets import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from message_queues.servers.kafka.offsets import offset_commit, offset_delete, offset_fetch
from tests.servers.kafka.asked_node import AskedNode, asked_node

STRANGE_ID = b"\x07" * 16


def on_node(scenario: Callable[[AskedNode], Coroutine[Any, Any, None]], node_ids: tuple[int, ...] = (0,)) -> None:
    async def run() -> None:
        async with asked_node(node_ids) as node:
            await scenario(node)

    asyncio.run(run())


async def commit(
    node: AskedNode, version: int, topic: str = "orders", partition: int = 0, group_id: str = "g", **fields: Any
) -> tuple[str, bytes, int, int]:
    """The topic's name and id, the partition and the error that the answer holds."""
    asked = OffsetCommitRequestPartition(
        partition_index=partition, committed_offset=42, committed_leader_epoch=5 if version >= 6 else -1, committed_metadata="where I was"
    )
    topic_request = OffsetCommitRequestTopic(partitions=[asked])
    if version >= 10:
        known = node.broker.topics.by_name.get(topic)
        topic_request.topic_id = known.topic_id if known else STRANGE_ID
    else:
        topic_request.name = topic
    request = OffsetCommitRequest(group_id=group_id, topics=[topic_request])
    for name, value in fields.items():
        setattr(request, name, value)
    [answered] = (await node.ask_and_wait(offset_commit, request, version)).topics
    [answer] = answered.partitions
    return answered.name, answered.topic_id, answer.partition_index, answer.error_code


async def fetch(
    node: AskedNode, version: int, *topics: str, group_id: str = "g"
) -> tuple[int, list[OffsetFetchResponseTopic] | list[OffsetFetchResponseTopics]]:
    """Partitions 0 and 7 of the topics, or all that there is."""
    if version >= 8:
        asked = None
        if topics:
            asked = [OffsetFetchRequestTopics(name=topic, partition_indexes=[0, 7]) for topic in topics]
            if version >= 10:
                by_name = node.broker.topics.by_name
                for topic in asked:
                    topic.topic_id = by_name[topic.name].topic_id if topic.name in by_name else STRANGE_ID
                    topic.name = ""
        request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group_id, topics=asked)], require_stable=True)
        [group] = (await node.ask_and_wait(offset_fetch, request, version)).groups
        assert group.group_id == group_id
        return group.error_code, group.topics
    request = OffsetFetchRequest(
        group_id=group_id, topics=[OffsetFetchRequestTopic(name=topic, partition_indexes=[0, 7]) for topic in topics] if topics else None
    )
    response = await node.ask_and_wait(offset_fetch, request, version)
    return response.error_code, response.topics


@pytest.mark.parametrize("version", range(2, 11))
def test_an_offset_is_committed_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        topic_id = node.broker.topics.named("orders").topic_id
        named = ("orders", b"\0" * 16) if version < 10 else ("", topic_id)
        assert await commit(node, version) == (*named, 0, ErrorCode.NONE)
        assert await commit(node, version, partition=12) == (*named, 12, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        kept = node.broker.groups.offsets.of_group("g")["orders"][0]
        assert (kept.offset, kept.metadata, kept.leader_epoch) == (42, "where I was", 5 if version >= 6 else -1)

    on_node(scenario)


@pytest.mark.parametrize("version", range(1, 11))
def test_an_offset_is_fetched_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await commit(node, 9)
        code, topics = await fetch(node, version, "orders")
        assert code == ErrorCode.NONE
        [topic] = topics
        if version >= 10:
            assert isinstance(topic, OffsetFetchResponseTopics)
            assert topic.topic_id == node.broker.topics.named("orders").topic_id
        else:
            assert topic.name == "orders"
        there, missing = topic.partitions
        assert (there.partition_index, there.committed_offset, there.metadata, there.error_code) == (0, 42, "where I was", 0)
        assert there.committed_leader_epoch == (5 if version >= 5 else -1)
        assert (missing.partition_index, missing.committed_offset, missing.metadata, missing.error_code) == (7, -1, "", 0)
        assert missing.committed_leader_epoch == -1

    on_node(scenario)


@pytest.mark.parametrize("version", range(2, 11))
def test_all_topics_are_fetched_with_null(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await commit(node, 9, "orders", 3)
        await commit(node, 9, "payments", 1)
        code, topics = await fetch(node, version)
        assert code == ErrorCode.NONE
        found = [(partition.partition_index, partition.committed_offset) for topic in topics for partition in topic.partitions]
        assert found == [(3, 42), (1, 42)]
        if version >= 10:
            by_id = node.broker.topics.by_id
            assert [by_id[topic.topic_id].name for topic in topics if isinstance(topic, OffsetFetchResponseTopics)] == [
                "orders",
                "payments",
            ]
        else:
            assert [topic.name for topic in topics] == ["orders", "payments"]

    on_node(scenario)


@pytest.mark.parametrize("version", range(1, 11))
def test_nothing_is_committed_for_a_group_or_a_topic_that_is_not_known(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        code, topics = await fetch(node, version, "orders", "nowhere", group_id="nobody")
        assert code == ErrorCode.NONE
        offsets = [(partition.committed_offset, partition.metadata) for topic in topics for partition in topic.partitions]
        assert offsets == [(-1, "")] * 4
        codes = [partition.error_code for topic in topics for partition in topic.partitions]
        assert codes == [0, 0, *([ErrorCode.UNKNOWN_TOPIC_ID] * 2 if version >= 10 else [0, 0])]

    on_node(scenario)


def test_a_topic_id_that_is_not_known_takes_no_commit() -> None:
    async def scenario(node: AskedNode) -> None:
        assert await commit(node, 10, "nowhere") == ("", STRANGE_ID, 0, ErrorCode.UNKNOWN_TOPIC_ID)
        assert await commit(node, 9, "nowhere") == ("nowhere", b"\0" * 16, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)

    on_node(scenario)


@pytest.mark.parametrize(
    ("version", "code"), [(2, ErrorCode.ILLEGAL_GENERATION), (8, ErrorCode.ILLEGAL_GENERATION), (9, ErrorCode.GROUP_ID_NOT_FOUND)]
)
def test_a_member_of_no_group_is_told_in_the_words_of_its_version(version: int, code: ErrorCode) -> None:
    async def scenario(node: AskedNode) -> None:
        assert (await commit(node, version, member_id="m", generation_id_or_member_epoch=1))[3] == code

    on_node(scenario)


def test_a_retention_time_of_old_clients_counts() -> None:
    async def scenario(node: AskedNode) -> None:
        await commit(node, 4, retention_time_ms=1_000)
        node.pass_time(600_000)
        assert node.broker.groups.offsets.of_group("g") == {}

    on_node(scenario)


def test_the_empty_group_id_commits_and_fetches_for_the_sake_of_old_clients() -> None:
    async def scenario(node: AskedNode) -> None:
        assert (await commit(node, 2, group_id=""))[3] == ErrorCode.NONE
        _, [topic] = await fetch(node, 1, "orders", group_id="")
        assert topic.partitions[0].committed_offset == 42

    on_node(scenario)


def test_several_groups_are_fetched_at_once() -> None:
    async def scenario(node: AskedNode) -> None:
        await commit(node, 9, group_id="a")
        request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group_id, topics=None) for group_id in ("a", "b")])
        of_a, of_b = (await node.ask_and_wait(offset_fetch, request, 8)).groups
        assert (of_a.group_id, of_a.topics[0].partitions[0].committed_offset) == ("a", 42)
        assert (of_b.group_id, of_b.topics) == ("b", [])

    on_node(scenario)


def test_offsets_are_deleted_by_request() -> None:
    async def scenario(node: AskedNode) -> None:
        def request(group_id: str) -> OffsetDeleteRequest:
            partitions = [OffsetDeleteRequestPartition(partition_index=index) for index in (0, 99)]
            return OffsetDeleteRequest(group_id=group_id, topics=[OffsetDeleteRequestTopic(name="orders", partitions=partitions)])

        await commit(node, 9)
        deleted = await node.ask_and_wait(offset_delete, request("g"), 0)
        assert deleted.error_code == ErrorCode.NONE
        codes = [(partition.partition_index, partition.error_code) for partition in deleted.topics[0].partitions]
        assert codes == [(0, ErrorCode.NONE), (99, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)]
        assert node.broker.groups.offsets.of_group("g") == {}
        assert (await node.ask_and_wait(offset_delete, request("nobody"), 0)).error_code == ErrorCode.GROUP_ID_NOT_FOUND
        assert (await node.ask_and_wait(offset_delete, request(""), 0)).error_code == ErrorCode.INVALID_GROUP_ID

    on_node(scenario)


@pytest.mark.parametrize("version", [1, 2, 7, 8, 10])
def test_another_nodes_group_is_refused_where_the_version_has_a_place_for_it(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        node.node_id = next(node_id for node_id in (0, 1, 2) if node_id != node.broker.groups.coordinator_of("g"))
        code, topics = await fetch(node, version, "orders")
        if version == 1:
            assert [partition.error_code for partition in topics[0].partitions] == [ErrorCode.NOT_COORDINATOR] * 2
        else:
            assert code == ErrorCode.NOT_COORDINATOR
        assert (await commit(node, 9))[3] == ErrorCode.NOT_COORDINATOR
        assert (await node.ask_and_wait(offset_delete, OffsetDeleteRequest(group_id="g"), 0)).error_code == ErrorCode.NOT_COORDINATOR

    on_node(scenario, (0, 1, 2))


def test_offsets_go_with_their_topic_and_stay_over_a_restart(tmp_path: Path) -> None:
    data = str(tmp_path)

    async def run() -> None:
        async with asked_node(data=data) as node:
            await commit(node, 9, "orders")
            await commit(node, 9, "payments")
            await node.broker.delete_topic(node.broker.topics.named("orders").topic_id)
            clock = node.clock
        async with asked_node(data=data, clock=clock) as node:
            _, topics = await fetch(node, 9)
            assert [topic.name for topic in topics] == ["payments"]
            assert topics[0].partitions[0].metadata == "where I was"

    asyncio.run(run())
