"""Hot frames taken from the bytes, whole and byte by byte; the connection itself is pika's and is not opened here."""

import asyncio
from collections.abc import Iterator

import pika
import pika.frame
import pika.spec
import pytest

from message_queues.clients.rabbitmq_wire import Wire


class Heard:
    """A tap that writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []
        self.reads = 0

    def answered(self, tag: int, multiple: bool, is_ack: bool) -> None:
        self.events.append(("answered", tag, multiple, is_ack))

    def returned(self, code: int, text: str, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None:
        self.events.append(("returned", code, text, exchange, routing_key, properties, body))

    def delivered(self, tag: int, redelivered: bool, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None:
        self.events.append(("delivered", tag, redelivered, exchange, routing_key, properties, body))

    def settled(self) -> None:
        self.reads += 1


@pytest.fixture
def wire() -> Iterator[Wire]:
    loop = asyncio.new_event_loop()
    made = Wire(pika.ConnectionParameters(), custom_ioloop=loop, internal_connection_workflow=False)
    made._set_connection_state(made.CONNECTION_OPEN)
    yield made
    loop.close()


def content(channel: int, method: pika.spec.amqp_object.Method, body: bytes, frame_size: int = 1000) -> bytes:
    properties = pika.spec.BasicProperties(message_id="m-1")
    frames = pika.frame.Method(channel, method).marshal() + pika.frame.Header(channel, len(body), properties).marshal()
    for start in range(0, len(body), frame_size):
        frames += pika.frame.Body(channel, body[start : start + frame_size]).marshal()
    return bytes(frames)


PROPERTIES = b"".join(pika.spec.BasicProperties(message_id="m-1").encode())
STREAM = b"".join(
    [
        content(1, pika.spec.Basic.Deliver("ctag", 1, False, "orders", "order.created"), b"x" * 2500),
        pika.frame.Method(1, pika.spec.Basic.Ack(7, True)).marshal(),
        pika.frame.Heartbeat().marshal(),
        content(1, pika.spec.Basic.Deliver("ctag", 2**40, True, "", "ü"), b""),
        pika.frame.Method(1, pika.spec.Basic.Nack(8, False, False)).marshal(),
        content(1, pika.spec.Basic.Return(312, "NO_ROUTE", "orders", "lost"), b"body"),
    ]
)
EXPECTED = [
    ("delivered", 1, False, "orders", "order.created", PROPERTIES, b"x" * 2500),
    ("answered", 7, True, True),
    ("delivered", 2**40, True, "", "ü", PROPERTIES, b""),
    ("answered", 8, False, False),
    ("returned", 312, "NO_ROUTE", "orders", "lost", PROPERTIES, b"body"),
]


def test_hot_frames_of_a_tapped_channel_go_to_its_tap(wire: Wire) -> None:
    heard = Heard()
    wire.tap(1, heard)
    wire._on_data_available(STREAM)
    assert heard.events == EXPECTED
    assert heard.reads == 1
    assert wire.bytes_received == len(STREAM)


def test_byte_by_byte_is_the_same(wire: Wire) -> None:
    heard = Heard()
    wire.tap(1, heard)
    for position in range(len(STREAM)):
        wire._on_data_available(STREAM[position : position + 1])
    assert heard.events == EXPECTED
    assert wire.bytes_received == len(STREAM)


def test_other_channels_and_other_frames_go_pikas_way(wire: Wire) -> None:
    heard = Heard()
    wire.tap(1, heard)
    before = wire.frames_received
    wire._on_data_available(pika.frame.Heartbeat().marshal() + pika.frame.Method(2, pika.spec.Basic.Ack(1, False)).marshal())
    assert heard.events == []
    assert wire.frames_received == before + 2


def test_an_untapped_channel_is_forgotten_with_what_had_come_of_a_message(wire: Wire) -> None:
    heard = Heard()
    wire.tap(1, heard)
    half = content(1, pika.spec.Basic.Deliver("ctag", 1, False, "", ""), b"abc")
    wire._on_data_available(half[:-9])
    wire.untap(1)
    again = Heard()
    wire._frame_buffer = b""
    wire.tap(1, again)
    wire._on_data_available(content(1, pika.spec.Basic.Deliver("ctag", 1, False, "", ""), b"new"))
    assert [event[-1] for event in again.events] == [b"new"]
    assert heard.events == []
