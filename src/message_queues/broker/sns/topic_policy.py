"""The access policy of a topic.

https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html, https://docs.aws.amazon.com/sns/latest/api/API_AddPermission.html
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from message_queues.broker.sns.arns import TopicName, partition_of
from message_queues.errors import InvalidParameterValue

OWNERS_ACTIONS: Final = (
    *("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe"),
    *("ListSubscriptionsByTopic", "Publish"),
)
"""What the default policy allows."""
ACTIONS: Final = (*OWNERS_ACTIONS, "Receive")

Statement: TypeAlias = dict[str, object]


def default_policy(name: TopicName) -> str:
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in OWNERS_ACTIONS],
        "Resource": name.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": name.account}},
    }
    return msgspec.json.encode({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}).decode()


def with_permission(policy: str, name: TopicName, label: str, accounts: Sequence[str], actions: Sequence[str]) -> str:
    """Raises InvalidParameterValue."""
    document, statements = _read(policy)
    if any(statement.get("Sid") == label for statement in statements):
        raise InvalidParameterValue("Invalid parameter: Statement already exists")
    if any(action not in ACTIONS for action in actions):
        raise InvalidParameterValue("Invalid parameter: Policy statement action out of service scope!")
    principals = [f"arn:{partition_of(name.region)}:iam::{account}:root" for account in accounts]
    statement: Statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all(principals)},
        "Action": _one_or_all([f"SNS:{action}" for action in actions]),
        "Resource": name.arn,
    }
    return _written(document, [*statements, statement])


def without_permission(policy: str, label: str) -> str:
    document, statements = _read(policy)
    return _written(document, [statement for statement in statements if statement.get("Sid") != label])


def _read(policy: str) -> tuple[dict[str, object], list[Statement]]:
    document: dict[str, object] = msgspec.json.decode(policy)
    found = document.get("Statement")
    statements = found if isinstance(found, list) else [found]
    return document, [statement for statement in statements if isinstance(statement, dict)]


def _written(document: dict[str, object], statements: list[Statement]) -> str:
    return msgspec.json.encode({**document, "Statement": statements}).decode()


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
