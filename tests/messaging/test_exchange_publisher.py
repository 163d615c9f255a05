from collections.abc import Callable

import pytest

from message_queues.errors import Closed, InvalidArgument, MessagesLost, Rejected, TimedOut, Unroutable
from message_queues.message import Properties
from message_queues.messaging.exchange_publisher import KEPT_ROUTES, ExchangePublisher, Target
from message_queues.messaging.publisher import PublisherSettings
from tests.messaging.memory_queue_client import MemoryQueueProducer, QueueFailure

UNROUTABLE = QueueFailure(Unroutable("exchange 'orders' routes 'lost' to no queue", "orders", "lost"))


def publisher(producer: MemoryQueueProducer, target: Target | None = None, max_block_ms: float = 60_000) -> ExchangePublisher:
    settings = PublisherSettings("orders", "east", None, 0.0, "none", False, "all", max_block_ms)
    return ExchangePublisher(producer, settings, target or Target("orders", "", mandatory=True, persistent=True))


@pytest.fixture
def producer() -> MemoryQueueProducer:
    return MemoryQueueProducer()


def test_a_message_that_says_nothing_is_mandatory_and_persistent(producer: MemoryQueueProducer) -> None:
    with publisher(producer) as made:
        delivery = made.publish(b"x")
        assert delivery.result(1000) is delivery
    (sent,) = producer.sent
    assert (sent.exchange, sent.routing_key, sent.mandatory, sent.body) == ("orders", "", True, b"x")
    assert sent.properties == Properties(delivery_mode=2)
    assert repr(delivery) == "Delivery('orders', confirmed)"
    assert producer.is_closed


def test_what_a_message_says_goes_before_the_publishers_own(producer: MemoryQueueProducer) -> None:
    made = publisher(producer)
    made.publish({"a": 1}, routing_key="order.created", priority=3, expiration_ms=5000, mandatory=False, persistent=False)
    made.publish("text", headers={"h": "1"}, timestamp_ms=1_700_000_000_123)
    made.publish(b"x", properties=Properties("image/png", headers={"a": "b"}, message_id="m-1"), headers=[("h", b"1")])
    first, second, third = producer.sent
    assert (first.routing_key, first.mandatory, first.body) == ("order.created", False, b'{"a":1}')
    assert first.properties == Properties("application/json", delivery_mode=1, priority=3, expiration="5000")
    assert second.body == b"text"
    assert second.properties.timestamp == 1_700_000_000
    assert second.properties.headers == {"h": "1", "timestamp_in_ms": 1_700_000_000_123}
    assert third.properties == Properties("image/png", headers={"a": "b", "h": b"1"}, message_id="m-1", delivery_mode=2)


def test_a_publisher_to_a_queue_has_the_queues_name_as_its_routing_key(producer: MemoryQueueProducer) -> None:
    made = publisher(producer, Target("", "orders", mandatory=True, persistent=True))
    made.publish(b"x")
    assert (producer.sent[0].exchange, producer.sent[0].routing_key) == ("", "orders")
    assert repr(made) == "Publisher(queue='orders', cluster='east', 0 pending)"
    with pytest.raises(InvalidArgument, match="this publisher is one to queue 'orders', which is its routing key"):
        made.publish(b"x", routing_key="other")


Call = Callable[[], object]


def test_wrong_arguments_are_named(producer: MemoryQueueProducer) -> None:
    made = publisher(producer)
    calls: tuple[tuple[Call, str], ...] = (
        (lambda: made.publish(b"x", key="k"), "key and partition are Kafka's: a message to RabbitMQ has a routing_key"),
        (lambda: made.publish(None), "a tombstone is Kafka's"),
        (lambda: made.publish(5), "value is int"),
        (lambda: made.publish(b"x", routing_key=5), "routing_key is int"),  # type: ignore[arg-type]
        (lambda: made.publish(b"x", routing_key="ü" * 128), "routing_key has 256 bytes of UTF-8: AMQP carries at most 255"),
        (lambda: made.publish(b"x", priority=256), r"priority=256 is outside 0\.\.255"),
        (lambda: made.publish(b"x", expiration_ms=-1), "expiration_ms=-1 is outside"),
        (lambda: made.publish(b"x", mandatory=1), "mandatory=1 must be True or False"),  # type: ignore[arg-type]
        (lambda: made.publish(b"x", properties={}), "properties is dict"),  # type: ignore[arg-type]
        (lambda: made.publish(b"x", headers="h"), "headers is str"),  # type: ignore[arg-type]
        (lambda: made.publish(b"x", headers=[("h", b"1"), ("h", b"2")]), "'h' is there twice: AMQP has each name once"),
        (lambda: made.publish(b"x", rooting_key="k"), "no argument rooting_key"),  # type: ignore[call-arg]
    )
    for call, says in calls:
        with pytest.raises(InvalidArgument, match=says):
            call()
    assert not producer.sent


def test_an_unroutable_message_fails_its_delivery_and_the_next_flush(producer: MemoryQueueProducer) -> None:
    made = publisher(producer)
    producer.failure = UNROUTABLE
    with pytest.raises(Unroutable, match="routes 'lost' to no queue") as raised:
        made.publish(b"x", routing_key="lost").result(1000)
    assert (raised.value.exchange, raised.value.routing_key) == ("orders", "lost")
    made.flush()
    made.publish(b"y", routing_key="lost")
    with pytest.raises(MessagesLost, match=r"1 messages to 'orders' did not arrive: exchange 'orders' routes 'lost' to no queue \(1\)"):
        made.flush()


def test_a_sync_publisher_raises_what_became_of_the_message(producer: MemoryQueueProducer) -> None:
    made = publisher(producer, Target("orders", "", mandatory=True, persistent=True, is_sync=True))
    assert made.publish(b"x").done
    producer.failure = QueueFailure(Rejected("the broker did not take the message"))
    with pytest.raises(Rejected):
        made.publish(b"y")
    made.close()
    assert repr(made) == "SyncPublisher(exchange='orders', cluster='east', closed)"
    assert made.describe().publisher_type == "sync"


def test_a_full_buffer_makes_publish_wait_and_says_why(producer: MemoryQueueProducer) -> None:
    producer.room, producer.answers_by_itself = 1, False
    producer.blocked_because = "low on disk"
    made = publisher(producer, max_block_ms=10)
    made.publish(b"x")
    with pytest.raises(TimedOut, match=r"1 messages to 'orders' wait .*the broker takes none: low on disk.* no room came within 10 ms"):
        made.publish(b"y")
    assert made.describe().blocked == "low on disk"
    assert made.describe().pending == 1
    producer.answer()
    made.publish(b"z")
    assert len(producer.sent) == 2


def test_close_gives_up_what_is_unanswered_and_says_so(producer: MemoryQueueProducer) -> None:
    producer.answers_by_itself = False
    made = publisher(producer)
    made.publish(b"x")
    with pytest.raises(MessagesLost, match=r"given up \(1\)"):
        made.close(5)
    assert producer.is_closed
    made.close()
    with pytest.raises(Closed, match="the publisher of 'orders' is closed"):
        made.publish(b"y")


def test_routes_are_kept_and_not_without_bound(producer: MemoryQueueProducer) -> None:
    made = publisher(producer)
    for _ in range(2):
        for number in range(KEPT_ROUTES + 1):
            made.publish(b"x", routing_key=str(number))
    assert len(made._routes) <= KEPT_ROUTES
    assert [sent.routing_key for sent in producer.sent] == [str(number) for _ in range(2) for number in range(KEPT_ROUTES + 1)]
