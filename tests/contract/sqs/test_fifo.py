"""FIFO queues. Quotations are from the Amazon SQS Developer Guide, "FIFO queue and message identifiers" and "FIFO delivery logic"."""

from tests.contract.sqs.scene import Scene, code, let_pass


def test_messages_of_a_group_come_in_order(scene: Scene) -> None:
    """SendMessage, MessageGroupId: "Messages that belong to the same message group are processed in a FIFO manner"."""
    url = scene.fifo()
    scene.send_to_group(url, "g", *map(str, range(10)))
    assert scene.bodies(url) == list(map(str, range(10)))


def test_a_group_waits_for_its_message(scene: Scene) -> None:
    """SendMessage, MessageGroupId: "Messages within the same message group are always processed one at a time, in strict order, ensuring
    that no two messages from the same group are processed simultaneously."
    """
    url = scene.fifo()
    scene.send_to_group(url, "a", "a1", "a2")
    scene.send_to_group(url, "b", "b1")
    (first,) = scene.receive(url, 1)
    assert first["Body"] == "a1"
    assert scene.bodies(url) == ["b1"]
    scene.sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert scene.bodies(url) == ["a2"]


def test_a_group_waits_as_long_as_its_message_is_extended(scene: Scene) -> None:
    """The same; ChangeMessageVisibility extends how long a message is being processed."""
    url = scene.fifo(VisibilityTimeout="1")
    scene.send_to_group(url, "g", "1", "2")
    (first,) = scene.receive(url, 1)
    scene.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=60)
    let_pass(1.1)
    assert scene.receive(url) == []


def test_a_message_that_becomes_visible_comes_in_its_place(scene: Scene) -> None:
    """ "strict order": what comes again comes before what was sent after it."""
    url = scene.fifo()
    scene.send_to_group(url, "g", "1", "2", "3")
    (first,) = scene.receive(url, 1)
    scene.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert scene.bodies(url) == ["1", "2", "3"]


def test_the_same_deduplication_id_is_the_same_message(scene: Scene) -> None:
    """SendMessage, MessageDeduplicationId: "If a message with a particular MessageDeduplicationId is sent successfully, any messages
    sent with the same MessageDeduplicationId are accepted successfully but aren't delivered during the 5-minute deduplication
    interval."
    """
    url = scene.fifo()
    first = scene.send(url, "1", MessageGroupId="g", MessageDeduplicationId="d")
    second = scene.send(url, "2", MessageGroupId="g", MessageDeduplicationId="d")
    assert second["MessageId"] == first["MessageId"]
    assert second["SequenceNumber"] == first["SequenceNumber"]
    assert scene.bodies(url) == ["1"]


def test_a_deduplication_id_holds_when_the_message_has_been_deleted(scene: Scene) -> None:
    """SendMessage: "Amazon SQS continues to keep track of the message deduplication ID even after the message is received and deleted." """
    url = scene.fifo()
    scene.send(url, MessageGroupId="g", MessageDeduplicationId="d")
    (message,) = scene.receive(url)
    scene.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    scene.send(url, MessageGroupId="g", MessageDeduplicationId="d")
    assert scene.receive(url) == []


def test_content_can_stand_for_the_deduplication_id(scene: Scene) -> None:
    """SendMessage, MessageDeduplicationId: "Amazon SQS uses a SHA-256 hash to generate the MessageDeduplicationId using the body of the
    message (but not the attributes of the message)." "If the queue has ContentBasedDeduplication set, your MessageDeduplicationId
    overrides the generated one."
    """
    url = scene.fifo(ContentBasedDeduplication="true")
    attribute = {"a": {"DataType": "String", "StringValue": "1"}}
    scene.send(url, "same", MessageGroupId="g")
    scene.send(url, "same", MessageGroupId="g", MessageAttributes=attribute)
    scene.send(url, "same", MessageGroupId="g", MessageDeduplicationId="other")
    assert scene.bodies(url) == ["same", "same"]


