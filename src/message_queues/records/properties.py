"""The basic properties of a message: the content header of AMQP 0-9-1 (4.2.6.1) from its property flags on.

They travel through the broker as the bytes that the publisher sent. `Attributes` is what the broker itself looks at; `Properties` is all
of it, for those who show a message. Fields that are changed are changed in the bytes, so that all others stay as they were.
"""

import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Final

from message_queues.errors import SyntaxRefused
from message_queues.records.field_table import (
    TYPE_NAMES,
    FieldTable,
    Timestamp,
    read_fields,
    read_table,
    write_fields,
    write_table,
    write_value,
)

EMPTY_PROPERTIES: Final = b"\0\0"
PERSISTENT: Final = 2
"""The delivery mode of messages that survive a restart."""

_FLAGS = struct.Struct(">H")
_TABLE_LENGTH = struct.Struct(">I")
_TIMESTAMP = struct.Struct(">Q")
_NAMES: Final = (
    "content_type",
    "content_encoding",
    "headers",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
)
_HEADERS, _DELIVERY_MODE, _PRIORITY, _REPLY_TO, _EXPIRATION, _TIMESTAMP_FLAG, _USER_ID = (
    1 << (15 - _NAMES.index(name)) for name in ("headers", "delivery_mode", "priority", "reply_to", "expiration", "timestamp", "user_id")
)
_OCTETS = _DELIVERY_MODE | _PRIORITY
_UNKNOWN_FLAGS = 0x0003
"""Two bits are no property; the lowest says that more flags follow, which no AMQP 0-9-1 class needs."""
_LOOKED_AT = _HEADERS | _OCTETS | _REPLY_TO | _EXPIRATION | _USER_ID

REMEMBERED_BYTES = 512
REMEMBERED = 4096
"""Properties of at most so many bytes, and so many of them, are looked at once: publishers repeat themselves."""


class BadProperties(SyntaxRefused):
    """The bytes are no content header."""


class Attributes:
    """What the broker looks at. Immutable by agreement: messages with equal properties share it."""

    __slots__ = (
        "_headers",
        "_properties",
        "_table_position",
        "bad_copies",
        "blind_copies",
        "carbon_copies",
        "delay_ms",
        "expiration",
        "has_headers",
        "has_priority",
        "is_persistent",
        "priority",
        "reply_to",
        "user_id",
    )

    def __init__(self) -> None:
        self.is_persistent = False
        self.has_priority = False
        self.priority = 0
        self.expiration: str | None = None
        self.user_id: str | None = None
        self.reply_to: str | None = None
        self.has_headers = False
        self.carbon_copies: tuple[str, ...] = ()
        self.blind_copies: tuple[str, ...] = ()
        self.bad_copies: str | None = None
        """What RabbitMQ says of a CC or BCC header that is no array: "{unacceptable_type_in_header,"CC",longstr}"."""
        self.delay_ms: int | None = None
        """The x-delay header of the delayed message exchange."""
        self._properties = EMPTY_PROPERTIES
        self._table_position = 0
        self._headers: FieldTable | None = None

    @property
    def headers(self) -> FieldTable:
        """Decoded at the first use; not to be changed."""
        if self._headers is None:
            self._headers = read_table(self._properties, self._table_position)[0] if self.has_headers else {}
        return self._headers


_remembered: dict[bytes, Attributes] = {}


def read_attributes(properties: bytes) -> Attributes:
    """Raises SyntaxRefused for what is no content header."""
    attributes = _remembered.get(properties)
    if attributes is None:
        attributes = _read_attributes(properties)
        if len(properties) <= REMEMBERED_BYTES:
            if len(_remembered) >= REMEMBERED:
                _remembered.clear()
            _remembered[properties] = attributes
    return attributes


def _read_attributes(properties: bytes) -> Attributes:
    attributes = Attributes()
    attributes._properties = properties
    try:
        (flags,) = _FLAGS.unpack_from(properties)
        end = _walk(properties, flags, attributes)
    except (struct.error, IndexError) as error:
        raise BadProperties("the properties end early") from error
    if end != len(properties):
        raise BadProperties(f"the properties end at {end} of {len(properties)} bytes")
    return attributes


def _walk(properties: bytes, flags: int, attributes: Attributes) -> int:
    """Goes over every property that is there; those that the broker looks at are kept. Returns where they end."""
    if flags & _UNKNOWN_FLAGS:
        raise BadProperties(f"the property flags {flags:#06x} are unknown")
    position = 2
    flag = 0x8000
    while flag > 2:
        if flags & flag:
            if flag & _OCTETS:
                value = properties[position]
                position += 1
                if flag == _DELIVERY_MODE:
                    attributes.is_persistent = value == PERSISTENT
                else:
                    attributes.priority, attributes.has_priority = value, True
            elif flag == _HEADERS:
                attributes.has_headers, attributes._table_position = True, position
                position = _look_at_headers(properties, position, attributes)
            elif flag == _TIMESTAMP_FLAG:
                position += 8
            else:
                start = position + 1
                position = start + properties[position]
                if flag & _LOOKED_AT:
                    _keep_text(attributes, flag, properties[start:position].decode("utf-8", "surrogateescape"))
        flag >>= 1
    return position


def _keep_text(attributes: Attributes, flag: int, text: str) -> None:
    if flag == _EXPIRATION:
        attributes.expiration = text
    elif flag == _USER_ID:
        attributes.user_id = text
    else:
        attributes.reply_to = text


