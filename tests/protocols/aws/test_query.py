"""Forms become requests."""

import random
import tracemalloc
from urllib.parse import unquote_to_bytes

import pytest

from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.aws.query import MAX_PARAMETERS, RequestReader, parse_form, unescaped
from message_queues.protocols.sns import requests as sns
from message_queues.protocols.sqs.requests import (
    AddPermissionRequest,
    CreateQueueRequest,
    DeleteMessageBatchRequest,
    GetQueueAttributesRequest,
    MessageAttributeValue,
    ReceiveMessageRequest,
    SendMessageBatchRequest,
    SendMessageBatchRequestEntry,
    SendMessageRequest,
    SetQueueAttributesRequest,
    StartMessageMoveTaskRequest,
    TagQueueRequest,
    UntagQueueRequest,
)


def read(request: type, form: bytes) -> object:
    return RequestReader(request).read(parse_form(form))


def refused(request: type, form: bytes) -> AwsFault:
    with pytest.raises(AwsFault) as refusal:
        read(request, form)
    return refusal.value


# Samples of the Amazon SQS API Reference


def test_attributes_of_a_new_queue() -> None:
    form = b"Action=CreateQueue&QueueName=MyQueue&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=40&Version=2012-11-05"
    assert read(CreateQueueRequest, form) == CreateQueueRequest("MyQueue", {"VisibilityTimeout": "40"})


def test_accounts_and_actions_of_a_permission() -> None:
    form = b"Label=MyLabel&AWSAccountId.1=177715257436&AWSAccountId.2=111111111111&ActionName.1=SendMessage&ActionName.2=ReceiveMessage"
    accounts = ["177715257436", "111111111111"]
    assert read(AddPermissionRequest, form) == AddPermissionRequest(None, "MyLabel", accounts, ["SendMessage", "ReceiveMessage"])


def test_a_batch_with_attributes() -> None:
    form = (
        b"SendMessageBatchRequestEntry.1.Id=test_msg_no_message_timer&SendMessageBatchRequestEntry.1.MessageBody=test%20message%20body%201"
        b"&SendMessageBatchRequestEntry.2.Id=test_msg_delay_45_seconds&SendMessageBatchRequestEntry.2.MessageBody=test%20message%20body%202"
        b"&SendMessageBatchRequestEntry.2.DelaySeconds=45&SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=test_attribute_name_1"
        b"&SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.StringValue=test_attribute_value_1"
        b"&SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.DataType=String"
    )
    first = SendMessageBatchRequestEntry("test_msg_no_message_timer", "test message body 1")
    attribute = MessageAttributeValue(string_value="test_attribute_value_1", data_type="String")
    second = SendMessageBatchRequestEntry("test_msg_delay_45_seconds", "test message body 2", 45, {"test_attribute_name_1": attribute})
    assert read(SendMessageBatchRequest, form) == SendMessageBatchRequest(None, [first, second])


def test_tags() -> None:
    form = b"Tag.1.Key=QueueType&Tag.1.Value=Production&Tag.2.Key=Owner&Tag.2.Value=Developer123"
    assert read(TagQueueRequest, form) == TagQueueRequest(None, {"QueueType": "Production", "Owner": "Developer123"})
    assert read(UntagQueueRequest, b"TagKey.1=QueueType&TagKey.2=Owner") == UntagQueueRequest(None, ["QueueType", "Owner"])


def test_a_list_without_numbers_has_one_item() -> None:
    form = b"MaxNumberOfMessages=5&VisibilityTimeout=15&AttributeName=All"
    read_back = ReceiveMessageRequest(max_number_of_messages=5, visibility_timeout=15, attribute_names=["All"])
    assert read(ReceiveMessageRequest, form) == read_back


def test_a_map_without_numbers_has_one_entry() -> None:
    form = b"Action=SetQueueAttributes&Attribute.Name=VisibilityTimeout&Attribute.Value=35"
    assert read(SetQueueAttributesRequest, form) == SetQueueAttributesRequest(None, {"VisibilityTimeout": "35"})


# Whatever else clients write


