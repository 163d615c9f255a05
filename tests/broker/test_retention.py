"""The sweep over all partitions, driven by a clock that is set by hand."""

import logging
from collections.abc import Callable

import pytest

from message_queues.broker.clock import ManualClock, Timers, advance
from message_queues.broker.cluster.replicas import Replicas
from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.configs.topic_configs import TopicConfig
from message_queues.broker.logs.partition import LogHome, Partition
from message_queues.broker.retention import PARTITIONS_AT_A_TIME, RetentionSweep
from message_queues.errors import OutOfOrderSequence
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.open_files import OpenFiles
from tests.broker.logs.test_partition import NOW_MS, batch

CHECK_MS = 300_000
DAY_MS = 86_400_000


class World:
    def __init__(self, partitions: int = 1, config: BrokerConfig | None = None, **configs: str) -> None:
        self.clock = ManualClock(NOW_MS)
        self.timers = Timers(self.clock)
        self.files = MemoryFileSystem()
        config = config or BrokerConfig()
        topic = TopicConfig({name.replace("_", "."): value for name, value in configs.items()}, config)
        home = LogHome(OpenFiles(self.files, 64), run_now)
        self.partitions = [Partition("orders", index, Replicas([0]), topic, home, f"/orders/{index}") for index in range(partitions)]
        self.sweep = RetentionSweep(self.timers, config, lambda: iter(self.partitions))
        self.sweep.start()

    def append(self, partition: int = 0, *, value: bytes = b"x", sequence: int = -1) -> int:
        to = self.partitions[partition]
        now_ms = self.clock.now_ms()
        base_offset, _ = to.append(batch(value, timestamp=now_ms, sequence=sequence), now_ms, in_sync=False)
        to.flush()
        to.committed()
        return base_offset

    def pass_ms(self, ms: int) -> None:
        advance(self.clock, self.timers, self.clock.now_ms() + ms)

    def offsets(self, partition: int = 0) -> tuple[int, int]:
        log = self.partitions[partition].log
        return log.start_offset, log.end_offset


def run_now(work: Callable[[], None], done: Callable[[], None]) -> None:
    work()
    done()


def test_records_older_than_retention_ms_go_at_the_next_check() -> None:
    world = World(retention_ms=str(DAY_MS))
    world.append()
    world.pass_ms(DAY_MS - CHECK_MS)
    assert world.offsets() == (0, 1)
    world.pass_ms(2 * CHECK_MS)
    assert world.offsets() == (1, 1)
    assert world.partitions[0].log.size_bytes == 0
    assert world.append() == 1


def test_segments_beyond_retention_bytes_go_and_the_newest_stay() -> None:
    world = World(retention_bytes="3000000", segment_bytes="1048576")
    for _ in range(8):
        world.append(value=b"x" * 900_000)
    world.pass_ms(CHECK_MS)
    start, end = world.offsets()
    assert end == 8
    assert 3_000_000 <= world.partitions[0].log.size_bytes < 4_000_000
    assert start == 4


def test_nothing_goes_from_a_topic_that_is_only_compacted() -> None:
    world = World(cleanup_policy="compact", retention_ms="1")
    world.append()
    world.pass_ms(DAY_MS)
    assert world.offsets() == (0, 1)


def test_a_check_takes_a_few_partitions_at_a_time_and_comes_to_all() -> None:
    world = World(partitions=3 * PARTITIONS_AT_A_TIME + 1, retention_ms="1000")
    for index in range(len(world.partitions)):
        world.append(index)
    world.clock.set(NOW_MS + CHECK_MS)
    fired = 0
    while world.timers.fire_due():
        fired += 1
        cleaned = sum(world.offsets(index) == (1, 1) for index in range(len(world.partitions)))
        assert cleaned <= fired * PARTITIONS_AT_A_TIME
    assert cleaned == len(world.partitions)


def test_a_partition_that_is_offline_or_deleted_holds_up_no_other_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World(partitions=3, retention_ms="1000")
    for index in range(3):
        world.append(index)
    world.partitions[0].discard()
    world.partitions[1].close()
    world.files.flip("/orders/1/checkpoint", 20)
    with caplog.at_level(logging.WARNING):
        world.pass_ms(3 * CHECK_MS)
    assert world.offsets(2) == (1, 1)
    assert [record.message for record in caplog.records] == ["partition is offline", "retention skipped"]


def test_a_check_interval_that_is_configured_counts() -> None:
    world = World(config=BrokerConfig({"log.retention.check.interval.ms": "10"}), retention_ms="100")
    world.append()
    world.pass_ms(150)
    assert world.offsets() == (1, 1)


def test_a_producer_that_was_not_seen_for_producer_id_expiration_ms_may_start_anywhere() -> None:
    world = World()
    world.append(sequence=0)
    world.pass_ms(DAY_MS // 2)
    with pytest.raises(OutOfOrderSequence):
        world.append(sequence=5)
    world.pass_ms(DAY_MS)
    # Where in its sequence it is, nobody remembers.
    assert world.partitions[0].producers.by_id == {}
