"""The properties of a message: the content header of class basic from its property flags on (AMQP 0-9-1 4.2.6.1).

    2 bytes of flags, the most significant bit for the first property; then each property whose bit is set, in this order:
    content_type, content_encoding: short strings; headers: table; delivery_mode, priority: octets; correlation_id, reply_to, expiration,
    message_id: short strings; timestamp: 8 bytes, seconds; type, user_id, app_id, cluster_id: short strings

The bytes are valid if and only if these properties end where the bytes end and the table is one. The two lowest flags mean nothing, as to
RabbitMQ. A broker keeps these bytes and passes them on: `read_attributes` gives what it must know of them itself, and `with_headers`
changes headers and leaves every other byte as the publisher wrote it.
"""

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from message_queues.errors import ProtocolError, SyntaxRefused
from message_queues.records.field_table import (
    TYPE_NAMES,
    FieldTable,
    FieldValue,
    Timestamp,
    check_fields,
    fields_of,
    read_table,
    write_table,
    written_field,
)

EMPTY_PROPERTIES = b"\x00\x00"

PERSISTENT = 2
"""The delivery mode."""

_CONTENT_TYPE, _CONTENT_ENCODING, _HEADERS, _DELIVERY_MODE, _PRIORITY = 0x8000, 0x4000, 0x2000, 0x1000, 0x0800
_CORRELATION_ID, _REPLY_TO, _EXPIRATION, _MESSAGE_ID, _TIMESTAMP = 0x0400, 0x0200, 0x0100, 0x0080, 0x0040
_TYPE, _USER_ID, _APP_ID, _CLUSTER_ID = 0x0020, 0x0010, 0x0008, 0x0004

_LENGTH = struct.Struct(">I")
_UINT64 = struct.Struct(">Q")


class BadProperties(ProtocolError):
    """The bytes are no properties. RabbitMQ has no code for it: its channel fails."""


