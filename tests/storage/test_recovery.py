import logging

import google_crc32c
import pytest

from message_queues.errors import DamagedFile, NewerFormat
from message_queues.records.batch import BatchHeader
from message_queues.storage.filesystem import FileSystem
from message_queues.storage.log import LogSettings
from tests.storage.batches import DIRECTORY, NOW_MS, append, fill, memory, open_log, read_all
from tests.storage.watched_files import WatchedFileSystem

SMALL = LogSettings(segment_bytes=2000, index_interval_bytes=300)
"""Eleven batches of one record make a segment."""


def _log_files(file_system: FileSystem) -> list[str]:
    return [name for name in file_system.list_directory(DIRECTORY) if name.endswith(".log")]


def test_a_closed_log_opens_by_its_checkpoint_alone() -> None:
    watched = WatchedFileSystem(memory())
    log = open_log(watched, SMALL)
    fill(log, 100)
    log.close(b"state")
    del watched.opened[:], watched.listed[:], watched.reads[:]
    recovered: list[BatchHeader] = []
    again = open_log(watched, SMALL, recovered)
    assert recovered == []
    assert watched.listed == [DIRECTORY]
    assert watched.opened == [f"{DIRECTORY}/checkpoint", again._segments[-1].path]
    assert len(watched.reads) == 1
    assert (again.start_offset, again.end_offset, again.flushed_offset) == (0, 100, 100)


def test_a_checkpointed_log_opens_by_what_follows() -> None:
    watched = WatchedFileSystem(memory())
    log = open_log(watched)
    fill(log, 500)
    log.checkpoint(b"state")
    tail = fill(log, 5, 2)
    del watched.reads[:]
    recovered: list[BatchHeader] = []
    again = open_log(watched, recovered=recovered)
    assert [header.base_offset for header in recovered] == [500, 502, 504, 506, 508]
    assert again.checkpoint_state == b"state"
    assert sum(watched.reads) < len(tail) + 1000
    assert again.end_offset == 510


