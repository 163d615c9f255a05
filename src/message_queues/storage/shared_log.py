"""The shared log: small writes of all message stores of a server, in one write and one sync for each commit.

    {number, 20 digits}.log    in the directory of all stores; see log_part.py for what is in it

What a store hands over is in the log, and in the memory of the store, until the store writes it to its own files: when it has more at
once or gathered too much, or when the log is rolled. A file of the log that has reached its size is followed by a new one; the stores
named in it write out what they still want of it, some in each commit; their files are synced on another thread; then the next frame
says that the old file no longer counts, and it is removed. What was acknowledged before that never reaches a file of its own.

A message may stand in the log and in a segment of its store: the segment counts. While a file of the log counts that has a message,
what becomes of the message is said in the log, too, so that the copy does not come back when the segment is gone. A store that is
deleted says so if the log has anything of it: one in the same directory later begins with nothing.

Opening reads the files that count; each store takes its part when it is opened. `opened` says that all are: what nobody took is void,
and the old files are rolled.
"""

import logging
import re
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from message_queues.errors import StorageError
from message_queues.storage.filesystem import sync_file
from message_queues.storage.group_commit import Flushable, GroupCommit, RunInBackground, run_at_once
from message_queues.storage.log_part import (
    FRAME_HEAD_BYTES,
    Checkpoint,
    Frame,
    LogPart,
    Messages,
    frame_head,
    gone_entry,
    read_entries,
    read_frames,
)
from message_queues.storage.open_files import OpenFiles

_logger = logging.getLogger(__name__)

_NAME: Final = re.compile(r"(\d{20})\.log")


@dataclass(frozen=True, slots=True)
class SharedLogSettings:
    log_bytes: int = 32 * 1024 * 1024
    """A file of the log that has so many is followed by the next one."""
    most_messages: int = 16
    """More at once go to the store's own files."""
    most_bytes: int = 4096
    """Messages that have more together go there, too."""
    most_acknowledged: int = 64
    most_gathered_bytes: int = 64 * 1024
    """A store that has more in the log writes it out."""
    parts_per_commit: int = 32
    """So many stores at least write out in each commit while a file is rolled."""
    most_synced_singly: int = 64
    """The files of more stores are synced together, where the system can."""


class _Roll:
    """Files of the log that are to go."""

    def __init__(self, until: int, parts: Collection[LogPart]) -> None:
        self.until = until
        """The number of the first file that stays."""
        self.parts = list(parts)
        self.waiting = deque(self.parts)
        """Those that were not written out yet."""
        self.is_syncing = False


