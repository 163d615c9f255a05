"""The two sparse indexes of a segment, in files beside it that only grow.

`.index`: entries of (uint32 offset relative to the segment's base, uint32 position), big-endian: the batch whose base offset is
this one begins there. `.timeindex`: entries of (int64 timestamp, uint32 relative offset, uint32 CRC-32C of the twelve bytes
before): no record below the batch with this base offset, nor in it, is later than the timestamp.

An entry of `.index` is valid if and only if its position is not 0 and a batch with that base offset begins there: whoever uses it
looks. An entry of `.timeindex` is valid if and only if its CRC matches. Nothing else is trusted: a search that is misled by damaged
entries ends at a valid one that is merely too early, or raises IndexIsWrong, and the index is built again from the log. So the
files need no sync.

The newest entries are in memory and go to the files in one append each, at a checkpoint. A search reads eight or sixteen bytes per
step, never the file.
"""

import struct
from array import array
from bisect import bisect_left, bisect_right

import google_crc32c

from message_queues.storage.filesystem import File
from message_queues.storage.open_files import OpenFiles

_OFFSET_ENTRY = struct.Struct(">II")
_TIME_ENTRY = struct.Struct(">qII")
_TIME_FIELDS = struct.Struct(">qI")
OFFSET_ENTRY_BYTES = _OFFSET_ENTRY.size
TIME_ENTRY_BYTES = _TIME_ENTRY.size
_KEPT_ENTRIES = 128
MAX_RELATIVE_OFFSET = 2**31 - 1


class IndexIsWrong(Exception):
    """A file of the index is missing, short, or has an entry that does not hold."""


class SparseIndex:
    """Offsets to positions and timestamps to offsets; what it does not list lies between two entries."""

    __slots__ = (
        "offset_entries",
        "offsets",
        "path",
        "positions",
        "time_entries",
        "time_offsets",
        "timestamps",
        "written_offsets",
        "written_timestamps",
    )

    def __init__(self, path: str, offset_entries: int = 0, time_entries: int = 0) -> None:
        self.path = path
        """Of both files, without their endings."""
        self.offset_entries = offset_entries
        """How many entries are in the file."""
        self.time_entries = time_entries
        self.written_offsets = 0
        """How many of those in memory are in the file too; the others follow it."""
        self.written_timestamps = 0
        self.offsets = array("I")
        self.positions = array("I")
        self.timestamps = array("q")
        self.time_offsets = array("I")

    def __len__(self) -> int:
        return self.offset_entries + len(self.offsets) - self.written_offsets

    @property
    def offset_path(self) -> str:
        return self.path + ".index"

    @property
    def time_path(self) -> str:
        return self.path + ".timeindex"

    def add(self, relative_offset: int, position: int, max_timestamp: int) -> None:
        """A batch begins at `position`; `max_timestamp` is the latest of all up to and in it."""
        self.offsets.append(relative_offset)
        self.positions.append(position)
        if not self.timestamps or max_timestamp > self.timestamps[-1]:
            self.timestamps.append(max_timestamp)
            self.time_offsets.append(relative_offset)

    def take_back(self, relative_offset: int) -> None:
        """Drops the entries of batches from `relative_offset` on, which are still in memory."""
        keep = bisect_left(self.offsets, relative_offset)
        del self.offsets[keep:], self.positions[keep:]
        keep = bisect_left(self.time_offsets, relative_offset)
        del self.time_offsets[keep:], self.timestamps[keep:]

    def entry_for_offset(self, open_files: OpenFiles, relative_offset: int) -> tuple[int, int]:
        """(relative offset, position) of the last entry not after `relative_offset`; (0, 0) when there is none."""
        if self.offsets and relative_offset >= self.offsets[0]:
            at = bisect_right(self.offsets, relative_offset) - 1
            return self.offsets[at], self.positions[at]
        if not self.offset_entries:
            return 0, 0
        file = self._file(open_files, self.offset_path, self.offset_entries * OFFSET_ENTRY_BYTES)
        low, high = 0, self.offset_entries
        while low < high:
            middle = (low + high) // 2
            if _offset_entry(file, middle)[0] <= relative_offset:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            return 0, 0
        entry = _offset_entry(file, low - 1)
        if entry[1] == 0:
            raise IndexIsWrong(self.offset_path)
        return entry

    def offset_before_timestamp(self, open_files: OpenFiles, timestamp_ms: int) -> int:
        """The relative offset of a batch up to which, inclusive, no record is as late as `timestamp_ms`; -1 when none is known."""
        if self.timestamps and timestamp_ms > self.timestamps[0]:
            return self.time_offsets[bisect_left(self.timestamps, timestamp_ms) - 1]
        if not self.time_entries:
            return -1
        file = self._file(open_files, self.time_path, self.time_entries * TIME_ENTRY_BYTES)
        low, high = 0, self.time_entries
        while low < high:
            middle = (low + high) // 2
            if _time_entry(file, middle)[0] < timestamp_ms:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            return -1
        timestamp, relative_offset, crc = _time_entry(file, low - 1)
        if crc != google_crc32c.value(_TIME_FIELDS.pack(timestamp, relative_offset)) or timestamp >= timestamp_ms:
            raise IndexIsWrong(self.time_path)
        return relative_offset

    def write(self, open_files: OpenFiles) -> None:
        """Appends to the files what is only in memory, and keeps the newest entries there for readers at the tail."""
        new_offsets = self.offsets[self.written_offsets :]
        if new_offsets:
            entries = b"".join(map(_OFFSET_ENTRY.pack, new_offsets, self.positions[self.written_offsets :]))
            self._append(open_files, self.offset_path, self.offset_entries * OFFSET_ENTRY_BYTES, entries)
            self.offset_entries += len(new_offsets)
            del self.offsets[:-_KEPT_ENTRIES], self.positions[:-_KEPT_ENTRIES]
            self.written_offsets = len(self.offsets)
        new_timestamps = self.timestamps[self.written_timestamps :]
        if new_timestamps:
            fields = map(_TIME_FIELDS.pack, new_timestamps, self.time_offsets[self.written_timestamps :])
            entries = b"".join(entry + google_crc32c.value(entry).to_bytes(4) for entry in fields)
            self._append(open_files, self.time_path, self.time_entries * TIME_ENTRY_BYTES, entries)
            self.time_entries += len(new_timestamps)
            del self.timestamps[:-_KEPT_ENTRIES], self.time_offsets[:-_KEPT_ENTRIES]
            self.written_timestamps = len(self.timestamps)

    def _append(self, open_files: OpenFiles, path: str, expected_size: int, entries: bytes) -> None:
        file = open_files.get(path, create=True)
        if file.size > expected_size:
            # The rest of an append that failed, or of a life before the crash.
            file.truncate(expected_size)
        file.append([entries])

    def _file(self, open_files: OpenFiles, path: str, expected_size: int) -> File:
        try:
            file = open_files.get(path)
        except FileNotFoundError:
            raise IndexIsWrong(path) from None
        if file.size < expected_size:
            raise IndexIsWrong(path)
        return file


def _offset_entry(file: File, number: int) -> tuple[int, int]:
    offset, position = _OFFSET_ENTRY.unpack(file.read_at(number * OFFSET_ENTRY_BYTES, OFFSET_ENTRY_BYTES))
    return offset, position


def _time_entry(file: File, number: int) -> tuple[int, int, int]:
    timestamp, offset, crc = _TIME_ENTRY.unpack(file.read_at(number * TIME_ENTRY_BYTES, TIME_ENTRY_BYTES))
    return timestamp, offset, crc
