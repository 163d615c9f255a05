"""Methods of AMQP 0-9-1 (4.2.4): pamqp declares them, here their bytes are read and written.

pamqp's own decoder loses the types of field tables and takes what RabbitMQ refuses, and its encoder refuses names that RabbitMQ takes.
Field tables are those of `records/field_table.py`, short strings are text with surrogate escapes, long strings stay bytes. As in RabbitMQ,
the short strings of a method without content must be UTF-8. `Access.Request`, which old clients still send, is not among pamqp's.
"""

import struct
from typing import ClassVar, Final

from pamqp import base, commands

from message_queues.errors import FrameError, ProtocolError
from message_queues.protocols.amqp.erlang_text import plain_binary
from message_queues.records.field_table import read_table, write_table

_NUMBERS: Final = {"octet": struct.Struct(">B"), "short": struct.Struct(">H"), "long": struct.Struct(">I"), "longlong": struct.Struct(">Q")}
_TABLE_LENGTH = struct.Struct(">I")


class UnknownMethod(ProtocolError):
    """No class or method has these numbers."""


class BadMethod(FrameError):
    """The arguments do not fit the method, in RabbitMQ's words."""

    def __init__(self, arguments: bytes) -> None:
        super().__init__(f"cannot decode {plain_binary(arguments)}")


class BadText(FrameError):
    """A short string is not UTF-8."""

    def __init__(self) -> None:
        super().__init__("Malformed UTF-8 in shortstr")


class UnreadableMethod(ProtocolError):
    """The arguments of a method of the connection itself do not fit: RabbitMQ says no more than INTERNAL_ERROR."""


class Access:
    """The class of AMQP 0-8 for access tickets; RabbitMQ gives everyone the ticket 1."""

    class Request(base.Frame):
        # In the order of the wire.
        __slots__: ClassVar[list[str]] = ["realm", "exclusive", "passive", "active", "write", "read"]  # noqa: RUF023
        frame_id: ClassVar[int] = 10
        index: ClassVar[int] = 0x001E000A
        name: ClassVar[str] = "Access.Request"
        synchronous: ClassVar[bool] = True
        valid_responses: ClassVar[list[str]] = ["Access.RequestOk"]

        _realm = "shortstr"
        _exclusive = _passive = _active = _write = _read = "bit"

    class RequestOk(base.Frame):
        __slots__: ClassVar[list[str]] = ["ticket"]
        frame_id: ClassVar[int] = 11
        index: ClassVar[int] = 0x001E000B
        name: ClassVar[str] = "Access.RequestOk"

        _ticket = "short"

        def __init__(self, ticket: int = 1) -> None:
            self.ticket = ticket


Plan = tuple[tuple[str, str], ...]
"""Name and type of each argument."""


def _plan(method: type[base.Frame]) -> Plan:
    return tuple((name, method.amqp_type(name)) for name in method.__slots__)


_KINDS: Final[tuple[type[base.Frame], ...]] = (*commands.INDEX_MAPPING.values(), Access.Request, Access.RequestOk)
_METHODS: Final = {kind.index: (kind, _plan(kind)) for kind in _KINDS}
WITH_CONTENT: Final = frozenset({0x003C0028, 0x003C0032, 0x003C003C, 0x003C0047})
"""basic.publish, return, deliver, get-ok."""


def check_known(index: int) -> None:
    """Raises UnknownMethod. `index` is the number of the class, times 65,536, and that of the method."""
    if index not in _METHODS:
        raise UnknownMethod(f"there is no method {index & 0xFFFF} of class {index >> 16}")


def read_method(payload: bytes) -> base.Frame:
    """The method of a method frame; raises UnknownMethod, BadMethod, BadText, BadTable."""
    index = int.from_bytes(payload[:4], "big")
    check_known(index)
    kind, plan = _METHODS[index]
    method = kind.__new__(kind)
    try:
        end = _read_arguments(method, plan, payload)
    except (struct.error, IndexError):
        end = -1
    if end != len(payload):
        raise BadMethod(payload[4:])
    _finish_arguments(method, plan, index in WITH_CONTENT)
    return method


def _read_arguments(method: base.Frame, plan: Plan, payload: bytes) -> int:
    """Sets all arguments, texts and tables still as bytes: RabbitMQ looks at them once all arguments are found to fit."""
    position = 4
    bit = 0
    value: object
    for name, kind in plan:
        if kind == "bit":
            # Consecutive bits share an octet, the first in the lowest bit.
            if bit == 0:
                position += 1
            setattr(method, name, bool(payload[position - 1] >> bit & 1))
            bit = (bit + 1) % 8
            continue
        bit = 0
        if kind == "shortstr":
            start = position + 1
            position = start + payload[position]
            value = payload[start:position]
        elif kind == "longstr":
            start = position + 4
            position = start + _TABLE_LENGTH.unpack_from(payload, position)[0]
            value = payload[start:position]
        elif kind == "table":
            start = position
            position += 4 + _TABLE_LENGTH.unpack_from(payload, position)[0]
            value = payload[start:position]
        else:
            number = _NUMBERS[kind]
            (value,) = number.unpack_from(payload, position)
            position += number.size
        setattr(method, name, value)
    return position


def _finish_arguments(method: base.Frame, plan: Plan, has_content: bool) -> None:
    for name, kind in plan:
        if kind == "shortstr":
            raw = getattr(method, name)
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                if not has_content:
                    raise BadText from None
                text = raw.decode("utf-8", "surrogateescape")
            setattr(method, name, text)
        elif kind == "table":
            setattr(method, name, read_table(getattr(method, name))[0])


def write_method(method: base.Frame) -> bytes:
    """The payload of a method frame."""
    parts = [method.index.to_bytes(4, "big")]
    bits = bit = 0
    for name, kind in _METHODS[method.index][1]:
        value = getattr(method, name, None)
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
        return short_string(str(value or ""))
    if kind == "longstr":
        raw = value if isinstance(value, bytes) else str(value or "").encode("utf-8", "surrogateescape")
        return len(raw).to_bytes(4, "big") + raw
    if kind == "table":
        return write_table(value if isinstance(value, dict) else {})
    return _NUMBERS[kind].pack(value or 0)


def short_string(text: str) -> bytes:
    """What does not fit into 255 bytes is cut, between two characters."""
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) > 255:
        raw = raw[:255].decode("utf-8", "ignore").encode()
    return bytes((len(raw),)) + raw
