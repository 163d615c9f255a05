import hashlib
import json
import socket
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.servers.sqs.refusals import received, refusal
from tests.servers.sqs.sqs_server import PATIENCE_S, SqsServer, eventually

# Sending


def test_a_message_comes_as_it_was_sent(sqs: Any, queue: str) -> None:
    sent = sqs.send_message(QueueUrl=queue, MessageBody="h\u00e9llo \u20ac \U0001f600 <&> \t\n\r")
    assert sent["MD5OfMessageBody"] == hashlib.md5("h\u00e9llo \u20ac \U0001f600 <&> \t\n\r".encode()).hexdigest()
    (message,) = received(sqs, queue)
    assert message["Body"] == "h\u00e9llo \u20ac \U0001f600 <&> \t\n\r"
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert "SequenceNumber" not in sent


def test_a_message_comes_as_it_was_sent_in_xml(server: SqsServer, sqs: Any, queue: str) -> None:
    sent = server.query("SendMessage", QueueUrl=queue, MessageBody="h\u00e9llo <&> \r\n\t]]>")
    assert sent.status == 200
    assert sent.headers["content-type"] == "text/xml"
    answer = server.query("ReceiveMessage", QueueUrl=queue)
    assert answer.text("ReceiveMessageResult/Message/Body") == "h\u00e9llo <&> \r\n\t]]>"
    assert answer.text("ReceiveMessageResult/Message/MessageId") == sent.text("SendMessageResult/MessageId")
    assert sent.text("ResponseMetadata/RequestId") == sent.headers["x-amzn-requestid"]
    assert received(sqs, queue) == []


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        ({"DataType": "String", "StringValue": "Kenobi"}, "StringValue"),
        ({"DataType": "String.json", "StringValue": '{"a": 1}'}, "StringValue"),
        ({"DataType": "Number", "StringValue": "-12.50e3"}, "StringValue"),
        ({"DataType": "Number.int", "StringValue": "0"}, "StringValue"),
        ({"DataType": "Binary", "BinaryValue": b"\x00\xff"}, "BinaryValue"),
        ({"DataType": "Binary.png", "BinaryValue": b"x"}, "BinaryValue"),
    ],
)
def test_attributes_come_as_they_were_sent(sqs: Any, queue: str, attributes: dict[str, Any], value: str) -> None:
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes={"name.of-it_1": attributes})
    # botocore itself checks the MD5 of what it has sent and received.
    (message,) = received(sqs, queue, MessageAttributeNames=["All"])
    assert message["MessageAttributes"] == {"name.of-it_1": attributes}
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert value in message["MessageAttributes"]["name.of-it_1"]


def test_no_attribute_is_told_unless_it_is_asked_for(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes={"a": {"DataType": "String", "StringValue": "1"}})
    (message,) = received(sqs, queue)
    assert set(message) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["All"], {"General", "Hello", "Help.Me"}),
        ([".*"], {"General", "Hello", "Help.Me"}),
        (["*"], {"General", "Hello", "Help.Me"}),
        (["Hello", "General"], {"General", "Hello"}),
        (["Hello", "Foo"], {"Hello"}),
        (["Hel.*"], {"Hello", "Help.Me"}),
        (["Foo"], set()),
        (["AWS."], set()),
    ],
)
def test_attributes_are_chosen_by_name_and_by_prefix(sqs: Any, queue: str, names: list[str], told: set[str]) -> None:
    values = {"Hello": "There", "General": "Kenobi", "Help.Me": "Me"}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
    sqs.send_message(QueueUrl=queue, MessageBody="msg", MessageAttributes=attributes)
    (message,) = received(sqs, queue, MessageAttributeNames=names)
    assert set(message.get("MessageAttributes", {})) == told
    # Of those that are told: so the real service answered for these very values.
    expected = {
        frozenset({"General", "Hello", "Help.Me"}): "4c360f3fdafd970e05fae2f149d997f5",
        frozenset({"General", "Hello"}): "fca026605781cb4126a1e9044df24232",
        frozenset({"Hello"}): "a311262e065454b75da111d535b8dacd",
        frozenset({"Hello", "Help.Me"}): "83fee93c1bcd8b9a5a923ffacdc636c7",
        frozenset(): None,
    }
    assert message.get("MD5OfMessageAttributes") == expected[frozenset(told)]


