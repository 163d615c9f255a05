import tracemalloc
from dataclasses import replace
from pathlib import Path

import google_crc32c
import pytest

from message_queues.errors import OffsetOutOfRange, StorageError
from message_queues.records.batch import BatchHeader, Record, build_batch, read_header, restamped
from message_queues.records.compression import GZIP, LZ4, SNAPPY, ZSTD
from message_queues.storage.filesystem import DiskFileSystem, FileSystem
from message_queues.storage.log import Log, LogSettings
from message_queues.storage.open_files import OpenFiles
from tests.storage.batches import DIRECTORY, NOW_MS, append, batch_at, fill, memory, open_log, read_all
from tests.storage.watched_files import WatchedFileSystem

SMALL = LogSettings(segment_bytes=2000, index_interval_bytes=300)
"""Eleven batches of one record make a segment, every third is in the index."""


def _log_files(file_system: FileSystem) -> list[str]:
    return [name for name in file_system.list_directory(DIRECTORY) if name.endswith(".log")]


# Appending and reading.


@pytest.mark.parametrize("settings", [LogSettings(), SMALL])
def test_what_was_appended_is_read_byte_for_byte(settings: LogSettings) -> None:
    log = open_log(memory(), settings)
    written = fill(log, 60, 3)
    assert (log.start_offset, log.end_offset, log.flushed_offset) == (0, 180, 180)
    assert log.size_bytes == len(written)
    for max_bytes in (0, 1, 500, 1 << 20):
        assert read_all(log, max_bytes=max_bytes) == written


def test_a_log_on_disk_is_the_same(tmp_path: Path) -> None:
    directory = str(tmp_path / "topic" / "0")
    log = Log.open(OpenFiles(DiskFileSystem(), 2), directory, SMALL, lambda _: None)
    written = fill(log, 60, 3)
    log.close(b"state")
    again = Log.open(OpenFiles(DiskFileSystem(), 2), directory, SMALL, lambda _: None)
    assert read_all(again) == written
    assert again.checkpoint_state == b"state"
    again.delete()
    assert not (tmp_path / "topic" / "0").exists()


def test_every_offset_of_a_batch_gives_the_whole_batch() -> None:
    log = open_log(memory(), SMALL)
    batches = {}
    for _ in range(40):
        offset = log.end_offset
        batches[offset] = append(log, 4)
        log.flush()
    for offset, batch in batches.items():
        for inside in range(4):
            assert log.read(offset + inside, len(batch)) == batch


def test_nothing_is_read_before_the_flush() -> None:
    log = open_log(memory())
    first = append(log)
    assert log.read(0, 1000) == b""
    log.flush()
    append(log)
    assert (log.end_offset, log.flushed_offset) == (2, 1)
    assert log.read(0, 1000) == first
    assert log.read(1, 1000) == b""


def test_the_end_is_empty_and_beyond_it_is_out_of_range() -> None:
    log = open_log(memory())
    assert log.read(0, 1000) == b""
    with pytest.raises(OffsetOutOfRange):
        log.read(1, 1000)
    with pytest.raises(OffsetOutOfRange):
        log.read(-1, 1000)
    fill(log, 3)
    assert log.read(3, 1000) == b""
    with pytest.raises(OffsetOutOfRange):
        log.read(4, 1000)


def test_a_first_batch_larger_than_asked_for_is_given_if_one_is_wanted() -> None:
    log = open_log(memory())
    batches = [append(log, size=size) for size in (5000, 10, 5000)]
    log.flush()
    for max_bytes in (0, 1, 60, 61, 4999):
        assert log.read(0, max_bytes) == batches[0]
        assert log.read(0, max_bytes, at_least_one=False) == b""
    assert log.read(0, len(batches[0]), at_least_one=False) == batches[0]
    assert log.read(0, len(batches[0]) + 20, at_least_one=False) == batches[0] + batches[1][:20]


