import pytest

from message_queues.broker.queues.stored_message import write_message
from message_queues.broker.queues.stream_chunks import Chunk, batches_of, properties_with_offset
from message_queues.errors import CorruptMessage
from message_queues.records.batch import checksum_matches, read_records
from message_queues.records.properties import EMPTY_PROPERTIES, Properties, read_properties, write_properties
from tests.broker.queues.backlogs import published


@pytest.mark.parametrize(
    "properties",
    [
        Properties(),
        Properties(content_type="text/plain", content_encoding="gzip", delivery_mode=2, app_id="a"),
        Properties(headers={}, priority=3),
        Properties(content_type="x", headers={"a": "b", "n": [1, {"c": None}]}, message_id="m"),
        Properties(headers={"x-stream-offset": 99, "z": 1}),
    ],
)
def test_the_offset_is_one_more_header(properties: Properties) -> None:
    for offset in (0, 5, 1 << 40):
        changed = properties_with_offset(write_properties(properties), offset)
        read = read_properties(changed)
        assert read.headers == {**(properties.headers or {}), "x-stream-offset": offset}
        # A long, whatever its value.
        assert b"x-stream-offsetl" in changed
        read.headers = properties.headers
        assert read == properties


def test_batches_are_standard_and_follow_each_other() -> None:
    messages = [published(number, 400) for number in range(300)]
    batches = batches_of([write_message(message, 7, 0) for message in messages], 1000, 12345)
    assert len(batches) > 1
    offset = 1000
    for header, chunks in batches:
        data = b"".join(chunks)
        assert header.base_offset == offset
        assert checksum_matches(data, header)
        records = read_records(data)
        assert [record.offset for record in records] == list(range(offset, header.next_offset))
        assert {record.timestamp for record in records} == {12345}
        offset = header.next_offset
    assert offset == 1300


def test_a_chunk_begins_at_any_offset_and_leaves_out_what_is_cut() -> None:
    batches = batches_of([write_message(published(number, 400), 7 + number, 0) for number in range(300)], 0, 1)
    data = b"".join(b"".join(chunks) for _, chunks in batches)
    second = batches[1][0].base_offset
    for offset in (0, 1, 50):
        chunk = Chunk.of_batches(data[: batches[0][0].size + 100], offset)
        assert (chunk.first, chunk.end) == (offset, second)
        message, enqueued_ms = chunk.get(50)
        assert (message.body, enqueued_ms) == (published(50, 400).body, 57)
        assert read_properties(message.properties).headers == {"x-stream-offset": 50}
        assert chunk.get(50)[0] is message
    assert Chunk.of_batches(data, 299).end == 300


def test_a_chunk_of_what_was_just_published_needs_no_bytes() -> None:
    chunk = Chunk.of_messages(10, [(published(number), number) for number in range(3)])
    message, enqueued_ms = chunk.get(12)
    assert (message.body, enqueued_ms, message.properties[:1]) == (published(2).body, 2, b"\x30")
    assert properties_with_offset(EMPTY_PROPERTIES, 1)[:1] == b"\x20"


def test_records_that_are_cut_are_told() -> None:
    ((header, chunks),) = batches_of([write_message(published(1), 7, 0)], 0, 1)
    data = bytearray(b"".join(chunks))
    data[61] = 0x7E
    with pytest.raises(CorruptMessage):
        Chunk.of_batches(bytes(data[: header.size]), 0)
