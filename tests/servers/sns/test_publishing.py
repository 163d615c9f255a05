import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.servers.sqs.refusals import refusal
from tests.servers.sqs.sqs_server import SqsServer


class Queue:
    def __init__(self, sqs: Any, name: str | None = None) -> None:
        self._sqs = sqs
        name = name or f"q-{uuid4().hex}"
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        self.url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn: str = found["Attributes"]["QueueArn"]

    def receive(self) -> list[dict[str, Any]]:
        """All, and they are gone."""
        found: list[dict[str, Any]] = []
        names = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"], "MaxNumberOfMessages": 10}
        while messages := self._sqs.receive_message(QueueUrl=self.url, **names).get("Messages"):
            for message in messages:
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            found += messages
        return found

    def bodies(self) -> list[Any]:
        return [json.loads(message["Body"]) for message in self.receive()]


@pytest.fixture
def queue(sqs: Any) -> Queue:
    return Queue(sqs)


def subscribe(sns: Any, topic: str, queue: Queue, **attributes: str) -> str:
    arn: str = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)["SubscriptionArn"]
    return arn


def test_a_queue_has_the_message_when_the_answer_comes(server: SqsServer, sns: Any, topic: str, queue: Queue) -> None:
    subscription = subscribe(sns, topic, queue)
    attributes = {"a": {"DataType": "String", "StringValue": "x"}, "b": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"}}
    published = sns.publish(TopicArn=topic, Message="hé", Subject="S", MessageAttributes=attributes)
    (message,) = queue.receive()
    body = json.loads(message["Body"])
    assert list(body) == [
        *("Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL"),
        *("UnsubscribeURL", "MessageAttributes"),
    ]
    assert (body["Type"], body["Message"], body["Subject"], body["SignatureVersion"]) == ("Notification", "hé", "S", "1")
    assert (body["MessageId"], body["TopicArn"]) == (published["MessageId"], topic)
    assert body["MessageAttributes"] == {"a": {"Type": "String", "Value": "x"}, "b": {"Type": "Binary", "Value": "AgME"}}
    assert body["UnsubscribeURL"] == f"{server.endpoint}/?Action=Unsubscribe&SubscriptionArn={subscription}"
    assert "MessageAttributes" not in message
    assert message["Attributes"]["SenderId"] == "AIDAIT2UOQQY3AUEKVGXU"


@pytest.mark.parametrize(("version", "algorithm"), [("1", hashes.SHA1()), ("2", hashes.SHA256())])
def test_the_signature_is_proved_by_the_certificate_at_its_url(
    server: SqsServer, sns: Any, topic: str, queue: Queue, version: str, algorithm: hashes.HashAlgorithm
) -> None:
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
    subscribe(sns, topic, queue)
    sns.publish(TopicArn=topic, Message="hello", Subject="S")
    (body,) = queue.bodies()
    url = body["SigningCertURL"]
    assert url.startswith(f"{server.endpoint}/SimpleNotificationService-")
    answer = server.ask("GET", urlsplit(url).path)
    assert answer.headers["content-type"] == "application/x-pem-file"
    key = x509.load_pem_x509_certificate(answer.body).public_key()
    assert isinstance(key, RSAPublicKey)
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{body[name]}\n" for name in names).encode()
    key.verify(base64.b64decode(body["Signature"]), text, padding.PKCS1v15(), algorithm)
    assert server.ask("GET", "/SimpleNotificationService-0.pem").status != 200


def test_a_raw_message_has_the_attributes_and_their_md5(sns: Any, topic: str, queue: Queue) -> None:
    subscribe(sns, topic, queue, RawMessageDelivery="true")
    attributes = {"attr1": {"DataType": "Number", "StringValue": "99.12"}, "attr2": {"DataType": "Number", "StringValue": "109.12"}}
    sns.publish(TopicArn=topic, Message="hello", MessageAttributes=attributes)
    # botocore compares the MD5s.
    (message,) = queue.receive()
    assert message["Body"] == "hello"
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == "9b720b3af309c1c4b0d395c53b08c502"


def test_message_structure(sns: Any, topic: str, queue: Queue) -> None:
    subscribe(sns, topic, queue, RawMessageDelivery="true")
    for message in ({"default": "d", "sqs": "s"}, {"default": "d", "http": "h"}, {"default": "d", "sqs": 1}):
        sns.publish(TopicArn=topic, Message=json.dumps(message), MessageStructure="json")
    assert sorted(message["Body"] for message in queue.receive()) == ["d", "d", "s"]
    text = "Invalid parameter: Message Structure - "
    for wrong, reason in (
        ('{"sqs":"x"}', "No default entry in JSON message body"),
        ('{"default":"x"} }', "JSON message body failed to parse"),
        ('{"default":{"object":"x"}}', "No default entry in JSON message body"),
    ):
        assert refusal(sns.publish, TopicArn=topic, Message=wrong, MessageStructure="json") == ("InvalidParameter", text + reason, 400)
    assert refusal(sns.publish, TopicArn=topic, Message="x", MessageStructure="xml")[0] == "InvalidParameter"


def test_targets(sns: Any, topic: str) -> None:
    assert sns.publish(TargetArn=topic, Message="x")["MessageId"]
    for fields, code, text, status in (
        ({"TopicArn": "x"}, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1", 400),
        ({"TopicArn": topic + "x"}, "NotFound", "Topic does not exist", 404),
        ({"TopicArn": topic.replace("us-east-1", "eu-west-1")}, "InvalidParameter", "Invalid parameter: TopicArn", 400),
        (
            {"TargetArn": "arn:aws:sns:us-east-1:000000000000:endpoint/APNS/a/1"},
            "InvalidParameter",
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
            400,
        ),
        ({"PhoneNumber": "+1a234"}, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +1a234 is not valid to publish to", 400),
        ({"PhoneNumber": "+15551234567"}, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: this server sends no SMS", 400),
        ({}, "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter", 400),
    ):
        assert refusal(sns.publish, Message="x", **fields) == (code, text, status)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"Message": ""}, "Empty message"),
        ({"Subject": ""}, "Subject"),
        ({"Subject": "x" * 101}, "Subject"),
        ({"Subject": "a\nb"}, "Subject"),
        ({"Message": "x" * 262_145}, "Message too long"),
        ({"Message": "x" * 262_133, "MessageAttributes": {"name": {"DataType": "String", "StringValue": "x"}}}, None),
        ({"Message": "x" * 262_133, "MessageAttributes": {"name": {"DataType": "String", "StringValue": "xx"}}}, "Message too long"),
        ({"Message": "\x00"}, "Message Reason: it has characters that XML 1.0 does not allow"),
        (
            {"MessageDeduplicationId": "d"},
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
        ),
        (
            {"MessageGroupId": "a b"},
            "MessageGroupId Reason: it can include alphanumeric and punctuation characters, and has 1 to 128 of them",
        ),
    ],
)
def test_messages_that_are_none(sns: Any, topic: str, fields: dict[str, Any], text: str | None) -> None:
    given = {"TopicArn": topic, "Message": "x", **fields}
    if text is None:
        # 4 of the name, 6 of the type, 1 of the value: 262,144 in all.
        sns.publish(**given)
    else:
        assert refusal(sns.publish, **given) == ("InvalidParameter", f"Invalid parameter: {text}", 400)