def test_batches_of_one_turn_reach_the_file_in_one_write() -> None:
    file_system = memory()
    log = open_log(file_system)
    fill(log, 1)
    before = file_system.operations
    written = [append(log) for _ in range(50)]
    log.flush()
    assert file_system.operations == before + 1
    assert read_all(log, 1) == b"".join(written)
    log.flush()
    assert file_system.operations == before + 1


def test_a_flush_over_several_segments_keeps_the_order() -> None:
    log = open_log(memory(), SMALL)
    written = [append(log) for _ in range(50)]
    log.flush()
    assert read_all(log) == b"".join(written)
    assert len(log._segments) > 3


def test_a_log_without_files_touches_no_disk() -> None:
    watched = WatchedFileSystem(memory())
    log = open_log(watched)
    log.flush()
    log.sync()
    assert not log.checkpoint_is_due
    assert log.apply_retention(NOW_MS) == 0
    assert log.offset_for_timestamp(0) is None
    assert log.max_timestamp() is None
    log.close(b"state")
    assert watched.opened == []
    assert not watched.exists(DIRECTORY)


def test_the_number_of_open_files_is_bounded() -> None:
    open_files = OpenFiles(memory(), 4)
    log = Log.open(open_files, DIRECTORY, SMALL, lambda _: None)
    written = fill(log, 200)
    log.checkpoint(b"")
    assert read_all(log) == written
    assert len(open_files) <= 4


# Rolling.


def _bases(log: Log) -> list[int]:
    return [segment.base_offset for segment in log._segments]


def test_a_segment_is_rolled_before_it_would_be_too_large() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    fill(log, 30)
    assert len(_log_files(file_system)) == 3
    for name in _log_files(file_system):
        assert len(file_system.read(f"{DIRECTORY}/{name}")) <= 2000


def test_a_batch_larger_than_a_segment_has_one_of_its_own() -> None:
    log = open_log(memory(), SMALL)
    append(log)
    append(log, size=5000)
    append(log)
    assert _bases(log) == [0, 1, 2]


def test_a_segment_is_rolled_by_the_time_of_its_records() -> None:
    log = open_log(memory(), LogSettings(segment_ms=1000))
    append(log, timestamp=5000)
    append(log, timestamp=6000)
    append(log, timestamp=4000, now_ms=NOW_MS + 10_000)
    assert _bases(log) == [0]
    append(log, timestamp=6001)
    assert _bases(log) == [0, 3]


def test_a_segment_without_timestamps_is_rolled_by_the_clock() -> None:
    log = open_log(memory(), LogSettings(segment_ms=1000))
    append(log, timestamp=-1, now_ms=5000)
    append(log, timestamp=-1, now_ms=6000)
    assert _bases(log) == [0]
    append(log, timestamp=-1, now_ms=6001)
    assert _bases(log) == [0, 2]


def test_jitter_rolls_earlier_but_the_same_each_time() -> None:
    def rolled_at(jitter_ms: int) -> int:
        log = open_log(memory(), LogSettings(segment_ms=1000, segment_jitter_ms=jitter_ms))
        while len(_bases(log)) < 2:
            append(log, timestamp=log.end_offset)
        return _bases(log)[1]

    assert rolled_at(0) == 1001
    assert rolled_at(500) == rolled_at(500)
    assert 501 <= rolled_at(500) <= 1001


def test_a_full_index_rolls_the_segment() -> None:
    log = open_log(memory(), LogSettings(index_interval_bytes=0, segment_index_bytes=8 * 10))
    fill(log, 30)
    # The batch at the start of a segment has no entry.
    assert _bases(log) == [0, 11, 22]


def test_offsets_too_far_apart_roll_the_segment() -> None:
    log = open_log(memory())
    append(log)
    header = read_header(batch_at(1))._replace(last_offset_delta=2**31 - 2)
    log.append(header, (batch_at(1),), NOW_MS)
    assert _bases(log) == [0, 1]


