import asyncio
import contextlib
import threading
from collections.abc import Iterator

import pytest

from message_queues.errors import Closed, InvalidArgument, KafkaError, MessagesLost, TimedOut
from message_queues.message import Delivery
from message_queues.messaging.publisher import PublisherSettings, SyncPublisher, TopicPublisher
from tests.messaging.memory_client import MemoryFailure, MemoryProducer


def settings(max_block_ms: float = 60_000) -> PublisherSettings:
    return PublisherSettings("orders", "east", None, 5.0, "none", True, "all", max_block_ms)


@pytest.fixture
def producer() -> MemoryProducer:
    return MemoryProducer()


@pytest.fixture
def publisher(producer: MemoryProducer) -> Iterator[TopicPublisher]:
    made = TopicPublisher(producer, settings())
    yield made
    producer.failure, producer.answers_by_itself = None, True
    with contextlib.suppress(MessagesLost):
        made.close()


@pytest.fixture
def unanswered(producer: MemoryProducer) -> MemoryProducer:
    """A producer whose broker is silent; from the start, as the publisher's thread asks all the time."""
    producer.answers_by_itself = False
    return producer


def test_each_message_has_a_delivery_with_its_place(publisher: TopicPublisher) -> None:
    delivery = publisher.publish(b"x")
    assert delivery.result(1000) is delivery
    assert (delivery.topic, delivery.partition, delivery.offset, delivery.error, delivery.done) == ("orders", 3, 0, None, True)
    assert repr(delivery) == "Delivery('orders', partition=3, offset=0)"


def test_a_delivery_on_its_way_knows_no_place(unanswered: MemoryProducer, publisher: TopicPublisher) -> None:
    delivery = publisher.publish(b"x")
    assert (delivery.done, delivery.partition, delivery.offset, delivery.error) == (False, None, None, None)
    assert repr(delivery) == "Delivery('orders', on its way)"
    with pytest.raises(TimedOut, match="no answer for a message to 'orders' within 1 ms"):
        delivery.result(1)
    with pytest.raises(AttributeError, match="no attribute 'ofset'"):
        _ = delivery.ofset


def test_value_key_partition_headers_and_timestamp_arrive(publisher: TopicPublisher, producer: MemoryProducer) -> None:
    publisher.publish({"a": 1}, key="k", partition=2, headers={"h": b"1"}, timestamp_ms=5)
    publisher.publish("text", headers=[("h", "1"), ("h", None)])
    publisher.publish(None, key=b"gone")
    assert producer.sent == [
        (b'{"a":1}', "k", 2, 5, [("h", b"1")]),
        ("text", None, -1, 0, [("h", "1"), ("h", None)]),
        (None, b"gone", -1, 0, None),
    ]


def test_wrong_arguments_are_named(publisher: TopicPublisher, producer: MemoryProducer) -> None:
    with pytest.raises(InvalidArgument, match="partition=-1 must be a whole number"):
        publisher.publish(b"x", partition=-1)
    with pytest.raises(InvalidArgument, match=r"timestamp_ms=1\.5 must be a whole number"):
        publisher.publish(b"x", timestamp_ms=1.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="headers is str"):
        publisher.publish(b"x", headers="h")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="value is int"):
        publisher.publish(5)
    producer.raises = TypeError("a bytes-like object is required, not 'int'")
    with pytest.raises(InvalidArgument, match="key is int: it must be bytes, str or None"):
        publisher.publish(b"x", key=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"headers=\[\('h', 5\)\]: each must be a str name"):
        publisher.publish(b"x", headers={"h": 5})


def test_callbacks_hear_of_each_delivery_even_late(publisher: TopicPublisher) -> None:
    heard: list[Delivery] = []
    delivery = publisher.publish(b"x", on_delivery=heard.append)
    delivery.result(1000)
    assert heard == [delivery]
    delivery.add_done_callback(heard.append)
    assert heard == [delivery, delivery]


def test_a_callback_that_raises_is_logged_and_harms_nobody(publisher: TopicPublisher, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Delivery) -> None:
        raise ZeroDivisionError

    publisher.publish(b"x", on_delivery=fail)
    publisher.flush()
    assert "a delivery callback for topic orders raised" in caplog.text
    assert publisher.publish(b"y").result(1000).done


