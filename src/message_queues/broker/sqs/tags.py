"""Tags of queues. Source: API reference, TagQueue; Developer Guide, "Amazon SQS cost allocation tags"."""

import re
from collections.abc import Mapping
from typing import Final

from message_queues.errors import InvalidParameterValue

MOST_TAGS: Final = 50
LONGEST_KEY: Final = 128
LONGEST_VALUE: Final = 256
_ALLOWED = re.compile(r"[\w\s.:/=+\-@]*")


def check_tags(queue: str, present: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Raises InvalidParameterValue."""
    for key, value in new.items():
        if not 1 <= len(key) <= LONGEST_KEY:
            raise InvalidParameterValue(f"Tag keys must be between 1 and {LONGEST_KEY} characters in length.")
        if key.lower().startswith("aws:"):
            raise InvalidParameterValue("Tag keys can't start with the reserved prefix aws:.")
        if len(value) > LONGEST_VALUE:
            raise InvalidParameterValue(f"Tag values must be between 0 and {LONGEST_VALUE} characters in length.")
        if not _ALLOWED.fullmatch(key) or not _ALLOWED.fullmatch(value):
            raise InvalidParameterValue(
                f"The tag {key!r} can only include letters, digits, white space, and the characters _ . : / = + - @"
            )
    if len({*present, *new}) > MOST_TAGS:
        raise InvalidParameterValue(f"Too many tags added for queue {queue}.")
