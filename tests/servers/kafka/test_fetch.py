"""Fetch in all its versions, over sockets: what is given, what is refused, and when."""

import asyncio
from typing import Any

import pytest

from message_queues.broker.logs.partition import Partition
from message_queues.broker.topics import TopicSpec
from message_queues.protocols.kafka.api_keys import ApiKey
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.frame import request_frame
from message_queues.protocols.kafka.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
)
from message_queues.records.batch import Record, build_batch, read_header
from message_queues.servers.server import Server
from tests.servers.running_server import Client, ConnectionClosed, eventually, with_server

VERSIONS = range(4, 19)
WITH_LOG_START, WITH_SESSIONS, FROM_FOLLOWERS, WITH_TOPIC_IDS, WITH_LEADER_HINTS = 5, 7, 11, 13, 16
STRANGE_ID = b"\x07" * 16
LONG_MS = 600_000
READ_COMMITTED = 1
NEW, FINAL = 0, -1
"""Epochs of sessions: of a new one's first request, and of the last."""


def batch(*values: bytes) -> bytes:
    return build_batch([Record(offset, -1, b"k", value) for offset, value in enumerate(values)])


async def append(server: Server, *values: bytes, partition: int = 0) -> bytes:
    """One batch; returns it as it is served."""
    to = server.broker.topics.partition("orders", partition)
    base_offset, _ = to.append(batch(*values), server.clock.now_ms(), in_sync=False)
    server.broker.group_commit.add(to)
    await server.broker.synced()
    return to.read(base_offset, 1 << 20, at_least_one=True)


def asked(partition: int = 0, offset: int = 0, max_bytes: int = 1 << 20, **fields: Any) -> FetchPartition:
    return FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=max_bytes, **fields)


def fetch(server: Server, *partitions: FetchPartition, topic: str = "orders", **fields: Any) -> FetchRequest:
    known = server.broker.topics.by_name.get(topic)
    topics = [FetchTopic(topic=topic, topic_id=known.topic_id if known else STRANGE_ID, partitions=list(partitions))] if partitions else []
    return FetchRequest(**{"max_wait_ms": 0, "min_bytes": 1, "topics": topics, **fields})


async def ask(client: Client, request: FetchRequest, version: int = 11) -> FetchResponse:
    return await client.ask(request, version, FetchResponse)


def only(response: FetchResponse) -> PartitionData:
    (topic,) = response.responses
    (partition,) = topic.partitions
    return partition


def given(response: FetchResponse) -> dict[int, int]:
    """Bytes by partition."""
    return {each.partition_index: len(each.records or b"") for topic in response.responses for each in topic.partitions}


@pytest.mark.parametrize("version", VERSIONS)
def test_records_come_as_they_are_stored_with_the_ends_of_the_log(version: int) -> None:
    async def scenario(server: Server) -> None:
        stored = await append(server, b"a", b"b")
        stored += await append(server, b"c")
        async with await Client.connected(server) as client:
            response = await ask(client, fetch(server, asked()), version)
            answer = only(response)
            assert response.responses[0].topic == ("orders" if version < WITH_TOPIC_IDS else "")
            assert (answer.error_code, answer.high_watermark, answer.last_stable_offset) == (0, 3, 3)
            assert answer.log_start_offset == (0 if version >= WITH_LOG_START else -1)
            assert answer.records == stored

    with_server(scenario)


def test_the_batch_that_holds_the_offset_comes_whole() -> None:
    async def scenario(server: Server) -> None:
        await append(server, b"a", b"b")
        second = await append(server, b"c", b"d", b"e")
        async with await Client.connected(server) as client:
            for offset in (2, 3, 4):
                assert only(await ask(client, fetch(server, asked(offset=offset)))).records == second
            assert only(await ask(client, fetch(server, asked(offset=5)))).records == b""

    with_server(scenario)


