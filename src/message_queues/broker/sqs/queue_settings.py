"""The attributes of a queue of SQS: what may be set, in which range, and what it means.

Source: API reference, CreateQueue and SetQueueAttributes; the words of refusals are those of the real service.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from message_queues.broker.sqs.policy import Policy, read_policy
from message_queues.errors import InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue

QUEUE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
MOST_ALLOWED_SOURCES: Final = 10
GREATEST_MAX_RECEIVE_COUNT: Final = 1000

RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "VisibilityTimeout": (0, 43_200),
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "SqsManagedSseEnabled": ("true", "false"),
    "FifoQueue": ("true",),
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
DOCUMENTS: Final = ("Policy", "RedrivePolicy", "RedriveAllowPolicy")
FREE: Final = ("KmsMasterKeyId",)
FIFO_ONLY: Final = frozenset(("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"))
DEFAULTS: Final[Mapping[str, str]] = {
    "VisibilityTimeout": "30",
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "KmsDataKeyReusePeriodSeconds": "300",
    "SqsManagedSseEnabled": "true",
}
FIFO_DEFAULTS: Final[Mapping[str, str]] = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
SETTABLE: Final = frozenset((*RANGES, *CHOICES, *DOCUMENTS, *FREE))


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    target_arn: str
    max_receive_count: int


@dataclass(frozen=True, slots=True)
class RedriveAllowPolicy:
    permission: str = "allowAll"
    """allowAll, denyAll or byQueue."""
    source_arns: tuple[str, ...] = ()

    def allows(self, source_arn: str) -> bool:
        return self.permission == "allowAll" or (self.permission == "byQueue" and source_arn in self.source_arns)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What the attributes mean."""

    is_fifo: bool = False
    visibility_timeout_s: int = 30
    delay_s: int = 0
    maximum_message_size: int = 1_048_576
    """Of body and attributes, in bytes."""
    retention_s: int = 345_600
    wait_s: int = 0
    content_based_deduplication: bool = False
    deduplication_scope: str = "queue"
    """Or messageGroup."""
    throughput_limit: str = "perQueue"
    """Or perMessageGroupId."""
    redrive: RedrivePolicy | None = None
    allow: RedriveAllowPolicy = RedriveAllowPolicy()
    policy: Policy | None = None

    @property
    def is_scoped_by_group(self) -> bool:
        return self.deduplication_scope == "messageGroup"

    @property
    def is_high_throughput(self) -> bool:
        return self.throughput_limit == "perMessageGroupId" and self.deduplication_scope == "messageGroup"


_FIELDS: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "VisibilityTimeout": ("visibility_timeout_s", int),
    "DelaySeconds": ("delay_s", int),
    "MaximumMessageSize": ("maximum_message_size", int),
    "MessageRetentionPeriod": ("retention_s", int),
    "ReceiveMessageWaitTimeSeconds": ("wait_s", int),
    "ContentBasedDeduplication": ("content_based_deduplication", lambda value: value == "true"),
    "DeduplicationScope": ("deduplication_scope", str),
    "FifoThroughputLimit": ("throughput_limit", str),
    "RedrivePolicy": ("redrive", lambda value: redrive_policy(value)),
    "RedriveAllowPolicy": ("allow", lambda value: redrive_allow_policy(value)),
    "Policy": ("policy", lambda value: read_policy(value)),
}


def settings_of(attributes: Mapping[str, str], is_fifo: bool) -> QueueSettings:
    """Of attributes that were checked."""
    settings = QueueSettings(is_fifo=is_fifo)
    known = {_FIELDS[name][0]: _FIELDS[name][1](value) for name, value in attributes.items() if name in _FIELDS and value}
    return replace(settings, **known)  # type: ignore[arg-type]  # each field has the function that makes its type


def checked_attributes(given: Mapping[str, str], is_fifo: bool) -> dict[str, str]:
    """The attributes in the form in which they are kept: an empty text takes a document away.

    Raises InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue.
    """
    checked = {}
    for name, value in given.items():
        if name not in SETTABLE or (not is_fifo and name in ("FifoQueue", "ContentBasedDeduplication")):
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
        if not is_fifo and name in FIFO_ONLY:
            raise InvalidAttributeName(f"You can specify the {name} only when FifoQueue is set to true.")
        checked[name] = _checked(name, value)
    if checked.get("KmsMasterKeyId") and checked.get("SqsManagedSseEnabled") == "true":
        raise InvalidAttributeValue(
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
        )
    return checked


