"""One connection after another, and several at once: order, limits, mistakes, and clients that go away."""

import asyncio
import struct
from collections.abc import Callable

import pytest

from message_queues.broker.topics import TopicSpec
from message_queues.protocols.kafka.api_keys import ApiKey
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.frame import request_frame
from message_queues.protocols.kafka.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from message_queues.protocols.kafka.messages.groups import JoinGroupRequest, JoinGroupRequestProtocol
from message_queues.protocols.kafka.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from message_queues.protocols.kafka.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from message_queues.protocols.kafka.messages.topics import (
    CreatableTopic,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
)
from message_queues.records.batch import Record, build_batch
from message_queues.servers.server import Server
from tests.servers.kafka.valid_requests import Known, every_version, valid_request
from tests.servers.running_server import Client, eventually, resident_bytes, running_server, with_server

MIB = 1 << 20
LONG_MS = 600_000


def produce(value: bytes, partitions: tuple[int, ...] = (0,), acks: int = -1) -> ProduceRequest:
    records = build_batch([Record(0, -1, None, value)])
    data = [PartitionProduceData(index=index, records=records) for index in partitions]
    return ProduceRequest(acks=acks, timeout_ms=1000, topic_data=[TopicProduceData(name="orders", partition_data=data)])


def fetch(offset: int = 0, max_wait_ms: int = 0, partitions: tuple[int, ...] = (0,)) -> FetchRequest:
    asked = [FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=8 * MIB) for index in partitions]
    return FetchRequest(max_wait_ms=max_wait_ms, min_bytes=1, max_bytes=64 * MIB, topics=[FetchTopic(topic="orders", partitions=asked)])


