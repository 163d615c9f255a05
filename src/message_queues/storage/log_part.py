"""What one message store has in the shared log (shared_log.py), and how it stands there: the frames and entries of the log's files.

A file is a row of frames, one for each commit that had something to say:

    position  bytes  field
    0         4      magic, "MQSL"
    4         4      CRC-32C of everything after
    8         8      number of the file
    16        8      number of the oldest file that still counted when the frame was written: earlier ones are to be ignored
    24        8      how many bytes of this file were known to be synced when the frame was written
    32        4      length of the entries
    36        …      entries

An entry is what one store has to say:

    0         2      length n of its name
    2         1      1: the store was deleted, and all before is void; 2: a purge follows; 0: neither
    3         4      number m of messages
    7         4      number a of acknowledgements
    11        4      number r of returns
    15        n      name: its directory, below that of all stores
    …         16     purge, if there is one: what the log has of positions from the first int64 up to the second is gone
    …         …      m messages: position (8), weight (8), length (4), and so many bytes
    …         8 * a  acknowledgements: position of each, whether the log or a segment has the message
    …         16 * r returns: position (8), delivery count (4), acquired count (4); a later one takes the place of an earlier one

All integers are big-endian. A frame is valid if and only if it is whole, its magic and CRC match and its number is that of the file. The
first that is not valid, and all behind it, is a tail torn by a crash; unless a valid frame behind it says that this place was synced:
that is damage, and DamagedFile.
"""

import logging
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from google_crc32c import value

from message_queues.errors import DamagedFile
from message_queues.storage.group_commit import Flushable
from message_queues.storage.message_segment import Pieces

_logger = logging.getLogger(__name__)

MAGIC: Final = b"MQSL"
FRAME_HEAD_BYTES: Final = 36

_FRAME = struct.Struct(">4sIQQQI")
_COVERED = struct.Struct(">QQQI")
_CHECKED_FROM: Final = 8
_ENTRY = struct.Struct(">HBIII")
_RANGE = struct.Struct(">QQ")
_MESSAGE = struct.Struct(">QQI")
_RETURN = struct.Struct(">QII")
_GONE: Final = 1
_PURGED: Final = 2
_IS_LITTLE: Final = sys.byteorder == "little"

Messages = dict[int, tuple[int, Pieces]]
"""By position: weight and pieces."""


class Owner(Flushable, Protocol):
    """The store that a part belongs to."""

    def lost(self, messages: Messages) -> None:
        """The log could not write these."""
        ...

    def write_out(self) -> bool:
        """Writes what only the log has to the store's own files; whether all of it is there."""
        ...

    def checkpoint(self) -> "Checkpoint":
        """What has to be synced before the log may forget what was written out by now."""
        ...


class Checkpoint(Protocol):
    def sync(self) -> None:
        """On any thread; raises StorageError."""
        ...

    def synced(self) -> None:
        """All files were synced together."""
        ...


class LogPart:
    """What one store has in the files of the log that still count, and what it is about to add."""

    __slots__ = (
        "acknowledged", "end", "first", "handed", "messages", "name", "new_acknowledged", "new_returns", "number", "owner", "purged",
        "returns", "size",
    )  # fmt: skip

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.owner: Owner | None = None
        self.messages: Messages = {}
        """Those that no other file has, in order of their positions."""
        self.returns: dict[int, tuple[int, int]] = {}
        """Counts of those that came back; at opening, of messages in segments, too."""
        self.acknowledged: set[int] = set()
        """At opening: of messages that may be in segments."""
        self.size = 0
        """Bytes of the messages, of settled ones, too."""
        self.number = -1
        """Of the last file that has something of this store."""
        self.first = 0
        """From here to `end` lie the positions of all messages that files of the log may have, wanted or not."""
        self.end = 0
        # What the next commit adds.
        self.handed: Messages = {}
        self.new_acknowledged: list[int] = []
        self.new_returns: list[tuple[int, int, int]] = []
        self.purged: tuple[int, int] | None = None

    def acknowledge(self, position: int) -> bool:
        """Whether only the log had the message; it is gone."""
        if self.messages.pop(position, None) is None:
            return False
        self.returns.pop(position, None)
        self.new_acknowledged.append(position)
        return True

    def returned(self, position: int, delivery_count: int, acquired_count: int) -> bool:
        """Whether only the log has the message; its counts are noted."""
        if position not in self.messages:
            return False
        self.returns[position] = delivery_count, acquired_count
        self.new_returns.append((position, delivery_count, acquired_count))
        return True

    def purge(self, first: int) -> int:
        """All from position `first` on go; returns how many messages only the log had."""
        gone = [position for position in self.messages if position >= first]
        for position in gone:
            del self.messages[position]
            self.returns.pop(position, None)
        if self.end > first:
            self.purged = (min(first, self.purged[0]) if self.purged else first, self.end)
        return len(gone)

    def written_out(self) -> None:
        """The store's own files have all messages now."""
        self.messages = {}
        self.returns = {}
        self.size = 0

    # Adding. What is handed over is in the part once the frame is written.

    @property
    def has_news(self) -> bool:
        return bool(self.new_acknowledged or self.new_returns or self.purged)

    def forget_news(self, is_living: bool) -> None:
        """The store's own files get it. Only what the log has copies of must be said here too, or it would come back."""
        if not is_living:
            self.new_acknowledged, self.new_returns, self.purged = [], [], None
        elif self.new_acknowledged:
            first, end = self.first, self.end
            self.new_acknowledged = [position for position in self.new_acknowledged if first <= position < end]

    def entry(self) -> list[bytes]:
        """What is handed over and what else is new, as it stands in a frame."""
        handed, acknowledged, returns = self.handed, self.new_acknowledged, self.new_returns
        purged = self.purged
        parts = [_ENTRY.pack(len(self.name), _PURGED if purged else 0, len(handed), len(acknowledged), len(returns)), self.name]
        if purged is not None:
            parts.append(_RANGE.pack(*purged))
        for position, (weight, (head, properties, body)) in handed.items():
            parts += (_MESSAGE.pack(position, weight, len(head) + len(properties) + len(body)), head, properties, body)
        if acknowledged:
            parts.append(_positions(acknowledged))
        parts += [_RETURN.pack(*one) for one in returns]
        return parts

    def logged(self, number: int, is_living: bool) -> None:
        """File `number` has what was handed over; `is_living`: files that count had something of the store before."""
        handed = self.handed
        if not is_living:
            self.first = self.end = 0
        self.number = number
        if handed:
            if not self.end:
                self.first = next(iter(handed))
            self.end = next(reversed(handed)) + 1
            if self.messages:
                self.messages.update(handed)
            else:
                self.messages = handed
            self.handed = {}
        self.new_acknowledged, self.new_returns, self.purged = [], [], None

    # Reading.

    def read_entry(self, number: int, data: bytes, at: int, head: "EntryHead") -> int:
        """Takes in the entry whose fields begin at `at`; returns where it ends."""
        self.number = number
        if head.flags & _PURGED:
            first, end = _RANGE.unpack_from(data, at)
            at += _RANGE.size
            for position in [position for position in self.messages if first <= position < end]:
                del self.messages[position]
        for _ in range(head.messages):
            position, weight, length = _MESSAGE.unpack_from(data, at)
            at += _MESSAGE.size
            if not self.end:
                self.first = position
            self.end = max(self.end, position + 1)
            self.messages[position] = (weight, (data[at : at + length], b"", b""))
            self.size += length
            at += length
        acknowledged = struct.unpack_from(f">{head.acknowledged}Q", data, at)
        at += 8 * head.acknowledged
        self.acknowledged.update(acknowledged)
        for position in acknowledged:
            self.messages.pop(position, None)
        if acknowledged:
            self.end = max(self.end, max(acknowledged) + 1)
        for _ in range(head.returns):
            position, delivery_count, acquired_count = _RETURN.unpack_from(data, at)
            at += _RETURN.size
            self.returns[position] = delivery_count, acquired_count
        return at


