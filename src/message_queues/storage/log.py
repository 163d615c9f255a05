"""The log of one partition: a directory of segments, and a checkpoint.

    {base offset, 20 digits}.log         record batches, see segment.py
    {base offset, 20 digits}.index       see index.py
    {base offset, 20 digits}.timeindex
    checkpoint                           see checkpoint.py; replaced as a whole

The recovery point is the offset up to which a checkpoint has synced the log. A byte below it is right or the log is damaged:
reading it raises DamagedFile, nothing is served and nothing dropped. Above it, opening takes batch after batch as long as they are
valid, and cuts the rest off: a tail that was torn by a crash. It says so in the log of the program and in `cut`.

`append` only collects; `flush` writes what was collected in one write per segment and makes it readable; `sync` makes it survive a
power cut. A flush that fails leaves the log as it was after the one before. `begin_sync` and `begin_checkpoint` return what another
thread may run, so that appending and reading go on meanwhile; everything else belongs to one thread.

Segments are removed whole. The new start goes into the checkpoint first, so that a crash in between leaves files that opening removes.
Only segments below the recovery point are removed; what is above it may be out of reach already, and goes after the next checkpoint.
"""

import posixpath
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final
from zlib import crc32

from message_queues.errors import CorruptMessage, DamagedFile, OffsetOutOfRange, StorageError
from message_queues.records.batch import HEADER_BYTES, PREFIX_BYTES, BatchHeader, read_header, read_records
from message_queues.storage.checkpoint import Checkpoint, write_checkpoint
from message_queues.storage.filesystem import File, sync_file, write_file
from message_queues.storage.index import MAX_RELATIVE_OFFSET, OFFSET_ENTRY_BYTES
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.recovery import CHECKPOINT_NAME, NO_RECOVERY_POINT, Cut, Recovery, RecoveryPoint
from message_queues.storage.segment import Segment

_NEVER: Final = 2**63


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How a log divides, indexes and forgets; names and defaults are those of Kafka's topic configurations."""

    segment_bytes: int = 1024 * 1024 * 1024
    segment_ms: int = 7 * 24 * 60 * 60 * 1000
    segment_jitter_ms: int = 0
    index_interval_bytes: int = 4096
    segment_index_bytes: int = 10 * 1024 * 1024
    retention_ms: int = -1
    """How long the newest record of a segment is kept; -1 is for ever."""
    retention_bytes: int = -1
    """How many bytes of segments are kept; -1 is all."""
    checkpoint_bytes: int = 32 * 1024 * 1024
    """How many bytes may follow a checkpoint before the next is due: what opening after a crash reads."""