def compared_attributes(attributes: Mapping[str, str], is_fifo: bool) -> dict[str, str]:
    """In a form in which the same is the same text; what is not given is at its default."""
    defaults = {**DEFAULTS, **FIFO_DEFAULTS} if is_fifo else DEFAULTS
    compared = {**defaults, **attributes}
    for name in DOCUMENTS:
        document = _document(compared.get(name, ""))
        if document is not None:
            if name == "RedrivePolicy":
                document = {each: str(value) for each, value in document.items()}
            compared[name] = json.dumps(document, sort_keys=True)
    return compared


def check_together(attributes: Mapping[str, str]) -> None:
    """What two attributes of a FIFO queue say about each other. Raises InvalidAttributeValue."""
    if attributes.get("FifoThroughputLimit") == "perMessageGroupId" and attributes.get("DeduplicationScope") != "messageGroup":
        raise InvalidAttributeValue(
            "The perMessageGroupId value for FifoThroughputLimit is allowed only when the value for DeduplicationScope is messageGroup."
        )


def _checked(name: str, value: str) -> str:
    if name in RANGES:
        least, most = RANGES[name]
        # What int() takes besides digits, a number of AWS is not.
        if not value.isascii() or not value.isdecimal() or len(value) > 10 or not least <= int(value) <= most:
            raise _invalid(name)
        return str(int(value))
    if name in CHOICES:
        lower = value.lower() if CHOICES[name][0] == "true" else value
        if lower not in CHOICES[name]:
            raise _invalid(name)
        return lower
    if value and name == "RedrivePolicy":
        redrive_policy(value)
    elif value and name == "RedriveAllowPolicy":
        redrive_allow_policy(value)
    elif value and name == "Policy":
        read_policy(value)
    return value


def _invalid(name: str) -> InvalidAttributeValue:
    return InvalidAttributeValue(f"Invalid value for the parameter {name}.")


def redrive_policy(text: str) -> RedrivePolicy:
    """Raises InvalidAttributeValue if it is no JSON map, as the real service does, and InvalidParameterValue for what is wrong in it."""

    def refused(reason: str) -> InvalidParameterValue:
        return InvalidParameterValue(f"Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}")

    document = _document(text)
    if document is None:
        raise InvalidAttributeValue("Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map.")
    for name in ("deadLetterTargetArn", "maxReceiveCount"):
        if document.get(name) in (None, ""):
            raise refused(f"Redrive policy does not contain mandatory attribute: {name}.")
    for name in document:
        if name not in ("deadLetterTargetArn", "maxReceiveCount"):
            raise refused(f"Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]. Found: {name}.")
    count = str(document["maxReceiveCount"])
    number = int(count) if count.isascii() and count.isdecimal() and len(count) < 10 else 0
    if not 1 <= number <= GREATEST_MAX_RECEIVE_COUNT:
        raise refused(f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive.")
    return RedrivePolicy(str(document["deadLetterTargetArn"]), number)


def redrive_allow_policy(text: str) -> RedriveAllowPolicy:
    """Raises InvalidParameterValue."""

    def refused(reason: str) -> InvalidParameterValue:
        return InvalidParameterValue(f"Value {text} for parameter RedriveAllowPolicy is invalid. Reason: {reason}")

    document = _document(text)
    if document is None:
        raise refused("Redrive allow policy is not a valid JSON map.")
    permission = document.get("redrivePermission")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise refused("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.")
    sources = document.get("sourceQueueArns", [])
    if not isinstance(sources, list) or not all(isinstance(arn, str) for arn in sources):
        raise refused("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.")
    if permission == "byQueue" and not 1 <= len(sources) <= MOST_ALLOWED_SOURCES:
        raise refused("Amazon SQS can't create the redrive allow policy. Specify 1 to 10 sourceQueueArns for the byQueue permission.")
    if permission != "byQueue" and sources:
        raise refused("Amazon SQS can't create the redrive allow policy. sourceQueueArns are for the byQueue permission only.")
    return RedriveAllowPolicy(str(permission), tuple(sources))


def _document(text: str) -> dict[str, object] | None:
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
