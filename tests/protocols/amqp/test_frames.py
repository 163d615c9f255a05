"""What RabbitMQ 3.10.8 says to each wrong frame was asked of one; texts that only newer ones have are from its source."""

import struct

import pytest
from pamqp import commands

from message_queues.protocols.amqp.deliveries import HEARTBEAT, ack_frame, method_frame, nack_frame, publish_frames
from message_queues.protocols.amqp.events import Kind, Method, ProtocolHeader, Publish, Violation
from message_queues.protocols.amqp.familiar import parse_publish
from message_queues.protocols.amqp.frames import LARGEST_BODY, PROTOCOL_HEADER, FrameReader
from message_queues.records.properties import EMPTY_PROPERTIES, Properties, write_properties
from tests.protocols.amqp.streams import body, content_header, frame, method, opened, read, read_in_bytes, reader

PERSISTENT = write_properties(Properties(delivery_mode=2))
PUBLISH = method(1, 60, 40, b"\0\0\0\x01q\0")
TARGET = b"\0\x01q\0"


def published(channel: int, content: bytes, properties: bytes = EMPTY_PROPERTIES) -> tuple[object, ...]:
    return ("publish", channel, TARGET, properties, content, len(content))


# The beginning


@pytest.mark.parametrize("header", [PROTOCOL_HEADER, b"AMQP\1\1\0\x09", b"AMQP\1\1\x08\0"])
def test_protocol_headers_that_rabbitmq_takes_for_0_9_1(header: bytes) -> None:
    (event,) = FrameReader(4096).receive_data(header)
    assert isinstance(event, ProtocolHeader)
    assert event.is_supported


@pytest.mark.parametrize("header", [b"AMQP\0\1\0\0", b"AMQP\0\0\x09\x02", b"GET / HT", b"\x16\x03\x01\x02\x00\x01\x00\x01"])
def test_other_protocols_are_told_apart_and_read_no_further(header: bytes) -> None:
    reader = FrameReader(4096)
    (event,) = reader.receive_data(header + HEARTBEAT)
    assert isinstance(event, ProtocolHeader)
    assert not event.is_supported
    assert reader.receive_data(HEARTBEAT) == []


def test_nothing_is_told_before_the_protocol_header_is_whole() -> None:
    reader = FrameReader(4096)
    assert [reader.receive_data(PROTOCOL_HEADER[i : i + 1]) for i in range(7)] == [[]] * 7
    assert len(reader.receive_data(PROTOCOL_HEADER[7:] + HEARTBEAT)) == 2


# What is right


def test_a_publish_comes_whole_with_its_properties_and_body_as_bytes() -> None:
    stream = publish_frames(1, "", "q", PERSISTENT, b"hello") + publish_frames(2, "", "q", EMPTY_PROPERTIES, b"")
    expected = [published(1, b"hello", PERSISTENT), published(2, b"")]
    assert read(stream) == expected
    assert read_in_bytes(stream) == expected


def test_publishes_that_differ_in_their_bodies_alone_are_told_apart_from_others() -> None:
    alike = [publish_frames(1, "", "q", PERSISTENT, bytes([65 + number]) * 10) for number in range(5)]
    others = [publish_frames(1, "", "q", PERSISTENT, b"longer body"), publish_frames(2, "", "q", PERSISTENT, b"0123456789")]
    stream = b"".join([*alike, others[0], *alike, others[1], *alike])
    told = [published(1, bytes([65 + number]) * 10, PERSISTENT) for number in range(5)]
    expected = [*told, published(1, b"longer body", PERSISTENT), *told, published(2, b"0123456789", PERSISTENT), *told]
    assert read(stream) == read_in_bytes(stream) == expected
    for cut in range(len(alike[0]) * 2 + 1):
        made = reader()
        assert read(stream[:cut], made) + read(stream[cut:], made) == expected


