import json
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.sqs.refusals import NO_QUEUE, received, refusal
from tests.servers.sqs.sqs_server import ACCOUNT, SqsServer

STANDARD_DEFAULTS = {
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
FIFO_DEFAULTS = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}


def name() -> str:
    return f"q-{uuid4().hex}"


def attributes(sqs: Any, queue: str, *names: str) -> dict[str, str]:
    told: dict[str, str] = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=list(names or ("All",))).get("Attributes", {})
    return told


def arn(sqs: Any, queue: str) -> str:
    return attributes(sqs, queue, "QueueArn")["QueueArn"]


# Creating and finding


def test_a_queue_is_known_by_the_address_that_was_dialled(server: SqsServer, sqs: Any) -> None:
    queue_name = name()
    url = sqs.create_queue(QueueName=queue_name)["QueueUrl"]
    assert url == f"{server.endpoint}/{ACCOUNT}/{queue_name}"
    assert sqs.get_queue_url(QueueName=queue_name)["QueueUrl"] == url
    headers = {"Host": "sqs.internal:81", "X-Amz-Target": "AmazonSQS.GetQueueUrl"}
    answer = server.ask("POST", "/", json.dumps({"QueueName": queue_name}).encode(), headers)
    assert answer.json["QueueUrl"] == f"http://sqs.internal:81/{ACCOUNT}/{queue_name}"


def test_a_queue_is_created_once(sqs: Any) -> None:
    queue_name = name()
    url = sqs.create_queue(QueueName=queue_name, Attributes={"DelaySeconds": "1"})["QueueUrl"]
    assert sqs.create_queue(QueueName=queue_name)["QueueUrl"] == url
    assert sqs.create_queue(QueueName=queue_name, Attributes={"DelaySeconds": "1"})["QueueUrl"] == url
    assert refusal(sqs.create_queue, QueueName=queue_name, Attributes={"DelaySeconds": "2"}) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
        400,
    )


@pytest.mark.parametrize("queue_name", ["", "a b", "a.b", "x" * 81, "q.fifo", "\u00e9"])
def test_a_name_that_no_queue_may_have_is_refused(sqs: Any, queue_name: str) -> None:
    assert refusal(sqs.create_queue, QueueName=queue_name) == (
        "InvalidParameterValue",
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        400,
    )


def test_a_queue_of_another_region_or_account_is_another_one(server: SqsServer) -> None:
    queue_name = name()
    clients = [
        server.client("us-east-1"),
        server.client("eu-west-1"),
        server.client("us-east-1", "111111111111"),
        server.client("eu-west-1", "222222222222"),
    ]
    arns = [arn(client, client.create_queue(QueueName=queue_name)["QueueUrl"]) for client in clients]
    assert arns == [
        f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue_name}",
        f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{queue_name}",
        f"arn:aws:sqs:us-east-1:111111111111:{queue_name}",
        f"arn:aws:sqs:eu-west-1:222222222222:{queue_name}",
    ]