def test_a_topic_may_take_larger_messages(sns: Any, topic: str, queue: Queue) -> None:
    sns.set_topic_attributes(TopicArn=topic, AttributeName="MaximumMessageSize", AttributeValue="1048576")
    subscribe(sns, topic, queue, RawMessageDelivery="true")
    sns.publish(TopicArn=topic, Message="x" * 1_048_576)
    assert [len(message["Body"]) for message in queue.receive()] == [1_048_576]


STRING, NUMBER, BINARY = "String", "Number", "Binary"
EMPTY = "The message attribute 'a' must contain non-empty message attribute value for message attribute type '{}'."
PREFIXES = "the set of supported type prefixes is Binary, Number, and String."
STRANGE_TYPE = f"The message attribute 'a' has an invalid message attribute type, {PREFIXES}"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("a", {"DataType": STRING, "StringValue": ""}, EMPTY.format(STRING)),
        ("a", {"DataType": STRING}, EMPTY.format(STRING)),
        ("a", {"DataType": BINARY}, EMPTY.format(BINARY)),
        ("a", {"DataType": STRING, "BinaryValue": b"x"}, "The message attribute 'a' with type 'String' must use field 'String'."),
        ("a", {"DataType": NUMBER, "BinaryValue": b"x"}, "The message attribute 'a' with type 'Number' must use field 'String'."),
        ("a", {"DataType": BINARY, "StringValue": "x"}, "The message attribute 'a' with type 'Binary' must use field 'Binary'."),
        ("a", {"DataType": "InvalidType", "StringValue": "x"}, STRANGE_TYPE),
        ("a", {"DataType": "Stringprefixed", "StringValue": "x"}, STRANGE_TYPE),
        ("a", {"DataType": NUMBER, "StringValue": "many"}, "Could not cast message attribute 'a' value to number."),
        ("a" * 257, {"DataType": STRING, "StringValue": "x"}, "Length of message attribute name must be less than 256 bytes."),
        (
            "^invalid",
            {"DataType": STRING, "StringValue": "x"},
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, "
            "hyphens, underscores, or dots.",
        ),
        (".a", {"DataType": STRING, "StringValue": "x"}, "Invalid message attribute name starting with character '.' was found."),
        ("a.", {"DataType": STRING, "StringValue": "x"}, "Invalid message attribute name ending with character '.' was found."),
        ("a..b", {"DataType": STRING, "StringValue": "x"}, "Message attribute name can not have successive '.' character."),
    ],
)
def test_attributes_that_are_none(sns: Any, topic: str, name: str, value: dict[str, Any], text: str) -> None:
    expected = ("ParameterValueInvalid", text, 400)
    assert refusal(sns.publish, TopicArn=topic, Message="x", MessageAttributes={name: value}) == expected
    entry = {"Id": "1", "Message": "x", "MessageAttributes": {name: value}}
    assert refusal(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=[entry]) == expected


