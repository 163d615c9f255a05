"""Attributes of SQS queues and SNS topics: names, types and ranges, checked before any call.

Facts of the Amazon SQS API reference (CreateQueue, SetQueueAttributes) and the Amazon SNS API reference (CreateTopic, SetTopicAttributes).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from message_queues.errors import InvalidArgument, InvalidAttributeName, InvalidAttributeValue
from message_queues.messaging.arguments import checked_text, did_you_mean

FIFO = ".fifo"
MAX_QUEUE_NAME = 80
MAX_TOPIC_NAME = 256
MAX_TAGS = 50
MAX_TAG_KEY = 128
MAX_TAG_VALUE = 256

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """What one attribute may be: `kind` is "int", "bool", "choice", "json" or "text"."""

    kind: str
    low: int = 0
    high: int = 0
    unit: str = ""
    choices: tuple[str, ...] = ()

    def checked(self, name: str, value: object) -> str:
        """As AWS takes it: text. Raises InvalidAttributeValue."""
        match self.kind:
            case "int":
                return self._int(name, value)
            case "bool":
                return self._bool(name, value)
            case "choice":
                return self._choice(name, value)
            case "json":
                return self._json(name, value)
        return self._text(name, value)

    def _int(self, name: str, value: object) -> str:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value) else value
        if isinstance(number, bool) or not isinstance(number, int) or not self.low <= number <= self.high:
            raise InvalidAttributeValue(f"{name}={_shown(value)} must be in {self.low}..{self.high}{self.unit and ' ' + self.unit}")
        return str(number)

    def _bool(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str) and value in ("true", "false"):
            return value
        raise InvalidAttributeValue(f"{name}={value!r} must be True or False")

    def _choice(self, name: str, value: object) -> str:
        if isinstance(value, str) and value in self.choices:
            return value
        near = did_you_mean(value, self.choices) if isinstance(value, str) else ""
        raise InvalidAttributeValue(f"{name}={value!r} must be {' or '.join(self.choices)}{near}")

    def _json(self, name: str, value: object) -> str:
        if value == "":
            return ""
        document = _parsed(name, value) if isinstance(value, str) else value
        if not isinstance(document, Mapping):
            raise InvalidAttributeValue(f"{name}={value!r} must be a dict, or JSON of one")
        try:
            return json.dumps(document)
        except (TypeError, ValueError) as error:
            raise InvalidAttributeValue(f"{name} cannot be written as JSON: {error}") from error

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidAttributeValue(f"{name}={value!r} is {type(value).__name__}: it must be a str")
        return value


_BOOL = AttributeRule("bool")
_JSON = AttributeRule("json")
_TEXT = AttributeRule("text")


def _seconds(low: int, high: int) -> AttributeRule:
    return AttributeRule("int", low, high, "seconds")


QUEUE_ATTRIBUTES: Mapping[str, AttributeRule] = {
    "DelaySeconds": _seconds(0, 900),
    "MaximumMessageSize": AttributeRule("int", 1024, 1_048_576, "bytes"),
    "MessageRetentionPeriod": _seconds(60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": _seconds(0, 20),
    "VisibilityTimeout": _seconds(0, 43_200),
    "Policy": _JSON,
    "RedrivePolicy": _JSON,
    "RedriveAllowPolicy": _JSON,
    "KmsMasterKeyId": _TEXT,
    "KmsDataKeyReusePeriodSeconds": _seconds(60, 86_400),
    "SqsManagedSseEnabled": _BOOL,
    "FifoQueue": _BOOL,
    "ContentBasedDeduplication": _BOOL,
    "DeduplicationScope": AttributeRule("choice", choices=("messageGroup", "queue")),
    "FifoThroughputLimit": AttributeRule("choice", choices=("perQueue", "perMessageGroupId")),
}
QUEUE_READ_ONLY = frozenset(
    (
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "QueueArn",
    )
)
FIFO_ONLY = frozenset(("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"))

TOPIC_ATTRIBUTES: Mapping[str, AttributeRule] = {
    "DisplayName": _TEXT,
    "Policy": _JSON,
    "DeliveryPolicy": _JSON,
    "KmsMasterKeyId": _TEXT,
    "SignatureVersion": AttributeRule("choice", choices=("1", "2")),
    "TracingConfig": AttributeRule("choice", choices=("PassThrough", "Active")),
    "DataProtectionPolicy": _JSON,
    "FifoTopic": _BOOL,
    "ContentBasedDeduplication": _BOOL,
    "FifoThroughputScope": AttributeRule("choice", choices=("Topic", "MessageGroup")),
    "ArchivePolicy": _JSON,
}
TOPIC_FIFO_ONLY = frozenset(("ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy"))


def checked_queue_attributes(config: object, queue_name: str) -> dict[str, str]:
    """Of a queue of that name. A `.fifo` name says FifoQueue by itself. Raises InvalidAttributeName, InvalidAttributeValue."""
    checked = _checked(config, QUEUE_ATTRIBUTES, QUEUE_READ_ONLY, "a queue attribute")
    _check_fifo(checked, "FifoQueue", queue_name, FIFO_ONLY)
    if checked.get("FifoThroughputLimit") == "perMessageGroupId" and checked.get("DeduplicationScope", "messageGroup") != "messageGroup":
        raise InvalidAttributeValue("FifoThroughputLimit=perMessageGroupId needs DeduplicationScope=messageGroup")
    if checked.get("RedrivePolicy"):
        _check_redrive_policy(json.loads(checked["RedrivePolicy"]), queue_name)
    if checked.get("RedriveAllowPolicy"):
        _check_redrive_allow_policy(json.loads(checked["RedriveAllowPolicy"]))
    return checked


def checked_topic_attributes(config: object, topic_name: str) -> dict[str, str]:
    """Of a topic of that name, as `checked_queue_attributes`."""
    checked = _checked(config, TOPIC_ATTRIBUTES, frozenset(("TopicArn", "Owner")), "a topic attribute")
    _check_fifo(checked, "FifoTopic", topic_name, TOPIC_FIFO_ONLY)
    return checked


def _checked(config: object, rules: Mapping[str, AttributeRule], read_only: frozenset[str], kind: str) -> dict[str, str]:
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise InvalidArgument(f"config is {type(config).__name__}: it must be a mapping of attribute names to values")
    checked = {}
    for name, value in config.items():
        if not isinstance(name, str):
            raise InvalidAttributeName(f"config: the name {name!r} is {type(name).__name__}: it must be a str")
        if name in read_only:
            raise InvalidAttributeName(f"config: {name} is what AWS says, it cannot be set")
        rule = rules.get(name)
        if rule is None:
            raise InvalidAttributeName(f"config: {name} is not {kind}{did_you_mean(name, rules)}")
        checked[name] = rule.checked(name, value)
    return checked


def _check_fifo(checked: dict[str, str], flag: str, name: str, fifo_only: frozenset[str]) -> None:
    """AWS: "The name of a FIFO queue must end with the .fifo suffix", and none but those."""
    is_fifo = checked.get(flag)
    if name.endswith(FIFO):
        if is_fifo == "false":
            raise InvalidAttributeValue(f"{flag}=False, but the name {name!r} ends in {FIFO}")
        checked[flag] = "true"
        return
    if is_fifo == "true":
        raise InvalidAttributeValue(f"{flag}=True needs a name that ends in {FIFO}: {name + FIFO!r}")
    # AWS refuses the attribute itself on what is not FIFO, even as false.
    checked.pop(flag, None)
    wrong = sorted(checked.keys() & fifo_only)
    if wrong:
        raise InvalidAttributeName(f"{', '.join(wrong)}: only for FIFO, whose names end in {FIFO}: {name + FIFO!r}")


def _check_redrive_policy(policy: Mapping[str, object], queue_name: str) -> None:
    unknown = policy.keys() - {"deadLetterTargetArn", "maxReceiveCount"}
    if unknown or len(policy) < 2:
        raise InvalidAttributeValue(f"RedrivePolicy={dict(policy)} must have deadLetterTargetArn and maxReceiveCount, and no more")
    AttributeRule("int", 1, 1000).checked("RedrivePolicy: maxReceiveCount", policy["maxReceiveCount"])
    arn = policy["deadLetterTargetArn"]
    if not isinstance(arn, str) or len(arn.split(":")) != 6:
        raise InvalidAttributeValue(f"RedrivePolicy: deadLetterTargetArn={arn!r} must be the ARN of a queue (SqsQueue.arn)")
    if arn.endswith(FIFO) != queue_name.endswith(FIFO):
        one, other = ("a FIFO", "a standard") if queue_name.endswith(FIFO) else ("a standard", "a FIFO")
        raise InvalidAttributeValue(f"RedrivePolicy: {queue_name!r} is {one} queue and {arn!r} is {other} one: both must be of one kind")


def _check_redrive_allow_policy(policy: Mapping[str, object]) -> None:
    choice = AttributeRule("choice", choices=("allowAll", "denyAll", "byQueue"))
    permission = choice.checked("RedriveAllowPolicy: redrivePermission", policy.get("redrivePermission"))
    sources = policy.get("sourceQueueArns")
    if permission == "byQueue" and not (isinstance(sources, list) and 1 <= len(sources) <= 10):
        raise InvalidAttributeValue(f"RedriveAllowPolicy: byQueue needs 1..10 sourceQueueArns, not {sources!r}")
    if permission != "byQueue" and sources is not None:
        raise InvalidAttributeValue(f"RedriveAllowPolicy: sourceQueueArns is only for byQueue, not {permission}")


def differences(found: Mapping[str, str], wanted: Mapping[str, str], rules: Mapping[str, AttributeRule]) -> tuple[str, ...]:
    """Of what was asked for: JSON by its meaning."""
    return tuple(
        f"{name} is {found.get(name)!r}, not {asked!r}"
        for name, asked in sorted(wanted.items())
        if not _same(rules[name].kind, found.get(name), asked)
    )


def _same(kind: str, found: str | None, asked: str) -> bool:
    if kind != "json" or not found or not asked:
        return (found or "") == asked
    return _comparable(json.loads(found)) == _comparable(json.loads(asked))


def _comparable(document: object) -> object:
    """AWS keeps numbers of a policy as texts or as numbers."""
    if isinstance(document, Mapping):
        return {name: _comparable(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_comparable(each) for each in document]
    return str(document) if isinstance(document, int) and not isinstance(document, bool) else document


def checked_queue_name(argument: str, name: object) -> str:
    """Letters, digits, - and _, at most 80 of them with the suffix .fifo of a FIFO queue."""
    return _checked_name(argument, name, "queue", MAX_QUEUE_NAME)


def could_be_queue_name(name: str) -> bool:
    """Whether a queue of SQS may have a name that was given for any system's."""
    return len(name) <= MAX_QUEUE_NAME and _NAME.fullmatch(name.removesuffix(FIFO)) is not None


