from datetime import UTC, datetime
from decimal import Decimal

import pytest

from message_queues.clients.ports import TopicPartition
from message_queues.errors import InvalidArgument, Unsupported
from message_queues.message import Message, Properties, QueueMessage, Verdict
from message_queues.messaging.progress import InOrder
from tests.messaging.memory_client import MemoryRecord
from tests.messaging.memory_queue_client import MemoryDelivery, MemoryQueueConsumer


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


def test_a_message_of_a_topic_has_nothing_of_a_queue_and_cannot_be_given_back() -> None:
    read = message()
    assert (read.queue, read.exchange, read.routing_key, read.properties, read.redelivered) == (None, None, None, None, False)
    assert (read.message_id, read.group_id, read.receive_count) == (None, None, None)
    for give_back in (read.nack, read.reject):
        with pytest.raises(Unsupported, match="a message of a Kafka topic cannot be given back"):
            give_back()


def test_a_message_of_a_queue_says_where_it_comes_from() -> None:
    properties = Properties("text/plain", headers={"trace": "1"}, timestamp=1_700_000_000)
    read = QueueMessage(MemoryDelivery("work", 1, b"value", "orders", redelivered=True, properties=properties), MemoryQueueConsumer())
    assert (read.queue, read.exchange, read.routing_key, read.redelivered, read.value) == ("work", "orders", "work", True, b"value")
    assert (read.topic, read.partition, read.offset, read.key) == ("", -1, -1, b"work")
    assert read.properties.content_type == "text/plain"
    assert read.timestamp_ms == 1_700_000_000_000
    assert repr(read) == "Message('work', exchange='orders', routing_key='work', redelivered)"


def test_headers_of_a_queue_are_bytes_as_those_of_a_topic() -> None:
    table = {
        "text": "ü",
        "bytes": b"\xff",
        "none": None,
        "number": 5,
        "flag": True,
        "price": Decimal("9.99"),
        "list": [1, {"a": "b"}],
        "when": datetime(2026, 1, 2, tzinfo=UTC),
        "timestamp_in_ms": 1_700_000_000_123,
    }
    read = QueueMessage(MemoryDelivery("work", 1, b"", properties=Properties(headers=table)), MemoryQueueConsumer())
    assert dict(read.headers) == {
        "text": "ü".encode(),
        "bytes": b"\xff",
        "none": None,
        "number": b"5",
        "flag": b"true",
        "price": b'"9.99"',
        "list": b'[1,{"a":"b"}]',
        "when": b'"2026-01-02T00:00:00+00:00"',
        "timestamp_in_ms": b"1700000000123",
    }
    assert read.header("number") == b"5"
    assert read.timestamp_ms == 1_700_000_000_123
    assert read.properties.headers is table


def test_a_message_of_a_queue_is_settled_once() -> None:
    consumer = MemoryQueueConsumer()
    read = QueueMessage(MemoryDelivery("work", 7, b""), consumer)
    read.reject()
    read.ack()
    read.nack()
    assert read.is_settled
    assert consumer.verdicts == [(7, Verdict.REJECT)]
