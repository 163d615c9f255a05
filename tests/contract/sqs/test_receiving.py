"""Receiving, visibility, deleting, dead letters. Quotations are from the Amazon SQS API Reference, unless it says otherwise."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.sqs.scene import Scene, code, let_pass, refusal


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["All"], {"a.one", "a.two", "b"}),
        ([".*"], {"a.one", "a.two", "b"}),
        (["b"], {"b"}),
        (["a.*"], {"a.one", "a.two"}),
        (["c"], set()),
        ([], set()),
    ],
)
def test_attributes_are_chosen_by_name_and_prefix(scene: Scene, names: list[str], told: set[str]) -> None:
    """ReceiveMessage, MessageAttributeNames: "you can send a list of attribute names to receive, or you can return all of the attributes
    by specifying All or .* in your request. You can also use all message attributes starting with a prefix, for example bar.*."
    """
    url = scene.queue()
    attributes = {name: {"DataType": "String", "StringValue": name} for name in ("a.one", "a.two", "b")}
    scene.send(url, MessageAttributes=attributes)
    (message,) = scene.receive(url, MessageAttributeNames=names)
    assert set(message.get("MessageAttributes", {})) == told


def test_the_checksum_is_that_of_the_attributes_that_are_told(scene: Scene) -> None:
    """Message, MD5OfMessageAttributes: "You can use this attribute to verify that Amazon SQS received the message correctly." A receiver
    can verify only what it is told.
    """
    url = scene.queue()
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in (("Hello", "There"), ("General", "Kenobi"))}
    scene.send(url, MessageAttributes=attributes)
    (message,) = scene.receive(url, MessageAttributeNames=["Hello"])
    assert message["MD5OfMessageAttributes"] == "a311262e065454b75da111d535b8dacd"


def test_system_attributes_are_told_by_name(scene: Scene) -> None:
    """ReceiveMessage, MessageSystemAttributeNames: All, ApproximateFirstReceiveTimestamp, ApproximateReceiveCount, SenderId,
    SentTimestamp …
    """
    url = scene.queue()
    before_ms = time.time() * 1000
    scene.send(url)
    (message,) = scene.receive(url, VisibilityTimeout=0, MessageSystemAttributeNames=["All"])
    assert set(message["Attributes"]) == {"ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"}
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert abs(int(message["Attributes"]["SentTimestamp"]) - before_ms) < 10_000
    (message,) = scene.receive(url, AttributeNames=["ApproximateReceiveCount"])
    assert message["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_a_receive_has_its_ranges(scene: Scene) -> None:
    """ReceiveMessage: "MaxNumberOfMessages ... Valid values: 1 to 10. Default: 1."; GetQueueAttributes: ReceiveMessageWaitTimeSeconds 0
    to 20.
    """
    url = scene.queue()
    for count in (0, 11):
        assert code(scene.receive, url, count) == "InvalidParameterValue"
    assert code(scene.receive, url, WaitTimeSeconds=21) == "InvalidParameterValue"
    assert code(scene.receive, url, VisibilityTimeout=43_201) == "InvalidParameterValue"
    for _ in range(2):
        scene.send(url)
    assert len(scene.sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_a_long_poll_is_answered_when_a_message_comes(scene: Scene) -> None:
    """ReceiveMessage, WaitTimeSeconds: "The duration (in seconds) for which the call waits for a message to arrive in the queue before
    returning. If a message is available, the call returns sooner than WaitTimeSeconds."
    """
    url = scene.queue()
    with ThreadPoolExecutor() as pool:
        begun = time.monotonic()
        waiting = pool.submit(scene.bodies, url, WaitTimeSeconds=20)
        scene.send(url, "now")
        assert waiting.result(30) == ["now"]
        assert time.monotonic() - begun < 10


def test_the_queue_says_how_long_to_wait(scene: Scene) -> None:
    """CreateQueue, ReceiveMessageWaitTimeSeconds: "The length of time, in seconds, for which a ReceiveMessage action waits for a message
    to arrive."; the parameter of the call counts before it.
    """
    url = scene.queue({"ReceiveMessageWaitTimeSeconds": "1"})
    begun = time.monotonic()
    assert scene.receive(url) == []
    assert time.monotonic() - begun >= 0.9
    begun = time.monotonic()
    assert scene.receive(url, WaitTimeSeconds=0) == []
    assert time.monotonic() - begun < 0.9


def test_a_message_comes_again_when_its_visibility_is_over(scene: Scene) -> None:
    """ReceiveMessage, VisibilityTimeout: "If the message is not deleted or its visibility timeout is not extended before the timeout
    expires, it becomes visible again and can be retrieved by other consumers."
    """
    url = scene.queue({"VisibilityTimeout": "1"})
    scene.send(url)
    assert len(scene.receive(url)) == 1
    assert scene.receive(url) == []
    assert scene.attributes(url)["ApproximateNumberOfMessagesNotVisible"] == "1"
    let_pass(1.1)
    assert len(scene.receive(url)) == 1


def test_each_receive_has_a_handle_of_its_own(scene: Scene) -> None:
    """DeleteMessage: "If you receive the same message more than once, you will get a different ReceiptHandle each time." """
    url = scene.queue()
    scene.send(url)
    (first,) = scene.receive(url, VisibilityTimeout=0)
    (second,) = scene.receive(url)
    assert first["ReceiptHandle"] != second["ReceiptHandle"]


def test_a_visibility_of_zero_makes_a_message_visible(scene: Scene) -> None:
    """Developer Guide, Amazon SQS visibility timeout: a time-out that is set to 0 makes the message available at once.
    ChangeMessageVisibility: "The new value for the message's visibility timeout (in seconds). Values range: 0 to 43200."
    """
    url = scene.queue()
    scene.send(url)
    (message,) = scene.receive(url)
    scene.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = scene.receive(url)
    handle = again["ReceiptHandle"]
    refused = code(scene.sqs.change_message_visibility, QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=43_201)
    assert refused == "InvalidParameterValue"


def test_a_deleted_message_does_not_come_again(scene: Scene) -> None:
    """DeleteMessage: "Deletes the specified message from the specified queue." """
    url = scene.queue({"VisibilityTimeout": "1"})
    scene.send(url)
    (message,) = scene.receive(url)
    scene.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    let_pass(1.1)
    assert scene.receive(url) == []


def test_a_second_deletion_succeeds(scene: Scene) -> None:
    """DeleteMessage: "you should ensure that your application is idempotent": the same handle can be used again."""
    url = scene.queue()
    scene.send(url)
    (message,) = scene.receive(url)
    for _ in range(2):
        scene.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_a_handle_that_is_none_is_refused(scene: Scene) -> None:
    """ReceiptHandleIsInvalid: "The specified receipt handle isn't valid." """
    url = scene.queue()
    refused = refusal(scene.sqs.delete_message, QueueUrl=url, ReceiptHandle="garbage")
    assert refused is not None
    assert refused.code == "ReceiptHandleIsInvalid"
    assert refused.message == 'The input receipt handle "garbage" is not a valid receipt handle.'
    assert code(scene.sqs.change_message_visibility, QueueUrl=url, ReceiptHandle="garbage", VisibilityTimeout=1) == "ReceiptHandleIsInvalid"


def test_a_message_that_was_received_too_often_is_a_dead_letter(scene: Scene) -> None:
    """SetQueueAttributes, RedrivePolicy: "maxReceiveCount – The number of times a message is delivered to the source queue before being
    moved to the dead-letter queue. ... When the ReceiveCount for a message exceeds the maxReceiveCount for a queue, Amazon SQS moves
    the message to the dead-letter-queue."
    """
    dead = scene.queue()
    policy = json.dumps({"deadLetterTargetArn": scene.arn(dead), "maxReceiveCount": 2})
    url = scene.queue({"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    scene.send(url, "poison")
    assert scene.bodies(url) == ["poison"]
    assert scene.bodies(url) == ["poison"]
    assert scene.bodies(url) == []
    assert scene.bodies(dead) == ["poison"]


def test_a_dead_letter_says_where_it_is_from(scene: Scene) -> None:
    """ReceiveMessage, MessageSystemAttributeNames: DeadLetterQueueSourceArn (API model)."""
    dead = scene.queue()
    policy = json.dumps({"deadLetterTargetArn": scene.arn(dead), "maxReceiveCount": 1})
    url = scene.queue({"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    scene.send(url)
    for _ in range(2):
        scene.receive(url)
    (message,) = scene.receive(dead, MessageSystemAttributeNames=["All"])
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == scene.arn(url)


def test_dead_letters_can_be_moved_back(scene: Scene) -> None:
    """StartMessageMoveTask: "Starts an asynchronous task to move messages from a specified source queue to a specified destination
    queue."
    """
    dead = scene.queue()
    policy = json.dumps({"deadLetterTargetArn": scene.arn(dead), "maxReceiveCount": 1})
    url = scene.queue({"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    scene.send(url, "again")
    for _ in range(2):
        scene.receive(url)
    assert scene.sqs.start_message_move_task(SourceArn=scene.arn(dead))["TaskHandle"]
    assert scene.bodies(url, WaitTimeSeconds=10) == ["again"]


def test_only_dead_letter_queues_have_move_tasks(scene: Scene) -> None:
    """StartMessageMoveTask: "This action is currently limited to supporting message redrive from queues that are configured as dead-
    letter queues (DLQs) of other Amazon SQS queues only."
    """
    assert code(scene.sqs.start_message_move_task, SourceArn=scene.arn(scene.queue())) == "InvalidParameterValue"