def test_a_changed_setting_applies_at_once() -> None:
    log = open_log(memory(), LogSettings())
    fill(log, 5)
    log.settings = replace(log.settings, segment_bytes=100)
    fill(log, 2)
    assert _bases(log) == [0, 5, 6]
    log.settings = replace(log.settings, segment_bytes=10_000, segment_ms=1)
    append(log, timestamp=NOW_MS + 10_000)
    assert _bases(log)[-1] == 7


# Failing.


@pytest.mark.parametrize("room", [0, 1, 100, 250, 1999, 2100, 4000])
def test_a_flush_that_fails_leaves_nothing_of_itself(room: int) -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    written = fill(log, 7)
    for _ in range(3):
        file_system.space_left = room
        for _ in range(40):
            append(log, epoch=9)
        with pytest.raises(StorageError, match="No space"):
            log.flush()
        assert (log.end_offset, log.flushed_offset, log.size_bytes) == (7, 7, len(written))
        assert read_all(log) == written
        assert log.leader_epochs == [(0, 0)]
        assert len(_log_files(file_system)) == 1
    file_system.space_left = None
    written += fill(log, 40, 2)
    assert read_all(log) == written
    assert log.offset_for_timestamp(NOW_MS + 50) == (50, NOW_MS + 50)
    log.close(b"")
    assert read_all(open_log(file_system, SMALL)) == written


def test_a_log_whose_first_flush_fails_is_as_if_new() -> None:
    file_system = memory()
    file_system.space_left = 20
    log = open_log(file_system)
    append(log)
    with pytest.raises(StorageError):
        log.flush()
    assert log.end_offset == 0
    assert log.read(0, 100) == b""
    file_system.space_left = None
    written = fill(log, 3)
    assert read_all(log) == written


@pytest.mark.parametrize("size", [100, 1900])
def test_a_torn_tail_that_could_not_be_removed_goes_before_the_next_write(size: int) -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    written = fill(log, 3)
    file_system.space_left = 50
    file_system.truncation_fails = True
    for _ in range(2):
        append(log)
        with pytest.raises(StorageError):
            log.flush()
        assert read_all(log) == written
    file_system.space_left = None
    append(log)
    with pytest.raises(StorageError, match="Input/output"):
        log.flush()
    file_system.truncation_fails = False
    written += fill(log, 3, size=size)
    assert read_all(log) == written
    file_system.restart()
    again = open_log(file_system, SMALL)
    assert again.cut is None
    assert read_all(again) == written


def test_a_log_that_could_not_be_synced_never_claims_to_be() -> None:
    file_system = memory()
    log = open_log(file_system)
    written = fill(log, 3)
    file_system.syncing_fails = True
    with pytest.raises(StorageError, match="Input/output"):
        log.sync()
    file_system.syncing_fails = False
    for attempt in (log.sync, lambda: log.checkpoint(b"")):
        with pytest.raises(StorageError, match="could not be synced before"):
            attempt()
    assert read_all(log) == written
    assert read_all(open_log(file_system)) == written


def test_a_missing_file_is_a_storage_error() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL, limit=1)
    fill(log, 40)
    file_system.remove(f"{DIRECTORY}/{0:020d}.log")
    with pytest.raises(StorageError):
        log.read(0, 100)


# Timestamps.


def test_the_first_record_as_late_as_asked_for_is_found() -> None:
    log = open_log(memory(), SMALL)
    records: list[tuple[int, int]] = []
    for number in range(60):
        timestamp = NOW_MS + (number * 37) % 50 * 100
        records += [(log.end_offset + index, timestamp + index) for index in range(3)]
        append(log, 3, timestamp=timestamp)
        log.flush()
    for target in range(NOW_MS - 100, NOW_MS + 5200, 49):
        assert log.offset_for_timestamp(target) == next((r for r in records if r[1] >= target), None)
    latest = max(timestamp for _, timestamp in records)
    assert log.max_timestamp() == next(r for r in records if r[1] == latest)


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_timestamp_is_found_inside_a_compressed_batch(codec: int) -> None:
    log = open_log(memory())
    batch = build_batch([Record(n, 1000 + 10 * n, None, b"v") for n in range(10)], compression=codec)
    log.append(read_header(batch), (batch,), NOW_MS)
    log.flush()
    assert log.offset_for_timestamp(1045) == (5, 1050)
    assert log.max_timestamp() == (9, 1090)


