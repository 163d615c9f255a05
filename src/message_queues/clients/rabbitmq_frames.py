"""Frames of the hot methods, as bytes: what pika would make, and take apart, one object at a time.

AMQP 0-9-1 4.2.3: type octet, channel short, size long, payload, frame-end octet %xCE. A message is a method frame (1), a content header
frame (2: class, weight, body size, property flags, properties) and body frames (3) of at most frame_max octets each.
"""

from struct import Struct

from message_queues.errors import InvalidArgument

FRAME_END = b"\xce"
FRAME_OVERHEAD = 8
SMALL_BODY = 4080
"""Fits one frame of the smallest frame_max, 4096: such a message is composed once, whatever is negotiated later."""

_HEADER = Struct(">BHIHHQ")
_BODY = Struct(">BHI")
_METHOD = Struct(">BHIHH")
_TAG = Struct(">BHIHHQBB")
BASIC = 60
PUBLISH, RETURN, DELIVER, ACK, REJECT, NACK = 40, 50, 60, 80, 90, 120


def short_string(argument: str, text: str) -> bytes:
    """A short string of AMQP: at most 255 bytes of UTF-8."""
    octets = text.encode("utf-8", "surrogateescape")
    if len(octets) > 255:
        raise InvalidArgument(f"{argument} has {len(octets)} bytes of UTF-8: AMQP carries at most 255")
    return bytes((len(octets),)) + octets


def publish_frame(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:
    """basic.publish: reserved short, exchange, routing key, bits mandatory and immediate."""
    names = short_string("exchange", exchange) + short_string("routing_key", routing_key)
    payload = b"\0\0" + names + (b"\1" if mandatory else b"\0")
    return _METHOD.pack(1, channel, 4 + len(payload), BASIC, PUBLISH) + payload + FRAME_END


def content_head(channel: int, properties: bytes, body_size: int) -> bytes:
    """The content header frame; `properties` from the flags on."""
    return _HEADER.pack(2, channel, 12 + len(properties), BASIC, 0, body_size) + properties + FRAME_END


def small_content(channel: int, method: bytes, properties: bytes, body: bytes) -> bytes:
    """A whole message whose body fits one frame."""
    size = len(body)
    head = _HEADER.pack(2, channel, 12 + len(properties), BASIC, 0, size)
    if not size:
        return b"".join((method, head, properties, FRAME_END))
    return b"".join((method, head, properties, FRAME_END, _BODY.pack(3, channel, size), body, FRAME_END))


def body_frames(channel: int, body: bytes, frame_max: int) -> list[bytes]:
    """The body frames of a large message."""
    room = frame_max - FRAME_OVERHEAD
    pieces = []
    for start in range(0, len(body), room):
        part = body[start : start + room]
        pieces += [_BODY.pack(3, channel, len(part)), part, FRAME_END]
    return pieces


def ack_frame(channel: int, tag: int, multiple: bool) -> bytes:
    return _TAG.pack(1, channel, 13, BASIC, ACK, tag, multiple, 0xCE)


def reject_frame(channel: int, tag: int, requeue: bool) -> bytes:
    return _TAG.pack(1, channel, 13, BASIC, REJECT, tag, requeue, 0xCE)
