"""What a message may be: API reference, SendMessage and SendMessageBatch; Developer Guide, "Amazon SQS message metadata".

The order of checks and the words are those of the real service, as far as they are known. What depends on the state of the queue is the
broker's to check.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias

from message_queues.broker.sqs.message import MessageAttribute, NewMessage
from message_queues.broker.sqs.queue_settings import QueueSettings
from message_queues.errors import InvalidMessageContents, InvalidParameterValue, MissingParameter
from message_queues.protocols.sqs.checksums import md5_of_attributes
from message_queues.protocols.sqs.requests import (
    MessageAttributeValue,
    MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
    SendMessageRequest,
)

Entry: TypeAlias = SendMessageRequest | SendMessageBatchRequestEntry
Values: TypeAlias = Mapping[str, MessageAttributeValue] | Mapping[str, MessageSystemAttributeValue]

MOST_ATTRIBUTES = 10
LONGEST_NAME = 256
GREATEST_DELAY_S = 900
TRACE_HEADER = "AWSTraceHeader"

# "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
ID = re.compile(r"[0-9A-Za-z!\"#$%&'()*+,./:;<=>?@\[\\\]^_`{|}~\-]{1,128}")
"""Of a group or for deduplication."""
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
MOST_DIGITS = 38
LEAST_EXPONENT, GREATEST_EXPONENT = -128, 126


def new_message(entry: Entry, settings: QueueSettings, sender_id: str, trace_header: str | None = None) -> NewMessage:
    """`trace_header` is that of the request, which counts where the message has none.

    Raises MissingParameter, InvalidParameterValue, InvalidMessageContents.
    """
    text = entry.message_body
    if not text:
        raise MissingParameter("The request must contain the parameter MessageBody.")
    body = utf_8(text)
    given = entry.message_attributes
    size = len(body) if not given else len(body) + attributes_size(given)
    if size > settings.maximum_message_size:
        # The real service has other words for an entry of a batch.
        wrong = "are invalid" if isinstance(entry, SendMessageRequest) else "cannot be validated"
        raise InvalidParameterValue(
            f"One or more parameters {wrong}. Reason: Message must be shorter than {settings.maximum_message_size} bytes."
        )
    if not text.isprintable() and FORBIDDEN.search(text):
        raise InvalidMessageContents(forbidden_text())
    attributes = message_attributes(given) if given else ()
    if entry.message_system_attributes:
        trace_header = checked_trace_header(entry.message_system_attributes)
    check_ids(entry, settings)
    check_delay(entry.delay_seconds, settings)
    return NewMessage(
        body=body,
        attributes=attributes,
        md5_of_attributes=md5_of_attributes(attributes) if attributes else None,
        group_id=entry.message_group_id,
        deduplication_id=entry.message_deduplication_id,
        trace_header=trace_header,
        sender_id=sender_id,
        delay_s=None if settings.is_fifo else entry.delay_seconds,
    )


def utf_8(text: str) -> bytes:
    """JSON can spell half a surrogate pair, which is no character."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidMessageContents(forbidden_text()) from None


def forbidden_text() -> str:
    return (
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )


# Identifiers and delay


def check_ids(entry: Entry, settings: QueueSettings) -> None:
    group_id, deduplication_id = entry.message_group_id, entry.message_deduplication_id
    if settings.is_fifo and group_id is None:
        raise MissingParameter("The request must contain the parameter MessageGroupId.")
    if group_id is not None:
        check_id("MessageGroupId", group_id)
    if deduplication_id is not None:
        check_id("MessageDeduplicationId", deduplication_id)
        if not settings.is_fifo:
            raise InvalidParameterValue(
                f"Value {deduplication_id} for parameter MessageDeduplicationId is invalid. Reason: "
                "The request include parameter that is not valid for this queue type."
            )
    elif settings.is_fifo and not settings.content_based_deduplication:
        raise InvalidParameterValue(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
        )


def check_id(parameter: str, value: str) -> None:
    if not ID.fullmatch(value):
        raise InvalidParameterValue(
            f"Value {value} for parameter {parameter} is invalid. Reason: {parameter} can only include alphanumeric and punctuation "
            "characters. 1 to 128 in length."
        )


def check_delay(delay_s: int | None, settings: QueueSettings) -> None:
    if delay_s is None:
        return
    if not 0 <= delay_s <= GREATEST_DELAY_S:
        raise InvalidParameterValue(
            f"Value {delay_s} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= {GREATEST_DELAY_S}."
        )
    # "When you set FifoQueue, you can't set DelaySeconds per message." No delay at all is what clients send that always set it.
    if settings.is_fifo and delay_s:
        raise InvalidParameterValue(
            f"Value {delay_s} for parameter DelaySeconds is invalid. Reason: "
            "The request include parameter that is not valid for this queue type."
        )


