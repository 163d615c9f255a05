"""SQS and SNS through boto3, against moto."""

import threading
from collections.abc import Iterator

import pytest

from message_queues.clients.aws_ports import Attribute, Attributes, AwsClient, OutgoingMessage, ReceivedMessage, Refused, Sent
from message_queues.clients.connect import AwsAddress, connect_aws
from message_queues.errors import (
    Closed,
    InvalidArgument,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
    ResourceNotFound,
    Unreachable,
)
from tests.clients.moto_server import moto_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def aws(url: str) -> Iterator[AwsClient]:
    client = connect_aws(AwsAddress("us-east-1", url, keys=("test", "test")))
    yield client
    client.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A queue of this test's own."""
    return str(request.node.name)[:70]


def message(body: str, group_id: str | None = None, attributes: Attributes | None = None) -> OutgoingMessage:
    return OutgoingMessage(body, len(body), attributes or {}, group_id, None if group_id is None else body)


def received(aws: AwsClient, queue: str, count: int = 10) -> list[ReceivedMessage]:
    return list(aws.sqs.receiver(queue, 1).receive(count, 0, None))


def test_queues_are_created_found_listed_altered_and_deleted(aws: AwsClient, name: str) -> None:
    url = aws.sqs.create_queue(name, {"VisibilityTimeout": "5"}, {"stage": "test"})
    assert aws.sqs.queue_url(name) == url
    assert aws.sqs.queue_urls(name) == [url]
    assert url in aws.sqs.queue_urls("")
    aws.sqs.set_attributes(url, {"DelaySeconds": "1"})
    found = aws.sqs.attributes(url)
    assert (found["VisibilityTimeout"], found["DelaySeconds"]) == ("5", "1")
    aws.sqs.tag(url, {"team": "a"})
    assert aws.sqs.tags(url) == {"stage": "test", "team": "a"}
    aws.sqs.purge(url)
    aws.sqs.delete_queue(url)
    assert aws.sqs.queue_url(name) is None
    with pytest.raises(QueueDoesNotExist):
        aws.sqs.attributes(url)


def test_a_queue_of_other_attributes_is_refused(aws: AwsClient, name: str) -> None:
    aws.sqs.create_queue(name, {"VisibilityTimeout": "5"}, {})
    with pytest.raises(QueueNameExists):
        aws.sqs.create_queue(name, {"VisibilityTimeout": "6"}, {})


def test_a_batch_arrives_with_all_that_was_said_of_it(aws: AwsClient, name: str) -> None:
    queue = aws.sqs.create_queue(name, {}, {})
    attributes = {"kind": Attribute("String", "ü"), "tries": Attribute("Number", "2"), "raw": Attribute("Binary", b"\0\xff")}
    outcomes = aws.sqs.sender(queue, 1).send([message("a", attributes=attributes), message("b")])
    assert all(isinstance(each, Sent) and each.sequence_number is None for each in outcomes)
    first, second = sorted(received(aws, queue), key=lambda each: each.body)
    assert (first.body, first.attributes, second.attributes) == ("a", attributes, {})
    assert isinstance(outcomes[0], Sent)
    assert first.message_id == outcomes[0].message_id
    assert first.system_attributes["ApproximateReceiveCount"] == "1"


def test_fifo_messages_have_group_and_sequence_number(aws: AwsClient, name: str) -> None:
    queue = aws.sqs.create_queue(f"{name}.fifo", {"FifoQueue": "true"}, {})
    outcomes = aws.sqs.sender(queue, 1).send([message("a", "g"), message("b", "g")])
    assert all(isinstance(each, Sent) and each.sequence_number for each in outcomes)
    found = aws.sqs.receiver(queue, 1).receive(10, 0, "attempt")
    assert [(each.body, each.system_attributes["MessageGroupId"]) for each in found] == [("a", "g"), ("b", "g")]


