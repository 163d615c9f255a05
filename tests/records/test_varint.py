import random

import pytest
from kafka.record.util import encode_varint

from message_queues.errors import CorruptMessage
from message_queues.records.varint import read_varint, read_varlong, write_varint

EDGES = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63)]


def _of_kafka_python(value: int) -> bytes:
    encoded = bytearray()
    encode_varint(value, encoded.append)
    return bytes(encoded)


def test_the_bytes_are_those_of_kafka_python() -> None:
    values = EDGES + [random.Random(1).randint(-(2**63), 2**63 - 1) for _ in range(500)]
    assert [write_varint(value) for value in values] == [_of_kafka_python(value) for value in values]


def test_a_varlong_reads_back() -> None:
    for value in EDGES:
        encoded = write_varint(value)
        assert read_varlong(b"x" + encoded + b"y", 1) == (value, 1 + len(encoded))


def test_a_varint_holds_32_bits() -> None:
    assert read_varint(write_varint(2**31 - 1), 0) == (2**31 - 1, 5)
    assert read_varint(write_varint(-(2**31)), 0) == (-(2**31), 5)
    with pytest.raises(CorruptMessage):
        read_varint(write_varint(2**31), 0)


def test_a_cut_number_is_refused() -> None:
    encoded = write_varint(2**40)
    for size in range(len(encoded)):
        with pytest.raises(CorruptMessage):
            read_varlong(encoded[:size], 0)


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(CorruptMessage):
        read_varint(b"\xff" * 5 + b"\x01", 0)
    with pytest.raises(CorruptMessage):
        read_varlong(b"\xff" * 10 + b"\x01", 0)
