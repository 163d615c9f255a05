"""The journal of metadata events: a SQLite database in WAL mode.

    events  sequence INTEGER PRIMARY KEY, timestamp_ms INTEGER, checksum INTEGER, body BLOB
    meta    name TEXT PRIMARY KEY, value INTEGER: format, snapshot (sequence of the first event after the last snapshot)

An event is valid if and only if its checksum is the CRC-32C of its sequence, its timestamp (int64 each, big-endian) and its body,
and its sequence follows the one before. SQLite checks its own structure, not the content of rows.

A commit survives a killed process, and a power cut after `sync`. A snapshot replaces all events by
those that rebuild the same state, in one transaction.
"""

import os
import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NoReturn

import google_crc32c

from message_queues.errors import DamagedFile, NewerFormat, StorageError

FORMAT: Final = 1
_KEY = struct.Struct(">qq")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL
);
"""


class Journal:
    """Events in the order they happened. Writing begins a transaction, `flush` commits it."""

    def __init__(self, path: str) -> None:
        """Opens or creates the file; ":memory:" keeps nothing."""
        self.path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StorageError(f"{path} could not be opened: {error}") from error
        try:
            self._open()
        except sqlite3.Error as error:
            self._database.close()
            self._refuse(error)
        except StorageError:
            self._database.close()
            raise

    def _open(self) -> None:
        database = self._database
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        (finding,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise DamagedFile(self.path, 0, str(finding))
        database.executescript(_SCHEMA)
        database.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?), ('snapshot', 1)", (FORMAT,))
        meta = dict(database.execute("SELECT name, value FROM meta"))
        if meta["format"] > FORMAT:
            raise NewerFormat(f"{self.path} has format {meta['format']}; this version of the program knows formats up to {FORMAT}")
        self._snapshot_end = int(meta["snapshot"])
        (latest,) = database.execute("SELECT max(sequence) FROM events").fetchone()
        self._next = self._committed_next = max(self._snapshot_end, (latest or 0) + 1)

    @property
    def events_since_snapshot(self) -> int:
        """How many events a replay reads beyond those of the snapshot."""
        return self._next - self._snapshot_end

    def replay(self) -> Iterator[tuple[int, int, bytes]]:
        """(sequence, timestamp in ms, body) of each event, oldest first; DamagedFile at the first that is not what was written."""
        expected: int | None = None
        try:
            for sequence, timestamp_ms, checksum, body in self._database.execute(
                "SELECT sequence, timestamp_ms, checksum, body FROM events ORDER BY sequence"
            ):
                if expected is not None and sequence != expected:
                    raise DamagedFile(self.path, 0, f"event {expected} is missing")
                if checksum != _checksum(sequence, timestamp_ms, body):
                    raise DamagedFile(self.path, 0, f"the checksum of event {sequence} does not match")
                yield sequence, timestamp_ms, body
                expected = sequence + 1
        except sqlite3.Error as error:
            self._refuse(error)

    def append(self, bodies: Sequence[bytes], timestamp_ms: int) -> None:
        """Adds events to the open transaction; on failure the whole transaction is gone."""
        try:
            self._begin()
            self._insert(bodies, timestamp_ms)
        except sqlite3.Error as error:
            self._give_up(error)

    def flush(self) -> None:
        """Commits what was appended."""
        if self._database.in_transaction:
            try:
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                self._give_up(error)
            self._committed_next = self._next

    def sync(self) -> None:
        """What was committed survives a power cut from now on."""
        self.begin_sync()()

    def begin_sync(self) -> Callable[[], None]:
        """What any thread may run to make all that was committed by now survive a power cut; it raises StorageError."""
        return partial(_sync_write_ahead_log, self.path)

    def committed(self) -> None:
        """Nobody reads the journal while it is written."""

    def snapshot(self, bodies: Iterable[bytes], timestamp_ms: int) -> None:
        """Replaces every event, those of the open transaction included, by `bodies`, and commits."""
        # All of them first: what makes them may fail, and must not find a transaction half done.
        whole = list(bodies)
        try:
            self._begin()
            self._database.execute("DELETE FROM events")
            self._insert(whole, timestamp_ms)
            self._database.execute("UPDATE meta SET value = ? WHERE name = 'snapshot'", (self._next,))
        except sqlite3.Error as error:
            self._give_up(error)
        self.flush()
        self._snapshot_end = self._next

    def close(self) -> None:
        """Commits and closes."""
        self.flush()
        self._database.close()

    def _begin(self) -> None:
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")

    def _insert(self, bodies: Sequence[bytes], timestamp_ms: int) -> None:
        first = self._next
        rows = [(sequence, timestamp_ms, _checksum(sequence, timestamp_ms, body), body) for sequence, body in enumerate(bodies, first)]
        self._database.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        self._next = first + len(rows)

    def _give_up(self, error: sqlite3.Error) -> NoReturn:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._next = self._committed_next
        self._refuse(error)

    def _refuse(self, error: sqlite3.Error) -> NoReturn:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DamagedFile(self.path, 0, str(error)) from error
        raise StorageError(f"{self.path}: {error}") from error


def _sync_write_ahead_log(path: str) -> None:
    if path == ":memory:":
        return
    # Commits are in the write-ahead log until SQLite moves them, which it syncs itself. It keeps its locks on other files.
    try:
        for name, flags in ((path + "-wal", os.O_RDWR), (os.path.dirname(path) or ".", os.O_RDONLY)):
            with suppress(FileNotFoundError):
                fd = os.open(name, flags | os.O_CLOEXEC)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
    except OSError as error:
        raise StorageError(f"{path} could not be synced: {error}") from error


def _checksum(sequence: int, timestamp_ms: int, body: bytes) -> int:
    return int(google_crc32c.extend(google_crc32c.value(_KEY.pack(sequence, timestamp_ms)), body))
