"""Unsigned varints and tag sections, as the hot paths read them: no slices, no objects but the result."""

from message_queues.errors import MalformedMessage
from message_queues.protocols.kafka.wire import ONE_BYTE, unsigned_varint


def read(frame: bytes, position: int) -> tuple[int, int]:
    """The value at `position`, and the position after it; IndexError when the frame ends first."""
    value = frame[position]
    position += 1
    if value < 0x80:
        return value, position
    value &= 0x7F
    shift = 7
    while True:
        byte = frame[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 28:
            raise MalformedMessage("a varint does not end", position)


def skip_tags(frame: bytes, position: int) -> int:
    """The position after a section of tagged fields that nobody here needs."""
    if not frame[position]:
        return position + 1
    count, position = read(frame, position)
    for _ in range(count):
        _, position = read(frame, position)
        size, position = read(frame, position)
        position += size
        if position > len(frame):
            raise MalformedMessage(f"a tagged field claims {size} bytes", position)
    return position


def take(frame: bytes, position: int, size: int) -> bytes:
    """`size` bytes at `position`, checked against what is left before anything is allocated."""
    end = position + size
    if size < 0 or end > len(frame):
        raise MalformedMessage(f"{size} bytes are claimed and {len(frame) - position} are left", position)
    return frame[position:end]


def write(value: int) -> bytes:
    return ONE_BYTE[value] if value < 0x80 else unsigned_varint(value)