class Attributes:
    """What the broker itself needs of a message's properties. Shared by the messages with the same properties, so never changed."""

    __slots__ = (
        "_headers",
        "_table",
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
        self.priority = 0
        """0 when the publisher gave none."""
        self.has_priority = False
        self.expiration: str | None = None
        """As it came; a number of milliseconds if the publisher did right."""
        self.user_id: str | None = None
        self.reply_to: str | None = None
        self.has_headers = False
        self.carbon_copies: tuple[str, ...] = ()
        """Further routing keys, from the header CC."""
        self.blind_copies: tuple[str, ...] = ()
        """Further routing keys that the receivers are not told, from the header BCC."""
        self.delay_ms: int | None = None
        """The header x-delay."""
        self.bad_copies: str | None = None
        """What RabbitMQ says of a CC or BCC that is no array: {unacceptable_type_in_header,"CC",longstr}."""
        self._table = b""
        self._headers: FieldTable | None = None

    @property
    def headers(self) -> FieldTable:
        """Read when first asked for."""
        if self._headers is None:
            self._headers = read_table(self._table)[0] if self._table else {}
        return self._headers


# Attributes

_known: dict[bytes, Attributes] = {}
_MOST_KNOWN = 2048
_LONGEST_KNOWN = 256


def read_attributes(properties: bytes) -> Attributes:
    """Properties seen before cost one look-up. Raises BadProperties, BadTable."""
    attributes = _known.get(properties)
    if attributes is not None:
        return attributes
    attributes = Attributes()
    try:
        if _read_into(attributes, properties) != len(properties):
            raise BadProperties("the properties do not end where their frame ends")
    except (IndexError, struct.error) as error:
        raise BadProperties("the properties end early") from error
    if len(properties) <= _LONGEST_KNOWN:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[properties] = attributes
    return attributes


def _read_into(attributes: Attributes, properties: bytes) -> int:
    """Returns where the properties end, which may be beyond the bytes."""
    flags = (properties[0] << 8) | properties[1]
    position = 2
    if flags & 0xE000:
        if flags & _CONTENT_TYPE:
            position = 3 + properties[2]
        if flags & _CONTENT_ENCODING:
            position += 1 + properties[position]
        if flags & _HEADERS:
            position = _read_headers(attributes, properties, position)
    if flags & _DELIVERY_MODE:
        attributes.is_persistent = properties[position] == PERSISTENT
        position += 1
    if flags & _PRIORITY:
        attributes.priority = properties[position]
        attributes.has_priority = True
        position += 1
    if flags & 0x07FC:
        position = _read_rest(attributes, properties, flags, position)
    return position


def _read_rest(attributes: Attributes, properties: bytes, flags: int, position: int) -> int:
    if flags & _CORRELATION_ID:
        position += 1 + properties[position]
    if flags & _REPLY_TO:
        attributes.reply_to, position = _short_string(properties, position)
    if flags & _EXPIRATION:
        attributes.expiration, position = _short_string(properties, position)
    if flags & _MESSAGE_ID:
        position += 1 + properties[position]
    if flags & _TIMESTAMP:
        position += 8
    if flags & _TYPE:
        position += 1 + properties[position]
    if flags & _USER_ID:
        attributes.user_id, position = _short_string(properties, position)
    if flags & _APP_ID:
        position += 1 + properties[position]
    if flags & _CLUSTER_ID:
        position += 1 + properties[position]
    return position


def _read_headers(attributes: Attributes, properties: bytes, position: int) -> int:
    start = position + 4
    end = start + int.from_bytes(properties[position:start], "big")
    if end > len(properties):
        raise BadProperties("the headers go past the end of the properties")
    table = properties[position:end]
    check_fields(table, 4, end - position)
    attributes.has_headers = True
    attributes._table = table
    if b"CC" in table or b"x-delay" in table:
        _read_routing(attributes, table)
    return end


def _read_routing(attributes: Attributes, table: bytes) -> None:
    headers = attributes.headers
    attributes.carbon_copies = _copies(attributes, table, "CC")
    attributes.blind_copies = _copies(attributes, table, "BCC")
    attributes.delay_ms = _delay_of(headers.get("x-delay"))


def _delay_of(value: FieldValue) -> int | None:
    """The delayed message exchange takes any number, and a text of digits."""
    if isinstance(value, str):
        digits = value.removeprefix("-") if value[:1] == "-" else value.removeprefix("+")
        return int(value) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None
    if isinstance(value, float):
        return int(value) if abs(value) < 1 << 53 else None
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _copies(attributes: Attributes, table: bytes, name: str) -> tuple[str, ...]:
    keys = attributes.headers.get(name, [])
    if isinstance(keys, list):
        return tuple(key for key in keys if isinstance(key, str))
    for field, value_at, _ in fields_of(table, 4, len(table)):
        if field == name and attributes.bad_copies is None:
            attributes.bad_copies = f'{{unacceptable_type_in_header,"{name}",{TYPE_NAMES[chr(table[value_at])]}}}'
    return ()


def _short_string(data: bytes, position: int) -> tuple[str, int]:
    end = position + 1 + data[position]
    return data[position + 1 : end].decode("utf-8", "surrogateescape"), end


# All of them


@dataclass(slots=True)
class Properties:
    """The fourteen properties of the class basic; None where a message has none."""

    content_type: str | None = None
    content_encoding: str | None = None
    headers: FieldTable | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    timestamp: Timestamp | int | None = None
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


def read_properties(properties: bytes) -> Properties:
    """Raises BadProperties, BadTable."""
    read = Properties()
    try:
        if _read_all(read, properties) != len(properties):
            raise BadProperties("the properties do not end where their frame ends")
    except (IndexError, struct.error) as error:
        raise BadProperties("the properties end early") from error
    return read


def _read_all(read: Properties, data: bytes) -> int:
    flags = (data[0] << 8) | data[1]
    position = 2
    if flags & _CONTENT_TYPE:
        read.content_type, position = _short_string(data, position)
    if flags & _CONTENT_ENCODING:
        read.content_encoding, position = _short_string(data, position)
    if flags & _HEADERS:
        read.headers, position = read_table(data, position)
    if flags & _DELIVERY_MODE:
        read.delivery_mode, position = data[position], position + 1
    if flags & _PRIORITY:
        read.priority, position = data[position], position + 1
    if flags & _CORRELATION_ID:
        read.correlation_id, position = _short_string(data, position)
    if flags & _REPLY_TO:
        read.reply_to, position = _short_string(data, position)
    if flags & _EXPIRATION:
        read.expiration, position = _short_string(data, position)
    if flags & _MESSAGE_ID:
        read.message_id, position = _short_string(data, position)
    if flags & _TIMESTAMP:
        read.timestamp, position = Timestamp(_UINT64.unpack_from(data, position)[0]), position + 8
    if flags & _TYPE:
        read.type, position = _short_string(data, position)
    if flags & _USER_ID:
        read.user_id, position = _short_string(data, position)
    if flags & _APP_ID:
        read.app_id, position = _short_string(data, position)
    if flags & _CLUSTER_ID:
        read.cluster_id, position = _short_string(data, position)
    return position


def write_properties(properties: Properties) -> bytes:
    """Raises SyntaxRefused for what the fields cannot hold."""
    written = (
        (_CONTENT_TYPE, _written_string(properties.content_type)),
        (_CONTENT_ENCODING, _written_string(properties.content_encoding)),
        (_HEADERS, None if properties.headers is None else write_table(properties.headers)),
        (_DELIVERY_MODE, _written_octet(properties.delivery_mode)),
        (_PRIORITY, _written_octet(properties.priority)),
        (_CORRELATION_ID, _written_string(properties.correlation_id)),
        (_REPLY_TO, _written_string(properties.reply_to)),
        (_EXPIRATION, _written_string(properties.expiration)),
        (_MESSAGE_ID, _written_string(properties.message_id)),
        (_TIMESTAMP, _written_timestamp(properties.timestamp)),
        (_TYPE, _written_string(properties.type)),
        (_USER_ID, _written_string(properties.user_id)),
        (_APP_ID, _written_string(properties.app_id)),
        (_CLUSTER_ID, _written_string(properties.cluster_id)),
    )
    flags = 0
    parts = [b""]
    for flag, part in written:
        if part is not None:
            flags |= flag
            parts.append(part)
    parts[0] = flags.to_bytes(2, "big")
    return b"".join(parts)


def _written_string(value: str | None) -> bytes | None:
    if value is None:
        return None
    raw = value.encode("utf-8", "surrogateescape")
    if len(raw) > 255:
        raise SyntaxRefused(f"a property of {len(raw)} bytes, 255 fit")
    return bytes((len(raw),)) + raw


def _written_octet(value: int | None) -> bytes | None:
    if value is None:
        return None
    if not 0 <= value <= 255:
        raise SyntaxRefused(f"the property {value} does not fit into a byte")
    return bytes((value,))


def _written_timestamp(value: int | None) -> bytes | None:
    if value is None:
        return None
    if not 0 <= value < 1 << 64:
        raise SyntaxRefused(f"the timestamp {int(value)} does not fit into 64 bits")
    return _UINT64.pack(value)


# Changing


def with_headers(
    properties: bytes,
    changed: Mapping[str, FieldValue],
    removed: Collection[str] = (),
    *,
    drop_expiration: bool = False,
) -> bytes:
    """The properties with some headers set and some removed; every other header and property keeps its bytes.

    A header that is there already is changed in its place, new ones come first, as in RabbitMQ. `properties` are valid ones.
    """
    flags = (properties[0] << 8) | properties[1]
    start = 2
    for flag in (_CONTENT_TYPE, _CONTENT_ENCODING):
        if flags & flag:
            start += 1 + properties[start]
    end = start
    table = b""
    if flags & _HEADERS:
        end = start + 4 + _LENGTH.unpack_from(properties, start)[0]
        table = properties[start + 4 : end]
    after = _after_headers(properties, flags, end, drop_expiration)
    if drop_expiration:
        flags &= ~_EXPIRATION
    if changed or removed:
        table = _with_fields(table, changed, removed)
    if not table and not flags & _HEADERS:
        return flags.to_bytes(2, "big") + properties[2:start] + after
    return (flags | _HEADERS).to_bytes(2, "big") + properties[2:start] + _LENGTH.pack(len(table)) + table + after


def _after_headers(properties: bytes, flags: int, position: int, drop_expiration: bool) -> bytes:
    if not drop_expiration or not flags & _EXPIRATION:
        return properties[position:]
    start = position
    for flag in (_DELIVERY_MODE, _PRIORITY):
        if flags & flag:
            position += 1
    for flag in (_CORRELATION_ID, _REPLY_TO):
        if flags & flag:
            position += 1 + properties[position]
    return properties[start:position] + properties[position + 1 + properties[position] :]


def _with_fields(table: bytes, changed: Mapping[str, FieldValue], removed: Collection[str]) -> bytes:
    parts: list[bytes] = []
    waiting = dict(changed)
    position = 0
    for name, _, after in fields_of(table, 0, len(table)):
        if name in waiting:
            parts.append(written_field(name, waiting.pop(name)))
        elif name not in changed and name not in removed:
            parts.append(table[position:after])
        position = after
    return b"".join([written_field(name, value) for name, value in waiting.items()] + parts)
