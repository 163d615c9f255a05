from collections.abc import Callable

import pytest

from message_queues.clients.aws_ports import Attribute, OutgoingMessage, Refused
from message_queues.errors import (
    AccessDenied,
    Closed,
    InvalidArgument,
    InvalidMessageContents,
    MessageQueuesError,
    MessagesLost,
    MessageTooLarge,
    TimedOut,
)
from message_queues.message import Delivery
from message_queues.messaging.aws_publisher import AwsPublisher, AwsTarget
from message_queues.messaging.batch_sender import BatchSender, SendingOptions
from message_queues.messaging.publisher import PublisherSettings
from tests.messaging.memory_aws import MemorySender, failing

STANDARD = AwsTarget("queue", "orders", is_fifo=False, deduplicates_by_content=False, maximum_bytes=100)
FIFO = AwsTarget("queue", "orders.fifo", is_fifo=True, deduplicates_by_content=False, maximum_bytes=100)
TOPIC = AwsTarget("sns_topic", "events", is_fifo=False, deduplicates_by_content=False, maximum_bytes=100)


def publisher(client: MemorySender, target: AwsTarget = STANDARD, room: int = 100, max_block_ms: float = 20_000) -> AwsPublisher:
    options = SendingOptions(0, 10, 1000, room, 10_000, 20_000, target.is_fifo)
    sender: BatchSender[OutgoingMessage] = BatchSender(client, options, target.name)
    return AwsPublisher(sender, PublisherSettings(target.name, "us-east-1", 10, 0, "none", False, "all", max_block_ms), target)


def only(client: MemorySender) -> OutgoingMessage:
    ((message,),) = client.batches
    return message


def test_a_message_goes_with_its_attributes_and_says_what_became_of_it() -> None:
    client = MemorySender()
    made = publisher(client)
    delivery = made.publish({"n": 1}, headers={"kind": "created", "tries": 2}, delay_ms=1500, key="customer-1")
    assert delivery.result(20_000) is delivery
    assert only(client) == OutgoingMessage(
        '{"n":1}',
        7 + 4 + 6 + 7 + 5 + 6 + 1,
        {"kind": Attribute("String", "created"), "tries": Attribute("Number", "2")},
        "customer-1",
        None,
        2,
    )
    assert (delivery.message_id, delivery.sequence_number, delivery.partition) == ('id-{"n":1}', None, None)
    assert repr(delivery) == """Delivery('orders', message_id='id-{"n":1}')"""
    made.close()
    assert client.is_closed


def test_sync_it_returns_once_aws_has_it_or_raises_why_not() -> None:
    client = MemorySender()
    made = publisher(client, AwsTarget("queue", "orders", False, False, 100, is_sync=True))
    assert made.publish("a").done
    client.answers.append(failing(AccessDenied("no")))
    with pytest.raises(AccessDenied):
        made.publish("b")
    made.close()  # raises nothing: the failure was told


def test_a_fifo_message_has_a_group_and_an_id_against_duplicates() -> None:
    client = MemorySender()
    made = publisher(client, FIFO)
    for _ in range(2):
        made.publish("a", group_id="g").result(20_000)
    made.publish("a", group_id="g", deduplication_id="d").result(20_000)
    first, second, third = (batch[0] for batch in client.batches)
    assert first.group_id == "g"
    assert first.deduplication_id
    assert first.deduplication_id != second.deduplication_id
    assert third.deduplication_id == "d"


def test_a_queue_that_goes_by_content_is_left_to_it() -> None:
    client = MemorySender()
    made = publisher(client, AwsTarget("queue", "orders.fifo", True, True, 100))
    made.publish("a", group_id="g").result(20_000)
    assert only(client).deduplication_id is None


WRONG: list[tuple[AwsTarget, Callable[[AwsPublisher], object], type[MessageQueuesError], str]] = [
    (STANDARD, lambda made: made.publish("x" * 101), MessageTooLarge, "has 101 bytes with its attributes: 'orders' takes at most 100"),
    (STANDARD, lambda made: made.publish(b"\xff"), InvalidMessageContents, "base64"),
    (STANDARD, lambda made: made.publish("x", partition=1), InvalidArgument, "partition and timestamp_ms are other systems'"),
    (STANDARD, lambda made: made.publish("x", routing_key="k"), InvalidArgument, "routing_key: messages to SQS and SNS have no such thing"),
    (STANDARD, lambda made: made.publish("x", deduplication_id="d"), InvalidArgument, "'orders' is not FIFO"),
    (STANDARD, lambda made: made.publish("x", delay_ms=900_001), InvalidArgument, r"outside 0\.\.900000"),
    (STANDARD, lambda made: made.publish("x", key="a", group_id="b"), InvalidArgument, "both say the message group, and differ"),
    (FIFO, lambda made: made.publish("x"), InvalidArgument, "group_id is missing: 'orders.fifo' is FIFO"),
    (FIFO, lambda made: made.publish("x", group_id="g", delay_ms=1), InvalidArgument, "only single messages to standard queues"),
    (TOPIC, lambda made: made.publish("x", delay_ms=1), InvalidArgument, "not to 'events'"),
]


@pytest.mark.parametrize(("target", "publish", "error", "says"), WRONG)
def test_what_cannot_be_sent_is_refused_before(
    target: AwsTarget, publish: Callable[[AwsPublisher], object], error: type[MessageQueuesError], says: str
) -> None:
    client = MemorySender()
    made = publisher(client, target)
    with pytest.raises(error, match=says):
        publish(made)
    made.close()
    assert client.batches == []


def test_losses_are_told_by_flush_and_close() -> None:
    client = MemorySender()
    made = publisher(client)
    client.answers.append(failing(AccessDenied("no")))
    heard: list[Delivery] = []
    made.publish("a", on_delivery=heard.append)
    with pytest.raises(MessagesLost, match=r"1 messages to 'orders' did not arrive: no \(1\)"):
        made.flush()
    assert isinstance(heard[0].error, AccessDenied)
    made.flush()


def test_a_part_of_a_batch_that_is_refused_is_told_of_each_message() -> None:
    client = MemorySender()
    client.gate.clear()
    client.answers.append(lambda batch: [Refused(AccessDenied("no"), True)] * len(batch))
    made = publisher(client)
    first = made.publish("a")
    assert client.arrived.acquire(timeout=20)
    client.gate.set()
    second = made.publish("b")
    with pytest.raises(MessagesLost) as raised:
        made.flush()
    assert raised.value.deliveries == (first,)
    assert second.message_id == "id-b"


def test_a_full_buffer_makes_publish_wait_and_then_say_so() -> None:
    client = MemorySender()
    client.gate.clear()
    made = publisher(client, room=1, max_block_ms=1)
    made.publish("a")
    with pytest.raises(TimedOut, match="1 messages to 'orders' wait for AWS and fill the buffer; no room came within 1 ms"):
        made.publish("b")
    client.gate.set()
    made.close()
    with pytest.raises(Closed):
        made.publish("c")


def test_it_describes_itself() -> None:
    made = publisher(MemorySender(), TOPIC)
    assert repr(made) == "Publisher(sns_topic='events', cluster='us-east-1', 0 pending)"
    described = made.describe()
    assert (described.topic, described.publisher_type, described.batch_size) == ("events", "async", 10)
    made.close()
    assert repr(made) == "Publisher(sns_topic='events', cluster='us-east-1', closed)"