def join(group_id: str, protocol: str = "range") -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id=group_id,
        session_timeout_ms=200,
        rebalance_timeout_ms=200,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name=protocol, metadata=b"")],
    )


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Why connections were closed: one line each, and nothing else was said."""
    assert {(record.levelname, record.message) for record in caplog.records} <= {("WARNING", "connection closed")}
    return [str(vars(record)["reason"]) for record in caplog.records]


async def is_served(server: Server) -> bool:
    async with await Client.connected(server) as client:
        return (await client.ask(ApiVersionsRequest(), 0, ApiVersionsResponse)).error_code == 0


def waiters(server: Server) -> int:
    return sum(len(partition.waiters) for partition in server.broker.topics.partitions())


# Order


def test_replies_come_in_the_order_of_requests_also_after_a_long_poll() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client, await Client.connected(server) as other:
            client.send(fetch(max_wait_ms=LONG_MS), 11)
            client.send(MetadataRequest(topics=[]), 4)
            client.send(ApiVersionsRequest(), 0)
            await eventually(lambda: waiters(server) == 1)
            assert await is_served(server)
            await other.ask(produce(b"at last"), 8, ProduceResponse)
            (answered,) = (await client.receive(FetchResponse, 11)).responses
            assert answered.partitions[0].records is not None
            assert (await client.receive(MetadataResponse, 4)).cluster_id == server.broker.cluster_id
            assert (await client.receive(ApiVersionsResponse, 0)).error_code == 0

    with_server(scenario)


def test_thousands_of_requests_at_once_are_answered_one_by_one() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            client.writer.write(b"".join(client.frame(ApiVersionsRequest(), 0) for _ in range(5000)))
            for correlation_id in range(1, 5001):
                assert (await client.receive_frame())[:4] == struct.pack(">i", correlation_id)

    with_server(scenario)


def test_requests_take_effect_in_their_order_whether_they_wait_or_not() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            topic = CreatableTopic(name="new", num_partitions=2, replication_factor=1)
            client.send(CreateTopicsRequest(topics=[topic]), 5)
            client.send(ListOffsetsRequest(topics=[ListOffsetsTopic(name="new", partitions=[ListOffsetsPartition(timestamp=-1)])]), 5)
            client.send(DeleteTopicsRequest(topic_names=["new"]), 5)
            client.send(MetadataRequest(topics=[MetadataRequestTopic(name="new")], allow_auto_topic_creation=False), 5)
            assert (await client.receive(CreateTopicsResponse, 5)).topics[0].error_code == 0
            assert (await client.receive(ListOffsetsResponse, 5)).topics[0].partitions[0].error_code == 0
            assert (await client.receive(DeleteTopicsResponse, 5)).responses[0].error_code == 0
            assert (await client.receive(MetadataResponse, 5)).topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    with_server(scenario)


CHANGING = {
    ApiKey.JOIN_GROUP,
    ApiKey.CREATE_TOPICS,
    ApiKey.DELETE_TOPICS,
    ApiKey.FETCH,
    ApiKey.DESCRIBE_LOG_DIRS,
}
"""Their answers depend on chance or time."""


def session(known: Known) -> tuple[list[bytes], list[bytes]]:
    """A request of each API and version: those that produce, and the others."""
    frames = {
        (key, version): request_frame(key, version, index, "client", valid_request(key, version, known))
        for index, (key, version) in enumerate(every_version())
        if key not in CHANGING
    }
    produced = [frame for (key, _), frame in frames.items() if key == ApiKey.PRODUCE]
    return produced, [frame for (key, _), frame in frames.items() if key != ApiKey.PRODUCE]


async def say(client: Client, chunks: list[bytes], replies: int) -> bytes:
    for chunk in chunks:
        client.writer.write(chunk)
        await asyncio.sleep(0)
    frames = [await client.receive_frame() for _ in range(replies)]
    return b"".join(struct.pack(">i", len(frame)) + frame for frame in frames)


def answers(chunks: Callable[[bytes], list[bytes]]) -> bytes:
    """What the server said to a whole session, and to a broken request at its end."""
    said = []

    async def scenario(server: Server) -> None:
        known = Known(server.broker.topics.by_name["orders"].topic_id, bytes(16), 1_700_000_000_000)
        async with await Client.connected(server) as client:
            produced, rest = session(known)
            # What is asked in the same breath as records are sent need not know of them.
            heard = await say(client, chunks(b"".join(produced)), len(produced))
            for chunk in chunks(b"".join(rest) + struct.pack(">ihhih", 10, 999, 0, 1, -1)):
                client.writer.write(chunk)
                await asyncio.sleep(0)
            heard += await client.until_closed()
            # Of each server its own.
            for own in (known.topic_id, server.broker.cluster_id.encode(), str(server.nodes[0].ports[0]).encode()):
                heard = heard.replace(own, b"#" * len(own))
            said.append(heard.replace(struct.pack(">i", server.nodes[0].ports[0]), b"port"))

    with_server(scenario, clock="manual")
    return said[0]


def test_a_session_gets_the_same_answers_whole_and_byte_by_byte() -> None:
    whole = answers(lambda data: [data])
    assert whole == answers(lambda data: [data[at : at + 1] for at in range(len(data))])
    assert whole == answers(lambda data: [data[at : at + 1000] for at in range(0, len(data), 1000)])


# Mistakes


BROKEN = {
    "no header": (b"\0\0\0\x03abc", "a request header ends early"),
    "no such API": (struct.pack(">ihhih", 10, 999, 0, 1, -1), "this API is not supported"),
    "no such version": (struct.pack(">ihhih", 11, 3, 99, 1, -1) + b"\0", "this version is not supported"),
    "too large": (struct.pack(">i", MIB + 1), "a frame of 1048577 bytes is announced; 0 to 1048576 are accepted"),
    "negative": (b"\xff\xff\xff\xff", "a frame of -1 bytes is announced"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_closes_the_connection_with_one_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    sent, reason = BROKEN[name]

    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            client.writer.write(sent)
            assert await client.until_closed() == b""
        assert await is_served(server)

    with_server(scenario, max_request_bytes=MIB)
    (said,) = reasons(caplog)
    assert reason in said


def test_the_line_tells_who_it_was_and_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            client.writer.write(request_frame(ApiKey.METADATA, 4, 1, "shop", MetadataRequest())[:-1])
            frame = bytearray(request_frame(ApiKey.METADATA, 4, 1, "shop", MetadataRequest()))
            client.writer.transport.abort()
        async with await Client.connected(server) as client:
            frame[7] = 99
            client.writer.write(bytes(frame))
            assert await client.until_closed() == b""

    with_server(scenario)
    (record,) = caplog.records
    told = vars(record)
    assert (told["client"], told["client_id"], told["api"], told["version"]) == ("127.0.0.1", "shop", "Metadata", 99)


TOO_LONG = struct.pack(">h", 20_000) + b"\xff" * 20_000
"""A name that is not UTF-8: read as Java reads it, it is longer than a response can say."""
UNSPEAKABLE = {
    "Produce": struct.pack(">hhih hhii", 0, 3, 1, -1, -1, 1, 0, 1) + TOO_LONG + struct.pack(">iii", 1, 0, 0),
    "Metadata": struct.pack(">hhih i", 3, 1, 1, -1, 1) + TOO_LONG,
    "ListOffsets": struct.pack(">hhih ii", 2, 1, 1, -1, -1, 1) + TOO_LONG + struct.pack(">i", 0),
}


@pytest.mark.parametrize("name", UNSPEAKABLE)
def test_a_name_that_cannot_be_told_back_closes_the_connection_with_one_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client, await Client.connected(server) as other:
            client.writer.write(struct.pack(">i", len(UNSPEAKABLE[name])) + UNSPEAKABLE[name])
            other.send(produce(b"of another client, in the same turn"), 8)
            assert await client.until_closed() == b""
            await other.receive(ProduceResponse, 8)

    with_server(scenario)
    (said,) = reasons(caplog)
    assert "the response does not fit" in said


@pytest.mark.parametrize("broken", [BROKEN["no such API"][0], BROKEN["too large"][0]])
def test_what_came_before_a_mistake_is_answered(broken: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            client.writer.write(client.frame(produce(b"first"), 8) + client.frame(MetadataRequest(topics=[]), 4) + broken)
            (answered,) = (await client.receive(ProduceResponse, 8)).responses
            assert answered.partition_responses[0].error_code == 0
            await client.receive(MetadataResponse, 4)
            assert await client.until_closed() == b""

    with_server(scenario, max_request_bytes=MIB)
    assert len(reasons(caplog)) == 1


def test_a_produce_without_acks_that_fails_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            client.send(produce(b"lost", partitions=(7,), acks=0), 8)
            assert await client.until_closed() == b""

    with_server(scenario)
    (said,) = reasons(caplog)
    assert "acks=0" in said


# Limits


def test_a_client_that_never_reads_costs_little_and_holds_up_nobody() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as greedy, await Client.connected(server) as other:
            await other.ask(produce(b"x" * (MIB - 100)), 8, ProduceResponse)
            before = resident_bytes()
            greedy.writer.transport.pause_reading()  # type: ignore[attr-defined]
            greedy.writer.write(b"".join(greedy.frame(fetch(), 11) for _ in range(3000)))
            for _ in range(20):
                assert await is_served(server)
            assert resident_bytes() - before < 32 * MIB

    with_server(scenario)


def test_long_polls_that_are_woken_all_at_once_are_read_one_by_one() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as greedy, await Client.connected(server) as other:
            greedy.writer.transport.pause_reading()  # type: ignore[attr-defined]
            everything = (0, 1, 2)
            greedy.writer.write(b"".join(greedy.frame(fetch(max_wait_ms=LONG_MS, partitions=everything), 11) for _ in range(60)))
            await eventually(lambda: waiters(server) == 180)
            before = resident_bytes()
            await other.ask(produce(b"x" * (MIB - 100), everything), 8, ProduceResponse)
            assert waiters(server) == 0
            assert resident_bytes() - before < 48 * MIB
            greedy.writer.transport.resume_reading()  # type: ignore[attr-defined]
            for _ in range(60):
                (answered,) = (await greedy.receive(FetchResponse, 11)).responses
                # The first was woken by one partition, before the others had anything to read.
                assert max(len(partition.records or b"") for partition in answered.partitions) > MIB - 100

    with_server(scenario)


def test_no_more_is_read_from_a_client_that_waits_for_as_many_replies_as_it_may() -> None:
    async def scenario(server: Server) -> None:
        limit = server.nodes[0].limits.max_in_flight
        log = server.broker.topics.by_name["orders"].partitions
        async with await Client.connected(server) as client, await Client.connected(server) as other:
            for _ in range(limit):
                client.send(fetch(max_wait_ms=LONG_MS), 11)
            client.send(produce(b"too early", partitions=(1,)), 8)
            await eventually(lambda: waiters(server) == limit)
            assert await is_served(server)
            assert log[1].high_watermark == 0
            await other.ask(produce(b"now"), 8, ProduceResponse)
            for _ in range(limit):
                await client.receive(FetchResponse, 11)
            await client.receive(ProduceResponse, 8)
            assert log[1].high_watermark == 1

    with_server(scenario)


def test_half_a_request_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            frame = client.frame(MetadataRequest(topics=[]), 4)
            client.writer.write(frame[:9])
            for _ in range(3):
                assert await is_served(server)
            client.writer.write(frame[9:])
            await client.receive(MetadataResponse, 4)

    with_server(scenario)
    assert reasons(caplog) == []


def test_a_connection_too_many_is_closed_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as first:
            async with await Client.connected(server) as second:
                await second.ask(ApiVersionsRequest(), 0, ApiVersionsResponse)
                async with await Client.connected(server) as third:
                    assert await third.until_closed() == b""
                await first.ask(ApiVersionsRequest(), 0, ApiVersionsResponse)
            await eventually(lambda: len(server.nodes[0].connections) == 1)
            assert await is_served(server)

    with_server(scenario, max_connections=2)
    assert reasons(caplog) == ["more than 2 connections"]


# Going away


def test_a_client_that_leaves_during_a_long_poll_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server) -> None:
        for _ in range(3):
            async with await Client.connected(server) as client:
                client.send(fetch(max_wait_ms=LONG_MS, partitions=(0, 1, 2)), 11)
                await eventually(lambda: waiters(server) == 3)
        await eventually(lambda: not server.nodes[0].connections)
        assert waiters(server) == 0
        assert server.broker.patience.next_deadline() is None

    with_server(scenario, only=("kafka",))
    assert reasons(caplog) == []


def test_a_member_that_leaves_while_it_joins_is_gone_when_its_session_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: Server) -> None:
        tasks = len(asyncio.all_tasks())
        async with await Client.connected(server) as client:
            client.send(join("readers"), 3)
            await eventually(lambda: server.broker.groups.find("readers") is not None)
            group = server.broker.groups.find("readers")
            assert group is not None
            assert len(asyncio.all_tasks()) == tasks + 1
        await eventually(lambda: len(asyncio.all_tasks()) == tasks)
        await eventually(lambda: not group.members)

    # The first rebalance waits for more members: the join is parked meanwhile.
    with_server(scenario, config={"group.initial.rebalance.delay.ms": "100"})
    assert reasons(caplog) == []


def test_a_server_that_stops_leaves_its_clients_without_an_answer_but_not_without_an_end() -> None:
    async def run() -> None:
        async with running_server() as server:
            server.broker.commit([server.broker.topics.decide_create(TopicSpec("orders", 3, 1))])
            client = await Client.connected(server)
            client.send(fetch(max_wait_ms=LONG_MS), 11)
            await eventually(lambda: waiters(server) == 1)
        assert await client.until_closed() == b""
        await client.close()

    asyncio.run(run())


def test_a_client_that_does_not_read_does_not_keep_a_server_from_stopping() -> None:
    async def run() -> None:
        async with running_server() as server:
            await server.broker.create_topic(TopicSpec("orders", 1, 1))
            async with await Client.connected(server) as other:
                await other.ask(produce(b"x" * (MIB - 100)), 8, ProduceResponse)
            greedy = await Client.connected(server)
            greedy.writer.transport.pause_reading()  # type: ignore[attr-defined]
            greedy.writer.write(b"".join(greedy.frame(fetch(), 11) for _ in range(100)))
            assert await is_served(server)
            stopping = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - stopping < 5
        assert len(asyncio.all_tasks()) == 1
        await greedy.close()

    asyncio.run(run())
