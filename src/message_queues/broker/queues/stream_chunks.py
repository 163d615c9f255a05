"""Messages in the log of a stream: record batches (records/batch.py) whose values are envelopes (stored_message.py).

A record's offset is what consumers know as x-stream-offset; its timestamp, that of its batch, is when it was stored.
"""

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from google_crc32c import extend, value

from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.stored_message import read_message
from message_queues.errors import CorruptMessage
from message_queues.records.batch import HEADER_BYTES, MAGIC, PREFIX_BYTES, BatchHeader, read_header
from message_queues.records.properties import with_headers
from message_queues.storage.message_segment import Pieces, make_batches, read_messages

OFFSET_HEADER: Final = "x-stream-offset"

_HEAD = struct.Struct(">qiibI")
_CHECKED_HEAD = struct.Struct(">hiqqqhii")
_LENGTH = struct.Struct(">I")
_OFFSET = struct.Struct(">q")
_OFFSET_FIELD: Final = bytes((len(OFFSET_HEADER),)) + OFFSET_HEADER.encode() + b"l"
"""What stands before the value: the header is a long, whatever its value, as RabbitMQ sends it."""
_OFFSET_FIELD_BYTES: Final = len(_OFFSET_FIELD) + _OFFSET.size
_HEADERS_BIT: Final = 0x2000
_STRINGS_BEFORE_HEADERS: Final = (0x8000, 0x4000)


def batches_of(messages: Iterable[Pieces], first: int, now_ms: int) -> list[tuple[BatchHeader, tuple[bytes, bytes]]]:
    """Batches for the log, the first message at offset `first`."""
    found = []
    for batch in make_batches((offset, (0, pieces)) for offset, pieces in enumerate(messages, first)):
        checked = _CHECKED_HEAD.pack(0, batch.messages - 1, now_ms, now_ms, -1, -1, -1, batch.messages)
        crc = extend(value(checked), batch.payload)
        head = _HEAD.pack(batch.first, HEADER_BYTES - PREFIX_BYTES + len(batch.payload), 0, MAGIC, crc) + checked
        found.append((read_header(head), (head, batch.payload)))
    return found


class Chunk:
    """Consecutive messages of a stream, made ready for delivery when the first consumer wants each."""

    __slots__ = ("_data", "_made", "_sources", "_spans", "end", "first")

    def __init__(self, first: int, count: int) -> None:
        self.first = first
        self.end = first + count
        self._made: list[tuple[QueueMessage, int] | None] = [None] * count
        self._data = b""
        self._spans: list[tuple[int, int]] = []
        self._sources: list[tuple[QueueMessage, int]] = []

    @classmethod
    def of_messages(cls, first: int, messages: list[tuple[QueueMessage, int]]) -> "Chunk":
        """Of what was just published: (message, when)."""
        chunk = cls(first, len(messages))
        chunk._sources = messages
        return chunk

    @classmethod
    def of_batches(cls, data: bytes, offset: int) -> "Chunk":
        """From `offset` on, out of whole batches; the last may be cut. Raises CorruptMessage."""
        spans: list[tuple[int, int]] = []
        at = 0
        while len(data) - at >= HEADER_BYTES:
            header = read_header(data, at)
            if header.size > len(data) - at:
                break
            try:
                for position, start, end in read_messages(data, at + HEADER_BYTES, at + header.size, header.base_offset):
                    if position >= offset:
                        spans.append((start, end))
            except IndexError as error:
                raise CorruptMessage(f"the records of the batch at offset {header.base_offset} are cut") from error
            at += header.size
        chunk = cls(offset, len(spans))
        chunk._data = data
        chunk._spans = spans
        return chunk

    def get(self, offset: int) -> tuple[QueueMessage, int]:
        """(message with its offset among the headers, when it was published)."""
        number = offset - self.first
        made = self._made[number]
        if made is None:
            if self._sources:
                message, enqueued_ms = self._sources[number]
                message = _with_offset(message, offset)
            else:
                start, end = self._spans[number]
                message, enqueued_ms, _ = read_message(self._data, start, end)
                # Nobody else has this message yet.
                before, after = _split(message.properties)
                message.properties = before + _OFFSET.pack(offset) + after
            made = self._made[number] = message, enqueued_ms
        return made


def _with_offset(message: QueueMessage, offset: int) -> QueueMessage:
    properties = properties_with_offset(message.properties, offset)
    return QueueMessage(message.exchange, message.routing_key, properties, message.body, message.attributes, message.other_keys)


def properties_with_offset(properties: bytes, offset: int) -> bytes:
    """The properties with the header x-stream-offset; every other byte is as it was."""
    before, after = _split(properties)
    return before + _OFFSET.pack(offset) + after


@lru_cache(1024)
def _split(properties: bytes) -> tuple[bytes, bytes]:
    """What stands before the value of the offset header, and what behind it."""
    if OFFSET_HEADER.encode() in properties:
        properties = with_headers(properties, {}, (OFFSET_HEADER,))
    flags = int.from_bytes(properties[:2], "big")
    at = 2
    for bit in _STRINGS_BEFORE_HEADERS:
        if flags & bit:
            at += 1 + properties[at]
    if flags & _HEADERS_BIT:
        (length,) = _LENGTH.unpack_from(properties, at)
        table_end = at + _LENGTH.size + length
        table = properties[at + _LENGTH.size : table_end]
    else:
        table, table_end = b"", at
    flags |= _HEADERS_BIT
    before = flags.to_bytes(2, "big") + properties[2:at] + _LENGTH.pack(len(table) + _OFFSET_FIELD_BYTES) + table + _OFFSET_FIELD
    return before, properties[table_end:]