@pytest.mark.parametrize(
    "form",
    [
        b"AttributeName.1=a&AttributeName.2=b",
        b"AttributeNames.1=a&AttributeNames.2=b",
        b"AttributeName.member.1=a&AttributeName.member.2=b",
        b"AttributeNames.member.1=a&AttributeNames.member.2=b",
        b"AttributeName.20=b&AttributeName.3=a",
        b"AttributeName.01=a&AttributeName.2=b&AttributeName.2=c",
    ],
)
def test_a_list_is_read_in_the_order_of_its_numbers_under_any_of_its_names(form: bytes) -> None:
    assert read(GetQueueAttributesRequest, form) == GetQueueAttributesRequest(None, ["a", "b"])


def test_the_same_number_written_twice_is_two_items() -> None:
    assert read(GetQueueAttributesRequest, b"AttributeName.1=b&AttributeName.01=a") == GetQueueAttributesRequest(None, ["a", "b"])


def test_an_empty_list_is_a_list() -> None:
    assert read(GetQueueAttributesRequest, b"AttributeNames=") == GetQueueAttributesRequest(None, [])
    assert read(SendMessageBatchRequest, b"Entries=") == SendMessageBatchRequest(None, [])
    assert read(GetQueueAttributesRequest, b"") == GetQueueAttributesRequest()


def test_what_sns_does_not_flatten() -> None:
    form = (
        b"Name=t&Attributes.entry.1.key=FifoTopic&Attributes.entry.1.value=true"
        b"&Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.2.Key=c&Tags.member.2.Value="
    )
    tags = [sns.Tag("a", "b"), sns.Tag("c", "")]
    assert read(sns.CreateTopicRequest, form) == sns.CreateTopicRequest("t", {"FifoTopic": "true"}, tags)


def test_unknown_parameters_are_passed_over() -> None:
    form = b"MessageBody=a&Colour=red&MessageAttribute.1.Value.X=1&a.b.c.d.e.f.g.h.i.j.k.l.m.n.o=1&.=1&=2&&x"
    form = form.replace(b"MessageAttribute.1.Value.X", b"Message.1.Value.X")
    assert read(SendMessageRequest, form) == SendMessageRequest(message_body="a")


def test_the_first_of_two_counts() -> None:
    assert RequestReader(SendMessageRequest).read(parse_form(b"MessageBody=a", b"MessageBody=b")) == SendMessageRequest(message_body="a")


@pytest.mark.parametrize(
    ("escaped", "text"), [(b"a+b", "a b"), (b"a%2Bb%2b", "a+b+"), (b"%C3%BC", "ü"), ("ü".encode(), "ü"), (b"%00", "\0"), (b"%25zz", "%zz")]
)
def test_escapes(escaped: bytes, text: str) -> None:
    assert unescaped(escaped) == text


@pytest.mark.parametrize("seed", range(20))
def test_all_bytes_are_unescaped_as_python_does_it(seed: int) -> None:
    choose = random.Random(seed)
    octets = bytes(choose.choice(b"=\r\n\t _.a%\0") for _ in range(200))
    text = b"".join(b"%%%02X" % octet if octet == 0x25 or choose.random() < 0.5 else bytes((octet,)) for octet in octets)
    assert unescaped(text) == unquote_to_bytes(text).decode()


@pytest.mark.parametrize(
    "form", [b"MessageBody=100%", b"MessageBody=%zz", b"MessageBody=%C3", b"MessageBody=\xff", b"%ff=1", b"a=%ED%A0%80"]
)
def test_what_is_no_escape_or_no_text_is_refused(form: bytes) -> None:
    fault = refused(SendMessageRequest, form)
    assert (fault.code, fault.status) == ("MalformedQueryString", 404)
    assert fault.message.startswith("The query string contains a syntax error: '")


