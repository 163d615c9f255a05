"""What a message store keeps of a message that was received: how often, since when, and until when nobody else sees it.

The store keeps two uint32 of each. Together they are, from the highest bit: 22 bits of the receive count; 21 bits of the first receive,
and 21 bits of the end of invisibility, in seconds after the message was sent: 24 days, and a message lives for 14 at most.
"""

from typing import Final, NamedTuple

_LARGEST_COUNT: Final = (1 << 22) - 1
_LARGEST_SECONDS: Final = (1 << 21) - 1


class ReceiveState(NamedTuple):
    receive_count: int
    first_received_ms: int
    invisible_until_ms: int


def pack_state(sent_ms: int, receive_count: int, first_received_ms: int, invisible_until_ms: int) -> tuple[int, int]:
    """The end of invisibility is rounded up, so that nobody sees the message too early; the first receive down."""
    first = min(max(0, first_received_ms - sent_ms) // 1000, _LARGEST_SECONDS)
    until = min(max(0, invisible_until_ms - sent_ms + 999) // 1000, _LARGEST_SECONDS)
    count = receive_count if receive_count < _LARGEST_COUNT else _LARGEST_COUNT
    return count << 10 | first >> 11, (first & 0x7FF) << 21 | until


def unpack_state(sent_ms: int, packed: tuple[int, int]) -> ReceiveState:
    high, low = packed
    first = (high & 0x3FF) << 11 | low >> 21
    return ReceiveState(high >> 10, sent_ms + first * 1000, sent_ms + (low & _LARGEST_SECONDS) * 1000)