def test_system_attributes_are_told_by_name(server: SqsServer, sqs: Any, queue: str) -> None:
    now_ms = server.server.clock.now_ms()
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}}
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageSystemAttributes=trace, MessageGroupId="tenant-1")
    assert "MD5OfMessageSystemAttributes" in sent
    (message,) = received(sqs, queue, MessageSystemAttributeNames=["All"])
    assert message["Attributes"] == {
        "SenderId": "000000000000",
        "SentTimestamp": str(now_ms),
        "ApproximateReceiveCount": "1",
        "ApproximateFirstReceiveTimestamp": str(now_ms),
        "MessageGroupId": "tenant-1",
        "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
    }
    server.advance(31)
    (again,) = received(sqs, queue, AttributeNames=["ApproximateReceiveCount"], MessageSystemAttributeNames=["SentTimestamp"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2", "SentTimestamp": str(now_ms)}
    server.advance(31)
    assert refusal(sqs.receive_message, QueueUrl=queue, MessageSystemAttributeNames=["Colour"]) == (
        "InvalidAttributeName",
        "Unknown Attribute Colour.",
        400,
    )


def test_the_trace_header_of_a_request_goes_with_the_message(server: SqsServer, sqs: Any, queue: str) -> None:
    headers = {"X-Amz-Target": "AmazonSQS.SendMessage", "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793"}
    answer = server.ask("POST", "/", json.dumps({"QueueUrl": queue, "MessageBody": "x"}).encode(), headers)
    assert set(answer.json) == {"MD5OfMessageBody", "MessageId"}
    (message,) = received(sqs, queue, MessageSystemAttributeNames=["AWSTraceHeader"])
    assert message["Attributes"] == {"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"}


TOO_LONG = "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."
NO_CHARACTER = (
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
)


def text(value: str, data_type: str = "String") -> dict[str, Any]:
    return {"DataType": data_type, "StringValue": value}


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({"MessageBody": ""}, "MissingParameter", "The request must contain the parameter MessageBody."),
        ({"MessageBody": "x" * 1_048_577}, "InvalidParameterValue", TOO_LONG),
        ({"MessageBody": "x" * 1_048_560, "MessageAttributes": {"abc": text("12345678")}}, "InvalidParameterValue", TOO_LONG),
        ({"MessageBody": "a\x00"}, "InvalidMessageContents", NO_CHARACTER),
        ({"MessageBody": "\uffff"}, "InvalidMessageContents", NO_CHARACTER),
        (
            {"DelaySeconds": 901},
            "InvalidParameterValue",
            "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
        ),
        (
            {"DelaySeconds": -1},
            "InvalidParameterValue",
            "Value -1 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
        ),
        (
            {"MessageAttributes": {f"a{index}": text("x") for index in range(11)}},
            "InvalidParameterValue",
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
        (
            {"MessageAttributes": {"ErrorDetails": text("")}},
            "InvalidParameterValue",
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
        ),
        (
            {"MessageAttributes": {"\u00f6ther": text("x")}},
            "InvalidParameterValue",
            "The message attribute name '\u00f6ther' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and "
            "period (.) characters.",
        ),
        (
            {"MessageAttributes": {"a": text("x", "stringtype")}},
            "InvalidParameterValue",
            "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and "
            "String.",
        ),
        (
            {"MessageAttributes": {"a": text("one", "Number")}},
            "InvalidParameterValue",
            "Can't cast the value of message (user) attribute 'a' to a number.",
        ),
        (
            {"MessageGroupId": "a b"},
            "InvalidParameterValue",
            "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation "
            "characters. 1 to 128 in length.",
        ),
        (
            {"MessageDeduplicationId": "1"},
            "InvalidParameterValue",
            "Value 1 for parameter MessageDeduplicationId is invalid. Reason: "
            "The request include parameter that is not valid for this queue type.",
        ),
    ],
)
def test_what_is_no_message_is_refused(sqs: Any, queue: str, parameters: dict[str, Any], code: str, message: str) -> None:
    assert refusal(sqs.send_message, **({"QueueUrl": queue, "MessageBody": "x"} | parameters)) == (code, message, 400)
    assert received(sqs, queue) == []


@pytest.mark.parametrize("name", ["AWS.name", "aws.x", "Amazon.y", "AMAZON.z", ".a", "a.", "a..b", "a b", "x" * 257, "a/b", "a\u0000"])
def test_a_name_that_no_attribute_may_have_is_refused(sqs: Any, queue: str, name: str) -> None:
    code, _, status = refusal(sqs.send_message, QueueUrl=queue, MessageBody="x", MessageAttributes={name: text("x")})
    assert (code, status) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize("number", ["1e127", "-1e127", "1e-129", "1" * 39, "0x1", "", " 1", "1e", "NaN", "1e99999999999999999999"])
def test_a_number_out_of_range_is_refused(sqs: Any, queue: str, number: str) -> None:
    code, _, _ = refusal(sqs.send_message, QueueUrl=queue, MessageBody="x", MessageAttributes={"n": text(number, "Number")})
    assert code == "InvalidParameterValue"


@pytest.mark.parametrize("number", ["1e126", "-9.99e126", "1e-128", "1" * 38, "0", "0.0", ".5", "5.", "+1", "1" + "0" * 100])
def test_a_number_in_range_is_taken(sqs: Any, queue: str, number: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes={"n": text(number, "Number")})


def test_a_message_of_exactly_the_greatest_size_is_taken(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="\u20ac" * 349_525 + "x")
    (message,) = received(sqs, queue)
    assert len(message["Body"].encode()) == 1_048_576


def test_a_system_attribute_that_is_none_is_refused(server: SqsServer, queue: str) -> None:
    for attributes in (
        {"Colour": text("x")},
        {"AWSTraceHeader": text("1", "Number")},
        {"AWSTraceHeader": {"DataType": "String"}},
    ):
        answer = server.json("SendMessage", QueueUrl=queue, MessageBody="x", MessageSystemAttributes=attributes)
        assert answer.status == 400
        assert answer.headers["x-amzn-query-error"] == "InvalidParameterValue;Sender"


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({"MessageDeduplicationId": "1"}, "MissingParameter", "The request must contain the parameter MessageGroupId."),
        (
            {"MessageGroupId": "g"},
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ),
        (
            {"MessageGroupId": "g", "MessageDeduplicationId": "1", "DelaySeconds": 2},
            "InvalidParameterValue",
            "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.",
        ),
        (
            {"MessageGroupId": "g", "MessageDeduplicationId": ""},
            "InvalidParameterValue",
            "Value  for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and "
            "punctuation characters. 1 to 128 in length.",
        ),
    ],
)
def test_what_is_no_message_of_a_fifo_queue_is_refused(sqs: Any, fifo: str, parameters: dict[str, Any], code: str, message: str) -> None:
    assert refusal(sqs.send_message, QueueUrl=fifo, MessageBody="x", **parameters) == (code, message, 400)