class SharedLog:
    def __init__(
        self,
        open_files: OpenFiles,
        group_commit: GroupCommit,
        directory: str,
        run_in_background: RunInBackground = run_at_once,
        settings: SharedLogSettings = SharedLogSettings(),
    ) -> None:
        """The log in `directory`, below which all stores are. Raises StorageError and DamagedFile."""
        self._open_files = open_files
        self._group_commit = group_commit
        self._directory = directory
        self._run_in_background = run_in_background
        self._settings = settings
        self._parts: dict[bytes, LogPart] = {}
        self._children: dict[str, set[str]] = {}
        """What opening found: directories in each directory."""
        self._numbers: list[int] = []
        """Of the files there are, without the one that is written to if it has nothing yet."""
        self.number = 1
        """Of the file that is written to."""
        self.oldest = 1
        """Of the oldest file that counts."""
        self._size = 0
        self._entries_bytes = 0
        """Of that, without the heads of frames: a frame that only says what no longer counts is no reason to roll."""
        self._synced_bytes = 0
        self._needs_cut = False
        self._in_current: dict[LogPart, None] = {}
        self._handed: list[LogPart] = []
        self._entries: list[bytes] = []
        self._gone: list[bytes] = []
        """Names of deleted stores that no frame tells of yet."""
        self._writers: Collection[Flushable] = ()
        """Who has something in the frame of this commit."""
        self._unsynced: dict[int, int] = {}
        """By the number of the file: its size."""
        self._names = 0
        """How many files came into being, those of an earlier process as one."""
        self._names_synced = 0
        self._sync_failure: str | None = None
        self._roll: _Roll | None = None
        self._obsolete_before = 0
        self._is_open = False
        self._rolling_failed = False
        try:
            self._read()
        except OSError as error:
            raise StorageError(f"the log in {directory} could not be read: {error}") from error
        group_commit.share(self)

    # Opening.

    def _read(self) -> None:
        file_system = self._open_files.file_system
        with suppress(FileNotFoundError):
            self._numbers = [int(name[:20]) for name in file_system.list_directory(self._directory) if _NAME.fullmatch(name)]
        if not self._numbers:
            return
        self.number = self._numbers[-1] + 1
        self._names = 1
        frames: list[Frame] = []
        for number in self._numbers:
            path = self._path(number)
            data = file_system.read(path)
            frames += read_frames(path, number, data)
            self._unsynced[number] = len(data)
        self.oldest = max((frame.oldest for frame in frames), default=self._numbers[0])
        for frame in frames:
            if frame.number >= self.oldest:
                read_entries(self._parts, frame)
        for name in self._parts:
            path = f"{self._directory}/{name.decode('utf-8', 'surrogateescape')}"
            while path != self._directory:
                parent, _, child = path.rpartition("/")
                self._children.setdefault(parent, set()).add(child)
                path = parent

    def knows(self, directory: str) -> bool:
        """Whether the log has anything of a store in this directory or below it that nobody took yet."""
        return directory in self._children or self._name(directory) in self._parts

    def names_in(self, directory: str) -> set[str]:
        """The directories in it, by what the log has of stores in them or below them."""
        return self._children.get(directory, set())

    def part(self, directory: str) -> LogPart:
        """What the log has of the store in this directory: perhaps nothing."""
        name = self._name(directory)
        part = self._parts.get(name)
        if part is None:
            part = self._parts[name] = LogPart(name)
        return part

    def opened(self) -> None:
        """All stores there are have been opened."""
        for part in [part for part in self._parts.values() if part.owner is None]:
            self.forget(part)
        self._children = {}
        self._is_open = True
        if self._numbers:
            self._roll = _Roll(self.number, [part for part in self._parts.values() if part.number >= self.oldest])
            self._group_commit.request()

    # What stores do.

    def is_living(self, part: LogPart) -> bool:
        """Whether a file that counts has anything of it."""
        return part.number >= self.oldest

    def takes(self, part: LogPart, messages: Messages) -> bool:
        """Whether so much goes to the log."""
        settings = self._settings
        if len(messages) > settings.most_messages or len(part.new_acknowledged) > settings.most_acknowledged:
            return False
        size = 0
        for _, (head, properties, body) in messages.values():
            size += len(head) + len(properties) + len(body)
        if size > settings.most_bytes:
            return False
        gathered = size + part.size if part.messages else size
        if gathered > settings.most_gathered_bytes:
            return False
        part.size = gathered
        return True

    def hand_over(self, part: LogPart, messages: Messages) -> None:
        """They will be in the log, with whatever else is new of the part, or the owner is told that they are lost."""
        part.handed = messages
        self._handed.append(part)
        self._entries += part.entry()

    def forget(self, part: LogPart) -> None:
        """The store is deleted."""
        part.owner = None
        if self._parts.get(part.name) is part:
            del self._parts[part.name]
            self._in_current.pop(part, None)
            if self.is_living(part):
                self._gone.append(part.name)
                self._entries.append(gone_entry(part.name))
                self._group_commit.request()

    # Group commit.

    def flush(self) -> Mapping[Flushable, StorageError]:
        """Writes what was handed over, and goes on with rolling; nothing remains of what cannot be written."""
        handed, self._handed = self._handed, []
        entries, self._entries = self._entries, []
        failures: dict[Flushable, StorageError] = {}
        self._writers = ()
        written = 0
        if entries or self._obsolete_before > self.oldest:
            try:
                written = self._write(b"".join(entries))
            except OSError as error:
                self._entries = [gone_entry(name) for name in self._gone]
                failure = StorageError(f"{self._path(self.number)} could not be written: {error}")
                failure.__cause__ = error
                self._take_back(handed, failure, failures)
            else:
                self._written(handed)
        if self._is_open:
            self._go_on(written)
        return failures

    def begin_sync(self) -> tuple[Collection[Flushable], Callable[[], None]] | None:
        if not self._unsynced:
            return None
        unsynced, self._unsynced = self._unsynced, {}
        return self._writers, partial(self._sync, unsynced, self._names)

    def close(self) -> None:
        """Writes what was handed over since the last commit; what the log has is there for the next opening."""
        self._is_open = False
        self.flush()

    def _write(self, entries: bytes) -> int:
        oldest = max(self.oldest, self._obsolete_before)
        head = frame_head(self.number, oldest, self._synced_bytes, entries)
        if not self._numbers:
            self._open_files.file_system.make_directories(self._directory)
        file = self._open_files.get(self._path(self.number), create=not self._size)
        if self._needs_cut or (not self._size and file.size):
            file.truncate(self._size)
            self._needs_cut = False
        try:
            file.append([head, entries])
        except OSError:
            try:
                file.truncate(self._size)
            except OSError:
                self._needs_cut = True
            raise
        if not self._size:
            self._numbers.append(self.number)
            self._names += 1
        written = FRAME_HEAD_BYTES + len(entries)
        self._size += written
        self._entries_bytes += len(entries)
        self._unsynced[self.number] = self._size
        return written

    def _written(self, handed: list[LogPart]) -> None:
        number = self.number
        oldest = self.oldest
        in_current = self._in_current
        writers: list[Flushable] = []
        for part in handed:
            part.logged(number, part.number >= oldest)
            in_current[part] = None
            if part.owner is not None:
                writers.append(part.owner)
        self._writers = writers
        self._gone = []
        if self._obsolete_before > oldest:
            self.oldest = self._obsolete_before
            self._remove_old()

    def _take_back(self, handed: list[LogPart], failure: StorageError, failures: dict[Flushable, StorageError]) -> None:
        """Acknowledgements wait for the next flush of their store; a crash before it brings the messages back."""
        if any(part.has_news for part in handed):
            _logger.warning("acknowledgements wait: %s", failure)
        for part in handed:
            lost, part.handed = part.handed, {}
            if lost and part.owner is not None:
                failures[part.owner] = failure
                part.owner.lost(lost)

    def _sync(self, unsynced: dict[int, int], names: int) -> None:
        if self._sync_failure is not None:
            raise StorageError(f"the log in {self._directory} could not be synced before: {self._sync_failure}")
        file_system = self._open_files.file_system
        try:
            for number in unsynced:
                # A file that is gone was not needed any more.
                with suppress(FileNotFoundError):
                    sync_file(file_system, self._path(number))
            if names > self._names_synced:
                # The first one may come with the directory itself.
                file_system.sync_directory(self._directory)
                file_system.sync_directory(self._directory.rpartition("/")[0] or "/")
                self._names_synced = names
        except OSError as error:
            # The system may drop what it failed to write, and say nothing the next time.
            self._sync_failure = str(error)
            raise StorageError(f"the log in {self._directory} could not be synced: {error}") from error
        if self.number in unsynced:
            self._synced_bytes = unsynced[self.number]

    # Rolling.

    def _go_on(self, written: int) -> None:
        if self._roll is None:
            if self._entries_bytes >= self._settings.log_bytes and not self._rolling_failed:
                self._begin_roll()
        elif not self._roll.is_syncing:
            self._write_out(self._roll, written)

    def _begin_roll(self) -> None:
        self.number += 1
        self._size = self._entries_bytes = self._synced_bytes = 0
        self._needs_cut = False
        self._roll = _Roll(self.number, self._in_current)
        self._in_current = {}
        self._group_commit.request()

    def _write_out(self, roll: _Roll, written: int) -> None:
        """So many stores that all are through before the next file is half full."""
        count = max(self._settings.parts_per_commit, len(roll.parts) * 2 * written // self._settings.log_bytes + 1)
        while roll.waiting and count:
            part = roll.waiting.popleft()
            if not self._is_written_out(part):
                # The disk takes nothing now; it is tried again when there is something to commit.
                roll.waiting.append(part)
                return
            count -= 1
        if roll.waiting:
            self._group_commit.request()
        else:
            self._sync_stores(roll)

    def _is_written_out(self, part: LogPart) -> bool:
        if part.owner is not None:
            return part.owner.write_out()
        # A store that was closed needs what the log has of it; one that was deleted does not.
        return self._parts.get(part.name) is not part

    def _sync_stores(self, roll: _Roll) -> None:
        roll.is_syncing = True
        checkpoints = [part.owner.checkpoint() for part in roll.parts if part.owner is not None]
        failures: list[str] = []

        def sync() -> None:
            try:
                self._sync_checkpoints(checkpoints)
            except (OSError, StorageError) as error:
                failures.append(str(error))

        def synced() -> None:
            self._roll = None
            if failures or self._sync_failure is not None:
                # The log stays as long as the process does: nobody knows what the disk has.
                self._rolling_failed = True
                _logger.warning(
                    "the log in %s stays, it or its stores could not be synced: %s", self._directory, failures or self._sync_failure
                )
            elif self._is_open:
                self._obsolete_before = roll.until
                self._group_commit.request()

        self._run_in_background(sync, synced)

    def _sync_checkpoints(self, checkpoints: list[Checkpoint]) -> None:
        if len(checkpoints) > self._settings.most_synced_singly and self._open_files.file_system.sync_all(self._directory):
            for checkpoint in checkpoints:
                checkpoint.synced()
        else:
            for checkpoint in checkpoints:
                checkpoint.sync()

    def _remove_old(self) -> None:
        """A frame says that they no longer count: they go once a power cut cannot take the frame and leave some of them."""
        until = self.oldest
        work = partial(self._sync, {self.number: self._size}, self._names)
        failures: list[StorageError] = []

        def sync() -> None:
            try:
                work()
            except StorageError as error:
                failures.append(error)

        def synced() -> None:
            if failures:
                _logger.warning("files of the log that no longer count stay: %s", failures[0])
                return
            for number in [number for number in self._numbers if number < until]:
                # What cannot be removed now is removed after the next roll.
                with suppress(OSError):
                    self._open_files.remove(self._path(number))
                    self._numbers.remove(number)

        self._run_in_background(sync, synced)

    def _path(self, number: int) -> str:
        return f"{self._directory}/{number:020d}.log"

    def _name(self, directory: str) -> bytes:
        return directory.removeprefix(f"{self._directory}/").encode("utf-8", "surrogateescape")
