"""The access policy of a queue: who besides its own account may do what.

Source: Developer Guide, "Using identity-based policies" and "Custom Amazon SQS policies"; API reference, AddPermission. An explicit Deny
wins over every Allow. Of conditions those about who asks are understood: StringEquals, StringLike, ArnEquals and ArnLike (and their
negations) of aws:SourceArn, aws:SourceAccount and aws:PrincipalAccount; a statement with another one allows nothing and denies nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from message_queues.errors import InvalidAttributeValue, InvalidParameterValue, OverLimit

MOST_ACTIONS: Final = 7
"""In a statement that AddPermission makes."""
SHARED_ACTIONS: Final = frozenset(
    (
        "*",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    )
)
"""What can be allowed to other accounts."""
_BATCH: Final = "Batch"


@dataclass(frozen=True, slots=True)
class Condition:
    operator: str
    """In lower case, without IfExists."""
    key: str
    """In lower case."""
    values: tuple[str, ...]

    def holds(self, facts: Mapping[str, str]) -> bool | None:
        """None: it is not understood."""
        operator = self.operator
        is_negated = "not" in operator
        if operator.replace("not", "") not in ("stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase"):
            return None
        if self.key not in _KEYS:
            return None
        fact = facts.get(self.key)
        if fact is None:
            return is_negated
        if operator.startswith("arn") or "like" in operator:
            found = any(_matches(fact, value) for value in self.values)
        elif operator.endswith("ignorecase"):
            found = fact.lower() in (value.lower() for value in self.values)
        else:
            found = fact in self.values
        return found != is_negated


_KEYS: Final = frozenset(("aws:sourcearn", "aws:sourceaccount", "aws:principalaccount"))


@dataclass(frozen=True, slots=True)
class Statement:
    is_allow: bool
    principals: tuple[str, ...]
    """Account numbers, ARNs, services, or "*"."""
    excludes_principals: bool
    actions: tuple[str, ...]
    """In lower case, with "sqs:" before them, or "*"."""
    excludes_actions: bool
    conditions: tuple[Condition, ...]

    def is_about(self, account: str, service: str | None, action: str, facts: Mapping[str, str]) -> bool:
        asked = (action if ":" in action else f"sqs:{action}").lower()
        if any(_matches(asked, pattern) for pattern in self.actions) == self.excludes_actions:
            return False
        if any(_is_principal(each, account, service) for each in self.principals) == self.excludes_principals:
            return False
        return all(condition.holds(facts) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Policy:
    statements: tuple[Statement, ...] = field(default=())

    def verdict(self, account: str, action: str, source_arn: str | None = None, service: str | None = None) -> bool | None:
        """True: it allows; False: it denies; None: it says nothing.

        `action` is one of SQS, or names its service: "SNS:Publish". `service` is "sns.amazonaws.com" and its like.
        """
        facts = {"aws:principalaccount": account, "aws:sourceaccount": account}
        if source_arn is not None:
            facts["aws:sourcearn"] = source_arn
        # "SendMessage" allows SendMessageBatch, too.
        asked = action.removesuffix(_BATCH)
        about = [each for each in self.statements if each.is_about(account, service, asked, facts)]
        if any(not each.is_allow for each in about):
            return False
        return True if about else None


def read_policy(text: str) -> Policy:
    """Raises InvalidAttributeValue."""
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid() from None
    if not isinstance(document, dict):
        raise _invalid()
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list):
        raise _invalid()
    return Policy(tuple(map(_statement, statements)))


def with_permission(text: str, arn: str, label: str, accounts: Sequence[str], actions: Sequence[str]) -> str:
    """The policy with one more statement. Raises InvalidParameterValue and OverLimit."""
    if len(actions) > MOST_ACTIONS:
        raise OverLimit(f"{len(actions)} Actions were found, maximum allowed is {MOST_ACTIONS}.")
    for action in actions:
        if action not in SHARED_ACTIONS:
            raise InvalidParameterValue(
                f"Value SQS:{action} for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."
            )
    for account in accounts:
        if len(account) != 12 or not account.isdecimal() or not account.isascii():
            raise InvalidParameterValue(f"Value {list(accounts)} for parameter PrincipalId is invalid. Reason: Unable to verify.")
    document, statements = _document(text, arn)
    if any(statement.get("Sid") == label for statement in statements):
        raise InvalidParameterValue(f"Value {label} for parameter Label is invalid. Reason: Already exists.")
    principals = [f"arn:{arn.split(':')[1]}:iam::{account}:root" for account in accounts]
    names = [f"SQS:{action}" for action in actions]
    statements.append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
            "Action": names if len(names) > 1 else names[0],
            "Resource": arn,
        }
    )
    return json.dumps({**document, "Statement": statements})


def without_permission(text: str, arn: str, label: str) -> str:
    """The policy without that statement, empty if it was the only one. Raises InvalidParameterValue."""
    document, statements = _document(text, arn)
    left = [statement for statement in statements if statement.get("Sid") != label]
    if len(left) == len(statements):
        raise InvalidParameterValue(f"Value {label} for parameter Label is invalid. Reason: can't find label.")
    return json.dumps({**document, "Statement": left}) if left else ""


def _document(text: str, arn: str) -> tuple[dict[str, object], list[dict[str, object]]]:
    if not text:
        return {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy"}, []
    document: dict[str, object] = json.loads(text)
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    return document, list(statements) if isinstance(statements, list) else []


def _statement(value: object) -> Statement:
    if not isinstance(value, dict) or value.get("Effect") not in ("Allow", "Deny"):
        raise _invalid()
    conditions = []
    given = value.get("Condition") or {}
    if not isinstance(given, dict):
        raise _invalid()
    for operator, keys in given.items():
        if not isinstance(keys, dict):
            raise _invalid()
        for key, values in keys.items():
            conditions.append(Condition(str(operator).lower().removesuffix("ifexists"), str(key).lower(), _texts(values)))
    excludes_principals, excludes_actions = "NotPrincipal" in value, "NotAction" in value
    return Statement(
        is_allow=value["Effect"] == "Allow",
        principals=_principals(value.get("NotPrincipal" if excludes_principals else "Principal")),
        excludes_principals=excludes_principals,
        actions=tuple(each.lower() for each in _texts(value.get("NotAction" if excludes_actions else "Action"))),
        excludes_actions=excludes_actions,
        conditions=tuple(conditions),
    )


def _principals(value: object) -> tuple[str, ...]:
    if isinstance(value, dict):
        return tuple(each for values in value.values() for each in _texts(values))
    return _texts(value)


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(map(str, value))
    return (str(value),)


def _is_principal(pattern: str, account: str, service: str | None) -> bool:
    if pattern == "*":
        return True
    if service is not None:
        return pattern == service
    # An account's number stands for its root, and who asks is known by the account alone.
    parts = pattern.split(":")
    return pattern == account or (len(parts) >= 6 and parts[2] in ("iam", "sts") and parts[4] == account)


def _matches(text: str, pattern: str) -> bool:
    return text == pattern or fnmatchcase(text, pattern.replace("[", "[[]"))


def _invalid() -> InvalidAttributeValue:
    return InvalidAttributeValue("Invalid value for the parameter Policy.")
