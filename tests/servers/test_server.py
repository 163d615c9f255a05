"""The server as a whole: starting, stopping under load, a disk that is full, a disk that is synced."""

import asyncio
import json
import resource
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from message_queues.broker.topics import TopicSpec
from message_queues.errors import InvalidArgument, PortTaken
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataResponse
from message_queues.protocols.kafka.messages.offsets import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from message_queues.protocols.kafka.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from message_queues.protocols.kafka.messages.topics import CreatableTopic, CreateTopicsRequest, CreateTopicsResponse
from message_queues.records.batch import Record, build_batch, read_header, read_records
from message_queues.servers.server import Server
from message_queues.settings import ServerSettings
from tests.cli.mq_process import ServeProcess, serving
from tests.servers.running_server import FREE_PORTS, Client, ConnectionClosed, eventually, running_server

TIMEOUT_S = 60
PRODUCER_ID = 77
FULL = 1
"""No file grows beyond its first byte."""
NO_LIMIT = resource.RLIM_INFINITY


def limit_files(server: ServeProcess, size_bytes: int) -> None:
    """As if the disk were full, for all files that are as large already."""
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size_bytes, NO_LIMIT))


def ended(server: ServeProcess) -> tuple[int, str]:
    """The exit code of a server that stops by itself, and what it said."""
    _, said = server.process.communicate(timeout=TIMEOUT_S)
    return server.process.returncode, said


async def create_topic(client: Client, name: str = "orders", partitions: int = 1) -> int:
    request = CreateTopicsRequest(topics=[CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)])
    return (await client.ask(request, 7, CreateTopicsResponse)).topics[0].error_code


async def produce(client: Client, value: bytes, *, topic: str = "orders", partition: int = 0, sequence: int = -1) -> tuple[int, int]:
    """(error code, offset) of one record; with a sequence it is an idempotent producer's."""
    if sequence < 0:
        records = build_batch([Record(0, -1, None, value)])
    else:
        records = build_batch([Record(0, -1, None, value)], producer_id=PRODUCER_ID, producer_epoch=0, base_sequence=sequence)
    data = TopicProduceData(name=topic, partition_data=[PartitionProduceData(index=partition, records=records)])
    (answered,) = (await client.ask(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=[data]), 9, ProduceResponse)).responses
    return answered.partition_responses[0].error_code, answered.partition_responses[0].base_offset


async def read_all(client: Client, *, topic: str = "orders", partition: int = 0) -> dict[int, bytes | None]:
    """Every record by its offset."""
    found: dict[int, bytes | None] = {}
    offset = 0
    while True:
        asked = FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=1 << 20)
        request = FetchRequest(max_wait_ms=0, min_bytes=0, topics=[FetchTopic(topic=topic, partitions=[asked])])
        (answered,) = (await client.ask(request, 11, FetchResponse)).responses
        assert answered.partitions[0].error_code == 0
        data = answered.partitions[0].records or b""
        if not data:
            return found
        while data and len(data) >= read_header(data).size:
            header = read_header(data)
            found |= {record.offset: record.value for record in read_records(data[: header.size])}
            data, offset = data[header.size :], header.next_offset


async def topics(client: Client) -> set[str | None]:
    return {topic.name for topic in (await client.ask(MetadataRequest(topics=None), 8, MetadataResponse)).topics}


async def until_hung_up(step: Callable[[int], Awaitable[None]]) -> None:
    """The server ends it."""
    for number in range(1_000_000):
        try:
            await step(number)
        except ConnectionClosed:
            return
    raise AssertionError("the server goes on")


