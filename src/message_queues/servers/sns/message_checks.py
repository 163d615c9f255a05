"""What a message published to a topic may be: SNS API reference, Publish and PublishBatch, in AWS's words."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from message_queues.broker.sns.message import SnsMessage
from message_queues.broker.sns.topic import Topic
from message_queues.broker.sqs.message import MessageAttribute
from message_queues.errors import BatchRefused, InvalidParameterValue
from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.sns.requests import MessageAttributeValue, PublishBatchRequestEntry, PublishRequest
from message_queues.servers.sqs.message_checks import FORBIDDEN, ID

Entry: TypeAlias = PublishRequest | PublishBatchRequestEntry

LONGEST_SUBJECT: Final = 100
LONGEST_ATTRIBUTE_NAME: Final = 256
MOST_ENTRIES: Final = 10
LONGEST_ENTRY_ID: Final = 80
_ENTRY_ID: Final = re.compile(r"[A-Za-z0-9_-]*")
_DATA_TYPE: Final = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.-]")


def new_message(topic: Topic, entry: Entry, at: str = "", trace_header: str | None = None) -> SnsMessage:
    """`at` is where the entry stands in the request. Raises InvalidParameterValue and AwsFault (ParameterValueInvalid, ValidationError)."""
    body = entry.message
    if body is None:
        raise null_value(f"{at}message")
    if not body:
        raise InvalidParameterValue("Invalid parameter: Empty message")
    _check_subject(entry.subject)
    by_protocol = _by_protocol(entry)
    attributes = _attributes(entry.message_attributes or {}, at)
    if _size(body, attributes) > int(topic.attribute("MaximumMessageSize")):
        raise InvalidParameterValue("Invalid parameter: Message too long")
    if FORBIDDEN.search(body):
        raise InvalidParameterValue("Invalid parameter: Message Reason: it has characters that XML 1.0 does not allow")
    _check_ids(topic, entry)
    return SnsMessage(
        body=by_protocol.pop("default") if by_protocol else body,
        subject=entry.subject,
        attributes=attributes,
        by_protocol=by_protocol,
        group_id=entry.message_group_id,
        deduplication_id=entry.message_deduplication_id,
        trace_header=trace_header,
    )


def check_batch(topic: Topic, entries: list[PublishBatchRequestEntry]) -> None:
    """A batch as a whole. Raises BatchRefused."""
    if not entries:
        raise BatchRefused("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > MOST_ENTRIES:
        raise BatchRefused("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
    for entry in entries:
        _check_entry_id(entry.id or "")
    if len({entry.id for entry in entries}) < len(entries):
        raise BatchRefused("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    if sum(map(_size_of_entry, entries)) > int(topic.attribute("MaximumMessageSize")):
        raise BatchRefused("BatchRequestTooLong", "The length of all the messages put together is more than the limit.")


def _check_entry_id(entry_id: str) -> None:
    if len(entry_id) > LONGEST_ENTRY_ID:
        raise BatchRefused("InvalidBatchEntryId", f"The Id of a batch entry in the batch request is too long: {entry_id}")
    if not entry_id:
        raise BatchRefused("InvalidBatchEntryId", "The Id of a batch entry in the batch request is empty.")
    if not _ENTRY_ID.fullmatch(entry_id):
        raise BatchRefused(
            "InvalidBatchEntryId", f"The Id of a batch entry in the batch request contains an impermissible character: {entry_id}"
        )


def null_value(name: str) -> AwsFault:
    return AwsFault(
        "ValidationError", f"1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
    )


def _check_subject(subject: str | None) -> None:
    # "Subjects must be UTF-8 text with no line breaks or control characters, and less than 100 characters long": 100 are taken.
    if subject is None:
        return
    if not 0 < len(subject) <= LONGEST_SUBJECT or _CONTROL.search(subject):
        raise InvalidParameterValue("Invalid parameter: Subject")


def _by_protocol(entry: Entry) -> dict[str, str]:
    """Of MessageStructure=json; of its values those that are strings."""
    if entry.message_structure is None:
        return {}
    if entry.message_structure != "json":
        raise InvalidParameterValue("Invalid parameter: MessageStructure")
    try:
        found = json.loads(entry.message or "")
    except (ValueError, RecursionError):
        raise InvalidParameterValue("Invalid parameter: Message Structure - JSON message body failed to parse") from None
    if not isinstance(found, dict) or not isinstance(found.get("default"), str):
        raise InvalidParameterValue("Invalid parameter: Message Structure - No default entry in JSON message body")
    return {protocol: text for protocol, text in found.items() if isinstance(text, str)}


def _check_ids(topic: Topic, entry: Entry) -> None:
    group_id, deduplication_id = entry.message_group_id, entry.message_deduplication_id
    if topic.is_fifo and not group_id:
        raise InvalidParameterValue("Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
    if not topic.is_fifo and deduplication_id is not None:
        raise InvalidParameterValue(
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for "
            "this topic type"
        )
    if topic.is_fifo and deduplication_id is None and topic.attribute("ContentBasedDeduplication") != "true":
        raise InvalidParameterValue(
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly"
        )
    for name, value in (("MessageGroupId", group_id), ("MessageDeduplicationId", deduplication_id)):
        if value is not None and not ID.fullmatch(value):
            raise InvalidParameterValue(
                f"Invalid parameter: {name} Reason: it can include alphanumeric and punctuation characters, and has 1 to 128 of them"
            )


# Attributes


def _attributes(values: Mapping[str, MessageAttributeValue], at: str) -> tuple[MessageAttribute, ...]:
    return tuple(_attribute(name, value, at) for name, value in values.items())


def _attribute(name: str, given: MessageAttributeValue, at: str) -> MessageAttribute:
    _check_name(name)
    data_type = given.data_type
    if data_type is None:
        raise null_value(f"{at}messageAttributes.{name}.member.dataType")
    if not data_type:
        raise _invalid(f"The message attribute '{name}' must contain non-empty message attribute type.")
    kind = _DATA_TYPE.fullmatch(data_type)
    if kind is None:
        raise _invalid(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, "
            "and String."
        )
    field = "Binary" if kind[1] == "Binary" else "String"
    other, value = (given.string_value, given.binary_value) if field == "Binary" else (given.binary_value, _encoded(given.string_value))
    if other:
        raise _invalid(f"The message attribute '{name}' with type '{data_type}' must use field '{field}'.")
    if not value:
        raise _invalid(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
        )
    if kind[1] == "Number":
        _check_number(name, given.string_value or "")
    if field == "String" and FORBIDDEN.search(given.string_value or ""):
        raise _invalid(f"The message attribute '{name}' has characters that XML 1.0 does not allow.")
    return MessageAttribute(name, data_type, value)


def _check_name(name: str) -> None:
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_ATTRIBUTE_NAME:
        raise _invalid("Length of message attribute name must be less than 256 bytes.")
    strange = _NOT_IN_NAMES.search(name)
    if strange is not None:
        raise _invalid(
            f"Invalid non-alphanumeric character '#x{ord(strange[0]):X}' was found in the message attribute name. Can only include "
            "alphanumeric characters, hyphens, underscores, or dots."
        )
    if name.startswith("."):
        raise _invalid("Invalid message attribute name starting with character '.' was found.")
    if name.endswith("."):
        raise _invalid("Invalid message attribute name ending with character '.' was found.")
    if ".." in name:
        raise _invalid("Message attribute name can not have successive '.' character.")
    if not name:
        raise _invalid("The message attribute name must not be empty.")


def _check_number(name: str, text: str) -> None:
    try:
        is_number = Decimal(text).is_finite() and text.isascii() and "_" not in text
    except InvalidOperation:
        is_number = False
    if not is_number:
        raise _invalid(f"Could not cast message attribute '{name}' value to number.")


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogatepass")


def _size(body: str, attributes: tuple[MessageAttribute, ...]) -> int:
    return len(body.encode("utf-8", "surrogatepass")) + sum(
        len(name.encode()) + len(data_type.encode()) + len(value) for name, data_type, value in attributes
    )


def _size_of_entry(entry: PublishBatchRequestEntry) -> int:
    given = (entry.message_attributes or {}).items()
    attributes = ((name, value.data_type or "", value.binary_value or _encoded(value.string_value) or b"") for name, value in given)
    return _size(entry.message or "", tuple(MessageAttribute(*attribute) for attribute in attributes))


def _invalid(text: str) -> AwsFault:
    return AwsFault("ParameterValueInvalid", text)
