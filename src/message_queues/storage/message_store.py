"""A queue on disk: a directory of segments of messages, and of what became of them.

    {base position, 20 digits}.messages    messages, see message_segment.py
    {base position, 20 digits}.acks        which of them are acknowledged, see acknowledgements.py
    {base position, 20 digits}.transient   messages that need not outlive the process: removed by the next opening
    *.new                                  a segment being written anew: removed by the next opening

A message is in the store if and only if it is in a valid batch of a `.messages` file and no valid group of the `.acks` file beside it
acknowledges it. Segments do not depend on each other: one whose messages are all acknowledged is removed, wherever it stands, first its
messages, then, once that cannot be undone by a power cut, its acknowledgements. A sealed segment of which little is left is written
anew with what is left, and takes the place of the old one in one step.

`append`, `acknowledge` and `returned` only collect; `flush` writes what was collected. A flush whose messages cannot be written leaves
none of them, says which through `taken_back`, and raises StorageError; acknowledgements that cannot be written wait for the next one.
Positions are the owner's: ascending, with gaps, never used again. Messages of either kind have segments of their own and are read in
one order. Sealing and writing anew happen on another thread; everything else belongs to one.

With a shared log (shared_log.py) a flush that has little hands it to the log instead, and keeps the messages in memory until they are
written out: `LogPart`. What a segment has outweighs what the log says of the same message.
"""

import logging
import posixpath
import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final

from message_queues.errors import CorruptMessage, DamagedFile, StorageError
from message_queues.storage.acknowledgements import Group, write_group
from message_queues.storage.filesystem import sync_file
from message_queues.storage.group_commit import GroupCommit, RunInBackground, run_at_once
from message_queues.storage.log_part import LogPart, Messages
from message_queues.storage.message_recovery import open_segment
from message_queues.storage.message_segment import (
    LARGEST_SPAN,
    PERSISTENT,
    SUMMARY_BYTES,
    TRANSIENT,
    Batch,
    MessageSegment,
    Pieces,
    StoredMessage,
    Summary,
    Weigh,
    batch_head,
    make_batches,
    write_summary,
)
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.rewriting import Rewritten, rewrite_segment
from message_queues.storage.shared_log import SharedLog

__all__ = ["PERSISTENT", "TRANSIENT", "MessageStore", "MessageStoreSettings", "StoreHome", "StoredMessage", "run_at_once"]

_logger = logging.getLogger(__name__)

_NAME: Final = re.compile(r"(\d{20})\.(messages|acks)")
_REMOVABLE: Final = re.compile(r"\d{20}\.transient|.+\.new")
_LEFT_TO_REWRITE: Final = 4
"""A segment is written anew when at most one in so many of its messages is left."""
POSITIONS_PER_LIFE: Final = 1 << 40
"""An opened store goes on so far behind the last position that it finds."""
_ACKS_LEFT: Final = 16
"""So many files of acknowledgements of removed segments are left lying before a sync of the directory is worth it."""
_UNLIMITED: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class MessageStoreSettings:
    segment_bytes: int = 4 * 1024 * 1024
    unsealed_segments: int = 4
    """So many full segments are left unsealed behind the last one: most are empty before it is worth a sync."""
    least_rewritten_bytes: int = 64 * 1024
    """Smaller segments are not written anew."""
    flushes_between_looks: int = 64
    """So many flushes apart it is looked for segments to seal or to write anew."""
    least_closing_bytes: int = 1024 * 1024
    """Larger ones are sealed when the store is closed; smaller ones are read through at the next opening."""


@dataclass(frozen=True, slots=True)
class StoreHome:
    """What all stores of a server share."""

    open_files: OpenFiles
    group_commit: GroupCommit
    run_in_background: RunInBackground = run_at_once
    settings: MessageStoreSettings = MessageStoreSettings()
    log: SharedLog | None = None
    """None: each store writes to its own files alone."""

    def exists(self, directory: str) -> bool:
        """Whether anything is stored there."""
        return self.open_files.file_system.exists(directory) or (self.log is not None and self.log.knows(directory))

    def names_in(self, directory: str) -> set[str]:
        """The files and directories there, those that only the log knows included."""
        names = set(self.log.names_in(directory)) if self.log is not None else set()
        with suppress(FileNotFoundError):
            names.update(self.open_files.file_system.list_directory(directory))
        return names


class _Segments:
    """The segments of one kind of messages, and what waits to be written to the last one."""

    __slots__ = ("active", "all", "pending", "where")

    def __init__(self, where: int) -> None:
        self.where = where
        self.all: list[MessageSegment] = []
        """In order of their bases."""
        self.active: MessageSegment | None = None
        """The last one, if it takes more."""
        self.pending: Messages = {}

    def holding(self, position: int) -> MessageSegment | None:
        """The only segment that may have the position."""
        active = self.active
        if active is not None and position >= active.base:
            return active
        after = bisect_right(self.all, position, key=_base)
        return self.all[after - 1] if after else None


