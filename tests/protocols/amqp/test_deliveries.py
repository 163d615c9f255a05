"""What we write is read by pamqp, the independent reader."""

import pytest
from pamqp import base, body, commands, header, heartbeat
from pamqp import frame as pamqp_frame

from message_queues.protocols.amqp.deliveries import (
    HEARTBEAT,
    REMEMBERED_KEYS,
    DeliveryFrames,
    ack_frame,
    content_frames,
    get_ok_frames,
    method_frame,
    nack_frame,
    publish_frames,
    return_frames,
)
from message_queues.records.properties import EMPTY_PROPERTIES, Properties, write_properties

PROPERTIES = write_properties(Properties(content_type="text/plain", delivery_mode=2))


def read_all(data: bytes) -> list[tuple[int, object]]:
    frames: list[tuple[int, object]] = []
    while data:
        size, channel, value = pamqp_frame.unmarshal(data)
        frames.append((channel, value))
        data = data[size:]
    return frames


def content_of(frames: list[tuple[int, object]]) -> tuple[int, bytes]:
    """Announced size and body."""
    head = frames[0][1]
    assert isinstance(head, header.ContentHeader)
    return head.body_size, b"".join(each.value for _, each in frames[1:] if isinstance(each, body.ContentBody))


def fields(method: object) -> dict[str, object]:
    assert isinstance(method, base.Frame)
    return dict(method)


@pytest.mark.parametrize("size", [0, 1, 100, 4088, 4089, 20_000])
def test_a_delivery_is_a_method_and_its_content_in_frames_of_the_agreed_size(size: int) -> None:
    content = bytes(size)
    frames = DeliveryFrames(3, "ctag").frames(1 << 40, True, "events", "a.b", PROPERTIES, content, 4096)
    (channel, deliver), *rest = read_all(frames)
    assert channel == 3
    assert isinstance(deliver, commands.Basic.Deliver)
    assert fields(deliver) == {
        "consumer_tag": "ctag",
        "delivery_tag": 1 << 40,
        "redelivered": True,
        "exchange": "events",
        "routing_key": "a.b",
    }
    assert content_of(rest) == (size, content)
    assert isinstance(rest[0][1], header.ContentHeader)
    assert rest[0][1].properties.content_type == "text/plain"
    assert all(len(each.value) <= 4088 for _, each in rest[1:] if isinstance(each, body.ContentBody))
    assert {channel for channel, _ in rest} == {3}


def test_a_delivery_without_a_limit_is_one_body_frame() -> None:
    frames = read_all(DeliveryFrames(1, "c").frames(1, False, "", "q", EMPTY_PROPERTIES, bytes(300_000), 0))
    assert len(frames) == 3


def test_repeated_deliveries_differ_in_what_differs() -> None:
    deliveries = DeliveryFrames(1, "c")
    first = deliveries.frames(1, False, "x", "k", EMPTY_PROPERTIES, b"same", 4096)
    assert deliveries.frames(1, False, "x", "k", EMPTY_PROPERTIES, b"same", 4096) == first
    again = read_all(deliveries.frames(2, True, "x", "k", EMPTY_PROPERTIES, b"other", 4096))
    assert fields(again[0][1])["delivery_tag"] == 2
    assert content_of(again[1:]) == (5, b"other")


def test_what_is_remembered_is_bounded() -> None:
    deliveries = DeliveryFrames(1, "c")
    for number in range(REMEMBERED_KEYS * 2 + 10):
        read = read_all(deliveries.frames(1, False, "x", f"key-{number}", EMPTY_PROPERTIES, b"", 4096))
        assert fields(read[0][1])["routing_key"] == f"key-{number}"
    assert len(deliveries._heads) <= REMEMBERED_KEYS


def test_properties_and_sizes_may_differ_each_time() -> None:
    deliveries = DeliveryFrames(1, "c")
    for number in (1, 2, 2, 1, 30, 30):
        properties = write_properties(Properties(headers={"id": f"{number}"}))
        for size in (3, number):
            read = read_all(deliveries.frames(1, False, "x", "k", properties, b"b" * size, 4096))
            assert isinstance(read[1][1], header.ContentHeader)
            assert read[1][1].properties.headers == {"id": f"{number}"}
            assert content_of(read[1:]) == (size, b"b" * size)


def test_get_ok_and_return() -> None:
    got = read_all(get_ok_frames(2, 9, True, "x", "key", 41, PROPERTIES, b"hello", 4096))
    assert fields(got[0][1]) == {"delivery_tag": 9, "redelivered": True, "exchange": "x", "routing_key": "key", "message_count": 41}
    assert content_of(got[1:]) == (5, b"hello")
    returned = read_all(return_frames(2, 312, "NO_ROUTE", "x", "key", PROPERTIES, b"", 4096))
    assert fields(returned[0][1]) == {"reply_code": 312, "reply_text": "NO_ROUTE", "exchange": "x", "routing_key": "key"}
    assert content_of(returned[1:]) == (0, b"")


def test_confirms_and_heartbeats() -> None:
    ((channel, ack),) = read_all(ack_frame(7, 5, True))
    assert (channel, fields(ack)) == (7, {"delivery_tag": 5, "multiple": True})
    ((_, nack),) = read_all(nack_frame(7, 5, False))
    assert fields(nack) == {"delivery_tag": 5, "multiple": False, "requeue": True}
    ((channel, beat),) = read_all(HEARTBEAT)
    assert (channel, type(beat)) == (0, heartbeat.Heartbeat)


def test_published_frames() -> None:
    (_, publish), *rest = read_all(publish_frames(1, "x", "key", PROPERTIES, b"hello", mandatory=True))
    assert fields(publish) == {"ticket": 0, "exchange": "x", "routing_key": "key", "mandatory": True, "immediate": False}
    assert content_of(rest) == (5, b"hello")


def test_methods_by_their_declarations() -> None:
    method = commands.Channel.Close(404, "NOT_FOUND - no queue 'q' in vhost '/'", 60, 70)
    ((channel, read),) = read_all(method_frame(4, method))
    assert (channel, fields(read)) == (4, fields(method))


def test_content_frames_of_any_size_have_their_bytes_once() -> None:
    for size in (0, 1, 4087, 4088, 4089, 8176, 8177):
        assert content_of(read_all(content_frames(1, EMPTY_PROPERTIES, b"x" * size, 4096))) == (size, b"x" * size)
