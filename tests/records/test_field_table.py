import struct
from decimal import Decimal

import pytest

from message_queues.errors import SyntaxRefused
from message_queues.records.field_table import (
    GREATEST_DEPTH,
    BadTable,
    FieldTable,
    FieldValue,
    Timestamp,
    check_fields,
    fields_of,
    read_table,
    write_table,
)

EVERYTHING: FieldTable = {
    "bool": True,
    "small": -5,
    "large": 1 << 40,
    "double": 0.25,
    "decimal": Decimal("12.50"),
    "text": "grün",
    "bytes": b"\x00\xff",
    "time": Timestamp(1_700_000_000),
    "list": [1, "two", [3.5, None], {"four": 5}],
    "table": {"in": {"deeper": []}},
    "nothing": None,
}


def table_of(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def field(tag: bytes, value: bytes) -> bytes:
    return table_of(b"\x01a" + tag + value)


def test_a_table_reads_back_as_it_was_written() -> None:
    written = write_table(EVERYTHING)
    assert read_table(written) == (EVERYTHING, len(written))
    assert write_table(read_table(written)[0]) == written
    assert isinstance(read_table(written)[0]["time"], Timestamp)


def test_a_table_is_read_where_it_lies() -> None:
    written = write_table({"a": 1})
    assert read_table(b"before" + written + b"after", 6) == ({"a": 1}, 6 + len(written))


@pytest.mark.parametrize(
    ("tag", "value", "read"),
    [
        (b"t", b"\x02", True),
        (b"b", b"\xff", -1),
        (b"B", b"\xff", 255),
        (b"s", b"\xff\xfe", -2),
        (b"u", b"\xff\xfe", 65534),
        (b"I", b"\xff\xff\xff\xfd", -3),
        (b"i", b"\xff\xff\xff\xfd", 4294967293),
        (b"l", b"\xff" * 8, -1),
        # Signed, whatever other dialects mean by it.
        (b"L", b"\xff" * 8, -1),
        (b"f", struct.pack(">f", 1.5), 1.5),
        (b"d", struct.pack(">d", 1.1), 1.1),
        (b"D", b"\x02\x00\x00\x00\xfa", Decimal("2.50")),
        (b"S", b"\x00\x00\x00\x02\xc3\xbc", "ü"),
        (b"S", b"\x00\x00\x00\x01\xfc", b"\xfc"),
        (b"x", b"\x00\x00\x00\x02\xc3\xbc", b"\xc3\xbc"),
        (b"T", b"\xff" * 8, Timestamp((1 << 64) - 1)),
        (b"A", b"\x00\x00\x00\x03Vt\x01", [None, True]),
        (b"F", b"\x00\x00\x00\x03\x01kV", {"k": None}),
        (b"V", b"", None),
    ],
)
def test_every_type_tag_of_rabbitmq_is_read(tag: bytes, value: bytes, read: FieldValue) -> None:
    written = field(tag, value)
    assert read_table(written) == ({"a": read}, len(written))
    check_fields(written, 4, len(written))
    assert list(fields_of(written, 4, len(written))) == [("a", 6, len(written))]


def test_integers_are_written_as_rabbitmq_writes_them() -> None:
    assert write_table({"a": 1})[6:7] == b"I"
    assert write_table({"a": 1 << 31})[6:7] == b"l"
    assert write_table({"a": -(1 << 31)})[6:7] == b"I"
    assert write_table({"a": True})[6:7] == b"t"
    assert write_table({"a": Timestamp(1)})[6:7] == b"T"


@pytest.mark.parametrize(
    "value",
    [1 << 63, Timestamp(-1), Timestamp(1 << 64), Decimal("-1"), Decimal("NaN"), Decimal(1 << 32), Decimal("1e-300"), {"k" * 256: 1}],
)
def test_what_no_table_can_hold_is_refused(value: FieldValue) -> None:
    with pytest.raises(SyntaxRefused):
        write_table({"a": value})


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x00\x00\x00",
        b"\x00\x00\x00\x05a",
        table_of(b"\x05ab"),
        table_of(b"\x01a"),
        field(b"Z", b"1234"),
        field(b"I", b"\x00"),
        field(b"S", b"\x00\x00\x00\x05abc"),
        field(b"S", b"\xff\xff\xff\xff"),
        field(b"x", b"\x00\x00"),
        field(b"F", b"\x00\x00\x00\x09\x01bV"),
        field(b"A", b"\x00\x00\x00\x02I\x00"),
        # The value ends in the next bytes of the buffer, but not within the table.
        table_of(b"\x01aI\x00") + b"\x00\x00\x00",
        table_of(b"\x01aA\x00\x00\x00\x02I\x00") + b"\x00\x00\x00",
    ],
)
def test_broken_tables_are_refused_by_reading_and_by_walking(broken: bytes) -> None:
    with pytest.raises(BadTable):
        read_table(broken)
    length = int.from_bytes(broken[:4], "big")
    if len(broken) >= 4 and length <= len(broken) - 4:
        with pytest.raises((BadTable, IndexError)):
            check_fields(broken, 4, 4 + length)


def nested(depth: int, tag: bytes) -> bytes:
    content = b""
    for _ in range(depth):
        content = (b"\x01a" if tag == b"F" else b"") + tag + table_of(content)
    return table_of(content if tag == b"F" else b"\x01a" + content)


@pytest.mark.parametrize("tag", [b"F", b"A"])
def test_tables_lie_in_each_other_only_so_deep(tag: bytes) -> None:
    deepest = nested(GREATEST_DEPTH, tag)
    read_table(deepest)
    check_fields(deepest, 4, len(deepest))
    for depth in (GREATEST_DEPTH + 1, 20_000):
        too_deep = nested(depth, tag)
        with pytest.raises(BadTable):
            read_table(too_deep)
        with pytest.raises(BadTable):
            check_fields(too_deep, 4, len(too_deep))


def test_a_huge_length_is_refused_before_anything_is_made_of_it() -> None:
    with pytest.raises(BadTable, match="claims 4294967295 bytes"):
        read_table(b"\xff\xff\xff\xff" + b"\x01aV")


def test_names_that_are_no_text_keep_their_bytes() -> None:
    written = table_of(b"\x02\xff\xfeV")
    assert write_table(read_table(written)[0]) == written
