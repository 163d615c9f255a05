import pytest

from message_queues.clients.ports import TopicPartition
from message_queues.errors import InvalidArgument
from message_queues.message import Message
from message_queues.messaging.progress import InOrder
from tests.messaging.memory_client import MemoryRecord


def message(content: bytes | None = b"", **more: object) -> Message:
    pairs = (("trace", b"1"), ("trace", b"2"), ("empty", None))
    return Message(MemoryRecord(TopicPartition("orders", 3), 7, content, b"key", pairs), InOrder())


def test_it_says_where_it_comes_from_and_what_it_holds() -> None:
    read = message(b"value")
    assert (read.topic, read.partition, read.offset, read.key, read.value, read.timestamp_ms) == (
        "orders", 3, 7, b"key", b"value", 1_700_000_000_000,
    )  # fmt: skip
    assert repr(read) == "Message('orders', partition=3, offset=7, key=b'key')"


def test_headers_keep_their_order_and_duplicates() -> None:
    read = message()
    assert read.headers == (("trace", b"1"), ("trace", b"2"), ("empty", None))
    assert read.header("trace") == b"2"
    assert read.header("empty") is None
    assert read.header("missing") is None
    assert Message(MemoryRecord(TopicPartition("orders", 3), 7), InOrder()).headers == ()


def test_the_value_is_read_as_text_or_json() -> None:
    assert message("Grüße".encode()).text() == "Grüße"
    assert message(b'{"a": [1]}').json() == {"a": [1]}
    assert message(None).json() is None
    assert message(None).text() == ""
    with pytest.raises(InvalidArgument, match=r"the value of Message\('orders'.* is not UTF-8 text"):
        message(b"\xff").text()
    with pytest.raises(InvalidArgument, match=r"the value of Message\('orders'.* is not JSON"):
        message(b"{").json()