def checked_sns_topic_name(argument: str, name: object) -> str:
    """Letters, digits, - and _, at most 256 of them with the suffix .fifo of a FIFO topic."""
    return _checked_name(argument, name, "topic", MAX_TOPIC_NAME)


def _checked_name(argument: str, name: object, kind: str, most: int) -> str:
    text = checked_text(argument, name)
    if len(text) > most:
        raise InvalidArgument(f"{argument} has {len(text)} characters: the name of a {kind} has at most {most}")
    if not _NAME.fullmatch(text.removesuffix(FIFO)):
        wrong = "".join(sorted(set(_NAME.sub("", text.removesuffix(FIFO)))))
        raise InvalidArgument(
            f"{argument}={text!r} holds {wrong!r}: the name of a {kind} is of letters, digits, '-' and '_', with {FIFO} at the end of FIFO"
        )
    return text


def checked_region(argument: str, region: object) -> str:
    """Such as us-east-1."""
    text = checked_text(argument, region)
    if not _REGION.fullmatch(text):
        raise InvalidArgument(f"{argument}={text!r} must be a region of AWS such as 'us-east-1'")
    return text


def checked_tags(tags: object) -> dict[str, str]:
    """At most 50; keys of 1..128 characters, values of 0..256. AWS: tagging restrictions."""
    if tags is None:
        return {}
    if not isinstance(tags, Mapping):
        raise InvalidArgument(f"tags is {type(tags).__name__}: it must be a mapping of str to str")
    if len(tags) > MAX_TAGS:
        raise InvalidArgument(f"tags: {len(tags)} are too many: AWS takes at most {MAX_TAGS}")
    for key, value in tags.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidArgument(f"tags: {key!r}={value!r}: both must be str")
        if not 1 <= len(key) <= MAX_TAG_KEY or len(value) > MAX_TAG_VALUE:
            raise InvalidArgument(f"tags: {key!r} has 1..{MAX_TAG_KEY} characters, its value at most {MAX_TAG_VALUE}")
        if key.lower().startswith("aws:"):
            raise InvalidArgument(f"tags: {key!r}: keys that begin with 'aws:' are AWS's own")
    return dict(tags)


def _parsed(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidAttributeValue(f"{name} is not JSON: {error}") from error


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str | bool) or not isinstance(value, int) else str(value)
