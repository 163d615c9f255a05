import pytest

from message_queues.broker.sqs.message import SEQUENCE_BASE, MessageAttribute, SqsMessage, md5_of, new_id
from message_queues.broker.sqs.stored import is_remembered, read_message, read_times, write_message
from message_queues.errors import CorruptMessage

FIELDS = (
    "id_bytes",
    "message_id",
    "body",
    "attributes",
    "md5_of_body",
    "md5_of_attributes",
    "sent_ms",
    "sequence_number",
    "group_id",
    "deduplication_id",
    "sender_id",
    "trace_header",
    "source_arn",
    "earlier_receives",
    "earlier_received_ms",
)

PLAIN = SqsMessage(new_id(), b"hello", (), md5_of(b"hello"), None, 1_700_000_000_123, None, None, None, "000000000000", None, None)
WHOLE = SqsMessage(
    new_id(),
    "größer".encode(),
    (MessageAttribute("a.b", "Number.int", b"12"), MessageAttribute("é", "Binary", bytes(range(256)))),
    md5_of("größer".encode()),
    md5_of(b"attributes"),
    1,
    SEQUENCE_BASE + 77,
    "group",
    "",
    "me",
    "Root=1-5759e988",
    "arn:aws:sqs:eu-west-1:000000000000:source",
    3,
    1_600_000_000_000,
)


def fields(message: SqsMessage) -> list[object]:
    return [getattr(message, name) for name in FIELDS]


@pytest.mark.parametrize("message", [PLAIN, WHOLE])
def test_what_is_written_is_read(message: SqsMessage) -> None:
    data = b"before" + b"".join(write_message(message, 99)) + b"behind"
    read = read_message(data, 6, len(data) - 6, 77, is_fifo=message.sequence_number is not None)
    assert fields(read) == fields(message)
    assert tuple(read_times(data, 6, len(data) - 6)) == (message.sent_ms, 99)


def test_whether_senders_count_it_is_kept() -> None:
    assert is_remembered(b"".join(write_message(WHOLE, 0)), 0)
    assert not is_remembered(b"".join(write_message(WHOLE, 0, is_remembered=False)), 0)


def test_a_message_that_is_cut_is_none() -> None:
    data = b"".join(write_message(WHOLE, 0))
    body_start = len(data) - len(WHOLE.body)
    for end in range(body_start):
        with pytest.raises(CorruptMessage):
            read_message(data, 0, end, 77, is_fifo=True)


def test_another_version_is_no_message() -> None:
    data = b"\x02" + b"".join(write_message(PLAIN, 0))[1:]
    with pytest.raises(CorruptMessage):
        read_message(data, 0, len(data), 0, is_fifo=False)
    with pytest.raises(CorruptMessage):
        read_times(data, 0, len(data))
