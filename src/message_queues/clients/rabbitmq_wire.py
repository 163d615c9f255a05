"""`Wire`: pika's AsyncioConnection with a short way for the frames that come by the ten thousand.

A channel with a `Tap` gets its deliveries, returns, acks and nacks as they stand in the bytes; everything else (the handshake, declares,
heartbeats, closes) goes pika's way. pika makes five objects of a delivery and looks each up in its table of callbacks; that would be
most of what a consumer's processor does. The three methods of pika that are overridden or called here without being its public interface
(`_on_data_available`, `_process_frame`, `_adapter_emit_data`) are the same from pika 1.3 to 1.4.
"""

import asyncio
from collections.abc import Callable
from struct import Struct
from typing import Protocol

import pika
import pika.frame
from pika.adapters.asyncio_connection import AsyncioConnection

from message_queues.clients.rabbitmq_frames import ACK, BASIC, DELIVER, NACK, RETURN

RECEIVE_BYTES = 256 * 1024
"""pika reads 4096 bytes at a time."""

_FRAME = Struct(">BHI")
_METHOD_IDS = Struct(">HH")
_LONG_LONG = Struct(">Q")
_SHORT = Struct(">H")


class Tap(Protocol):
    """Whoever a channel's hot frames are for. Called in the connection's thread."""

    def answered(self, tag: int, multiple: bool, is_ack: bool) -> None:
        """basic.ack and basic.nack from the broker: confirms."""

    def returned(self, code: int, text: str, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None: ...
    def delivered(self, tag: int, redelivered: bool, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None: ...
    def settled(self) -> None:
        """All that came in one read was handed over."""


class _Content:
    """A message whose header and body are still coming."""

    __slots__ = ("body", "method", "missing", "properties")

    def __init__(self, method: bytes) -> None:
        self.method = method
        self.properties: bytes | None = None
        self.body: list[bytes] = []
        self.missing = 0


class Wire(AsyncioConnection):  # type: ignore[misc]
    """One connection to RabbitMQ. Used from its event loop's thread only."""

    _frame_buffer: bytes

    def __init__(
        self,
        parameters: pika.ConnectionParameters,
        on_open_callback: Callable[["Wire"], object] | None = None,
        on_open_error_callback: Callable[["Wire", BaseException], object] | None = None,
        on_close_callback: Callable[["Wire", BaseException], object] | None = None,
        custom_ioloop: asyncio.AbstractEventLoop | None = None,
        internal_connection_workflow: bool = True,
    ) -> None:
        self._taps: dict[int, Tap] = {}
        self._contents: dict[int, _Content] = {}
        super().__init__(
            parameters, on_open_callback, on_open_error_callback, on_close_callback, custom_ioloop, internal_connection_workflow
        )

    def tap(self, channel: int, tap: Tap) -> None:
        """Its hot frames go to `tap` from now on."""
        self._taps[channel] = tap
        self._contents.pop(channel, None)

    def untap(self, channel: int) -> None:
        """No more."""
        self._taps.pop(channel, None)
        self._contents.pop(channel, None)

    def receive_more(self) -> None:
        """Let pika read larger pieces; where a later pika does not know the setting, nothing happens."""
        transport = self._transport
        if hasattr(transport, "_MAX_RECV_BYTES"):
            transport._MAX_RECV_BYTES = RECEIVE_BYTES

    def emit(self, frames: bytes) -> None:
        """Send whole frames."""
        self.bytes_sent += len(frames)
        self.frames_sent += 1
        self._adapter_emit_data(frames)

    def unsent_bytes(self) -> int:
        """What the socket has not taken yet."""
        return int(self._transport.get_write_buffer_size()) if self._transport is not None else 0

    @property
    def frame_max(self) -> int:
        """As negotiated; 0 is no limit."""
        return int(self.params.frame_max) or 131_072

    def _on_data_available(self, data_in: bytes) -> None:
        data = self._frame_buffer + data_in if self._frame_buffer else data_in
        end = len(data)
        position = 0
        taps = self._taps
        touched: dict[int, Tap] = {}
        while end - position >= 8:
            kind, channel, size = _FRAME.unpack_from(data, position)
            after = position + size + 8
            tap = taps.get(channel)
            if tap is not None and kind in (1, 2, 3):
                if after > end:
                    break
                if self._is_taken(tap, kind, channel, data, position + 7, after - 1):
                    touched[channel] = tap
                    position = after
                    continue
            consumed, frame = pika.frame.decode_frame(data[position:] if position else data)
            if not frame:
                break
            position += consumed
            self._frame_buffer = b""
            self._process_frame(frame)
            if self.is_closed:
                return
        self._frame_buffer = data[position:] if position else data
        self.bytes_received += position
        for tap in touched.values():
            tap.settled()

    def _is_taken(self, tap: Tap, kind: int, channel: int, data: bytes, start: int, end: int) -> bool:
        """Whether a frame was one of the hot ones; its payload is data[start:end]."""
        if kind == 1:
            class_id, method_id = _METHOD_IDS.unpack_from(data, start)
            if class_id != BASIC:
                return False
            if method_id in (ACK, NACK):
                (tag,) = _LONG_LONG.unpack_from(data, start + 4)
                tap.answered(tag, bool(data[start + 12] & 1), method_id == ACK)
                return True
            if method_id in (DELIVER, RETURN):
                self._contents[channel] = _Content(data[start:end])
                return True
            return False
        content = self._contents.get(channel)
        if content is None:
            return False
        if kind == 2:
            (content.missing,) = _LONG_LONG.unpack_from(data, start + 4)
            content.properties = data[start + 12 : end]
        else:
            content.body.append(data[start:end])
            content.missing -= end - start
        if content.missing <= 0:
            del self._contents[channel]
            _hand_over(tap, content)
        return True


def _hand_over(tap: Tap, content: _Content) -> None:
    method, body = content.method, content.body[0] if len(content.body) == 1 else b"".join(content.body)
    properties = content.properties or b"\0\0"
    if method[3] == DELIVER:
        # consumer-tag, delivery-tag, redelivered, exchange, routing-key
        position = 5 + method[4]
        (tag,) = _LONG_LONG.unpack_from(method, position)
        redelivered = bool(method[position + 8] & 1)
        exchange, position = _short_string(method, position + 9)
        routing_key, _ = _short_string(method, position)
        tap.delivered(tag, redelivered, exchange, routing_key, properties, body)
        return
    # reply-code, reply-text, exchange, routing-key
    (code,) = _SHORT.unpack_from(method, 4)
    text, position = _short_string(method, 6)
    exchange, position = _short_string(method, position)
    routing_key, _ = _short_string(method, position)
    tap.returned(code, text, exchange, routing_key, properties, body)


def _short_string(data: bytes, position: int) -> tuple[str, int]:
    end = position + 1 + data[position]
    return data[position + 1 : end].decode("utf-8", "surrogateescape"), end
