from typing import Any

import pytest

from tests.servers.sqs.refusals import received, refusal
from tests.servers.sqs.sqs_server import SqsServer

PREFIX = "AWS.SimpleQueueService."
BAD_ID = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."


def entries(count: int, **parameters: Any) -> list[dict[str, Any]]:
    return [{"Id": f"id-{index}", "MessageBody": f"body {index}"} | parameters for index in range(count)]


def test_each_entry_is_answered_by_its_id(sqs: Any, queue: str) -> None:
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries(10))
    assert [sent["Id"] for sent in answer["Successful"]] == [f"id-{index}" for index in range(10)]
    assert "Failed" not in answer
    messages = received(sqs, queue, MaxNumberOfMessages=10)
    assert {message["MessageId"] for message in messages} == {sent["MessageId"] for sent in answer["Successful"]}


def test_an_entry_fails_for_itself(sqs: Any, queue: str) -> None:
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"MaximumMessageSize": "1024"})
    batch = [
        {"Id": "ok", "MessageBody": "x"},
        {"Id": "large", "MessageBody": "x" * 1025},
        {"Id": "late", "MessageBody": "x", "DelaySeconds": 901},
        {"Id": "odd", "MessageBody": "\x01"},
        {"Id": "empty", "MessageBody": ""},
    ]
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=batch)
    assert [sent["Id"] for sent in answer["Successful"]] == ["ok"]
    assert {(failed["Id"], failed["Code"], failed["SenderFault"]) for failed in answer["Failed"]} == {
        ("large", "InvalidParameterValue", True),
        ("late", "InvalidParameterValue", True),
        ("odd", "InvalidMessageContents", True),
        ("empty", "MissingParameter", True),
    }
    # In the words of the real service, which has others for a message sent alone.
    told = next(failed["Message"] for failed in answer["Failed"] if failed["Id"] == "large")
    assert told == "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes."
    assert len(received(sqs, queue, MaxNumberOfMessages=10)) == 1


@pytest.mark.parametrize(
    ("batch", "code", "message"),
    [
        (entries(11), "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 11."),
        ([], "EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."),
        ([*entries(1), *entries(1)], "BatchEntryIdsNotDistinct", "Id id-0 repeated."),
        ([{"Id": "", "MessageBody": "x"}], "InvalidBatchEntryId", BAD_ID),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId", BAD_ID),
        ([{"Id": "a\n", "MessageBody": "x"}], "InvalidBatchEntryId", BAD_ID),
        ([{"Id": "x" * 81, "MessageBody": "x"}], "InvalidBatchEntryId", BAD_ID),
        (
            [{"Id": "a", "MessageBody": "x" * 524_288}, {"Id": "b", "MessageBody": "x" * 524_289}],
            "BatchRequestTooLong",
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        ),
    ],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(sqs: Any, queue: str, batch: list[dict[str, Any]], code: str, message: str) -> None:
    assert refusal(sqs.send_message_batch, QueueUrl=queue, Entries=batch) == (PREFIX + code, message, 400)
    assert received(sqs, queue) == []


def test_a_batch_that_is_none_is_refused_in_xml_too(server: SqsServer, queue: str) -> None:
    fields: dict[str, Any] = {
        f"SendMessageBatchRequestEntry__{index}__{name}": value
        for index in range(1, 3)
        for name, value in (("Id", "same"), ("MessageBody", "x"))
    }
    answer = server.query("SendMessageBatch", QueueUrl=queue, **fields)
    assert answer.status == 400
    assert answer.text("Error/Code") == PREFIX + "BatchEntryIdsNotDistinct"
    assert answer.text("Error/Type") == "Sender"


def test_an_entry_fails_for_itself_in_xml_too(server: SqsServer, queue: str) -> None:
    fields: dict[str, Any] = {
        "SendMessageBatchRequestEntry__1__Id": "a",
        "SendMessageBatchRequestEntry__1__MessageBody": "x",
        "SendMessageBatchRequestEntry__2__Id": "b",
        "SendMessageBatchRequestEntry__2__MessageBody": "x",
        "SendMessageBatchRequestEntry__2__DelaySeconds": 1000,
    }
    answer = server.query("SendMessageBatch", QueueUrl=queue, **fields)
    assert answer.status == 200
    assert answer.text("SendMessageBatchResult/SendMessageBatchResultEntry/Id") == "a"
    assert answer.text("SendMessageBatchResult/BatchResultErrorEntry/Id") == "b"
    assert answer.text("SendMessageBatchResult/BatchResultErrorEntry/Code") == "InvalidParameterValue"
    assert answer.text("SendMessageBatchResult/BatchResultErrorEntry/SenderFault") == "true"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"MessageDeduplicationId": "1"}, "The request must contain the parameter MessageGroupId."),
        (
            {"MessageGroupId": "g"},
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ),
    ],
)
def test_a_batch_without_groups_or_ids_is_refused_as_a_whole_by_a_fifo_queue(
    sqs: Any, fifo: str, entry: dict[str, str], message: str
) -> None:
    # So the real service answers: a message sent alone without a group is MissingParameter.
    batch = [{"Id": "ok", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "2"}, *entries(1, **entry)]
    assert refusal(sqs.send_message_batch, QueueUrl=fifo, Entries=batch) == ("InvalidParameterValue", message, 400)
    assert received(sqs, fifo) == []


