"""Produce in all its versions, over sockets: what is taken, what is refused, and how it is told."""

import asyncio

import pytest

from message_queues.broker.topics import TopicSpec
from message_queues.protocols.kafka.api_keys import ApiKey
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.frame import request_frame
from message_queues.protocols.kafka.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from message_queues.protocols.kafka.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from message_queues.records.batch import Record, build_batch
from message_queues.records.compression import ZSTD
from message_queues.servers.server import Server
from tests.servers.running_server import Client, ConnectionClosed, eventually, with_server

VERSIONS = range(3, 14)
WITH_LOG_START, WITH_RECORD_ERRORS, WITH_LEADER_HINTS, WITH_TOPIC_IDS = 5, 8, 10, 13
STRANGE_ID = b"\x07" * 16
START_MS = 1_700_000_000_000
"""Of a clock that is set by hand."""


def batch(*values: bytes, key: bytes | None = b"k", timestamp: int = -1, compression: int = 0, sequence: int = -1) -> bytes:
    records = [Record(offset, timestamp, key, value) for offset, value in enumerate(values)]
    if sequence < 0:
        return build_batch(records, compression=compression)
    return build_batch(records, producer_id=9, producer_epoch=0, base_sequence=sequence)


def data(server: Server, *partitions: tuple[int, bytes | None], topic: str = "orders") -> TopicProduceData:
    known = server.broker.topics.by_name.get(topic)
    made = [PartitionProduceData(index=index, records=records) for index, records in partitions]
    return TopicProduceData(name=topic, topic_id=known.topic_id if known else STRANGE_ID, partition_data=made)


async def ask(client: Client, *topics: TopicProduceData, version: int = 9, acks: int = -1) -> ProduceResponse:
    return await client.ask(ProduceRequest(acks=acks, timeout_ms=1000, topic_data=list(topics)), version, ProduceResponse)


def only(response: ProduceResponse) -> PartitionProduceResponse:
    (topic,) = response.responses
    (partition,) = topic.partition_responses
    return partition


def end(server: Server, partition: int = 0, topic: str = "orders") -> int:
    return server.broker.topics.partition(topic, partition).high_watermark