def test_messages_are_deleted_and_made_visible_in_batches(aws: AwsClient, name: str) -> None:
    queue = aws.sqs.create_queue(name, {}, {})
    aws.sqs.sender(queue, 1).send([message("a"), message("b")])
    receiver = aws.sqs.receiver(queue, 1)
    first, second = receiver.receive(10, 0, None)
    assert receiver.delete([first.receipt_handle]) == [None]
    assert receiver.change_visibility([(second.receipt_handle, 0)]) == [None]
    (again,) = receiver.receive(10, 0, None)
    assert again.body == second.body
    assert again.system_attributes["ApproximateReceiveCount"] == "2"
    receiver.close()


def test_what_is_refused_of_a_batch_is_said_of_its_entry(aws: AwsClient, name: str) -> None:
    queue = aws.sqs.create_queue(name, {}, {})
    aws.sqs.sender(queue, 1).send([message("a")])
    receiver = aws.sqs.receiver(queue, 1)
    (found,) = receiver.receive(10, 0, None)
    wrong, right = receiver.change_visibility([("not-a-handle", 0), (found.receipt_handle, 0)])
    assert isinstance(wrong, Refused)
    assert isinstance(wrong.error, ReceiptHandleIsInvalid)
    assert wrong.is_final
    assert right is None


def test_a_poll_that_waits_can_be_ended(aws: AwsClient, name: str) -> None:
    receiver = aws.sqs.receiver(aws.sqs.create_queue(name, {}, {}), 1)
    errors: list[BaseException] = []
    began = threading.Event()

    def poll() -> None:
        try:
            began.set()
            receiver.receive(10, 20, None)
        except Closed as error:
            errors.append(error)

    thread = threading.Thread(target=poll)
    thread.start()
    assert began.wait(20)
    receiver.interrupt()
    thread.join(15)
    assert len(errors) == 1
    with pytest.raises(Closed):
        receiver.receive(10, 20, None)


def test_topics_and_their_subscriptions(aws: AwsClient, name: str) -> None:
    topic = aws.sns.create_topic(name, {"DisplayName": "Events"}, {"stage": "test"})
    assert topic in aws.sns.topic_arns()
    assert aws.sns.tags(topic) == {"stage": "test"}
    aws.sns.set_attribute(topic, "DisplayName", "Others")
    attributes = aws.sns.attributes(topic)
    assert attributes is not None
    assert attributes["DisplayName"] == "Others"
    queue = aws.sqs.create_queue(name, {}, {})
    arn = aws.sqs.attributes(queue)["QueueArn"]
    subscription = aws.sns.subscribe(topic, "sqs", arn, {"RawMessageDelivery": "true"})
    assert [(each.arn, each.protocol, each.endpoint) for each in aws.sns.subscriptions(topic)] == [(subscription, "sqs", arn)]
    found = aws.sns.subscription_attributes(subscription)
    assert found is not None
    assert found["RawMessageDelivery"] == "true"
    sender = aws.sns.sender(topic, 1)
    outcomes = sender.send([message("a", attributes={"kind": Attribute("String", "x")}), message("b")])
    assert all(isinstance(each, Sent) for each in outcomes)
    assert {each.body: each.attributes for each in received(aws, queue)} == {"a": {"kind": Attribute("String", "x")}, "b": {}}
    aws.sns.set_subscription_attribute(subscription, "RawMessageDelivery", "false")
    aws.sns.unsubscribe(subscription)
    assert aws.sns.subscription_attributes(subscription) is None
    aws.sns.delete_topic(topic)
    assert aws.sns.attributes(topic) is None
    with pytest.raises(ResourceNotFound):
        sender.send([message("c")])
    sender.close()


def test_an_address_where_nobody_answers_is_named_with_the_reason() -> None:
    client = connect_aws(AwsAddress("us-east-1", "http://127.0.0.1:1", keys=("test", "test")))
    with pytest.raises(Unreachable, match=r"^http://127\.0\.0\.1:1 \(Connection refused\)$"):
        client.sqs.queue_url("orders")


def test_what_boto3_refuses_is_an_argument(aws: AwsClient) -> None:
    with pytest.raises(InvalidArgument, match="Parameter validation failed"):
        aws.sqs.set_attributes("x", {"VisibilityTimeout": 5})  # type: ignore[dict-item]