class Log:
    """Record batches by offset, for one owner."""

    __slots__ = (
        "_active",
        "_checkpoint_number",
        "_directory",
        "_entries_created",
        "_entries_synced",
        "_full",
        "_last_epoch",
        "_open_files",
        "_pending",
        "_recovery",
        "_segments",
        "_settings",
        "_sync_failure",
        "_tail_offset",
        "_tail_position",
        "cut",
        "end_offset",
        "flushed_offset",
        "leader_epochs",
        "start_offset",
    )

    def __init__(self, open_files: OpenFiles, directory: str, settings: LogSettings) -> None:
        """A log without files; `open` is for everyone else."""
        self._open_files = open_files
        self._directory = directory
        self._settings = settings
        self._segments: list[Segment] = []
        self._active: Segment | None = None
        """The last segment, which takes the appends."""
        self._pending: list[bytes | memoryview] = []
        """What was appended to the active segment since the last flush."""
        self._full: list[tuple[Segment, list[bytes | memoryview]]] | None = None
        """What other segments wait to have written: those rolled since the last flush, and one whose torn tail must go first."""
        self._entries_created = 0
        """How often a file was created; `_entries_synced` is how many of these the directory has kept for good."""
        self._entries_synced = 0
        self._sync_failure: str | None = None
        self._checkpoint_number = 0
        """The newest checkpoint begun; an older one is not finished any more."""
        self._recovery = NO_RECOVERY_POINT
        self._last_epoch = -1
        self._tail_offset = -1
        """Where the last flush began: what a reader who waits for the tail asks for."""
        self._tail_position = 0
        self.start_offset = 0
        self.end_offset = 0
        """The next offset to be assigned; what was appended and not flushed is below it."""
        self.flushed_offset = 0
        """What is below it may be read."""
        self.leader_epochs: list[tuple[int, int]] = []
        """(epoch, first offset) of each leader epoch in the log, in order."""
        self.cut: Cut | None = None
        """What opening removed from the end."""

    @classmethod
    def open(cls, open_files: OpenFiles, directory: str, settings: LogSettings, on_recovered: Callable[[BatchHeader], None]) -> "Log":
        """The log in `directory`, which need not exist. `on_recovered` gets the header of each batch above the recovery point."""
        try:
            recovery = Recovery(open_files, directory, settings.index_interval_bytes, on_recovered)
        except OSError as error:
            raise StorageError(f"{directory} could not be opened: {error}") from error
        log = cls(open_files, directory, settings)
        if not recovery.is_new:
            log._take_over(recovery)
        return log

    def _take_over(self, recovery: Recovery) -> None:
        self.start_offset = recovery.start_offset
        self.end_offset = self.flushed_offset = recovery.end_offset
        self.leader_epochs = recovery.leader_epochs
        self._last_epoch = self.leader_epochs[-1][0] if self.leader_epochs else -1
        self._recovery = recovery.point
        self._segments = recovery.segments
        # Whether an earlier life came to syncing the directories cannot be seen.
        self._entries_created = 1
        self.cut = recovery.cut
        if self.cut is not None:
            # What was cut off must not come back behind what is written next.
            self.sync()
        if self._segments:
            self._active = self._segments[-1]
            self._set_limits(self._active)

    @property
    def settings(self) -> LogSettings:
        return self._settings

    @settings.setter
    def settings(self, settings: LogSettings) -> None:
        self._settings = settings
        if self._active is not None:
            self._set_limits(self._active)

    @property
    def checkpoint_state(self) -> bytes:
        """What the owner gave to the last checkpoint."""
        return self._recovery.state

    @property
    def size_bytes(self) -> int:
        return sum(segment.flushed_size for segment in self._segments)

    # Appending.

    def append(self, header: BatchHeader, chunks: tuple[bytes | memoryview, ...], now_ms: int) -> None:
        """Takes a batch that carries its offset and epoch already; `chunks` are its bytes, and stay unchanged until the flush."""
        assert header.base_offset == self.end_offset, (header, self.end_offset)
        size = header.batch_length + PREFIX_BYTES
        end_offset = header.base_offset + header.last_offset_delta + 1
        max_timestamp = header.max_timestamp
        segment = self._active
        if segment is None or (
            (
                segment.size + size > segment.roll_size
                or max_timestamp > segment.roll_timestamp
                or now_ms > segment.roll_now_ms
                or end_offset - segment.base_offset > MAX_RELATIVE_OFFSET
            )
            and segment.size
        ):
            segment = self._roll(now_ms)
        if not segment.size:
            segment.first_timestamp = max_timestamp
            self._set_limits(segment)
        if max_timestamp > segment.max_timestamp:
            segment.max_timestamp = max_timestamp
            segment.max_timestamp_offset = header.base_offset
        if header.leader_epoch != self._last_epoch:
            self._note_epoch(header.leader_epoch, header.base_offset)
        if segment.unindexed_bytes > self._settings.index_interval_bytes:
            self._add_index_entry(segment, header.base_offset)
        segment.unindexed_bytes += size
        segment.size += size
        self._pending += chunks
        self.end_offset = end_offset

    def flush(self) -> None:
        """Writes what was appended; on failure none of it remains, and StorageError says why."""
        pending = self._pending
        segment = self._active
        if not pending or segment is None:
            return
        try:
            if self._full is not None:
                self._write_full(self._full)
            file = self._open_files.get(segment.path) if segment.flushed_size else self._create(segment)
            file.append(pending)
        except OSError as error:
            self._take_back()
            raise StorageError(f"{segment.path} could not be written: {error}") from error
        self._pending = []
        self._tail_position = segment.flushed_size
        self._tail_offset = self.flushed_offset if segment.flushed_size else segment.base_offset
        if self._full is not None:
            for full, _ in self._full:
                full.mark_flushed()
            self._full = None
        segment.flushed_size = segment.size
        segment.flushed_max_timestamp = segment.max_timestamp
        segment.flushed_max_timestamp_offset = segment.max_timestamp_offset
        self.flushed_offset = self.end_offset

    def sync(self) -> None:
        """What was flushed survives a power cut from now on."""
        self.begin_sync()()

    def begin_sync(self) -> Callable[[], None]:
        """What any thread may run to sync all that is flushed by now; it raises StorageError."""
        unsynced = []
        for segment in reversed(self._segments):
            if segment.synced_size == segment.flushed_size != 0:
                break
            if segment.flushed_size:
                unsynced.append((segment, segment.flushed_size))
        return partial(self._sync, unsynced, self._entries_created)

    def _sync(self, unsynced: list[tuple[Segment, int]], entries_created: int) -> None:
        file_system = self._open_files.file_system
        if self._sync_failure is not None:
            raise StorageError(f"{self._directory} could not be synced before: {self._sync_failure}")
        try:
            # Oldest first: then a later segment is never more complete than an earlier one.
            for segment, size in reversed(unsynced):
                # Files that retention has removed meanwhile need no sync.
                with suppress(FileNotFoundError):
                    sync_file(file_system, segment.path)
                segment.synced_size = size
            if entries_created > self._entries_synced:
                self._sync_directories(entries_created)
        except OSError as error:
            # The system may drop what it failed to write, and say nothing the next time: this log is not durable any more.
            self._sync_failure = str(error)
            raise StorageError(f"{self._directory} could not be synced: {error}") from error

    @property
    def checkpoint_is_due(self) -> bool:
        """Whether so much was written, or a segment finished, that opening after a crash would take long."""
        active = self._active
        if active is None or not active.flushed_size:
            return False
        recovery = self._recovery
        if recovery.segment is not None and recovery.segment.base_offset == active.base_offset:
            return active.flushed_size - recovery.segment.size >= self._settings.checkpoint_bytes
        return active.base_offset != recovery.offset or active.flushed_size >= self._settings.checkpoint_bytes

    def checkpoint(self, state: bytes) -> None:
        """Moves the recovery point to the end of the log and keeps `state`, the owner's view of everything below it."""
        write, finish = self.begin_checkpoint(state)
        write()
        finish()

    def begin_checkpoint(self, state: bytes) -> tuple[Callable[[], None], Callable[[], None]]:
        """A checkpoint of the log as it is now in two parts: what any thread may run, then what its owner runs; both raise StorageError.

        It is left undone when another was begun meanwhile, be it to remove segments.
        """
        self.flush()
        self._write_indexes()
        written = [segment for segment in self._segments if segment.flushed_size]
        recovery = RecoveryPoint(self.flushed_offset, written[-1].facts() if written else None, state)
        self._checkpoint_number += 1
        write = partial(self._write_new_checkpoint, self._checkpoint_number, self.begin_sync(), self._checkpoint_content(recovery))
        return write, partial(self._adopt_checkpoint, self._checkpoint_number, recovery)

    def _write_new_checkpoint(self, number: int, sync: Callable[[], None], content: bytes) -> None:
        sync()
        path = self._new_checkpoint_path(number)
        try:
            write_file(self._open_files.file_system, path, content)
        except OSError as error:
            raise StorageError(f"{path} could not be written: {error}") from error

    def _adopt_checkpoint(self, number: int, recovery: RecoveryPoint) -> None:
        file_system = self._open_files.file_system
        try:
            if number != self._checkpoint_number:
                file_system.remove(self._new_checkpoint_path(number))
                return
            # Not synced: the checkpoint before says less, but nothing that is wrong.
            file_system.rename(self._new_checkpoint_path(number), self._checkpoint_path)
        except OSError as error:
            raise StorageError(f"{self._checkpoint_path} could not be written: {error}") from error
        self._recovery = recovery

    def close(self, state: bytes) -> None:
        """Makes a checkpoint, unless the last one says the same, and closes the files."""
        self.flush()
        has_files = self._entries_created > 0
        try:
            if has_files and (self.flushed_offset != self._recovery.offset or state != self._recovery.state):
                self.checkpoint(state)
        finally:
            self._close_files()

    def delete(self) -> None:
        """Removes the directory with all that is in it; the log is not to be used any more."""
        self._close_files()
        try:
            self._open_files.file_system.remove_tree(self._directory)
        except OSError as error:
            raise StorageError(f"{self._directory} could not be removed: {error}") from error

    # Reading.

    def read(self, offset: int, max_bytes: int, at_least_one: bool = True) -> bytes:
        """Batches from the one that holds `offset` on, about `max_bytes` of them: the first is whole, the last may be cut.

        A first batch larger than `max_bytes` is given nevertheless when `at_least_one`, else nothing is.
        """
        if offset >= self.flushed_offset or offset < self.start_offset:
            if self.start_offset <= offset <= self.end_offset:
                return b""
            raise OffsetOutOfRange(f"offset {offset} is not within {self.start_offset} and {self.end_offset} of {self._directory}")
        try:
            segment = self._segment_of(offset)
            if offset == self._tail_offset:
                position = self._tail_position
            else:
                position = segment.locate(self._open_files, offset, self._settings.index_interval_bytes)
            left = segment.flushed_size - position
            size = left if left < max_bytes else max_bytes
            data = self._open_files.get(segment.path).read_at(position, size)
            if len(data) < size:
                raise DamagedFile(segment.path, position + len(data), f"it ends before {segment.flushed_size}, which was written")
            if size < left:
                data = self._whole_first_batch(segment, position, data, at_least_one)
        except OSError as error:
            raise StorageError(f"{self._directory} could not be read: {error}") from error
        if position < segment.trusted_from and not segment.is_trusted(position, position + len(data)):
            return segment.check(data, position, self._epoch_at)
        return data

    def offset_for_timestamp(self, timestamp_ms: int) -> tuple[int, int] | None:
        """(offset, timestamp) of the first record that is as late as `timestamp_ms` or later."""
        try:
            for segment in self._readable_segments():
                if segment.flushed_max_timestamp >= timestamp_ms:
                    found = self._search(segment, timestamp_ms)
                    if found is not None:
                        return found
        except OSError as error:
            raise StorageError(f"{self._directory} could not be read: {error}") from error
        return None

    def max_timestamp(self) -> tuple[int, int] | None:
        """(offset, timestamp) of the first record that has the latest timestamp in the log."""
        latest = -1
        for segment in self._readable_segments():
            if segment.flushed_max_timestamp_offset >= self.start_offset:
                latest = max(latest, segment.flushed_max_timestamp)
            elif segment.flushed_max_timestamp > latest:
                latest = max(latest, self._latest_readable(segment))
        return None if latest < 0 else self.offset_for_timestamp(latest)

    # Forgetting.

    def delete_before(self, offset: int) -> None:
        """Moves the start of the log to `offset`, for good; segments wholly before it go."""
        if offset > self.flushed_offset or offset < 0:
            raise OffsetOutOfRange(f"offset {offset} is not within {self.start_offset} and {self.flushed_offset} of {self._directory}")
        if offset > self.start_offset:
            self._move_start(offset)

    def apply_retention(self, now_ms: int, state: Callable[[], bytes] | None = None) -> int:
        """Puts the segments that are too old or too many out of reach and removes their files; returns the bytes given back.

        Files above the recovery point stay for the time being, unless `state` gives what a checkpoint needs.
        """
        keep_from = self._first_kept_segment(now_ms)
        if keep_from == 0:
            return 0
        # Not with something to flush: who appended it must hear of it if that fails.
        if self._end_of(keep_from - 1) > self._recovery.offset and state is not None and not self._pending:
            self.checkpoint(state())
        if keep_from == len(self._segments):
            self._roll(now_ms)
        size = self.size_bytes
        self._move_start(self._segments[keep_from].base_offset)
        return size - self.size_bytes

    def _first_kept_segment(self, now_ms: int) -> int:
        """How many segments at the beginning of the log may go."""
        settings = self._settings
        excess = self.size_bytes - settings.retention_bytes if settings.retention_bytes >= 0 else -1
        for number, segment in enumerate(self._segments):
            if not segment.flushed_size or segment.size != segment.flushed_size:
                return number
            latest = segment.flushed_max_timestamp if segment.flushed_max_timestamp >= 0 else segment.created_ms
            is_expired = settings.retention_ms >= 0 and now_ms - latest > settings.retention_ms
            excess -= segment.flushed_size
            if not is_expired and excess < 0 and self._end_of(number) > self.start_offset:
                return number
        return len(self._segments)

    def _move_start(self, offset: int) -> None:
        """The checkpoint first: a crash after it leaves files that opening removes, one before it changes nothing."""
        earlier = self.start_offset, self._segments, self._recovery
        self.start_offset = max(self.start_offset, offset)
        out_of_reach = min(self.start_offset, self._recovery.offset)
        gone = 0
        while gone + 1 < len(self._segments) and self._end_of(gone) <= out_of_reach:
            gone += 1
        removed, self._segments = self._segments[:gone], self._segments[gone:]
        if not removed and self.start_offset == earlier[0]:
            return
        recovery_segment = self._recovery.segment
        if recovery_segment is not None and any(segment.base_offset == recovery_segment.base_offset for segment in removed):
            self._recovery = self._recovery._replace(segment=None)
        try:
            self._rewrite_checkpoint()
        except StorageError:
            self.start_offset, self._segments, self._recovery = earlier
            raise
        self._forget_epochs()
        for segment in removed:
            segment.remove_files(self._open_files)

    def _end_of(self, number: int) -> int:
        return self._segments[number + 1].base_offset if number + 1 < len(self._segments) else self.end_offset

    def _forget_epochs(self) -> None:
        first = bisect_right(self.leader_epochs, self.start_offset, key=_first_offset) - 1
        if first > 0:
            del self.leader_epochs[:first]

    # How appending is done.

    def _roll(self, now_ms: int) -> Segment:
        if self._active is not None and self._pending:
            self._full = [*(self._full or ()), (self._active, self._pending)]
            self._pending = []
        segment = self._active = Segment(self._directory, self.end_offset, now_ms)
        self._segments.append(segment)
        return segment

    def _set_limits(self, segment: Segment) -> None:
        settings = self._settings
        jitter_ms = crc32(segment.path.encode()) % settings.segment_jitter_ms if settings.segment_jitter_ms else 0
        age_ms = settings.segment_ms - min(jitter_ms, settings.segment_ms)
        is_full = segment.index is not None and len(segment.index) >= settings.segment_index_bytes // OFFSET_ENTRY_BYTES
        segment.roll_size = 0 if is_full else settings.segment_bytes
        segment.roll_timestamp = segment.first_timestamp + age_ms if segment.first_timestamp >= 0 else _NEVER
        segment.roll_now_ms = _NEVER if segment.first_timestamp >= 0 else segment.created_ms + age_ms

    def _add_index_entry(self, segment: Segment, base_offset: int) -> None:
        segment.add_index_entry(base_offset, segment.size)
        self._set_limits(segment)

    def _note_epoch(self, epoch: int, offset: int) -> None:
        self.leader_epochs.append((epoch, offset))
        self._last_epoch = epoch

    def _epoch_at(self, offset: int) -> tuple[int, int]:
        """The leader epoch of a batch, and the offset at which it may change."""
        after = bisect_right(self.leader_epochs, offset, key=_first_offset)
        return self.leader_epochs[after - 1][0], self.leader_epochs[after][1] if after < len(self.leader_epochs) else _NEVER

    def _create(self, segment: Segment) -> File:
        file_system = self._open_files.file_system
        if self._segments[0] is segment:
            file_system.make_directories(self._directory)
        elif self._entries_created > self._entries_synced:
            # A later segment must not outlive an earlier one in a power cut.
            self._sync_directories(self._entries_created)
        self._entries_created += 1
        file = self._open_files.get(segment.path, create=True)
        if file.size:
            file.truncate(0)
        return file

    def _write_full(self, full: list[tuple[Segment, list[bytes | memoryview]]]) -> None:
        for segment, chunks in full:
            file = self._open_files.get(segment.path) if segment.flushed_size else self._create(segment)
            if file.size != segment.flushed_size:
                file.truncate(segment.flushed_size)
            if chunks:
                file.append(chunks)

    def _take_back(self) -> None:
        """After a failed flush: the log, in memory and on disk, is what the flush before left."""
        unwritten = [segment for segment, _ in self._full or ()] + self._segments[-1:]
        self._full = None
        self._pending = []
        self.end_offset = self.flushed_offset
        for segment in unwritten:
            if segment.flushed_size:
                segment.take_back(self.flushed_offset)
                self._cut_file(segment)
            else:
                self._segments.remove(segment)
                segment.discard(self._open_files)
        self._active = self._segments[-1] if self._segments else None
        while self.leader_epochs and self.leader_epochs[-1][1] >= self.flushed_offset:
            self.leader_epochs.pop()
        self._last_epoch = self.leader_epochs[-1][0] if self.leader_epochs else -1

    def _cut_file(self, segment: Segment) -> None:
        try:
            self._open_files.get(segment.path).truncate(segment.flushed_size)
        except OSError:
            # The next flush tries again before it writes.
            self._full = [(segment, [])]

    def _sync_directories(self, entries_created: int) -> None:
        directory = self._directory
        # The first file may have brought the directory and the one above it into being.
        for _ in range(1 if self._entries_synced else 3):
            self._open_files.file_system.sync_directory(directory)
            directory = posixpath.dirname(directory) or "."
        self._entries_synced = entries_created

    def _close_files(self) -> None:
        self._checkpoint_number += 1
        for segment in self._segments:
            for path in segment.paths:
                self._open_files.discard(path)

    # How the checkpoint is made and used.

    @property
    def _checkpoint_path(self) -> str:
        return f"{self._directory}/{CHECKPOINT_NAME}"

    def _new_checkpoint_path(self, number: int) -> str:
        # Two may be written at the same time: one that another thread has not finished, and one that replaces it.
        return f"{self._directory}/{CHECKPOINT_NAME}.{number}"

    def _rewrite_checkpoint(self) -> None:
        """The same recovery point and state, another start or other segments."""
        self._checkpoint_number += 1
        if self.start_offset > self._recovery.offset:
            # A power cut must not leave a log that ends before it begins.
            self.sync()
        try:
            if not self._entries_created:
                self._open_files.file_system.make_directories(self._directory)
                self._entries_created += 1
            self._open_files.file_system.write_atomically(self._checkpoint_path, self._checkpoint_content(self._recovery))
            self._sync_directories(self._entries_created)
        except OSError as error:
            raise StorageError(f"{self._checkpoint_path} could not be written: {error}") from error

    def _checkpoint_content(self, recovery: RecoveryPoint) -> bytes:
        last = recovery.segment
        return write_checkpoint(
            Checkpoint(
                recovery.offset,
                self.start_offset,
                tuple(epoch for epoch in self.leader_epochs if epoch[1] < recovery.offset),
                (*(segment.facts() for segment in self._segments if segment.base_offset < last.base_offset), last) if last else (),
                recovery.state,
            )
        )

    def _write_indexes(self) -> None:
        """Of the segments that the last checkpoint did not know to be complete."""
        first = self._recovery.segment.base_offset if self._recovery.segment is not None else self._recovery.offset
        for segment in self._segments:
            if segment.base_offset >= first and segment.index is not None:
                # An index that could not be written is one with fewer entries.
                with suppress(OSError):
                    segment.index.write(self._open_files)

    # How reading is done.

    def _segment_of(self, offset: int) -> Segment:
        active = self._segments[-1]
        if offset >= active.base_offset:
            return active
        return self._segments[bisect_right(self._segments, offset, key=_base_offset) - 1]

    def _whole_first_batch(self, segment: Segment, position: int, data: bytes, at_least_one: bool) -> bytes:
        """`data`, or the first batch if that is longer."""
        size = (read_header(data) if len(data) >= HEADER_BYTES else segment.header_at(self._open_files, position)).size
        if size <= len(data):
            return data
        if not at_least_one:
            return b""
        if size > segment.flushed_size - position:
            raise DamagedFile(segment.path, position, f"the batch claims {size} bytes and goes past the end of the segment")
        return self._open_files.get(segment.path).read_at(position, size)

    def _readable_segments(self) -> list[Segment]:
        """Those that hold something between the start and what was flushed."""
        return [
            segment
            for number, segment in enumerate(self._segments)
            if segment.flushed_size and self._end_of(number) > self.start_offset < self.flushed_offset
        ]

    def _search(self, segment: Segment, timestamp_ms: int) -> tuple[int, int] | None:
        offset = max(self.start_offset, segment.offset_before(self._open_files, timestamp_ms, self._settings.index_interval_bytes))
        for header, position in self._batches_from(segment, offset):
            if header.max_timestamp >= timestamp_ms:
                batch = self._open_files.get(segment.path).read_at(position, header.size)
                found = _first_record(batch, timestamp_ms, self.start_offset)
                if found is not None:
                    return found
        return None

    def _latest_readable(self, segment: Segment) -> int:
        """The latest timestamp in the first segment, whose own latest was deleted; of a batch in part deleted it is the whole one's."""
        return max(header.max_timestamp for header, _ in self._batches_from(segment, self.start_offset))

    def _batches_from(self, segment: Segment, offset: int) -> Iterator[tuple[BatchHeader, int]]:
        position = segment.locate(self._open_files, offset, self._settings.index_interval_bytes)
        return segment.batches(self._open_files, position, segment.header_at(self._open_files, position).base_offset)


def _first_record(batch: bytes, timestamp_ms: int, start_offset: int) -> tuple[int, int] | None:
    """The first record from `start_offset` on that is as late as `timestamp_ms`."""
    try:
        records = read_records(batch)
    except CorruptMessage:
        # The producer's checksum covers garbage; the batch as a whole is as near as one can get.
        header = read_header(batch)
        return (header.base_offset, header.max_timestamp) if header.base_offset >= start_offset else None
    for record in records:
        if record.timestamp >= timestamp_ms and record.offset >= start_offset:
            return record.offset, record.timestamp
    return None


def _base_offset(segment: Segment) -> int:
    return segment.base_offset


def _first_offset(epoch: tuple[int, int]) -> int:
    return epoch[1]
