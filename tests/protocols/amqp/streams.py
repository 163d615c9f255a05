"""Frames for tests, right and wrong, and the events of a reader in a form that can be compared."""

import struct

from pamqp import base, commands

from fuzz.amqp_frames import Shown, shown
from message_queues.protocols.amqp.deliveries import method_frame
from message_queues.protocols.amqp.events import Event
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER, FrameReader

FRAME_MAX = 131072


def frame(kind: int, channel: int, payload: bytes, end: bytes = b"\xce") -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


def method(channel: int, class_id: int, method_id: int, arguments: bytes = b"") -> bytes:
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


def content_header(channel: int, size: int, properties: bytes = b"\0\0", class_id: int = 60, weight: int = 0) -> bytes:
    return frame(2, channel, struct.pack(">HHQ", class_id, weight, size) + properties)


def body(channel: int, content: bytes) -> bytes:
    return frame(3, channel, content)


def opened(*methods: base.Frame) -> bytes:
    """What a client sends until it may use channels."""
    return PROTOCOL_HEADER + b"".join(method_frame(0, each) for each in (*methods, commands.Connection.Open("/")))


def reader(max_message_bytes: int = 1 << 30) -> FrameReader:
    """One that has read all of that."""
    made = FrameReader(FRAME_MAX, max_message_bytes)
    made.receive_data(opened())
    return made


def read(data: bytes, made: FrameReader | None = None) -> list[Shown]:
    return list(map(shown, (made or reader()).receive_data(data)))


def read_in_bytes(data: bytes, made: FrameReader | None = None) -> list[Shown]:
    made = made or reader()
    events: list[Event] = []
    for index in range(len(data)):
        events += made.receive_data(data[index : index + 1])
    return list(map(shown, events))
