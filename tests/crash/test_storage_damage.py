"""A byte that a disk has changed: below the recovery point it is found where it is and never served, above it the tail is cut there."""

import random

import pytest

from message_queues.errors import DamagedFile, NewerFormat
from message_queues.records.batch import BatchHeader, read_header, split_batches
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.log import Log, LogSettings
from tests.storage.batches import DIRECTORY, NOW_MS, fill, memory, open_log, read_all, whole_batches

SETTINGS = LogSettings(segment_bytes=900, index_interval_bytes=250)
MASKS = (0x01, 0x80, 0xFF)


def _written(batches: int = 12) -> tuple[MemoryFileSystem, bytes, Log]:
    """A closed log of several segments and leader epochs, and what it holds."""
    file_system = memory()
    log = open_log(file_system, SETTINGS)
    written = b"".join(fill(log, 1, number % 3 + 1, epoch=number // 5) for number in range(batches))
    log.close(b"state")
    return file_system, written, log


def _batch_start(content: bytes, position: int) -> int:
    return max(start for start, _ in split_batches(content) if start <= position)


def _served_before_damage(log: Log, max_bytes: int) -> tuple[bytes, DamagedFile | None]:
    """What a consumer gets until it hits the damage."""
    served = b""
    offset = log.start_offset
    while offset < log.flushed_offset:
        try:
            data = log.read(offset, max_bytes)
        except DamagedFile as damage:
            return served, damage
        header = read_header(data)
        served += data[: header.size]
        offset = header.next_offset
    return served, None


@pytest.mark.parametrize("max_bytes", [1, 10_000])
def test_a_changed_byte_in_a_segment_is_found_where_it_is(max_bytes: int) -> None:
    file_system, written, log = _written()
    before = 0
    for segment in log._segments:
        content = file_system.read(segment.path)
        for position in range(len(content)):
            mask = MASKS[position % len(MASKS)]
            file_system.flip(segment.path, position, mask)
            served, damage = _served_before_damage(open_log(file_system, SETTINGS), max_bytes)
            assert damage is not None, (segment.path, position)
            assert (damage.path, damage.position) == (segment.path, _batch_start(content, position)), damage
            assert written.startswith(served)
            assert len(served) <= before + damage.position
            file_system.flip(segment.path, position, mask)
        before += len(content)
    assert read_all(open_log(file_system, SETTINGS)) == written


def test_what_lies_before_and_behind_the_damage_is_served() -> None:
    file_system, written, log = _written(40)
    segment = log._segments[2]
    file_system.flip(segment.path, 300)
    again = open_log(file_system, SETTINGS)
    last = log._segments[3].base_offset
    assert written.endswith(read_all(again, last))
    good = again.read(segment.base_offset, 1)
    assert good in written
    with pytest.raises(DamagedFile):
        read_all(again)
    assert again.end_offset == log.end_offset


def test_damage_is_still_there_after_the_log_was_used_again() -> None:
    file_system, _, log = _written()
    path = log._segments[1].path
    file_system.flip(path, 100)
    for _ in range(3):
        again = open_log(file_system, SETTINGS)
        written = fill(again, 2)
        assert written == read_all(again, again.end_offset - 2)
        with pytest.raises(DamagedFile):
            read_all(again)
        again.close(b"")
    assert file_system.exists(path)


def test_a_changed_byte_in_the_checkpoint_keeps_the_log_closed() -> None:
    file_system, written, _ = _written()
    path = f"{DIRECTORY}/checkpoint"
    for position in range(len(file_system.read(path))):
        file_system.flip(path, position, MASKS[position % len(MASKS)])
        with pytest.raises((DamagedFile, NewerFormat), match="checkpoint"):
            open_log(file_system, SETTINGS)
        file_system.flip(path, position, MASKS[position % len(MASKS)])
    assert read_all(open_log(file_system, SETTINGS)) == written


def test_a_changed_byte_in_an_index_changes_no_answer() -> None:
    file_system, written, log = _written(30)
    for segment in log._segments:
        for path in segment.paths[1:]:
            if not file_system.exists(path):
                continue
            for position in range(len(file_system.read(path))):
                content = file_system.read(path)
                file_system.flip(path, position, MASKS[position % len(MASKS)])
                again = open_log(file_system, SETTINGS)
                for offset in range(segment.base_offset, min(segment.base_offset + 12, log.end_offset)):
                    header = read_header(again.read(offset, 1))
                    assert header.base_offset <= offset < header.next_offset
                    assert again.offset_for_timestamp(NOW_MS + offset) == (offset, NOW_MS + offset)
                assert read_all(again) == written
                file_system.write_atomically(path, content)


def test_above_the_recovery_point_the_tail_is_cut_at_the_changed_byte() -> None:
    file_system = memory()
    log = open_log(file_system)
    synced = fill(log, 3)
    log.checkpoint(b"")
    fill(log, 3, 2)
    path = log._segments[0].path
    content = file_system.read(path)
    for position in range(len(synced), len(content)):
        start = _batch_start(content, position)
        # The leader epoch is not covered by the checksum, and nothing but the batch says what it was.
        is_epoch = start + 12 <= position < start + 16
        file_system.flip(path, position, 0x01)
        file_system.restart()
        recovered: list[BatchHeader] = []
        again = open_log(file_system, recovered=recovered)
        if not is_epoch:
            assert again.cut is not None
            assert (again.cut.position, again.cut.size) == (start, len(content) - start)
            assert read_all(again) == content[:start]
            assert len(recovered) == len(split_batches(content[len(synced) : start]))
        file_system.write_atomically(path, content)


def test_random_damage_anywhere_never_serves_a_wrong_byte() -> None:
    chance = random.Random(4)
    file_system, written, log = _written(40)
    paths = [f"{DIRECTORY}/{name}" for name in file_system.list_directory(DIRECTORY)]
    originals = {path: file_system.read(path) for path in paths}
    batches = {header.base_offset: written[at : at + header.size] for at, header in split_batches(written)}
    for _ in range(300):
        for _ in range(chance.randint(1, 6)):
            path = chance.choice(paths)
            position = chance.randrange(len(originals[path]))
            file_system.flip(path, position, chance.randint(1, 255))
        try:
            again = open_log(file_system, SETTINGS)
            for offset in chance.sample(range(log.end_offset), 20):
                try:
                    data = again.read(offset, chance.choice([1, 500, 5000]))
                    for at, header in split_batches(whole_batches(data)):
                        assert data[at : at + header.size] == batches[header.base_offset]
                except DamagedFile:
                    pass
        except (DamagedFile, NewerFormat):
            pass
        for path, content in originals.items():
            file_system.write_atomically(path, content)
    assert read_all(open_log(file_system, SETTINGS)) == written
