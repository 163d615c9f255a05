"""Frames of AMQP 0-9-1 (4.2.3) as a server receives them: bytes in, events out.

    octet type (1 method, 2 content header, 3 body, 8 heartbeat)   short channel   long size   payload   octet 0xCE

A publish that lies in the buffer whole, as nearly all do, is taken in one piece; acknowledgements are read by hand, all else by
`methods.py`. Properties and bodies stay bytes. What is wrong becomes a `Violation` with RabbitMQ's code and words, after the events before
it. Then only the methods of channel 0 are still read, for connection.close-ok; nothing at all once the frames cannot be told apart.

RabbitMQ takes payloads of up to `frame_max`, eight bytes more than it says. Before connection.open only channel 0 may be used.
"""

import contextlib
import struct
from typing import Final

from pamqp import base

from message_queues.errors import FrameError, MessageQueuesError, ProtocolError, ResourceError, UnexpectedFrame
from message_queues.protocols.amqp.erlang_text import column_after, pretty_binary, pretty_tuple
from message_queues.protocols.amqp.events import Ack, Event, Heartbeat, Kind, Method, Nack, ProtocolHeader, Publish, Violation
from message_queues.protocols.amqp.familiar import is_target, read_get, targets
from message_queues.protocols.amqp.methods import (
    WITH_CONTENT,
    BadMethod,
    BadText,
    UnknownMethod,
    UnreadableMethod,
    check_known,
    read_method,
)
from message_queues.records.field_table import BadTable

