"""The primitive types of Kafka's protocol as bytes: lengths, varints, strings and the tag section.

Spec: https://kafka.apache.org/protocol#protocol_types. All integers are big-endian. A length that a peer claims is checked against the
bytes that are left before anything is allocated; what does not fit raises `MalformedMessage` with the position.

A string that is not UTF-8 is read with replacement characters, as Java's clients and brokers do.
"""

import struct
from collections.abc import Callable
from functools import cache

from message_queues.errors import MalformedMessage

ZERO_UUID = bytes(16)
"""What a topic id is when there is none. Ids are 16 raw bytes everywhere: `uuid.UUID` costs a microsecond to make."""

ONE_BYTE = tuple(bytes((value,)) for value in range(256))

MAX_VARINT_BYTES = 5
SMALL_ARRAY_ITEMS = 64


def overrun(position: int, wanted: int, limit: int) -> MalformedMessage:
    return MalformedMessage(f"{wanted} bytes are claimed and {max(limit - position, 0)} are left", position)


def null_refused(name: str, position: int) -> MalformedMessage:
    return MalformedMessage(f"{name} cannot be null", position)


def read_unsigned_varint(data: bytes, position: int) -> tuple[int, int]:
    """UNSIGNED_VARINT at `position`, and the position after it."""
    value = shift = 0
    start = position
    for byte in data[position : position + MAX_VARINT_BYTES]:
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise MalformedMessage("a varint does not end", start)


def unsigned_varint(value: int) -> bytes:
    if value < 0x80:
        return ONE_BYTE[value]
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_compact_length(data: bytes, position: int) -> tuple[int, int]:
    """A length as the compact types write it, plus one; -1 stands for null."""
    value, position = read_unsigned_varint(data, position)
    return value - 1, position


def skip_tagged_fields(data: bytes, position: int) -> int:
    """The position after a tag section (KIP-482) whose fields are of no interest."""
    count, position = read_unsigned_varint(data, position)
    for _ in range(count):
        _, position = read_unsigned_varint(data, position)
        size, position = read_unsigned_varint(data, position)
        if size > len(data) - position:
            raise overrun(position, size, len(data))
        position += size
    return position


@cache
def small_array_packers(code: str) -> tuple[Callable[..., bytes], ...]:
    """`packers[n](*values)` packs n < SMALL_ARRAY_ITEMS values of one struct code; making the format string each time costs more."""
    return tuple(struct.Struct(f">{count}{code}").pack for count in range(SMALL_ARRAY_ITEMS))
