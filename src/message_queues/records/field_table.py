"""AMQP field tables as RabbitMQ reads and writes them (AMQP 0-9-1 4.2.5.5, with RabbitMQ's errata for the type tags).

    t bool   b int8  B uint8  s int16  u uint16  I int32  i uint32  l int64  L uint64
    f float  d double  D decimal  S long string  x byte array  T timestamp in seconds  A array  F table  V nothing

A number that was read is written with the tag that it came with; one of ours is written as RabbitMQ would: `I` where it fits and `l`
otherwise, `d` for a float. A long string that is no UTF-8 keeps its bytes by Python's surrogate escapes.
"""

import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias

from message_queues.errors import ProtocolError, SyntaxRefused

GREATEST_DEPTH = 64
"""Tables and arrays in each other; what is deeper is refused."""


class Timestamp(int):
    """Seconds since 1970, as the tag T carries them."""

    __slots__ = ()


class NarrowInteger(int):
    """An integer of one of the tags that RabbitMQ never writes itself: what was declared is said again in its own type."""

    __slots__ = ()
    tag = b""
    layout = struct.Struct("")


class Byte(NarrowInteger):
    __slots__ = ()
    tag = b"b"
    layout = struct.Struct(">b")


class UnsignedByte(NarrowInteger):
    __slots__ = ()
    tag = b"B"
    layout = struct.Struct(">B")


class Short(NarrowInteger):
    __slots__ = ()
    tag = b"s"
    layout = struct.Struct(">h")


class UnsignedShort(NarrowInteger):
    __slots__ = ()
    tag = b"u"
    layout = struct.Struct(">H")


class UnsignedInt(NarrowInteger):
    __slots__ = ()
    tag = b"i"
    layout = struct.Struct(">I")


class Long(NarrowInteger):
    """A long that would fit into an int."""

    __slots__ = ()
    tag = b"l"
    layout = struct.Struct(">q")


class Float(float):
    """Of 32 bits."""

    __slots__ = ()


FieldValue: TypeAlias = bool | int | float | Decimal | str | bytes | Timestamp | list["FieldValue"] | dict[str, "FieldValue"] | None
FieldTable: TypeAlias = dict[str, FieldValue]

_LENGTH = struct.Struct(">I")
_FIXED: dict[int, struct.Struct] = {
    ord("b"): struct.Struct(">b"),
    ord("B"): struct.Struct(">B"),
    ord("s"): struct.Struct(">h"),
    ord("u"): struct.Struct(">H"),
    ord("I"): struct.Struct(">i"),
    ord("i"): struct.Struct(">I"),
    ord("l"): struct.Struct(">q"),
    ord("L"): struct.Struct(">q"),
    ord("f"): struct.Struct(">f"),
    ord("d"): struct.Struct(">d"),
}
_NARROW: dict[int, type[NarrowInteger] | type[Float]] = {
    **{each.tag[0]: each for each in (Byte, UnsignedByte, Short, UnsignedShort, UnsignedInt, Long)},
    ord("f"): Float,
}
_DECIMAL = struct.Struct(">BI")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")
_UINT64 = struct.Struct(">Q")
_DOUBLE = struct.Struct(">d")
_FLOAT = struct.Struct(">f")
_LARGEST_DECIMAL = (1 << 32) - 1

TYPE_NAMES: Mapping[str, str] = {
    "t": "bool",
    "b": "byte",
    "B": "unsignedbyte",
    "s": "short",
    "u": "unsignedshort",
    "I": "signedint",
    "i": "unsignedint",
    "l": "long",
    "L": "long",
    "f": "float",
    "d": "double",
    "D": "decimal",
    "S": "longstr",
    "x": "binary",
    "T": "timestamp",
    "A": "array",
    "F": "table",
    "V": "void",
}
"""The tags as RabbitMQ's messages name them."""

_UNKNOWN, _STRING, _TABLE, _ARRAY = -1, -2, -3, -4
_SIZES = [_UNKNOWN] * 256
"""By tag: how many bytes a value takes with its tag, or how to find out."""
for _tag, _struct in _FIXED.items():
    _SIZES[_tag] = 1 + _struct.size
