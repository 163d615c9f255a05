"""A server whose clock is set by hand over HTTP: what takes days is seen at once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection

import pytest

from message_queues.broker.topics import TopicSpec
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from message_queues.protocols.kafka.messages.groups import (
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)
from message_queues.protocols.kafka.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from message_queues.protocols.kafka.messages.offsets import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetFetchRequest,
    OffsetFetchRequestTopic,
    OffsetFetchResponse,
)
from message_queues.protocols.kafka.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from message_queues.records.batch import Record, build_batch
from message_queues.servers.server import Server
from tests.servers.running_server import Client, eventually, running_server

START_MS = 1_700_000_000_000
MINUTE_MS, DAY_MS = 60_000, 86_400_000
YEAR_MS = 366 * DAY_MS


class ClockClient:
    def __init__(self, address: str) -> None:
        self._address = address

    async def ask(self, method: str, body: str | bytes = b"", path: str = "/clock") -> tuple[int, dict[str, object]]:
        """The status, and the answer."""
        return await asyncio.to_thread(self._ask, method, body, path)

    def _ask(self, method: str, body: str | bytes, path: str) -> tuple[int, dict[str, object]]:
        connection = HTTPConnection(self._address, timeout=30)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text.startswith(b"{") else {}

    async def advance(self, ms: int) -> None:
        status, _ = await self.ask("POST", json.dumps({"advance_ms": ms}))
        assert status == 200


def with_clock(scenario: Callable[[Server, ClockClient, Client], Awaitable[None]], **config: str) -> None:
    async def run() -> None:
        named = {name.replace("_", "."): value for name, value in config.items()}
        async with running_server(clock="manual", config=named) as server, await Client.connected(server) as client:
            await server.broker.create_topic(TopicSpec("orders", 1, 1))
            await scenario(server, ClockClient(server.addresses["clock"][0]), client)

    asyncio.run(run())


async def produce(client: Client, value: bytes, sequence: int = -1) -> tuple[int, int]:
    epoch, producer_id = (-1, -1) if sequence < 0 else (0, 9)
    records = build_batch([Record(0, START_MS, None, value)], producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence)
    data = TopicProduceData(name="orders", partition_data=[PartitionProduceData(index=0, records=records)])
    (answered,) = (await client.ask(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=[data]), 9, ProduceResponse)).responses
    return answered.partition_responses[0].error_code, answered.partition_responses[0].base_offset


async def earliest(client: Client) -> int:
    request = ListOffsetsRequest(topics=[ListOffsetsTopic(name="orders", partitions=[ListOffsetsPartition(timestamp=-2)])])
    return (await client.ask(request, 5, ListOffsetsResponse)).topics[0].partitions[0].offset


# The control itself


def test_the_time_is_told_and_moved() -> None:
    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        assert await clock.ask("GET") == (200, {"now_ms": START_MS})
        status, answer = await clock.ask("POST", '{"advance_ms": 5000}')
        assert (status, answer["now_ms"]) == (200, START_MS + 5000)
        status, answer = await clock.ask("POST", json.dumps({"now_ms": START_MS + 6000}))
        assert (status, answer["now_ms"]) == (200, START_MS + 6000)
        assert server.clock.now_ms() == START_MS + 6000

    with_clock(scenario)


BAD = [
    "",
    "soon",
    "[]",
    "null",
    "5000",
    "{}",
    '{"advance": 1}',
    '{"advance_ms": -1}',
    '{"advance_ms": "1"}',
    '{"advance_ms": 1.5}',
    '{"advance_ms": true}',
    '{"advance_ms": null}',
    '{"advance_ms": NaN}',
    f'{{"advance_ms": {YEAR_MS + 1}}}',
    f'{{"advance_ms": {"9" * 150}}}',
    f'{{"now_ms": {START_MS - 1}}}',
    f'{{"now_ms": {START_MS + YEAR_MS + 1}}}',
    b"\xff\xfe",
    "[" * 200,
    " " * 100_000,
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_a_body_that_makes_no_sense_is_refused_with_a_sentence(body: str | bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        status, answer = await clock.ask("POST", body)
        assert status == 400
        assert answer["error"]
        assert await clock.ask("GET") == (200, {"now_ms": START_MS})

    with_clock(scenario)
    assert caplog.records == []


@pytest.mark.parametrize(("method", "path", "status"), [("DELETE", "/clock", 405), ("GET", "/", 404)])
def test_there_is_nothing_else_to_ask(method: str, path: str, status: int) -> None:
    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        assert (await clock.ask(method, path=path))[0] == status

    with_clock(scenario)


# What it drives


def test_a_session_ends_when_the_clock_is_moved_beyond_it() -> None:
    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        join = JoinGroupRequest(group_id="readers", session_timeout_ms=10_000, rebalance_timeout_ms=10_000, protocol_type="consumer")
        join.protocols = [JoinGroupRequestProtocol(name="range", metadata=b"")]
        client.send(join, 3)
        await eventually(lambda: server.broker.groups.find("readers") is not None)
        # The first rebalance waits for more members, by the same clock.
        await clock.advance(3000)
        member_id = (await client.receive(JoinGroupResponse, 3)).member_id
        sync = SyncGroupRequest(group_id="readers", generation_id=1, member_id=member_id)
        sync.assignments = [SyncGroupRequestAssignment(member_id=member_id, assignment=b"mine")]
        assert (await client.ask(sync, 2, SyncGroupResponse)).assignment == b"mine"
        heartbeat = HeartbeatRequest(group_id="readers", generation_id=1, member_id=member_id)
        for _ in range(3):
            await clock.advance(9_999)
            assert (await client.ask(heartbeat, 2, HeartbeatResponse)).error_code == 0
        await clock.advance(10_001)
        assert (await client.ask(heartbeat, 2, HeartbeatResponse)).error_code == ErrorCode.UNKNOWN_MEMBER_ID
        (group,) = (await client.ask(DescribeGroupsRequest(groups=["readers"]), 2, DescribeGroupsResponse)).groups
        assert (group.group_state, group.members) == ("Empty", [])

    with_clock(scenario, group_initial_rebalance_delay_ms="3000")


def test_records_go_when_their_retention_is_over() -> None:
    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        assert await produce(client, b"old") == (0, 0)
        await clock.advance(7 * DAY_MS - MINUTE_MS)
        assert await earliest(client) == 0
        await clock.advance(6 * MINUTE_MS)
        assert await earliest(client) == 1

    with_clock(scenario)


def test_offsets_go_when_their_retention_is_over_and_the_group_with_them() -> None:
    async def committed(client: Client) -> int:
        request = OffsetFetchRequest(group_id="simple", topics=[OffsetFetchRequestTopic(name="orders", partition_indexes=[0])])
        return (await client.ask(request, 5, OffsetFetchResponse)).topics[0].partitions[0].committed_offset

    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        partition = OffsetCommitRequestPartition(committed_offset=5, committed_metadata="")
        request = OffsetCommitRequest(group_id="simple", topics=[OffsetCommitRequestTopic(name="orders", partitions=[partition])])
        await client.ask(request, 7, OffsetCommitResponse)
        await clock.advance(DAY_MS - MINUTE_MS)
        assert await committed(client) == 5
        await clock.advance(11 * MINUTE_MS)
        assert await committed(client) == -1
        assert server.broker.groups.find("simple") is None

    with_clock(scenario, offsets_retention_minutes="1440")


def test_a_producer_is_forgotten_when_it_was_not_seen_for_long() -> None:
    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        assert await produce(client, b"first", sequence=0) == (0, 0)
        await clock.advance(DAY_MS - 10 * MINUTE_MS)
        assert await produce(client, b"first", sequence=0) == (0, 0)
        assert (await produce(client, b"gap", sequence=7))[0] == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
        await clock.advance(20 * MINUTE_MS)
        assert await produce(client, b"anew", sequence=7) == (0, 1)

    with_clock(scenario, log_retention_ms=str(30 * DAY_MS))


def test_a_long_poll_keeps_real_time() -> None:
    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        partition = FetchPartition(fetch_offset=0, partition_max_bytes=1000)
        client.send(FetchRequest(max_wait_ms=20, min_bytes=1, topics=[FetchTopic(topic="orders", partitions=[partition])]), 11)
        assert (await client.receive(FetchResponse, 11)).responses[0].partitions[0].records == b""
        assert server.clock.now_ms() == START_MS

    with_clock(scenario)


def test_a_year_passes_quickly() -> None:
    async def scenario(server: Server, clock: ClockClient, client: Client) -> None:
        assert await produce(client, b"old") == (0, 0)
        status, answer = await clock.ask("POST", json.dumps({"advance_ms": YEAR_MS}))
        assert status == 200
        fired = answer["fired"]
        assert isinstance(fired, int)
        assert fired > 365 * 24 * 12
        assert await earliest(client) == 1

    with_clock(scenario)
