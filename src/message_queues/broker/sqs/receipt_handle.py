"""What a receiver shows to delete a message: the queue, the message, and which of its receives this was.

Base64 of: queue id (16 bytes), position (int64), receive number (uint32), message id (16 bytes); big-endian. Nothing is remembered for
it, so it survives a restart. A later receive has another number: a FIFO queue takes the latest one alone.
"""

import struct
from binascii import a2b_base64, b2a_base64
from typing import Final, NamedTuple

from message_queues.errors import ReceiptHandleIsInvalid

_FORM = struct.Struct(">16sqI16s")
_LENGTH: Final = (_FORM.size + 2) // 3 * 4


class Receipt(NamedTuple):
    queue_id: bytes
    position: int
    receive_number: int
    id_bytes: bytes


def write_handle(queue_id: bytes, position: int, receive_number: int, id_bytes: bytes) -> str:
    form = _FORM.pack(queue_id, position, receive_number & 0xFFFFFFFF, id_bytes)
    return b2a_base64(form, newline=False).decode()


def read_handle(handle: str) -> Receipt:
    """Raises ReceiptHandleIsInvalid."""
    try:
        if len(handle) != _LENGTH:
            raise ValueError
        form = a2b_base64(handle, strict_mode=True)
        return Receipt(*_FORM.unpack(form))
    except (ValueError, struct.error):
        raise not_valid(handle) from None


def not_valid(handle: str) -> ReceiptHandleIsInvalid:
    return ReceiptHandleIsInvalid(f'The input receipt handle "{handle}" is not a valid receipt handle.')