METHOD_FRAME, HEADER_FRAME, BODY_FRAME, HEARTBEAT_FRAME = 1, 2, 3, 8
FRAME_END: Final = 0xCE
FRAME_OVERHEAD: Final = 8
"""What a frame is longer than its payload."""
PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
OTHER_PROTOCOL_HEADERS: Final = (PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09", b"AMQP\x01\x01\x08\x00", b"AMQP\x01\x01\x09\x01")
"""RabbitMQ takes the headers of AMQP 0-9, 0-8 and that of an early 0-9-1 for 0-9-1."""
LARGEST_BODY: Final = 512 * 1024 * 1024
"""What newer RabbitMQs refuse at the content header, whatever they are configured to take."""

_NO_LIMIT: Final = 1 << 62
_HEAD = struct.Struct(">BHI")
_METHOD_HEAD = struct.Struct(">BHII")
_CONTENT_HEAD = struct.Struct(">BHIIQ")
_ACK = struct.Struct(">QB")
_CONTENT = struct.Struct(">HHQ")

PUBLISH_INDEX, GET_INDEX, ACK_INDEX, REJECT_INDEX, NACK_INDEX = 0x003C0028, 0x003C0046, 0x003C0050, 0x003C005A, 0x003C0078
_SETTLEMENTS: Final = frozenset({ACK_INDEX, REJECT_INDEX, NACK_INDEX})
_CONNECTION_OPEN: Final = 0x000A0028
BASIC: Final = 60
_BASIC_HEADER: Final = BASIC << 16
"""Class basic and weight 0."""


class _Content:
    """A method with content that is not whole yet."""

    __slots__ = ("chunks", "index", "method", "missing", "properties", "size")

    def __init__(self, index: int, method: bytes | base.Frame) -> None:
        self.index = index
        self.method = method
        """The arguments of a publish, or any other method."""
        self.properties = b""
        self.size = -1
        """Of the body; -1 before the content header."""
        self.missing = 0
        self.chunks: list[bytes] | None = []
        """None: too large to be kept."""


class FrameReader:
    """What one connection sends. The limits can be set at any time."""

    __slots__ = (
        "_contents",
        "_is_closing",
        "_is_deaf",
        "_is_open",
        "_kept_bytes",
        "_parts",
        "_parts_bytes",
        "_wanted_bytes",
        "expects_protocol_header",
        "frame_max",
        "max_message_bytes",
        "max_unfinished_bytes",
        "refuses_wrong_sizes",
    )

    def __init__(self, frame_max: int, max_message_bytes: int = _NO_LIMIT) -> None:
        self.frame_max = frame_max
        """Largest frame with its overhead, in bytes; 0 is no limit."""
        self.max_message_bytes = max_message_bytes
        """Bodies beyond it are counted and not kept."""
        self.max_unfinished_bytes = LARGEST_BODY
        """Of all messages together whose ends are still missing, in bytes."""
        self.refuses_wrong_sizes = True
        """A body that is huge, or longer than its header says, is refused. If false, it is waited for, as by RabbitMQ before 4.2.6."""
        self.expects_protocol_header = True
        self._parts: list[bytes] = []
        """Data without a whole frame in it."""
        self._parts_bytes = 0
        self._wanted_bytes = len(PROTOCOL_HEADER)
        """So many are needed to go on."""
        self._contents: dict[int, _Content] = {}
        """By channel."""
        self._kept_bytes = 0
        """In the bodies of `_contents`."""
        self._is_open = False
        """connection.open has come."""
        self._is_closing = False
        self._is_deaf = False

    def receive_data(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._is_deaf:
            return events
        if self._parts_bytes or self.expects_protocol_header:
            self._parts.append(data)
            self._parts_bytes += len(data)
            if self._parts_bytes < self._wanted_bytes:
                return events
            data = b"".join(self._parts)
            self._parts.clear()
            self._parts_bytes = 0
        position = 0
        if self.expects_protocol_header:
            position = self._protocol_header(data, events)
        position = self._read_frames(data, position, events)
        if position < len(data) and not self._is_deaf:
            self._keep(data[position:])
        return events

    def _protocol_header(self, data: bytes, events: list[Event]) -> int:
        self.expects_protocol_header = False
        is_supported = data[:8] in OTHER_PROTOCOL_HEADERS
        events.append(ProtocolHeader(is_supported))
        if is_supported:
            return 8
        self._is_deaf = True
        return len(data)

    def _keep(self, rest: bytes) -> None:
        self._parts.append(rest)
        self._parts_bytes = len(rest)
        self._wanted_bytes = FRAME_OVERHEAD + _HEAD.unpack_from(rest)[2] if len(rest) >= 7 else 7

    def _read_frames(self, data: bytes, position: int, events: list[Event]) -> int:
        """Appends the events of all frames that are whole; returns where the first that is not begins."""
        end = len(data)
        largest = self.frame_max or _NO_LIMIT
        contents = self._contents
        while end - position >= FRAME_OVERHEAD - 1:
            after = 0
            # No method frame is shorter than this.
            if end - position >= 12 and self._is_open and not self._is_closing:
                kind, channel, size, index = _METHOD_HEAD.unpack_from(data, position)
                stop = position + 7 + size
                if (
                    kind == METHOD_FRAME
                    and channel
                    and channel not in contents
                    and stop < end
                    and size <= largest
                    and data[stop] == FRAME_END
                ):
                    if index == PUBLISH_INDEX:
                        after = self._read_publishes(data, position, stop, channel, largest, events)
                    elif index == ACK_INDEX and size == 13:
                        tag, bits = _ACK.unpack_from(data, position + 11)
                        events.append(Ack(channel, tag, bits & 1 == 1))
                        after = stop + 1
            after = after or self._read_frame(data, position, events)
            if after == position:
                break
            position = after
        return position

    def _read_publishes(self, data: bytes, position: int, method_stop: int, channel: int, largest: int, events: list[Event]) -> int:
        """A publish that is whole and right, and those that follow it and differ in their bodies alone.

        Returns where they end; 0: the publish is none of these, and its frames have to be read by the rules.
        """
        end = len(data)
        if end - method_stop < 21:
            return 0
        kind, at, size, class_and_weight, body_size = _CONTENT_HEAD.unpack_from(data, method_stop + 1)
        head_stop: int = method_stop + 8 + size
        if class_and_weight != _BASIC_HEADER or kind != HEADER_FRAME or at != channel or head_stop >= end or data[head_stop] != FRAME_END:
            return 0
        method = data[position + 13 : method_stop]
        if not 12 <= size <= largest or (method not in targets and not is_target(method)):
            return 0
        properties = data[method_stop + 20 : head_stop]
        if not body_size:
            events.append(Publish(channel, method, properties, b"", 0))
            return head_stop + 1
        stop: int = head_stop + 8 + body_size
        if stop >= end or data[stop] != FRAME_END or body_size > largest or body_size > self.max_message_bytes:
            return 0
        kind, at, size = _HEAD.unpack_from(data, head_stop + 1)
        if size != body_size or kind != BODY_FRAME or at != channel:
            return 0
        events.append(Publish(channel, method, properties, data[stop - body_size : stop], body_size))
        alike = data[position : stop - body_size]
        step = stop + 1 - position
        while data.startswith(alike, stop + 1) and stop + step < end and data[stop + step] == FRAME_END:
            stop += step
            events.append(Publish(channel, method, properties, data[stop - body_size : stop], body_size))
        return stop + 1

    def _read_frame(self, data: bytes, position: int, events: list[Event]) -> int:
        """One frame by the rules; returns where it ends, or `position` if it is not whole."""
        kind, channel, size = _HEAD.unpack_from(data, position)
        largest = self.frame_max or _NO_LIMIT
        if size > largest:
            return self._deafen(events, channel, _frame_error(kind, b"", "frame_too_large", f"{size}", f"{largest - 8}"), len(data))
        stop: int = position + 7 + size
        if stop >= len(data):
            return position
        payload = data[position + 7 : stop]
        # AMQP 0-9-1 4.2.3: "the frame-end octet MUST always be the hexadecimal value %xCE".
        if data[stop] != FRAME_END:
            return self._deafen(events, channel, _frame_error(kind, payload, "invalid_frame_end_marker", f"{data[stop]}"), len(data))
        if self._is_closing:
            if kind == METHOD_FRAME and not channel:
                self._goodbye(payload, events)
        elif not self._frame(kind, channel, payload, events):
            return len(data)
        return stop + 1

    def _deafen(self, events: list[Event], channel: int, error: MessageQueuesError | None, end: int) -> int:
        if not self._is_closing:
            events.append(Violation(channel, error))
        self._is_deaf = True
        self._contents.clear()
        return end

    def _goodbye(self, payload: bytes, events: list[Event]) -> None:
        with contextlib.suppress(ProtocolError, FrameError):
            events.append(Method(0, read_method(payload)))

    def _frame(self, kind: int, channel: int, payload: bytes, events: list[Event]) -> bool:
        """Returns whether more can be read."""
        if channel and not self._is_open:
            self._fail(events, channel, _unexpected_frame(kind, payload))
        elif kind == METHOD_FRAME and len(payload) >= 4:
            return self._method(channel, payload, events)
        elif kind == HEARTBEAT_FRAME and not payload:
            if channel:
                # AMQP 0-9-1 4.2.7: "the channel number MUST be zero for … heartbeat frames".
                self._fail(events, channel, _unexpected_frame(kind, payload))
            else:
                events.append(Heartbeat())
        elif kind == BODY_FRAME or (kind == HEADER_FRAME and len(payload) >= 12):
            if channel:
                self._content(kind, channel, payload, events)
            else:
                self._fail(events, channel, _unexpected_frame(kind, payload))
        else:
            self._fail(events, channel, _frame_error(kind, payload, "unknown_frame"))
        return True

    def _fail(self, events: list[Event], channel: int, error: MessageQueuesError, index: int = 0) -> None:
        self._is_closing = True
        self._contents.clear()
        events.append(Violation(channel, error, index))

    # Methods

    def _method(self, channel: int, payload: bytes, events: list[Event]) -> bool:
        index = int.from_bytes(payload[:4], "big")
        try:
            if not channel:
                self._method_of_connection(index, payload, events)
            elif channel in self._contents:
                check_known(index)
                self._fail_content(channel, events)
            else:
                self._method_of_channel(channel, index, payload, events)
        except (UnknownMethod, BadTable):
            # RabbitMQ's process fails, and the socket is closed without a word.
            self._deafen(events, channel, None, 0)
            return False
        except BadText as error:
            self._fail(events, channel, error)
        except BadMethod as error:
            self._fail(events, channel, error, index)
        return True

    def _method_of_connection(self, index: int, payload: bytes, events: list[Event]) -> None:
        try:
            method = read_method(payload)
        except BadText as error:
            self._fail(events, 0, error, index)
        except (BadMethod, BadTable) as error:
            self._fail(events, 0, UnreadableMethod(str(error)))
        else:
            self._is_open = self._is_open or index == _CONNECTION_OPEN
            events.append(Method(0, method))

    def _method_of_channel(self, channel: int, index: int, payload: bytes, events: list[Event]) -> None:
        if index == PUBLISH_INDEX:
            if not is_target(payload[6:]):
                raise BadMethod(payload[4:])
            self._contents[channel] = _Content(index, payload[6:])
        elif index in _SETTLEMENTS and len(payload) == 13:
            tag, bits = _ACK.unpack_from(payload, 4)
            if index == ACK_INDEX:
                events.append(Ack(channel, tag, bits & 1 == 1))
            elif index == NACK_INDEX:
                events.append(Nack(Kind.NACK, channel, tag, bits & 1 == 1, bits & 2 == 2))
            else:
                events.append(Nack(Kind.REJECT, channel, tag, False, bits & 1 == 1))
        elif index in WITH_CONTENT:
            self._contents[channel] = _Content(index, read_method(payload))
        else:
            events.append(Method(channel, read_get(payload) if index == GET_INDEX else read_method(payload)))

    # Contents

    def _content(self, kind: int, channel: int, payload: bytes, events: list[Event]) -> None:
        content = self._contents.get(channel)
        if content is None:
            self._fail(events, channel, UnexpectedFrame("expected method frame, got non method frame instead"))
        elif content.size < 0:
            if kind == HEADER_FRAME:
                self._content_header(content, channel, payload, events)
            else:
                self._fail_content(channel, events)
        elif kind == BODY_FRAME:
            self._body(content, channel, payload, events)
        else:
            self._fail_content(channel, events)

    def _fail_content(self, channel: int, events: list[Event]) -> None:
        content = self._contents[channel]
        if content.size < 0:
            said = "expected content header for class 60, got non content header frame instead"
        else:
            said = "expected content body, got non content body frame instead"
        self._fail(events, channel, UnexpectedFrame(said), content.index)

    def _content_header(self, content: _Content, channel: int, payload: bytes, events: list[Event]) -> None:
        class_id, weight, size = _CONTENT.unpack_from(payload)
        if weight:
            self._fail_content(channel, events)
            return
        if class_id != BASIC:
            said = f"expected content header for class 60, got one for class {class_id} instead"
            self._fail(events, channel, UnexpectedFrame(said), content.index)
            return
        if size > LARGEST_BODY and self.refuses_wrong_sizes:
            said = f"content body size {size} exceeds maximum allowed size {LARGEST_BODY}"
            self._fail(events, channel, FrameError(said), content.index)
            return
        content.size = content.missing = size
        content.properties = payload[12:]
        if size > self.max_message_bytes:
            content.chunks = None
        if not size:
            self._complete(content, channel, events)

    def _body(self, content: _Content, channel: int, payload: bytes, events: list[Event]) -> None:
        content.missing -= len(payload)
        if content.missing < 0:
            if self.refuses_wrong_sizes:
                self._fail(events, channel, FrameError("content body frame exceeds remaining content size"), content.index)
            return
        if content.chunks is not None and payload:
            content.chunks.append(payload)
            self._kept_bytes += len(payload)
        if content.missing == 0:
            self._complete(content, channel, events)
        elif self._kept_bytes > self.max_unfinished_bytes:
            said = f"unfinished messages of more than {self.max_unfinished_bytes} bytes"
            self._fail(events, channel, ResourceError(said), content.index)

    def _complete(self, content: _Content, channel: int, events: list[Event]) -> None:
        del self._contents[channel]
        self._let_go(content)
        if isinstance(content.method, bytes):
            body = b"".join(content.chunks or ())
            events.append(Publish(channel, content.method, content.properties, body, content.size))
        else:
            events.append(Method(channel, content.method))

    def _let_go(self, content: _Content) -> None:
        self._kept_bytes -= sum(map(len, content.chunks or ()))


# What RabbitMQ says


def _frame_error(kind: int, payload: bytes, *what: str) -> FrameError:
    said = _shown(kind, payload) + ": "
    return FrameError(said + (what[0] if len(what) == 1 else pretty_tuple(what, column_after(said))))


def _unexpected_frame(kind: int, payload: bytes) -> UnexpectedFrame:
    return UnexpectedFrame(_shown(kind, payload))


def _shown(kind: int, payload: bytes) -> str:
    said = f"type {kind}, {'all' if len(payload) <= 16 else 'first 16'} octets = "
    return said + pretty_binary(payload[:16], len(said))