# Attributes


def attributes_size(values: Values) -> int:
    """Names, types and values count as much as the body."""
    return sum(
        len(name.encode("utf-8", "surrogatepass"))
        + len((value.data_type or "").encode("utf-8", "surrogatepass"))
        + len((value.string_value or "").encode("utf-8", "surrogatepass"))
        + len(value.binary_value or b"")
        for name, value in values.items()
    )


def message_attributes(values: Mapping[str, MessageAttributeValue]) -> tuple[MessageAttribute, ...]:
    if len(values) > MOST_ATTRIBUTES:
        raise InvalidParameterValue(f"Number of message attributes [{len(values)}] exceeds the allowed maximum [{MOST_ATTRIBUTES}].")
    return tuple(message_attribute(name, value) for name, value in values.items())


def message_attribute(name: str, value: MessageAttributeValue) -> MessageAttribute:
    check_attribute_name(name)
    data_type = checked_data_type(name, value.data_type)
    kind = data_type.partition(".")[0]
    if value.string_list_values or value.binary_list_values:
        raise InvalidParameterValue("Message attribute list values in SendMessage operation are not supported.")
    content = value.binary_value if kind == "Binary" else value.string_value
    if not content:
        raise InvalidParameterValue(f"Message (user) attribute '{name}' must contain a non-empty value of type '{data_type}'.")
    if isinstance(content, bytes):
        return MessageAttribute(name, data_type, content)
    if FORBIDDEN.search(content):
        raise InvalidParameterValue(forbidden_text())
    if kind == "Number":
        check_number(name, content)
    return MessageAttribute(name, data_type, content.encode())


def check_attribute_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise InvalidParameterValue(f"Length of message attribute name must be less than {LONGEST_NAME} bytes.")
    if not ATTRIBUTE_NAME.fullmatch(name):
        raise InvalidParameterValue(
            f"The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and "
            "period (.) characters."
        )
    if name.lower().startswith(("aws.", "amazon.")) or name.startswith(".") or name.endswith("."):
        raise InvalidParameterValue(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. "
            "Additionally, they cannot start or end with '.'."
        )
    if ".." in name:
        raise InvalidParameterValue(f"The message attribute name '{name}' is invalid. Attribute name can't have successive '.' characters.")


def checked_data_type(name: str, data_type: str | None) -> str:
    if not data_type:
        raise InvalidParameterValue(f"The message attribute '{name}' must contain non-empty message attribute type.")
    if data_type.partition(".")[0] not in ("String", "Number", "Binary"):
        raise InvalidParameterValue(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, "
            "and String."
        )
    if len(data_type) > LONGEST_NAME or FORBIDDEN.search(data_type):
        raise InvalidParameterValue(f"Length of message attribute type must be less than {LONGEST_NAME} bytes.")
    return data_type


def check_number(name: str, text: str) -> None:
    """Developer Guide: "up to 38 digits of precision, and it can be between 10^-128 and 10^+126"."""
    if not NUMBER.fullmatch(text):
        raise InvalidParameterValue(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    mantissa, _, exponent = text.lower().lstrip("+-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return
    # Of the first digit that is not 0: an exponent of thousands of digits is not worth a number of its own.
    magnitude = len(digits) - 1 - len(fraction) + int(exponent[:12] or 0)
    if len(digits.rstrip("0")) > MOST_DIGITS or not LEAST_EXPONENT <= magnitude <= GREATEST_EXPONENT:
        raise InvalidParameterValue(
            f"Number attribute value {text} should be in range (-10**{LEAST_EXPONENT}..10**{GREATEST_EXPONENT}), with at most "
            f"{MOST_DIGITS} digits."
        )


def checked_trace_header(values: Mapping[str, MessageSystemAttributeValue]) -> str:
    """API reference: "Currently, the only supported message system attribute is AWSTraceHeader. Its type must be String"."""
    for name, value in values.items():
        if name != TRACE_HEADER:
            raise InvalidParameterValue(
                f"Message system attribute name '{name}' is invalid. Message system attribute name can only be {TRACE_HEADER}."
            )
        if value.data_type != "String":
            raise InvalidParameterValue(f"The message system attribute '{name}' has an invalid message attribute type, must be String.")
        if not value.string_value:
            raise InvalidParameterValue(f"The message system attribute '{name}' must contain a non-empty value of type 'String'.")
        if FORBIDDEN.search(value.string_value):
            raise InvalidParameterValue(forbidden_text())
    return values[TRACE_HEADER].string_value or ""
