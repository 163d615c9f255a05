"""Variable-length integers of Kafka's record format: zig-zag, then base 128, least significant group first.

`varint` holds 32 bits in at most 5 bytes, `varlong` 64 bits in at most 10. Longer or cut encodings raise CorruptMessage.
"""

from message_queues.errors import CorruptMessage

MAX_VARINT_BYTES = 5
MAX_VARLONG_BYTES = 10


def write_varint(value: int) -> bytes:
    """The bytes of `value`, which may have up to 64 bits."""
    rest = (value << 1) ^ (value >> 63)
    if rest < 0x80:
        return _ONE_BYTE[rest]
    groups = bytearray()
    while rest >= 0x80:
        groups.append(rest & 0x7F | 0x80)
        rest >>= 7
    groups.append(rest)
    return bytes(groups)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The 32-bit value that starts at `position`, and the position after it."""
    return _read(data, position, MAX_VARINT_BYTES)


def read_varlong(data: bytes, position: int) -> tuple[int, int]:
    """The 64-bit value that starts at `position`, and the position after it."""
    return _read(data, position, MAX_VARLONG_BYTES)


def _read(data: bytes, position: int, max_bytes: int) -> tuple[int, int]:
    if position < len(data) and data[position] < 0x80:
        byte = data[position]
        return (byte >> 1) ^ -(byte & 1), position + 1
    value = 0
    for index, byte in enumerate(data[position : position + max_bytes]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value >> (64 if max_bytes == MAX_VARLONG_BYTES else 32):
                raise CorruptMessage("a variable-length integer is too large")
            return (value >> 1) ^ -(value & 1), position + index + 1
    raise CorruptMessage("a variable-length integer is too long, or the data ends inside it")


_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))