@dataclass(frozen=True, slots=True)
class StoreCheckpoint:
    sync: Callable[[], None]
    """On any thread; raises StorageError."""
    synced: Callable[[], None]
    """All files were synced together."""


class MessageStore:
    """Messages by position, for one owner."""

    __slots__ = (
        "_acknowledged",
        "_acks_failed",
        "_acks_to_remove",
        "_directory",
        "_directory_changes",
        "_directory_synced",
        "_flushes_to_look",
        "_group_commit",
        "_home",
        "_is_closed",
        "_is_deleted",
        "_is_dirty",
        "_is_working",
        "_log",
        "_needs_sync",
        "_open_files",
        "_part",
        "_persistent",
        "_removed_once_logged",
        "_sync_failure",
        "_taken_back",
        "_to_rewrite",
        "_to_seal",
        "_transient",
        "_unsynced",
        "_weigh",
        "next_position",
    )

    def __init__(
        self, home: StoreHome, directory: str, weigh: Weigh, taken_back: Callable[[list[tuple[int, int]]], None] = lambda lost: None
    ) -> None:
        """The store in `directory`, which need not exist: no file is made before the first flush.

        `weigh` gives the weight of a message, for those that no summary tells of. `taken_back` is told (position, weight) of messages
        that could not be written. Raises StorageError and DamagedFile.
        """
        self._home = home
        self._open_files = home.open_files
        self._group_commit = home.group_commit
        self._directory = directory
        self._weigh = weigh
        self._taken_back = taken_back
        self._persistent = _Segments(PERSISTENT)
        self._transient = _Segments(TRANSIENT)
        self._acknowledged: list[MessageSegment] = []
        """Segments with acknowledgements or returns that are not in their files."""
        self._removed_once_logged: list[MessageSegment] = []
        """Segments without messages that go once the log says so: it may have copies."""
        self._acks_failed = False
        """Some of them were to be in their files, and the log does not have them."""
        self._unsynced: dict[MessageSegment, None] = {}
        """Segments with bytes, of messages or of acknowledgements, that no sync was begun for."""
        self._to_seal: list[MessageSegment] = []
        self._to_rewrite: dict[MessageSegment, int] = {}
        """Sealed segments with little left, and how much was left when they were last looked at."""
        self._flushes_to_look = 0
        self._acks_to_remove: list[tuple[str, int]] = []
        """Of removed segments; each with the directory change that has to be synced before."""
        self._directory_changes = 0
        self._directory_synced = 0
        self._sync_failure: str | None = None
        self._log = home.log
        self._part = home.log.part(directory) if home.log is not None else None
        """What the log has of this store, and is to get with the next flush."""
        if self._part is not None:
            self._part.owner = self
        self._needs_sync = False
        """The last flush wrote to the store's own files."""
        self._is_dirty = False
        self._is_working = False
        self._is_closed = False
        self._is_deleted = False
        self.next_position = 0
        """At opening: a position behind all that are stored."""
        try:
            self._open()
        except OSError as error:
            raise StorageError(f"{directory} could not be opened: {error}") from error

    # What is in it. These walk over all segments: they are for opening and for reports.

    @property
    def count(self) -> int:
        return sum(segment.live for segment in self._segments()) + sum(map(len, self._in_memory()))

    @property
    def weight(self) -> int:
        in_memory = sum(weight for messages in self._in_memory() for weight, _ in messages.values())
        return sum(segment.live_weight for segment in self._segments()) + in_memory

    @property
    def disk_bytes(self) -> int:
        return sum(segment.size + segment.acks_bytes for segment in self._segments())

    def _in_memory(self) -> list[Messages]:
        """Of persistent messages first those that only the log has."""
        logged = self._part.messages if self._part is not None else {}
        return [logged, self._persistent.pending, self._transient.pending]

    # Collecting.

    def append(self, position: int, pieces: Pieces, weight: int, is_persistent: bool) -> None:
        """Takes a message whose position is behind all earlier ones of its kind."""
        if is_persistent:
            self._persistent.pending[position] = (weight, pieces)
        else:
            self._transient.pending[position] = (weight, pieces)
        if not self._is_dirty:
            self._is_dirty = True
            self._group_commit.add(self)

    def acknowledge(self, position: int, weight: int, where: int) -> None:
        """The message is no longer wanted; nothing happens if it is not there."""
        segments = self._persistent if where == PERSISTENT else self._transient
        if segments.pending and segments.pending.pop(position, None) is not None:
            return
        part = self._part if where == PERSISTENT else None
        if part is not None and part.messages and part.acknowledge(position):
            self._mark_dirty()
            return
        segment = segments.active
        if segment is None or position < segment.base:
            segment = segments.holding(position)
            if segment is None:
                return
        is_first = not segment.new_acks and not segment.new_returns
        if segment.acknowledge(position, weight):
            if is_first:
                self._acknowledged.append(segment)
            if part is not None:
                part.new_acknowledged.append(position)
            if not self._is_dirty:
                self._is_dirty = True
                self._group_commit.add(self)

    def returned(self, position: int, delivery_count: int, acquired_count: int) -> None:
        """Notes the counts of a message that came back, for the next opening; only of persistent ones."""
        part = self._part
        if part is not None and part.returned(position, delivery_count, acquired_count):
            self._mark_dirty()
            return
        segment = self._persistent.holding(position)
        if segment is None or position in self._persistent.pending or position >= segment.end:
            # What came back before it was ever written is new to the next opening.
            return
        if part is not None:
            part.new_returns.append((position, delivery_count, acquired_count))
        if not segment.new_acks and not segment.new_returns:
            self._acknowledged.append(segment)
        segment.new_returns.append((position - segment.base, delivery_count, acquired_count))
        self._mark_dirty()

    def purge(self, first: int) -> int:
        """All messages from position `first` on go at once; returns how many there were."""
        count = self._part.purge(first) if self._part is not None else 0
        self._needs_sync = True
        try:
            for segments in (self._persistent, self._transient):
                for position in [position for position in segments.pending if position >= first]:
                    del segments.pending[position]
                    count += 1
                place = bisect_left(segments.all, first, key=_base)
                for segment in segments.all[place:]:
                    count += segment.live
                    if segment not in self._removed_once_logged:
                        self._remove(segments, segment)
                if place and segments.all[place - 1].end > first:
                    count += self._acknowledge_from(segments, segments.all[place - 1], first)
        except OSError as error:
            raise StorageError(f"{self._directory} could not be purged: {error}") from error
        self._mark_dirty()
        return count

    def _acknowledge_from(self, segments: _Segments, segment: MessageSegment, first: int) -> int:
        found: list[StoredMessage] = []
        segment.read(self._open_files, first, found, _UNLIMITED, _UNLIMITED)
        for position, data, start, end, _, _ in found:
            self.acknowledge(position, self._weight_of(segment, data, start, end), segments.where)
        return len(found)

    # Reading.

    def read(self, position: int, max_messages: int, max_bytes: int) -> list[StoredMessage]:
        """Messages from `position` on, in order, those that wait to be written included: at least one if there is one."""
        try:
            found, is_cut = self._read_kind(self._persistent, position, max_messages, max_bytes)
            if self._transient.all or self._transient.pending:
                others, others_are_cut = self._read_kind(self._transient, position, max_messages, max_bytes)
                if others:
                    # What follows the last one of a kind that was cut off may be preceded by more of that kind.
                    end = min(found[-1][0] if is_cut else _UNLIMITED, others[-1][0] if others_are_cut else _UNLIMITED)
                    found = sorted(stored for stored in found + others if stored[0] <= end)[:max_messages]
        except OSError as error:
            raise StorageError(f"{self._directory} could not be read: {error}") from error
        return found

    def _read_kind(self, segments: _Segments, position: int, max_messages: int, max_bytes: int) -> tuple[list[StoredMessage], bool]:
        """Messages of one kind, and whether there may be more."""
        found: list[StoredMessage] = []
        number = max(0, bisect_right(segments.all, position, key=_base) - 1)
        while number < len(segments.all) and len(found) < max_messages and max_bytes > 0:
            segment = segments.all[number]
            if segment.live and segment.end > position:
                max_bytes -= segment.read(self._open_files, position, found, max_messages, max_bytes)
            number += 1
        if len(found) < max_messages and max_bytes > 0:
            for at, pieces, counts in self._unwritten(segments):
                if at >= position:
                    data = b"".join(pieces)
                    found.append((at, data, 0, len(data), segments.where, counts))
                    max_bytes -= len(data)
                    if len(found) >= max_messages or max_bytes <= 0:
                        break
        return found, len(found) >= max_messages or max_bytes <= 0

    def _unwritten(self, segments: _Segments) -> Iterable[tuple[int, Pieces, tuple[int, int] | None]]:
        """Messages that no file of the store has, in order, with the counts of an earlier return."""
        if self._part is not None and segments.where == PERSISTENT:
            returns = self._part.returns
            for position, (_, pieces) in self._part.messages.items():
                yield position, pieces, returns.get(position)
        for position, (_, pieces) in segments.pending.items():
            yield position, pieces, None

    # Group commit.

    def flush(self) -> None:
        """Writes what was collected, or hands it to the log; on failure no message of it remains, and StorageError says why."""
        self._is_dirty = False
        if not self._is_closed:
            part, log = self._part, self._log
            self._flush(part is not None and log is not None and not self._acks_failed and log.takes(part, self._persistent.pending))

    def _flush(self, is_logged: bool) -> None:
        failure: OSError | None = None
        lost: Messages = {}
        for segments in (self._transient,) if is_logged else (self._persistent, self._transient):
            if segments.pending:
                pending, segments.pending = segments.pending, {}
                try:
                    self._write_messages(segments, pending)
                except OSError as error:
                    failure = error
                    lost |= pending
        self._needs_sync = self._needs_sync or not is_logged
        if self._log is not None:
            self._tell_log(self._log, is_logged)
        if self._acknowledged:
            self._write_acknowledgements(is_logged)
        self._flushes_to_look -= 1
        if self._flushes_to_look < 0 and not self._is_working:
            self._begin_work()
        if failure is not None:
            self.lost(lost)
            raise StorageError(f"{self._directory} could not be written: {failure}") from failure

    def lost(self, messages: Messages) -> None:
        """They could not be written."""
        self._taken_back([(position, weight) for position, (weight, _) in messages.items()])

    def _tell_log(self, log: SharedLog, is_logged: bool) -> None:
        part = self._part
        assert part is not None
        messages: Messages = {}
        if is_logged:
            messages, self._persistent.pending = self._persistent.pending, {}
        else:
            part.forget_news(log.is_living(part))
        if messages or part.has_news:
            log.hand_over(part, messages)

    def write_out(self) -> bool:
        """What only the log has goes to the store's own files; whether all of it is there."""
        try:
            if self._part is not None and self._part.messages:
                self._write_messages(self._persistent, {})
        except OSError as error:
            _logger.warning("%s: what the log has of it could not be written: %s", self._directory, error)
            return False
        had_failed = self._acks_failed
        if self._acknowledged:
            self._write_acknowledgements()
        if had_failed and not self._acks_failed:
            # The log does not have them: they are durable once this store is synced.
            self._needs_sync = True
            self._mark_dirty()
        self._remove_logged()
        return not self._acknowledged and not self._removed_once_logged

    def _write_messages(self, segments: _Segments, pending: Messages) -> None:
        """With those that only the log has, which stay there on failure: OSError."""
        part = self._part if segments.where == PERSISTENT else None
        logged = part.messages if part is not None else {}
        self._write(segments, make_batches((logged | pending if logged else pending).items()))
        if part is not None and logged:
            for position, counts in part.returns.items():
                self._note_returned(position, counts)
            part.written_out()

    def _note_returned(self, position: int, counts: tuple[int, int]) -> None:
        """Counts that the log has, of a message in a segment: they are to be in its acknowledgements."""
        segment = self._persistent.holding(position)
        if segment is None or position >= segment.end:
            return
        if not segment.new_acks and not segment.new_returns:
            self._acknowledged.append(segment)
        segment.new_returns.append((position - segment.base, *counts))
        if segment.returned is None:
            segment.returned = {}
        segment.returned[position] = counts

    def begin_sync(self) -> Callable[[], None] | None:
        """What any thread may run to sync all that was flushed to the store's own files by now; it raises StorageError."""
        if self._part is not None and not self._needs_sync and self._sync_failure is None:
            return None
        self._needs_sync = False
        unsynced = [(segment, segment.size, segment.acks_bytes) for segment in self._unsynced]
        self._unsynced = {}
        return partial(self._sync, unsynced, self._directory_changes)

    def checkpoint(self) -> "StoreCheckpoint":
        """All that was ever written to the store's own files and not synced."""
        unsynced = [
            (segment, segment.size, segment.acks_bytes)
            for segment in self._persistent.all
            if segment.size > segment.synced_bytes or segment.acks_bytes > segment.acks_synced_bytes
        ]
        return StoreCheckpoint(
            partial(self._sync, unsynced, self._directory_changes), partial(self._synced, unsynced, self._directory_changes)
        )

    def committed(self) -> None:
        """Readers were shown everything before; only now the acknowledgements of removed segments may go."""
        self._remove_logged()
        if self._acks_to_remove:
            self._remove_acks()

    def _sync(self, unsynced: list[tuple[MessageSegment, int, int]], directory_changes: int) -> None:
        file_system = self._open_files.file_system
        if self._sync_failure is not None:
            raise StorageError(f"{self._directory} could not be synced before: {self._sync_failure}")
        try:
            for segment, size, acks_bytes in unsynced:
                if segment.where == TRANSIENT:
                    continue
                if segment.is_removed:
                    # What was acknowledged of it is durable once its removal is.
                    directory_changes = self._directory_changes
                    continue
                try:
                    if size > segment.synced_bytes:
                        sync_file(file_system, segment.path)
                        segment.synced_bytes = size
                    if acks_bytes > segment.acks_synced_bytes:
                        sync_file(file_system, segment.acks_path)
                        segment.acks_synced_bytes = acks_bytes
                except FileNotFoundError:
                    directory_changes = self._directory_changes
            self._sync_directory(directory_changes)
        except OSError as error:
            if self._is_deleted:
                return
            # The system may drop what it failed to write, and say nothing the next time: this store is not durable any more.
            self._sync_failure = str(error)
            raise StorageError(f"{self._directory} could not be synced: {error}") from error

    def _synced(self, unsynced: list[tuple[MessageSegment, int, int]], directory_changes: int) -> None:
        for segment, size, acks_bytes in unsynced:
            segment.synced_bytes = max(segment.synced_bytes, size)
            segment.acks_synced_bytes = max(segment.acks_synced_bytes, acks_bytes)
        self._directory_synced = max(self._directory_synced, directory_changes)

    def _sync_directory(self, directory_changes: int) -> None:
        if directory_changes > self._directory_synced:
            directory = self._directory
            # The first file may have brought the directory and those of its queue and of all queues into being.
            for _ in range(1 if self._directory_synced else 4):
                self._open_files.file_system.sync_directory(directory)
                directory = posixpath.dirname(directory) or "."
            self._directory_synced = directory_changes

    # The end.

    def close(self) -> None:
        """Flushes and closes; larger segments are sealed, so that the next opening is quick. The store takes no more."""
        try:
            if self._is_dirty:
                self._flush(is_logged=False)
            for segment in list(self._persistent.all):
                if not segment.is_sealed and segment.size >= self._home.settings.least_closing_bytes:
                    self._seal_now(segment)
            for segment in list(self._transient.all):
                self._remove(self._transient, segment)
        except OSError as error:
            raise StorageError(f"{self._directory} could not be closed: {error}") from error
        finally:
            self._is_closed = True
            if self._part is not None:
                self._leave_log(self._part)
            self._open_files.discard_directory(self._directory)

    def _leave_log(self, part: LogPart) -> None:
        """What the log has is there for the next opening."""
        part.owner = None
        part.acknowledged.update(segment.base + number for segment in self._persistent.all for number in segment.new_acks)
        for segment in self._persistent.all:
            for number, *counts in segment.new_returns:
                part.returns[segment.base + number] = counts[0], counts[1]

    def delete(self) -> None:
        """Removes the directory with all that is in it; the store takes no more."""
        self._is_closed = self._is_deleted = True
        if self._part is not None and self._log is not None:
            self._log.forget(self._part)
        try:
            for segment in self._segments():
                segment.is_removed = True
                # Before its acknowledgements: a crash in between brings none of them back.
                with suppress(FileNotFoundError):
                    self._open_files.remove(segment.path)
                if segment.where == PERSISTENT:
                    self._open_files.discard(segment.acks_path)
            self._unsynced = {}
            for path, _ in self._acks_to_remove:
                self._open_files.discard(path)
            self._open_files.file_system.remove_tree(self._directory)
        except OSError as error:
            if not self._is_working:
                raise StorageError(f"{self._directory} could not be removed: {error}") from error

    # How it is opened.

    def _open(self) -> None:
        file_system = self._open_files.file_system
        try:
            names = file_system.list_directory(self._directory)
            # Whether an earlier life came to syncing the directories cannot be seen.
            self._directory_changes = 1
        except FileNotFoundError:
            names = []
        for name in names:
            if _REMOVABLE.fullmatch(name):
                self._open_files.remove(f"{self._directory}/{name}")
        found = {name for name in names if _NAME.fullmatch(name)}
        end = 0
        logged = sorted(self._part.acknowledged) if self._part is not None else []
        for name in sorted(found, reverse=True):
            base = int(name[:20])
            if name.endswith(".acks"):
                if f"{name[:20]}.messages" not in found:
                    self._acks_to_remove.append((f"{self._directory}/{name}", 1))
                    end = max(end, base)
                continue
            logged, its_logged = logged[: (place := bisect_left(logged, base))], logged[place:]
            segment = open_segment(self._open_files, self._directory, base, f"{name[:20]}.acks" in found, self._weigh, its_logged)
            self._persistent.all.insert(0, segment)
            end = max(end, segment.end)
        for segment in [segment for segment in self._persistent.all if segment.end == segment.base]:
            # All of it was lost with the power; what the log has of it may have, or get, its place.
            self._remove(self._persistent, segment)
        if self._part is not None:
            self._take_part(self._part)
            end = max(end, self._part.end)
        for segment in [segment for segment in self._persistent.all if segment.live <= 0]:
            self._remove_emptied(self._persistent, segment)
        if self._part is not None:
            self._write_stragglers(self._part)
        for segment in self._persistent.all:
            self._take_segment(segment)
        self._needs_sync = bool(self._unsynced)
        if found or end:
            # Segments that a power cut brings back, because their removal was not synced, have no name or position of later ones.
            self.next_position = end + POSITIONS_PER_LIFE

    def _take_segment(self, segment: MessageSegment) -> None:
        """What becomes of it in this life."""
        if not segment.is_sealed or segment.acks_bytes:
            # What an earlier life wrote is shown from now on, whether it came to syncing it or not.
            self._unsynced[segment] = None
        if not segment.is_sealed:
            self._to_seal.append(segment)
        else:
            self._note_if_little_is_left(segment)

    def _take_part(self, part: LogPart) -> None:
        """What the log has: of messages that segments have, too, the segments count."""
        for segment in self._persistent.all:
            if segment.new_acks:
                self._acknowledged.append(segment)
        for position in list(part.messages):
            holding = self._persistent.holding(position)
            if holding is not None and position < holding.end:
                del part.messages[position]
                if holding.flags is not None and holding.flags[position - holding.base]:
                    # The log missed that it is acknowledged, and would bring it back when the segment is gone.
                    part.new_acknowledged.append(position)
        returns = part.returns
        part.returns = {position: counts for position, counts in returns.items() if position in part.messages}
        for position, counts in returns.items():
            if position not in part.messages:
                self._note_returned(position, counts)
        part.acknowledged = set()
        if part.new_acknowledged:
            self._mark_dirty()

    def _write_stragglers(self, part: LogPart) -> None:
        """A power cut took a segment and left later ones; the log has what was in it: it is written anew, where it was."""
        last = self._persistent.all[-1].base if self._persistent.all else 0
        early = {position: message for position, message in part.messages.items() if position < last}
        for batch in _batches_between(early, self._persistent.all):
            segment = MessageSegment(self._directory, batch.first, PERSISTENT)
            self._write_batches(segment, [batch])
            segment.take(batch)
            insort(self._persistent.all, segment, key=_base)
        for position in early:
            del part.messages[position]
        for position in [position for position in part.returns if position in early]:
            self._note_returned(position, part.returns.pop(position))

    # How messages are written.

    def _write(self, segments: _Segments, batches: list[Batch]) -> None:
        """All batches, or none of them and OSError."""
        written: list[tuple[MessageSegment, list[Batch]]] = []
        segment = segments.active
        size = segment.size if segment is not None else 0
        for batch in batches:
            if segment is None or (
                size and (size + batch.size > self._home.settings.segment_bytes or batch.end - segment.base > LARGEST_SPAN)
            ):
                segment = MessageSegment(self._directory, batch.first, segments.where)
                size = 0
            if not written or written[-1][0] is not segment:
                written.append((segment, []))
            written[-1][1].append(batch)
            size += batch.size
        try:
            for segment, its_batches in written:
                self._write_batches(segment, its_batches)
        except OSError:
            self._undo(segments, [segment for segment, _ in written])
            raise
        for segment, its_batches in written:
            for batch in its_batches:
                segment.take(batch)
            self._unsynced[segment] = None
            if segment is not segments.active:
                self._roll(segments, segment)

    def _write_batches(self, segment: MessageSegment, batches: list[Batch]) -> None:
        chunks: list[bytes | memoryview] = []
        for batch in batches:
            chunks.append(batch_head(batch, segment.synced_bytes))
            chunks.append(batch.payload)
        if not segment.size:
            self._create(segment)
        file = self._open_files.get(segment.path)
        if segment.needs_cut:
            file.truncate(segment.size)
            segment.needs_cut = False
        file.append(chunks)

    def _create(self, segment: MessageSegment) -> None:
        file_system = self._open_files.file_system
        if not self._persistent.all and not self._transient.all:
            file_system.make_directories(self._directory)
        self._directory_changes += 1
        if self._acks_to_remove and any(path == segment.acks_path for path, _ in self._acks_to_remove):
            # A power cut took a segment of this name and left its acknowledgements, which the log knows better.
            self._acks_to_remove = [each for each in self._acks_to_remove if each[0] != segment.acks_path]
            self._remove_file(segment.acks_path)
        file = self._open_files.get(segment.path, create=True)
        if file.size:
            file.truncate(0)

    def _undo(self, segments: _Segments, touched: list[MessageSegment]) -> None:
        """After a failed flush: each file as it was, or to be made so before it is written again."""
        for segment in touched:
            if segment.size:
                try:
                    self._open_files.get(segment.path).truncate(segment.size)
                except OSError:
                    segment.needs_cut = True
            else:
                with suppress(OSError):
                    self._open_files.remove(segment.path)

    def _roll(self, segments: _Segments, segment: MessageSegment) -> None:
        earlier = segments.active
        segments.active = segment
        segments.all.append(segment)
        if earlier is None:
            return
        if not earlier.live:
            self._remove_emptied(segments, earlier)
        elif segments.where == TRANSIENT:
            # It is never opened again: no summary is needed.
            earlier.is_sealed = True
            self._note_if_little_is_left(earlier)
        else:
            self._to_seal.append(earlier)

    # How acknowledgements are written, and what becomes of segments.

    def _write_acknowledgements(self, are_logged: bool = False) -> None:
        """Those that the log has may wait."""
        self._acks_failed = False
        acknowledged, self._acknowledged = self._acknowledged, []
        for segment in acknowledged:
            segments = self._persistent if segment.where == PERSISTENT else self._transient
            try:
                if segment.is_removed:
                    continue
                is_empty = not segment.live and segment is not segments.active
                if is_empty and self._remove_emptied(segments, segment):
                    continue
                if segment.where == PERSISTENT:
                    if are_logged:
                        self._acknowledged.append(segment)
                        continue
                    self._write_group(segment)
                segment.new_acks, segment.new_returns, segment.new_weight = [], [], 0
                if segment.is_sealed:
                    self._note_if_little_is_left(segment)
            except OSError as error:
                # They stay to be written by the next flush; a crash before it brings the messages back.
                self._acknowledged.append(segment)
                self._acks_failed = True
                _logger.warning("%s: acknowledgements could not be written: %s", self._directory, error)

    def _write_group(self, segment: MessageSegment) -> None:
        content = write_group(
            Group(segment.generation, segment.acks_synced_bytes, segment.new_weight, segment.new_acks, segment.new_returns)
        )
        path = segment.acks_path
        if not segment.acks_bytes:
            self._directory_changes += 1
        file = self._open_files.get(path, create=True)
        try:
            if not segment.acks_bytes and file.size:
                file.truncate(0)
            if segment.acks_need_cut:
                file.truncate(segment.acks_bytes)
                segment.acks_need_cut = False
            file.append([content])
        except OSError:
            try:
                file.truncate(segment.acks_bytes)
            except OSError:
                segment.acks_need_cut = True
            raise
        segment.acks_bytes += len(content)
        self._unsynced[segment] = None

    def _note_if_little_is_left(self, segment: MessageSegment) -> None:
        if segment.live * _LEFT_TO_REWRITE <= segment.count and segment.size >= self._home.settings.least_rewritten_bytes:
            self._to_rewrite.setdefault(segment, segment.live)

    def _remove_emptied(self, segments: _Segments, segment: MessageSegment) -> bool:
        """Removes a segment without live messages, but not before the log can no longer bring them back; whether it is gone."""
        if segments.where == PERSISTENT and self._part is not None and self._log is not None and self._log.is_living(self._part):
            if segment not in self._removed_once_logged:
                self._removed_once_logged.append(segment)
                self._mark_dirty()
            return False
        self._remove(segments, segment)
        return True

    def _remove_logged(self) -> None:
        if self._removed_once_logged and self._part is not None and not self._part.new_acknowledged:
            emptied, self._removed_once_logged = self._removed_once_logged, []
            for segment in emptied:
                try:
                    if not segment.is_removed:
                        self._remove(self._persistent, segment)
                except OSError as error:
                    _logger.warning("%s could not be removed: %s", segment.path, error)
                    if not segment.is_removed:
                        self._removed_once_logged.append(segment)

    def _remove(self, segments: _Segments, segment: MessageSegment) -> None:
        """Removes the files of a segment without live messages, the messages first."""
        self._directory_changes += 1
        if segment.where == PERSISTENT and not segment.acks_bytes:
            # Its name stays taken until the removal is durable.
            self._open_files.get(segment.acks_path, create=True)
        with suppress(FileNotFoundError):
            self._open_files.remove(segment.path)
        segment.is_removed = True
        segments.all.remove(segment)
        self._unsynced.pop(segment, None)
        segment.new_acks, segment.new_returns, segment.new_weight = [], [], 0
        if segments.active is segment:
            segments.active = None
        if segment.where == PERSISTENT:
            self._acks_to_remove.append((segment.acks_path, self._directory_changes))
            self._mark_dirty()

    def _remove_acks(self) -> None:
        """Of removed segments: not before a power cut can no longer bring the segment back without them."""
        waiting = []
        for path, change in self._acks_to_remove:
            if change > self._directory_synced:
                waiting.append((path, change))
            else:
                self._remove_file(path)
        self._acks_to_remove = waiting

    def _remove_file(self, path: str) -> None:
        # What cannot be removed now is removed by the next opening.
        with suppress(OSError):
            self._open_files.remove(path)

    # What another thread does.

    def _begin_work(self) -> None:
        """Seals the oldest segment that is due, or writes one anew."""
        while self._to_seal and (self._to_seal[0].is_removed or self._to_seal[0].is_sealed):
            del self._to_seal[0]
        self._flushes_to_look = self._home.settings.flushes_between_looks
        if len(self._to_seal) > self._home.settings.unsealed_segments:
            self._seal(self._to_seal.pop(0))
        elif (segment := self._left_behind()) is not None:
            self._rewrite(segment)
        elif len(self._acks_to_remove) > _ACKS_LEFT:
            self._forget_acks()

    def _end_work(self) -> None:
        self._is_working = False
        # There may be more to do.
        self._flushes_to_look = 0

    def _left_behind(self) -> MessageSegment | None:
        """A segment with little left that nothing was acknowledged of since the last look: others will be empty soon."""
        for segment, left in list(self._to_rewrite.items()):
            if segment.is_removed:
                del self._to_rewrite[segment]
            elif segment.live == left and not segment.new_acks:
                del self._to_rewrite[segment]
                return segment
            else:
                self._to_rewrite[segment] = segment.live
        return None

    def _seal(self, segment: MessageSegment) -> None:
        failures: list[OSError] = []
        summary = _new_summary(segment)
        size = segment.size

        def sync() -> None:
            try:
                self._sync_for_summary(segment, summary)
            except OSError as error:
                failures.append(error)

        def synced() -> None:
            self._end_work()
            if segment.is_removed or self._is_closed:
                return
            try:
                if failures:
                    raise failures[0]
                segment.synced_bytes = max(segment.synced_bytes, size)
                self._write_summary(segment, summary)
            except OSError as error:
                # It is tried again when the store is closed; until then opening reads it through.
                _logger.warning("%s could not be sealed: %s", segment.path, error)
            self._mark_dirty()

        self._is_working = True
        self._home.run_in_background(sync, synced)

    def _seal_now(self, segment: MessageSegment) -> None:
        summary = _new_summary(segment)
        self._sync_for_summary(segment, summary)
        segment.synced_bytes = segment.size
        self._write_summary(segment, summary)

    def _sync_for_summary(self, segment: MessageSegment, summary: Summary) -> None:
        sync_file(self._open_files.file_system, segment.path)
        if summary.generation:
            # It counts only what the acknowledgements up to here have left.
            with suppress(FileNotFoundError):
                sync_file(self._open_files.file_system, segment.acks_path)
            self._open_files.file_system.sync_directory(self._directory)

    def _write_summary(self, segment: MessageSegment, summary: Summary) -> None:
        file = self._open_files.get(segment.path)
        if file.size != segment.size:
            file.truncate(segment.size)
        try:
            file.append([write_summary(summary)])
        except OSError:
            segment.needs_cut = True
            with suppress(OSError):
                file.truncate(segment.size)
            raise
        segment.size += SUMMARY_BYTES
        segment.is_sealed = True
        self._unsynced[segment] = None
        self._note_if_little_is_left(segment)

    def _rewrite(self, segment: MessageSegment) -> None:
        # Groups written from now on are about messages that the new file holds.
        segment.generation += 1
        flags = bytes(segment.flags or b"")
        summary = segment.summary()
        rewritten: list[Rewritten] = []

        def write() -> None:
            try:
                rewritten.append(rewrite_segment(self._open_files.file_system, segment.path, segment.size, flags, summary))
            except (OSError, StorageError, CorruptMessage) as error:
                _logger.warning("%s could not be written anew: %s", segment.path, error)

        def written() -> None:
            self._end_work()
            self._adopt(segment, rewritten[0] if rewritten else None)

        self._is_working = True
        self._home.run_in_background(write, written)

    def _forget_acks(self) -> None:
        """Where nobody asks for syncs, the directory is synced now and then, so that the acknowledgements of removed segments may go."""
        directory_changes = self._directory_changes

        def sync() -> None:
            # Its failure is told to those who ask for syncs; here the files stay.
            with suppress(OSError):
                self._sync_directory(directory_changes)

        def synced() -> None:
            self._end_work()
            if not self._is_closed:
                self._remove_acks()

        self._is_working = True
        self._home.run_in_background(sync, synced)

    def _adopt(self, segment: MessageSegment, rewritten: Rewritten | None) -> None:
        file_system = self._open_files.file_system
        path = segment.path + ".new"
        if rewritten is None or segment.is_removed or self._is_closed:
            with suppress(OSError):
                file_system.remove(path)
                if self._is_deleted and not file_system.list_directory(self._directory):
                    # It came into being again; another store in it would have files.
                    file_system.remove_tree(self._directory)
            return
        try:
            self._open_files.discard(segment.path)
            file_system.rename(path, segment.path)
        except OSError as error:
            _logger.warning("%s could not be replaced: %s", segment.path, error)
            return
        self._directory_changes += 1
        segment.size = rewritten.size
        segment.synced_bytes = rewritten.size if segment.where == PERSISTENT else 0
        segment.count, segment.weight = rewritten.summary.messages, rewritten.summary.weight
        segment.index = None
        segment.cursor = (segment.base, 0)
        self._mark_dirty()

    def _mark_dirty(self) -> None:
        if not self._is_dirty and not self._is_closed:
            self._is_dirty = True
            self._group_commit.add(self)

    def _segments(self) -> list[MessageSegment]:
        return self._persistent.all + self._transient.all

    def _weight_of(self, segment: MessageSegment, data: bytes, start: int, end: int) -> int:
        try:
            return self._weigh(data, start, end)
        except CorruptMessage as error:
            raise DamagedFile(segment.path, 0, f"a message in it cannot be read: {error}") from error


def _new_summary(segment: MessageSegment) -> Summary:
    """What the segment holds now; groups written from now on belong to it."""
    if segment.generation:
        segment.generation += 1
    return segment.summary()


def _batches_between(messages: Messages, segments: list[MessageSegment]) -> list[Batch]:
    """Of messages that stand before, between and behind segments: no batch reaches across one."""
    batches: list[Batch] = []
    for _, some in groupby(messages.items(), key=lambda item: bisect_right(segments, item[0], key=_base)):
        batches += make_batches(some)
    return batches


def _base(segment: MessageSegment) -> int:
    return segment.base