def test_groups_can_have_deduplication_ids_of_their_own(scene: Scene) -> None:
    """CreateQueue, DeduplicationScope: "Specifies whether message deduplication occurs at the message group or queue level." """
    by_group = scene.fifo(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    by_queue = scene.fifo()
    for url in (by_group, by_queue):
        for group in "ab":
            scene.send(url, group, MessageGroupId=group, MessageDeduplicationId="d")
    assert sorted(scene.bodies(by_group)) == ["a", "b"]
    assert scene.bodies(by_queue) == ["a"]


def test_a_message_needs_a_group_and_a_deduplication_id(scene: Scene) -> None:
    """SendMessage: "If you do not provide a MessageGroupId when sending a message to a FIFO queue, the action fails." "If you don't
    provide a MessageDeduplicationId and the queue doesn't have ContentBasedDeduplication set, the action fails with an error."
    """
    url = scene.fifo()
    assert code(scene.send, url, MessageDeduplicationId="d") == "MissingParameter"
    assert code(scene.send, url, MessageGroupId="g") == "InvalidParameterValue"


def test_a_message_has_no_delay_of_its_own(scene: Scene) -> None:
    """SendMessage, DelaySeconds: "When you set FifoQueue, you can't set DelaySeconds per message. You can set this parameter only on a
    queue level."
    """
    url = scene.fifo()
    assert code(scene.send, url, MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=2) == "InvalidParameterValue"


def test_ids_have_128_characters(scene: Scene) -> None:
    """SendMessage: "The maximum length of MessageDeduplicationId is 128 characters. MessageDeduplicationId can contain alphanumeric
    characters (a-z, A-Z, 0-9) and punctuation". So has MessageGroupId.
    """
    url = scene.fifo()
    scene.send(url, MessageGroupId="x" * 128, MessageDeduplicationId="!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    for wrong in ("", "x" * 129, "a b"):
        assert code(scene.send, url, MessageGroupId=wrong, MessageDeduplicationId="d") in ("InvalidParameterValue", "MissingParameter")
        assert code(scene.send, url, MessageGroupId="g", MessageDeduplicationId=wrong) == "InvalidParameterValue"


def test_sequence_numbers_grow(scene: Scene) -> None:
    """SendMessage, SequenceNumber: "The large, non-consecutive number that Amazon SQS assigns to each message." "SequenceNumber
    continues to increase for a particular MessageGroupId."
    """
    url = scene.fifo()
    numbers = [int(scene.send(url, MessageGroupId="g", MessageDeduplicationId=str(index))["SequenceNumber"]) for index in range(12)]
    assert numbers == sorted(set(numbers))
    assert "SequenceNumber" not in scene.send(scene.queue())


def test_an_attempt_can_be_repeated(scene: Scene) -> None:
    """ReceiveMessage, ReceiveRequestAttemptId: "During a visibility timeout, subsequent calls with the same ReceiveRequestAttemptId
    return the same messages and receipt handles."
    """
    url = scene.fifo()
    scene.send_to_group(url, "g", "1", "2", "3")
    first = scene.receive(url, 2, ReceiveRequestAttemptId="attempt")
    again = scene.receive(url, 2, ReceiveRequestAttemptId="attempt")
    assert [message["ReceiptHandle"] for message in again] == [message["ReceiptHandle"] for message in first]
    assert [message["Body"] for message in again] == ["1", "2"]


def test_a_late_handle_deletes_nothing(scene: Scene) -> None:
    """ReceiveMessage, ReceiveRequestAttemptId: "if a consumer whose message processing time is longer than the visibility timeout tries
    to delete the processed messages, the action fails with an error."
    """
    url = scene.fifo(VisibilityTimeout="1")
    scene.send_to_group(url, "g", "1")
    (message,) = scene.receive(url)
    let_pass(1.1)
    assert code(scene.sqs.delete_message, QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]) == "InvalidParameterValue"
    assert scene.bodies(url) == ["1"]


def test_a_group_on_a_standard_queue_is_taken(scene: Scene) -> None:
    """SendMessage, MessageGroupId: "In standard queues, using MessageGroupId enables fair queues." MessageDeduplicationId: "This
    parameter applies only to FIFO (first-in-first-out) queues."
    """
    url = scene.queue()
    scene.send(url, MessageGroupId="tenant")
    (message,) = scene.receive(url, MessageSystemAttributeNames=["MessageGroupId"])
    assert message["Attributes"] == {"MessageGroupId": "tenant"}
    assert code(scene.send, url, MessageDeduplicationId="d") == "InvalidParameterValue"
