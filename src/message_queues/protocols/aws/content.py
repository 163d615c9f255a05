"""Which of AWS's wire formats a request is in, and what it asks for.

AWS JSON 1.0 names the action in `X-Amz-Target: AmazonSQS.SendMessage`; Query names it in the parameter `Action`, of the body's form or of
the URL. What names neither is Query without an action.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple
from urllib.parse import unquote_plus


class Wire(Enum):
    JSON = auto()
    QUERY = auto()


JSON_TYPE: Final = b"application/x-amz-json-1.0"
XML_TYPE: Final = b"text/xml"
SQS: Final = "sqs"
SNS: Final = "sns"

_SERVICE_OF_TARGET: Final = {b"AmazonSQS": SQS}
_SERVICE_OF_VERSION: Final = {
    **dict.fromkeys(("2012-11-05", "2011-10-01", "2009-02-01", "2008-01-01"), SQS),
    "2010-03-31": SNS,
}
_ACTION: Final = re.compile(rb"(?:^|&)Action=([^&]*)")
_VERSION: Final = re.compile(rb"(?:^|&)Version=([^&]*)")


class Target(NamedTuple):
    wire: Wire
    service: str | None
    """By the target or the version; None if the request does not say."""
    action: str | None


def target_of(headers: Mapping[bytes, bytes], query: bytes, body: bytes) -> Target:
    """Of any request whatsoever. Names of headers are in lower case."""
    target = headers.get(b"x-amz-target")
    if target is not None:
        prefix, _, action = target.rpartition(b".")
        return Target(Wire.JSON, _SERVICE_OF_TARGET.get(prefix), action.decode("latin-1") or None)
    if headers.get(b"content-type", b"").startswith(b"application/x-amz-json"):
        return Target(Wire.JSON, SQS, None)
    action_name, version = _parameter(_ACTION, query, body), _parameter(_VERSION, query, body)
    return Target(Wire.QUERY, _SERVICE_OF_VERSION.get(version or ""), action_name or None)


def _parameter(name: re.Pattern[bytes], query: bytes, body: bytes) -> str | None:
    found = name.search(body) or name.search(query)
    return unquote_plus(found[1].decode("latin-1")) if found else None
