"""What is not a request, and how fast one is that is."""

import json

import pytest

from message_queues.protocols.aws.content import Wire
from message_queues.protocols.aws.faults import AwsFault, missing_action, missing_parameter
from message_queues.protocols.sqs.codec import decode_request, encode_fault, encode_response
from message_queues.protocols.sqs.requests import (
    ListQueuesRequest,
    ReceiveMessageResponse,
    SendMessageRequest,
    SendMessageResponse,
)


def refused(body: bytes, action: str = "SendMessageBatch", wire: Wire = Wire.JSON) -> AwsFault:
    with pytest.raises(AwsFault) as refusal:
        decode_request(action, wire, body)
    return refusal.value


@pytest.mark.parametrize("body", [b"", b"{}", b' { "QueueNamePrefix" : null } ', b'{"Unknown": [{"a": 1.5e300}]}'])
def test_what_is_not_given_is_none(body: bytes) -> None:
    assert decode_request("ListQueues", Wire.JSON, body) == ListQueuesRequest()


def test_any_text_of_json_is_read() -> None:
    body = json.dumps({"MessageBody": "\0ü🎉\ud83c\udf89"}).encode()
    assert decode_request("SendMessage", Wire.JSON, body) == SendMessageRequest(message_body="\0ü🎉🎉")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"Entries": [{"DelaySeconds": "5"}]}', "STRING_VALUE can not be converted to an Integer: Entries[0].DelaySeconds"),
        (b'{"Entries": [{"DelaySeconds": 5.5}]}', "NUMBER_VALUE can not be converted to an Integer: Entries[0].DelaySeconds"),
        (b'{"QueueUrl": 5}', "NUMBER_VALUE can not be converted to a String: QueueUrl"),
        (b'{"QueueUrl": true}', "BOOLEAN_VALUE can not be converted to a String: QueueUrl"),
        (b'{"QueueUrl": []}', "Start of list found where not expected: QueueUrl"),
        (b'{"QueueUrl": {}}', "Start of structure or map found where not expected: QueueUrl"),
        (b'{"Entries": "a"}', "STRING_VALUE can not be converted to a List: Entries"),
        (b'{"Entries": [null]}', "NULL_VALUE can not be converted to a Map: Entries[0]"),
        (b"[]", "Start of list found where not expected"),
        (b"null", "NULL_VALUE can not be converted to a Map"),
        (b'{"Entries": [{"DelaySeconds": 2147483648}]}', "Expected `int` <= 2147483647 - at `$.Entries[0].DelaySeconds`"),
        (
            b'{"Entries": [{"MessageAttributes": {"a": {"BinaryValue": "A"}}}]}',
            "Invalid base64 encoded string - at `$.Entries[0].MessageAttributes[...].BinaryValue`",
        ),
        (b"{", "Input data was truncated"),
        (b"{}}", "JSON is malformed: trailing characters (byte 3)"),
        (b'{"QueueUrl": "\xff"}', "The JSON is not UTF-8: invalid start byte"),
        (b'{"QueueUrl": ' + b"[" * 100_000, "Start of list found where not expected: QueueUrl"),
        (b'{"Unknown": ' + b"[" * 100_000, "The JSON is nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_told_where(body: bytes, reason: str) -> None:
    fault = refused(body)
    assert (fault.code, fault.query_code, fault.status) == ("SerializationException", "MalformedInput", 400)
    assert fault.message == reason


@pytest.mark.parametrize("body", [b'{"QueueUrl": "\\ud800"}', b'{"QueueUrl": "\\ud800 and what follows it"}', b'{"QueueUrl": "\\udc00a"}'])
def test_half_of_a_surrogate_pair_is_no_text(body: bytes) -> None:
    assert refused(body).code == "SerializationException"


@pytest.mark.parametrize("wire", Wire)
@pytest.mark.parametrize("action", ["FooBar", "", "sendMessage", "__class__"])
def test_an_unknown_action_is_invalid(action: str, wire: Wire) -> None:
    fault = refused(b"", action, wire)
    assert (fault.code, fault.query_code, fault.status) == ("UnknownOperationException", "InvalidAction", 400)
    assert fault.message == f"The action {action} is not valid for this endpoint."


def test_parameters_of_the_body_count_before_those_of_the_url() -> None:
    read = decode_request("SendMessage", Wire.QUERY, b"MessageBody=a", b"MessageBody=b&QueueUrl=c")
    assert read == SendMessageRequest(queue_url="c", message_body="a")


def test_an_error_of_the_model_is_of_the_service_and_any_other_of_its_frame() -> None:
    modelled = AwsFault("QueueDoesNotExist", "Gone.", query_code="AWS.SimpleQueueService.NonExistentQueue")
    headers, body = encode_fault(modelled, Wire.JSON, "request-1")
    assert json.loads(body) == {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "Gone."}
    assert dict(headers) == {
        b"x-amzn-requestid": b"request-1",
        b"content-type": b"application/x-amz-json-1.0",
        b"x-amzn-query-error": b"AWS.SimpleQueueService.NonExistentQueue;Sender",
    }
    headers, body = encode_fault(missing_parameter("MessageBody"), Wire.JSON, "request-1")
    assert json.loads(body)["__type"] == "com.amazon.coral.service#MissingRequiredParameterException"
    assert dict(headers)[b"x-amzn-query-error"] == b"MissingParameter;Sender"


def test_an_answer_leaves_out_what_is_not_there() -> None:
    answer = SendMessageResponse("md5", message_id="id")
    assert encode_response("SendMessage", answer, Wire.JSON, "r") == b'{"MD5OfMessageBody":"md5","MessageId":"id"}'
    assert encode_response("ReceiveMessage", ReceiveMessageResponse(), Wire.JSON, "r") == b"{}"
    assert encode_response("DeleteMessage", None, Wire.JSON, "r") == b"{}"


def test_no_action_in_query_is_answered_with_aws_s_short_document() -> None:
    headers, body = encode_fault(missing_action(), Wire.QUERY, "r")
    assert body == b"<UnknownOperationException/>\n"
    assert (b"content-type", b"text/xml") in headers
