"""A familiar request is answered exactly as the parser would have: each test asks a connection with a memory and one without."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from message_queues.broker.topics import TopicSpec
from message_queues.errors import StorageError
from message_queues.protocols.kafka.frame import request_frame
from message_queues.protocols.kafka.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from message_queues.records.batch import Record, build_batch
from message_queues.servers.kafka.connection import KafkaConnection, KafkaNode, Limits
from message_queues.servers.kafka.familiar_produce import MOST_PLACES, FamiliarProduction, Place
from tests.servers.kafka.asked_node import AskedNode, asked_node

FLEXIBLE = range(9, 14)
SIZE_BYTES = 4
BATCH_LENGTH_AT = 8


class Wire(asyncio.Transport):
    """What the server writes, and whether it hung up."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 9092)})
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Client:
    def __init__(self, node: AskedNode) -> None:
        listener = KafkaNode(node.broker, node.node_id, Limits())
        listener.ports = {node.node_id: 9092}
        self.wire = Wire()
        self.connection = KafkaConnection(listener)
        self.connection.connection_made(self.wire)

    async def ask(self, frame: bytes) -> tuple[bytes, bool]:
        """What came back, once the turn is over, and whether the server hung up."""
        before = len(self.wire.written)
        if not self.wire.is_closed:
            self.connection.data_received(frame)
            await asyncio.sleep(0)
        return self.wire.written[before:], self.wire.is_closed


class Twins:
    """Two brokers of the same history: one is asked on a connection that remembers, the other on a new connection for each request."""

    def __init__(self, node: AskedNode, twin: AskedNode) -> None:
        self.nodes = (node, twin)
        self.familiar = Client(node)

    async def ask_both(self, frame: bytes) -> tuple[bytes, bool]:
        if self.familiar.wire.is_closed:
            self.familiar = Client(self.nodes[0])
        answer, expected = await self.familiar.ask(frame), await Client(self.nodes[1]).ask(frame)
        assert answer == expected
        return answer


@asynccontextmanager
async def twins() -> AsyncIterator[Twins]:
    async with asked_node() as node, asked_node(clock=node.clock) as twin:
        for each in (node, twin):
            each.broker.topics.by_id[b"the-id-of-orders"] = each.broker.topics.by_name["orders"]
            each.broker.topics.by_name["orders"].topic_id = b"the-id-of-orders"
        yield Twins(node, twin)


def produce(
    version: int, partition: int = 0, value: bytes = b"value", acks: int = -1, correlation_id: int = 7, topic: str = "orders"
) -> bytes:
    records = build_batch([Record(0, 1_000, None, value)])
    data = TopicProduceData(partition_data=[PartitionProduceData(index=partition, records=records)])
    if version >= 13:
        data.topic_id = b"the-id-of-orders"
    else:
        data.name = topic
    request = ProduceRequest(acks=acks, timeout_ms=1_000, topic_data=[data])
    return request_frame(0, version, correlation_id, "a client", request)


@pytest.mark.parametrize("version", FLEXIBLE)
def test_a_familiar_request_gets_the_reply_that_the_parser_would_give(version: int) -> None:
    async def scenario() -> None:
        chance = random.Random(version)
        async with twins() as both:
            for number in range(200):
                # Sizes around the boundaries of the varint that says how long the records are.
                value = b"v" * chance.choice([0, 1, 55, 56, 57, 58, 59, 60, 16_310, 16_311, 16_312, 16_313, 16_314, 16_315])
                frame = produce(version, chance.randrange(13), value, chance.choice([-1, -1, 1, 0, 2]), number)
                await both.ask_both(frame)

    asyncio.run(scenario())


def test_any_changed_byte_is_taken_as_the_parser_takes_it() -> None:
    async def scenario() -> None:
        chance = random.Random(1)
        frame = produce(10)
        async with twins() as both:
            for position in range(SIZE_BYTES, len(frame)):
                await both.ask_both(frame)
                changed = bytearray(frame)
                changed[position] ^= 1 << chance.randrange(8)
                await both.ask_both(bytes(changed))

    asyncio.run(scenario())


def test_a_familiar_request_that_ends_early_or_goes_on_is_taken_as_the_parser_takes_it() -> None:
    async def scenario() -> None:
        body = produce(10)[SIZE_BYTES:]
        async with twins() as both:
            for size in (*range(len(body)), len(body) + 1, len(body) + 40):
                await both.ask_both(produce(10))
                shortened = body[:size].ljust(size, b"\0")
                await both.ask_both(len(shortened).to_bytes(4, "big") + shortened)
                ended_like_a_whole_one = body[: max(0, size - 3)] + b"\0\0\0"
                await both.ask_both(len(ended_like_a_whole_one).to_bytes(4, "big") + ended_like_a_whole_one)

    asyncio.run(scenario())


def test_a_topic_that_was_deleted_is_not_written_to() -> None:
    async def scenario() -> None:
        async with asked_node() as node:
            client = Client(node)
            old = node.broker.topics.by_name["orders"]
            await client.ask(produce(10))
            await client.ask(produce(10))
            await node.broker.delete_topic(old.topic_id)
            refused, _ = await client.ask(produce(10))
            await node.broker.create_topic(TopicSpec("orders", 12, 1))
            taken, _ = await client.ask(produce(10))
            new = node.broker.topics.by_name["orders"]
            assert refused != taken
            assert new is not old
            assert new.partitions[0].log.end_offset == 1

    asyncio.run(scenario())


def test_a_partition_that_another_node_leads_is_not_written_to() -> None:
    async def scenario() -> None:
        async with asked_node(node_ids=(0, 1)) as node:
            client = Client(node)
            partitions = node.broker.topics.by_name["orders"].partitions
            led_here = next(partition for partition in partitions if partition.replicas.leader == node.node_id)
            frame = produce(10, led_here.index)
            await client.ask(frame)
            await client.ask(frame)
            led_here.replicas.leader = 1
            await client.ask(frame)
            assert led_here.log.end_offset == 2

    asyncio.run(scenario())


def test_a_batch_that_the_disk_refused_is_not_acknowledged() -> None:
    async def scenario() -> None:
        async with asked_node() as node:
            client = Client(node)
            topic = node.broker.topics.by_name["orders"]
            partition = topic.partitions[0]
            frame = produce(10)[SIZE_BYTES:]
            place = Place(frame, 10, -1, b"orders", topic, partition)
            production = FamiliarProduction(client.connection, frame, place, base_offset=0, append_time=-1)
            production.durable({partition: StorageError("the disk is full")})
            kafka_storage_error = (56).to_bytes(2, "big")
            assert kafka_storage_error in client.wire.written

    asyncio.run(scenario())


def test_what_a_connection_remembers_is_bounded() -> None:
    async def scenario() -> None:
        async with asked_node() as node:
            await node.broker.create_topic(TopicSpec("wide", MOST_PLACES + 10, 1))
            client = Client(node)
            for partition in range(MOST_PLACES + 10):
                await client.ask(produce(10, partition, topic="wide"))
            assert len(client.connection.familiar_produce) == 10

    asyncio.run(scenario())
