"""Frames come out the same however the bytes were chunked, within the limit, at a cost that stays linear."""

import random
import tracemalloc

import pytest

from message_queues.errors import FrameTooLarge
from message_queues.protocols.kafka.api_keys import ApiKey
from message_queues.protocols.kafka.frame import FrameSplitter, request_frame, response_frame
from message_queues.protocols.kafka.messages.groups import HeartbeatRequest, HeartbeatResponse

LIMIT = 1 << 20


def framed(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


BODIES = [b"", b"a", bytes(3), bytes(range(256)) * 20, b"", b"last"]
WIRE = framed(*BODIES)


def test_whole_frames_come_out_of_one_chunk() -> None:
    assert FrameSplitter(LIMIT).receive_data(WIRE) == BODIES


def test_frames_come_out_the_same_byte_by_byte() -> None:
    splitter = FrameSplitter(LIMIT)
    assert [frame for i in range(len(WIRE)) for frame in splitter.receive_data(WIRE[i : i + 1])] == BODIES


def test_frames_come_out_the_same_from_any_two_chunks() -> None:
    for cut in range(len(WIRE)):
        splitter = FrameSplitter(LIMIT)
        assert splitter.receive_data(WIRE[:cut]) + splitter.receive_data(WIRE[cut:]) == BODIES


def test_frames_come_out_the_same_from_random_chunks() -> None:
    rng = random.Random(5)
    bodies = [rng.randbytes(rng.choice((0, 1, 500, 5000, 100_000))) for _ in range(60)]
    wire = framed(*bodies)
    for _ in range(10):
        splitter, frames, position = FrameSplitter(LIMIT), [], 0
        while position < len(wire):
            size = rng.choice((1, 3, 100, 1023, 1024, 5000, 65_536))
            frames += splitter.receive_data(wire[position : position + size])
            position += size
        assert frames == bodies
        assert all(type(frame) is bytes for frame in frames)


def test_an_empty_chunk_changes_nothing() -> None:
    splitter = FrameSplitter(LIMIT)
    parts = (b"", WIRE[:2], b"", WIRE[2:7], b"", WIRE[7:])
    assert [frame for part in parts for frame in splitter.receive_data(part)] == BODIES


@pytest.mark.parametrize("size", [-1, LIMIT + 1, -0x80000000])
def test_a_size_that_is_negative_or_beyond_the_limit_is_refused(size: int) -> None:
    with pytest.raises(FrameTooLarge) as caught:
        FrameSplitter(LIMIT).receive_data(size.to_bytes(4, "big", signed=True))
    assert (caught.value.size, caught.value.limit) == (size, LIMIT)


def test_a_frame_of_exactly_the_limit_is_taken() -> None:
    assert FrameSplitter(8).receive_data(framed(bytes(8))) == [bytes(8)]


def test_nothing_is_allocated_for_bytes_that_have_not_come() -> None:
    splitter = FrameSplitter(100 << 20)
    tracemalloc.start()
    try:
        splitter.receive_data((100 << 20).to_bytes(4, "big") + bytes(10))
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()


def test_small_chunks_of_a_large_frame_cost_little_more_than_their_bytes() -> None:
    body, piece = bytes(200_000), bytes(2)
    splitter = FrameSplitter(LIMIT)
    tracemalloc.start()
    try:
        splitter.receive_data(framed(body)[:4] + b"12")
        for _ in range(len(body) // 2 - 2):
            splitter.receive_data(piece)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(body)
    finally:
        tracemalloc.stop()
    assert [len(frame) for frame in splitter.receive_data(piece)] == [len(body)]


def test_whole_frames_are_made_for_requests_and_responses() -> None:
    request = request_frame(ApiKey.HEARTBEAT, 4, 9, "c", HeartbeatRequest(group_id="g", member_id="m"))
    assert request.hex(" ") == bytes.fromhex("00000016 000c 0004 00000009 0001 63 00 0267 00000000 026d 00 00").hex(" ")
    response = response_frame(ApiKey.HEARTBEAT, 4, 9, HeartbeatResponse(error_code=27))
    assert response == bytes.fromhex("0000000c 00000009 00 00000000 001b 00")
    assert response_frame(ApiKey.HEARTBEAT, 0, 9, HeartbeatResponse()) == bytes.fromhex("00000006 00000009 0000")
