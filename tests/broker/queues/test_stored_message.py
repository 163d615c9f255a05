import pytest

from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.stored_message import body_bytes, read_message, write_message
from message_queues.errors import CorruptMessage
from message_queues.records.properties import Properties, read_attributes, write_properties

PROPERTIES = write_properties(Properties(content_type="text/plain", delivery_mode=2, headers={"a": 1}))


def _message(exchange: str = "x", routing_key: str = "k", body: bytes = b"body", other_keys: tuple[str, ...] = ()) -> QueueMessage:
    return QueueMessage(exchange, routing_key, PROPERTIES, body, read_attributes(PROPERTIES), other_keys)


@pytest.mark.parametrize(
    "message",
    [
        _message(),
        _message("", ""),
        _message(body=b""),
        _message("é" * 100, "\udcff", b"x" * 70_000),
        _message(other_keys=("cc", "", "bcc" * 300)),
    ],
)
def test_a_message_comes_back_as_it_was_published(message: QueueMessage) -> None:
    pieces = write_message(message, 1_700_000_000_000, 1_700_000_001_000)
    assert pieces[1] is message.properties
    assert pieces[2] is message.body
    data = b"before" + b"".join(pieces) + b"after"
    read, enqueued_ms, expires_at_ms = read_message(data, 6, len(data) - 5)
    assert (read.exchange, read.routing_key, read.other_keys) == (message.exchange, message.routing_key, message.other_keys)
    assert (read.properties, read.body) == (message.properties, message.body)
    assert read.attributes.is_persistent
    assert (enqueued_ms, expires_at_ms) == (1_700_000_000_000, 1_700_000_001_000)
    assert body_bytes(data, 6, len(data) - 5) == len(message.body)


def test_bytes_that_are_no_envelope_are_refused() -> None:
    data = b"".join(write_message(_message(body=b""), 1, 0))
    for end in range(len(data)):
        with pytest.raises(CorruptMessage):
            read_message(data[:end], 0, end)
    with pytest.raises(CorruptMessage):
        read_message(b"\x03" + data[1:], 0, len(data))
    with pytest.raises(CorruptMessage):
        body_bytes(data[:-1], 0, len(data) - 1)
    names = bytearray(data)
    names[26] = 200
    with pytest.raises(CorruptMessage):
        read_message(bytes(names), 0, len(names))


def test_a_dead_letter_is_known_for_one() -> None:
    for has_died in (False, True):
        message = QueueMessage("x", "k", PROPERTIES, b"", read_attributes(PROPERTIES), (), has_died)
        data = b"".join(write_message(message, 1, 0))
        assert read_message(data, 0, len(data))[0].has_died is has_died


def test_properties_that_cannot_be_read_are_refused() -> None:
    message = _message()
    head, _, body = write_message(message, 1, 0)
    data = head + b"\xff" * len(PROPERTIES) + body
    with pytest.raises(CorruptMessage):
        read_message(data, 0, len(data))
