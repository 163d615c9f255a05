import gzip
import random
import struct
import tracemalloc
from contextlib import suppress

import cramjam
import lz4.frame
import pytest
import zstandard

from message_queues.errors import CorruptMessage, UnsupportedCompressionType
from message_queues.records.compression import GZIP, LZ4, NAMES, NONE, SNAPPY, ZSTD, compress, decompress

CODECS = sorted(NAMES.values())
REAL_CODECS = [codec for codec in CODECS if codec != NONE]
LIMIT = 1 << 20
PLAIN = random.Random(3).randbytes(50_000) + b"the same again and again " * 5_000


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [0, 1, 100, 32 * 1024, 32 * 1024 + 1, len(PLAIN)])
def test_what_is_compressed_comes_back(codec: int, size: int) -> None:
    assert decompress(codec, compress(codec, PLAIN[:size]), LIMIT) == PLAIN[:size]


@pytest.mark.parametrize(("codec", "levels"), [(GZIP, [-1, 1, 6, 9]), (LZ4, [1, 9, 17]), (ZSTD, [-5, 1, 3, 19])])
def test_levels_are_obeyed(codec: int, levels: list[int]) -> None:
    results = [compress(codec, PLAIN, level) for level in levels]
    assert all(decompress(codec, result, LIMIT) == PLAIN for result in results)
    assert len(results[-1]) <= len(results[0])


@pytest.mark.parametrize("codec", CODECS)
def test_the_limit_is_exact(codec: int) -> None:
    packed = compress(codec, PLAIN)
    assert decompress(codec, packed, len(PLAIN)) == PLAIN
    with pytest.raises(CorruptMessage):
        decompress(codec, packed, len(PLAIN) - 1)


@pytest.mark.parametrize("codec", REAL_CODECS)
def test_a_bomb_is_stopped_before_it_unfolds(codec: int) -> None:
    bomb = compress(codec, bytes(1 << 28))
    tracemalloc.start()
    try:
        with pytest.raises(CorruptMessage):
            decompress(codec, bomb, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < len(bomb) + (32 << 20)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("codec", REAL_CODECS)
def test_cut_data_is_refused_or_gives_less(codec: int) -> None:
    packed = compress(codec, PLAIN)
    for size in [*range(1, 40), len(packed) // 2, len(packed) - 1]:
        with suppress(CorruptMessage):
            # A cut between two snappy blocks cannot be seen here; the records will not fit.
            assert len(decompress(codec, packed[:size], LIMIT)) < len(PLAIN)


@pytest.mark.parametrize("codec", REAL_CODECS)
def test_garbage_never_raises_anything_else(codec: int) -> None:
    chance = random.Random(codec)
    packed = compress(codec, PLAIN[-5_000:])
    for _ in range(300):
        damaged = bytearray(packed)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with suppress(CorruptMessage):
            decompress(codec, bytes(damaged), LIMIT)
        with pytest.raises(CorruptMessage):
            decompress(codec, b"\x07" + chance.randbytes(chance.randint(1, 200)), LIMIT)


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(UnsupportedCompressionType, match="5"):
        compress(5, b"")
    with pytest.raises(UnsupportedCompressionType, match="7"):
        decompress(7, b"", LIMIT)


def test_several_gzip_members_lz4_frames_and_zstd_frames_follow_each_other() -> None:
    assert decompress(GZIP, gzip.compress(b"one") + gzip.compress(b"two"), LIMIT) == b"onetwo"
    assert decompress(LZ4, lz4.frame.compress(b"one") + lz4.frame.compress(b"two"), LIMIT) == b"onetwo"
    assert decompress(ZSTD, zstandard.compress(b"one") + zstandard.compress(b"two" * 1000), LIMIT) == b"one" + b"two" * 1000


def test_snappy_is_read_raw_and_in_the_framing_of_java() -> None:
    raw = bytes(cramjam.snappy.compress_raw(PLAIN))
    assert decompress(SNAPPY, raw, LIMIT) == PLAIN
    framed = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1) + struct.pack(">i", len(raw)) + raw
    assert decompress(SNAPPY, framed, LIMIT) == PLAIN
    assert compress(SNAPPY, PLAIN).startswith(b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")


@pytest.mark.parametrize("length", [-1, 1000, 2**31 - 1])
def test_a_snappy_block_with_a_wrong_length_is_refused(length: int) -> None:
    framed = compress(SNAPPY, b"abc")[:16] + struct.pack(">i", length) + b"abc"
    with pytest.raises(CorruptMessage, match="claims"):
        decompress(SNAPPY, framed, LIMIT)


def test_zstd_without_a_content_size_is_read() -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    streamed = compressor.compress(PLAIN) + compressor.flush()
    assert zstandard.get_frame_parameters(streamed).content_size == zstandard.CONTENTSIZE_UNKNOWN
    assert decompress(ZSTD, streamed, LIMIT) == PLAIN


def test_lz4_blocks_are_independent_as_java_demands() -> None:
    assert not lz4.frame.get_frame_info(compress(LZ4, PLAIN))["block_linked"]
