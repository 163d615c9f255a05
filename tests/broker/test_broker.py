"""A whole broker on a disk: what it was told before a crash, it knows after it."""

import asyncio
import itertools
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from message_queues.broker.broker import Broker, BrokerSettings, Turn
from message_queues.broker.clock import ManualClock, advance
from message_queues.broker.coordination.coordinator import Join, Sync
from message_queues.broker.coordination.offsets import OffsetCommit, OffsetToCommit
from message_queues.broker.events import encode_event
from message_queues.broker.logs.partition import Partition
from message_queues.broker.topics import TopicSpec
from message_queues.errors import DamagedFile, MissingNodes, StorageError, TopicAlreadyExists, UnknownTopicOrPartition
from message_queues.records.batch import Record, build_batch, read_header, read_records
from message_queues.storage.data_directory import DataDirectory
from message_queues.storage.journal import Journal


def run_now(work: Callable[[], None], done: Callable[[], None]) -> None:
    work()
    done()


class SlowDisk:
    """What goes to another thread waits here until it is told to run."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []

    def run_in_background(self, work: Callable[[], None], done: Callable[[], None]) -> None:
        self.waiting.append((work, done))

    async def work(self) -> int:
        """Until there is nothing to do; returns how many times it was asked."""
        times = 0
        await asyncio.sleep(0)
        while self.waiting:
            work, done = self.waiting.pop(0)
            work()
            done()
            times += 1
            await asyncio.sleep(0)
        return times


class World:
    """Brokers one after the other, each on what the one before has left on the disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.numbers = itertools.count()
        self.place = self._next_place()
        self.data: DataDirectory
        self.broker: Broker

    def _next_place(self) -> Path:
        return self.directory / str(next(self.numbers))

    def open(self, node_ids: tuple[int, ...] = (0,), **config: str) -> Broker:
        self.data = DataDirectory(str(self.place))
        settings = BrokerSettings(node_ids, {name.replace("_", "."): value for name, value in config.items()})
        broker = Broker(self.data, settings, self.clock, Turn(asyncio.get_running_loop().call_soon, run_now))
        try:
            broker.open()
        except BaseException:
            self.data.close()
            raise
        self.broker = broker
        return broker

    def open_synced(self, disk: SlowDisk) -> Broker:
        """With fsync."""
        turn = Turn(asyncio.get_running_loop().call_soon, disk.run_in_background)
        broker = Broker(DataDirectory(str(self.place)), BrokerSettings(fsync=True), self.clock, turn)
        broker.open()
        return broker

    def crash(self) -> None:
        """The next broker finds what the operating system had been given at this moment; this one is forgotten."""
        left = self._next_place()
        shutil.copytree(self.place, left)
        self.place = left

    def crash_and_open(self, node_ids: tuple[int, ...] = (0,)) -> Broker:
        self.crash()
        return self.open(node_ids)