def test_with_log_append_time_the_first_record_of_the_batch_is_found() -> None:
    log = open_log(memory())
    batch = restamped(batch_at(0, 5), log_append_time=777)
    log.append(read_header(batch), (batch,), NOW_MS)
    log.flush()
    assert log.offset_for_timestamp(700) == (0, 777)
    assert log.max_timestamp() == (0, 777)


def test_what_is_not_flushed_or_deleted_is_not_found() -> None:
    log = open_log(memory(), SMALL)
    fill(log, 20, 3)
    append(log, timestamp=NOW_MS * 2)
    assert log.offset_for_timestamp(NOW_MS + 1000) is None
    assert log.max_timestamp() == (59, NOW_MS + 59)
    log.flush()
    assert log.offset_for_timestamp(NOW_MS + 1000) == (60, NOW_MS * 2)
    log.delete_before(31)
    assert log.offset_for_timestamp(0) == (31, NOW_MS + 31)
    log.delete_before(61)
    assert log.offset_for_timestamp(0) is None
    assert log.max_timestamp() is None


def test_the_latest_timestamp_is_that_of_what_is_left() -> None:
    log = open_log(memory())
    for timestamp in (500, 900, 300, 700, 600):
        append(log, timestamp=timestamp)
    log.flush()
    assert log.max_timestamp() == (1, 900)
    log.delete_before(2)
    assert log.max_timestamp() == (3, 700)


def test_records_without_timestamps_are_not_found() -> None:
    log = open_log(memory())
    append(log, timestamp=-1)
    log.flush()
    assert log.max_timestamp() is None
    assert log.offset_for_timestamp(0) is None


def test_a_batch_of_garbage_with_a_right_checksum_counts_as_a_whole() -> None:
    log = open_log(memory())
    good = build_batch([Record(0, 10, None, b"v" * 50)], compression=ZSTD)
    bad = good[:70] + bytes(len(good) - 70)
    bad = bad[:17] + google_crc32c.value(bad[21:]).to_bytes(4) + bad[21:]
    log.append(read_header(bad), (bad,), NOW_MS)
    log.flush()
    assert log.offset_for_timestamp(5) == (0, 10)


# Forgetting.


def test_deleting_before_an_offset_survives_a_restart() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    written = fill(log, 50)
    log.checkpoint(b"state")
    log.delete_before(30)
    assert log.start_offset == 30
    with pytest.raises(OffsetOutOfRange):
        log.read(29, 100)
    assert written.endswith(read_all(log))
    assert _bases(log)[0] <= 30 < _bases(log)[1]
    file_system.crash()
    again = open_log(file_system, SMALL)
    assert (again.start_offset, again.end_offset, again.checkpoint_state) == (30, 50, b"state")
    assert read_all(again) == read_all(log)


def test_deleting_reaches_neither_back_nor_beyond_the_end() -> None:
    log = open_log(memory(), SMALL)
    fill(log, 50)
    log.delete_before(20)
    log.delete_before(10)
    assert log.start_offset == 20
    with pytest.raises(OffsetOutOfRange):
        log.delete_before(51)
    log.delete_before(50)
    assert log.read(50, 100) == b""
    fill(log, 1)
    assert len(log.read(50, 1000)) > 0


