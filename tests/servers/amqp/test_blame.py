from pamqp import commands

from message_queues.errors import InternalFailure, NotFound, PreconditionFailed, UnexpectedFrame
from message_queues.protocols.amqp.deliveries import method_frame, publish_frames
from message_queues.protocols.amqp.events import Event
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER, FrameReader
from message_queues.records.properties import EMPTY_PROPERTIES
from message_queues.servers.amqp.blame import blamed


def event(data: bytes) -> Event:
    """Of the bytes, on a connection that is open."""
    reader = FrameReader(0)
    return reader.receive_data(PROTOCOL_HEADER + method_frame(0, commands.Connection.Open("/")) + data)[-1]


def test_a_method_is_blamed_for_what_it_did() -> None:
    assert blamed(event(method_frame(1, commands.Queue.Declare(queue="q"))), NotFound("no queue")) == (50, 10)
    assert blamed(event(publish_frames(1, "", "q", EMPTY_PROPERTIES, b"")), NotFound("no exchange")) == (60, 40)
    assert blamed(event(method_frame(1, commands.Basic.Ack(5))), PreconditionFailed("unknown delivery tag 5")) == (60, 80)
    assert blamed(event(method_frame(1, commands.Basic.Nack(5))), PreconditionFailed("unknown delivery tag 5")) == (60, 120)
    assert blamed(event(method_frame(1, commands.Basic.Reject(5))), PreconditionFailed("unknown delivery tag 5")) == (60, 90)


def test_a_frame_that_makes_no_sense_belongs_to_no_method() -> None:
    assert blamed(event(b"\x08\x00\x01\x00\x00\x00\x00\xce"), UnexpectedFrame("a heartbeat on a channel")) == (0, 0)


def test_whoever_failed_inside_is_not_known_any_more() -> None:
    declared = event(method_frame(1, commands.Queue.Declare(queue="q")))
    assert blamed(declared, ZeroDivisionError("a mistake of ours")) == (0, 0)
    assert blamed(declared, InternalFailure("what was to be stored could not be")) == (50, 10)
