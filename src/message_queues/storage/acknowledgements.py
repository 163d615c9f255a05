"""What has happened to the messages of one segment of a message store: a file `{base position, 20 digits}.acks` beside it.

The file is a row of groups, one for each flush that had something to say:

    position  bytes  field
    0         4      magic, "MQAK"
    4         4      CRC-32C of everything after
    8         4      generation of the segment that the group was written for
    12        4      how many bytes of this file were known to be synced when the group was written
    16        4      number a of acknowledgements
    20        4      number r of returns
    24        8      weight of all messages acknowledged by the group
    32        4 * a  acknowledgements: position - base of each
    …        12 * r  returns: position - base, delivery count, acquired count

All integers are big-endian. A group is valid if and only if it is whole and its magic and CRC match. The first group that is not valid,
and all behind it, is a tail torn by a crash, and is cut; unless a valid group behind it says that this place was synced: that is
damage, and DamagedFile. A message is acknowledged at most once. Groups of a generation before that of the segment's summary are about
messages that the summary does not count.
"""

import logging
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from google_crc32c import value

from message_queues.errors import DamagedFile
from message_queues.storage.open_files import OpenFiles

_logger = logging.getLogger(__name__)

MAGIC: Final = b"MQAK"

_HEAD = struct.Struct(">4sIIIIIQ")
_HEAD_BYTES: Final = _HEAD.size
_CHECKED_FROM: Final = 8
_RETURN = struct.Struct(">III")
_ACKNOWLEDGEMENT_BYTES: Final = 4
_IS_LITTLE: Final = sys.byteorder == "little"
assert array("I").itemsize == _ACKNOWLEDGEMENT_BYTES


class Group(NamedTuple):
    generation: int
    synced_bytes: int
    weight: int
    acknowledged: Sequence[int]
    """Each position - base."""
    returns: list[tuple[int, int, int]]
    """(position - base, delivery count, acquired count)"""


def write_group(group: Group) -> bytes:
    numbers = array("I", group.acknowledged)
    if _IS_LITTLE:
        numbers.byteswap()
    rest = numbers.tobytes() + b"".join(_RETURN.pack(*one) for one in group.returns)
    head = _HEAD.pack(MAGIC, 0, group.generation, group.synced_bytes, len(group.acknowledged), len(group.returns), group.weight)[
        _CHECKED_FROM:
    ]
    covered = head + rest
    return b"".join((MAGIC, value(covered).to_bytes(4), covered))


def read_groups(data: bytes) -> Iterator[tuple[Group, int]]:
    """The valid groups from the beginning on, each with the position behind it."""
    position = 0
    while (found := read_group(data, position)) is not None:
        yield found
        position = found[1]


def read_group(data: bytes, position: int) -> tuple[Group, int] | None:
    """The group at `position` and where it ends; None if there is no valid one."""
    if len(data) - position < _HEAD_BYTES:
        return None
    magic, crc, generation, synced_bytes, acknowledged, returned, weight = _HEAD.unpack_from(data, position)
    returns_start = position + _HEAD_BYTES + acknowledged * _ACKNOWLEDGEMENT_BYTES
    end = returns_start + returned * _RETURN.size
    if magic != MAGIC or end > len(data) or value(data[position + _CHECKED_FROM : end]) != crc:
        return None
    numbers = array("I", data[position + _HEAD_BYTES : returns_start])
    if _IS_LITTLE:
        numbers.byteswap()
    returns = list(_RETURN.iter_unpack(data[returns_start:end]))
    return Group(generation, synced_bytes, weight, numbers, returns), end


def load_groups(open_files: OpenFiles, path: str) -> tuple[list[Group], int]:
    """The groups of a file, and its size after a torn tail was cut; DamagedFile where synced bytes are not valid."""
    file = open_files.get(path)
    data = file.read_at(0, file.size)
    groups = []
    end = 0
    for group, position in read_groups(data):
        groups.append(group)
        end = position
    if end < len(data):
        synced_bytes = max([group.synced_bytes for group in groups] + [_synced_bytes_behind(data, end)])
        if synced_bytes > end:
            raise DamagedFile(path, end, f"a group of acknowledgements is not valid, and {synced_bytes} bytes were synced")
        _logger.warning("%s: cut off %d bytes at %d that a crash left behind", path, len(data) - end, end)
        file.truncate(end)
    return groups, end


def _synced_bytes_behind(data: bytes, position: int) -> int:
    """What valid groups behind an invalid one say."""
    synced_bytes = 0
    while (position := data.find(MAGIC, position + 1)) >= 0:
        found = read_group(data, position)
        if found is not None:
            synced_bytes = max(synced_bytes, found[0].synced_bytes)
    return synced_bytes
