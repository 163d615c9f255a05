import errno
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from message_queues.storage.filesystem import CrashedError, DiskFileSystem, FileSystem, MemoryFileSystem, sync_file, write_file


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[FileSystem, str]]:
    if request.param == "disk":
        yield DiskFileSystem(), str(tmp_path)
    else:
        file_system = MemoryFileSystem()
        file_system.make_directories("/tmp")
        yield file_system, "/tmp"


Place = tuple[FileSystem, str]


def test_chunks_are_appended_one_after_the_other(place: Place) -> None:
    file_system, directory = place
    file = file_system.open(f"{directory}/a", create=True)
    file.append([b"one"])
    file.append([b"two", memoryview(b"three")[1:], b""])
    assert file.size == 10
    assert file.read_at(0, 100) == b"onetwohree"
    assert file.read_at(3, 3) == b"two"
    assert file.read_at(10, 5) == b""
    file.close()
    assert file_system.read(f"{directory}/a") == b"onetwohree"


def test_more_chunks_than_one_system_call_takes(place: Place) -> None:
    file_system, directory = place
    file = file_system.open(f"{directory}/a", create=True)
    chunks = [bytes([number % 256]) * (number % 3) for number in range(5000)]
    file.append(chunks)
    assert file.read_at(0, 10_000) == b"".join(chunks)
    file.close()


def test_a_truncated_file_grows_from_its_new_end(place: Place) -> None:
    file_system, directory = place
    file = file_system.open(f"{directory}/a", create=True)
    file.append([b"0123456789"])
    file.truncate(4)
    file.append([b"ab"])
    assert file.read_at(0, 100) == b"0123ab"
    file.truncate(8)
    assert file.read_at(0, 100) == b"0123ab\0\0"
    file.close()


def test_an_opened_file_keeps_what_it_has(place: Place) -> None:
    file_system, directory = place
    write_file(file_system, f"{directory}/a", b"old")
    file = file_system.open(f"{directory}/a", create=True)
    file.append([b"+"])
    file.close()
    sync_file(file_system, f"{directory}/a")
    assert file_system.read(f"{directory}/a") == b"old+"


def test_what_is_missing_is_file_not_found(place: Place) -> None:
    file_system, directory = place
    attempts: list[Callable[[], object]] = [
        lambda: file_system.open(f"{directory}/missing"),
        lambda: file_system.open(f"{directory}/missing/file", create=True),
        lambda: file_system.read(f"{directory}/missing"),
        lambda: file_system.list_directory(f"{directory}/missing"),
        lambda: file_system.remove(f"{directory}/missing"),
        lambda: file_system.rename(f"{directory}/missing", f"{directory}/other"),
    ]
    for attempt in attempts:
        with pytest.raises(FileNotFoundError):
            attempt()
    assert not file_system.exists(f"{directory}/missing")


def test_directories_are_made_listed_and_removed(place: Place) -> None:
    file_system, directory = place
    file_system.make_directories(f"{directory}/x/y")
    file_system.make_directories(f"{directory}/x/y")
    for name in ("x/b", "x/a", "x/y/c", "xx"):
        write_file(file_system, f"{directory}/{name}", b"1")
    assert file_system.list_directory(f"{directory}/x") == ["a", "b", "y"]
    assert file_system.exists(f"{directory}/x")
    assert file_system.exists(f"{directory}/x/y/c")
    file_system.remove(f"{directory}/x/a")
    assert file_system.list_directory(f"{directory}/x") == ["b", "y"]
    file_system.remove_tree(f"{directory}/x")
    file_system.remove_tree(f"{directory}/x")
    assert file_system.list_directory(directory) == ["xx"]


def test_a_file_is_replaced_as_a_whole(place: Place) -> None:
    file_system, directory = place
    file_system.write_atomically(f"{directory}/a", b"first")
    file_system.write_atomically(f"{directory}/a", b"2")
    assert file_system.read(f"{directory}/a") == b"2"
    assert file_system.list_directory(directory) == ["a"]
    file_system.rename(f"{directory}/a", f"{directory}/b")
    assert file_system.list_directory(directory) == ["b"]


def test_a_full_disk_shows_as_an_error_even_after_a_short_write() -> None:
    file = DiskFileSystem().open("/dev/full")
    try:
        with pytest.raises(OSError, match="No space left"):
            file.append([b"a", b"b"])
    finally:
        file.close()


def test_a_file_in_use_stays_readable_when_it_is_removed(place: Place) -> None:
    file_system, directory = place
    write_file(file_system, f"{directory}/a", b"content")
    file = file_system.open(f"{directory}/a")
    file_system.remove(f"{directory}/a")
    assert file.read_at(0, 10) == b"content"
    file.close()


# The memory that crashes.


def _with_file(content: bytes = b"synced", directory: str = "/d") -> MemoryFileSystem:
    file_system = MemoryFileSystem()
    file_system.make_directories(directory)
    file_system.sync_directory("/")
    write_file(file_system, f"{directory}/a", content)
    file_system.sync_directory(directory)
    return file_system


