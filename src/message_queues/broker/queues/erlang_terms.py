"""How RabbitMQ shows values in its messages: Erlang's ~tp of a field's value, and the names of field types."""

import base64
import hashlib
from collections.abc import Mapping

from message_queues.records.field_table import TYPE_NAMES, FieldTable, FieldValue, Timestamp, write_table, write_value


def printed(value: FieldValue) -> str:
    """`<<"text">>` for a string, `<<1,2>>` for bytes that are none."""
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _printed_bytes(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, bytes):
        return _printed_bytes(value)
    if isinstance(value, dict):
        fields = (f"{{{printed(name)},{type_name(item)},{printed(item)}}}" for name, item in value.items())
        return f"[{','.join(fields)}]"
    if isinstance(value, list):
        return f"[{','.join(f'{{{type_name(item)},{printed(item)}}}' for item in value)}]"
    if isinstance(value, Timestamp):
        return str(int(value))
    return str(value)


def _printed_bytes(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if not value or not (text and text.isprintable()):
        return f"<<{','.join(map(str, value))}>>"
    # Erlang marks what is not plain Latin text.
    return f"<<{quoted(text)}>>" if text.isascii() else f"<<{quoted(text)}/utf8>>"


def printed_json(value: object) -> str:
    """A JSON value, as RabbitMQ has it once it is parsed."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return f"#{{{','.join(f'{printed_json(name)} => {printed_json(item)}' for name, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(printed_json, value))}]"
    return printed(value) if isinstance(value, bool | int | float | str) else str(value)


def quoted(text: str) -> str:
    """A text that Erlang has as a list of characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def type_name(value: FieldValue) -> str:
    """The type of a field as RabbitMQ calls it."""
    return TYPE_NAMES[chr(write_value(value)[0])]


def arguments_hash(arguments: FieldTable) -> str:
    """Tells the arguments of bindings apart in the management API, shaped like RabbitMQ's (which hashes the Erlang term)."""
    told = write_table(dict(sorted(arguments.items())))
    return base64.urlsafe_b64encode(hashlib.blake2b(told, digest_size=4).digest()).rstrip(b"=").decode()
