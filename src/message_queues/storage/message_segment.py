"""One segment of a message store: a file of record batches (records/batch.py), oldest message first.

    {base position, 20 digits}.messages    of messages that outlive the process
    {base position, 20 digits}.transient   of those that do not; never opened again

Each batch holds what one flush wrote, or a part of it; a record's offset is the message's position in its queue, its value the
message; key and headers are empty, there are no timestamps. Positions ascend and may have gaps. As there is no producer,
two of its fields have another use: `base_sequence` is how many bytes of the file were known to be synced when the batch was written, -1
for none; `producer_epoch` is a check of the base offset, which the CRC does not cover: its four uint16 and 1, by exclusive or.

A sealed segment ends with its summary, a control batch of fixed size whose one record has the key `int16 0, int16 -1` and the value

    position  bytes  field
    0         4      generation: only groups of this one and later ones are about messages that the summary counts
    4         8      number of messages in the file, less those that groups of earlier generations acknowledge
    12        8      their weight
    20        8      position of the first
    28        8      position after the last

The summary is written only after everything before it was synced. So a file that ends with a valid summary is trusted as a whole
without being read, and a batch in it that turns out not to be valid is damage: DamagedFile. In a file without one, the first batch
that is not valid, and all behind it, is a tail torn by a crash, and is cut; unless a valid batch behind it says that this place was
synced: that is damage, too.

A batch is valid if and only if it is whole, its magic is 2, its leader epoch -1, its CRC and the check of its base offset match, and
its base offset is not before the end of the batch before it. What is read is checked each time.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from google_crc32c import extend, value

from message_queues.errors import CorruptMessage, DamagedFile
from message_queues.records.batch import (
    CONTROL_BIT,
    CRC_START,
    HEADER_BYTES,
    MAGIC,
    PREFIX_BYTES,
    BatchHeader,
    Record,
    build_batch,
    checksum_matches,
    read_header,
    read_records,
)
from message_queues.records.varint import read_varint, write_varint
from message_queues.storage.open_files import OpenFiles

PERSISTENT: Final = 1
TRANSIENT: Final = 2

BATCH_BYTES: Final = 32 * 1024
"""A batch is ended when it has so many: what reading one message reads."""
WIDEST_BATCH: Final = 1 << 16
"""Positions in one batch: those before a gap that is wider have one of their own."""
INDEX_INTERVAL_BYTES: Final = 64 * 1024
LARGEST_SPAN: Final = 2**31 - 1
"""Of positions in one segment: what offset deltas and acknowledgements can hold."""

_READ_BYTES: Final = 128 * 1024
_NEAR: Final = 1000
"""So many positions behind the last reading it is quicker to go on from there than to look up a place."""
_HEAD = struct.Struct(">qiibI")
_CHECKED_HEAD = struct.Struct(">hiqqqhii")
_NO_TIME: Final = -1
_LARGEST_MARK: Final = 2**31 - 1
_VARINTS: Final = tuple(write_varint(number) for number in range(4096))
_PREFIXES_KEPT: Final = 4096
_SUMMARY_KEY: Final = struct.pack(">hh", 0, -1)
_SUMMARY = struct.Struct(">IQQQQ")
BATCH_MARK: Final = struct.pack(">ib", -1, MAGIC)
"""Leader epoch and magic, as they stand in every batch: where to look for one behind damage."""
BATCH_MARK_AT: Final = 12

Pieces = tuple[bytes, bytes, bytes]
"""A message in three pieces, so that none is copied before the flush."""
Weigh = Callable[[bytes, int, int], int]
"""The weight of the message in these bytes: what its owner counts."""
StoredMessage = tuple[int, bytes, int, int, int, tuple[int, int] | None]
"""(position, data, start and end of the message in it, PERSISTENT or TRANSIENT, counts of an earlier return if there were any)"""


class Batch(NamedTuple):
    """A batch that is to be written."""

    first: int
    end: int
    messages: int
    weight: int
    gaps: bytes | None
    """For each position from first to end: 0 a message, 1 none; None: all are messages."""
    payload: bytes
    """The records."""

    @property
    def size(self) -> int:
        return HEADER_BYTES + len(self.payload)


class Summary(NamedTuple):
    generation: int
    messages: int
    weight: int
    first: int
    end: int


def write_summary(summary: Summary) -> bytes:
    record = Record(summary.end, _NO_TIME, _SUMMARY_KEY, _SUMMARY.pack(*summary))
    return build_batch([record], base_offset=summary.end, is_control=True, producer_epoch=offset_check(summary.end))


def read_summary(data: bytes) -> Summary | None:
    """The summary, if these bytes are one."""
    if len(data) != SUMMARY_BYTES:
        return None
    header = read_header(data)
    if batch_fault(header, 0, SUMMARY_BYTES) or not header.is_control or not checksum_matches(data, header):
        return None
    try:
        (record,) = read_records(data)
    except (CorruptMessage, ValueError):
        return None
    if record.key != _SUMMARY_KEY or record.value is None or len(record.value) != _SUMMARY.size:
        return None
    return Summary(*_SUMMARY.unpack(record.value))


# Writing.


def make_batches(messages: Iterable[tuple[int, tuple[int, Pieces]]]) -> list[Batch]:
    """Batches of (position, (weight, pieces)), which ascend."""
    batches: list[Batch] = []
    parts: list[bytes] = []
    positions: list[int] = []
    base = -1
    size = weight = 0
    varints = _VARINTS
    prefixes = _prefixes
    for position, (message_weight, (head, properties, body)) in messages:
        delta = position - base
        if size >= BATCH_BYTES or delta >= WIDEST_BATCH or base < 0:
            if parts:
                batches.append(_batch(base, positions, weight, parts))
                parts, positions, size, weight = [], [], 0, 0
            base = position
            delta = 0
        delta_bytes = varints[delta] if delta < 4096 else write_varint(delta)
        length = len(head) + len(properties) + len(body)
        key = length << 3 | len(delta_bytes)
        prefix = prefixes.get(key)
        if prefix is None:
            prefix = _make_prefix(length, len(delta_bytes), key)
        parts += (prefix[0], delta_bytes, prefix[1], head, properties, body, b"\x00")
        positions.append(position)
        size += length + 12
        weight += message_weight
    if parts:
        batches.append(_batch(base, positions, weight, parts))
    return batches


_prefixes: dict[int, tuple[bytes, bytes]] = {}
"""By length of the value and of the offset delta: the bytes of a record before its offset delta, and those between it and the value."""


def _make_prefix(length: int, delta_length: int, key: int) -> tuple[bytes, bytes]:
    value_length = write_varint(length)
    record_length = 4 + delta_length + len(value_length) + length
    # Attributes 0 and timestamp delta 0 before; a null key after.
    prefix = write_varint(record_length) + b"\x00\x00", b"\x01" + value_length
    if len(_prefixes) >= _PREFIXES_KEPT:
        _prefixes.clear()
    _prefixes[key] = prefix
    return prefix


def _batch(base: int, positions: list[int], weight: int, parts: list[bytes]) -> Batch:
    end = positions[-1] + 1
    gaps = None
    if end - base != len(positions):
        flags = bytearray(b"\x01") * (end - base)
        for position in positions:
            flags[position - base] = 0
        gaps = bytes(flags)
    return Batch(base, end, len(positions), weight, gaps, b"".join(parts))


def batch_head(batch: Batch, synced_bytes: int) -> bytes:
    """The header of a batch, as it stands before its payload."""
    mark = min(synced_bytes, _LARGEST_MARK) or -1
    check = offset_check(batch.first)
    checked = _CHECKED_HEAD.pack(0, batch.end - batch.first - 1, _NO_TIME, _NO_TIME, -1, check, mark, batch.messages)
    crc = extend(value(checked), batch.payload)
    return _HEAD.pack(batch.first, HEADER_BYTES - PREFIX_BYTES + len(batch.payload), -1, MAGIC, crc) + checked


# Reading.


def read_messages(data: bytes, start: int, end: int, base: int) -> Iterator[tuple[int, int, int]]:
    """(position, start, end) of each message among the records in these bytes, whose batch begins at position `base`."""
    at = start
    while at < end:
        # Of the three numbers in a record nearly all have one byte or two.
        byte = data[at]
        if byte < 0x80:
            record_end = at + 1 + (byte >> 1)
            at += 1
        elif (next_byte := data[at + 1]) < 0x80:
            record_end = at + 2 + ((byte & 0x7F | next_byte << 7) >> 1)
            at += 2
        else:
            length, at = read_varint(data, at)
            record_end = at + length
        # Attributes, timestamp delta and null key are one byte each.
        byte = data[at + 2]
        if byte < 0x80:
            position = base + (byte >> 1)
            at += 4
        elif (next_byte := data[at + 3]) < 0x80:
            position = base + ((byte & 0x7F | next_byte << 7) >> 1)
            at += 5
        else:
            delta, at = read_varint(data, at + 2)
            position = base + delta
            at += 1
        byte = data[at]
        if byte < 0x80:
            message_end = at + 1 + (byte >> 1)
            at += 1
        elif (next_byte := data[at + 1]) < 0x80:
            message_end = at + 2 + ((byte & 0x7F | next_byte << 7) >> 1)
            at += 2
        else:
            length, at = read_varint(data, at)
            message_end = at + length
        if message_end + 1 != record_end or record_end > end:
            raise CorruptMessage(f"a record at {at} ends at {record_end}, its value at {message_end}")
        yield position, at, message_end
        at = record_end


class MessageSegment:
    """The facts about one segment, and which of its messages are still wanted."""

    __slots__ = (
        "acks_bytes",
        "acks_need_cut",
        "acks_synced_bytes",
        "base",
        "count",
        "cursor",
        "end",
        "flags",
        "generation",
        "index",
        "is_removed",
        "is_sealed",
        "live",
        "live_weight",
        "needs_cut",
        "new_acks",
        "new_returns",
        "new_weight",
        "path",
        "returned",
        "size",
        "synced_bytes",
        "weight",
        "where",
    )

    def __init__(self, directory: str, base: int, where: int) -> None:
        self.base = base
        self.path = f"{directory}/{base:020d}.{'messages' if where == PERSISTENT else 'transient'}"
        self.where = where
        self.size = 0
        """Bytes of all that was written, a summary included."""
        self.synced_bytes = 0
        self.end = base
        """The position after the last message."""
        self.count = 0
        """Messages in the file."""
        self.weight = 0
        self.live = 0
        """Messages that are not acknowledged."""
        self.live_weight = 0
        self.flags: bytearray | None = bytearray()
        """For each position from base to end: 1 if no live message is there. None: all are live."""
        self.new_acks: list[int] = []
        """Acknowledgements since the last flush; each position - base."""
        self.new_weight = 0
        self.new_returns: list[tuple[int, int, int]] = []
        self.returned: dict[int, tuple[int, int]] | None = None
        """By position: the counts that an earlier process noted."""
        self.acks_bytes = 0
        self.acks_synced_bytes = 0
        self.acks_need_cut = False
        """A failed flush left bytes behind `acks_bytes`."""
        self.generation = 0
        self.is_sealed = False
        self.is_removed = False
        self.needs_cut = False
        """A failed flush left bytes behind `size`."""
        self.index: array[int] | None = array("q")
        """Now and then position and place of a batch. None: not made yet."""
        self.cursor = (base, 0)
        """Position and place where the last reading ended."""

    @property
    def acks_path(self) -> str:
        return self.path[: -len(".messages")] + ".acks"

    def summary(self) -> Summary:
        messages, weight = self.count, self.weight
        if self.generation:
            # Which of the older groups are about messages in the file is not known: what they say is settled here.
            messages, weight = self.live + len(self.new_acks), self.live_weight + self.new_weight
        return Summary(self.generation, messages, weight, self.base, self.end)

    def take(self, batch: Batch) -> None:
        """Notes a batch that stands at the end of the file."""
        self.note_place(batch.first, self.size)
        self.size += batch.size
        flags = self.flags
        if flags is not None:
            if batch.first > self.end:
                flags += b"\x01" * (batch.first - self.end)
            flags += batch.gaps if batch.gaps is not None else bytes(batch.messages)
        self.end = batch.end
        self.count += batch.messages
        self.live += batch.messages
        self.weight += batch.weight
        self.live_weight += batch.weight

    def note_place(self, position: int, place: int) -> None:
        index = self.index
        if index is not None and (not index or place - index[-1] >= INDEX_INTERVAL_BYTES):
            index.append(position)
            index.append(place)

    def acknowledge(self, position: int, weight: int) -> bool:
        """Whether the message was there and was live; it is not any more."""
        number = position - self.base
        if not 0 <= number < self.end - self.base:
            return False
        flags = self.flags
        if flags is None:
            flags = self.flags = bytearray(self.end - self.base)
        if flags[number]:
            return False
        flags[number] = 1
        self.live -= 1
        self.live_weight -= weight
        self.new_acks.append(number)
        self.new_weight += weight
        return True

    def read(self, open_files: OpenFiles, position: int, found: list[StoredMessage], max_messages: int, max_bytes: int) -> int:
        """Adds live messages from `position` on to `found`, until it has `max_messages` or `max_bytes` are read; returns the bytes."""
        flags, base, where, returned = self.flags, self.base, self.where, self.returned
        total = 0
        chunk_bytes = min(max(max_bytes, BATCH_BYTES) * 5 // 4, _READ_BYTES)
        for data, start, end, first, place in self._batches_from(open_files, position, chunk_bytes):
            try:
                for at, message_start, message_end in read_messages(data, start, end, first):
                    if at < position or (flags is not None and flags[at - base]):
                        continue
                    counts = returned.get(at) if returned is not None else None
                    found.append((at, data, message_start, message_end, where, counts))
                    total += message_end - message_start
                    if len(found) >= max_messages or total >= max_bytes:
                        self.cursor = (at + 1, place)
                        return total
            except (CorruptMessage, IndexError) as error:
                raise DamagedFile(self.path, place, f"its records cannot be read: {error}") from error
        return total

    def _batches_from(self, open_files: OpenFiles, position: int, chunk_bytes: int) -> Iterator[tuple[bytes, int, int, int, int]]:
        """(data, start and end of the records in it, first position, place) of each batch that may hold `position` or later."""
        place = self._locate(open_files, position)
        expected = self.base
        while place < self.size:
            data = open_files.get(self.path).read_at(place, min(chunk_bytes, self.size - place))
            at = size = 0
            while len(data) - at >= HEADER_BYTES:
                header = read_header(data, at)
                size = header.batch_length + PREFIX_BYTES
                if reason := batch_fault(header, expected, self.size - place - at):
                    raise DamagedFile(self.path, place + at, reason)
                if size > len(data) - at:
                    break
                is_control = header.attributes & CONTROL_BIT
                end = expected if is_control else header.base_offset + header.last_offset_delta + 1
                if end > position and not is_control:
                    if value(data[at + CRC_START : at + size]) != header.crc:
                        raise DamagedFile(self.path, place + at, "the checksum does not match")
                    yield data, at + HEADER_BYTES, at + size, header.base_offset, place + at
                expected = end
                at += size
            if not at:
                if len(data) < min(chunk_bytes, self.size - place) or len(data) < HEADER_BYTES:
                    raise DamagedFile(self.path, place + len(data), f"it ends before {self.size}, which was written")
                # One batch that is larger than the chunk: its size was checked against the file.
                chunk_bytes = size
            place += at

    def _locate(self, open_files: OpenFiles, position: int) -> int:
        """The place of a batch at or before the one that holds `position`."""
        if position <= self.base:
            return 0
        cursor_position, place = self.cursor
        if cursor_position > position:
            place = 0
        elif position - cursor_position <= _NEAR:
            return place
        if self.index is None:
            self._make_index(open_files)
        index = self.index
        assert index is not None
        after = bisect_right(range(len(index) // 2), position, key=lambda number: index[2 * number])
        return max(place, index[2 * after - 1]) if after else place

    def _make_index(self, open_files: OpenFiles) -> None:
        self.index = array("q")
        place = 0
        file = open_files.get(self.path)
        while place < self.size:
            data = file.read_at(place, HEADER_BYTES)
            if len(data) < HEADER_BYTES:
                return
            header = read_header(data)
            if header.magic != MAGIC or header.size < HEADER_BYTES:
                # Whoever reads there is told.
                return
            self.note_place(header.base_offset, place)
            place += header.size


def offset_check(offset: int) -> int:
    """What stands in the producer epoch of a batch with this base offset."""
    check = (offset ^ offset >> 16 ^ offset >> 32 ^ offset >> 48 ^ 1) & 0xFFFF
    return check if check < 0x8000 else check - 0x10000


def batch_fault(header: BatchHeader, expected: int, left: int) -> str | None:
    """What is wrong with the header of a batch that follows position `expected` where `left` bytes are; the CRC is not looked at."""
    if header.magic != MAGIC:
        return f"the magic is {header.magic}, not 2"
    if header.leader_epoch != -1:
        return f"the leader epoch is {header.leader_epoch}, not -1"
    if header.base_offset < expected or header.producer_epoch != offset_check(header.base_offset):
        return f"the base offset is {header.base_offset}, after {expected}, and its check {header.producer_epoch}"
    size = header.batch_length + PREFIX_BYTES
    if size < HEADER_BYTES or header.last_offset_delta < 0:
        return f"the batch claims {size} bytes and a last offset delta of {header.last_offset_delta}"
    if size > left:
        return f"the batch claims {size} bytes where {left} are left"
    return None


SUMMARY_BYTES: Final = len(write_summary(Summary(0, 0, 0, 0, 0)))