def test_a_power_cut_loses_what_was_not_synced() -> None:
    file_system = _with_file()
    file = file_system.open("/d/a")
    file.append([b" and more"])
    file_system.open("/d/new", create=True).sync()
    file_system.crash()
    assert file_system.read("/d/a") == b"synced"
    assert file_system.list_directory("/d") == ["a"]


def test_a_killed_process_loses_nothing_but_its_handles() -> None:
    file_system = _with_file()
    file = file_system.open("/d/a")
    file.append([b" and more"])
    file_system.restart()
    assert file_system.read("/d/a") == b"synced and more"
    with pytest.raises(CrashedError):
        file.append([b"x"])


def test_a_removed_or_renamed_entry_comes_back_when_its_directory_was_not_synced() -> None:
    file_system = _with_file()
    file_system.rename("/d/a", "/d/b")
    file_system.crash()
    assert file_system.list_directory("/d") == ["a"]
    file_system.remove("/d/a")
    file_system.crash()
    assert file_system.read("/d/a") == b"synced"
    file_system.remove("/d/a")
    file_system.sync_directory("/d")
    file_system.crash()
    assert file_system.list_directory("/d") == []


def test_a_directory_is_lost_with_all_in_it_unless_the_one_above_was_synced() -> None:
    file_system = MemoryFileSystem()
    file_system.make_directories("/d")
    write_file(file_system, "/d/a", b"1")
    file_system.sync_directory("/d")
    file_system.crash()
    assert file_system.list_directory("/") == []


def test_a_seeded_crash_keeps_the_synced_bytes_and_any_part_of_the_others() -> None:
    results = set()
    for seed in range(200):
        file_system = _with_file(b"S" * 700)
        file_system.open("/d/a").append([b"U" * 2000])
        file_system.crash(seed)
        content = file_system.read("/d/a")
        assert content[:700] == b"S" * 700
        assert set(content[700:]) <= set(b"U\0")
        assert len(content) <= 2700
        results.add(content)
    assert {len(content) for content in results} >= {700, 2700}
    assert any(b"\0" * 512 in content for content in results)
    assert len(results) > 50


def test_the_same_seed_gives_the_same_crash() -> None:
    def crashed(seed: int) -> bytes:
        file_system = _with_file()
        file_system.open("/d/a").append([bytes(range(256)) * 8])
        file_system.crash(seed)
        return file_system.read("/d/a")

    assert [crashed(seed) for seed in range(20)] == [crashed(seed) for seed in range(20)]


def test_the_armed_operation_does_not_happen_and_nothing_after_it() -> None:
    file_system = _with_file()
    file_system.restart()
    file_system.crash_at = 2
    file = file_system.open("/d/a")
    file.append([b"1"])
    with pytest.raises(CrashedError, match="2"):
        file.append([b"2"])
    with pytest.raises(CrashedError):
        file_system.list_directory("/d")
    with pytest.raises(CrashedError):
        file_system.open("/d/a")
    file_system.restart()
    assert file_system.read("/d/a") in (b"synced1", b"synced12")


def test_a_full_disk_takes_what_fits_and_says_so() -> None:
    file_system = _with_file()
    file_system.space_left = 10
    file = file_system.open("/d/a")
    file.append([b"12345"])
    with pytest.raises(OSError, match="No space left") as raised:
        file.append([b"1234567"])
    assert raised.value.errno == errno.ENOSPC
    assert file.size == len(b"synced") + 10
    file.truncate(6)
    file.append([b"1234567890"])
    assert file_system.space_left == 0


def test_a_flipped_byte_is_on_the_disk_too() -> None:
    file_system = _with_file()
    file_system.flip("/d/a", 0, 0x01)
    file_system.crash()
    assert file_system.read("/d/a") == b"rynced"


def test_a_closed_file_is_closed() -> None:
    file_system = _with_file()
    file = file_system.open("/d/a")
    file.close()
    with pytest.raises(OSError, match="Bad file"):
        file.read_at(0, 1)


def test_atomic_replacement_survives_a_crash_at_every_operation() -> None:
    for operation in range(1, 8):
        for seed in [None, *range(20)]:
            file_system = _with_file(b"old")
            file_system.restart()
            file_system.random = random.Random(seed)
            file_system.crash_at = operation
            try:
                file_system.write_atomically("/d/a", b"new")
                finished = True
            except CrashedError:
                finished = False
            file_system.crash(seed)
            assert file_system.read("/d/a") in ([b"new"] if finished else [b"old", b"new"])


def test_everything_below_a_directory_is_synced_together(tmp_path: Path) -> None:
    file_system = _with_file()
    file_system.make_directories("/d/e")
    file_system.open("/d/a").append([b" and more"])
    file_system.open("/d/e/b", create=True).append([b"new"])
    assert file_system.sync_all("/d")
    file_system.crash()
    assert (file_system.read("/d/a"), file_system.read("/d/e/b")) == (b"synced and more", b"new")
    file_system.remove("/d/e/b")
    assert file_system.sync_all("/d")
    file_system.crash()
    assert file_system.list_directory("/d/e") == []
    assert DiskFileSystem().sync_all(str(tmp_path)) == (sys.platform == "linux")
