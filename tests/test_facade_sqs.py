"""Amazon SQS and SNS as a program uses them, over an embedded server."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from message_queues import Message, MessageQueues, embedded
from message_queues.errors import (
    AmbiguousName,
    Closed,
    Conflict,
    InvalidArgument,
    InvalidAttributeName,
    InvalidAttributeValue,
    MessageQueuesError,
    MessageTooLarge,
    NotAuthorized,
    NotFound,
    QueueDoesNotExist,
    Unreachable,
)
from message_queues.messaging.consumer import Consumer

EAST = "us-east-1"
SECONDS = 20


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.EmbeddedServer]:
    with embedded.start() as server:
        yield server


@pytest.fixture
def mq(server: embedded.EmbeddedServer) -> Iterator[MessageQueues]:
    with MessageQueues(embedded=server) as mq:
        yield mq


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A queue of this test's own."""
    return str(request.node.name).translate(str.maketrans("[]. ", "____"))[-70:]


def run(consumer: Consumer, count: int, handle: Callable[[Message], None]) -> None:
    """Until so many were handled."""
    lock = threading.Lock()
    handled = 0

    def counting(message: Message) -> None:
        nonlocal handled
        handle(message)
        with lock:
            handled += 1
            if handled == count:
                consumer.stop()

    consumer.run(counting)


# Queues and topics.


def test_a_queue_is_created_described_and_found(mq: MessageQueues, name: str) -> None:
    config = {"VisibilityTimeout": 30, "MessageRetentionPeriod": 345_600, "ReceiveMessageWaitTimeSeconds": 20}
    queue = mq.create_sqs_queue(name, EAST, config, tags={"stage": "test"})
    described = queue.describe()
    assert {key: described.attributes[key] for key in config} == {key: str(value) for key, value in config.items()}
    assert (described.region, described.cluster, described.is_fifo) == (EAST, EAST, False)
    assert described.tags == {"stage": "test"}
    assert described.arn.startswith(f"arn:aws:sqs:{EAST}:")
    assert mq.sqs_queue(name) is queue
    assert mq.sqs_queue(name, EAST) is queue
    assert repr(mq).endswith("clusters: 'us-east-1')")


def test_created_again_it_is_the_same_unless_it_differs(mq: MessageQueues, name: str) -> None:
    first = mq.create_sqs_queue(name, EAST, {"VisibilityTimeout": 30})
    assert mq.create_sqs_queue(name, EAST, {"VisibilityTimeout": "30"}).url == first.url
    with pytest.raises(Conflict) as raised:
        mq.create_sqs_queue(name, EAST, {"VisibilityTimeout": 31, "DelaySeconds": 1})
    assert raised.value.differences == ("DelaySeconds is '0', not '1'", "VisibilityTimeout is '30', not '31'")


def test_a_queue_with_dead_letters(mq: MessageQueues, name: str) -> None:
    dead = mq.create_sqs_queue(f"dead-{name}"[:80], EAST)
    policy = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1}
    queue = mq.create_sqs_queue(name, EAST, {"RedrivePolicy": policy})
    assert mq.create_sqs_queue(name, EAST, {"RedrivePolicy": policy}).url == queue.url
    mq.create_publisher(queue=queue, publisher_type="sync").publish("bad")

    def fail(_: Message) -> None:
        raise ValueError

    consumer = mq.configure_consumer(queue)
    thread = threading.Thread(target=lambda: consumer.run(fail, on_error="skip"))
    thread.start()
    message = mq.configure_consumer(dead).receive(SECONDS * 1000)
    consumer.stop()
    thread.join(SECONDS)
    assert message is not None
    assert message.text() == "bad"


