"""Headers as message attributes of SQS and SNS, bodies as their text, and how much of the limit they take.

Amazon SQS developer guide, "Message attributes", and API reference, SendMessage: "The following Unicode characters are allowed: #x9 | #xA |
#xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF".
"""

import math
import re
from collections.abc import Mapping

from message_queues.clients.aws_ports import Attribute
from message_queues.errors import InvalidArgument, InvalidMessageContents
from message_queues.message import Headers
from message_queues.messaging.content import encoded

MOST = 10
"""Attributes of a message. SQS developer guide, "Message quotas"; SNS delivers no more to a raw subscription."""
LONGEST_NAME = 256
LONGEST_ID = 128

_FORBIDDEN = re.compile("[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_RESERVED = ("aws.", "amazon.")
_ID = re.compile(r"""[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]+""")


def checked_body(value: object) -> str:
    """A value as the text that SQS carries. Raises InvalidMessageContents where it has none."""
    body = encoded(value)
    if body is None:
        raise InvalidArgument("value is None: a tombstone is Kafka's, and a message to SQS or SNS has at least one character")
    if isinstance(body, bytes):
        try:
            body = body.decode()
        except UnicodeDecodeError as error:
            raise InvalidMessageContents(f"value is not UTF-8 text ({error}), and SQS and SNS carry text: send it as base64") from error
    if not body:
        raise InvalidMessageContents("value is empty: a message to SQS or SNS has at least one character")
    check_text("value", body)
    return body


def check_text(what: str, text: str) -> None:
    """Raises InvalidMessageContents for a character that AWS does not allow."""
    wrong = None if text.isascii() and text.isprintable() else _FORBIDDEN.search(text)
    if wrong is not None:
        raise InvalidMessageContents(
            f"{what} holds U+{ord(wrong[0]):04X} at character {wrong.start()}: SQS and SNS carry #x9, #xA, #xD, #x20 to #xD7FF,"
            " #xE000 to #xFFFD and #x10000 to #x10FFFF"
        )


def checked_attributes(headers: Headers) -> dict[str, Attribute]:
    """str as String, int and float as Number, bytes as Binary."""
    if not isinstance(headers, Mapping | list | tuple):
        raise InvalidArgument(f"headers is {type(headers).__name__}: it must be a mapping, or a list of (name, value) pairs")
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if len(pairs) > MOST:
        raise InvalidArgument(f"headers: {len(pairs)} are too many: SQS and SNS take at most {MOST} attributes")
    attributes: dict[str, Attribute] = {}
    for name, value in pairs:
        if name in attributes:
            raise InvalidArgument(f"headers: {name!r} is there twice: SQS and SNS have each name once")
        attributes[_checked_name(name)] = _attribute(name, value)
    return attributes


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise InvalidArgument(f"headers: the name {name!r} is {type(name).__name__}: it must be a str")
    if len(name) > LONGEST_NAME:
        raise InvalidArgument(f"headers: a name has {len(name)} characters: SQS and SNS take at most {LONGEST_NAME}")
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"headers: the name {name!r} must be of letters, digits, '_', '-' and '.', with no '.' at its ends nor two in a row"
        )
    if name.lower().startswith(_RESERVED):
        raise InvalidArgument(f"headers: the name {name!r}: names that begin with 'AWS.' or 'Amazon.' are AWS's own")
    return name


def _attribute(name: str, value: object) -> Attribute:
    if isinstance(value, str):
        if not value:
            raise InvalidArgument(f"headers: {name} is empty: SQS and SNS take no empty attribute")
        check_text(f"headers: {name}", value)
        return Attribute("String", value)
    if isinstance(value, bytes | bytearray | memoryview):
        if not len(value):
            raise InvalidArgument(f"headers: {name} is empty: SQS and SNS take no empty attribute")
        return Attribute("Binary", bytes(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) or not -(10.0**128) <= value <= 10.0**126:
            raise InvalidArgument(f"headers: {name}={value!r} must be a number in -10^128..10^126")
        return Attribute("Number", repr(value))
    raise InvalidArgument(f"headers: {name}={value!r} is {type(value).__name__}: it must be a str, bytes, an int or a float")


def size_of(body: str, attributes: Mapping[str, Attribute]) -> int:
    """Bytes that count: names, types and values of attributes too."""
    size = len(body) if body.isascii() else len(body.encode())
    for name, attribute in attributes.items():
        value = attribute.value
        size += len(name) + len(attribute.data_type) + (len(value) if isinstance(value, bytes) else len(value.encode()))
    return size


def checked_id(argument: str, value: object) -> str:
    """A message group id or a deduplication id: at most 128 letters, digits and marks."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise InvalidArgument(f"{argument} is {type(value).__name__}: it must be a str")
    if len(text) > LONGEST_ID or not _ID.fullmatch(text):
        raise InvalidArgument(f"{argument}={value!r} must be 1..{LONGEST_ID} letters, digits and marks of ASCII, without blanks")
    return text