def with_client(server: ServeProcess, scenario: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with await Client.at(server.addresses[0]) as client:
            await scenario(client)

    asyncio.run(run())


# Starting


def test_a_port_that_is_taken_leaves_nothing_open(tmp_path: Path) -> None:
    async def run() -> None:
        async with running_server() as first:
            port = int(first.addresses["kafka"][0].rsplit(":", 1)[1])
            second = Server(ServerSettings(kafka_port=(0, port), brokers=2, data=str(tmp_path), **FREE_PORTS))
            with pytest.raises(PortTaken, match=f"port {port} "):
                await second.start()
        async with running_server(data=str(tmp_path)) as third:
            assert third.addresses

    asyncio.run(run())


def test_every_node_knows_all_nodes_from_its_first_client_on() -> None:
    async def run() -> None:
        async with running_server(brokers=3) as server:
            for node in range(3):
                async with await Client.connected(server, node) as client:
                    answer = await client.ask(MetadataRequest(topics=[]), 8, MetadataResponse)
                assert [f"{broker.host}:{broker.port}" for broker in answer.brokers] == server.addresses["kafka"]

    asyncio.run(run())


def test_definitions_are_loaded_at_every_start(tmp_path: Path) -> None:
    definitions = tmp_path / "definitions.json"
    definitions.write_text(json.dumps({"queues": [{"name": "q", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}]}))

    async def run() -> None:
        for _ in range(2):
            async with running_server(data=str(tmp_path / "data"), only=("amqp",), load_definitions=str(definitions)) as server:
                assert list(server.broker.virtual_hosts["/"].queues) == ["q"]

    asyncio.run(run())


def test_who_loads_users_has_no_other_one(tmp_path: Path) -> None:
    definitions = tmp_path / "definitions.json"
    definitions.write_text(json.dumps({"users": [{"name": "app", "password": "secret", "tags": ["administrator"]}]}))

    async def run() -> None:
        async with running_server(only=("amqp",), load_definitions=str(definitions)) as server:
            assert list(server.broker.access.users) == ["app"]

    asyncio.run(run())


@pytest.mark.parametrize(("text", "reason"), [("nonsense", "cannot be imported"), ("[]", "one object"), (None, "No such file")])
def test_definitions_that_cannot_be_loaded_are_named(tmp_path: Path, text: str | None, reason: str) -> None:
    definitions = tmp_path / "definitions.json"
    if text is not None:
        definitions.write_text(text)

    async def run() -> None:
        with pytest.raises(InvalidArgument, match=f"--load-definitions {definitions}.*{reason}"):
            await Server(ServerSettings(only=("amqp",), load_definitions=str(definitions), **FREE_PORTS)).start()

    asyncio.run(run())


def test_a_low_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with serving(tmp_path, "--max-connections", "150", "--max-open-files", "150") as server:
            (raised, _) = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
            assert raised == min(700, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# A full disk


def test_a_full_disk_refuses_records_and_loses_none(tmp_path: Path) -> None:
    stored = {offset: b"record %d" % offset for offset in range(10)}
    with serving(tmp_path, "--data", str(tmp_path / "data")) as server:

        async def fill(client: Client) -> None:
            assert await create_topic(client) == 0
            for offset, value in stored.items():
                assert await produce(client, value, sequence=offset) == (0, offset)
            limit_files(server, 100)
            for _ in range(2):
                assert (await produce(client, b"no room", sequence=10))[0] == ErrorCode.KAFKA_STORAGE_ERROR
            assert await read_all(client) == stored
            limit_files(server, NO_LIMIT)
            # Its sequence went back with the record.
            assert await produce(client, b"record 10", sequence=10) == (0, 10)
            assert await produce(client, b"record 10", sequence=10) == (0, 10)
            limit_files(server, 100)
            assert (await produce(client, b"no room", sequence=11))[0] == ErrorCode.KAFKA_STORAGE_ERROR

        with_client(server, fill)
        assert server.stop(signal.SIGKILL)[1] == ""
    stored[10] = b"record 10"
    with serving(tmp_path, "--data", str(tmp_path / "data")) as server:

        async def check(client: Client) -> None:
            assert await read_all(client) == stored
            assert await produce(client, b"record 11", sequence=11) == (0, 11)

        with_client(server, check)
        assert server.stop(signal.SIGTERM) == (0, "")


def test_a_server_stops_in_peace_on_a_full_disk(tmp_path: Path) -> None:
    with serving(tmp_path, "--data", str(tmp_path / "data")) as server:

        async def fill(client: Client) -> None:
            assert await create_topic(client, partitions=3) == 0
            for partition in range(3):
                assert await produce(client, b"kept", partition=partition) == (0, 0)
            limit_files(server, FULL)

        with_client(server, fill)
        code, said = server.stop(signal.SIGTERM)
        assert code == 0
        assert said.count("closed without checkpoints") == 1
        assert "Traceback" not in said
    with serving(tmp_path, "--data", str(tmp_path / "data")) as server:

        async def check(client: Client) -> None:
            for partition in range(3):
                assert await read_all(client, partition=partition) == {0: b"kept"}

        with_client(server, check)


def test_a_server_whose_journal_cannot_be_written_stops_and_says_what_to_do(tmp_path: Path) -> None:
    created: set[str | None] = {"orders"}
    with serving(tmp_path, "--data", str(tmp_path / "data")) as server:

        async def fill(client: Client) -> None:
            assert await create_topic(client) == 0
            assert await produce(client, b"kept") == (0, 0)
            limit_files(server, FULL)

            async def create(number: int) -> None:
                assert await create_topic(client, f"topic-{number}") == 0
                created.add(f"topic-{number}")

            await until_hung_up(create)

        with_client(server, fill)
        code, said = ended(server)
        assert code == 1
        assert "Traceback" not in said
        (message,) = [line for line in said.splitlines() if line.startswith("mq serve: ")]
        assert "journal.sqlite" in message
        assert "nothing that it acknowledged is lost: make room or mend the disk, then start it again" in message
    with serving(tmp_path, "--data", str(tmp_path / "data")) as server:

        async def check(client: Client) -> None:
            assert await topics(client) == created
            assert await read_all(client) == {0: b"kept"}
            assert await create_topic(client, "another") == 0

        with_client(server, check)
        assert server.stop(signal.SIGTERM) == (0, "")


def test_offsets_that_could_not_be_stored_are_not_acknowledged(tmp_path: Path) -> None:
    async def commit(client: Client, offset: int) -> int:
        partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset, committed_metadata="x" * 4000)
        request = OffsetCommitRequest(group_id="readers", topics=[OffsetCommitRequestTopic(name="orders", partitions=[partition])])
        return (await client.ask(request, 8, OffsetCommitResponse)).topics[0].partitions[0].error_code

    with serving(tmp_path, "--data", str(tmp_path / "data")) as server:

        async def fill(client: Client) -> None:
            assert await create_topic(client) == 0
            assert await commit(client, 1) == 0
            limit_files(server, FULL)

            async def commit_another(offset: int) -> None:
                if await commit(client, offset) != 0:
                    raise ConnectionClosed("refused, and soon hung up")

            await until_hung_up(commit_another)

        with_client(server, fill)
        code, said = ended(server)
        assert (code, "Traceback" in said) == (1, False)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.real) for seed in range(2, 20))])