def test_the_first_batch_comes_whatever_its_size_and_only_the_first() -> None:
    async def scenario(server: Server) -> None:
        large = await append(server, b"x" * 5000)
        await append(server, b"y" * 5000, partition=1)
        async with await Client.connected(server) as client:
            for most in (100, 0):
                assert given(await ask(client, fetch(server, asked(0), asked(1), max_bytes=most))) == {0: len(large), 1: 0}
            assert given(await ask(client, fetch(server, asked(0, max_bytes=10), asked(1, max_bytes=10)))) == {0: len(large), 1: 0}

    with_server(scenario)


@pytest.mark.parametrize("size", [0, -1, -(1 << 31)])
def test_odd_sizes_are_taken_for_none(size: int) -> None:
    async def scenario(server: Server) -> None:
        stored = await append(server, b"a")
        async with await Client.connected(server) as client:
            answer = only(await ask(client, fetch(server, asked(max_bytes=size), max_bytes=size)))
            assert (answer.error_code, answer.records) == (0, stored)

    with_server(scenario)


def test_several_partitions_share_what_the_request_may_hold() -> None:
    async def scenario(server: Server) -> None:
        sizes = [len(await append(server, b"x" * 1000, partition=partition)) for partition in range(3)]
        async with await Client.connected(server) as client:
            # Half a batch is of no use, where another partition has given a whole one.
            answer = given(await ask(client, fetch(server, asked(0), asked(1), asked(2), max_bytes=sum(sizes) - 500)))
            assert answer == {0: sizes[0], 1: sizes[1], 2: 0}

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_offset_that_is_not_there_is_told_at_once(version: int) -> None:
    async def scenario(server: Server) -> None:
        await append(server, b"a", b"b")
        server.broker.topics.partition("orders", 0).delete_records(1)
        async with await Client.connected(server) as client:
            for offset in (-1, 0, 3):
                answer = only(await ask(client, fetch(server, asked(offset=offset), max_wait_ms=LONG_MS), version))
                assert (answer.error_code, answer.high_watermark) == (ErrorCode.OFFSET_OUT_OF_RANGE, -1)

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_not_there_is_told_at_once(version: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            by_name, by_id = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID
            unknown = only(await ask(client, fetch(server, asked(), topic="unknown", max_wait_ms=LONG_MS), version))
            assert unknown.error_code == (by_id if version >= WITH_TOPIC_IDS else by_name)
            for index in (3, -1):
                assert only(await ask(client, fetch(server, asked(index), max_wait_ms=LONG_MS), version)).error_code == by_name

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_node_that_does_not_lead_says_so_and_later_versions_hear_who_does(version: int) -> None:
    async def scenario(server: Server) -> None:
        led_by_1 = next(each.index for each in server.broker.topics.named("orders").partitions if each.replicas.leader == 1)
        async with await Client.connected(server, node=0) as client:
            response = await ask(client, fetch(server, asked(led_by_1), max_wait_ms=LONG_MS), version)
            answer = only(response)
            assert answer.error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
            assert answer.current_leader.leader_id == (1 if version >= WITH_LEADER_HINTS else -1)
            assert [node.node_id for node in response.node_endpoints] == ([1] if version >= WITH_LEADER_HINTS else [])

    with_server(scenario, brokers=2)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_follower_answers_versions_that_know_of_followers(version: int) -> None:
    async def scenario(server: Server) -> None:
        await server.broker.create_topic(TopicSpec("replicated", assignments=[(0, [1, 0])]))
        async with await Client.connected(server, node=0) as client:
            answer = only(await ask(client, fetch(server, asked(), topic="replicated"), version))
            assert answer.error_code == (ErrorCode.NOT_LEADER_OR_FOLLOWER if version < FROM_FOLLOWERS else 0)

    with_server(scenario, brokers=2)


@pytest.mark.parametrize("version", range(9, 19))
def test_a_client_that_believes_in_another_epoch_is_told(version: int) -> None:
    async def scenario(server: Server) -> None:
        server.broker.topics.partition("orders", 0).replicas.leader_epoch = 5
        async with await Client.connected(server) as client:
            for epoch, error in ((4, ErrorCode.FENCED_LEADER_EPOCH), (6, ErrorCode.UNKNOWN_LEADER_EPOCH), (5, 0), (-1, 0)):
                assert only(await ask(client, fetch(server, asked(current_leader_epoch=epoch)), version)).error_code == error

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_aborted_transactions_are_a_list_only_for_those_who_read_what_is_committed(version: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            assert only(await ask(client, fetch(server, asked()), version)).aborted_transactions is None
            committed = fetch(server, asked(), isolation_level=READ_COMMITTED)
            assert only(await ask(client, committed, version)).aborted_transactions == []

    with_server(scenario)


# Waiting


def waiting(server: Server) -> int:
    return sum(len(partition.waiters) for partition in server.broker.topics.partitions())


def test_a_reader_at_the_end_waits_for_the_next_record() -> None:
    async def scenario(server: Server) -> None:
        await append(server, b"a")
        async with await Client.connected(server) as client:
            client.send(fetch(server, asked(0, offset=1), asked(1), max_wait_ms=LONG_MS), 11)
            await eventually(lambda: waiting(server) == 2)
            stored = await append(server, b"b", partition=1)
            answer = await client.receive(FetchResponse, 11)
            assert {each.partition_index: each.records for each in answer.responses[0].partitions} == {0: b"", 1: stored}
            assert waiting(server) == 0

    with_server(scenario)


def test_a_reader_waits_until_there_is_as_much_as_it_wants() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            client.send(fetch(server, asked(0), asked(1), max_wait_ms=LONG_MS, min_bytes=2000), 11)
            await eventually(lambda: waiting(server) == 2)
            first = await append(server, b"x" * 1200)
            assert waiting(server) == 2
            second = await append(server, b"y" * 1200, partition=1)
            assert given(await client.receive(FetchResponse, 11)) == {0: len(first), 1: len(second)}

    with_server(scenario)


@pytest.mark.parametrize("max_wait_ms", [0, -1, 1, 20])
def test_a_reader_is_answered_when_its_time_is_over(max_wait_ms: int) -> None:
    async def scenario(server: Server) -> None:
        stored = await append(server, b"a")
        async with await Client.connected(server) as client:
            answer = only(await ask(client, fetch(server, asked(), max_wait_ms=max_wait_ms, min_bytes=1 << 30)))
            assert answer.records == stored
            assert waiting(server) == 0

    with_server(scenario)


@pytest.mark.parametrize("min_bytes", [0, -1])
def test_a_reader_who_wants_nothing_waits_for_nothing(min_bytes: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            assert only(await ask(client, fetch(server, asked(), max_wait_ms=LONG_MS, min_bytes=min_bytes))).records == b""

    with_server(scenario)


def test_who_asks_for_nothing_is_answered_at_once() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            assert (await ask(client, fetch(server, max_wait_ms=LONG_MS))).responses == []

    with_server(scenario)


def test_a_reader_who_waits_hears_that_the_topic_is_deleted() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            client.send(fetch(server, asked(0), max_wait_ms=LONG_MS), 11)
            await eventually(lambda: waiting(server) == 1)
            await server.broker.delete_topic(server.broker.topics.named("orders").topic_id)
            assert only(await client.receive(FetchResponse, 11)).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    with_server(scenario)


def test_many_readers_are_woken_by_one_record() -> None:
    async def scenario(server: Server) -> None:
        clients = [await Client.connected(server) for _ in range(20)]
        for client in clients:
            client.send(fetch(server, asked(), max_wait_ms=LONG_MS), 11)
        await eventually(lambda: waiting(server) == 20)
        stored = await append(server, b"a")
        answers = await asyncio.gather(*(client.receive(FetchResponse, 11) for client in clients))
        assert {only(answer).records for answer in answers} == {stored}
        for client in clients:
            await client.close()

    with_server(scenario)


# Sessions


@pytest.mark.parametrize("version", range(WITH_SESSIONS, 19))
def test_a_session_is_told_only_what_is_new(version: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            opened = await ask(client, fetch(server, asked(0), asked(1), session_epoch=NEW), version)
            assert (opened.error_code, sorted(given(opened))) == (0, [0, 1])
            session_id = opened.session_id
            assert given(await ask(client, fetch(server, session_epoch=1, session_id=session_id), version)) == {}
            stored = await append(server, b"a", partition=1)
            assert given(await ask(client, fetch(server, session_epoch=2, session_id=session_id), version)) == {1: len(stored)}
            # It goes on from another offset, and reads a partition more.
            answer = await ask(client, fetch(server, asked(1, offset=1), asked(2), session_epoch=3, session_id=session_id), version)
            assert given(answer) == {2: 0}
            await append(server, b"b", partition=0)
            topic = server.broker.topics.named("orders")
            gone = [ForgottenTopic(topic="orders", topic_id=topic.topic_id, partitions=[0])]
            assert (
                given(await ask(client, fetch(server, session_epoch=4, forgotten_topics_data=gone, session_id=session_id), version)) == {}
            )

    with_server(scenario)


def test_a_session_that_waits_is_woken_by_any_of_its_partitions() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            opened = await ask(client, fetch(server, asked(0), asked(1), asked(2), session_epoch=NEW))
            client.send(fetch(server, session_id=opened.session_id, session_epoch=1, max_wait_ms=LONG_MS), 11)
            await eventually(lambda: waiting(server) == 3)
            stored = await append(server, b"a", partition=2)
            assert given(await client.receive(FetchResponse, 11)) == {2: len(stored)}

    with_server(scenario)


def test_a_session_that_is_not_known_or_out_of_step_begins_anew() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            opened = await ask(client, fetch(server, asked(0), session_epoch=NEW))
            for request, version, error in (
                (fetch(server, session_id=opened.session_id + 1, session_epoch=1), 11, ErrorCode.FETCH_SESSION_ID_NOT_FOUND),
                (fetch(server, session_id=opened.session_id, session_epoch=7), 11, ErrorCode.INVALID_FETCH_SESSION_EPOCH),
                (fetch(server, session_id=opened.session_id, session_epoch=1), 13, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR),
            ):
                answer = await ask(client, request, version)
                assert (answer.error_code, answer.responses) == (error, [])
            closed = await ask(client, fetch(server, asked(0), session_id=opened.session_id, session_epoch=FINAL))
            assert (closed.error_code, closed.session_id) == (0, 0)
            answer = await ask(client, fetch(server, session_id=opened.session_id, session_epoch=1))
            assert answer.error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND

    with_server(scenario)


# Mistakes


@pytest.mark.parametrize("version", [4, 11, 12, 13, 18])
def test_a_request_that_ends_early_closes_the_connection_whatever_is_missing(version: int) -> None:
    async def scenario(server: Server) -> None:
        whole = request_frame(ApiKey.FETCH, version, 1, None, fetch(server, asked(), asked(1)))[4:]
        # What comes last may be missing unnoticed: optional fields that are read as not there.
        for end in range(14, len(whole) - 8, 5):
            async with await Client.connected(server) as client:
                client.writer.write(end.to_bytes(4, "big") + whole[:end])
                with pytest.raises(ConnectionClosed):
                    await client.receive_frame()

    with_server(scenario)


def test_a_partition_that_is_offline_says_so_and_the_others_are_read() -> None:
    async def scenario(server: Server) -> None:
        stored = await append(server, b"a", partition=1)
        broken: Partition = server.broker.topics.partition("orders", 0)
        await append(server, b"b")
        broken.discard()
        async with await Client.connected(server) as client:
            (topic,) = (await ask(client, fetch(server, asked(0), asked(1), max_wait_ms=LONG_MS))).responses
            offline, fine = topic.partitions
            assert (offline.error_code, offline.records) == (ErrorCode.KAFKA_STORAGE_ERROR, b"")
            assert (fine.error_code, fine.records) == (0, stored)
            assert read_header(stored).base_offset == 0

    with_server(scenario)
