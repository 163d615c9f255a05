from collections.abc import Callable

import pytest

from message_queues.broker.clock import ManualClock, Timers
from message_queues.broker.cluster.replicas import Replicas
from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.configs.topic_configs import TopicConfig
from message_queues.broker.logs.partition import LogHome, Partition
from message_queues.broker.waiters import Waiter
from message_queues.errors import (
    CorruptMessage,
    DamagedFile,
    InvalidRecord,
    InvalidTimestamp,
    MessageQueuesError,
    MessageTooLarge,
    NotEnoughReplicas,
    OffsetOutOfRange,
    OutOfOrderSequence,
    RecordListTooLarge,
    StorageError,
)
from message_queues.records.batch import Record, build_batch, read_header, read_records
from message_queues.records.compression import GZIP, ZSTD
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.open_files import OpenFiles

NOW_MS = 1_700_000_000_000


class World:
    """One partition over a file system in memory; whatever it gives to another thread is done at once."""

    def __init__(self, **configs: str) -> None:
        self.files = MemoryFileSystem()
        self.configs = {name.replace("_", "."): value for name, value in configs.items()}
        self.partition = self.opened()

    def opened(self) -> Partition:
        def run_at_once(work: Callable[[], None], done: Callable[[], None]) -> None:
            work()
            done()

        config = TopicConfig(self.configs, BrokerConfig())
        return Partition("orders", 3, Replicas([0]), config, LogHome(OpenFiles(self.files, 16), run_at_once), "/data/orders/3")

    def restarted(self) -> Partition:
        self.files.restart()
        self.partition = self.opened()
        return self.partition

    def append(self, batch: bytes, *, in_sync: bool = False) -> int:
        base_offset, _ = self.partition.append(batch, NOW_MS, in_sync=in_sync)
        self.partition.flush()
        self.partition.committed()
        return base_offset


def batch(*values: bytes | None, key: bytes | None = b"k", timestamp: int = NOW_MS, compression: int = 0, sequence: int = -1) -> bytes:
    records = [Record(offset, timestamp, key, value, ()) for offset, value in enumerate(values)]
    if sequence < 0:
        return build_batch(records, compression=compression)
    return build_batch(records, compression=compression, producer_id=9, producer_epoch=0, base_sequence=sequence)


def read_values(partition: Partition, offset: int = 0) -> list[bytes | None]:
    data = partition.read(offset, 1 << 20, at_least_one=True)
    values: list[bytes | None] = []
    while data:
        header = read_header(data)
        values += [record.value for record in read_records(data[: header.size]) if record.offset >= offset]
        data = data[header.size :]
    return values


def test_a_batch_gets_its_offsets_and_comes_back_as_it_was_sent() -> None:
    world = World()
    sent = batch(b"a", b"b")
    assert world.append(sent) == 0
    assert world.append(sent) == 2
    served = world.partition.read(2, 1 << 20, at_least_one=True)
    assert served[16:] == sent[16:]
    assert read_header(served).base_offset == 2
    assert world.partition.high_watermark == 4


def test_nobody_reads_what_is_not_in_the_file_yet() -> None:
    world = World()
    world.append(batch(b"a"))
    world.partition.append(batch(b"b"), NOW_MS, in_sync=False)
    assert read_values(world.partition) == [b"a"]
    assert world.partition.read(1, 1 << 20, at_least_one=True) == b""


def test_a_reader_that_waits_is_woken_once_enough_bytes_are_committed() -> None:
    world = World()
    timers = Timers(ManualClock())
    woken: list[bool] = []
    Waiter([world.partition.waiters], 100, timers, 1000, lambda: woken.append(True))
    world.append(batch(b"a"))
    assert woken == []
    world.append(batch(b"b" * 100))
    assert woken == [True]


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (b"", InvalidRecord),
        (batch(b"a")[:40], InvalidRecord),
        (batch(b"a")[:-1], InvalidRecord),
        (batch(b"a")[:11] + b"\x05" + batch(b"a")[12:], CorruptMessage),
        (batch(b"a")[:16] + b"\x03" + batch(b"a")[17:], CorruptMessage),
        (batch(b"a") + b"x", InvalidRecord),
        (batch(b"a")[:-1] + b"\xff", CorruptMessage),
        (batch(b"a")[:16] + b"\x01" + batch(b"a")[17:], InvalidRecord),
        (b"\0\0\0\0\0\0\0\x01" + batch(b"a")[8:], InvalidRecord),
        (build_batch([Record(0, NOW_MS, b"k", b"v", ())], is_control=True), InvalidRecord),
    ],
)
def test_a_batch_that_is_not_right_is_refused_and_leaves_nothing(broken: bytes, error: type[MessageQueuesError]) -> None:
    world = World()
    with pytest.raises(error):
        world.append(broken)
    assert world.append(batch(b"good")) == 0


def test_a_batch_over_max_message_bytes_or_the_segment_is_refused() -> None:
    with pytest.raises(MessageTooLarge, match="exceeds the maximum configured value of 100"):
        World(max_message_bytes="100").append(batch(b"x" * 100))
    with pytest.raises(RecordListTooLarge):
        World(segment_bytes=str(1 << 20), max_message_bytes=str(4 << 20)).append(batch(b"x" * (2 << 20)))