def test_a_queue_can_be_named_in_all_ways(server: SqsServer, sqs: Any) -> None:
    queue_name = name()
    url = sqs.create_queue(QueueName=queue_name)["QueueUrl"]
    ways = [
        url,
        queue_name,
        f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{queue_name}",
        f"http://us-east-1.queue.localhost:9324/{ACCOUNT}/{queue_name}",
        f"http://localhost:9324/queue/us-east-1/{ACCOUNT}/{queue_name}",
        f"http://localhost:9324/{ACCOUNT}/{queue_name}/",
    ]
    for way in ways:
        assert server.json("GetQueueAttributes", QueueUrl=way, AttributeNames=["QueueArn"]).json["Attributes"] == {
            "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue_name}"
        }
    elsewhere = server.json("GetQueueAttributes", QueueUrl=f"http://sqs.eu-west-1.localhost:9324/{ACCOUNT}/{queue_name}")
    assert elsewhere.json["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"


def test_an_address_that_is_none_is_refused(server: SqsServer) -> None:
    for url in ("http://localhost/", "http://localhost/queue", "http://localhost/1234/queue"):
        answer = server.query("GetQueueAttributes", QueueUrl=url)
        assert (answer.status, answer.text("Error/Code")) == (404, "InvalidAddress")
        assert answer.text("Error/Message") == f"The address {url} is not valid for this endpoint."
        assert server.json("GetQueueAttributes", QueueUrl=url).json["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert server.json("PurgeQueue").json["message"] == "The request must contain the parameter QueueUrl."


EVERY_ACTION_ON_A_QUEUE: dict[str, dict[str, Any]] = {
    "AddPermission": {"Label": "a", "AWSAccountIds": ["111111111111"], "Actions": ["*"]},
    "ChangeMessageVisibility": {"ReceiptHandle": "x", "VisibilityTimeout": 0},
    "ChangeMessageVisibilityBatch": {"Entries": []},
    "DeleteMessage": {"ReceiptHandle": "x"},
    "DeleteMessageBatch": {"Entries": []},
    "DeleteQueue": {},
    "GetQueueAttributes": {},
    "ListDeadLetterSourceQueues": {},
    "ListQueueTags": {},
    "PurgeQueue": {},
    "ReceiveMessage": {"MaxNumberOfMessages": 11},
    "RemovePermission": {"Label": "a"},
    "SendMessage": {"MessageBody": ""},
    "SendMessageBatch": {"Entries": []},
    "SetQueueAttributes": {"Attributes": {}},
    "TagQueue": {"Tags": {}},
    "UntagQueue": {"TagKeys": []},
}


@pytest.mark.parametrize("action", EVERY_ACTION_ON_A_QUEUE)
def test_a_queue_that_does_not_exist_is_told_before_all_else(server: SqsServer, action: str) -> None:
    url = f"{server.endpoint}/{ACCOUNT}/{name()}"
    answer = server.json(action, QueueUrl=url, **EVERY_ACTION_ON_A_QUEUE[action])
    assert answer.status == 400
    assert answer.json == {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."}
    assert answer.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    answer = server.query(action, QueueUrl=url)
    assert answer.status == 400
    assert answer.text("Error/Code") == "AWS.SimpleQueueService.NonExistentQueue"
    assert answer.text("Error/Message") == "The specified queue does not exist for this wsdl version."


def test_a_deleted_queue_is_gone_and_its_name_is_free_after_a_minute(server: SqsServer, sqs: Any) -> None:
    queue_name = name()
    url = sqs.create_queue(QueueName=queue_name)["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    assert refusal(sqs.get_queue_url, QueueName=queue_name) == NO_QUEUE
    assert refusal(sqs.create_queue, QueueName=queue_name) == (
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        400,
    )
    server.advance(61)
    assert sqs.create_queue(QueueName=queue_name)["QueueUrl"] == url


def test_queues_are_listed_by_prefix_and_in_pages(server: SqsServer) -> None:
    sqs = server.client("ap-south-1")
    assert "QueueUrls" not in sqs.list_queues()
    urls = [sqs.create_queue(QueueName=f"page-{index}")["QueueUrl"] for index in range(5)]
    other = sqs.create_queue(QueueName="other")["QueueUrl"]
    assert sorted(sqs.list_queues()["QueueUrls"]) == sorted([*urls, other])
    assert sorted(sqs.list_queues(QueueNamePrefix="page-")["QueueUrls"]) == urls
    first = sqs.list_queues(QueueNamePrefix="page-", MaxResults=2)
    second = sqs.list_queues(QueueNamePrefix="page-", MaxResults=2, NextToken=first["NextToken"])
    third = sqs.list_queues(QueueNamePrefix="page-", MaxResults=2, NextToken=second["NextToken"])
    assert [len(page["QueueUrls"]) for page in (first, second, third)] == [2, 2, 1]
    assert sorted(url for page in (first, second, third) for url in page["QueueUrls"]) == urls
    assert "NextToken" not in third
    assert len(list(sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 4}))) == 2
    assert refusal(sqs.list_queues, MaxResults=1001)[0] == "InvalidParameterValue"
    assert refusal(sqs.list_queues, MaxResults=0)[0] == "InvalidParameterValue"
    assert refusal(sqs.list_queues, NextToken="\u00e9")[0] == "InvalidParameterValue"


# Attributes


def test_a_standard_queue_has_its_defaults(server: SqsServer, sqs: Any, queue: str) -> None:
    now_s = str(server.server.clock.now_ms() // 1000)
    assert attributes(sqs, queue) == STANDARD_DEFAULTS | {
        "CreatedTimestamp": now_s,
        "LastModifiedTimestamp": now_s,
        "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue.rpartition('/')[2]}",
    }


def test_a_fifo_queue_has_its_defaults(sqs: Any, fifo: str) -> None:
    told = attributes(sqs, fifo)
    assert told.items() >= (STANDARD_DEFAULTS | FIFO_DEFAULTS).items()


def test_attributes_are_told_by_name(server: SqsServer, sqs: Any, queue: str) -> None:
    assert attributes(sqs, queue, "DelaySeconds", "VisibilityTimeout") == {"DelaySeconds": "0", "VisibilityTimeout": "30"}
    assert attributes(sqs, queue, "Policy", "FifoQueue") == {}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue)
    for wrong in ("", "Foobar"):
        assert refusal(sqs.get_queue_attributes, QueueUrl=queue, AttributeNames=[wrong]) == (
            "InvalidAttributeName",
            f"Unknown Attribute {wrong}.",
            400,
        )
    answer = server.query("GetQueueAttributes", QueueUrl=queue, AttributeName__1="DelaySeconds")
    assert answer.text("GetQueueAttributesResult/Attribute/Name") == "DelaySeconds"
    assert answer.text("GetQueueAttributesResult/Attribute/Value") == "0"


def test_attributes_can_be_changed(server: SqsServer, sqs: Any, queue: str) -> None:
    created = attributes(sqs, queue, "CreatedTimestamp")
    server.advance(10)
    changes = {
        "VisibilityTimeout": "69",
        "DelaySeconds": "420",
        "MaximumMessageSize": "2048",
        "MessageRetentionPeriod": "60",
        "ReceiveMessageWaitTimeSeconds": "20",
        "KmsMasterKeyId": "alias/key",
        "KmsDataKeyReusePeriodSeconds": "6000",
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=changes)
    told = attributes(sqs, queue)
    assert told.items() >= (changes | {"SqsManagedSseEnabled": "false"} | created).items()
    assert int(told["LastModifiedTimestamp"]) == int(created["CreatedTimestamp"]) + 10


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("VisibilityTimeout", "43201"),
        ("VisibilityTimeout", "-1"),
        ("VisibilityTimeout", "x"),
        ("DelaySeconds", "901"),
        ("MaximumMessageSize", "1023"),
        ("MaximumMessageSize", "1048577"),
        ("MessageRetentionPeriod", "59"),
        ("MessageRetentionPeriod", "1209601"),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("KmsDataKeyReusePeriodSeconds", "59"),
        ("Policy", "{"),
        ("RedrivePolicy", "no json"),
        ("RedrivePolicy", '{"maxReceiveCount": 3}'),
        ("RedriveAllowPolicy", '{"redrivePermission": "some"}'),
    ],
)
def test_a_value_out_of_range_is_refused(sqs: Any, queue: str, attribute: str, value: str) -> None:
    for call, parameters in ((sqs.set_queue_attributes, {"QueueUrl": queue}), (sqs.create_queue, {"QueueName": name()})):
        code, message, status = refusal(call, Attributes={attribute: value}, **parameters)
        assert code in ("InvalidAttributeValue", "InvalidParameterValue")
        assert status == 400
        assert attribute in message
    assert attributes(sqs, queue).items() >= STANDARD_DEFAULTS.items()


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("Foobar", "Unknown Attribute Foobar."),
        ("QueueArn", "Unknown Attribute QueueArn."),
        ("FifoQueue", "Unknown Attribute FifoQueue."),
        ("ContentBasedDeduplication", "Unknown Attribute ContentBasedDeduplication."),
        ("DeduplicationScope", "You can specify the DeduplicationScope only when FifoQueue is set to true."),
        ("FifoThroughputLimit", "You can specify the FifoThroughputLimit only when FifoQueue is set to true."),
    ],
)
def test_an_attribute_that_a_standard_queue_has_not_is_refused(sqs: Any, attribute: str, message: str) -> None:
    assert refusal(sqs.create_queue, QueueName=name(), Attributes={attribute: "false"}) == ("InvalidAttributeName", message, 400)