def test_a_type_that_is_missing_is_named_by_its_place(server: SqsServer, topic: str) -> None:
    answer = server.query(
        "Publish",
        Version="2010-03-31",
        TopicArn=topic,
        Message="x",
        MessageAttributes__entry__1__Name="attr1",
        MessageAttributes__entry__1__Value__StringValue="x",
    )
    assert answer.text("Error/Message") == (
        "1 validation error detected: Value null at 'messageAttributes.attr1.member.dataType' failed to satisfy constraint: "
        "Member must not be null"
    )
    assert answer.text("Error/Code") == "ValidationError"


# Batches


def test_a_batch_is_published_in_its_order(sns: Any, topic: str, queue: Queue) -> None:
    subscribe(sns, topic, queue, RawMessageDelivery="true")
    entries = [{"Id": str(number), "Message": f"m{number}"} for number in range(10)]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == [entry["Id"] for entry in entries]
    assert answer.get("Failed", []) == []
    assert sorted(message["Body"] for message in queue.receive()) == [entry["Message"] for entry in entries]


def test_batches_that_are_none(sns: Any, topic: str) -> None:
    def refused(*entries: dict[str, Any], arn: str = topic) -> Any:
        return refusal(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=[{"Message": "x", **entry} for entry in entries])

    more = "The batch request contains more entries than permissible."
    assert refused(*({"Id": str(number)} for number in range(11))) == ("TooManyEntriesInBatchRequest", more, 400)
    twice = "Two or more batch entries in the request have the same Id."
    assert refused({"Id": "1"}, {"Id": "1"}) == ("BatchEntryIdsNotDistinct", twice, 400)
    strange = "The Id of a batch entry in the batch request contains an impermissible character: message.id"
    assert refused({"Id": "message.id"}) == ("InvalidBatchEntryId", strange, 400)
    long = f"The Id of a batch entry in the batch request is too long: {'a' * 81}"
    assert refused({"Id": "a" * 81}) == ("InvalidBatchEntryId", long, 400)
    too_long = "The length of all the messages put together is more than the limit."
    halves = [{"Id": str(number), "Message": "x" * 131_073} for number in range(2)]
    assert refused(*halves) == ("BatchRequestTooLong", too_long, 400)
    assert refused()[0] == "EmptyBatchRequest"
    assert refused({"Id": "1"}, arn=topic + "x") == ("NotFound", "Topic does not exist", 404)