def test_too_few_replicas_in_sync_refuse_acks_all_only() -> None:
    world = World(min_insync_replicas="2")
    world.partition.replicas = Replicas([0, 1, 2])
    world.partition.replicas.in_sync = (0,)
    with pytest.raises(NotEnoughReplicas, match=r"current ISR : 1 is insufficient to satisfy the min\.isr requirement of 2"):
        world.append(batch(b"a"), in_sync=True)
    assert world.append(batch(b"a")) == 0


def test_min_insync_replicas_asks_for_no_more_than_there_are() -> None:
    assert World(min_insync_replicas="2").append(batch(b"a"), in_sync=True) == 0


def test_a_compacted_topic_refuses_records_without_a_key_and_names_each() -> None:
    with pytest.raises(InvalidRecord) as refused:
        World(cleanup_policy="compact").append(batch(b"a", b"b", key=None))
    assert [index for index, _ in refused.value.record_errors] == [0, 1]
    assert "Compacted topic cannot accept message without key in topic partition orders-3" in refused.value.record_errors[0][1]


def test_timestamps_out_of_range_are_refused_record_by_record() -> None:
    with pytest.raises(InvalidTimestamp) as too_late:
        World().append(batch(b"a", timestamp=NOW_MS + 3_600_001))
    assert "is out of range" in too_late.value.record_errors[0][1]
    with pytest.raises(InvalidTimestamp):
        World(message_timestamp_before_max_ms="1000").append(batch(b"a", timestamp=NOW_MS - 1001))


def test_log_append_time_is_stamped_and_told() -> None:
    world = World(message_timestamp_type="LogAppendTime")
    assert world.partition.append(batch(b"a", timestamp=5), NOW_MS, in_sync=False) == (0, NOW_MS)
    world.partition.flush()
    world.partition.committed()
    served = world.partition.read(0, 1 << 20, at_least_one=True)
    assert read_header(served).is_log_append_time
    assert read_records(served)[0].timestamp == NOW_MS


@pytest.mark.parametrize(("wanted", "codec"), [("gzip", GZIP), ("zstd", ZSTD), ("uncompressed", 0)])
def test_compression_type_recompresses_and_producer_keeps(wanted: str, codec: int) -> None:
    world = World(compression_type=wanted)
    world.append(batch(b"a" * 1000, compression=1 if codec != 1 else 4))
    served = world.partition.read(0, 1 << 20, at_least_one=True)
    assert read_header(served).compression == codec
    assert read_records(served)[0].value == b"a" * 1000


def test_a_batch_of_an_idempotent_producer_is_appended_once_also_after_a_restart() -> None:
    world = World()
    assert world.append(batch(b"a", sequence=0)) == 0
    assert world.append(batch(b"a", sequence=0)) == 0
    world.restarted()
    assert world.append(batch(b"a", sequence=0)) == 0
    assert world.append(batch(b"b", sequence=1)) == 1
    with pytest.raises(OutOfOrderSequence):
        world.append(batch(b"d", sequence=3))


def test_producers_survive_a_checkpoint_and_a_clean_stop() -> None:
    world = World()
    world.append(batch(b"a", sequence=0))
    world.partition.close()
    world.restarted()
    assert world.append(batch(b"a", sequence=0)) == 0


def test_a_full_disk_takes_the_batch_and_its_sequence_back() -> None:
    world = World()
    world.append(batch(b"a", sequence=0))
    world.files.space_left = 10
    world.partition.append(batch(b"b", sequence=1), NOW_MS, in_sync=False)
    with pytest.raises(StorageError):
        world.partition.flush()
    world.files.space_left = 1 << 20
    assert world.append(batch(b"b", sequence=1)) == 1
    assert read_values(world.partition) == [b"a", b"b"]


def test_offsets_outside_of_the_log_are_out_of_range() -> None:
    world = World()
    world.append(batch(b"a"))
    for offset in (-1, 2):
        with pytest.raises(OffsetOutOfRange):
            world.partition.read(offset, 100, at_least_one=True)


def test_deleted_records_are_gone_for_good_and_minus_one_deletes_all() -> None:
    world = World()
    for value in (b"a", b"b", b"c"):
        world.append(batch(value))
    assert world.partition.delete_records(1) == 1
    with pytest.raises(OffsetOutOfRange):
        world.partition.read(0, 100, at_least_one=True)
    assert world.partition.delete_records(0) == 1
    assert world.restarted().log.start_offset == 1
    assert world.partition.delete_records(-1) == 3
    with pytest.raises(OffsetOutOfRange):
        world.partition.delete_records(4)


def test_a_damaged_log_is_offline_and_says_where() -> None:
    world = World()
    world.append(batch(b"a"))
    world.partition.close()
    world.files.flip("/data/orders/3/checkpoint", 20)
    with pytest.raises(DamagedFile, match="/data/orders/3/checkpoint is damaged"):
        world.restarted().read(0, 100, at_least_one=True)
    with pytest.raises(DamagedFile):
        world.append(batch(b"b"))


def test_readers_that_wait_are_told_when_the_topic_is_deleted() -> None:
    world = World()
    woken: list[bool] = []
    Waiter([world.partition.waiters], 100, Timers(ManualClock()), 1000, lambda: woken.append(True))
    world.partition.discard()
    assert woken == [True]
