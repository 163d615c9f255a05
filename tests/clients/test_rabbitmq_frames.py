import pika.frame
import pika.spec
import pytest

from message_queues.clients.rabbitmq_frames import (
    ack_frame,
    body_frames,
    content_head,
    publish_frame,
    reject_frame,
    small_content,
)
from message_queues.errors import InvalidArgument

PROPERTIES = pika.spec.BasicProperties(content_type="text/plain", delivery_mode=2)


def decoded(data: bytes) -> list[pika.frame.Frame]:
    frames = []
    while data:
        consumed, frame = pika.frame.decode_frame(data)
        assert frame is not None
        frames.append(frame)
        data = data[consumed:]
    return frames


@pytest.mark.parametrize("mandatory", [True, False])
def test_a_publish_is_what_pika_makes(mandatory: bool) -> None:
    method = pika.spec.Basic.Publish(exchange="orders", routing_key="order.ü", mandatory=mandatory)
    assert publish_frame(7, "orders", "order.ü", mandatory) == pika.frame.Method(7, method).marshal()


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 4080])
def test_a_message_is_what_pika_makes(body: bytes) -> None:
    properties = b"".join(PROPERTIES.encode())
    method = publish_frame(1, "", "q", True)
    expected = method + pika.frame.Header(1, len(body), PROPERTIES).marshal()
    if body:
        expected += pika.frame.Body(1, body).marshal()
    assert small_content(1, method, properties, body) == expected
    assert content_head(1, properties, len(body)) == pika.frame.Header(1, len(body), PROPERTIES).marshal()


def test_a_large_body_is_cut_into_frames_of_the_negotiated_size() -> None:
    body = bytes(range(256)) * 40
    frames = decoded(b"".join(body_frames(3, body, 4096)))
    assert [len(frame.fragment) for frame in frames] == [4088, 4088, 2064]
    assert b"".join(frame.fragment for frame in frames) == body
    assert {frame.channel_number for frame in frames} == {3}


def test_acknowledgements_are_what_pika_makes() -> None:
    assert ack_frame(1, 2**40, True) == pika.frame.Method(1, pika.spec.Basic.Ack(2**40, True)).marshal()
    assert reject_frame(1, 5, False) == pika.frame.Method(1, pika.spec.Basic.Reject(5, False)).marshal()


def test_names_that_amqp_cannot_carry_are_refused() -> None:
    publish_frame(1, "x" * 255, "", False)
    with pytest.raises(InvalidArgument, match="routing_key has 256 bytes of UTF-8"):
        publish_frame(1, "", "ü" * 128, False)