def test_one_wrong_entry_refuses_the_batch(sns: Any, topic: str, queue: Queue) -> None:
    subscribe(sns, topic, queue)
    entries = [{"Id": "1", "Message": "x"}, {"Id": "2", "Message": '{"sqs":"x"}', "MessageStructure": "json"}]
    text = "Invalid parameter: Message Structure - No default entry in JSON message body"
    assert refusal(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries) == ("InvalidParameter", text, 400)
    assert queue.receive() == []


# FIFO


def test_fifo_topics_keep_order_and_tell_of_it(sns: Any, sqs: Any, fifo: str) -> None:
    queue = Queue(sqs, f"q-{uuid4().hex}.fifo")
    subscribe(sns, fifo, queue)
    entries = [
        {"Id": str(number), "Message": f"m{number}", "MessageGroupId": "g", "MessageDeduplicationId": str(number)} for number in range(5)
    ]
    answer = sns.publish_batch(TopicArn=fifo, PublishBatchRequestEntries=entries)["Successful"]
    again = sns.publish_batch(TopicArn=fifo, PublishBatchRequestEntries=entries)["Successful"]
    assert again == answer
    messages = queue.receive()
    bodies = [json.loads(message["Body"]) for message in messages]
    assert [body["Message"] for body in bodies] == [entry["Message"] for entry in entries]
    assert [body["SequenceNumber"] for body in bodies] == [each["SequenceNumber"] for each in answer]
    assert list(bodies[0]) == ["Type", "MessageId", "SequenceNumber", "TopicArn", "Message", "Timestamp", "UnsubscribeURL"]
    assert (messages[0]["Attributes"]["MessageGroupId"], messages[0]["Attributes"]["MessageDeduplicationId"]) == ("g", "0")


def test_what_a_fifo_topic_asks_for(sns: Any, fifo: str) -> None:
    group = "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    assert refusal(sns.publish, TopicArn=fifo, Message="x", MessageDeduplicationId="d") == ("InvalidParameter", group, 400)
    either = "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    expected = ("InvalidParameter", f"Invalid parameter: {either}", 400)
    assert refusal(sns.publish, TopicArn=fifo, Message="x", MessageGroupId="g") == expected
    entry = {"Id": "1", "Message": "x", "MessageGroupId": "g"}
    assert refusal(sns.publish_batch, TopicArn=fifo, PublishBatchRequestEntries=[entry]) == expected


def test_the_trace_header_goes_along(server: SqsServer, sns: Any, topic: str, queue: Queue) -> None:
    subscribe(sns, topic, queue)
    trace = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"
    body = f"Action=Publish&Version=2010-03-31&TopicArn={topic}&Message=x".encode()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Amzn-Trace-Id": trace,
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sns/aws4_request",
    }
    assert server.ask("POST", "/", body, headers).status == 200
    (message,) = queue.receive()
    assert message["Attributes"]["AWSTraceHeader"] == trace


def test_the_unsubscribe_url_unsubscribes(server: SqsServer, sns: Any, topic: str, queue: Queue) -> None:
    subscribe(sns, topic, queue)
    sns.publish(TopicArn=topic, Message="x")
    (body,) = queue.bodies()
    url = urlsplit(body["UnsubscribeURL"])
    assert server.ask("GET", f"{url.path}?{url.query}").status == 200
    (asked,) = queue.bodies()
    assert asked["Type"] == "UnsubscribeConfirmation"
    sns.publish(TopicArn=topic, Message="y")
    assert queue.bodies() == []
    subscribe_url = urlsplit(asked["SubscribeURL"])
    assert parse_qs(subscribe_url.query)["Token"] == [asked["Token"]]
    assert server.ask("GET", f"{subscribe_url.path}?{subscribe_url.query}").status == 200
    sns.publish(TopicArn=topic, Message="z")
    assert [body["Message"] for body in queue.bodies()] == ["z"]
