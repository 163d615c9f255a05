"""aiokafka: producer, consumer, groups and admin client. It speaks old, inflexible versions: Metadata 5, Produce 8, Fetch 11."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import CommitFailedError, MessageSizeTooLargeError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata

from tests.conformance.topics import Topics, unique_name
from tests.patience import PATIENCE_S
from tests.servers_under_test import ServerUnderTest


@asynccontextmanager
async def new_producer(bootstrap: str, **settings: object) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, **settings) as producer:
        yield producer


@asynccontextmanager
async def new_consumer(bootstrap: str, *topics: str, **settings: object) -> AsyncIterator[AIOKafkaConsumer]:
    defaults: dict[str, object] = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "heartbeat_interval_ms": 200}
    async with AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, **{**defaults, **settings}) as consumer:
        yield consumer


@asynccontextmanager
async def new_admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def next_records(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    return [await asyncio.wait_for(consumer.getone(), PATIENCE_S) for _ in range(count)]


async def eventually(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            said = condition()
            if said is True or (not isinstance(said, bool) and await said):
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_each_compression_comes_back_as_it_was_sent(bootstrap: str, topics: Topics, compression: str | None) -> None:
    topic = topics.new()
    values = [f"{number} ".encode() * 20 for number in range(100)]

    async def scenario() -> None:
        async with new_producer(bootstrap, compression_type=compression, linger_ms=20) as producer:
            futures = [await producer.send(topic, value, partition=0) for value in values]
            assert [(await future).offset for future in futures] == list(range(100))
        async with new_consumer(bootstrap, topic) as consumer:
            assert [record.value for record in await next_records(consumer, 100)] == values

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "settings",
    [{"acks": 0}, {"acks": 1}, {"acks": "all"}, {"enable_idempotence": True}],
    ids=["acks-0", "acks-1", "acks-all", "idempotent"],
)
def test_a_record_arrives_with_key_headers_and_time(bootstrap: str, topics: Topics, settings: dict[str, object]) -> None:
    topic = topics.new()
    moment = int(time.time() * 1000) - 5000

    async def scenario() -> None:
        async with new_producer(bootstrap, **settings) as producer:
            await producer.send(topic, b"value", key=b"key", headers=[("a", b"1"), ("b", b"")], partition=0, timestamp_ms=moment)
            await producer.send(topic, None, key=b"tombstone", partition=0)
            await producer.flush()
        async with new_consumer(bootstrap, topic) as consumer:
            record, tombstone = await next_records(consumer, 2)
        assert (record.key, record.value, record.timestamp, record.timestamp_type) == (b"key", b"value", moment, 0)
        assert list(record.headers) == [("a", b"1"), ("b", b"")]
        assert (tombstone.key, tombstone.value) == (b"tombstone", None)

    asyncio.run(scenario())


def test_a_record_that_the_topic_finds_too_large_is_refused(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"max.message.bytes": "1000"})

    async def scenario() -> None:
        async with new_producer(bootstrap) as producer:
            with pytest.raises(MessageSizeTooLargeError):
                await producer.send_and_wait(topic, bytes(2000), partition=0)

    asyncio.run(scenario())


def test_a_consumer_seeks_pauses_and_finds_offsets_by_time(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    partition = TopicPartition(topic, 0)
    start = int(time.time() * 1000) - 100_000

    async def scenario() -> None:
        async with new_producer(bootstrap) as producer:
            for number in range(10):
                await producer.send(topic, str(number).encode(), partition=0, timestamp_ms=start + 1000 * number)
        async with new_consumer(bootstrap) as consumer:
            consumer.assign([partition])
            assert await consumer.beginning_offsets([partition]) == {partition: 0}
            assert await consumer.end_offsets([partition]) == {partition: 10}
            found = (await consumer.offsets_for_times({partition: start + 4500}))[partition]
            assert (found.offset, found.timestamp) == (5, start + 5000)
            assert await consumer.offsets_for_times({partition: start + 9001}) == {partition: None}
            consumer.seek(partition, 7)
            assert [record.offset for record in await next_records(consumer, 3)] == [7, 8, 9]
            consumer.pause(partition)
            await consumer.seek_to_beginning(partition)
            assert await consumer.getmany(timeout_ms=300) == {}
            consumer.resume(partition)
            assert (await next_records(consumer, 10))[0].value == b"0"

    asyncio.run(scenario())


def test_a_waiting_reader_is_woken_by_an_append(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()

    async def scenario() -> None:
        # A reader that is not woken waits for longer than anyone here has patience.
        wait_ms = 2 * PATIENCE_S * 1000
        waits_longer = {"fetch_max_wait_ms": wait_ms, "request_timeout_ms": 2 * wait_ms}
        async with new_consumer(bootstrap, topic, **waits_longer) as consumer, new_producer(bootstrap) as producer:
            for value in (b"first", b"second", b"third"):
                waiting = asyncio.create_task(next_records(consumer, 1))
                await producer.send_and_wait(topic, value, partition=0)
                assert (await waiting)[0].value == value

    asyncio.run(scenario())


def test_a_second_member_takes_half_and_gives_it_back_when_it_leaves(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=4), unique_name("group")

    async def scenario() -> None:
        async with new_consumer(bootstrap, topic, group_id=group) as first:
            await eventually(lambda: len(first.assignment()) == 4)
            async with new_consumer(bootstrap, topic, group_id=group) as second:
                await eventually(lambda: len(first.assignment()) == len(second.assignment()) == 2)
                assert first.assignment().isdisjoint(second.assignment())
            await eventually(lambda: len(first.assignment()) == 4)

    asyncio.run(scenario())


def test_a_group_resumes_where_it_committed_with_its_metadata(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    partition = TopicPartition(topic, 0)

    async def scenario() -> None:
        async with new_producer(bootstrap) as producer:
            for number in range(10):
                await producer.send(topic, str(number).encode(), partition=0)
        async with new_consumer(bootstrap, topic, group_id=group) as consumer:
            await next_records(consumer, 10)
            await consumer.commit({partition: (6, "six")})
        async with new_consumer(bootstrap, topic, group_id=group) as consumer:
            assert (await next_records(consumer, 4))[0].value == b"6"
            assert await consumer.committed(partition) == 6
        async with new_admin(bootstrap) as admin:
            assert await admin.list_consumer_group_offsets(group) == {partition: OffsetAndMetadata(6, "six")}

    asyncio.run(scenario())


def test_a_commit_after_the_group_moved_on_fails(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    partition = TopicPartition(topic, 0)

    async def scenario() -> None:
        async with new_consumer(bootstrap, topic, group_id=group), new_consumer(bootstrap, group_id=group) as stranger:
            stranger.assign([partition])
            with pytest.raises(CommitFailedError):
                await stranger.commit({partition: 1})

    asyncio.run(scenario())


def test_topics_are_created_described_grown_and_deleted(bootstrap: str) -> None:
    name = unique_name("topic")

    async def scenario() -> None:
        async with new_admin(bootstrap) as admin:

            async def partition_count() -> int:
                (topic,) = await admin.describe_topics([name])
                return len(topic["partitions"])

            async def count_is(count: int) -> bool:
                return await partition_count() == count

            async def is_gone() -> bool:
                return name not in await admin.list_topics()

            created = await admin.create_topics([NewTopic(name, 2, 1, topic_configs={"retention.ms": "1000000"})])
            assert [error[:2] for error in created.topic_errors] == [(name, 0)]
            again = await admin.create_topics([NewTopic(name, 2, 1)])
            assert [error[:2] for error in again.topic_errors] == [(name, 36)]
            await eventually(lambda: count_is(2))
            await admin.create_partitions({name: NewPartitions(5)})
            await eventually(lambda: count_is(5))
            (described,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
            values = {entry[0]: entry[1] for entry in described.resources[0][4]}
            assert values["retention.ms"] == "1000000"
            await admin.delete_topics([name])
            await eventually(is_gone)

    asyncio.run(scenario())


def test_groups_are_listed_and_described(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")

    async def scenario() -> None:
        async with new_consumer(bootstrap, topic, group_id=group) as member, new_admin(bootstrap) as admin:
            await eventually(lambda: len(member.assignment()) == 1)
            assert (group, "consumer") in await admin.list_consumer_groups()
            (described,) = await admin.describe_consumer_groups([group])
            error, name, state, kind, _, members = described.groups[0][:6]
            assert (error, name, state, kind, len(members)) == (0, group, "Stable", "consumer", 1)

    asyncio.run(scenario())


def test_records_are_deleted(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    partition = TopicPartition(topic, 0)

    async def scenario() -> None:
        async with new_producer(bootstrap) as producer:
            for number in range(10):
                await producer.send_and_wait(topic, str(number).encode(), partition=0)
        async with new_admin(bootstrap) as admin:
            assert await admin.delete_records({partition: RecordsToDelete(4)}) == {partition: 4}

    asyncio.run(scenario())


def test_the_cluster_describes_its_nodes(bootstrap: str, server: ServerUnderTest) -> None:
    async def scenario() -> None:
        async with new_admin(bootstrap) as admin:
            described = await admin.describe_cluster()
            assert {f"{broker['host']}:{broker['port']}" for broker in described["brokers"]} == set(server.addresses)

    asyncio.run(scenario())