def test_a_message_of_a_fifo_queue_has_a_sequence_number(sqs: Any, fifo: str) -> None:
    numbers = [
        sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageGroupId="g", MessageDeduplicationId=str(index))["SequenceNumber"]
        for index in range(3)
    ]
    assert numbers == sorted(numbers)
    assert {len(number) for number in numbers} == {20}
    messages = received(sqs, fifo, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
    assert [message["Attributes"]["SequenceNumber"] for message in messages] == numbers
    assert messages[0]["Attributes"]["MessageDeduplicationId"] == "0"
    assert messages[0]["Attributes"]["MessageGroupId"] == "g"


# Receiving


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"MaxNumberOfMessages": 11},
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            {"MaxNumberOfMessages": 0},
            "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        ({"WaitTimeSeconds": 21}, "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."),
        ({"WaitTimeSeconds": -1}, "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."),
        (
            {"VisibilityTimeout": 43_201},
            "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.",
        ),
        (
            {"ReceiveRequestAttemptId": "a"},
            "Value a for parameter ReceiveRequestAttemptId is invalid. Reason: "
            "The request include parameter that is not valid for this queue type.",
        ),
    ],
)
def test_a_receive_that_asks_for_what_there_is_not_is_refused(sqs: Any, queue: str, parameters: dict[str, Any], message: str) -> None:
    assert refusal(sqs.receive_message, QueueUrl=queue, **parameters) == ("InvalidParameterValue", message, 400)


