"""Varints, tag sections and the packers of small arrays."""

import pytest

from message_queues.errors import MalformedMessage
from message_queues.protocols.kafka.wire import (
    read_compact_length,
    read_unsigned_varint,
    skip_tagged_fields,
    small_array_packers,
    unsigned_varint,
)

VECTORS = [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (16383, "ff7f"), (16384, "808001"), (2**31 - 1, "ffffffff07")]


@pytest.mark.parametrize(("value", "encoded"), VECTORS)
def test_varints_are_written_and_read(value: int, encoded: str) -> None:
    assert unsigned_varint(value).hex() == encoded
    assert read_unsigned_varint(b"x" + bytes.fromhex(encoded) + b"x", 1) == (value, 1 + len(encoded) // 2)


@pytest.mark.parametrize("encoded", ["", "80", "ffff", "ffffffffff", "808080808001"])
def test_a_varint_that_does_not_end_is_malformed(encoded: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        read_unsigned_varint(bytes.fromhex(encoded), 0)
    assert caught.value.position == 0


def test_a_compact_length_is_one_less_than_written_and_zero_is_null() -> None:
    assert read_compact_length(b"\0", 0) == (-1, 1)
    assert read_compact_length(b"\x01", 0) == (0, 1)
    assert read_compact_length(b"\x80\x01", 0) == (127, 2)


def test_a_tag_section_is_skipped_whole() -> None:
    assert skip_tagged_fields(b"\0", 0) == 1
    assert skip_tagged_fields(bytes.fromhex("02 00 02 aaaa 8001 00 ff"), 0) == 8


@pytest.mark.parametrize("encoded", ["01", "01 00", "01 00 02 aa", "ffffffff0f 00 00", "01 00 ffffffff0f"])
def test_a_tag_section_that_claims_too_much_is_malformed(encoded: str) -> None:
    with pytest.raises(MalformedMessage):
        skip_tagged_fields(bytes.fromhex(encoded), 0)


def test_small_arrays_are_packed_by_length() -> None:
    assert small_array_packers("i")[2](1, -1).hex() == "00000001ffffffff"
    assert small_array_packers("i")[0]() == b""
