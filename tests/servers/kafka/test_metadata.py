"""Metadata in all its versions, through the codec."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from message_queues.protocols.kafka.wire import ZERO_UUID
from message_queues.servers.kafka.context import CLUSTER_OPERATIONS, OMITTED_OPERATIONS, TOPIC_OPERATIONS
from message_queues.servers.kafka.metadata import metadata
from tests.servers.kafka.asked_node import AskedNode, asked_node

VERSIONS = range(14)
WITH_CREATION_FLAG = range(4, 14)
WITH_IDS = range(12, 14)
STRANGE_ID = b"\x07" * 16


def on_node(scenario: Callable[[AskedNode], Awaitable[None]], *node_ids: int, **config: str) -> None:
    async def run() -> None:
        async with asked_node(node_ids or (0,), config={name.replace("_", "."): value for name, value in config.items()}) as node:
            await scenario(node)

    asyncio.run(run())


def about(*names: str | None, version: int = 13, create: bool = False) -> MetadataRequest:
    request = MetadataRequest(topics=[MetadataRequestTopic(name=name) for name in names])
    if version >= 4:
        request.allow_auto_topic_creation = create
    return request


async def ask(node: AskedNode, request: MetadataRequest, version: int) -> MetadataResponse:
    return await node.ask_and_wait(metadata, request, version)


def errors(response: MetadataResponse) -> dict[str | None, int]:
    return {topic.name: topic.error_code for topic in response.topics}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_nodes_the_controller_and_the_partitions_with_their_leaders_are_told(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        response = await ask(node, about("payments", version=version), version)
        assert [(broker.node_id, broker.host, broker.port) for broker in response.brokers] == [
            (3, "127.0.0.1", 9095),
            (5, "127.0.0.1", 9097),
        ]
        (topic,) = response.topics
        leaders = [partition.replicas.leader for partition in node.broker.topics.named("payments").partitions]
        assert [(partition.partition_index, partition.leader_id) for partition in topic.partitions] == list(enumerate(leaders))
        assert [partition.replica_nodes for partition in topic.partitions] == [[leader] for leader in leaders]
        assert [partition.isr_nodes for partition in topic.partitions] == [[leader] for leader in leaders]
        assert response.controller_id == (3 if version >= 1 else -1)
        assert response.cluster_id == (node.broker.cluster_id if version >= 2 else None)
        assert topic.topic_id == (node.broker.topics.named("payments").topic_id if version >= 10 else ZERO_UUID)

    on_node(scenario, 3, 5)


@pytest.mark.parametrize("version", VERSIONS)
def test_all_topics_are_told_to_whoever_names_none(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        everything = MetadataRequest(topics=None if version else [])
        assert set(errors(await ask(node, everything, version))) == {"orders", "payments"}

    on_node(scenario)


@pytest.mark.parametrize("version", range(1, 14))
def test_no_topic_is_told_to_whoever_wants_none(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        response = await ask(node, about(version=version), version)
        assert response.topics == []
        assert response.brokers

    on_node(scenario)


@pytest.mark.parametrize("version", WITH_CREATION_FLAG)
def test_an_unknown_topic_is_told_and_not_created_when_the_client_does_not_want_it(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        assert errors(await ask(node, about("unknown", version=version), version)) == {"unknown": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
        assert "unknown" not in node.broker.topics.by_name

    on_node(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unknown_topic_is_created_and_ready_when_client_and_broker_allow_it(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        response = await ask(node, about("new", version=version, create=True), version)
        assert errors(response) == {"new": 0}
        assert len(response.topics[0].partitions) == 4

    on_node(scenario, num_partitions="4")


@pytest.mark.parametrize("version", VERSIONS)
def test_no_topic_is_created_where_the_broker_forbids_it(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        response = await ask(node, about("new", version=version, create=True), version)
        assert errors(response) == {"new": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}

    on_node(scenario, auto_create_topics_enable="false")


@pytest.mark.parametrize("name", ["", "no spaces", ".", "x" * 250])
@pytest.mark.parametrize("create", [True, False])
def test_a_name_that_no_topic_can_have_is_told(name: str, create: bool) -> None:
    async def scenario(node: AskedNode) -> None:
        response = await ask(node, about(name, create=create), 9)
        assert errors(response) == {name: ErrorCode.INVALID_TOPIC_EXCEPTION}

    on_node(scenario)


def test_one_topic_that_cannot_be_created_keeps_no_other_from_it() -> None:
    async def scenario(node: AskedNode) -> None:
        response = await ask(node, about("new", "no spaces", "orders", create=True), 9)
        assert errors(response) == {"new": 0, "no spaces": ErrorCode.INVALID_TOPIC_EXCEPTION, "orders": 0}

    on_node(scenario)


def test_no_request_creates_more_than_ten_thousand_partitions() -> None:
    async def scenario(node: AskedNode) -> None:
        names = [f"topic-{number}" for number in range(101)]
        response = await ask(node, about(*names, create=True), 9)
        assert set(errors(response).values()) == {ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
        assert len(node.broker.topics) == 2

    on_node(scenario, num_partitions="100")


def test_a_topic_asked_for_many_times_is_told_once() -> None:
    async def scenario(node: AskedNode) -> None:
        response = await ask(node, about(*["orders"] * 1000), 9)
        assert [topic.name for topic in response.topics] == ["orders"]

    on_node(scenario)


@pytest.mark.parametrize("version", WITH_IDS)
def test_topics_can_be_asked_for_by_their_ids(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        orders = node.broker.topics.named("orders").topic_id
        request = MetadataRequest(
            topics=[MetadataRequestTopic(topic_id=orders, name=None), MetadataRequestTopic(topic_id=STRANGE_ID, name=None)]
        )
        known, unknown = (await ask(node, request, version)).topics
        assert (known.name, known.error_code, len(known.partitions)) == ("orders", 0, 12)
        assert (unknown.name, unknown.error_code, unknown.topic_id) == (None, ErrorCode.UNKNOWN_TOPIC_ID, STRANGE_ID)

    on_node(scenario)


@pytest.mark.parametrize("version", [10, 11])
def test_versions_that_carry_ids_without_taking_them_refuse_them(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        for asked in (MetadataRequestTopic(topic_id=STRANGE_ID, name=None), MetadataRequestTopic(topic_id=STRANGE_ID, name="orders")):
            (topic,) = (await ask(node, MetadataRequest(topics=[asked]), version)).topics
            assert topic.error_code == ErrorCode.INVALID_REQUEST

    on_node(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_operations_are_told_to_whoever_asks_for_them(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        for wanted in (False, True):
            request = about("orders", version=version)
            request.include_topic_authorized_operations = wanted and version >= 8
            request.include_cluster_authorized_operations = wanted and 8 <= version <= 10
            response = await ask(node, request, version)
            of_topic = TOPIC_OPERATIONS if wanted and version >= 8 else OMITTED_OPERATIONS
            of_cluster = CLUSTER_OPERATIONS if wanted and 8 <= version <= 10 else OMITTED_OPERATIONS
            assert (response.topics[0].topic_authorized_operations, response.cluster_authorized_operations) == (of_topic, of_cluster)

    on_node(scenario)
