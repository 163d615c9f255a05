import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from message_queues.errors import DamagedFile, NewerFormat, StorageError
from message_queues.storage.journal import FORMAT, Journal


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "journal.sqlite")


def _bodies(journal: Journal) -> list[bytes]:
    return [body for _, _, body in journal.replay()]


def _reopened(journal: Journal) -> Journal:
    journal.close()
    return Journal(journal.path)


def test_events_are_replayed_in_order(path: str) -> None:
    journal = Journal(path)
    journal.append([b"one", b"two"], 1000)
    journal.append([b"", b"\x00four"], 2000)
    journal.flush()
    expected = [(1, 1000, b"one"), (2, 1000, b"two"), (3, 2000, b""), (4, 2000, b"\x00four")]
    assert list(journal.replay()) == expected
    journal = _reopened(journal)
    assert list(journal.replay()) == expected
    journal.append([b"five"], 3000)
    assert list(_reopened(journal).replay()) == [*expected, (5, 3000, b"five")]


def test_a_new_journal_is_empty(path: str) -> None:
    journal = Journal(path)
    journal.flush()
    journal.sync()
    assert _bodies(journal) == []
    assert journal.events_since_snapshot == 0


def test_in_memory_nothing_is_kept() -> None:
    journal = Journal(":memory:")
    journal.append([b"one"], 1)
    journal.flush()
    journal.sync()
    journal.snapshot([b"state"], 2)
    assert _bodies(journal) == [b"state"]
    journal.close()
    assert _bodies(Journal(":memory:")) == []


def test_what_is_not_flushed_is_not_there_after_a_crash(path: str, tmp_path: Path) -> None:
    journal = Journal(path)
    journal.append([b"one"], 1)
    journal.flush()
    journal.append([b"two"] * 1000, 2)
    crashed = tmp_path / "crashed"
    shutil.copytree(tmp_path, crashed)
    assert _bodies(Journal(str(crashed / "journal.sqlite"))) == [b"one"]