@pytest.mark.parametrize(
    "number", [b"", b"-", b"x", b"1.5", b"0x1", b"1_000", b"%D9%A3", b"2147483648", b"-2147483649", b"1" * 5000, b"1e3"]
)
def test_what_is_no_number_is_refused(number: bytes) -> None:
    fault = refused(StartMessageMoveTaskRequest, b"MaxNumberOfMessagesPerSecond=" + number)
    assert (fault.code, fault.query_code, fault.status) == ("SerializationException", "MalformedInput", 400)
    assert fault.message.startswith("STRING_VALUE can not be converted to an Integer: MaxNumberOfMessagesPerSecond is ")


@pytest.mark.parametrize(
    ("number", "read_as"), [(b"0", 0), (b"-5", -5), (b"007", 7), (b"2147483647", 2**31 - 1), (b"-2147483648", -(2**31))]
)
def test_numbers(number: bytes, read_as: int) -> None:
    assert read(ReceiveMessageRequest, b"WaitTimeSeconds=" + number) == ReceiveMessageRequest(wait_time_seconds=read_as)


@pytest.mark.parametrize(("text", "read_as"), [(b"true", True), (b"False", False)])
def test_booleans(text: bytes, read_as: bool) -> None:
    assert read(sns.SubscribeRequest, b"ReturnSubscriptionArn=" + text) == sns.SubscribeRequest(return_subscription_arn=read_as)


def test_what_is_no_boolean_is_refused() -> None:
    assert "Boolean: ReturnSubscriptionArn is 'yes'" in refused(sns.SubscribeRequest, b"ReturnSubscriptionArn=yes").message


@pytest.mark.parametrize("value", [b"A", b"AAA", b"====", b"A%20AA", b"%C3%BC"])
def test_what_is_no_base64_is_refused(value: bytes) -> None:
    fault = refused(SendMessageRequest, b"MessageAttribute.1.Name=a&MessageAttribute.1.Value.BinaryValue=" + value)
    assert "MessageAttribute.1.Value.BinaryValue is not base64" in fault.message


def test_a_text_where_a_structure_belongs_is_refused() -> None:
    assert "DeleteMessageBatchRequestEntry.1 is a text" in refused(DeleteMessageBatchRequest, b"DeleteMessageBatchRequestEntry.1=a").message
    assert "Entries is a text" in refused(DeleteMessageBatchRequest, b"Entries=a").message


def test_a_structure_where_a_text_belongs_is_refused() -> None:
    fault = refused(SendMessageRequest, b"MessageBody.1=a")
    assert fault.message == "Start of structure or map found where not expected: MessageBody is a text"


@pytest.mark.parametrize(
    ("form", "lacking"),
    [
        (b"Attribute.1.Value=a", "Attribute.1.Name"),
        (b"Attribute.1.Name=a", "Attribute.1.Value"),
        (b"Attribute=a", "Attribute.Name"),
        (b"Attributes.entry.7.Name=a", "Attributes.entry.7.Value"),
    ],
)
def test_an_entry_without_name_or_value_is_refused(form: bytes, lacking: str) -> None:
    fault = refused(SetQueueAttributesRequest, form)
    assert (fault.query_code, fault.message) == ("MissingParameter", f"The request must contain the parameter {lacking}.")


def test_parameters_are_counted_before_they_are_read() -> None:
    assert read(SendMessageRequest, b"a=b&" * (MAX_PARAMETERS - 2) + b"MessageBody=a") == SendMessageRequest(message_body="a")
    assert f"more than {MAX_PARAMETERS} parameters" in refused(SendMessageRequest, b"&" * MAX_PARAMETERS).message


@pytest.mark.parametrize("form", [b"." * 1_000_000, b"a" * 1_000_000, b"%2E" * 300_000, b"a.b.c.d.e.f.g.h.i.j=" * 50_000])
def test_a_form_holds_a_multiple_of_its_bytes_at_most(form: bytes) -> None:
    tracemalloc.start()
    try:
        parse_form(form)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(form) + 1_000_000


def test_many_short_parameters_hold_little() -> None:
    form = b"&".join(b"%d.%d.%d.%d.%d.%d.%d.%d" % ((n,) * 8) for n in range(MAX_PARAMETERS - 1))
    tracemalloc.start()
    try:
        parse_form(form)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80_000_000