def test_messages_of_a_batch_keep_their_order_in_a_fifo_queue(sqs: Any, fifo: str) -> None:
    batch = [
        {"Id": str(index), "MessageBody": str(index), "MessageGroupId": "g", "MessageDeduplicationId": str(index)} for index in range(10)
    ]
    answer = sqs.send_message_batch(QueueUrl=fifo, Entries=batch)
    numbers = [sent["SequenceNumber"] for sent in answer["Successful"]]
    assert numbers == sorted(numbers)
    assert [message["Body"] for message in received(sqs, fifo, MaxNumberOfMessages=10)] == [str(index) for index in range(10)]


# Deleting and visibility


def test_deletions_succeed_or_fail_for_themselves(server: SqsServer, sqs: Any, queue: str) -> None:
    sqs.send_message_batch(QueueUrl=queue, Entries=entries(3))
    handles = [message["ReceiptHandle"] for message in received(sqs, queue, MaxNumberOfMessages=10)]
    batch = [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate([*handles, "garbage"])]
    answer = sqs.delete_message_batch(QueueUrl=queue, Entries=batch)
    assert [deleted["Id"] for deleted in answer["Successful"]] == ["0", "1", "2"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("3", "ReceiptHandleIsInvalid", True)
    server.advance(31)
    assert received(sqs, queue) == []


def test_visibilities_change_or_fail_for_themselves(sqs: Any, queue: str) -> None:
    sqs.send_message_batch(QueueUrl=queue, Entries=entries(2))
    handles = [message["ReceiptHandle"] for message in received(sqs, queue, MaxNumberOfMessages=10)]
    batch = [
        {"Id": "now", "ReceiptHandle": handles[0], "VisibilityTimeout": 0},
        {"Id": "far", "ReceiptHandle": handles[1], "VisibilityTimeout": 50_000},
    ]
    answer = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=batch)
    assert [changed["Id"] for changed in answer["Successful"]] == ["now"]
    assert [(failed["Id"], failed["Code"]) for failed in answer["Failed"]] == [("far", "InvalidParameterValue")]
    assert len(received(sqs, queue, MaxNumberOfMessages=10)) == 1


def test_handles_of_earlier_receives_count_in_batches(sqs: Any, queue: str) -> None:
    """AWS knowledge center, sqs-receipt-handle-error: "For standard queues, you might sometimes succeed in using an older …"."""
    sqs.send_message(QueueUrl=queue, MessageBody="m")
    early, late = (received(sqs, queue, VisibilityTimeout=0)[0]["ReceiptHandle"] for _ in range(2))
    change = {"Id": "early", "ReceiptHandle": early, "VisibilityTimeout": 100}
    assert sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[change])["Successful"] == [{"Id": "early"}]
    assert received(sqs, queue) == []
    entries = [{"Id": "early", "ReceiptHandle": early}, {"Id": "late", "ReceiptHandle": late}]
    assert sqs.delete_message_batch(QueueUrl=queue, Entries=entries)["Successful"] == [{"Id": "early"}, {"Id": "late"}]
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])["Attributes"]
    assert counts == {"ApproximateNumberOfMessagesNotVisible": "0"}


@pytest.mark.parametrize("action", ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"])
def test_other_batches_have_the_same_limits(server: SqsServer, queue: str, action: str) -> None:
    def refused(batch: list[dict[str, Any]]) -> tuple[int, str, str]:
        answer = server.json(action, QueueUrl=queue, Entries=batch)
        return answer.status, answer.headers["x-amzn-query-error"], answer.json["message"]

    entry = {"Id": "a", "ReceiptHandle": "x", "VisibilityTimeout": 0}
    assert refused([]) == (400, f"{PREFIX}EmptyBatchRequest;Sender", f"There should be at least one {action}RequestEntry in the request.")
    assert refused([entry, entry]) == (400, f"{PREFIX}BatchEntryIdsNotDistinct;Sender", "Id a repeated.")
    assert refused([entry | {"Id": "invalid:id"}]) == (400, f"{PREFIX}InvalidBatchEntryId;Sender", BAD_ID)
    many = [entry | {"Id": str(index)} for index in range(20)]
    assert refused(many) == (
        400,
        f"{PREFIX}TooManyEntriesInBatchRequest;Sender",
        "Maximum number of entries per request are 10. You have sent 20.",
    )
