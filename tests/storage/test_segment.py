from collections.abc import Callable

import pytest

from message_queues.errors import DamagedFile
from message_queues.records.batch import read_header
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.log import LogSettings
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.segment import Segment
from tests.storage.batches import NOW_MS, batch_at, fill, memory, open_log, read_all
from tests.storage.watched_files import WatchedFileSystem

SMALL = LogSettings(segment_bytes=2000, index_interval_bytes=300)
"""Every third batch is in the index."""
DIRECTORY = "/data/topics"


def _segment(count: int, base_offset: int = 0) -> tuple[OpenFiles, Segment, list[bytes]]:
    """A segment of `count` batches of two records, taken in as recovery does it."""
    open_files = OpenFiles(memory(), 2)
    segment = Segment(DIRECTORY, base_offset, NOW_MS)
    batches = [batch_at(base_offset + 2 * number, 2) for number in range(count)]
    open_files.get(segment.path, create=True).append(batches)
    for header, position in segment.batches_in_file(open_files, 0, base_offset):
        segment.note_batch(header, position, 300)
    return open_files, segment, batches


def test_the_files_are_named_by_the_base_offset() -> None:
    assert Segment("/d", 1234, 0).paths == (
        "/d/00000000000000001234.log",
        "/d/00000000000000001234.index",
        "/d/00000000000000001234.timeindex",
    )


def test_each_offset_is_located_at_its_batch() -> None:
    open_files, segment, batches = _segment(20, base_offset=500)
    size = len(batches[0])
    assert segment.size == segment.flushed_size == 20 * size
    for number in range(20):
        for offset in (500 + 2 * number, 501 + 2 * number):
            assert segment.locate(open_files, offset, 300) == number * size


def test_a_segment_is_what_its_facts_say() -> None:
    open_files, segment, _ = _segment(20)
    assert segment.index is not None
    segment.index.write(open_files)
    again = Segment.from_facts(DIRECTORY, segment.facts())
    assert again.facts() == segment.facts()
    assert (again.flushed_max_timestamp, again.flushed_max_timestamp_offset) == (NOW_MS + 39, 38)
    assert again.locate(open_files, 31, 300) == segment.locate(open_files, 31, 300)
    assert again.offset_before(open_files, NOW_MS + 20, 300) == segment.offset_before(open_files, NOW_MS + 20, 300) <= 20


def test_what_was_checked_is_trusted_from_then_on() -> None:
    open_files, segment, batches = _segment(10)
    size = len(batches[0])
    again = Segment.from_facts(DIRECTORY, segment.facts())
    data = b"".join(batches)

    def check(start: int, end: int) -> None:
        again.check(data[start * size : end * size], start * size, lambda _: (0, 2**63))

    assert not again.is_trusted(0, size)
    check(0, 2)
    assert again.is_trusted(0, 2 * size)
    assert not again.is_trusted(0, 2 * size + 1)
    check(2, 4)
    check(3, 6)
    assert again.is_trusted(0, 6 * size)
    check(8, 9)
    assert again.is_trusted(8 * size, 9 * size)
    again.trusted_from = 9 * size
    check(8, 9)
    assert again.is_trusted(8 * size, 10**9)
    assert len(open_files) > 0


def test_a_batch_cut_at_the_end_is_left_out_when_it_cannot_be_checked() -> None:
    _, segment, batches = _segment(3)
    data = b"".join(batches)
    for cut in range(1, len(batches[0])):
        assert segment.check(data[:-cut], 0, lambda _: (0, 2**63)) == data[: 2 * len(batches[0])]


def test_another_leader_epoch_than_noted_is_damage() -> None:
    _, segment, batches = _segment(3)
    assert segment.check(batches[0], 0, lambda _: (0, 2**63)) == batches[0]
    with pytest.raises(DamagedFile, match="the leader epoch is 0, not 3"):
        segment.check(b"".join(batches), 0, lambda offset: (0, 2) if offset < 2 else (3, 2**63))