def test_a_queue_keeps_its_type(sqs: Any, fifo: str, queue: str) -> None:
    assert refusal(sqs.set_queue_attributes, QueueUrl=fifo, Attributes={"FifoQueue": "false"}) == (
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        400,
    )
    assert refusal(sqs.set_queue_attributes, QueueUrl=queue, Attributes={"FifoQueue": "true"})[0] == "InvalidAttributeName"


def test_counts_follow_the_messages(server: SqsServer, sqs: Any, queue: str) -> None:
    for _ in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody="x")
    sqs.send_message(QueueUrl=queue, MessageBody="x", DelaySeconds=10)
    assert len(received(sqs, queue)) == 1
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
    assert list(attributes(sqs, queue, *counts).values()) == ["2", "1", "1"]
    server.advance(11)
    assert list(attributes(sqs, queue, *counts).values()) == ["3", "1", "0"]


# Purging


def test_a_queue_is_purged_once_a_minute(server: SqsServer, sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    sqs.purge_queue(QueueUrl=queue)
    assert received(sqs, queue) == []
    message = f"Only one PurgeQueue operation on {queue.rpartition('/')[2]} is allowed every 60 seconds."
    assert refusal(sqs.purge_queue, QueueUrl=queue) == ("AWS.SimpleQueueService.PurgeQueueInProgress", message, 403)
    server.advance(61)
    sqs.purge_queue(QueueUrl=queue)


# Dead letters


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(server: SqsServer, sqs: Any, queue: str) -> None:
    dead = sqs.create_queue(QueueName=name())["QueueUrl"]
    policy = {"deadLetterTargetArn": arn(sqs, dead), "maxReceiveCount": "1"}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy)})
    # So AWS tells it, where maxReceiveCount was given as a text too.
    told = attributes(sqs, queue, "RedrivePolicy")["RedrivePolicy"]
    assert told == f'{{"deadLetterTargetArn":"{arn(sqs, dead)}","maxReceiveCount":1}}'
    with_number = json.dumps({"deadLetterTargetArn": arn(sqs, dead), "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": with_number})
    assert attributes(sqs, queue, "RedrivePolicy")["RedrivePolicy"] == with_number
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sent = sqs.send_message(QueueUrl=queue, MessageBody="poison")
    assert len(received(sqs, queue)) == 1
    server.advance(31)
    assert received(sqs, queue) == []
    (message,) = received(sqs, dead, MessageSystemAttributeNames=["All"])
    assert message["MessageId"] == sent["MessageId"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn(sqs, queue)