_SIZES[ord("t")], _SIZES[ord("V")], _SIZES[ord("T")], _SIZES[ord("D")] = 2, 1, 9, 6
_SIZES[ord("S")] = _SIZES[ord("x")] = _STRING
_SIZES[ord("F")], _SIZES[ord("A")] = _TABLE, _ARRAY


class BadTable(ProtocolError):
    """The bytes are no field table. RabbitMQ has no code for it: its process fails."""


# Reading


def read_table(data: bytes, position: int = 0) -> tuple[FieldTable, int]:
    """The table whose length stands at `position`, and where it ends; raises BadTable."""
    try:
        return _read_table(data, position, 0)
    except (struct.error, IndexError) as error:
        raise BadTable("a field table ends early") from error


def _read_table(data: bytes, position: int, depth: int) -> tuple[FieldTable, int]:
    position, end = _bounds(data, position, depth)
    table: FieldTable = {}
    while position < end:
        name_end = position + 1 + data[position]
        if name_end >= end:
            raise BadTable("a field name goes past the end of its table")
        name = data[position + 1 : name_end].decode("utf-8", "surrogateescape")
        table[name], position = _read_value(data, name_end, end, depth)
    return table, end


def _bounds(data: bytes, position: int, depth: int) -> tuple[int, int]:
    """Where the content begins and ends; the length is checked against what is there."""
    (length,) = _LENGTH.unpack_from(data, position)
    start = position + 4
    if length > len(data) - start:
        raise BadTable(f"a field table claims {length} bytes, {len(data) - start} are left")
    _check_depth(depth)
    return start, start + length


def _read_value(data: bytes, position: int, end: int, depth: int) -> tuple[FieldValue, int]:
    tag = data[position]
    position += 1
    value: FieldValue
    fixed = _FIXED.get(tag)
    if fixed is not None:
        number: int | float = fixed.unpack_from(data, position)[0]
        position += fixed.size
        narrow = _NARROW.get(tag)
        value = number if narrow is None else narrow(number)
    elif tag in (83, 120):  # S, x
        (length,) = _LENGTH.unpack_from(data, position)
        start, position = position + 4, position + 4 + length
        if position > end:
            raise BadTable("a field value goes past the end of its table")
        raw = data[start:position]
        value = raw if tag == 120 else _text(raw)
    elif tag == 116:  # t
        value, position = data[position] != 0, position + 1
    elif tag == 86:  # V
        value = None
    elif tag == 84:  # T
        value, position = Timestamp(_UINT64.unpack_from(data, position)[0]), position + 8
    elif tag == 70:  # F
        value, position = _read_table(data, position, depth + 1)
    elif tag == 65:  # A
        value, position = _read_array(data, position, depth + 1)
    elif tag == 68:  # D
        scale, digits = _DECIMAL.unpack_from(data, position)
        value, position = Decimal(digits).scaleb(-scale), position + 5
    else:
        raise BadTable(f"the field type {tag} is unknown")
    if position > end:
        raise BadTable("a field value goes past the end of its table")
    return value, position


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _read_array(data: bytes, position: int, depth: int) -> tuple[list[FieldValue], int]:
    position, end = _bounds(data, position, depth)
    items: list[FieldValue] = []
    while position < end:
        item, position = _read_value(data, position, end, depth)
        items.append(item)
    return items, end


# Walking


def end_of_value(data: bytes, position: int, end: int, depth: int = 0) -> int:
    """Where the value ends whose tag stands at `position`, in a table that ends at `end`; raises BadTable."""
    size = _SIZES[data[position]]
    if size >= 0:
        return position + size
    if size == _UNKNOWN:
        raise BadTable(f"the field type {data[position]} is unknown")
    start = position + 5
    after = start + int.from_bytes(data[position + 1 : start], "big")
    if start > end or after > end:
        raise BadTable("a field value goes past the end of its table")
    if size == _TABLE:
        check_fields(data, start, after, depth + 1)
    elif size == _ARRAY:
        _check_depth(depth + 1)
        while start < after:
            start = end_of_value(data, start, after, depth + 1)
            if start > after:
                raise BadTable("a field value goes past the end of its array")
    return after