@pytest.mark.parametrize("checkpoint_at", [(), (1,), (49,), (10, 30)])
def test_a_log_that_was_not_closed_has_everything_that_was_flushed(checkpoint_at: tuple[int, ...]) -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    written = b""
    for number in range(50):
        written += fill(log, 1, 3, epoch=number // 7)
        if number in checkpoint_at:
            log.checkpoint(b"%d" % number)
    append(log, epoch=7)
    file_system.restart()
    again = open_log(file_system, SMALL)
    assert read_all(again) == written
    assert again.leader_epochs == log.leader_epochs
    assert again.checkpoint_state == (b"%d" % checkpoint_at[-1] if checkpoint_at else b"")
    assert again.offset_for_timestamp(NOW_MS + 77) == (77, NOW_MS + 77)
    assert again.max_timestamp() == (149, NOW_MS + 149)
    written += fill(again, 30)
    assert read_all(again) == written
    again.close(b"")
    assert read_all(open_log(file_system, SMALL)) == written


@pytest.mark.parametrize("cut", [1, 40, 61, 100, 150])
def test_a_torn_tail_is_cut_on_open(cut: int, caplog: pytest.LogCaptureFixture) -> None:
    file_system = memory()
    log = open_log(file_system)
    written = fill(log, 5)
    path = log._segments[-1].path
    fill(log, 1)
    file_system.open(path).truncate(len(written) + cut)
    file_system.restart()
    with caplog.at_level(logging.WARNING):
        again = open_log(file_system)
    assert again.cut is not None
    assert (again.cut.path, again.cut.position, again.cut.size) == (path, len(written), cut)
    assert path in caplog.text
    assert f"cut off {cut} bytes at {len(written)}" in caplog.text
    assert (again.end_offset, read_all(again)) == (5, written)
    written += fill(again, 3)
    assert read_all(again) == written
    assert open_log(file_system).cut is None


def test_zeros_that_a_power_cut_left_are_cut() -> None:
    file_system = memory()
    written = fill(open_log(file_system), 5)
    file_system.open(f"{DIRECTORY}/{0:020d}.log").append([bytes(4096)])
    again = open_log(file_system)
    assert again.cut is not None
    assert again.cut.size == 4096
    assert read_all(again) == written


def test_segments_behind_a_torn_one_are_cut_too() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    written = fill(log, 50)
    file_system.flip(log._segments[1].path, 500)
    sizes = [segment.flushed_size for segment in log._segments]
    again = open_log(file_system, SMALL)
    assert again.cut is not None
    assert again.cut.size == sum(sizes[1:]) - again.cut.position
    assert 0 < again.cut.position <= 500
    assert len(_log_files(file_system)) == 2
    assert read_all(again) == written[: sizes[0] + again.cut.position]


@pytest.mark.parametrize("left", [b"", b"torn"], ids=["made", "begun"])
def test_a_segment_that_a_crash_left_without_a_batch_is_made_anew(left: bytes) -> None:
    file_system = memory()
    written = fill(open_log(file_system, SMALL), 11)
    file_system.open(f"{DIRECTORY}/{11:020d}.log", create=True).append([left])
    file_system.restart()
    again = open_log(file_system, SMALL, limit=512)
    written += fill(again, 3)
    file_system.restart()
    assert len(_log_files(file_system)) == 2
    assert read_all(open_log(file_system, SMALL)) == written


def test_a_first_segment_without_a_batch_is_made_anew_below_a_checkpoint() -> None:
    file_system = memory()
    file_system.make_directories(DIRECTORY)
    file_system.open(f"{DIRECTORY}/{0:020d}.log", create=True)
    open_log(file_system).close(b"state")
    again = open_log(file_system, limit=512)
    written = fill(again, 3)
    file_system.restart()
    assert read_all(open_log(file_system)) == written


def test_a_missing_segment_below_the_recovery_point_is_damage() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    fill(log, 50)
    log.close(b"")
    file_system.remove(log._segments[1].path)
    with pytest.raises(DamagedFile) as raised:
        open_log(file_system, SMALL)
    assert (raised.value.path, raised.value.position) == (log._segments[1].path, 0)


def test_a_segment_that_ends_below_the_recovery_point_is_damage() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    fill(log, 50)
    log.close(b"")
    for number in (1, -1):
        path = log._segments[number].path
        file_system.open(path).truncate(300)
        with pytest.raises(DamagedFile) as raised:
            read_all(open_log(file_system, SMALL))
        assert raised.value.path == path
        assert raised.value.position <= 300


def test_a_missing_checkpoint_is_damage_once_the_log_has_forgotten_its_beginning() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    fill(log, 50)
    log.checkpoint(b"")
    log.delete_before(30)
    log.close(b"")
    file_system.remove(f"{DIRECTORY}/checkpoint")
    with pytest.raises(DamagedFile, match="checkpoint is damaged at byte 0: it is missing"):
        open_log(file_system, SMALL)


def test_a_newer_format_is_refused() -> None:
    file_system = memory()
    log = open_log(file_system)
    fill(log, 1)
    log.close(b"")
    body = (2).to_bytes(4) + b"new"
    file_system.write_atomically(f"{DIRECTORY}/checkpoint", b"MQCP" + google_crc32c.value(body).to_bytes(4) + body)
    with pytest.raises(NewerFormat):
        open_log(file_system)


def test_files_of_others_are_left_alone() -> None:
    file_system = memory()
    log = open_log(file_system, SMALL)
    fill(log, 30)
    log.close(b"")
    for name in ("notes.txt", "7.log", "checkpoint.9", f"{5:020d}.index"):
        file_system.open(f"{DIRECTORY}/{name}", create=True)
    open_log(file_system, SMALL)
    names = file_system.list_directory(DIRECTORY)
    assert "notes.txt" in names
    assert "7.log" in names
    assert "checkpoint.9" not in names
    assert f"{5:020d}.index" not in names