def test_what_is_wrong_is_said_before_anything_is_asked(mq: MessageQueues) -> None:
    with pytest.raises(InvalidAttributeValue, match=r"^VisibilityTimeout=50000 must be in 0\.\.43200 seconds$"):
        mq.create_sqs_queue("x", EAST, {"VisibilityTimeout": 50_000})
    with pytest.raises(InvalidAttributeName, match=r"VisibilityTimout is not a queue attribute: did you mean VisibilityTimeout\?"):
        mq.create_sqs_queue("x", EAST, {"VisibilityTimout": 30})
    with pytest.raises(InvalidArgument, match="region='Frankfurt'"):
        mq.create_sqs_queue("x", "Frankfurt")
    with pytest.raises(InvalidArgument, match="endpoint_url='localhost:9324' must be a URL"):
        mq.create_sns_topic("x", EAST, endpoint_url="localhost:9324")
    with pytest.raises(InvalidArgument, match="endpoint_url: that is of use with region="):
        mq.sqs_queue("x", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(NotFound, match="no region is named yet"):
        mq.sqs_queue("x")
    assert repr(mq).endswith("clusters: none)")


def test_queues_of_several_regions_are_told_apart(mq: MessageQueues, name: str) -> None:
    east, west = mq.create_sqs_queue(name, EAST), mq.create_sqs_queue(name, "us-west-2")
    assert east.arn != west.arn
    with pytest.raises(AmbiguousName, match=f"SQS queue '{name}' on cluster 'us-east-1' or SQS queue '{name}' on cluster 'us-west-2'"):
        mq.create_publisher(queue=name)
    mq.create_publisher(queue=name, cluster_name="us-west-2", publisher_type="sync").publish("x")
    assert (east.message_count(), west.message_count()) == (0, 1)
    with pytest.raises(AmbiguousName, match="say which with cluster_name="):
        mq.configure_consumer(name)
    assert mq.configure_consumer(name, cluster_name="us-west-2").receive(SECONDS * 1000) is not None


def test_a_queue_of_rabbitmq_of_the_same_name_is_ambiguous(mq: MessageQueues, name: str) -> None:
    mq.create_rabbitmq_cluster("east", "rabbit")
    mq.create_queue("east", name)
    mq.create_sqs_queue(name, EAST)
    with pytest.raises(AmbiguousName, match=f"SQS queue '{name}' on cluster 'us-east-1' or queue '{name}' on cluster 'east'"):
        mq.create_publisher(queue=name)
    with pytest.raises(AmbiguousName, match="say which with cluster_name="):
        mq.configure_consumer(name)
    mq.create_publisher(queue=name, cluster_name="east", publisher_type="sync").publish(b"rabbit")
    mq.create_publisher(queue=name, cluster_name=EAST, publisher_type="sync").publish("aws")
    for cluster, value in (("east", "rabbit"), (EAST, "aws")):
        message = mq.configure_consumer(name, "queue", cluster_name=cluster).receive(SECONDS * 1000)
        assert message is not None
        assert message.text() == value


def test_a_topic_of_kafka_and_a_queue_of_the_same_name_are_told_apart(mq: MessageQueues, name: str) -> None:
    mq.create_kafka_cluster("kafka", "kafka1")
    mq.create_consumer_group(f"group-{name}", [name])
    mq.create_sqs_queue(name, EAST)
    with pytest.raises(AmbiguousName, match=r"SQS queue '.*' on cluster 'us-east-1': say which with consumer_type="):
        mq.configure_consumer(name)
    assert mq.configure_consumer(name, "queue").describe().cluster == EAST


def test_deleted_it_is_gone(mq: MessageQueues, name: str) -> None:
    queue = mq.create_sqs_queue(name, EAST)
    queue.delete()
    with pytest.raises(QueueDoesNotExist):
        queue.describe()
    with pytest.raises(NotFound):
        mq.sqs_queue(name, EAST)


# Publishing and consuming.


def test_what_is_published_is_consumed_with_its_headers(mq: MessageQueues, name: str) -> None:
    queue = mq.create_sqs_queue(name, EAST)
    publisher = mq.create_publisher(queue=name)
    deliveries = [
        publisher.publish({"n": number}, headers={"kind": "created", "n": number, "raw": b"\0\xff"}, key=f"customer-{number % 3}")
        for number in range(100)
    ]
    publisher.flush()
    assert len({delivery.message_id for delivery in deliveries}) == 100
    assert queue.message_count() == 100
    seen: list[Message] = []
    run(mq.configure_consumer(name, concurrency=4), 100, seen.append)
    assert sorted(int(message.header("n") or b"") for message in seen) == list(range(100))
    assert all(message.header("raw") == b"\0\xff" and message.receive_count == 1 for message in seen)
    assert {message.message_id for message in seen} == {delivery.message_id for delivery in deliveries}
    assert {message.group_id for message in seen} == {"customer-0", "customer-1", "customer-2"}
    assert queue.counts() == (0, 0, 0)


def test_fifo_groups_are_consumed_in_order_and_once(mq: MessageQueues, name: str) -> None:
    queue = mq.create_sqs_queue(f"{name}.fifo", EAST)
    publisher = mq.create_publisher(queue=queue)
    for number in range(300):
        publisher.publish(str(number), group_id=f"g{number % 7}")
    publisher.publish("0", group_id="g0", deduplication_id="once")
    assert publisher.publish("0", group_id="g0", deduplication_id="once").result(SECONDS * 1000).sequence_number
    publisher.flush()
    seen: dict[str | None, list[int]] = {}

    def handle(message: Message) -> None:
        seen.setdefault(message.group_id, []).append(int(message.text()))

    run(mq.configure_consumer(queue, concurrency=8), 301, handle)
    assert seen.pop("g0") == [*range(0, 300, 7), 0]
    assert seen == {f"g{group}": list(range(group, 300, 7)) for group in range(1, 7)}


def test_a_message_that_fails_comes_again_after_a_while(mq: MessageQueues, name: str) -> None:
    queue = mq.create_sqs_queue(name, EAST)
    mq.create_publisher(queue=queue, publisher_type="sync").publish("x")
    consumer = mq.configure_consumer(queue, commit="manual", retry_delay_ms=1000)
    first = consumer.receive(SECONDS * 1000)
    assert first is not None
    given_back = time.monotonic()
    first.nack()
    again = consumer.receive(SECONDS * 1000)
    assert again is not None
    assert time.monotonic() - given_back >= 0.9
    assert (again.receive_count, again.redelivered) == (2, True)
    again.ack()
    consumer.close()
    assert queue.counts() == (0, 0, 0)


def test_a_handler_slower_than_the_visibility_timeout_keeps_its_message(mq: MessageQueues, name: str) -> None:
    queue = mq.create_sqs_queue(name, EAST, {"VisibilityTimeout": 1})
    mq.create_publisher(queue=queue, publisher_type="sync").publish("x")
    other = mq.configure_consumer(queue)
    seen: list[Message | None] = []

    def slow(_: Message) -> None:
        seen.append(other.receive(2500))

    run(mq.configure_consumer(queue), 1, slow)
    assert seen == [None]
    assert queue.counts() == (0, 0, 0)


def test_a_consumer_that_waits_closes_at_once_and_takes_nothing_more(mq: MessageQueues, name: str) -> None:
    queue = mq.create_sqs_queue(name, EAST)
    first = mq.configure_consumer(queue)
    assert first.receive(50) is None
    started = time.monotonic()
    first.close()
    assert time.monotonic() - started < 5
    mq.create_publisher(queue=queue, publisher_type="sync").publish("x")
    message = mq.configure_consumer(queue).receive(SECONDS * 1000)
    assert message is not None
    assert message.receive_count == 1


def test_one_message_goes_to_many_queues(mq: MessageQueues, name: str) -> None:
    topic = mq.create_sns_topic(f"{name}.fifo", EAST)
    plain, fifo = mq.create_sqs_queue(name, EAST), mq.create_sqs_queue(f"{name}.fifo", EAST)
    mq.subscribe(topic, fifo)
    mq.subscribe(topic.name, plain.name, filter_policy={"kind": ["created"]})
    assert len(topic.describe().subscriptions) == 2
    publisher = mq.create_publisher(sns_topic=topic.name)
    for number in range(20):
        publisher.publish({"n": number}, headers={"kind": "created" if number % 2 else "changed"}, group_id="g")
    publisher.flush()
    seen: list[object] = []
    run(mq.configure_consumer(fifo, concurrency=4), 20, lambda message: seen.append(message.json()))
    assert seen == [{"n": number} for number in range(20)]
    filtered: list[bytes | None] = []
    run(mq.configure_consumer(plain), 10, lambda message: filtered.append(message.header("kind")))
    assert filtered == [b"created"] * 10


def test_subscribed_again_it_is_the_same_unless_it_differs(mq: MessageQueues, name: str) -> None:
    topic, queue = mq.create_sns_topic(name, EAST), mq.create_sqs_queue(name, EAST)
    first = mq.subscribe(topic, queue)
    assert mq.subscribe(topic, queue).arn == first.arn
    with pytest.raises(Conflict, match="RawMessageDelivery is 'true', not 'false'"):
        mq.subscribe(topic, queue, raw=False)
    first.delete()
    assert topic.subscriptions() == []


def test_wrapped_a_message_is_the_json_of_sns(mq: MessageQueues, name: str) -> None:
    topic, queue = mq.create_sns_topic(name, EAST), mq.create_sqs_queue(name, EAST)
    mq.subscribe(topic, queue, raw=False)
    mq.create_publisher(sns_topic=topic, publisher_type="sync").publish("hello")
    message = mq.configure_consumer(queue).receive(SECONDS * 1000)
    assert message is not None
    content = message.json()
    assert isinstance(content, dict)
    assert (content["Type"], content["Message"], content["TopicArn"]) == ("Notification", "hello", topic.arn)


WRONG_CALLS: list[tuple[Callable[[MessageQueues], object], type[MessageQueuesError], str]] = [
    (lambda mq: mq.create_publisher(queue="wrong", batch_size=11), InvalidArgument, r"batch_size=11 is outside 1\.\.10"),
    (lambda mq: mq.create_publisher(queue="wrong", compression="gzip"), InvalidArgument, "compression: that is Kafka's"),
    (lambda mq: mq.create_publisher(queue="wrong", mandatory=False), InvalidArgument, "mandatory: that is RabbitMQ's"),
    (lambda mq: mq.create_publisher(queue="wrng"), NotFound, r"did you mean wrong\?"),
    (lambda mq: mq.create_publisher(queue="wrong", sns_topic="x"), InvalidArgument, "it was given queue, sns_topic"),
    (lambda mq: mq.create_publisher(sns_topic="wrong"), NotFound, "create it with create_sns_topic"),
    (lambda mq: mq.create_publisher(queue="wrong", cluster_name="east"), NotFound, "cluster_name='east'"),
    (lambda mq: mq.configure_consumer("wrong", exclusive=True), InvalidArgument, "exclusive: that is RabbitMQ's"),
    (lambda mq: mq.configure_consumer("wrong", config={"x": 1}), InvalidArgument, "config: that is Kafka's"),
    (lambda mq: mq.configure_consumer("wrong", retry_delay_ms=900_001), InvalidArgument, r"outside 0\.\.900000"),
    (lambda mq: mq.subscribe("events", "wrong"), NotFound, "topic='events'"),
    (lambda mq: mq.create_publisher(queue="wrong").publish("x" * 1025), MessageTooLarge, "takes at most 1024"),
]


@pytest.mark.parametrize(("call", "error", "says"), WRONG_CALLS)
def test_wrong_arguments_are_named(
    mq: MessageQueues, call: Callable[[MessageQueues], object], error: type[MessageQueuesError], says: str
) -> None:
    mq.create_sqs_queue("wrong", EAST, {"MaximumMessageSize": 1024})
    with pytest.raises(error, match=says):
        call(mq)


# Real ones, and the end.


def test_a_real_endpoint_is_used_as_it_is_and_nothing_else(
    server: embedded.EmbeddedServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with MessageQueues(embedded=False) as mq:
        queue = mq.create_sqs_queue(name, EAST, endpoint_url=server.sqs)
        assert queue.cluster == f"us-east-1 at {server.sqs}"
        assert mq.create_publisher(queue=name, publisher_type="sync").publish("x").message_id
        assert queue.message_count() == 1
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1 \(Connection refused\); .*MessageQueues\(embedded=True\)"):
            mq.create_sqs_queue(name, EAST, endpoint_url="http://127.0.0.1:1")


def test_without_credentials_the_error_says_where_they_are_looked_for_and_how_to_embed(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    says = r"boto3 has no usable credentials .* AWS_ACCESS_KEY_ID .* MessageQueues\(embedded=True\) or set MESSAGE_QUEUES_EMBEDDED=1"
    with MessageQueues(embedded=False) as mq, pytest.raises(NotAuthorized, match=says):
        mq.create_sqs_queue("orders", EAST)


def test_closed_it_takes_no_calls(server: embedded.EmbeddedServer, name: str) -> None:
    mq = MessageQueues(embedded=server)
    queue = mq.create_sqs_queue(name, EAST)
    publisher = mq.create_publisher(queue=queue)
    publisher.publish("x")
    mq.close()
    with pytest.raises(Closed):
        mq.create_sqs_queue(name, EAST)
    with pytest.raises(Closed):
        publisher.publish("y")
    with MessageQueues(embedded=server) as again:
        assert again.sqs_queue(name, EAST).message_count() == 1
