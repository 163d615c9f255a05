from pathlib import Path

import pytest

from message_queues.storage.filesystem import DiskFileSystem, MemoryFileSystem
from message_queues.storage.open_files import OpenFiles


def _open_files(limit: int) -> OpenFiles:
    file_system = MemoryFileSystem()
    file_system.make_directories("/d")
    return OpenFiles(file_system, limit)


def test_a_file_is_opened_once() -> None:
    open_files = _open_files(2)
    assert open_files.get("/d/a", create=True) is open_files.get("/d/a")


def test_the_file_unused_for_longest_is_closed_for_the_next() -> None:
    open_files = _open_files(2)
    first, second = open_files.get("/d/a", create=True), open_files.get("/d/b", create=True)
    open_files.get("/d/a")
    open_files.get("/d/c", create=True)
    assert len(open_files) == 2
    assert open_files.get("/d/a") is first
    with pytest.raises(OSError, match="Bad file"):
        second.read_at(0, 1)


def test_what_was_written_through_a_closed_handle_is_there() -> None:
    open_files = _open_files(1)
    for number in range(30):
        open_files.get(f"/d/{number % 3}", create=True).append([b"x"])
    assert [open_files.get(f"/d/{name}").size for name in range(3)] == [10, 10, 10]


def test_a_discarded_file_is_closed_and_opened_anew() -> None:
    open_files = _open_files(2)
    file = open_files.get("/d/a", create=True)
    open_files.discard("/d/a")
    open_files.discard("/d/never opened")
    with pytest.raises(OSError, match="Bad file"):
        file.append([b"x"])
    assert open_files.get("/d/a") is not file


def test_a_removed_file_is_closed_and_made_anew() -> None:
    open_files = _open_files(2)
    gone = open_files.get("/d/a", create=True)
    open_files.remove("/d/a")
    with pytest.raises(OSError, match="Bad file"):
        gone.append([b"x"])
    open_files.get("/d/a", create=True).append([b"new"])
    assert open_files.file_system.read("/d/a") == b"new"


def test_a_file_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(FileNotFoundError):
        _open_files(2).remove("/d/missing")


def test_all_files_below_a_directory_are_closed() -> None:
    open_files = _open_files(5)
    open_files.file_system.make_directories("/d/e/f")
    kept = open_files.get("/d/ee", create=True)
    gone = [open_files.get(path, create=True) for path in ("/d/e/a", "/d/e/f/b")]
    open_files.discard_directory("/d/e")
    assert kept.size == 0
    for file in gone:
        with pytest.raises(OSError, match="Bad file"):
            file.read_at(0, 1)


def test_closing_closes_all() -> None:
    open_files = _open_files(5)
    files = [open_files.get(f"/d/{name}", create=True) for name in range(5)]
    open_files.close()
    assert len(open_files) == 0
    for file in files:
        with pytest.raises(OSError, match="Bad file"):
            file.read_at(0, 1)


def test_a_missing_file_leaves_no_handle() -> None:
    open_files = _open_files(2)
    with pytest.raises(FileNotFoundError):
        open_files.get("/d/missing")
    assert len(open_files) == 0


def test_the_number_of_descriptors_is_bounded(tmp_path: Path) -> None:
    open_files = OpenFiles(DiskFileSystem(), 10)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(100):
        open_files.get(str(tmp_path / str(number)), create=True).append([b"x"])
    assert len(list(Path("/proc/self/fd").iterdir())) - before == 10
    open_files.close()