class EntryHead(NamedTuple):
    name_length: int
    flags: int
    messages: int
    acknowledged: int
    returns: int


class Frame(NamedTuple):
    number: int
    oldest: int
    synced_bytes: int
    entries: bytes


def gone_entry(name: bytes) -> bytes:
    """The store of this name was deleted."""
    return _ENTRY.pack(len(name), _GONE, 0, 0, 0) + name


def frame_head(number: int, oldest: int, synced_bytes: int, entries: bytes) -> bytes:
    covered = _COVERED.pack(number, oldest, synced_bytes, len(entries))
    # The entries are joined once, for the checksum and for the write.
    crc = int(value(covered + entries))
    return MAGIC + crc.to_bytes(4) + covered


def read_entries(parts: dict[bytes, LogPart], frame: Frame) -> None:
    """Takes what a frame says into the parts, by name."""
    data = frame.entries
    at = 0
    while at < len(data):
        head = EntryHead(*_ENTRY.unpack_from(data, at))
        at += _ENTRY.size
        name = data[at : at + head.name_length]
        at += head.name_length
        if head.flags & _GONE:
            parts.pop(name, None)
            continue
        part = parts.get(name)
        if part is None:
            part = parts[name] = LogPart(name)
        at = part.read_entry(frame.number, data, at, head)


def read_frames(path: str, number: int, data: bytes) -> list[Frame]:
    """The frames of a file, without a torn tail; DamagedFile where synced bytes are not valid."""
    frames: list[Frame] = []
    end = 0
    while (found := _read_frame(data, end, number)) is not None:
        frames.append(found)
        end += FRAME_HEAD_BYTES + len(found.entries)
    if end < len(data):
        synced_bytes = max([frame.synced_bytes for frame in (*frames, *_frames_behind(data, end, number))], default=0)
        if synced_bytes > end:
            raise DamagedFile(path, end, f"a frame is not valid, and {synced_bytes} bytes were synced")
        _logger.warning("%s: ignored %d bytes at %d that a crash left behind", path, len(data) - end, end)
    return frames


def _read_frame(data: bytes, at: int, number: int) -> Frame | None:
    if len(data) - at < FRAME_HEAD_BYTES:
        return None
    magic, crc, its_number, oldest, synced_bytes, length = _FRAME.unpack_from(data, at)
    end = at + FRAME_HEAD_BYTES + length
    if magic != MAGIC or its_number != number or end > len(data) or value(data[at + _CHECKED_FROM : end]) != crc:
        return None
    return Frame(number, oldest, synced_bytes, data[at + FRAME_HEAD_BYTES : end])


def _frames_behind(data: bytes, at: int, number: int) -> Iterator[Frame]:
    while (at := data.find(MAGIC, at + 1)) >= 0:
        found = _read_frame(data, at, number)
        if found is not None:
            yield found


def _positions(positions: Sequence[int]) -> bytes:
    numbers = array("Q", positions)
    if _IS_LITTLE:
        numbers.byteswap()
    return numbers.tobytes()
