"""Frames of AMQP 0-9-1 (4.2.3) as a server receives them: bytes in, events out.

    octet type (1 method, 2 content header, 3 body, 8 heartbeat)   short channel   long size   payload   octet 0xCE

A publish that lies in the buffer whole, as nearly all do, is taken in one piece; acknowledgements are read by hand, all else by
`methods.py`. Properties and bodies stay bytes. What is wrong becomes a `Violation` with RabbitMQ's code
and words, after the events before it; nothing is read after it. Some of RabbitMQ's answers are silence: a body longer than its header said is waited on for ever.
"""

import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from pamqp import base

from message_queues.errors import FrameError, MessageQueuesError, UnexpectedFrame
from message_queues.protocols.amqp.methods import BadMethod, UnknownMethod, read_method
from message_queues.records.field_table import BadTable

METHOD_FRAME, HEADER_FRAME, BODY_FRAME, HEARTBEAT_FRAME = 1, 2, 3, 8
FRAME_END: Final = 0xCE
FRAME_OVERHEAD: Final = 8
"""What a frame is longer than its payload."""
PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
OTHER_PROTOCOL_HEADERS: Final = (PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09", b"AMQP\x01\x01\x08\x00", b"AMQP\x01\x01\x09\x01")
"""RabbitMQ takes the headers of AMQP 0-9, 0-8 and that of an early 0-9-1 for 0-9-1."""

_HEAD = struct.Struct(">BHI")
_CONTENT_HEAD = struct.Struct(">BHIHHQ")
_SIGNED_METHOD = struct.Struct(">I")
_ACK = struct.Struct(">QB")

PUBLISH_INDEX, ACK_INDEX, REJECT_INDEX, NACK_INDEX = 0x003C0028, 0x003C0050, 0x003C005A, 0x003C0078
BASIC: Final = 60


class Kind:
    """Which event it is. Plain numbers: they are compared for each event."""

    PUBLISH = 1
    ACK = 2
    NACK = 3
    REJECT = 4
    METHOD = 5
    HEARTBEAT = 6
    PROTOCOL_HEADER = 7
    VIOLATION = 8


class Publish:
    """A publish with all of its content."""

    __slots__ = ("body", "channel", "method", "properties", "size")
    kind = Kind.PUBLISH

    def __init__(self, channel: int, method: bytes, properties: bytes, body: bytes, size: int) -> None:
        self.channel = channel
        self.method = method
        """The arguments from the exchange on: equal bytes are one target. `parse_publish` reads them."""
        self.properties = properties
        self.body = body
        self.size = size
        """Bytes of the body; more than `body` holds when it was too large to be kept."""


class Ack:
    __slots__ = ("channel", "delivery_tag", "multiple")
    kind = Kind.ACK

    def __init__(self, channel: int, delivery_tag: int, multiple: bool) -> None:
        self.channel = channel
        self.delivery_tag = delivery_tag
        self.multiple = multiple


class Nack:
    """basic.nack, or basic.reject with `kind` REJECT."""

    __slots__ = ("channel", "delivery_tag", "kind", "multiple", "requeue")

    def __init__(self, kind: int, channel: int, delivery_tag: int, multiple: bool, requeue: bool) -> None:
        self.kind = kind
        self.channel = channel
        self.delivery_tag = delivery_tag
        self.multiple = multiple
        self.requeue = requeue


class Method:
    __slots__ = ("channel", "method")
    kind = Kind.METHOD

    def __init__(self, channel: int, method: base.Frame) -> None:
        self.channel = channel
        self.method = method


class Heartbeat:
    __slots__ = ()
    kind = Kind.HEARTBEAT


class ProtocolHeader:
    __slots__ = ("is_supported",)
    kind = Kind.PROTOCOL_HEADER

    def __init__(self, is_supported: bool) -> None:
        self.is_supported = is_supported


class Violation:
    """The peer broke the protocol; nothing more is read."""

    __slots__ = ("channel", "class_id", "error", "method_id")
    kind = Kind.VIOLATION

    def __init__(self, channel: int, error: MessageQueuesError | None, index: int = 0) -> None:
        self.channel = channel
        self.error = error
        """None: RabbitMQ closes the socket and says nothing."""
        self.class_id = index >> 16
        self.method_id = index & 0xFFFF


Event: TypeAlias = Publish | Ack | Nack | Method | Heartbeat | ProtocolHeader | Violation


class _Content:
    """A publish that is not whole yet."""

    __slots__ = ("chunks", "method", "missing", "properties", "size")

    def __init__(self, method: bytes) -> None:
        self.method = method
        self.properties = b""
        self.size = -1
        """Of the body; -1 before the content header."""
        self.missing = 0
        self.chunks: list[bytes] | None = []
        """None: too large to be kept."""


class FrameReader:
    """What one connection sends. `frame_max` and `max_message_bytes` can be set at any time."""

    __slots__ = ("_contents", "_is_broken", "_rest", "expects_protocol_header", "frame_max", "max_message_bytes")

    def __init__(self, frame_max: int, max_message_bytes: int = 1 << 62) -> None:
        self.frame_max = frame_max
        """Largest frame with its overhead, in bytes; 0 is no limit."""
        self.max_message_bytes = max_message_bytes
        """Bodies beyond it are counted and not kept."""
        self.expects_protocol_header = True
        self._rest = b""
        self._is_broken = False
        self._contents: dict[int, _Content] = {}

    def forget_channel(self, channel: int) -> None:
        """The channel is closed: what began on it does not go on."""
        self._contents.pop(channel, None)

    def receive_data(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._is_broken:
            return events
        if self._rest:
            data = self._rest + data
        position = 0
        if self.expects_protocol_header:
            if len(data) < 8 and PROTOCOL_HEADER.startswith(data[:4]):
                self._rest = data
                return events
            self.expects_protocol_header = False
            is_supported = data[:8] in OTHER_PROTOCOL_HEADERS
            events.append(ProtocolHeader(is_supported))
            if not is_supported:
                self._is_broken = True
                return events
            position = 8
        position = self._read_frames(data, position, events)
        self._rest = data[position:] if position < len(data) else b""
        return events

    def _read_frames(self, data: bytes, position: int, events: list[Event]) -> int:
        """Appends the events of all frames that are whole; returns where the first that is not begins."""
        end = len(data)
        largest = self.frame_max - FRAME_OVERHEAD if self.frame_max else 1 << 62
        contents = self._contents
        add = events.append
        while end - position >= 7:
            kind, channel, size = _HEAD.unpack_from(data, position)
            start = position + 7
            stop = start + size
            if size > largest:
                self._fail(events, channel, _frame_error(kind, b"", f"{{frame_too_large,{size},{largest}}}"))
                return end
            if stop >= end:
                break
            if data[stop] != FRAME_END:
                self._fail(events, channel, _frame_error(kind, data[start:stop], f"{{invalid_frame_end_marker,{data[stop]}}}"))
                return end
            if kind == METHOD_FRAME and channel not in contents and size >= 4:
                (index,) = _SIGNED_METHOD.unpack_from(data, start)
                if index == PUBLISH_INDEX:
                    after = self._publish(data, stop + 1, end, largest, channel, data[start + 6 : stop], add)
                    if after:
                        position = after
                        continue
                    contents[channel] = _Content(data[start + 6 : stop])
                elif index == ACK_INDEX and size == 13:
                    tag, bits = _ACK.unpack_from(data, start + 4)
                    add(Ack(channel, tag, bits & 1 == 1))
                elif not self._method(data[start:stop], index, channel, events):
                    return end
            elif not self._rare(kind, channel, data[start:stop], events):
                return end
            position = stop + 1
        return position

    def _publish(
        self, data: bytes, position: int, end: int, largest: int, channel: int, method: bytes, add: Callable[[Event], None]
    ) -> int:
        """The content that follows, if it lies there whole in two frames as usual; returns where it ends, 0 if it does not."""
        if end - position < 22:
            return 0
        kind, at, size, class_id, _, body_size = _CONTENT_HEAD.unpack_from(data, position)
        stop = position + 7 + size
        if kind != HEADER_FRAME or at != channel or class_id != BASIC or size < 14 or stop >= end or data[stop] != FRAME_END:
            return 0
        properties = data[position + 19 : stop]
        if body_size == 0:
            add(Publish(channel, method, properties, b"", 0))
            return int(stop) + 1
        start = stop + 8
        last: int = start + body_size
        if last >= end or body_size > largest or body_size > self.max_message_bytes:
            return 0
        kind, at, size = _HEAD.unpack_from(data, stop + 1)
        if kind != BODY_FRAME or at != channel or size != body_size or data[last] != FRAME_END:
            return 0
        add(Publish(channel, method, properties, data[start:last], body_size))
        return last + 1

    def _method(self, payload: bytes, index: int, channel: int, events: list[Event]) -> bool:
        if index in (NACK_INDEX, REJECT_INDEX) and len(payload) == 13:
            tag, bits = _ACK.unpack_from(payload, 4)
            if index == NACK_INDEX:
                events.append(Nack(Kind.NACK, channel, tag, bits & 1 == 1, bits & 2 == 2))
            else:
                events.append(Nack(Kind.REJECT, channel, tag, False, bits & 1 == 1))
            return True
        try:
            events.append(Method(channel, read_method(payload)))
        except (UnknownMethod, BadTable):
            return self._fail(events, channel, None, index)
        except BadMethod as error:
            return self._fail(events, channel, FrameError(f"cannot decode {erlang_binary(error.arguments)}"), index)
        return True

    def _rare(self, kind: int, channel: int, payload: bytes, events: list[Event]) -> bool:
        """Everything but a method on a channel that expects one; returns whether reading goes on."""
        if kind == HEARTBEAT_FRAME and not payload:
            if channel:
                return self._fail(events, channel, UnexpectedFrame("type 8, all octets = <<>>"))
            events.append(Heartbeat())
            return True
        if kind not in (METHOD_FRAME, HEADER_FRAME, BODY_FRAME) or (kind == METHOD_FRAME and len(payload) < 4):
            return self._fail(events, channel, _frame_error(kind, payload, "unknown_frame"))
        if kind == HEADER_FRAME and len(payload) < 14:
            return self._fail(events, channel, _frame_error(kind, payload, "unknown_frame"))
        content = self._contents.get(channel)
        if content is None:
            return self._fail(events, channel, UnexpectedFrame("expected method frame, got non method frame instead"))
        if content.size < 0:
            return self._content_header(content, kind, channel, payload, events)
        if kind != BODY_FRAME:
            said = "expected content body, got non content body frame instead"
            return self._fail(events, channel, UnexpectedFrame(said), PUBLISH_INDEX)
        self._body(content, channel, payload, events)
        return True

    def _content_header(self, content: _Content, kind: int, channel: int, payload: bytes, events: list[Event]) -> bool:
        if kind != HEADER_FRAME:
            said = "expected content header for class 60, got non content header frame instead"
            return self._fail(events, channel, UnexpectedFrame(said), PUBLISH_INDEX)
        class_id = int.from_bytes(payload[:2])
        if class_id != BASIC:
            said = f"expected content header for class 60, got one for class {class_id} instead"
            return self._fail(events, channel, UnexpectedFrame(said), PUBLISH_INDEX)
        content.size = content.missing = int.from_bytes(payload[4:12])
        content.properties = payload[12:]
        if content.size > self.max_message_bytes:
            content.chunks = None
        if not content.size:
            self._complete(content, channel, events)
        return True

    def _body(self, content: _Content, channel: int, payload: bytes, events: list[Event]) -> None:
        content.missing -= len(payload)
        if content.missing >= 0 and content.chunks is not None:
            content.chunks.append(payload)
        if content.missing == 0:
            self._complete(content, channel, events)

    def _complete(self, content: _Content, channel: int, events: list[Event]) -> None:
        del self._contents[channel]
        body = b"".join(content.chunks or ())
        events.append(Publish(channel, content.method, content.properties, body, content.size))

    def _fail(self, events: list[Event], channel: int, error: MessageQueuesError | None, index: int = 0) -> bool:
        self._is_broken = True
        self._rest = b""
        events.append(Violation(channel, error, index))
        return False


def parse_publish(method: bytes) -> tuple[str, str, bool, bool]:
    """Exchange, routing key, mandatory, immediate; raises FrameError."""
    try:
        key_at = 1 + method[0]
        bits_at = key_at + 1 + method[key_at]
        bits = method[bits_at]
    except IndexError:
        raise FrameError(f"cannot decode {erlang_binary(bytes(2) + method)}") from None
    if bits_at + 1 != len(method):
        raise FrameError(f"cannot decode {erlang_binary(bytes(2) + method)}")
    exchange = method[1:key_at].decode("utf-8", "surrogateescape")
    return exchange, method[key_at + 1 : bits_at].decode("utf-8", "surrogateescape"), bits & 1 == 1, bits & 2 == 2


def _frame_error(kind: int, payload: bytes, what: str) -> FrameError:
    shown = f"all octets = {erlang_binary(payload)}" if len(payload) <= 16 else f"first 16 octets = {erlang_binary(payload[:16])}"
    return FrameError(f"type {kind}, {shown}: {what}")


def erlang_binary(data: bytes) -> str:
    """As Erlang's ~p prints it: a text if all of it can be printed."""
    if data and all(32 <= each < 127 or each in b"\n\r\t\v\b\f\x1b" for each in data):
        text = data.decode("ascii").replace("\\", "\\\\").replace('"', '\\"')
        return f'<<"{text}">>'
    return f"<<{','.join(map(str, data))}>>"