def _look_at_headers(properties: bytes, position: int, attributes: Attributes) -> int:
    """Only tables with one of the names that mean something are decoded now."""
    length: int = _TABLE_LENGTH.unpack_from(properties, position)[0]
    end = position + 4 + length
    if end > len(properties):
        raise BadProperties(f"the headers claim {length} bytes, {len(properties) - position - 4} are left")
    if properties.find(b"CC", position, end) >= 0 or properties.find(b"x-delay", position, end) >= 0:
        headers = attributes.headers
        delay = headers.get("x-delay")
        if isinstance(delay, int) and not isinstance(delay, bool):
            attributes.delay_ms = delay
        attributes.carbon_copies = _copies(attributes, "CC")
        attributes.blind_copies = _copies(attributes, "BCC")
    return end


def _copies(attributes: Attributes, name: str) -> tuple[str, ...]:
    headers = attributes.headers
    if name not in headers:
        return ()
    keys = headers[name]
    if isinstance(keys, list):
        return tuple(key for key in keys if isinstance(key, str))
    raw = read_fields(attributes._properties, attributes._table_position)[0][name]
    attributes.bad_copies = attributes.bad_copies or f'{{unacceptable_type_in_header,"{name}",{TYPE_NAMES[chr(raw[0])]}}}'
    return ()


# All properties


@dataclass(slots=True)
class Properties:
    """The fourteen properties of class basic; None is absent."""

    content_type: str | None = None
    content_encoding: str | None = None
    headers: FieldTable | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    timestamp: int | None = None
    """Seconds since 1970."""
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


def read_properties(properties: bytes) -> Properties:
    """Raises SyntaxRefused for what is no content header."""
    found = _split(properties)
    readers: Mapping[str, Callable[[bytes], FieldTable | int]] = {
        "headers": lambda raw: read_table(raw)[0],
        "delivery_mode": lambda raw: raw[0],
        "priority": lambda raw: raw[0],
        "timestamp": lambda raw: Timestamp(_TIMESTAMP.unpack(raw)[0]),
    }
    made = Properties()
    for name, raw in found.items():
        reader = readers.get(name)
        setattr(made, name, raw[1:].decode("utf-8", "surrogateescape") if reader is None else reader(raw))
    return made


def write_properties(properties: Properties) -> bytes:
    """Raises SyntaxRefused for a value that does not fit."""
    parts: dict[str, bytes] = {}
    for each in fields(properties):
        value: FieldTable | str | int | None = getattr(properties, each.name)
        if value is None:
            continue
        if isinstance(value, dict):
            parts[each.name] = write_table(value)
        elif isinstance(value, str):
            parts[each.name] = _short_string(each.name, value)
        elif each.name == "timestamp":
            parts[each.name] = _TIMESTAMP.pack(value)
        elif 0 <= value <= 255:
            parts[each.name] = bytes((value,))
        else:
            raise SyntaxRefused(f"{each.name} is {value}, which is not from 0 to 255")
    return _join(parts)


def _short_string(name: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) > 255:
        raise SyntaxRefused(f"{name} is longer than 255 bytes")
    return bytes((len(raw),)) + raw


def _split(properties: bytes) -> dict[str, bytes]:
    """Every property that is there, as its bytes."""
    try:
        (flags,) = _FLAGS.unpack_from(properties)
        if flags & _UNKNOWN_FLAGS:
            raise BadProperties(f"the property flags {flags:#06x} are unknown")
        found: dict[str, bytes] = {}
        position = 2
        for index, name in enumerate(_NAMES):
            flag = 1 << (15 - index)
            if not flags & flag:
                continue
            start = position
            if flag & _OCTETS:
                position += 1
            elif flag == _HEADERS:
                position += 4 + _TABLE_LENGTH.unpack_from(properties, position)[0]
            elif flag == _TIMESTAMP_FLAG:
                position += 8
            else:
                position += 1 + properties[position]
            found[name] = properties[start:position]
    except (struct.error, IndexError) as error:
        raise BadProperties("the properties end early") from error
    if position != len(properties):
        raise BadProperties(f"the properties end at {position} of {len(properties)} bytes")
    return found


def _join(parts: Mapping[str, bytes]) -> bytes:
    flags = sum(1 << (15 - index) for index, name in enumerate(_NAMES) if name in parts)
    return _FLAGS.pack(flags) + b"".join(parts[name] for name in _NAMES if name in parts)


# Changing some of them


def with_headers(properties: bytes, changed: FieldTable, removed: Collection[str] = (), *, drop_expiration: bool = False) -> bytes:
    """The properties with some headers set or taken away; every other byte stays. New headers come first, as in RabbitMQ."""
    parts = _split(properties)
    headers = read_fields(parts["headers"])[0] if "headers" in parts else {}
    new = {name: write_value(value) for name, value in changed.items() if name not in headers}
    kept = {name: write_value(changed[name]) if name in changed else raw for name, raw in headers.items() if name not in removed}
    parts["headers"] = write_fields({**new, **kept})
    if drop_expiration:
        parts.pop("expiration", None)
    return _join(parts)


def with_reply_to(properties: bytes, reply_to: str) -> bytes:
    """The properties with another reply-to; every other byte stays."""
    parts = _split(properties)
    parts["reply_to"] = _short_string("reply_to", reply_to)
    return _join(parts)
