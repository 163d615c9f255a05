"""The attributes of topics: which there are, and what each may be.

https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html, API_SetTopicAttributes.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from message_queues.broker.sns.delivery_policy import topic_delivery_policy
from message_queues.broker.sqs.policy import read_policy
from message_queues.errors import InvalidAttributeValue, InvalidParameterValue

DEFAULT_MESSAGE_BYTES: Final = 262_144
LARGEST_MESSAGE_BYTES: Final = 1_048_576
_FEEDBACK: Final = re.compile(r"(HTTP|SQS|Lambda|Firehose|Application)(Success|Failure)Feedback(RoleArn|SampleRate)")
LONGEST_DISPLAY_NAME: Final = 100

DEFAULTS: Final[Mapping[str, str]] = {
    "DisplayName": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
    "ContentBasedDeduplication": "false",
    "FifoThroughputScope": "Topic",
    "MaximumMessageSize": str(DEFAULT_MESSAGE_BYTES),
}
"""What an attribute that was not set is equal to."""

ONLY_FIFO: Final = ("ArchivePolicy", "ContentBasedDeduplication", "FifoThroughputScope")


def checked(name: str, value: str, is_fifo: bool) -> str | None:
    """The value as it is kept; None: back to the default. Raises InvalidParameterValue with AWS's text without "Invalid parameter: "."""
    check = _CHECKS.get(name)
    if check is None and not _FEEDBACK.fullmatch(name):
        raise InvalidParameterValue("AttributeName")
    if name in ONLY_FIFO and not is_fifo:
        raise InvalidParameterValue(f"{name}: only FIFO topics have it")
    if not value and name not in ("DisplayName", *_NEVER_EMPTY):
        return None
    if check is None:
        return _feedback(name, value)
    return check(value)


def _feedback(name: str, value: str) -> str:
    if name.endswith("SampleRate") and not (value.isascii() and value.isdigit() and int(value) <= 100):
        raise InvalidParameterValue(f"{name}: Invalid value [{value}]. Must be in 0..100")
    return value


def _display_name(value: str) -> str:
    if len(value) > LONGEST_DISPLAY_NAME or any(ord(character) < 32 for character in value):
        raise InvalidParameterValue("DisplayName")
    return value


def _policy(value: str) -> str:
    try:
        read_policy(value)
    except InvalidAttributeValue as refusal:
        raise InvalidParameterValue("Policy Error: null") from refusal
    return value


def _delivery_policy(value: str) -> str:
    return topic_delivery_policy(value)[1]


def _choice(name: str, *choices: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        found = next((choice for choice in choices if choice.lower() == value.lower()), None)
        if found is None:
            raise InvalidParameterValue(f"{name}: Invalid value [{value}]. Must be {' or '.join(choices)}.")
        return found

    return check


def _message_size(value: str) -> str:
    if not (value.isascii() and value.isdigit() and 1024 <= int(value) <= LARGEST_MESSAGE_BYTES):
        raise InvalidParameterValue(f"MaximumMessageSize: Invalid value [{value}]. Must be in 1024..{LARGEST_MESSAGE_BYTES}")
    return str(int(value))


def _archive_policy(value: str) -> str:
    try:
        archive_days(value)
    except ValueError as error:
        raise InvalidParameterValue(f"ArchivePolicy: {error}") from error
    return value


def archive_days(policy: str) -> int | None:
    """None: there is no archive. Raises ValueError."""
    try:
        document = msgspec.json.decode(policy)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"failed to parse JSON. {error}") from error
    if document == {}:
        return None
    days = document.get("MessageRetentionPeriod") if isinstance(document, dict) and len(document) == 1 else None
    if isinstance(days, str) and days.isascii() and days.isdigit():
        days = int(days)
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= 365:
        raise ValueError("MessageRetentionPeriod must be in 1..365 days, and nothing else is in an archive policy")
    return days


_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "DisplayName": _display_name,
    "Policy": _policy,
    "DeliveryPolicy": _delivery_policy,
    "KmsMasterKeyId": str,
    "SignatureVersion": _choice("SignatureVersion", "1", "2"),
    "TracingConfig": _choice("TracingConfig", "PassThrough", "Active"),
    "MaximumMessageSize": _message_size,
    "ContentBasedDeduplication": _choice("ContentBasedDeduplication", "true", "false"),
    "FifoThroughputScope": _choice("FifoThroughputScope", "Topic", "MessageGroup"),
    "ArchivePolicy": _archive_policy,
}
_NEVER_EMPTY: Final = ("SignatureVersion", "TracingConfig", "ContentBasedDeduplication", "FifoThroughputScope", "MaximumMessageSize")
