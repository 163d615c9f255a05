"""Frames: each request and response goes behind an INT32 that says how many bytes follow.

`FrameSplitter` cuts what a connection receives into frames, however the bytes were chunked. A size that is negative or beyond the limit
raises `FrameTooLarge`; nothing is allocated for bytes that have not come. `request_frame` and `response_frame` make whole frames.
"""

import struct

from message_queues.errors import FrameTooLarge, ProtocolError
from message_queues.protocols.kafka.codec import encode_into
from message_queues.protocols.kafka.header import request_header, response_header
from message_queues.protocols.kafka.message import Message

SIZE_BYTES = 4
SMALL_CHUNK_BYTES = 1024

_unpack_size = struct.Struct(">i").unpack_from
_pack_size = struct.Struct(">i").pack


class FrameSplitter:
    """Bytes in, whole frames out, without their size.

    A frame that comes in many chunks is joined once, when its last byte is here: the cost stays linear.
    """

    __slots__ = ("_max_frame_bytes", "_missing", "_parts", "_size_bytes")

    def __init__(self, max_frame_bytes: int) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._size_bytes = b""
        self._parts: list[bytes | bytearray | memoryview] = []
        self._missing = 0

    def receive_data(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        position = 0
        if self._missing:
            position = self._continue_frame(data, frames)
        elif self._size_bytes:
            data = self._size_bytes + data
            self._size_bytes = b""
        end = len(data)
        while end - position >= SIZE_BYTES:
            (size,) = _unpack_size(data, position)
            if not 0 <= size <= self._max_frame_bytes:
                raise FrameTooLarge(size, self._max_frame_bytes, tuple(frames))
            position += SIZE_BYTES
            following = position + size
            if following > end:
                self._missing = following - end
                self._parts = [data[position:]]
                return frames
            frames.append(data[position:following])
            position = following
        self._size_bytes = data[position:]
        return frames

    def _continue_frame(self, data: bytes, frames: list[bytes]) -> int:
        """Take what the begun frame still misses; the position after it."""
        taken = min(self._missing, len(data))
        self._missing -= taken
        last = self._parts[-1]
        if taken == len(data) and taken >= SMALL_CHUNK_BYTES:
            self._parts.append(data)
        elif isinstance(last, bytearray):
            last += memoryview(data)[:taken]
        elif taken < SMALL_CHUNK_BYTES:
            # Many small chunks share one buffer: an object for each would cost more memory than the bytes that came.
            self._parts.append(bytearray(data[:taken]))
        else:
            self._parts.append(memoryview(data)[:taken])
        if not self._missing:
            frames.append(b"".join(self._parts))
            self._parts = []
        return taken


def request_frame(api_key: int, api_version: int, correlation_id: int, client_id: str | None, request: Message) -> bytes:
    chunks = [b"", request_header(api_key, api_version, correlation_id, client_id)]
    encode_into(request, api_version, chunks)
    chunks[0] = _pack_size(sum(map(len, chunks)))
    return b"".join(chunks)


def response_frame(api_key: int, api_version: int, correlation_id: int, response: Message) -> bytes:
    """Raises ProtocolError when what the client asked about is too long to be told back."""
    chunks = [b"", response_header(api_key, api_version, correlation_id)]
    try:
        encode_into(response, api_version, chunks)
    except struct.error as error:
        # A string that is not UTF-8 grows when it is read, and may then be longer than an INT16 says.
        raise ProtocolError(f"the response does not fit its version: {error}") from error
    chunks[0] = _pack_size(sum(map(len, chunks)))
    return b"".join(chunks)