def fields_of(data: bytes, position: int, end: int) -> Iterator[tuple[str, int, int]]:
    """The fields of a table that is one, without its length: name, where the value with its tag begins, where it ends."""
    while position < end:
        value_at = position + 1 + data[position]
        after = end_of_value(data, value_at, end)
        yield data[position + 1 : value_at].decode("utf-8", "surrogateescape"), value_at, after
        position = after


def check_fields(data: bytes, position: int, end: int, depth: int = 0) -> None:
    """Are these bytes, a table without its length, what read_table accepts? Much cheaper than reading them. Raises BadTable."""
    _check_depth(depth)
    sizes = _SIZES
    while position < end:
        position += 1 + data[position]
        if position >= end:
            raise BadTable("a field name goes past the end of its table")
        size = sizes[data[position]]
        position = position + size if size >= 0 else end_of_value(data, position, end, depth)
        if position > end:
            raise BadTable("a field value goes past the end of its table")


def _check_depth(depth: int) -> None:
    if depth > GREATEST_DEPTH:
        raise BadTable(f"more than {GREATEST_DEPTH} field tables lie in each other")


# Writing


def write_table(table: Mapping[str, FieldValue]) -> bytes:
    """The table with its length in front; raises SyntaxRefused for a name or value that no table can hold."""
    content = b"".join([written_field(name, value) for name, value in table.items()])
    return _LENGTH.pack(len(content)) + content


def written_field(name: str, value: FieldValue) -> bytes:
    raw = name.encode("utf-8", "surrogateescape")
    if len(raw) > 255:
        raise SyntaxRefused(f"the field name {name!r} is longer than 255 bytes")
    return bytes((len(raw),)) + raw + write_value(value)


def write_value(value: FieldValue) -> bytes:
    """Tag and value."""
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogateescape")
        return b"S" + _LENGTH.pack(len(raw)) + raw
    if isinstance(value, bool):
        return b"t\x01" if value else b"t\x00"
    if isinstance(value, Timestamp):
        return _written_timestamp(value)
    if isinstance(value, int):
        return _written_integer(value)
    if value is None:
        return b"V"
    if isinstance(value, float):
        return b"f" + _FLOAT.pack(value) if isinstance(value, Float) else b"d" + _DOUBLE.pack(value)
    if isinstance(value, bytes):
        return b"x" + _LENGTH.pack(len(value)) + value
    if isinstance(value, dict):
        return b"F" + write_table(value)
    if isinstance(value, list):
        items = b"".join(map(write_value, value))
        return b"A" + _LENGTH.pack(len(items)) + items
    return _written_decimal(value)


def _written_timestamp(value: Timestamp) -> bytes:
    if 0 <= value < 1 << 64:
        return b"T" + _UINT64.pack(value)
    raise SyntaxRefused(f"the timestamp {int(value)} does not fit into 64 bits")


def _written_integer(value: int) -> bytes:
    if isinstance(value, NarrowInteger):
        return value.tag + value.layout.pack(value)
    if -(1 << 31) <= value < 1 << 31:
        return b"I" + _INT32.pack(value)
    if -(1 << 63) <= value < 1 << 63:
        return b"l" + _INT64.pack(value)
    raise SyntaxRefused(f"the integer {value} does not fit into 64 bits")


def _written_decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise SyntaxRefused(f"a field table cannot hold {value}")
    scale = max(0, -exponent)
    unscaled = int("".join(map(str, digits))) * 10 ** max(0, exponent)
    if sign or unscaled > _LARGEST_DECIMAL or scale > 255:
        raise SyntaxRefused(f"a field table cannot hold the decimal {value}")
    return b"D" + _DECIMAL.pack(scale, unscaled)
