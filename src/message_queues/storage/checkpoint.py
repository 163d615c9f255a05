"""The checkpoint of a log: what opening needs to know, so that it reads nothing else that is older.

    position  bytes  field
    0         4      magic, "MQCP"
    4         4      CRC-32C of everything after
    8         4      version, 1
    12        8      recovery offset: all below it was synced before this file was written
    20        8      start offset of the log
    28        4      number of leader epochs
    32        4      number of segments
    36        4      length of the state
    40        16 *   leader epochs: (int64 epoch, int64 its first offset)
    …         60 *   segments that begin below the recovery offset: see SegmentFacts
    …         …      state, opaque to the log

All integers are big-endian. The file is valid if and only if its magic and CRC match and its parts fill it exactly; a valid one
with a larger version is NewerFormat, an invalid one is DamagedFile, because it is only ever replaced as a whole. The version stands
for all files of the log.
"""

import struct
from typing import NamedTuple

import google_crc32c

from message_queues.errors import DamagedFile, NewerFormat

MAGIC = b"MQCP"
VERSION = 1

_FRAME = struct.Struct(">4sII")
_COUNTS = struct.Struct(">qqIII")
_EPOCH = struct.Struct(">qq")
_SEGMENT = struct.Struct(">qqqqqqIII")


class SegmentFacts(NamedTuple):
    """What a checkpoint says of one segment."""

    base_offset: int
    size: int
    """Bytes of its log file; of the last segment, those below the recovery offset."""
    created_ms: int
    first_timestamp: int
    max_timestamp: int
    max_timestamp_offset: int
    """Base offset of the batch that holds the latest timestamp."""
    offset_entries: int
    time_entries: int
    unindexed_bytes: int


class Checkpoint(NamedTuple):
    recovery_offset: int
    start_offset: int
    leader_epochs: tuple[tuple[int, int], ...]
    segments: tuple[SegmentFacts, ...]
    state: bytes


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The content of the file."""
    body = b"".join(
        (
            VERSION.to_bytes(4),
            _COUNTS.pack(
                checkpoint.recovery_offset,
                checkpoint.start_offset,
                len(checkpoint.leader_epochs),
                len(checkpoint.segments),
                len(checkpoint.state),
            ),
            *(_EPOCH.pack(*epoch) for epoch in checkpoint.leader_epochs),
            *(_SEGMENT.pack(*facts) for facts in checkpoint.segments),
            checkpoint.state,
        )
    )
    return b"".join((MAGIC, google_crc32c.value(body).to_bytes(4), body))


def read_checkpoint(content: bytes, path: str) -> Checkpoint:
    """What the file at `path` says."""
    if len(content) < _FRAME.size:
        raise DamagedFile(path, len(content), "the checkpoint ends early")
    magic, crc, version = _FRAME.unpack_from(content)
    if magic != MAGIC:
        raise DamagedFile(path, 0, "this is no checkpoint")
    if google_crc32c.value(content[8:]) != crc:
        raise DamagedFile(path, 4, "the checksum of the checkpoint does not match")
    if version > VERSION:
        raise NewerFormat(f"{path} has format {version}; this version of the program knows formats up to {VERSION}")
    recovery_offset, start_offset, epoch_count, segment_count, state_length = _COUNTS.unpack_from(content, _FRAME.size)
    epochs_end = _FRAME.size + _COUNTS.size + epoch_count * _EPOCH.size
    segments_end = epochs_end + segment_count * _SEGMENT.size
    if segments_end + state_length != len(content):
        raise DamagedFile(path, _FRAME.size, "the parts of the checkpoint do not fill it")
    return Checkpoint(
        recovery_offset,
        start_offset,
        tuple((epoch, offset) for epoch, offset in _EPOCH.iter_unpack(content[_FRAME.size + _COUNTS.size : epochs_end])),
        tuple(SegmentFacts(*fields) for fields in _SEGMENT.iter_unpack(content[epochs_end:segments_end])),
        content[segments_end:],
    )