def test_batches_end_at_the_first_that_is_not_valid() -> None:
    open_files, segment, _batches = _segment(5)
    open_files.get(segment.path).append([batch_at(99)])
    with pytest.raises(DamagedFile, match="the base offset is 99, not 10") as raised:
        list(segment.batches_in_file(open_files, 0, 0))
    assert raised.value.position == segment.size
    assert [header.base_offset for header, _ in segment.batches(open_files, 0, 0)] == [0, 2, 4, 6, 8]


def test_a_batch_larger_than_what_is_read_at_once() -> None:
    open_files = OpenFiles(memory(), 2)
    segment = Segment(DIRECTORY, 0, NOW_MS)
    batches = [batch_at(0), batch_at(1, size=100_000), batch_at(2), batch_at(3, size=3_000_000), batch_at(4)]
    open_files.get(segment.path, create=True).append(batches)
    assert [header for header, _ in segment.batches_in_file(open_files, 0, 0)] == [read_header(batch) for batch in batches]


INDEX_DAMAGE: list[Callable[[MemoryFileSystem, str], None]] = [
    lambda file_system, path: file_system.remove(path),
    lambda file_system, path: file_system.open(path).truncate(0),
    lambda file_system, path: file_system.open(path).truncate(13),
    lambda file_system, path: file_system.flip(path, 3),
    lambda file_system, path: file_system.flip(path, 7),
    lambda file_system, path: file_system.flip(path, 14, 0x01),
    lambda file_system, path: _zero(file_system, path),
    lambda file_system, path: file_system.open(path).append([b"\xff" * 100]),
]


def _zero(file_system: MemoryFileSystem, path: str) -> None:
    file = file_system.open(path)
    size = file.size
    file.truncate(0)
    file.append([bytes(size)])


@pytest.mark.parametrize("damage", range(len(INDEX_DAMAGE)))
@pytest.mark.parametrize("ending", ["index", "timeindex"])
def test_an_index_that_is_missing_or_wrong_is_made_again(damage: int, ending: str) -> None:
    file_system = memory()
    settings = LogSettings(segment_bytes=10_000, index_interval_bytes=300)
    log = open_log(file_system, settings)
    written = fill(log, 100)
    log.close(b"")
    for segment in log._segments:
        INDEX_DAMAGE[damage](file_system, f"{segment.index_path}.{ending}")
    again = open_log(file_system, settings)
    assert again.offset_for_timestamp(NOW_MS + 42) == (42, NOW_MS + 42)
    assert [read_header(again.read(offset, 1)).base_offset for offset in range(100)] == list(range(100))
    assert [again.offset_for_timestamp(NOW_MS + offset) for offset in range(100)] == [(n, NOW_MS + n) for n in range(100)]
    written += fill(again, 100)
    again.close(b"")
    last = open_log(file_system, settings)
    assert read_all(last) == written
    assert [last.offset_for_timestamp(NOW_MS + offset) for offset in range(200)] == [(n, NOW_MS + n) for n in range(200)]


def test_cold_data_is_read_without_reading_the_file() -> None:
    watched = WatchedFileSystem(memory())
    log = open_log(watched)
    fill(log, 3000)
    log.close(b"")
    again = open_log(watched)
    del watched.reads[:]
    batch = again.read(1500, 1)
    assert read_header(batch).base_offset == 1500
    assert again.offset_for_timestamp(NOW_MS + 2000) == (2000, NOW_MS + 2000)
    assert sum(watched.reads) < 350_000
    assert again._segments[0].flushed_size > 500_000


def test_what_another_process_wrote_is_checked_once() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    written = fill(log, 100)
    log.close(b"")
    again = open_log(file_system, SMALL)
    assert read_all(again) == written
    path = again._segments[2].path
    file_system.flip(path, 100)
    assert read_all(again) != written
    with pytest.raises(DamagedFile, match="checksum") as raised:
        read_all(open_log(file_system, SMALL))
    assert (raised.value.path, raised.value.position) == (path, 0)
