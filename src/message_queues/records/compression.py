"""The compressions of a record batch, by Kafka's codec ids: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.

snappy is written in the block framing of xerial's Java library, as Kafka's own producer does, and read in that framing or raw, as
librdkafka may send it: magic `82 53 4E 41 50 50 59 00`, version and compatible version (int32 each, not checked), then blocks of
(int32 length, raw snappy). lz4 is the frame format with independent blocks, which is all that Kafka's Java client reads. gzip may
have several members, zstd several frames.

`decompress` never makes more than `limit_bytes`: sizes that the data claims are checked first, and streams are stopped at the limit.
"""

import gzip
import struct
import zlib
from typing import Final

import cramjam
import lz4.frame
import zstandard

from message_queues.errors import CorruptMessage, UnsupportedCompressionType

NONE: Final = 0
GZIP: Final = 1
SNAPPY: Final = 2
LZ4: Final = 3
ZSTD: Final = 4

NAMES: Final = {"none": NONE, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER = _XERIAL_MAGIC + struct.pack(">ii", 1, 1)
_XERIAL_BLOCK_BYTES = 32 * 1024
_INT32 = struct.Struct(">i")
# Larger windows are refused by Kafka's zstd-jni too; without a bound a frame of 20 bytes could ask for gigabytes.
_ZSTD_MAX_WINDOW_BYTES = 1 << 27
# A zstd block of 4 bytes can stand for 128 KiB, and the library gives all that a step yields: 256 bytes are 8 MiB at most.
_ZSTD_STEP_BYTES = 256
_GZIP_DEFAULT_LEVEL = 6
_ZSTD_DEFAULT_LEVEL = 3


def compress(codec: int, data: bytes, level: int | None = None) -> bytes:
    """`data` in the given codec; `level` None is the codec's default, and snappy has none."""
    if codec == NONE:
        return data
    if codec == GZIP:
        return gzip.compress(data, _GZIP_DEFAULT_LEVEL if level is None or level < 0 else level, mtime=0)
    if codec == SNAPPY:
        return _compress_xerial(data)
    if codec == LZ4:
        return bytes(lz4.frame.compress(data, compression_level=level or 0, block_linked=False))
    if codec == ZSTD:
        return zstandard.ZstdCompressor(level=_ZSTD_DEFAULT_LEVEL if level is None else level).compress(data)
    raise UnsupportedCompressionType(f"no compression has the id {codec}")


def decompress(codec: int, data: bytes, limit_bytes: int) -> bytes:
    """The original of `data`; CorruptMessage when it is malformed, ends early, or is longer than `limit_bytes`."""
    if codec == NONE:
        plain = data
    elif codec == GZIP:
        plain = _decompress_gzip(data, limit_bytes)
    elif codec == SNAPPY:
        plain = _decompress_snappy(data, limit_bytes)
    elif codec == LZ4:
        plain = _decompress_lz4(data, limit_bytes)
    elif codec == ZSTD:
        plain = _decompress_zstd(data, limit_bytes)
    else:
        raise UnsupportedCompressionType(f"no compression has the id {codec}")
    if len(plain) > limit_bytes:
        raise _too_long(limit_bytes)
    return plain


def _compress_xerial(data: bytes) -> bytes:
    parts = [_XERIAL_HEADER]
    for start in range(0, len(data), _XERIAL_BLOCK_BYTES):
        block = bytes(cramjam.snappy.compress_raw(data[start : start + _XERIAL_BLOCK_BYTES]))
        parts += (_INT32.pack(len(block)), block)
    return b"".join(parts)


def _decompress_gzip(data: bytes, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = limit_bytes
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(data, left + 1)
        except zlib.error as error:
            raise CorruptMessage(f"gzip data is malformed: {error}") from error
        left -= len(part)
        if left < 0:
            raise _too_long(limit_bytes)
        if not member.eof:
            raise CorruptMessage("gzip data ends early")
        parts.append(part)
        data = member.unused_data
    return b"".join(parts)


def _decompress_snappy(data: bytes, limit_bytes: int) -> bytes:
    if not data.startswith(_XERIAL_MAGIC):
        return _decompress_raw_snappy(data, limit_bytes)
    parts: list[bytes] = []
    left = limit_bytes
    position = len(_XERIAL_HEADER)
    if len(data) < position:
        raise CorruptMessage("snappy data ends inside its header")
    while position < len(data):
        if len(data) - position < 4:
            raise CorruptMessage("snappy data ends inside a block length")
        (length,) = _INT32.unpack_from(data, position)
        position += 4
        if not 0 <= length <= len(data) - position:
            raise CorruptMessage(f"a snappy block claims {length} bytes where {len(data) - position} are left")
        part = _decompress_raw_snappy(data[position : position + length], left)
        left -= len(part)
        position += length
        parts.append(part)
    return b"".join(parts)


def _decompress_raw_snappy(block: bytes, limit_bytes: int) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(block) > limit_bytes:
            raise _too_long(limit_bytes)
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise CorruptMessage(f"snappy data is malformed: {error}") from error


def _decompress_lz4(data: bytes, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = limit_bytes
    while data:
        frame = lz4.frame.LZ4FrameDecompressor()
        try:
            part = bytes(frame.decompress(data, max_length=left + 1))
        except (RuntimeError, ValueError) as error:
            raise CorruptMessage(f"lz4 data is malformed: {error}") from error
        left -= len(part)
        if left < 0:
            raise _too_long(limit_bytes)
        if not frame.eof:
            raise CorruptMessage("lz4 data ends early")
        parts.append(part)
        data = frame.unused_data or b""
    return b"".join(parts)


def _decompress_zstd(data: bytes, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = limit_bytes
    view = memoryview(data)
    position = 0
    try:
        while position < len(data):
            frame = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW_BYTES).decompressobj()
            while not frame.eof:
                if position >= len(data):
                    raise CorruptMessage("zstd data ends early")
                part = frame.decompress(view[position : position + _ZSTD_STEP_BYTES])
                position = min(position + _ZSTD_STEP_BYTES, len(data)) - len(frame.unused_data)
                left -= len(part)
                if left < 0:
                    raise _too_long(limit_bytes)
                parts.append(part)
    except zstandard.ZstdError as error:
        raise CorruptMessage(f"zstd data is malformed: {error}") from error
    return b"".join(parts)


def _too_long(limit_bytes: int) -> CorruptMessage:
    return CorruptMessage(f"the records are larger than {limit_bytes} bytes when decompressed")
