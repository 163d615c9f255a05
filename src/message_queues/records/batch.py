"""Kafka's RecordBatch, version 2: the unit that producers send, the log stores and consumers receive.

    position  bytes  field                      position  bytes  field
    0         8      base_offset                27        8      base_timestamp
    8         4      batch_length (after this)  35        8      max_timestamp
    12        4      leader_epoch               43        8      producer_id
    16        1      magic, 2                   51        2      producer_epoch
    17        4      crc, CRC-32C of 21..end    53        4      base_sequence
    21        2      attributes                 57        4      record_count
    23        4      last_offset_delta          61        …      records, compressed as one

Attributes: bits 0-2 codec, bit 3 log append time, bit 4 transactional, bit 5 control. base_offset and leader_epoch lie outside the CRC:
the broker stamps them without touching the rest.

Record: varint length, int8 attributes, varlong timestamp delta, varint offset delta, varint-prefixed key and value (negative:
null), varint count of headers, each a varint-prefixed UTF-8 key and a varint-prefixed nullable value.

A batch is valid if and only if it is whole, its magic is 2, its CRC matches and its records, `record_count` of them, fill it exactly.
Header keys that are not UTF-8 are kept with surrogate escapes, so that writing them again gives the same bytes.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn

import google_crc32c

from message_queues.errors import CorruptMessage, InvalidArgument
from message_queues.records.compression import NONE, compress, decompress
from message_queues.records.varint import read_varint, read_varlong, write_varint

HEADER_BYTES: Final = 61
MAGIC: Final = 2
PREFIX_BYTES: Final = 12
"""base_offset and batch_length: what `batch_length` does not count."""
CRC_START: Final = 21
"""Where the bytes that the CRC covers begin."""
MAX_DECOMPRESSED_BYTES: Final = 128 * 1024 * 1024

CODEC_MASK: Final = 0x07
LOG_APPEND_TIME_BIT: Final = 0x08
TRANSACTIONAL_BIT: Final = 0x10
CONTROL_BIT: Final = 0x20

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH = struct.Struct(">i")
_CRC = struct.Struct(">I")
_SMALLEST_RECORD_BYTES = 7


class BatchHeader(NamedTuple):
    """The fixed part of a batch, as it stands in its first 61 bytes."""

    base_offset: int
    batch_length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return self.batch_length + PREFIX_BYTES

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        return self.base_offset + self.last_offset_delta + 1

    @property
    def compression(self) -> int:
        return self.attributes & CODEC_MASK

    @property
    def is_log_append_time(self) -> bool:
        return self.attributes & LOG_APPEND_TIME_BIT != 0

    @property
    def is_transactional(self) -> bool:
        return self.attributes & TRANSACTIONAL_BIT != 0

    @property
    def is_control(self) -> bool:
        return self.attributes & CONTROL_BIT != 0


class Record(NamedTuple):
    """One record; `offset` and `timestamp` are absolute."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def read_header(data: bytes | memoryview, position: int = 0) -> BatchHeader:
    """The header at `position`, unchecked; the caller knows that 61 bytes are there."""
    return tuple.__new__(BatchHeader, _HEADER.unpack_from(data, position))


def placed(header: BatchHeader, base_offset: int, leader_epoch: int) -> BatchHeader:
    """The header as it stands in a log."""
    # Twice as fast as _replace, and every batch comes through here.
    return tuple.__new__(BatchHeader, (base_offset, header[1], leader_epoch, *header[3:]))


def checksum_matches(batch: bytes, header: BatchHeader) -> bool:
    """Whether the CRC is right; `batch` holds exactly this batch."""
    return bool(google_crc32c.value(batch[CRC_START:]) == header.crc)


def split_batches(data: bytes) -> list[tuple[int, BatchHeader]]:
    """Position and header of each batch in `data`, which must hold whole version 2 batches and nothing else. CRCs are not checked."""
    batches = []
    position = 0
    while position < len(data):
        left = len(data) - position
        if left < HEADER_BYTES:
            raise CorruptMessage(f"{left} bytes at {position} are too few for a record batch")
        header = read_header(data, position)
        if header.magic != MAGIC:
            raise CorruptMessage(f"the batch at {position} has magic {header.magic}, not 2")
        if not HEADER_BYTES <= header.size <= left:
            raise CorruptMessage(f"the batch at {position} claims {header.size} bytes where {left} are left")
        batches.append((position, header))
        position += header.size
    return batches


def read_records(batch: bytes, limit_bytes: int = MAX_DECOMPRESSED_BYTES) -> list[Record]:
    """The records of one whole batch; at most `limit_bytes` are decompressed. The CRC is the caller's to check."""
    header = _whole_header(batch)
    data = decompress(header.compression, batch[HEADER_BYTES:], limit_bytes)
    if not 0 <= header.record_count <= len(data) // _SMALLEST_RECORD_BYTES:
        raise CorruptMessage(f"a batch claims {header.record_count} records in {len(data)} bytes")
    records = []
    position = 0
    for _ in range(header.record_count):
        record, position = _read_record(data, position, header)
        records.append(record)
    if position != len(data):
        raise CorruptMessage(f"{len(data) - position} bytes follow the last record of a batch")
    return records


