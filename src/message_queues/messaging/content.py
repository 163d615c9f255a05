"""Values to bytes: bytes and str as they are (str as UTF-8), dict, list and dataclass as compact JSON, None as Kafka's tombstone."""

import json
from dataclasses import asdict, is_dataclass

from message_queues.errors import InvalidArgument


def encoded(value: object) -> bytes | str | None:
    """What the client library is given. Raises InvalidArgument for what has no byte form, or JSON cannot say (NaN, a set, a datetime)."""
    if value is None or isinstance(value, bytes | str):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if not isinstance(value, dict | list):
        raise InvalidArgument(
            f"value is {type(value).__name__}: a message is bytes, str, dict, list, a dataclass instance, or None (a tombstone)"
        )
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"value cannot be written as JSON: {error}") from error
