"""The statement of a queue's policy by which an SNS topic may send to it.

Amazon SNS developer guide, "Subscribing an Amazon SQS queue to an Amazon SNS topic", step 2: without it SNS delivers nothing, and says
nothing.
"""

import hashlib
import json
from collections.abc import Mapping

SEND = "sqs:SendMessage"
SNS = "sns.amazonaws.com"
VERSION = "2012-10-17"


def with_permission(policy: str, queue_arn: str, topic_arn: str) -> str | None:
    """The policy with that statement, or None if it has it already."""
    document = json.loads(policy) if policy else {"Version": VERSION, "Id": f"{queue_arn}/SQSDefaultPolicy"}
    statements = document.get("Statement", [])
    if isinstance(statements, Mapping):
        statements = [statements]
    wanted = statement(queue_arn, topic_arn)
    if any(isinstance(each, Mapping) and each.get("Sid") == wanted["Sid"] for each in statements):
        return None
    return json.dumps({**document, "Statement": [*statements, wanted]})


def statement(queue_arn: str, topic_arn: str) -> dict[str, object]:
    return {
        "Sid": f"message-queues-{hashlib.sha256(topic_arn.encode()).hexdigest()[:16]}",
        "Effect": "Allow",
        "Principal": {"Service": SNS},
        "Action": SEND,
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
