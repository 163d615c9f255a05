"""What a message may be, and batches. Quotations are from the Amazon SQS API Reference, unless it says otherwise."""

from typing import Any

from tests.contract.sqs.scene import Scene, code, refusal

PREFIX = "AWS.SimpleQueueService."


def text(value: str, data_type: str = "String") -> dict[str, Any]:
    return {"DataType": data_type, "StringValue": value}


def test_a_message_comes_as_it_was_sent(scene: Scene) -> None:
    """SendMessage: "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"."""
    url = scene.queue()
    body = "\t\n\r \ud7ff\ue000\ufffd\U00010000\U0010ffff<&>\"'"
    sent = scene.send(url, body)
    (message,) = scene.receive(url)
    assert message["Body"] == body
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]


def test_a_message_has_one_mebibyte(scene: Scene) -> None:
    """SendMessage, MessageBody: "The minimum size is one character. The maximum size is 1 MiB or 1,048,576 bytes"."""
    url = scene.queue()
    scene.send(url, "x" * 1_048_576)
    assert refusal(scene.send, url, "x" * 1_048_577) == (
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        400,
    )
    assert code(scene.send, url, "") == "MissingParameter"


def test_attributes_count(scene: Scene) -> None:
    """Developer Guide, Message attribute components: all components of a message attribute are included in the message size restriction.
    Name, type and value count, as bytes.
    """
    url = scene.queue({"MaximumMessageSize": "1024"})
    scene.send(url, "x" * 1014, MessageAttributes={"abc": text("1")})
    assert code(scene.send, url, "x" * 1015, MessageAttributes={"abc": text("1")}) == "InvalidParameterValue"


def test_a_character_that_xml_has_not_is_refused(scene: Scene) -> None:
    """SendMessage: "If a message contains characters outside the allowed set, Amazon SQS rejects the message and returns an
    InvalidMessageContents error."
    """
    for character in ("\x00", "\x0b", "\ufffe", "\uffff"):
        assert code(scene.send, scene.queue(), f"a{character}") == "InvalidMessageContents"


def test_attributes_come_as_they_were_sent(scene: Scene) -> None:
    """Developer Guide, Message attribute data types: String, Number, Binary, and custom types that are appended with a dot."""
    url = scene.queue()
    attributes = {
        "text": text("There"),
        "number": text("-1.5e3", "Number"),
        "custom": text("7", "Number.byte"),
        "bytes": {"DataType": "Binary.gif", "BinaryValue": b"\x00\xff"},
    }
    sent = scene.send(url, MessageAttributes=attributes)
    (message,) = scene.receive(url, MessageAttributeNames=["All"])
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


def test_a_message_has_ten_attributes(scene: Scene) -> None:
    """Developer Guide, Message metadata: each message can have up to 10 attributes."""
    url = scene.queue()
    scene.send(url, MessageAttributes={f"a{index}": text("x") for index in range(10)})
    assert code(scene.send, url, MessageAttributes={f"a{index}": text("x") for index in range(11)}) == "InvalidParameterValue"


def test_names_of_attributes_have_their_rules(scene: Scene) -> None:
    """ReceiveMessage, MessageAttributeNames: "The name can contain alphanumeric characters and the underscore (_), hyphen (-), and
    period (.)." "The name must not start with AWS-reserved prefixes such as AWS. or Amazon. (or any casing variants)." "The name must
    not start or end with a period (.), and it should not have periods in succession (..)." "The name can be up to 256 characters
    long."
    """
    url = scene.queue()
    scene.send(url, MessageAttributes={"A-z_0.9": text("x"), "x" * 256: text("x")})
    for name in ("a b", "\u00f6", "AWS.x", "amazon.x", ".a", "a.", "a..b", "x" * 257):
        assert code(scene.send, url, MessageAttributes={name: text("x")}) == "InvalidParameterValue", name


def test_an_attribute_has_a_type_and_a_value(scene: Scene) -> None:
    """Developer Guide, Message attribute components: name, type and value must not be empty or null, and the types are String, Number
    and Binary.
    """
    url = scene.queue()
    assert code(scene.send, url, MessageAttributes={"a": text("x", "stringtype")}) == "InvalidParameterValue"
    assert code(scene.send, url, MessageAttributes={"a": text("")}) == "InvalidParameterValue"


def test_a_number_is_a_number(scene: Scene) -> None:
    """Developer Guide, Message attribute data types: a Number has up to 38 digits of precision, between 10^-128 and 10^+126."""
    url = scene.queue()
    scene.send(url, MessageAttributes={"n": text("1e126", "Number")})
    for number in ("one", "1e127", "1" * 39):
        assert code(scene.send, url, MessageAttributes={"n": text(number, "Number")}) == "InvalidParameterValue", number


def test_the_only_system_attribute_is_a_trace_header(scene: Scene) -> None:
    """SendMessage: "Currently, the only supported message system attribute is AWSTraceHeader. Its type must be String ... The size of a
    message system attribute doesn't count towards the total size of a message."
    """
    url = scene.queue({"MaximumMessageSize": "1024"})
    sent = scene.send(
        url,
        "x" * 1024,
        MessageSystemAttributes={"AWSTraceHeader": text("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")},
    )
    # SDKs compare it with the one of their own.
    assert sent["MD5OfMessageSystemAttributes"] == "5ae4d5d7636402d80f4eb6d213245a88"
    (message,) = scene.receive(url, MessageSystemAttributeNames=["AWSTraceHeader"])
    assert message["Attributes"] == {"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"}