def test_a_publish_like_the_one_before_with_another_end_octet_is_refused() -> None:
    one = publish_frames(1, "", "q", PERSISTENT, b"0123456789")
    assert [event[0] for event in read(one + one[:-1] + b"\x00" + one)] == ["publish", "violation"]


def test_a_body_in_many_frames_is_put_together() -> None:
    content = bytes(range(256)) * 2000
    stream = publish_frames(1, "", "q", PERSISTENT, content, frame_max=4096)
    assert read(stream) == [published(1, content, PERSISTENT)]
    made = reader()
    cut = len(stream) // 3
    assert read(stream[:cut], made) == []
    assert read(stream[cut:], made) == [published(1, content, PERSISTENT)]


def test_empty_body_frames_are_taken() -> None:
    assert read(PUBLISH + content_header(1, 3) + body(1, b"") + body(1, b"ab") + body(1, b"") + body(1, b"c")) == [published(1, b"abc")]


def test_contents_of_several_channels_mix() -> None:
    first, second = PUBLISH, method(2, 60, 40, b"\0\0\0\x01q\0")
    stream = first + second + content_header(2, 2) + content_header(1, 4) + body(1, b"on") + body(2, b"tw") + body(1, b"ce")
    assert read(stream) == read_in_bytes(stream) == [published(2, b"tw"), published(1, b"once")]


def test_acknowledgements() -> None:
    stream = (
        ack_frame(1, 5, True) + ack_frame(2, 1 << 63, False) + nack_frame(1, 7, True) + method_frame(3, commands.Basic.Nack(8, False, True))
    )
    stream += method_frame(3, commands.Basic.Reject(9, True)) + method_frame(3, commands.Basic.Reject(9, False))
    expected = [
        ("ack", 1, 5, True),
        ("ack", 2, 1 << 63, False),
        ("nack", Kind.NACK, 1, 7, True, True),
        ("nack", Kind.NACK, 3, 8, False, True),
        ("nack", Kind.REJECT, 3, 9, False, True),
        ("nack", Kind.REJECT, 3, 9, False, False),
    ]
    assert read(stream) == read_in_bytes(stream) == expected


def test_methods_and_heartbeats() -> None:
    declare = commands.Queue.Declare(queue="q", durable=True)
    events = reader().receive_data(HEARTBEAT + method_frame(1, declare) + method_frame(1, commands.Basic.Get(0, "q", True)))
    assert [event.kind for event in events] == [Kind.HEARTBEAT, Kind.METHOD, Kind.METHOD]
    assert isinstance(events[1], Method)
    assert (events[1].method.queue, events[1].method.durable) == ("q", True)  # type: ignore[attr-defined]
    assert isinstance(events[2], Method)
    assert (events[2].method.queue, events[2].method.no_ack) == ("q", True)  # type: ignore[attr-defined]


def test_a_channel_may_be_used_in_the_same_bytes_as_connection_open() -> None:
    made = FrameReader(4096)
    events = made.receive_data(opened() + method_frame(1, commands.Channel.Open()) + publish_frames(1, "", "q", PERSISTENT, b"x"))
    assert [event.kind for event in events] == [Kind.PROTOCOL_HEADER, Kind.METHOD, Kind.METHOD, Kind.PUBLISH]


def test_frames_may_be_longer_than_agreed_by_their_own_overhead() -> None:
    made = reader()
    made.frame_max = 4096
    content = b"x" * 4096
    assert read(PUBLISH + content_header(1, len(content)) + body(1, content), made) == [published(1, content)]


def test_a_body_beyond_the_limit_is_counted_and_not_kept() -> None:
    stream = publish_frames(1, "", "q", PERSISTENT, b"x" * 5000, frame_max=4096) + publish_frames(1, "", "q", PERSISTENT, b"x" * 1000)
    expected = [("publish", 1, TARGET, PERSISTENT, b"", 5000), published(1, b"x" * 1000, PERSISTENT)]
    assert read(stream, reader(max_message_bytes=4999)) == expected
    assert read_in_bytes(stream, reader(max_message_bytes=4999)) == expected
    at_the_limit = reader(max_message_bytes=5000).receive_data(stream)[0]
    assert isinstance(at_the_limit, Publish)
    assert len(at_the_limit.body) == 5000


