"""A message of a queue as bytes on disk: the envelope, which is the value of a record in a message store or a stream.

    position  bytes  field
    0         1      version, 1; 2 if the x-death header among the properties is the broker's own
    1         8      when it was enqueued, ms since the epoch
    9         8      when it expires, ms since the epoch; 0 is never
    17        4      length p of the properties
    21        4      length n of the names
    25        n      names: exchange, routing key, then further routing keys, each a uint16 length and its bytes
    25+n      p      properties: the content header from its property flags on (AMQP 0-9-1 4.2.6.1), as the publisher sent it
    25+n+p    …      body, to the end of the record

All integers are big-endian. An envelope is valid if and only if its version is 1 or 2, the names fill their n bytes exactly, there are
two at least, and names and properties end within the record. The record batch around it has the checksum.
"""

import struct
from functools import lru_cache
from typing import Final

from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import CorruptMessage, ProtocolError
from message_queues.records.properties import read_attributes

VERSION: Final = 1
VERSION_OF_DEAD: Final = 2

_HEAD = struct.Struct(">BqqII")
_HEAD_BYTES: Final = _HEAD.size
_NAME_LENGTH = struct.Struct(">H")
_CACHED_NAMES: Final = 4096
_LONGEST_CACHED_BYTES: Final = 600


def write_message(message: QueueMessage, enqueued_ms: int, expires_at_ms: int) -> tuple[bytes, bytes, bytes]:
    """The envelope in pieces; properties and body are the message's own bytes."""
    names = _cached_names(message.exchange, message.routing_key) if not message.other_keys else _written_names(message)
    properties = message.properties
    version = VERSION_OF_DEAD if message.has_died else VERSION
    return _HEAD.pack(version, enqueued_ms, expires_at_ms, len(properties), len(names)) + names, properties, message.body


def read_message(data: bytes, start: int, end: int) -> tuple[QueueMessage, int, int]:
    """(message, enqueued_ms, expires_at_ms) of the envelope in these bytes of `data`; CorruptMessage if it is none."""
    if end - start < _HEAD_BYTES:
        raise CorruptMessage(f"{end - start} bytes are too few for a stored message")
    version, enqueued_ms, expires_at_ms, properties_length, names_length = _HEAD.unpack_from(data, start)
    names_start = start + _HEAD_BYTES
    properties_start = names_start + names_length
    body_start = properties_start + properties_length
    if version not in (VERSION, VERSION_OF_DEAD) or body_start > end:
        raise CorruptMessage(f"a stored message of version {version} claims {body_start - start} bytes where there are {end - start}")
    names = data[names_start:properties_start]
    exchange, routing_key, other_keys = _cached_reading(names) if names_length <= _LONGEST_CACHED_BYTES else _read_names(names)
    properties = data[properties_start:body_start]
    try:
        attributes = read_attributes(properties)
    except ProtocolError as error:
        raise CorruptMessage(f"the properties of a stored message cannot be read: {error}") from error
    body = data[body_start:end]
    message = QueueMessage(exchange, routing_key, properties, body, attributes, other_keys, version == VERSION_OF_DEAD)
    return message, enqueued_ms, expires_at_ms


def body_bytes(data: bytes, start: int, end: int) -> int:
    """The length of the body, and nothing else of the envelope."""
    if end - start < _HEAD_BYTES:
        raise CorruptMessage(f"{end - start} bytes are too few for a stored message")
    _, _, _, properties_length, names_length = _HEAD.unpack_from(data, start)
    size = end - start - _HEAD_BYTES - int(properties_length) - int(names_length)
    if size < 0:
        raise CorruptMessage(f"a stored message claims {end - start - size} bytes where there are {end - start}")
    return size


@lru_cache(_CACHED_NAMES)
def _cached_names(exchange: str, routing_key: str) -> bytes:
    return _name(exchange) + _name(routing_key)


def _written_names(message: QueueMessage) -> bytes:
    return b"".join(map(_name, (message.exchange, message.routing_key, *message.other_keys)))


def _name(text: str) -> bytes:
    name = text.encode("utf-8", "surrogateescape")
    # A CC header may hold longer keys than AMQP's short strings; no queue can be bound by them.
    name = name[:0xFFFF]
    return _NAME_LENGTH.pack(len(name)) + name


def _read_names(names: bytes) -> tuple[str, str, tuple[str, ...]]:
    found: list[str] = []
    position = 0
    while position < len(names):
        start = position + _NAME_LENGTH.size
        end = start + (int(_NAME_LENGTH.unpack_from(names, position)[0]) if start <= len(names) else 0)
        if end > len(names) or start > len(names):
            raise CorruptMessage("the names of a stored message are cut")
        found.append(names[start:end].decode("utf-8", "surrogateescape"))
        position = end
    if len(found) < 2:
        raise CorruptMessage("a stored message has no routing key")
    return found[0], found[1], tuple(found[2:])


_cached_reading = lru_cache(_CACHED_NAMES)(_read_names)