@pytest.mark.parametrize("version", VERSIONS)
def test_batches_get_their_offsets(version: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            server.broker.topics.partition("orders", 1)
            for round_ in range(2):
                response = await ask(client, data(server, (0, batch(b"a", b"b")), (1, batch(b"c"))), version=version)
                (topic,) = response.responses
                assert topic.name == ("orders" if version < WITH_TOPIC_IDS else "")
                assert [(each.index, each.error_code, each.base_offset) for each in topic.partition_responses] == [
                    (0, 0, 2 * round_),
                    (1, 0, round_),
                ]
                start = 0 if version >= WITH_LOG_START else -1
                assert {(each.log_append_time_ms, each.log_start_offset) for each in topic.partition_responses} == {(-1, start)}
            assert (end(server), end(server, 1)) == (4, 2)

    with_server(scenario)


@pytest.mark.parametrize("acks", [-1, 1])
def test_acknowledgements_come_when_they_are_asked_for(acks: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            assert only(await ask(client, data(server, (0, batch(b"a"))), acks=acks)).error_code == 0
            assert end(server) == 1

    with_server(scenario)


def test_without_acks_there_is_no_reply_and_the_next_request_has_its_own() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            for _ in range(3):
                client.send(ProduceRequest(acks=0, timeout_ms=1000, topic_data=[data(server, (0, batch(b"a")))]), 9)
            await client.ask(ApiVersionsRequest(), 0, ApiVersionsResponse)
            await eventually(lambda: end(server) == 3)

    with_server(scenario)


@pytest.mark.parametrize("acks", [2, -2, 32767])
def test_acks_that_mean_nothing_are_refused(acks: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            assert only(await ask(client, data(server, (0, batch(b"a"))), acks=acks)).error_code == ErrorCode.INVALID_REQUIRED_ACKS
            assert end(server) == 0

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_not_there_is_told(version: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            by_name, by_id = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID
            unknown = only(await ask(client, data(server, (0, batch(b"a")), topic="unknown"), version=version))
            assert unknown.error_code == (by_id if version >= WITH_TOPIC_IDS else by_name)
            for index in (3, -1):
                assert only(await ask(client, data(server, (index, batch(b"a"))), version=version)).error_code == by_name

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_node_that_does_not_lead_says_so_and_later_versions_hear_who_does(version: int) -> None:
    async def scenario(server: Server) -> None:
        led_by_1 = next(each.index for each in server.broker.topics.named("orders").partitions if each.replicas.leader == 1)
        async with await Client.connected(server, node=0) as client:
            response = await ask(client, data(server, (led_by_1, batch(b"a"))), version=version)
            refused = only(response)
            assert (refused.error_code, refused.base_offset) == (ErrorCode.NOT_LEADER_OR_FOLLOWER, -1)
            hinted = version >= WITH_LEADER_HINTS
            assert (refused.current_leader.leader_id, refused.current_leader.leader_epoch) == ((1, 0) if hinted else (-1, -1))
            port = int(server.addresses["kafka"][1].rsplit(":", 1)[1])
            assert [(node.node_id, node.host, node.port) for node in response.node_endpoints] == (
                [(1, "127.0.0.1", port)] if hinted else []
            )

    with_server(scenario, brokers=2)


def test_each_partition_succeeds_or_fails_by_itself() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            response = await ask(
                client,
                data(server, (0, batch(b"a")), (7, batch(b"b")), (1, batch(b"c")[:-1]), (2, None)),
                data(server, (0, batch(b"d")), topic="unknown"),
                data(server, (2, batch(b"e"))),
            )
            told = {
                (topic.name, each.index, each.error_code, each.base_offset)
                for topic in response.responses
                for each in topic.partition_responses
            }
            assert told == {
                ("orders", 0, 0, 0),
                ("orders", 7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1),
                ("orders", 1, ErrorCode.INVALID_RECORD, -1),
                ("orders", 2, ErrorCode.INVALID_RECORD, -1),
                ("unknown", 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1),
                ("orders", 2, 0, 0),
            }
            assert [end(server, index) for index in range(3)] == [1, 0, 1]

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_without_topics_has_a_response_without_topics(version: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            assert (await ask(client, version=version)).responses == []

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_zstd_needs_version_seven(version: int) -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            answer = only(await ask(client, data(server, (0, batch(b"a", compression=ZSTD))), version=version))
            assert answer.error_code == (ErrorCode.UNSUPPORTED_COMPRESSION_TYPE if version < 7 else 0)

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_records_without_keys_are_named_one_by_one_to_later_versions(version: int) -> None:
    async def scenario(server: Server) -> None:
        await server.broker.create_topic(TopicSpec("compacted", 1, 1, configs={"cleanup.policy": "compact"}))
        async with await Client.connected(server) as client:
            answer = only(await ask(client, data(server, (0, batch(b"a", b"b", key=None)), topic="compacted"), version=version))
            assert answer.error_code == ErrorCode.INVALID_RECORD
            told = version >= WITH_RECORD_ERRORS
            assert [error.batch_index for error in answer.record_errors] == ([0, 1] if told else [])
            assert bool(answer.error_message) == told

    with_server(scenario)


def test_too_few_replicas_in_sync_refuse_only_those_who_want_all_of_them() -> None:
    async def scenario(server: Server) -> None:
        await server.broker.create_topic(TopicSpec("safe", assignments=[(0, [0, 1])], configs={"min.insync.replicas": "2"}))
        server.broker.topics.partition("safe", 0).replicas.in_sync = (0,)
        async with await Client.connected(server) as client:
            safe = data(server, (0, batch(b"a")), topic="safe")
            assert only(await ask(client, safe, acks=-1)).error_code == ErrorCode.NOT_ENOUGH_REPLICAS
            assert only(await ask(client, safe, acks=1)).error_code == 0

    with_server(scenario, brokers=2)


def test_a_batch_that_is_too_large_or_damaged_is_refused() -> None:
    async def scenario(server: Server) -> None:
        await server.broker.alter_topic_configs("orders", {"max.message.bytes": "200"})
        async with await Client.connected(server) as client:
            assert only(await ask(client, data(server, (0, batch(b"x" * 200))))).error_code == ErrorCode.MESSAGE_TOO_LARGE
            damaged = batch(b"a")[:-1] + b"\xff"
            assert only(await ask(client, data(server, (0, damaged)))).error_code == ErrorCode.CORRUPT_MESSAGE
            assert end(server) == 0

    with_server(scenario)


def test_a_batch_that_is_sent_again_gets_the_offset_that_it_has() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            for sequence in (0, 1, 0, 1, 2):
                answer = only(await ask(client, data(server, (0, batch(b"a", sequence=sequence)))))
                assert (answer.error_code, answer.base_offset) == (0, sequence)
            gap = only(await ask(client, data(server, (0, batch(b"a", sequence=9)))))
            assert gap.error_code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
            assert end(server) == 3

    with_server(scenario)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_time_of_the_broker_is_told_where_it_counts(version: int) -> None:
    async def scenario(server: Server) -> None:
        await server.broker.alter_topic_configs("orders", {"message.timestamp.type": "LogAppendTime"})
        async with await Client.connected(server) as client:
            assert only(await ask(client, data(server, (0, batch(b"a", timestamp=5))), version=version)).log_append_time_ms == START_MS

    with_server(scenario, clock="manual")


def test_a_log_that_begins_later_says_where() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            await ask(client, data(server, (0, batch(b"a", b"b"))))
            server.broker.topics.partition("orders", 0).delete_records(2)
            answer = only(await ask(client, data(server, (0, batch(b"c")))))
            assert (answer.base_offset, answer.log_start_offset) == (2, 2)

    with_server(scenario)


def test_a_topic_that_is_deleted_takes_no_records_any_more_and_created_again_begins_anew() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            for _ in range(3):
                await ask(client, data(server, (0, batch(b"a"))))
            await server.broker.delete_topic(server.broker.topics.named("orders").topic_id)
            assert only(await ask(client, data(server, (0, batch(b"a"))))).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            await server.broker.create_topic(TopicSpec("orders", 1, 1))
            assert only(await ask(client, data(server, (0, batch(b"a"))))).base_offset == 0

    with_server(scenario)


def test_records_that_come_in_the_turn_in_which_their_topic_goes_are_not_acknowledged() -> None:
    async def scenario(server: Server) -> None:
        async with await Client.connected(server) as client:
            orders = server.broker.topics.named("orders")
            deleting = server.broker.delete_topic
            client.send(ProduceRequest(acks=1, timeout_ms=1000, topic_data=[data(server, (0, batch(b"a")))]), 9)
            await eventually(lambda: orders.partitions[0].is_open and orders.partitions[0].log.end_offset == 1)
            await deleting(orders.topic_id)
            answer = only(await client.receive(ProduceResponse, 9))
            # Either it was there before, or it never was.
            assert answer.error_code in (0, ErrorCode.KAFKA_STORAGE_ERROR)

    with_server(scenario)


@pytest.mark.parametrize("version", [3, 8, 9, 13])
def test_a_request_that_ends_early_closes_the_connection_whatever_is_missing(version: int) -> None:
    async def scenario(server: Server) -> None:
        whole = request_frame(
            ApiKey.PRODUCE, version, 1, None, ProduceRequest(acks=1, timeout_ms=1000, topic_data=[data(server, (0, batch(b"a")))])
        )[4:]
        for end_ in range(14, len(whole), 5):
            async with await Client.connected(server) as client:
                client.writer.write(end_.to_bytes(4, "big") + whole[:end_])
                with pytest.raises(ConnectionClosed):
                    await client.receive_frame()
        assert end(server) == 0

    with_server(scenario)


def test_producers_of_one_turn_all_hear_their_own_offsets() -> None:
    async def scenario(server: Server) -> None:
        clients = [await Client.connected(server) for _ in range(20)]
        answers = await asyncio.gather(*(ask(client, data(server, (0, batch(b"a")))) for client in clients))
        assert sorted(only(answer).base_offset for answer in answers) == list(range(20))
        for client in clients:
            await client.close()

    with_server(scenario)