def test_a_disk_that_is_full_now_and_then_costs_no_record_and_no_sequence(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    flags = ("--data", str(tmp_path / "data"), "--config", "log.segment.bytes=1048576", *chance.choice(((), ("--fsync",))))
    stored: list[dict[int, bytes]] = [{}, {}, {}]

    async def publish(client: Client, partition: int, server: ServeProcess) -> None:
        for _ in range(40):
            limit_files(server, chance.choice([NO_LIMIT, NO_LIMIT, chance.randrange(1 << 17), chance.randrange(1 << 21)]))
            sequence = len(stored[partition])
            value = b"%d " % sequence + chance.randbytes(chance.choice([10, 1000, 60_000]))
            error, offset = await produce(client, value, partition=partition, sequence=sequence)
            if error:
                assert error == ErrorCode.KAFKA_STORAGE_ERROR
            else:
                assert offset == sequence
                stored[partition][offset] = value

    async def check(client: Client) -> None:
        for partition in range(3):
            assert await read_all(client, partition=partition) == stored[partition]

    async def live(server: ServeProcess, is_first: bool) -> None:
        async with await Client.at(server.addresses[0]) as admin:
            if is_first:
                assert await create_topic(admin, partitions=3) == 0
            await check(admin)
            clients = [await Client.at(server.addresses[0]) for _ in range(3)]
            await asyncio.gather(*(publish(client, partition, server) for partition, client in enumerate(clients)))
            limit_files(server, NO_LIMIT)
            await check(admin)
            for client in clients:
                await client.close()

    for life in range(3):
        with serving(tmp_path, *flags) as server:
            asyncio.run(live(server, not life))
            assert "Traceback" not in server.stop(chance.choice([signal.SIGKILL, signal.SIGTERM]))[1]
    with serving(tmp_path, *flags) as server:
        with_client(server, check)


# Stopping under load


@pytest.mark.parametrize("flags", [(), ("--fsync",)], ids=["default", "fsync"])
def test_what_was_acknowledged_before_a_stop_under_load_is_there_after_it(tmp_path: Path, flags: tuple[str, ...]) -> None:
    acknowledged: list[dict[int, bytes]] = [{} for _ in range(3)]

    async def publish(server: ServeProcess, number: int) -> None:
        partition = number % 3
        async with await Client.at(server.addresses[0]) as client:

            async def produce_another(count: int) -> None:
                value = b"%d from %d" % (count, number)
                error, offset = await produce(client, value, partition=partition)
                assert error == 0
                acknowledged[partition][offset] = value

            await until_hung_up(produce_another)

    async def load(server: ServeProcess) -> None:
        async with await Client.at(server.addresses[0]) as client:
            assert await create_topic(client, partitions=3) == 0
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(publish(server, number))
            await eventually(lambda: all(len(records) > 100 for records in acknowledged))
            server.process.send_signal(signal.SIGTERM)

    with serving(tmp_path, "--data", str(tmp_path / "data"), *flags) as server:
        asyncio.run(load(server))
        assert ended(server) == (0, "")
    with serving(tmp_path, "--data", str(tmp_path / "data"), *flags) as server:

        async def check(client: Client) -> None:
            for partition in range(3):
                stored = await read_all(client, partition=partition)
                assert acknowledged[partition].items() <= stored.items()
                assert list(stored) == list(range(len(stored)))

        with_client(server, check)
        assert server.stop(signal.SIGTERM) == (0, "")


@pytest.mark.parametrize("fsync", [False, True])
def test_a_stop_answers_what_is_on_its_way_to_the_disk(fsync: bool, tmp_path: Path) -> None:
    async def run() -> None:
        async with running_server(data=str(tmp_path), fsync=fsync) as server:
            await server.broker.create_topic(TopicSpec("orders", 1, 1))
            client = await Client.connected(server)
            producing = asyncio.ensure_future(produce(client, b"last"))
            await eventually(lambda: server.broker.topics.partition("orders", 0).log.end_offset == 1)
        assert await producing == (0, 0)
        await client.close()

    asyncio.run(run())


# Synced


def test_with_fsync_records_are_acknowledged_and_kept(tmp_path: Path) -> None:
    stored = {offset: b"%d" % offset for offset in range(5)}
    with serving(tmp_path, "--data", str(tmp_path / "data"), "--fsync") as server:

        async def fill(client: Client) -> None:
            assert await create_topic(client) == 0
            for offset, value in stored.items():
                assert await produce(client, value) == (0, offset)
            assert await read_all(client) == stored

        with_client(server, fill)
        server.stop(signal.SIGKILL)
    with serving(tmp_path, "--data", str(tmp_path / "data"), "--fsync") as server:

        async def check(client: Client) -> None:
            assert await read_all(client) == stored

        with_client(server, check)
        assert server.stop(signal.SIGTERM) == (0, "")


# With other nodes than before


def test_a_server_that_lacks_nodes_of_its_data_names_them(tmp_path: Path) -> None:
    async def run() -> None:
        async with running_server(data=str(tmp_path / "data"), brokers=3) as server:
            await server.broker.create_topic(TopicSpec("orders", 3, 3))

    asyncio.run(run())
    with pytest.raises(AssertionError) as failed, serving(tmp_path, "--data", str(tmp_path / "data")):
        pass
    said = str(failed.value)
    assert "mq serve: the data directory " in said
    assert "on the nodes 1, 2" in said
    assert "start it with --brokers 3, or give another directory with --data" in said
    with serving(tmp_path, "--data", str(tmp_path / "data"), "--brokers", "3") as server:
        assert server.stop(signal.SIGTERM) == (0, "")