def test_an_empty_queue_answers_nothing(server: SqsServer, sqs: Any, queue: str) -> None:
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert server.json("ReceiveMessage", QueueUrl=queue).json == {}
    answer = server.query("ReceiveMessage", QueueUrl=queue)
    assert answer.xml.find("ReceiveMessageResult") is not None
    assert answer.xml.find("ReceiveMessageResult/Message") is None


def test_a_long_poll_is_answered_when_a_message_comes(server: SqsServer, sqs: Any, queue: str) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(received, sqs, queue, WaitTimeSeconds=20)
        eventually(lambda: server.waiting == 1)
        sqs.send_message(QueueUrl=queue, MessageBody="now")
        assert [message["Body"] for message in waiting.result(PATIENCE_S)] == ["now"]


def test_a_long_poll_that_nothing_comes_for_is_answered_when_its_time_is_over(sqs: Any, queue: str) -> None:
    begun = time.monotonic()
    assert received(sqs, queue, WaitTimeSeconds=1) == []
    assert 0.9 <= time.monotonic() - begun < 10


def are_left(waiting: Sequence[Future[Any]], count: int) -> bool:
    return sum(not each.done() for each in waiting) == count


def test_one_message_wakes_one_of_many(server: SqsServer, sqs: Any, queue: str) -> None:
    with ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(received, sqs, queue, WaitTimeSeconds=20) for _ in range(10)]
        eventually(lambda: server.waiting == 10)
        for left in range(9, -1, -1):
            sqs.send_message(QueueUrl=queue, MessageBody=str(left))
            eventually(partial(are_left, waiting, left))
        assert {each.result(PATIENCE_S)[0]["Body"] for each in waiting} == {str(number) for number in range(10)}


def test_a_message_is_not_lost_to_a_client_that_has_hung_up(server: SqsServer, sqs: Any, queue: str) -> None:
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        body = f'{{"QueueUrl": "{queue}", "WaitTimeSeconds": 20}}'
        head = (
            f"POST / HTTP/1.1\r\nHost: {server.address}\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall((head + body).encode())
        eventually(lambda: server.waiting == 1)
    eventually(lambda: server.waiting == 0)
    sqs.send_message(QueueUrl=queue, MessageBody="kept")
    assert [message["Body"] for message in received(sqs, queue)] == ["kept"]


# Deleting and visibility


def test_what_is_deleted_does_not_come_again(server: SqsServer, sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    (message,) = received(sqs, queue)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    server.advance(31)
    assert received(sqs, queue) == []


def test_what_is_not_deleted_comes_again(server: SqsServer, sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert len(received(sqs, queue, VisibilityTimeout=5)) == 1
    assert received(sqs, queue) == []
    server.advance(5.1)
    assert len(received(sqs, queue)) == 1


def test_visibility_can_be_changed(server: SqsServer, sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    (message,) = received(sqs, queue)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (message,) = received(sqs, queue)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=100)
    server.advance(99)
    assert received(sqs, queue) == []
    server.advance(2)
    assert len(received(sqs, queue)) == 1


@pytest.mark.parametrize("action", ["DeleteMessage", "ChangeMessageVisibility"])
def test_a_receipt_handle_that_is_none_is_refused(server: SqsServer, queue: str, action: str) -> None:
    text = 'The input receipt handle "garbage" is not a valid receipt handle.'
    answer = server.json(action, QueueUrl=queue, ReceiptHandle="garbage", VisibilityTimeout=1)
    assert (answer.json["__type"], answer.json["message"]) == ("com.amazonaws.sqs#ReceiptHandleIsInvalid", text)
    answer = server.query(action, QueueUrl=queue, ReceiptHandle="garbage", VisibilityTimeout=1)
    assert (answer.text("Error/Code"), answer.text("Error/Message")) == ("ReceiptHandleIsInvalid", text)
    answer = server.query(action, QueueUrl=queue, VisibilityTimeout=1)
    assert answer.text("Error/Code") == "MissingParameter"
    assert answer.text("Error/Message") == "The request must contain the parameter ReceiptHandle."


def test_a_visibility_out_of_range_is_refused(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    (message,) = received(sqs, queue)
    handle = message["ReceiptHandle"]
    code, message_text, _ = refusal(sqs.change_message_visibility, QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=43_201)
    assert code == "InvalidParameterValue"
    assert "43201" in message_text
