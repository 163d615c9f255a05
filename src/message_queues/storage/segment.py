"""A segment: one file `{base offset, 20 digits}.log` with record batches end to end, exactly as producers sent them, and its sparse
indexes.

The file has no header and no framing of its own: it is what Kafka's tools read. A batch in it is valid if and only if it is whole,
its magic is 2, its base offset is the one that follows the batch before it (the segment's base for the first), its CRC matches, and
its leader epoch, which the CRC does not cover, is the one that the log has noted for that offset. The log decides what an invalid
batch means: a torn tail, or damage.

What this process wrote, or checked before, is trusted; all other bytes are checked when they are read.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from google_crc32c import value

from message_queues.errors import DamagedFile
from message_queues.records.batch import CRC_START, HEADER_BYTES, MAGIC, PREFIX_BYTES, BatchHeader, read_header
from message_queues.storage.checkpoint import SegmentFacts
from message_queues.storage.index import IndexIsWrong, SparseIndex
from message_queues.storage.open_files import OpenFiles

_SCAN_BYTES: Final = 8 * 1024
_FIRST_CHUNK_BYTES: Final = 16 * 1024
_LARGEST_CHUNK_BYTES: Final = 1024 * 1024
_PLACE = struct.Struct(">qi11xi")
"""Base offset, batch length and last offset delta: what finding a batch needs."""
_NOTHING_IS_TRUSTED: Final = 2**63


class Segment:
    """The facts about one segment. Everything that touches the file is given the open files."""

    __slots__ = (
        "base_offset",
        "checked_end",
        "checked_start",
        "created_ms",
        "first_timestamp",
        "flushed_max_timestamp",
        "flushed_max_timestamp_offset",
        "flushed_size",
        "index",
        "max_timestamp",
        "max_timestamp_offset",
        "path",
        "roll_now_ms",
        "roll_size",
        "roll_timestamp",
        "size",
        "synced_size",
        "trusted_from",
        "unindexed_bytes",
    )

    def __init__(self, directory: str, base_offset: int, created_ms: int) -> None:
        self.base_offset = base_offset
        self.path = f"{directory}/{base_offset:020d}.log"
        self.created_ms = created_ms
        self.size = 0
        """Bytes of all batches, those not yet written included."""
        self.flushed_size = 0
        self.synced_size = 0
        self.first_timestamp = -1
        """Largest timestamp of the first batch."""
        self.max_timestamp = -1
        self.max_timestamp_offset = base_offset
        self.flushed_max_timestamp = -1
        self.flushed_max_timestamp_offset = base_offset
        self.unindexed_bytes = 0
        self.index: SparseIndex | None = None
        self.roll_size = 0
        """A batch that would make the segment larger than this begins a new one; the log sets this and the next two."""
        self.roll_timestamp = 0
        """So does a batch with a later timestamp than this."""
        self.roll_now_ms = 0
        """So does any batch later than this, in a segment whose first batch has no timestamp."""
        self.trusted_from = 0
        """Bytes from here on are known to be right."""
        self.checked_start = 0
        """So are those from here to `checked_end`."""
        self.checked_end = 0

    @classmethod
    def from_facts(cls, directory: str, facts: SegmentFacts) -> "Segment":
        segment = cls(directory, facts.base_offset, facts.created_ms)
        segment.size = segment.flushed_size = segment.synced_size = facts.size
        segment.first_timestamp = facts.first_timestamp
        segment.max_timestamp = segment.flushed_max_timestamp = facts.max_timestamp
        segment.max_timestamp_offset = segment.flushed_max_timestamp_offset = facts.max_timestamp_offset
        segment.unindexed_bytes = facts.unindexed_bytes
        if facts.offset_entries or facts.time_entries:
            segment.index = SparseIndex(segment.index_path, facts.offset_entries, facts.time_entries)
        segment.trusted_from = _NOTHING_IS_TRUSTED
        return segment

    def facts(self) -> SegmentFacts:
        """For the checkpoint, once everything is written."""
        index = self.index
        return SegmentFacts(
            self.base_offset,
            self.flushed_size,
            self.created_ms,
            self.first_timestamp,
            self.flushed_max_timestamp,
            self.flushed_max_timestamp_offset,
            index.offset_entries if index else 0,
            index.time_entries if index else 0,
            self.unindexed_bytes,
        )

    @property
    def index_path(self) -> str:
        return self.path[: -len(".log")]

    @property
    def paths(self) -> tuple[str, str, str]:
        """Its files: log, index, time index."""
        return self.path, self.index_path + ".index", self.index_path + ".timeindex"

    def add_index_entry(self, base_offset: int, position: int) -> None:
        """Lists the batch at `position`, whose timestamp `max_timestamp` has taken in already."""
        if self.index is None:
            self.index = SparseIndex(self.index_path)
        self.index.add(base_offset - self.base_offset, position, self.max_timestamp)
        self.unindexed_bytes = 0

    def note_batch(self, header: BatchHeader, position: int, index_interval_bytes: int) -> None:
        """Takes in a batch that is in the file already."""
        if position == 0:
            self.first_timestamp = header.max_timestamp
        if header.max_timestamp > self.max_timestamp:
            self.max_timestamp = self.flushed_max_timestamp = header.max_timestamp
            self.max_timestamp_offset = self.flushed_max_timestamp_offset = header.base_offset
        if self.unindexed_bytes > index_interval_bytes:
            self.add_index_entry(header.base_offset, position)
        self.unindexed_bytes += header.size
        self.size = self.flushed_size = position + header.size

    def mark_flushed(self) -> None:
        self.flushed_size = self.size
        self.flushed_max_timestamp = self.max_timestamp
        self.flushed_max_timestamp_offset = self.max_timestamp_offset

    def take_back(self, flushed_offset: int) -> None:
        """Forgets what was appended from `flushed_offset` on and not written."""
        self.size = self.flushed_size
        self.max_timestamp = self.flushed_max_timestamp
        self.max_timestamp_offset = self.flushed_max_timestamp_offset
        self.unindexed_bytes = 0
        if self.index is not None:
            self.index.take_back(flushed_offset - self.base_offset)

    def locate(self, open_files: OpenFiles, offset: int, index_interval_bytes: int) -> int:
        """The position of the batch that holds `offset`, which is in this segment and written."""
        if self.index is None:
            return self._scan_to(open_files, offset, self.base_offset, 0)
        try:
            relative_offset, position = self.index.entry_for_offset(open_files, offset - self.base_offset)
            return self._scan_to(open_files, offset, self.base_offset + relative_offset, position)
        except IndexIsWrong:
            self.rebuild_index(open_files, index_interval_bytes)
            relative_offset, position = self.index.entry_for_offset(open_files, offset - self.base_offset)
            return self._scan_to(open_files, offset, self.base_offset + relative_offset, position)

    def offset_before(self, open_files: OpenFiles, timestamp_ms: int, index_interval_bytes: int) -> int:
        """An offset before which no record of the segment is as late as `timestamp_ms`."""
        if self.index is None:
            return self.base_offset
        try:
            relative_offset = self.index.offset_before_timestamp(open_files, timestamp_ms)
        except IndexIsWrong:
            self.rebuild_index(open_files, index_interval_bytes)
            relative_offset = self.index.offset_before_timestamp(open_files, timestamp_ms)
        return self.base_offset + max(0, relative_offset)

    def _scan_to(self, open_files: OpenFiles, offset: int, expected_offset: int, position: int) -> int:
        """Walks over batch headers from an index entry to the batch that holds `offset`."""
        file = open_files.get(self.path)
        is_entry = position > 0
        start, start_offset = position, expected_offset
        while position < self.flushed_size:
            data = file.read_at(position, min(_SCAN_BYTES, self.flushed_size - position))
            if len(data) < HEADER_BYTES:
                break
            at = 0
            while at + _PLACE.size <= len(data):
                base_offset, length, last_offset_delta = _PLACE.unpack_from(data, at)
                if base_offset != expected_offset:
                    if is_entry:
                        raise IndexIsWrong(self.path)
                    raise self._broken(open_files, start, start_offset, position + at)
                if length < HEADER_BYTES - PREFIX_BYTES or last_offset_delta < 0:
                    raise self._broken(open_files, start, start_offset, position + at)
                is_entry = False
                expected_offset += last_offset_delta + 1
                if offset < expected_offset:
                    return position + at
                at += length + PREFIX_BYTES
            position += at
        if is_entry:
            raise IndexIsWrong(self.path)
        raise self._broken(open_files, start, start_offset, position)

    def _broken(self, open_files: OpenFiles, position: int, expected_offset: int, suspect: int) -> DamagedFile:
        """The chain of offsets from `position` on breaks at `suspect`: the first batch that is not valid is to blame."""
        for header, at in self.batches(open_files, position, expected_offset):
            position = at + header.size
        return DamagedFile(self.path, suspect, f"the batches before it end at {position} and do not reach it")

    def check(self, data: bytes, position: int, epoch_at: Callable[[int], tuple[int, int]]) -> bytes:
        """The whole batches at the start of `data`, which was read at `position`; DamagedFile if one of them is not valid.

        `epoch_at` gives the leader epoch of an offset, and the offset from which on it may be another.
        """
        at = 0
        left = len(data)
        expected_offset = _PLACE.unpack_from(data)[0] if left >= HEADER_BYTES else 0
        epoch, epoch_end = 0, 0
        while left >= HEADER_BYTES:
            header = read_header(data, at)
            size = header.batch_length + PREFIX_BYTES
            if header.base_offset >= epoch_end:
                epoch, epoch_end = epoch_at(header.base_offset)
            reason = _fault(header, expected_offset)
            if reason is None and position + at + size > self.flushed_size:
                reason = f"the batch claims {size} bytes and goes past the end of the segment"
            if reason is None and header.leader_epoch != epoch:
                reason = f"the leader epoch is {header.leader_epoch}, not {epoch}"
            if reason is None and size > left:
                break
            if reason is None and value(data[at + CRC_START : at + size]) != header.crc:
                reason = "the checksum does not match"
            if reason is not None:
                raise DamagedFile(self.path, position + at, reason)
            at += size
            left -= size
            expected_offset += header.last_offset_delta + 1
        self._trust(position, position + at)
        return data[:at]

    def is_trusted(self, start: int, end: int) -> bool:
        return start >= self.trusted_from or (self.checked_start <= start and end <= self.checked_end)

    def _trust(self, start: int, end: int) -> None:
        if self.checked_start <= start <= self.checked_end:
            self.checked_end = max(self.checked_end, end)
        else:
            self.checked_start, self.checked_end = start, end
        if self.checked_start <= self.trusted_from <= self.checked_end:
            self.trusted_from = self.checked_start

    def batches(self, open_files: OpenFiles, position: int, expected_offset: int) -> Iterator[tuple[BatchHeader, int]]:
        """Headers and positions of the valid batches from `position` on; DamagedFile at the first that is not."""
        return _valid_batches(open_files, self.path, position, self.flushed_size, expected_offset)

    def batches_in_file(self, open_files: OpenFiles, position: int, expected_offset: int) -> Iterator[tuple[BatchHeader, int]]:
        """The same up to the end of the file, wherever that is."""
        return _valid_batches(open_files, self.path, position, open_files.get(self.path).size, expected_offset)

    def header_at(self, open_files: OpenFiles, position: int) -> BatchHeader:
        data = open_files.get(self.path).read_at(position, HEADER_BYTES)
        if len(data) < HEADER_BYTES:
            raise DamagedFile(self.path, position, "the batch header is cut")
        return read_header(data)

    def discard(self, open_files: OpenFiles) -> None:
        """Gets rid of the files, in which nothing is valid."""
        if self.base_offset:
            self.remove_files(open_files)
        else:
            # As long as there is no checkpoint, the file that begins at 0 says that nothing before the others is missing.
            with suppress(OSError):
                file = open_files.get(self.path)
                file.truncate(0)
                file.sync()

    def remove_files(self, open_files: OpenFiles) -> None:
        """What cannot be removed now is removed by the next opening."""
        for path in self.paths:
            with suppress(OSError):
                open_files.remove(path)

    def rebuild_index(self, open_files: OpenFiles, index_interval_bytes: int) -> None:
        """Makes both indexes again from the log, up to the first batch that is damaged."""
        index = SparseIndex(self.index_path)
        latest, unindexed_bytes = -1, 0
        # What is damaged is told to those who read it.
        with suppress(DamagedFile):
            for header, position in self.batches(open_files, 0, self.base_offset):
                latest = max(latest, header.max_timestamp)
                if unindexed_bytes > index_interval_bytes:
                    index.add(header.base_offset - self.base_offset, position, latest)
                    unindexed_bytes = 0
                unindexed_bytes += header.size
        self.index = index
        self.unindexed_bytes = unindexed_bytes
        with suppress(OSError):
            index.write(open_files)


def _valid_batches(open_files: OpenFiles, path: str, position: int, end: int, expected_offset: int) -> Iterator[tuple[BatchHeader, int]]:
    """(header, position) of each batch from `position` to `end`; DamagedFile at the first that is not valid."""
    data, at = b"", 0
    chunk_bytes = _FIRST_CHUNK_BYTES
    while position < end:
        if len(data) - at < HEADER_BYTES:
            data, at = _more(open_files, path, position, end, max(HEADER_BYTES, chunk_bytes)), 0
            chunk_bytes = min(chunk_bytes * 2, _LARGEST_CHUNK_BYTES)
            if len(data) < HEADER_BYTES:
                raise DamagedFile(path, position, "the batch header is cut")
        header = read_header(data, at)
        reason = _fault(header, expected_offset)
        if reason is not None:
            raise DamagedFile(path, position, reason)
        size = header.batch_length + PREFIX_BYTES
        if len(data) - at < size:
            # The claimed size is checked against the file before anything is read.
            if size <= end - position:
                data, at = _more(open_files, path, position, end, max(size, chunk_bytes)), 0
            if len(data) - at < size:
                raise DamagedFile(path, position, "the batch is cut")
        if value(data[at + CRC_START : at + size]) != header.crc:
            raise DamagedFile(path, position, "the checksum does not match")
        yield header, position
        position += size
        at += size
        expected_offset += header.last_offset_delta + 1


def _more(open_files: OpenFiles, path: str, position: int, end: int, size: int) -> bytes:
    return open_files.get(path).read_at(position, min(end - position, size))


def _fault(header: BatchHeader, expected_offset: int) -> str | None:
    """What is wrong with a header, as far as it alone can tell."""
    if header.magic != MAGIC:
        return f"the magic is {header.magic}, not 2"
    if header.base_offset != expected_offset:
        return f"the base offset is {header.base_offset}, not {expected_offset}"
    if header.size < HEADER_BYTES or header.last_offset_delta < 0:
        return f"the batch claims {header.size} bytes and a last offset delta of {header.last_offset_delta}"
    return None
