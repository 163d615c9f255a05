import json
from typing import Any

from tests.servers.sqs.refusals import received, refusal
from tests.servers.sqs.sqs_server import SqsServer

OTHER = "111122223333"


def test_another_account_may_do_what_the_owner_permits(server: SqsServer, sqs: Any, queue: str) -> None:
    other = server.client(access_key=OTHER)
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    code, message, status = refusal(other.receive_message, QueueUrl=queue)
    assert (code, status) == ("AccessDenied", 403)
    assert "sqs:receivemessage" in message
    sqs.add_permission(QueueUrl=queue, Label="read", AWSAccountIds=[OTHER], Actions=["ReceiveMessage", "DeleteMessage"])
    assert len(received(other, queue)) == 1
    assert refusal(other.send_message, QueueUrl=queue, MessageBody="y")[0] == "AccessDenied"
    sqs.remove_permission(QueueUrl=queue, Label="read")
    assert refusal(other.receive_message, QueueUrl=queue)[0] == "AccessDenied"


def test_what_is_the_owners_no_policy_gives_away(server: SqsServer, sqs: Any, queue: str) -> None:
    other = server.client(access_key=OTHER)
    sqs.add_permission(QueueUrl=queue, Label="all", AWSAccountIds=[OTHER], Actions=["*"])
    other.send_message(QueueUrl=queue, MessageBody="x")
    assert other.get_queue_url(QueueName=queue.rpartition("/")[2], QueueOwnerAWSAccountId="000000000000")["QueueUrl"] == queue
    assert refusal(other.delete_queue, QueueUrl=queue)[0] == "AccessDenied"
    assert refusal(other.tag_queue, QueueUrl=queue, Tags={"a": "b"})[0] == "AccessDenied"


def test_a_permission_is_a_statement_of_the_policy(sqs: Any, queue: str) -> None:
    sqs.add_permission(QueueUrl=queue, Label="one", AWSAccountIds=[OTHER], Actions=["SendMessage"])
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy", "QueueArn"])["Attributes"]
    policy = json.loads(told["Policy"])
    assert policy["Id"] == f"{told['QueueArn']}/SQSDefaultPolicy"
    assert policy["Statement"] == [
        {
            "Sid": "one",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
            "Action": "SQS:SendMessage",
            "Resource": told["QueueArn"],
        }
    ]


def test_permissions_have_their_limits(sqs: Any, queue: str) -> None:
    def refused(**parameters: Any) -> tuple[str, str, int]:
        return refusal(
            sqs.add_permission, **({"QueueUrl": queue, "Label": "a", "AWSAccountIds": [OTHER], "Actions": ["SendMessage"]} | parameters)
        )

    sqs.add_permission(QueueUrl=queue, Label="here", AWSAccountIds=[OTHER], Actions=["SendMessage"])
    assert refused(Label="here") == (
        "InvalidParameterValue",
        "Value here for parameter Label is invalid. Reason: Already exists.",
        400,
    )
    assert refused(Actions=["RemovePermission"]) == (
        "InvalidParameterValue",
        "Value SQS:RemovePermission for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action.",
        400,
    )
    assert refused(Actions=[]) == ("MissingParameter", "The request must contain the parameter Actions.", 400)
    assert refused(AWSAccountIds=[]) == (
        "InvalidParameterValue",
        "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.",
        400,
    )
    eight = [
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    ]
    assert refused(Actions=eight) == ("OverLimit", "8 Actions were found, maximum allowed is 7.", 403)
    code, message, _ = refusal(sqs.remove_permission, QueueUrl=queue, Label="gone")
    assert code == "InvalidParameterValue"
    assert message.startswith("Value gone for parameter Label is invalid. Reason: can't find label")