def in_a_world(tmp_path: Path, scenario: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        await scenario(World(tmp_path))

    asyncio.run(run())


def state(broker: Broker) -> list[bytes]:
    """All durable facts; in which order the topics and groups stand is none of them."""
    return sorted(map(encode_event, broker.state_events()))


async def append(broker: Broker, partition: Partition, value: bytes, sequence: int = -1, producer_id: int = -1) -> int:
    batch = build_batch(
        [Record(0, -1, None, value)], producer_id=producer_id, producer_epoch=0 if sequence >= 0 else -1, base_sequence=sequence
    )
    base_offset, _ = partition.append(batch, broker.clock.now_ms(), in_sync=True)
    broker.group_commit.add(partition)
    await broker.synced()
    return base_offset


def values(partition: Partition) -> list[bytes | None]:
    found: list[bytes | None] = []
    offset = partition.log.start_offset
    while data := partition.read(offset, 1 << 20, at_least_one=True):
        while data:
            header = read_header(data)
            found += [record.value for record in read_records(data[: header.size])]
            data, offset = data[header.size :], header.next_offset
    return found


async def join_and_sync(broker: Broker, group_id: str, instance_id: str | None = None) -> str:
    """A group of one member, in its first generation."""
    join = Join(group_id, "", instance_id, "client", "/10.0.0.7", 10_000, 10_000, "consumer", (("range", b""),), needs_member_id=False)
    member_ids: list[str] = []
    broker.groups.join(join, lambda answer: member_ids.append(getattr(answer, "member_id", repr(answer))))
    assert isinstance(broker.clock, ManualClock)
    advance(broker.clock, broker.timers, broker.clock.now_ms() + 3_000)
    (member_id,) = member_ids
    synced: list[object] = []
    broker.groups.sync(Sync(group_id, member_id, instance_id, 1, "consumer", "range", {member_id: b"mine"}), synced.append)
    await broker.synced()
    return member_id


def commit_offset(broker: Broker, group_id: str, topic: str, offset: int) -> None:
    broker.groups.offsets.commit(OffsetCommit(group_id, [(topic, [OffsetToCommit(0, offset, 0, f"at {offset}")])]))


async def create(broker: Broker) -> None:
    await broker.create_topic(TopicSpec("orders", 3, 1, configs={"retention.ms": "1000"}))


async def create_with_assignment(broker: Broker) -> None:
    await broker.create_topic(TopicSpec("assigned", assignments=[(0, [0]), (1, [0])]))


async def grow(broker: Broker) -> None:
    await broker.add_partitions("orders", 5, None)


async def configure(broker: Broker) -> None:
    await broker.alter_topic_configs("orders", {"retention.ms": None, "cleanup.policy": "compact", "segment.bytes": "1048576"})


async def configure_broker(broker: Broker) -> None:
    await broker.alter_broker_configs(None, {"log.retention.ms": "5000"})
    await broker.alter_broker_configs(0, {"message.max.bytes": "2000000"})


async def unconfigure_broker(broker: Broker) -> None:
    await broker.alter_broker_configs(0, {"message.max.bytes": None})


async def configure_group(broker: Broker) -> None:
    await broker.alter_group_configs("readers", {"consumer.session.timeout.ms": "50000"})


async def allocate(broker: Broker) -> None:
    for _ in range(3):
        broker.producer_ids.allocate()
    await broker.synced()


async def generation(broker: Broker) -> None:
    await join_and_sync(broker, "readers")


async def static_generation(broker: Broker) -> None:
    await join_and_sync(broker, "static", "instance-1")


async def offsets(broker: Broker) -> None:
    for number in range(3):
        commit_offset(broker, "simple", "orders", number)
        commit_offset(broker, f"other-{number}", "assigned", number)
    await broker.synced()


async def offsets_deleted(broker: Broker) -> None:
    broker.groups.offsets.delete("other-0", [("assigned", [0])])
    await broker.synced()


async def group_deleted(broker: Broker) -> None:
    broker.groups.delete("other-1")
    await broker.synced()


async def topic_deleted(broker: Broker) -> None:
    await broker.delete_topic(broker.topics.named("assigned").topic_id)


async def created_again(broker: Broker) -> None:
    await broker.create_topic(TopicSpec("assigned", 1, 1))


LIFE = [
    create,
    create_with_assignment,
    grow,
    configure,
    configure_broker,
    unconfigure_broker,
    configure_group,
    allocate,
    generation,
    static_generation,
    offsets,
    offsets_deleted,
    group_deleted,
    topic_deleted,
    created_again,
]
"""All that can happen to a broker, one after the other."""


def test_a_crash_after_anything_loses_nothing(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        for step in LIFE:
            await step(broker)
            before = state(broker)
            broker = world.crash_and_open()
            assert state(broker) == before, step.__name__
        assert [topic.name for topic in broker.topics] == ["orders", "assigned"]
        assert broker.topics.named("orders").config.segment_bytes == 1 << 20
        assert broker.config.int("log.retention.ms") == 5000
        assert broker.groups.offsets.of_group("simple")["orders"][0].metadata == "at 2"

    in_a_world(tmp_path, scenario)


def test_a_clean_stop_leaves_a_journal_that_tells_the_same(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        for step in LIFE:
            await step(broker)
        before = state(broker)
        broker.close()
        assert state(world.open()) == before

    in_a_world(tmp_path, scenario)


def test_a_snapshot_tells_what_all_events_told(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        broker.events_per_snapshot = 20
        chance = Random(7)
        for number in range(300):
            name = f"topic-{chance.randrange(10)}"
            match chance.randrange(5):
                case 0 if name not in broker.topics.by_name:
                    await broker.create_topic(TopicSpec(name, chance.randrange(1, 4), 1))
                case 1 if name in broker.topics.by_name:
                    await broker.alter_topic_configs(name, {"retention.ms": str(number)})
                case 2 if name in broker.topics.by_name and chance.random() < 0.3:
                    await broker.delete_topic(broker.topics.named(name).topic_id)
                case 3:
                    broker.producer_ids.allocate()
                case _:
                    commit_offset(broker, f"group-{chance.randrange(5)}", name, number)
        await broker.synced()
        before = state(broker)
        assert state(world.crash_and_open()) == before
        copy = World(tmp_path / "copy").open()
        for event in broker.state_events():
            copy.apply(event)
        assert state(copy) == before

    in_a_world(tmp_path, scenario)


def test_what_a_topic_lost_with_its_deletion_stays_lost(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        await broker.create_topic(TopicSpec("orders", 1, 1))
        await append(broker, broker.topics.partition("orders", 0), b"old")
        commit_offset(broker, "readers", "orders", 1)
        await broker.delete_topic(broker.topics.named("orders").topic_id)
        assert list((world.place / "topics").iterdir()) == []
        await broker.create_topic(TopicSpec("orders", 1, 1))
        for again in (broker, world.crash_and_open()):
            partition = again.topics.partition("orders", 0)
            assert (partition.log.start_offset, partition.log.end_offset) == (0, 0)
            assert again.groups.offsets.of_group("readers") == {}
        assert await append(again, partition, b"new") == 0
        assert values(partition) == [b"new"]

    in_a_world(tmp_path, scenario)


def test_files_of_a_topic_whose_deletion_was_interrupted_are_removed_and_nothing_else(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        await broker.create_topic(TopicSpec("orders", 1, 1))
        await append(broker, broker.topics.partition("orders", 0), b"kept")
        topics = world.place / "topics"
        (topics / ("ab" * 16) / "0").mkdir(parents=True)
        (topics / "lost+found").mkdir()
        (topics / "notes.txt").write_text("mine")
        broker = world.crash_and_open()
        left = {entry.name for entry in (world.place / "topics").iterdir()}
        assert left == {broker.topics.named("orders").topic_id.hex(), "lost+found", "notes.txt"}
        assert values(broker.topics.partition("orders", 0)) == [b"kept"]

    in_a_world(tmp_path, scenario)


def test_records_and_their_producers_are_there_again(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        await broker.create_topic(TopicSpec("orders", 1, 1))
        for sequence in range(3):
            assert await append(broker, broker.topics.partition("orders", 0), b"%d" % sequence, sequence, producer_id=7) == sequence
            broker = world.crash_and_open()
            partition = broker.topics.partition("orders", 0)
            assert values(partition) == [b"%d" % number for number in range(sequence + 1)]
            assert await append(broker, partition, b"%d" % sequence, sequence, producer_id=7) == sequence

    in_a_world(tmp_path, scenario)


def test_no_producer_id_is_handed_out_twice(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        handed_out = []
        for life in range(6):
            handed_out += [broker.producer_ids.allocate() for _ in range(600 * (life % 3) + 1)]
            await broker.synced()
            if life % 2:
                broker.close()
                broker = world.open()
            else:
                broker = world.crash_and_open()
        assert len(set(handed_out)) == len(handed_out)

    in_a_world(tmp_path, scenario)


def test_what_was_not_synced_when_it_crashed_never_was(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        broker.commit([broker.topics.decide_create(TopicSpec("orders", 1, 1))])
        with pytest.raises(TopicAlreadyExists):
            broker.topics.decide_create(TopicSpec("orders", 1, 1))
        broker = world.crash_and_open()
        with pytest.raises(UnknownTopicOrPartition):
            broker.topics.named("orders")

    in_a_world(tmp_path, scenario)


# What cannot be opened


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        await create(broker)
        broker.close()
        path = world.place / "journal.sqlite"
        content = bytearray(path.read_bytes())
        content[content.index(b"orders")] ^= 1
        path.write_bytes(bytes(content))
        with pytest.raises(DamagedFile, match=r"journal\.sqlite is damaged"):
            world.open()
        # And it can be tried again: the lock was given back.
        with pytest.raises(DamagedFile):
            world.open()

    in_a_world(tmp_path, scenario)


def test_an_event_that_nobody_knows_is_named(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        broker.close()
        journal = Journal(str(world.place / "journal.sqlite"))
        journal.append([b"\x81\xa4type\xa7Unknown"], 0)
        journal.close()
        with pytest.raises(DamagedFile, match="makes no sense"):
            world.open()

    in_a_world(tmp_path, scenario)


def test_a_lost_journal_takes_no_records_with_it(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        await create(broker)
        await append(broker, broker.topics.partition("orders", 0), b"precious")
        broker.close()
        for file in world.place.glob("journal.sqlite*"):
            file.unlink()
        with pytest.raises(DamagedFile, match="beside it lie the logs of 1 topics"):
            world.open()
        assert len(list((world.place / "topics").iterdir())) == 1

    in_a_world(tmp_path, scenario)


def test_a_data_directory_is_not_opened_without_the_nodes_that_its_partitions_are_on(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open(node_ids=(0, 1, 2))
        await broker.create_topic(TopicSpec("orders", 3, 1))
        before = state(broker)
        broker.close()
        with pytest.raises(MissingNodes, match=r"on the nodes 1, 2, .* start it with --brokers 3,") as refused:
            world.open()
        assert refused.value.node_ids == (1, 2)
        with pytest.raises(MissingNodes, match="--node-ids 0,1,2,5"):
            world.open(node_ids=(0, 5))
        assert state(world.open(node_ids=(0, 1, 2))) == before

    in_a_world(tmp_path, scenario)


def test_more_nodes_than_before_are_welcome(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        await create(world.open())
        broker = world.crash_and_open(node_ids=(0, 1, 2))
        await broker.create_topic(TopicSpec("replicated", 1, 3))
        assert broker.topics.partition("orders", 0).replicas.assigned == (0,)

    in_a_world(tmp_path, scenario)


# When the journal cannot be written


def test_nothing_is_promised_once_the_journal_could_not_be_written(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        broker = world.open()
        await create(broker)
        told: list[StorageError] = []
        broker.on_journal_failure = told.append
        with sqlite3.connect(world.place / "journal.sqlite") as vandal:
            vandal.execute("ALTER TABLE events RENAME TO vandalised")
        with pytest.raises(StorageError, match=r"journal\.sqlite"):
            await broker.create_topic(TopicSpec("lost", 1, 1))
        with sqlite3.connect(world.place / "journal.sqlite") as vandal:
            vandal.execute("ALTER TABLE vandalised RENAME TO events")
        # What comes later could build on what was lost.
        with pytest.raises(StorageError):
            await broker.add_partitions("orders", 7, None)
        with pytest.raises(StorageError):
            await broker.synced()
        assert len(told) == 1
        broker.close()
        assert [len(topic.partitions) for topic in world.open().topics] == [3]

    in_a_world(tmp_path, scenario)


# Synced


async def with_topic(world: World, disk: SlowDisk) -> tuple[Broker, Partition]:
    broker = world.open_synced(disk)
    creating = asyncio.ensure_future(broker.create_topic(TopicSpec("orders", 2, 1)))
    await asyncio.sleep(0)
    await disk.work()
    await creating
    return broker, broker.topics.partition("orders", 0)


def test_with_fsync_nothing_is_told_or_shown_before_it_is_synced(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        disk = SlowDisk()
        broker, partition = await with_topic(world, disk)
        appending = asyncio.ensure_future(append(broker, partition, b"a"))
        creating = asyncio.ensure_future(broker.create_topic(TopicSpec("another", 1, 1)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert (partition.log.flushed_offset, partition.high_watermark) == (1, 0)
        assert not appending.done()
        assert not creating.done()
        assert await disk.work() == 2  # the partition and the journal
        assert await appending == 0
        await creating
        assert values(partition) == [b"a"]
        broker.close()

    in_a_world(tmp_path, scenario)


def test_many_producers_share_a_sync_and_those_who_come_during_it_the_next(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        disk = SlowDisk()
        broker, partition = await with_topic(world, disk)
        first = [asyncio.ensure_future(append(broker, partition, b"%d" % number)) for number in range(50)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(disk.waiting) == 1
        second = [asyncio.ensure_future(append(broker, partition, b"later %d" % number)) for number in range(50)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(disk.waiting) == 1
        assert await disk.work() == 2
        assert sorted(await asyncio.gather(*first)) == list(range(50))
        assert sorted(await asyncio.gather(*second)) == list(range(50, 100))
        broker.close()

    in_a_world(tmp_path, scenario)


def test_a_topic_that_is_deleted_while_it_is_synced_holds_up_nobody(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        disk = SlowDisk()
        broker, partition = await with_topic(world, disk)
        appended = asyncio.ensure_future(append(broker, partition, b"a"))
        for _ in range(3):
            await asyncio.sleep(0)
        meanwhile = asyncio.ensure_future(append(broker, broker.topics.partition("orders", 1), b"b"))
        await asyncio.sleep(0)
        deleted = asyncio.ensure_future(broker.delete_topic(broker.topics.named("orders").topic_id))
        await asyncio.sleep(0)
        await disk.work()
        await asyncio.gather(appended, meanwhile, deleted)
        await disk.work()
        assert list((world.place / "topics").iterdir()) == []
        broker.close()

    in_a_world(tmp_path, scenario)
