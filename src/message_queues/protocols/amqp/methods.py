"""Methods of AMQP 0-9-1 (4.2.4): pamqp declares them, here their bytes are read and written.

pamqp's own decoder loses the types of field tables, and its encoder refuses names that RabbitMQ takes; field tables are those of
`records/field_table.py`, short strings are text with surrogate escapes, long strings stay bytes.
"""

import struct
from typing import Final

from pamqp import base, commands

from message_queues.errors import MessageQueuesError
from message_queues.records.field_table import read_table, write_table

_NUMBERS: Final = {"octet": struct.Struct(">B"), "short": struct.Struct(">H"), "long": struct.Struct(">I"), "longlong": struct.Struct(">Q")}
_TABLE_LENGTH = struct.Struct(">I")


class UnknownMethod(MessageQueuesError):
    """No class or method has these numbers."""


class BadMethod(MessageQueuesError):
    """The arguments do not fit the method."""

    def __init__(self, method: str, arguments: bytes) -> None:
        super().__init__(f"the arguments of {method} cannot be read")
        self.arguments = arguments


Plan = tuple[tuple[str, str], ...]
"""Name and type of each argument."""


def _plan(method: type[base.Frame]) -> Plan:
    return tuple((name, method.amqp_type(name)) for name in method.__slots__)


_METHODS: Final[dict[int, tuple[type[base.Frame], Plan]]] = {
    index: (method, _plan(method)) for index, method in commands.INDEX_MAPPING.items()
}


def read_method(payload: bytes) -> base.Frame:
    """The method of a method frame; raises UnknownMethod, BadMethod, BadTable."""
    known = _METHODS.get(int.from_bytes(payload[:4]))
    if known is None:
        raise UnknownMethod(f"there is no method {int.from_bytes(payload[2:4])} of class {int.from_bytes(payload[:2])}")
    kind, plan = known
    method = kind.__new__(kind)
    try:
        end = _read_arguments(method, plan, payload)
    except (struct.error, IndexError) as error:
        raise BadMethod(kind.name, payload[4:]) from error
    if end != len(payload):
        raise BadMethod(kind.name, payload[4:])
    return method


def _read_arguments(method: base.Frame, plan: Plan, payload: bytes) -> int:
    position = 4
    bit = 0
    value: object
    for name, kind in plan:
        if kind == "bit":
            # Consecutive bits share an octet, the first in the lowest bit.
            if bit == 0:
                position += 1
            value = bool(payload[position - 1] >> bit & 1)
            bit = (bit + 1) % 8
            setattr(method, name, value)
            continue
        bit = 0
        if kind == "shortstr":
            start = position + 1
            position = start + payload[position]
            if position > len(payload):
                raise IndexError
            value = payload[start:position].decode("utf-8", "surrogateescape")
        elif kind == "longstr":
            start = position + 4
            position = start + _TABLE_LENGTH.unpack_from(payload, position)[0]
            if position > len(payload):
                raise IndexError
            value = payload[start:position]
        elif kind == "table":
            if position + 4 + _TABLE_LENGTH.unpack_from(payload, position)[0] > len(payload):
                raise IndexError
            value, position = read_table(payload, position)
        else:
            number = _NUMBERS[kind]
            (value,) = number.unpack_from(payload, position)
            position += number.size
        setattr(method, name, value)
    return position


def write_method(method: base.Frame) -> bytes:
    """The payload of a method frame."""
    parts = [method.index.to_bytes(4)]
    bits = bit = 0
    for name, kind in _METHODS[method.index][1]:
        value = getattr(method, name)
        if kind == "bit":
            bits |= bool(value) << bit
            bit += 1
            continue
        if bit:
            parts.append(bytes((bits,)))
            bits = bit = 0
        parts.append(_written(kind, value))
    if bit:
        parts.append(bytes((bits,)))
    return b"".join(parts)


def _written(kind: str, value: object) -> bytes:
    if kind == "shortstr":
        raw = str(value or "").encode("utf-8", "surrogateescape")[:255]
        return bytes((len(raw),)) + raw
    if kind == "longstr":
        raw = value if isinstance(value, bytes) else str(value or "").encode("utf-8", "surrogateescape")
        return len(raw).to_bytes(4) + raw
    if kind == "table":
        return write_table(value if isinstance(value, dict) else {})
    return _NUMBERS[kind].pack(value or 0)
