"""A message of SQS as bytes on disk: the value of a record in a message store.

    position  bytes  field
    0         1      version, 1
    1         1      flags: 1 there are attributes, 2 its deduplication id is no longer remembered by this queue's senders
    2         8      when it was sent, ms since the epoch
    10        8      until when it is delayed, ms since the epoch
    18        16     message id
    34        16     MD5 of the body
    50        16     MD5 of the attributes, or zeros
    66        4      how often it was received from other queues before it came to this one
    70        8      when it was first received there, ms since the epoch
    78        10     lengths of the five texts, a uint16 each
    88        4      length a of the attributes
    92        …      the texts in UTF-8: group id, deduplication id, sender id, trace header, ARN of the source queue
    …         a      attributes: of each the lengths of name (uint16), type (uint16) and value (uint32), then these three
    …         …      body, to the end of the record

All integers are big-endian; a text that is not there has the length 65535. A message is valid if and only if its version is 1, and texts
and attributes end within the record. The record batch around it has the checksum.
"""

import struct
from functools import lru_cache
from typing import Final, NamedTuple

from message_queues.broker.sqs.message import SEQUENCE_BASE, MessageAttribute, SqsMessage
from message_queues.errors import CorruptMessage

VERSION: Final = 1
HAS_ATTRIBUTES: Final = 1
NOT_REMEMBERED: Final = 2

_HEAD = struct.Struct(">BBqq16s16s16sIqHHHHHI")
_HEAD_BYTES: Final = _HEAD.size
_TIMES = struct.Struct(">BBqq")
_ATTRIBUTE = struct.Struct(">HHI")
_NONE: Final = 0xFFFF
_LONGEST_TEXT: Final = _NONE - 1
_NO_DIGEST: Final = bytes(16)


class Times(NamedTuple):
    """What is read of a message when only its place in time counts."""

    sent_ms: int
    delayed_until_ms: int


def write_message(message: SqsMessage, delayed_until_ms: int, is_remembered: bool = True) -> tuple[bytes, bytes, bytes]:
    """The message in pieces; the body is the message's own bytes."""
    named = (message.group_id, message.deduplication_id, message.sender_id, message.trace_header, message.source_arn)
    # A deduplication id is another with every message: not worth remembering.
    texts, lengths = _encoded_texts(named) if message.deduplication_id is None else _encode_texts(named)
    attributes = b"".join(map(_written_attribute, message.attributes)) if message.attributes else b""
    digest = message.md5_of_attributes
    head = _HEAD.pack(
        VERSION,
        (HAS_ATTRIBUTES if digest is not None else 0) | (0 if is_remembered else NOT_REMEMBERED),
        message.sent_ms,
        delayed_until_ms,
        message.id_bytes,
        bytes.fromhex(message.md5_of_body),
        bytes.fromhex(digest) if digest is not None else _NO_DIGEST,
        min(message.earlier_receives, 0xFFFFFFFF),
        message.earlier_received_ms,
        *lengths,
        len(attributes),
    )
    return head + texts, attributes, message.body


def read_message(data: bytes, start: int, end: int, position: int, is_fifo: bool) -> SqsMessage:
    """The message in these bytes of `data`; CorruptMessage if there is none. `position` is that in its queue."""
    if end - start < _HEAD_BYTES:
        raise CorruptMessage(f"{end - start} bytes are too few for a stored message")
    head = _HEAD.unpack_from(data, start)
    version, flags, sent_ms, _, id_bytes, body_md5, attributes_md5, earlier_receives, earlier_received_ms = head[:9]
    lengths, attributes_length = head[9:14], head[14]
    at = start + _HEAD_BYTES
    texts_end = at + sum(length for length in lengths if length != _NONE)
    body_start = texts_end + attributes_length
    if version != VERSION or body_start > end:
        raise CorruptMessage(f"a stored message of version {version} claims {body_start - start} bytes where there are {end - start}")
    group_id, deduplication_id, sender_id, trace_header, source_arn = _read_texts(data[at:texts_end], lengths)
    attributes = _read_attributes(data, texts_end, body_start) if attributes_length else ()
    return SqsMessage(
        id_bytes=id_bytes,
        body=data[body_start:end],
        attributes=attributes,
        md5_of_body=body_md5.hex(),
        md5_of_attributes=attributes_md5.hex() if flags & HAS_ATTRIBUTES else None,
        sent_ms=sent_ms,
        sequence_number=SEQUENCE_BASE + position if is_fifo else None,
        group_id=group_id,
        deduplication_id=deduplication_id,
        sender_id=sender_id or "",
        trace_header=trace_header,
        source_arn=source_arn,
        earlier_receives=earlier_receives,
        earlier_received_ms=earlier_received_ms,
    )


def read_times(data: bytes, start: int, end: int) -> Times:
    """CorruptMessage if there is no message."""
    if end - start < _HEAD_BYTES or data[start] != VERSION:
        raise CorruptMessage(f"{end - start} bytes are no stored message")
    _, _, sent_ms, delayed_until_ms = _TIMES.unpack_from(data, start)
    return Times(sent_ms, delayed_until_ms)


def is_remembered(data: bytes, start: int) -> bool:
    """Whether its deduplication id counts for those who send to this queue."""
    return not data[start + 1] & NOT_REMEMBERED


def weigh(data: bytes, start: int, end: int) -> int:
    """Nothing is counted but messages."""
    return 0


def _encode_texts(texts: tuple[str | None, ...]) -> tuple[bytes, tuple[int, ...]]:
    encoded = [None if text is None else text.encode("utf-8", "surrogatepass")[:_LONGEST_TEXT] for text in texts]
    return b"".join(text for text in encoded if text), tuple(_NONE if text is None else len(text) for text in encoded)


_encoded_texts = lru_cache(4096)(_encode_texts)


def _read_texts(data: bytes, lengths: tuple[int, ...]) -> list[str | None]:
    texts: list[str | None] = []
    at = 0
    for length in lengths:
        if length == _NONE:
            texts.append(None)
        else:
            texts.append(data[at : at + length].decode("utf-8", "surrogatepass"))
            at += length
    return texts


def _written_attribute(attribute: MessageAttribute) -> bytes:
    name, data_type = attribute.name.encode(), attribute.data_type.encode()
    return _ATTRIBUTE.pack(len(name), len(data_type), len(attribute.value)) + name + data_type + attribute.value


def _read_attributes(data: bytes, at: int, end: int) -> tuple[MessageAttribute, ...]:
    found: list[MessageAttribute] = []
    while at < end:
        if at + _ATTRIBUTE.size > end:
            raise CorruptMessage("the attributes of a stored message are cut")
        name_length, type_length, value_length = _ATTRIBUTE.unpack_from(data, at)
        name_start = at + _ATTRIBUTE.size
        type_start = name_start + name_length
        value_start = type_start + type_length
        at = value_start + value_length
        if at > end:
            raise CorruptMessage("an attribute of a stored message is cut")
        found.append(MessageAttribute(data[name_start:type_start].decode(), data[type_start:value_start].decode(), data[value_start:at]))
    return tuple(found)