def test_files_above_the_recovery_point_go_after_the_next_checkpoint() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    fill(log, 50)
    log.delete_before(40)
    assert len(_log_files(file_system)) == 5
    file_system.restart()
    log = open_log(file_system, SMALL)
    assert (log.start_offset, log.end_offset) == (40, 50)
    assert log.apply_retention(NOW_MS) == 0
    log.checkpoint(b"")
    assert log.apply_retention(NOW_MS) > 0
    assert len(_log_files(file_system)) == 2


def test_expired_segments_go() -> None:
    file_system = memory()
    log = open_log(file_system, replace(SMALL, retention_ms=1000))
    fill(log, 50)
    log.checkpoint(b"")
    bases = _bases(log)
    sizes = [segment.flushed_size for segment in log._segments]
    latest_of_second = NOW_MS + bases[2] - 1
    assert log.apply_retention(latest_of_second + 1000) == sizes[0]
    assert log.start_offset == bases[1]
    assert log.apply_retention(latest_of_second + 1001) == sizes[1]
    assert log.start_offset == bases[2]
    assert len(_log_files(file_system)) == len(bases) - 2


def test_an_expired_active_segment_is_rolled_and_goes() -> None:
    file_system = memory()
    log = open_log(file_system, replace(SMALL, retention_ms=1000))
    fill(log, 50, epoch=3)
    size = log.size_bytes
    assert log.apply_retention(NOW_MS + 100_000, lambda: b"state") == size
    assert (log.start_offset, log.end_offset, log.size_bytes) == (50, 50, 0)
    assert _log_files(file_system) == []
    assert log.read(50, 100) == b""
    again = open_log(file_system, SMALL)
    assert (again.start_offset, again.end_offset, again.checkpoint_state) == (50, 50, b"state")
    written = fill(again, 3, epoch=4)
    assert read_all(again) == written
    again.close(b"")
    assert read_all(open_log(file_system, SMALL)) == written


def test_expired_data_is_out_of_reach_even_when_its_files_must_wait() -> None:
    file_system = memory()
    log = open_log(file_system, replace(SMALL, retention_ms=1000))
    fill(log, 50)
    assert log.apply_retention(NOW_MS + 100_000) == 0
    assert log.start_offset == 50
    fill(log, 1)
    log.checkpoint(b"")
    assert log.apply_retention(NOW_MS) > 0
    assert len(_log_files(file_system)) == 1


def test_a_young_record_keeps_its_segment_however_old_the_others_are() -> None:
    log = open_log(memory(), LogSettings(retention_ms=1000, segment_ms=2**60))
    append(log, timestamp=1)
    append(log, timestamp=NOW_MS)
    append(log, timestamp=2)
    log.flush()
    assert log.apply_retention(NOW_MS + 1000, bytes) == 0
    assert log.apply_retention(NOW_MS + 1001, bytes) > 0


def test_without_timestamps_the_age_of_the_segment_counts() -> None:
    log = open_log(memory(), LogSettings(retention_ms=1000))
    append(log, timestamp=-1, now_ms=NOW_MS)
    log.flush()
    assert log.apply_retention(NOW_MS + 1000, bytes) == 0
    assert log.apply_retention(NOW_MS + 1001, bytes) > 0


def test_what_is_too_much_goes_oldest_first() -> None:
    log = open_log(memory(), replace(SMALL, retention_bytes=5000))
    fill(log, 60)
    before = log.size_bytes
    given_back = log.apply_retention(NOW_MS, bytes)
    assert before - log.size_bytes == given_back > 0
    assert 5000 <= log.size_bytes < 5000 + 2000
    assert log.apply_retention(NOW_MS, bytes) == 0


def test_records_not_yet_written_are_not_deleted() -> None:
    log = open_log(memory(), LogSettings(retention_ms=0, retention_bytes=0))
    append(log, timestamp=1)
    assert log.apply_retention(NOW_MS, bytes) == 0
    log.flush()
    append(log, timestamp=1)
    assert log.apply_retention(NOW_MS, bytes) == 0
    log.flush()
    assert log.apply_retention(NOW_MS, bytes) > 0