@pytest.mark.parametrize("cut", [0, 10, 40, 3000])
def test_a_torn_write_ahead_log_loses_whole_commits_only(path: str, tmp_path: Path, cut: int) -> None:
    journal = Journal(path)
    for number in range(50):
        journal.append([b"%d" % number, b"pair"], number)
        journal.flush()
    crashed = tmp_path / "crashed"
    shutil.copytree(tmp_path, crashed)
    with open(crashed / "journal.sqlite-wal", "r+b") as file:
        size = file.seek(0, 2)
        file.truncate(size - cut)
    bodies = _bodies(Journal(str(crashed / "journal.sqlite")))
    assert bodies == [body for number in range(len(bodies) // 2) for body in (b"%d" % number, b"pair")]
    assert len(bodies) // 2 == (50 if cut == 0 else 49)


def test_a_snapshot_replaces_what_was_before(path: str) -> None:
    journal = Journal(path)
    for number in range(10):
        journal.append([b"%d" % number], number)
        journal.flush()
    assert journal.events_since_snapshot == 10
    journal.append([b"pending"], 11)
    journal.snapshot((body for body in (b"a", b"b")), 12)
    assert journal.events_since_snapshot == 0
    journal.append([b"c"], 13)
    journal.flush()
    assert journal.events_since_snapshot == 1
    journal = _reopened(journal)
    assert list(journal.replay()) == [(12, 12, b"a"), (13, 12, b"b"), (14, 13, b"c")]
    assert journal.events_since_snapshot == 1
    journal.snapshot([], 14)
    journal = _reopened(journal)
    assert _bodies(journal) == []
    assert journal.events_since_snapshot == 0
    journal.append([b"d"], 15)
    journal.flush()
    assert list(_reopened(journal).replay()) == [(15, 15, b"d")]


def test_an_interrupted_snapshot_changes_nothing(path: str) -> None:
    journal = Journal(path)
    journal.append([b"one", b"two"], 1)
    journal.flush()

    def failing() -> object:
        yield b"a"
        raise KeyError("no state")

    with pytest.raises(KeyError):
        journal.snapshot(failing(), 2)  # type: ignore[arg-type]
    journal.append([b"three"], 3)
    journal.flush()
    assert list(_reopened(journal).replay()) == [(1, 1, b"one"), (2, 1, b"two"), (3, 3, b"three")]


def test_a_full_disk_takes_back_the_transaction(path: str) -> None:
    journal = Journal(path)
    journal.append([b"one"], 1)
    journal.flush()
    journal._database.execute("PRAGMA max_page_count = 8")
    journal.append([b"small"], 2)
    with pytest.raises(StorageError, match="full"):
        journal.append([bytes(1000)] * 100, 2)
    assert _bodies(journal) == [b"one"]
    with pytest.raises(StorageError, match="full"):
        journal.snapshot([bytes(1000)] * 100, 2)
    journal.append([b"two"], 3)
    journal.flush()
    assert list(_reopened(journal).replay()) == [(1, 1, b"one"), (2, 3, b"two")]


def test_a_file_that_is_no_database_is_damage(path: str) -> None:
    Path(path).write_bytes(b"something else entirely" * 1000)
    with pytest.raises(DamagedFile) as raised:
        Journal(path)
    assert raised.value.path == path


def test_a_directory_that_is_missing_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        Journal(str(tmp_path / "nowhere" / "journal.sqlite"))


def test_a_newer_format_is_refused(path: str) -> None:
    Journal(path).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value = ? WHERE name = 'format'", (FORMAT + 1,))
    database.close()
    with pytest.raises(NewerFormat, match=str(FORMAT + 1)):
        Journal(path)


def test_a_changed_event_is_damage(path: str) -> None:
    for change in ("body = x'00'", "timestamp_ms = 7", "checksum = 7"):
        journal = Journal(path)
        journal.snapshot([b"one", b"two", b"three"], 1)
        journal.close()
        with sqlite3.connect(path) as database:
            database.execute(f"UPDATE events SET {change} WHERE body = x'74776f'")
        database.close()
        journal = Journal(path)
        with pytest.raises(DamagedFile, match="checksum"):
            _bodies(journal)
        journal.close()


def test_a_missing_event_is_damage(path: str) -> None:
    journal = Journal(path)
    journal.append([b"one", b"two", b"three"], 1)
    journal.close()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM events WHERE body = x'74776f'")
    database.close()
    with pytest.raises(DamagedFile, match="missing"):
        _bodies(Journal(path))


def test_a_changed_byte_is_damage_or_changes_nothing(path: str) -> None:
    journal = Journal(path)
    bodies = [b"event %d " % number * 20 for number in range(100)]
    journal.append(bodies, 1)
    journal.close()
    content = Path(path).read_bytes()
    for position in range(0, len(content), 37):
        Path(path).write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        try:
            journal = Journal(path)
            replayed = _bodies(journal)
            journal.close()
        except (DamagedFile, StorageError):
            continue
        assert replayed == bodies, position


def test_ten_thousand_events_load_at_once(path: str) -> None:
    journal = Journal(path)
    journal.append([bytes(200)] * 10_000, 1)
    journal.close()
    started = time.perf_counter()
    assert len(_bodies(Journal(path))) == 10_000
    # 10 ms on a quiet machine.
    assert time.perf_counter() - started < 0.5


def test_another_thread_syncs_while_this_one_writes(path: str) -> None:
    journal = Journal(path)
    failures: list[BaseException] = []

    def sync_again_and_again() -> None:
        try:
            for _ in range(20):
                journal.begin_sync()()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=sync_again_and_again)
    thread.start()
    for number in range(500):
        journal.append([b"x" * 500], number)
        journal.flush()
    thread.join()
    assert failures == []
    journal.committed()
    assert len(_bodies(_reopened(journal))) == 500