def build_batch(
    records: Sequence[Record],
    *,
    base_offset: int = 0,
    compression: int = NONE,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    leader_epoch: int = -1,
    is_transactional: bool = False,
    is_control: bool = False,
    log_append_time: int | None = None,
    level: int | None = None,
) -> bytes:
    """One batch of `records`, whose offsets are absolute, ascending and not below `base_offset`."""
    base_timestamp = records[0].timestamp if records else 0
    max_timestamp = max((record.timestamp for record in records), default=0) if log_append_time is None else log_append_time
    attributes = (
        compression
        | (LOG_APPEND_TIME_BIT if log_append_time is not None else 0)
        | (TRANSACTIONAL_BIT if is_transactional else 0)
        | (CONTROL_BIT if is_control else 0)
    )
    header = BatchHeader(
        base_offset=base_offset,
        batch_length=0,
        leader_epoch=leader_epoch,
        magic=MAGIC,
        crc=0,
        attributes=attributes,
        last_offset_delta=records[-1].offset - base_offset if records else 0,
        base_timestamp=base_timestamp,
        max_timestamp=max_timestamp,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
        record_count=len(records),
    )
    return _sealed(header, compress(compression, _write_records(records, base_offset, base_timestamp), level))


def restamped(batch: bytes, *, log_append_time: int) -> bytes:
    """The same batch with the broker's time: timestamp type bit, max timestamp and CRC are new, the records untouched."""
    header = _whole_header(batch)
    stamped = header._replace(attributes=header.attributes | LOG_APPEND_TIME_BIT, max_timestamp=log_append_time)
    return _sealed(stamped, batch[HEADER_BYTES:])


def recompressed(batch: bytes, codec: int, level: int | None = None, limit_bytes: int = MAX_DECOMPRESSED_BYTES) -> bytes:
    """The same records in another compression; a batch that has it already is returned as it is."""
    header = _whole_header(batch)
    if header.compression == codec:
        return batch
    data = decompress(header.compression, batch[HEADER_BYTES:], limit_bytes)
    changed = header._replace(attributes=header.attributes & ~CODEC_MASK | codec)
    return _sealed(changed, compress(codec, data, level))


def _whole_header(batch: bytes) -> BatchHeader:
    if len(batch) < HEADER_BYTES:
        raise CorruptMessage(f"{len(batch)} bytes are too few for a record batch")
    header = read_header(batch)
    if header.magic != MAGIC:
        raise CorruptMessage(f"a batch has magic {header.magic}, not 2")
    if header.size != len(batch):
        raise CorruptMessage(f"a batch claims {header.size} bytes and has {len(batch)}")
    return header


def _sealed(header: BatchHeader, payload: bytes) -> bytes:
    """Header and payload as bytes, with the length and the CRC that they now have."""
    head = _HEADER.pack(*header._replace(batch_length=HEADER_BYTES - PREFIX_BYTES + len(payload), crc=0))
    covered = head[CRC_START:] + payload
    return b"".join((head[: CRC_START - _CRC.size], _CRC.pack(google_crc32c.value(covered)), covered))


def _write_records(records: Sequence[Record], base_offset: int, base_timestamp: int) -> bytes:
    parts: list[bytes] = []
    latest = base_offset - 1
    for record in records:
        if record.offset <= latest:
            raise InvalidArgument(f"offset {record.offset} follows {latest} in a batch from {base_offset} on")
        latest = record.offset
        body = _write_record(record, base_offset, base_timestamp)
        parts += (write_varint(len(body)), body)
    return b"".join(parts)


def _write_record(record: Record, base_offset: int, base_timestamp: int) -> bytes:
    parts = [b"\x00", write_varint(record.timestamp - base_timestamp), write_varint(record.offset - base_offset)]
    _write_nullable(parts, record.key)
    _write_nullable(parts, record.value)
    parts.append(write_varint(len(record.headers)))
    for name, value in record.headers:
        _write_nullable(parts, name.encode("utf-8", "surrogateescape"))
        _write_nullable(parts, value)
    return b"".join(parts)


def _write_nullable(parts: list[bytes], value: bytes | None) -> None:
    if value is None:
        parts.append(b"\x01")
    else:
        parts += (write_varint(len(value)), value)


def _read_record(data: bytes, position: int, header: BatchHeader) -> tuple[Record, int]:
    length, position = read_varint(data, position)
    end = position + length
    if length < _SMALLEST_RECORD_BYTES - 1 or end > len(data):
        raise CorruptMessage(f"a record claims {length} bytes where {len(data) - position} are left")
    # Attributes of a record (one byte) are unused so far.
    timestamp_delta, position = read_varlong(data, position + 1)
    offset_delta, position = read_varint(data, position)
    key, position = _read_nullable(data, position, end)
    value, position = _read_nullable(data, position, end)
    headers, position = _read_headers(data, position, end)
    if position != end:
        raise CorruptMessage(f"a record claims {length} bytes and its fields end {end - position} bytes before that")
    timestamp = header.max_timestamp if header.attributes & LOG_APPEND_TIME_BIT else header.base_timestamp + timestamp_delta
    return Record(header.base_offset + offset_delta, timestamp, key, value, headers), end


def _read_headers(data: bytes, position: int, end: int) -> tuple[tuple[tuple[str, bytes | None], ...], int]:
    count, position = read_varint(data, position)
    if count == 0:
        return (), position
    # A header takes two bytes at least.
    if not 0 <= count <= (end - position) // 2:
        raise CorruptMessage(f"a record claims {count} headers in {end - position} bytes")
    headers = []
    for _ in range(count):
        name, position = _read_nullable(data, position, end)
        if name is None:
            raise CorruptMessage("a record header has no key")
        value, position = _read_nullable(data, position, end)
        headers.append((name.decode("utf-8", "surrogateescape"), value))
    return tuple(headers), position


def _read_nullable(data: bytes, position: int, end: int) -> tuple[bytes | None, int]:
    length, position = read_varint(data, position)
    if length < 0:
        return None, position
    if length > end - position:
        _refuse_length(length, end - position)
    return data[position : position + length], position + length


def _refuse_length(length: int, left: int) -> NoReturn:
    raise CorruptMessage(f"a field of a record claims {length} bytes where {left} are left")