def test_retention_leaves_it_to_the_owner_to_flush() -> None:
    file_system = memory()
    log = open_log(file_system, replace(SMALL, retention_bytes=1500))
    fill(log, 30)
    append(log)
    log.apply_retention(NOW_MS, bytes)
    assert (log.end_offset, log.flushed_offset) == (31, 30)
    file_system.space_left = 10
    with pytest.raises(StorageError):
        log.flush()


def test_leader_epochs_before_the_start_are_forgotten() -> None:
    log = open_log(memory(), SMALL)
    for epoch in range(5):
        fill(log, 10, epoch=epoch)
    assert log.leader_epochs == [(0, 0), (1, 10), (2, 20), (3, 30), (4, 40)]
    log.delete_before(25)
    assert log.leader_epochs == [(2, 20), (3, 30), (4, 40)]


def test_a_failed_checkpoint_leaves_the_one_before() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    fill(log, 30)
    log.checkpoint(b"first")
    written = read_all(log) + fill(log, 30)
    file_system.space_left = 10
    with pytest.raises(StorageError):
        log.checkpoint(b"second")
    with pytest.raises(StorageError):
        log.delete_before(20)
    assert (log.checkpoint_state, log.start_offset) == (b"first", 0)
    file_system.space_left = None
    assert read_all(log) == written
    log.checkpoint(b"third")
    again = open_log(file_system, SMALL)
    assert (again.checkpoint_state, read_all(again)) == (b"third", written)


# Checkpoints.


def test_a_checkpoint_is_due_after_so_many_bytes_or_a_finished_segment() -> None:
    log = open_log(memory(), LogSettings(checkpoint_bytes=1000, segment_bytes=5000))
    due = []
    for _ in range(30):
        fill(log, 1)
        due.append(log.checkpoint_is_due)
        if due[-1]:
            log.checkpoint(b"")
            assert not log.checkpoint_is_due
    assert due.count(True) == 30 // 6
    fill(log, 3, size=2000)
    assert log.checkpoint_is_due


def test_appending_goes_on_while_a_checkpoint_is_written() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    written = fill(log, 30)
    write, finish = log.begin_checkpoint(b"thirty")
    written += fill(log, 30)
    write()
    written += fill(log, 30)
    finish()
    file_system.restart()
    recovered: list[BatchHeader] = []
    again = open_log(file_system, SMALL, recovered)
    assert again.checkpoint_state == b"thirty"
    assert [header.base_offset for header in recovered] == list(range(30, 90))
    assert read_all(again) == written


def test_a_checkpoint_that_retention_has_overtaken_is_left_undone() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    fill(log, 30)
    log.checkpoint(b"first")
    fill(log, 30)
    write, finish = log.begin_checkpoint(b"late")
    log.delete_before(25)
    write()
    finish()
    again = open_log(file_system, SMALL)
    assert (again.start_offset, again.end_offset, again.checkpoint_state) == (25, 60, b"first")


def test_a_sync_skips_files_that_retention_has_removed() -> None:
    log = open_log(memory(), SMALL)
    fill(log, 30)
    sync = log.begin_sync()
    log.apply_retention(NOW_MS)
    log.settings = replace(SMALL, retention_bytes=0)
    log.apply_retention(NOW_MS, bytes)
    sync()


def test_closing_twice_writes_one_checkpoint() -> None:
    file_system = memory()
    log = open_log(file_system)
    fill(log, 3)
    log.close(b"state")
    before = file_system.operations
    open_log(file_system).close(b"state")
    assert file_system.operations == before


def test_ten_thousand_logs_are_cheap() -> None:
    open_files = OpenFiles(memory(), 10)
    settings = LogSettings()
    directories = [f"/data/topics/t/{number}" for number in range(10_000)]
    tracemalloc.start()
    logs = [Log.open(open_files, directory, settings, lambda _: None) for directory in directories]
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / len(logs) < 1000