def test_a_delivery_can_be_awaited(publisher: TopicPublisher) -> None:
    async def publish() -> int | None:
        return (await publisher.publish(b"x")).offset

    assert asyncio.run(publish()) == 0


def test_a_full_buffer_makes_the_program_wait(unanswered: MemoryProducer, publisher: TopicPublisher) -> None:
    unanswered.room = 2
    publisher.publish(b"1")
    publisher.publish(b"2")
    threading.Timer(0.02, unanswered.answer).start()
    publisher.publish(b"3")
    assert [value for value, *_ in unanswered.sent] == [b"1", b"2", b"3"]


def test_a_buffer_that_stays_full_is_an_error_after_a_while() -> None:
    producer = MemoryProducer(room=1)
    producer.answers_by_itself = False
    publisher = TopicPublisher(producer, settings(max_block_ms=20))
    publisher.publish(b"1")
    with pytest.raises(TimedOut, match="1 messages to 'orders' wait for the broker and fill the buffer; no room came within 20 ms"):
        publisher.publish(b"2")
    producer.answers_by_itself = True
    publisher.close()


def test_flush_says_what_was_lost_and_only_once(publisher: TopicPublisher, producer: MemoryProducer) -> None:
    producer.failure = MemoryFailure()
    deliveries = [publisher.publish(b"x") for _ in range(3)]
    with pytest.raises(MessagesLost, match=r"3 messages to 'orders' did not arrive: Local: Message timed out \(3\)") as raised:
        publisher.flush()
    assert raised.value.count == 3
    assert raised.value.deliveries == tuple(deliveries)
    publisher.flush()


def test_a_failure_that_the_program_was_told_of_is_not_reported_again(publisher: TopicPublisher, producer: MemoryProducer) -> None:
    producer.failure = MemoryFailure()
    delivery = publisher.publish(b"x")
    with pytest.raises(KafkaError, match="Message timed out"):
        delivery.result(1000)
    assert repr(delivery) == "Delivery('orders', failed: Local: Message timed out)"
    publisher.flush()


def test_flush_gives_up_waiting_and_no_message(unanswered: MemoryProducer, publisher: TopicPublisher) -> None:
    delivery = publisher.publish(b"x")
    with pytest.raises(TimedOut, match="1 messages to 'orders' are still on their way after 5 ms; none was given up"):
        publisher.flush(5)
    unanswered.answer()
    assert delivery.done


def test_close_gives_up_what_is_unanswered_and_says_so(unanswered: MemoryProducer) -> None:
    publisher = TopicPublisher(unanswered, settings())
    publisher.publish(b"x")
    with pytest.raises(MessagesLost, match=r"1 messages to 'orders' did not arrive: Local: Purged in queue \(1\)"):
        publisher.close(5)
    publisher.close()


def test_a_closed_publisher_takes_nothing(producer: MemoryProducer) -> None:
    with TopicPublisher(producer, settings()) as publisher:
        publisher.publish(b"x")
    assert len(producer.sent) == 1
    assert publisher.is_closed
    assert publisher.pending == 0
    with pytest.raises(Closed, match="the publisher of 'orders' is closed"):
        publisher.publish(b"y")
    publisher.flush()
    assert repr(publisher) == "Publisher(topic='orders', cluster='east', closed)"


def test_a_sync_publisher_returns_what_is_stored_or_raises(producer: MemoryProducer) -> None:
    with SyncPublisher(producer, settings()) as publisher:
        assert publisher.publish(b"x").offset == 0
        producer.failure = MemoryFailure()
        with pytest.raises(KafkaError, match="Message timed out"):
            publisher.publish(b"y")


def test_it_describes_itself(unanswered: MemoryProducer, publisher: TopicPublisher) -> None:
    publisher.publish(b"x")
    described = publisher.describe()
    assert (described.topic, described.cluster, described.publisher_type, described.pending, described.lost) == (
        "orders",
        "east",
        "async",
        1,
        0,
    )
    assert repr(publisher) == "Publisher(topic='orders', cluster='east', 1 pending)"