def test_a_delay_has_fifteen_minutes(scene: Scene) -> None:
    """SendMessage, DelaySeconds: "Valid values: 0 to 900. Maximum: 15 minutes." """
    url = scene.queue()
    scene.send(url, DelaySeconds=900)
    assert scene.receive(url) == []
    assert scene.attributes(url)["ApproximateNumberOfMessagesDelayed"] == "1"
    assert code(scene.send, url, DelaySeconds=901) == "InvalidParameterValue"


# Batches


def entries(count: int) -> list[dict[str, str]]:
    return [{"Id": f"id-{index}", "MessageBody": str(index)} for index in range(count)]


def test_a_batch_has_one_to_ten_entries(scene: Scene) -> None:
    """TooManyEntriesInBatchRequest: "The batch request contains more entries than permissible. For Amazon SQS, the maximum number of
    entries you can include in a single SendMessageBatch, DeleteMessageBatch, or ChangeMessageVisibilityBatch request is 10."
    EmptyBatchRequest: "The batch request doesn't contain any entries."
    """
    url = scene.queue()
    assert len(scene.sqs.send_message_batch(QueueUrl=url, Entries=entries(10))["Successful"]) == 10
    assert code(scene.sqs.send_message_batch, QueueUrl=url, Entries=entries(11)) == PREFIX + "TooManyEntriesInBatchRequest"
    assert code(scene.sqs.send_message_batch, QueueUrl=url, Entries=[]) == PREFIX + "EmptyBatchRequest"
    assert code(scene.sqs.delete_message_batch, QueueUrl=url, Entries=[]) == PREFIX + "EmptyBatchRequest"


def test_ids_of_a_batch_differ(scene: Scene) -> None:
    """BatchEntryIdsNotDistinct: "Two or more batch entries in the request have the same Id." """
    url = scene.queue()
    assert code(scene.sqs.send_message_batch, QueueUrl=url, Entries=entries(1) * 2) == PREFIX + "BatchEntryIdsNotDistinct"


def test_an_id_of_a_batch_has_eighty_characters(scene: Scene) -> None:
    """SendMessageBatchRequestEntry, Id: "This identifier can have up to 80 characters. The following characters are accepted:
    alphanumeric characters, hyphens(-), and underscores (_)."
    """
    url = scene.queue()
    for wrong in ("", "a b", "x" * 81):
        batch = [{"Id": wrong, "MessageBody": "x"}]
        assert code(scene.sqs.send_message_batch, QueueUrl=url, Entries=batch) == PREFIX + "InvalidBatchEntryId", wrong
        deletion = [{"Id": wrong, "ReceiptHandle": "x"}]
        assert code(scene.sqs.delete_message_batch, QueueUrl=url, Entries=deletion) == PREFIX + "InvalidBatchEntryId", wrong


def test_a_batch_has_one_mebibyte(scene: Scene) -> None:
    """SendMessageBatch: "The maximum allowed individual message size and the maximum total payload size (the sum of the individual
    lengths of all of the batched messages) are both 1 MiB 1,048,576 bytes."
    """
    url = scene.queue()
    batch = [{"Id": "a", "MessageBody": "x" * 524_288}, {"Id": "b", "MessageBody": "x" * 524_289}]
    assert refusal(scene.sqs.send_message_batch, QueueUrl=url, Entries=batch) == (
        PREFIX + "BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        400,
    )


def test_entries_fail_for_themselves(scene: Scene) -> None:
    """SendMessageBatch: "Because the batch request can result in a combination of successful and unsuccessful actions, you should check
    for batch errors even when the call returns an HTTP status code of 200."
    """
    url = scene.queue({"MaximumMessageSize": "1024"})
    batch = [{"Id": "ok", "MessageBody": "x"}, {"Id": "large", "MessageBody": "x" * 1025}]
    answer = scene.sqs.send_message_batch(QueueUrl=url, Entries=batch)
    assert [sent["Id"] for sent in answer["Successful"]] == ["ok"]
    assert [(failed["Id"], failed["Code"], failed["SenderFault"]) for failed in answer["Failed"]] == [
        ("large", "InvalidParameterValue", True)
    ]


def test_deletions_fail_for_themselves(scene: Scene) -> None:
    """DeleteMessageBatch: "The result of the action on each message is reported individually in the response." """
    url = scene.queue()
    scene.send(url)
    (message,) = scene.receive(url)
    batch = [{"Id": "good", "ReceiptHandle": message["ReceiptHandle"]}, {"Id": "bad", "ReceiptHandle": "garbage"}]
    answer = scene.sqs.delete_message_batch(QueueUrl=url, Entries=batch)
    assert [deleted["Id"] for deleted in answer["Successful"]] == ["good"]
    assert [(failed["Id"], failed["Code"]) for failed in answer["Failed"]] == [("bad", "ReceiptHandleIsInvalid")]
