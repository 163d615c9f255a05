import json
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.sqs.refusals import received, refusal
from tests.servers.sqs.sqs_server import ACCOUNT, SqsServer, eventually


def arn(queue: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue.rpartition('/')[2]}"


@pytest.fixture
def dead(sqs: Any, queue: str) -> str:
    """The dead letter queue of `queue`."""
    url: str = sqs.create_queue(QueueName=f"dead-{uuid4().hex}")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn(url), "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    return url


def die(server: SqsServer, sqs: Any, queue: str, count: int) -> None:
    for index in range(count):
        sqs.send_message(QueueUrl=queue, MessageBody=str(index))
    while received(sqs, queue, MaxNumberOfMessages=10):
        pass
    server.advance(31)
    assert received(sqs, queue, MaxNumberOfMessages=10) == []


def status(server: SqsServer, sqs: Any, dead: str) -> str:
    """A second later."""
    server.advance(1)
    said: str = sqs.list_message_move_tasks(SourceArn=arn(dead))["Results"][0]["Status"]
    return said


def test_dead_letters_go_back_to_where_they_came_from(server: SqsServer, sqs: Any, queue: str, dead: str) -> None:
    die(server, sqs, queue, 3)
    handle = sqs.start_message_move_task(SourceArn=arn(dead))["TaskHandle"]
    assert handle
    eventually(lambda: status(server, sqs, dead) == "COMPLETED")
    (task,) = sqs.list_message_move_tasks(SourceArn=arn(dead))["Results"]
    assert task["ApproximateNumberOfMessagesMoved"] == 3
    assert task["SourceArn"] == arn(dead)
    assert "TaskHandle" not in task
    assert {message["Body"] for message in received(sqs, queue, MaxNumberOfMessages=10)} == {"0", "1", "2"}
    assert received(sqs, dead) == []


def test_a_task_moves_so_many_messages_a_second_and_can_be_cancelled(server: SqsServer, sqs: Any, queue: str, dead: str) -> None:
    die(server, sqs, queue, 5)
    target = sqs.create_queue(QueueName=uuid4().hex)["QueueUrl"]
    handle = sqs.start_message_move_task(SourceArn=arn(dead), DestinationArn=arn(target), MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    server.advance(2)
    (task,) = sqs.list_message_move_tasks(SourceArn=arn(dead))["Results"]
    assert task["Status"] == "RUNNING"
    assert task["TaskHandle"] == handle
    assert task["MaxNumberOfMessagesPerSecond"] == 1
    assert task["DestinationArn"] == arn(target)
    assert 1 <= task["ApproximateNumberOfMessagesMoved"] <= 3
    moved = sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    eventually(lambda: status(server, sqs, dead) == "CANCELLED")
    assert moved <= len(received(sqs, target, MaxNumberOfMessages=10)) < 5


def test_dead_letters_are_moved_by_their_own_account_alone(server: SqsServer, dead: str) -> None:
    other = server.client(access_key="111122223333")
    assert refusal(other.start_message_move_task, SourceArn=arn(dead))[0] == "AccessDenied"
    assert refusal(other.list_message_move_tasks, SourceArn=arn(dead))[0] == "AccessDenied"


def test_what_is_no_move_task_is_refused(server: SqsServer, sqs: Any, queue: str, dead: str) -> None:
    die(server, sqs, queue, 2)
    missing = f"arn:aws:sqs:us-east-1:{ACCOUNT}:missing"
    assert refusal(sqs.start_message_move_task, SourceArn=arn(queue)) == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
        400,
    )
    assert refusal(sqs.start_message_move_task, SourceArn=missing) == (
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
        404,
    )
    assert refusal(sqs.start_message_move_task, SourceArn=arn(dead), DestinationArn=missing) == (
        "ResourceNotFoundException",
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
        404,
    )
    assert refusal(sqs.list_message_move_tasks, SourceArn="queue") == (
        "InvalidParameterValue",
        "You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>",
        400,
    )
    assert refusal(sqs.cancel_message_move_task, TaskHandle="foobared") == (
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
        400,
    )
    assert refusal(sqs.list_message_move_tasks, SourceArn=arn(dead), MaxResults=11)[0] == "InvalidParameterValue"
    sqs.start_message_move_task(SourceArn=arn(dead), MaxNumberOfMessagesPerSecond=1)
    assert refusal(sqs.start_message_move_task, SourceArn=arn(dead)) == (
        "InvalidParameterValue",
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        400,
    )
