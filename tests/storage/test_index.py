import random
from bisect import bisect_left, bisect_right

import pytest

from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.index import IndexIsWrong, SparseIndex
from message_queues.storage.open_files import OpenFiles
from tests.storage.watched_files import WatchedFileSystem

PATH = "/d/00000000000000000000"


def _open_files() -> OpenFiles:
    file_system = MemoryFileSystem()
    file_system.make_directories("/d")
    return OpenFiles(file_system, 4)


def _entries(seed: int, count: int) -> list[tuple[int, int, int]]:
    chance = random.Random(seed)
    entries, offset, position, timestamp = [], 0, 0, 1000
    for _ in range(count):
        offset += chance.randint(1, 50)
        position += chance.randint(4097, 9000)
        timestamp += chance.choice([0, 0, 1, 1000])
        entries.append((offset, position, timestamp))
    return entries


def _check(index: SparseIndex, open_files: OpenFiles, entries: list[tuple[int, int, int]]) -> None:
    offsets = [entry[0] for entry in entries]
    for target in sorted({0, 10**6, *(offset + d for offset in offsets for d in (-1, 0, 1))}):
        at = bisect_right(offsets, target)
        assert index.entry_for_offset(open_files, target) == (entries[at - 1][:2] if at else (0, 0))
    timestamps = [entry[2] for entry in entries]
    for target in sorted({0, 10**9, *(timestamp + d for timestamp in timestamps for d in (-1, 0, 1))}):
        found = index.offset_before_timestamp(open_files, target)
        at = bisect_left(timestamps, target)
        # Only the first of entries with the same timestamp is listed, so an earlier one may be found: too early is never wrong.
        assert found in ([-1] if not at else [entry[0] for entry in entries[:at] if entry[2] == timestamps[at - 1]])


@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 129, 1000])
@pytest.mark.parametrize("writes", [0, 1, 5])
def test_the_last_entry_before_is_found_in_memory_and_in_the_files(count: int, writes: int) -> None:
    open_files = _open_files()
    index = SparseIndex(PATH)
    entries = _entries(count, count)
    for number, entry in enumerate(entries):
        index.add(*entry)
        if writes and number % (count // writes + 1) == count // writes:
            index.write(open_files)
    _check(index, open_files, entries)
    if writes:
        index.write(open_files)
        assert len(index) == index.offset_entries == count
        _check(SparseIndex(PATH, index.offset_entries, index.time_entries), open_files, entries)


def test_the_files_have_the_bytes_that_are_written_down() -> None:
    open_files = _open_files()
    index = SparseIndex(PATH)
    index.add(5, 4200, 77)
    index.write(open_files)
    assert open_files.file_system.read(PATH + ".index").hex() == "00000005" + "00001068"
    assert open_files.file_system.read(PATH + ".timeindex").hex() == "000000000000004d" + "00000005" + "34f31162"


def test_entries_taken_back_are_gone() -> None:
    open_files = _open_files()
    index = SparseIndex(PATH)
    entries = _entries(1, 20)
    for entry in entries[:10]:
        index.add(*entry)
    index.write(open_files)
    for entry in entries[10:]:
        index.add(*entry)
    index.take_back(entries[15][0])
    _check(index, open_files, entries[:15])
    index.take_back(entries[10][0])
    index.write(open_files)
    _check(index, open_files, entries[:10])
    assert len(index) == 10


def test_what_an_earlier_life_left_at_the_end_is_overwritten() -> None:
    open_files = _open_files()
    entries = _entries(2, 30)
    index = SparseIndex(PATH)
    for entry in entries[:20]:
        index.add(*entry)
    index.write(open_files)
    times = len({entry[2] for entry in entries[:10]})
    again = SparseIndex(PATH, 10, times)
    for offset, position, timestamp in entries[20:]:
        again.add(offset, position, timestamp)
    again.write(open_files)
    _check(again, open_files, entries[:10] + entries[20:])


def test_a_missing_or_short_file_is_noticed() -> None:
    open_files = _open_files()
    index = SparseIndex(PATH, 3, 3)
    with pytest.raises(IndexIsWrong):
        index.entry_for_offset(open_files, 5)
    with pytest.raises(IndexIsWrong):
        index.offset_before_timestamp(open_files, 5)
    open_files.get(PATH + ".index", create=True).append([bytes(16)])
    with pytest.raises(IndexIsWrong):
        index.entry_for_offset(open_files, 5)


def test_an_entry_at_position_0_is_wrong() -> None:
    open_files = _open_files()
    open_files.get(PATH + ".index", create=True).append([bytes(80)])
    with pytest.raises(IndexIsWrong):
        SparseIndex(PATH, 10, 0).entry_for_offset(open_files, 5)


def test_a_damaged_time_entry_is_never_used() -> None:
    open_files = _open_files()
    entries = [(offset, offset * 5000, offset * 10) for offset in range(1, 40)]
    index = SparseIndex(PATH)
    for entry in entries:
        index.add(*entry)
    index.write(open_files)
    file_system = open_files.file_system
    assert isinstance(file_system, MemoryFileSystem)
    for position in range(0, 39 * 16, 5):
        file_system.flip(PATH + ".timeindex", position, 0x5A)
        for timestamp in range(5, 400, 10):
            try:
                found = SparseIndex(PATH, 39, 39).offset_before_timestamp(open_files, timestamp)
            except IndexIsWrong:
                continue
            assert found * 10 < timestamp
        file_system.flip(PATH + ".timeindex", position, 0x5A)


def test_a_search_reads_a_few_entries_only() -> None:
    memory = MemoryFileSystem()
    memory.make_directories("/d")
    watched = WatchedFileSystem(memory)
    open_files = OpenFiles(watched, 4)
    index = SparseIndex(PATH)
    for number in range(1, 100_001):
        index.add(number, number * 4200, number)
    index.write(open_files)
    assert index.entry_for_offset(open_files, 77_777) == (77_777, 77_777 * 4200)
    assert index.offset_before_timestamp(open_files, 55_555) == 55_554
    assert sum(watched.reads) < 18 * 8 + 18 * 16 + 100
