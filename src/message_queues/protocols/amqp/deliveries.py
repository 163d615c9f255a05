"""Frames that a server sends: deliveries by hand, since each message pays for them, all other methods by `methods.py`."""

import struct
from typing import Final

from pamqp import base

from message_queues.protocols.amqp.frames import FRAME_OVERHEAD
from message_queues.protocols.amqp.methods import short_string, write_method

HEARTBEAT: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"
_DELIVER: Final = b"\x00\x3c\x00\x3c"
_GET_OK: Final = b"\x00\x3c\x00\x47"
_RETURN: Final = b"\x00\x3c\x00\x32"
_CONFIRM = struct.Struct(">BHIIQBB")
_HEAD = struct.Struct(">BHI")
_CONTENT_HEAD = struct.Struct(">BHIHHQ")
_BODY_HEAD = struct.Struct(">BBHI")
_TAG = struct.Struct(">QB")

REMEMBERED_KEYS: Final = 256
"""Pairs of exchange and routing key whose bytes a consumer keeps ready."""


def method_frame(channel: int, method: base.Frame) -> bytes:
    payload = write_method(method)
    return _HEAD.pack(1, channel, len(payload)) + payload + b"\xce"


def ack_frame(channel: int, delivery_tag: int, multiple: bool) -> bytes:
    return _CONFIRM.pack(1, channel, 13, 0x003C0050, delivery_tag, multiple, 0xCE)


def nack_frame(channel: int, delivery_tag: int, multiple: bool) -> bytes:
    """A publisher's nack: the requeue bit means nothing there, and RabbitMQ sets it."""
    return _CONFIRM.pack(1, channel, 13, 0x003C0078, delivery_tag, 2 | multiple, 0xCE)


def content_frames(channel: int, properties: bytes, body: bytes, frame_max: int) -> bytes:
    """Content header and body, the body in as many frames as `frame_max` (0: no limit) asks for."""
    size = len(body)
    head = _CONTENT_HEAD.pack(2, channel, 12 + len(properties), 60, 0, size) + properties
    if not size:
        return head + b"\xce"
    largest = frame_max - FRAME_OVERHEAD if frame_max else size
    if size <= largest:
        return b"".join((head, _BODY_HEAD.pack(0xCE, 3, channel, size), body, b"\xce"))
    parts = [head]
    for start in range(0, size, largest):
        part = body[start : start + largest]
        parts += (_BODY_HEAD.pack(0xCE, 3, channel, len(part)), part)
    parts.append(b"\xce")
    return b"".join(parts)


class DeliveryFrames:
    """The deliveries of one consumer: what repeats is kept as bytes."""

    __slots__ = ("_channel", "_content", "_heads", "_properties", "_size", "_tag")

    def __init__(self, channel: int, consumer_tag: str) -> None:
        self._channel = channel
        self._tag = short_string(consumer_tag)
        self._heads: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        """(exchange, routing key) -> the bytes before the delivery tag, those after the redelivered bit."""
        self._properties = b""
        self._size = -1
        self._content = b""
        """What lies between method and body, for the properties and the size of the last delivery."""

    def frames(
        self, delivery_tag: int, redelivered: bool, exchange: str, routing_key: str, properties: bytes, body: bytes, frame_max: int
    ) -> bytes:
        before, after = self._heads.get((exchange, routing_key)) or self._head(exchange, routing_key)
        size = len(body)
        if size and (size <= frame_max - FRAME_OVERHEAD or not frame_max):
            if size != self._size or properties != self._properties:
                self._prepare(properties, size)
            return b"".join((before, _TAG.pack(delivery_tag, redelivered), after, self._content, body, b"\xce"))
        return b"".join((before, _TAG.pack(delivery_tag, redelivered), after, content_frames(self._channel, properties, body, frame_max)))

    def _head(self, exchange: str, routing_key: str) -> tuple[bytes, bytes]:
        if len(self._heads) >= REMEMBERED_KEYS:
            self._heads.clear()
        after = short_string(exchange) + short_string(routing_key)
        before = _DELIVER + self._tag
        head = (_HEAD.pack(1, self._channel, len(before) + 9 + len(after)) + before, after + b"\xce")
        self._heads[exchange, routing_key] = head
        return head

    def _prepare(self, properties: bytes, size: int) -> None:
        self._properties, self._size = properties, size
        content = _CONTENT_HEAD.pack(2, self._channel, 12 + len(properties), 60, 0, size)
        self._content = b"".join((content, properties, _BODY_HEAD.pack(0xCE, 3, self._channel, size)))


def get_ok_frames(
    channel: int,
    delivery_tag: int,
    redelivered: bool,
    exchange: str,
    routing_key: str,
    message_count: int,
    properties: bytes,
    body: bytes,
    frame_max: int,
) -> bytes:
    arguments = _TAG.pack(delivery_tag, redelivered) + short_string(exchange) + short_string(routing_key) + message_count.to_bytes(4)
    return _method(channel, _GET_OK, arguments) + content_frames(channel, properties, body, frame_max)


def return_frames(
    channel: int, reply_code: int, reply_text: str, exchange: str, routing_key: str, properties: bytes, body: bytes, frame_max: int
) -> bytes:
    arguments = reply_code.to_bytes(2) + short_string(reply_text) + short_string(exchange) + short_string(routing_key)
    return _method(channel, _RETURN, arguments) + content_frames(channel, properties, body, frame_max)


def _method(channel: int, signature: bytes, arguments: bytes) -> bytes:
    return _HEAD.pack(1, channel, 4 + len(arguments)) + signature + arguments + b"\xce"


# What a client sends


def publish_frames(
    channel: int, exchange: str, routing_key: str, properties: bytes, body: bytes, *, mandatory: bool = False, frame_max: int = 131072
) -> bytes:
    arguments = b"\0\0" + short_string(exchange) + short_string(routing_key) + bytes((mandatory,))
    return _method(channel, b"\x00\x3c\x00\x28", arguments) + content_frames(channel, properties, body, frame_max)