def test_a_method_with_content_that_only_servers_send_comes_after_its_content() -> None:
    deliver = method(1, 60, 60, b"\x01c" + b"\0" * 8 + b"\0\0\x01q")
    made = reader()
    assert made.receive_data(deliver + content_header(1, 2)) == []
    (event,) = made.receive_data(body(1, b"ab"))
    assert isinstance(event, Method)
    assert isinstance(event.method, commands.Basic.Deliver)


def test_parse_publish_gives_the_target() -> None:
    assert parse_publish(b"\x02ex\x03key\x01") == ("ex", "key", True, False)
    assert parse_publish(b"\x00\x01\xff\x02") == ("", "\udcff", False, True)


# What is wrong: the text, and which method is named


def violation(name: str, said: str, of: tuple[int, int] = (0, 0), channel: int = 1) -> tuple[object, ...]:
    return ("violation", channel, name, said, *of)


HEADER_EXPECTED = "expected content header for class 60, got non content header frame instead"
BODY_EXPECTED = "expected content body, got non content body frame instead"
HEAD = content_header(1, 3)
BYTES = "200,201,202"

WRONG = {
    "a type that is none": (frame(9, 1, b"abc"), violation("FrameError", 'type 9, all octets = <<"abc">>: unknown_frame')),
    "on channel 0": (frame(9, 0, b"abc"), violation("FrameError", 'type 9, all octets = <<"abc">>: unknown_frame', channel=0)),
    "more than 16 bytes": (
        frame(9, 1, b'hello "world"\n\\ and more'),
        violation("FrameError", 'type 9, first 16 octets = <<"hello \\"world\\"\\n\\\\ ">>: unknown_frame'),
    ),
    "bytes that break the line": (
        frame(9, 1, bytes(range(128, 145))),
        violation(
            "FrameError",
            "type 9, first 16 octets = <<128,129,130,131,132,133,134,135,136,137,138,139,\n"
            "                            140,141,142,143>>: unknown_frame",
        ),
    ),
    "no payload": (frame(9, 1, b""), violation("FrameError", "type 9, all octets = <<>>: unknown_frame")),
    "half a method": (frame(1, 1, b"\0\x3c"), violation("FrameError", "type 1, all octets = <<0,60>>: unknown_frame")),
    "a heartbeat with a payload": (frame(8, 0, b"x"), violation("FrameError", 'type 8, all octets = <<"x">>: unknown_frame', channel=0)),
    "a heartbeat on a channel": (frame(8, 1, b""), violation("UnexpectedFrame", "type 8, all octets = <<>>")),
    "a content header on channel 0": (
        content_header(0, 1),
        violation("UnexpectedFrame", "type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,1,0,0>>", channel=0),
    ),
    "a body on channel 0": (body(0, b"abc"), violation("UnexpectedFrame", 'type 3, all octets = <<"abc">>', channel=0)),
    "a body first": (body(1, b"abc"), violation("UnexpectedFrame", "expected method frame, got non method frame instead")),
    "a content header first": (HEAD, violation("UnexpectedFrame", "expected method frame, got non method frame instead")),
    "publish, publish": (PUBLISH + PUBLISH, violation("UnexpectedFrame", HEADER_EXPECTED, (60, 40))),
    "publish, body": (PUBLISH + body(1, b"abc"), violation("UnexpectedFrame", HEADER_EXPECTED, (60, 40))),
    "a header of another class": (
        PUBLISH + content_header(1, 3, class_id=50),
        violation("UnexpectedFrame", "expected content header for class 60, got one for class 50 instead", (60, 40)),
    ),
    "a header with a weight": (PUBLISH + content_header(1, 3, weight=1), violation("UnexpectedFrame", HEADER_EXPECTED, (60, 40))),
    "a weight and another class": (
        PUBLISH + content_header(1, 3, weight=1, class_id=50),
        violation("UnexpectedFrame", HEADER_EXPECTED, (60, 40)),
    ),
    "a method for a body": (PUBLISH + HEAD + ack_frame(1, 1, False), violation("UnexpectedFrame", BODY_EXPECTED, (60, 40))),
    "a header for a body": (PUBLISH + HEAD + HEAD, violation("UnexpectedFrame", BODY_EXPECTED, (60, 40))),
    "too much body": (
        PUBLISH + HEAD + body(1, b"abcdef"),
        violation("FrameError", "content body frame exceeds remaining content size", (60, 40)),
    ),
    "a body that is announced huge": (
        PUBLISH + content_header(1, LARGEST_BODY + 1),
        violation("FrameError", "content body size 536870913 exceeds maximum allowed size 536870912", (60, 40)),
    ),
    "half a content header": (PUBLISH + frame(2, 1, b"abcde"), violation("FrameError", 'type 2, all octets = <<"abcde">>: unknown_frame')),
    "publish with too few arguments": (
        method(1, 60, 40, b"\0\0\0\x01q"),
        violation("BadMethod", "cannot decode <<0,0,0,1,113>>", (60, 40)),
    ),
    "publish with too many": (
        method(1, 60, 40, b"\0\0\0\x01q\0x"),
        violation("BadMethod", "cannot decode <<0,0,0,1,113,0,120>>", (60, 40)),
    ),
    "publish with none": (method(1, 60, 40), violation("BadMethod", "cannot decode <<>>", (60, 40))),
    "an ack that is too short": (method(1, 60, 80, b"\0" * 8), violation("BadMethod", "cannot decode <<0,0,0,0,0,0,0,0>>", (60, 80))),
    "an ack that is too long": (method(1, 60, 80, b"\0" * 10), violation("BadMethod", "cannot decode <<0,0,0,0,0,0,0,0,0,0>>", (60, 80))),
    "a name that is no UTF-8": (
        method(1, 50, 10, b"\0\0\x01\xff\0\0\0\0\0"),
        violation("BadText", "Malformed UTF-8 in shortstr"),
    ),
    "a name that is no UTF-8 on channel 0": (
        method(0, 10, 40, b"\x01\xff\0\0"),
        violation("BadText", "Malformed UTF-8 in shortstr", (10, 40), channel=0),
    ),
    "a byte too many": (
        method(1, 50, 10, b"\0\0\x01q\0\0\0\0\0x"),
        violation("BadMethod", "cannot decode <<0,0,1,113,0,0,0,0,0,120>>", (50, 10)),
    ),
}
SILENT = {
    "an unknown class": method(1, 99, 10),
    "an unknown method": method(1, 50, 99),
    "an unknown class on channel 0": method(0, 99, 10),
    "an unknown method within a content": PUBLISH + method(1, 50, 99),
    "a broken field table": method(1, 50, 10, b"\0\0\x01q\0\0\0\0\x03\x01aZ"),
}
FATAL = {
    "a frame that is too large": (
        struct.pack(">BHI", 1, 1, 131073) + b"x" * 20,
        violation("FrameError", "type 1, all octets = <<>>: {frame_too_large,131073,131064}"),
    ),
    "too large on channel 0": (
        struct.pack(">BHI", 3, 0, 0xFFFFFFFF),
        violation("FrameError", "type 3, all octets = <<>>: {frame_too_large,4294967295,131064}", channel=0),
    ),
    "another end octet": (
        frame(8, 0, b"", b"Z"),
        violation("FrameError", "type 8, all octets = <<>>: {invalid_frame_end_marker,90}", channel=0),
    ),
    "another end octet, in a line that breaks": (
        frame(1, 1, b"\0\x3c\0\x50" + b"\0" * 9, b"\0"),
        violation(
            "FrameError",
            "type 1, all octets = <<0,60,0,80,0,0,0,0,0,0,0,0,0>>: {invalid_frame_end_marker,\n"
            "                                                       0}",
        ),
    ),
}
INTERNAL = {
    "bad arguments on channel 0": method(0, 10, 50, b"\0"),
    "a bad table on channel 0": method(0, 10, 11, b"\0\0\0\x03\x01aZ\0\0\0\0\0\0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_in_rabbitmqs_words_after_what_was_right(case: str) -> None:
    stream, expected = WRONG[case]
    right = publish_frames(2, "", "q", PERSISTENT, b"before")
    assert read(right + stream + right) == [published(2, b"before", PERSISTENT), expected]
    assert read_in_bytes(right + stream + right) == [published(2, b"before", PERSISTENT), expected]


@pytest.mark.parametrize("case", WRONG)
def test_then_only_the_connections_own_methods_are_read(case: str) -> None:
    made = reader()
    made.receive_data(WRONG[case][0])
    close_ok = method_frame(0, commands.Connection.CloseOk())
    events = made.receive_data(PUBLISH + frame(9, 1, b"wrong again") + HEARTBEAT + method(0, 99, 9) + close_ok)
    assert [type(event.method) for event in events if isinstance(event, Method)] == [commands.Connection.CloseOk]
    assert len(events) == 1


@pytest.mark.parametrize("case", FATAL)
def test_when_frames_cannot_be_told_apart_nothing_more_is_read(case: str) -> None:
    stream, expected = FATAL[case]
    assert read_in_bytes(stream) == [expected]
    made = reader()
    assert read(stream + HEARTBEAT, made) == [expected]
    assert made.receive_data(HEARTBEAT) == []


@pytest.mark.parametrize("case", SILENT)
def test_where_rabbitmq_hangs_up_without_a_word_there_is_no_error_to_tell(case: str) -> None:
    for read_it in (read, read_in_bytes):
        made = reader()
        (event,) = read_it(SILENT[case], made)
        assert (event[0], event[2]) == ("violation", "NoneType")
        assert made.receive_data(HEARTBEAT) == []


@pytest.mark.parametrize("case", INTERNAL)
def test_where_rabbitmq_fails_internally_no_method_is_named(case: str) -> None:
    (event,) = reader().receive_data(INTERNAL[case])
    assert isinstance(event, Violation)
    assert type(event.error).__name__ == "UnreadableMethod"
    assert (event.class_id, event.method_id) == (0, 0)


def test_a_body_of_the_wrong_size_is_waited_for_as_by_older_versions() -> None:
    for stream in (PUBLISH + HEAD + body(1, b"abcdef") + body(1, b""), PUBLISH + content_header(1, LARGEST_BODY + 1) + body(1, b"x")):
        made = reader()
        made.refuses_wrong_sizes = False
        assert read(stream, made) == []
        assert len(made.receive_data(HEARTBEAT)) == 1


def test_no_channel_may_be_used_before_the_connection_is_open() -> None:
    made = FrameReader(4096)
    made.receive_data(PROTOCOL_HEADER)
    assert read(method_frame(1, commands.Channel.Open()), made) == [violation("UnexpectedFrame", "type 1, all octets = <<0,20,0,10,1,48>>")]


def test_messages_without_an_end_are_bounded_together() -> None:
    made = reader()
    made.max_unfinished_bytes = 10_000
    beginning = b"".join(
        method(channel, 60, 40, b"\0\0\0\x01q\0") + content_header(channel, 9_000) + body(channel, b"x" * 5_000) for channel in (1, 2, 3)
    )
    (event,) = made.receive_data(beginning)
    assert isinstance(event, Violation)
    assert (event.channel, str(event.error)) == (3, "unfinished messages of more than 10000 bytes")
    for _ in range(20):
        assert len(reader().receive_data(publish_frames(1, "", "q", PERSISTENT, b"x" * 9_000, frame_max=4096))) == 1
