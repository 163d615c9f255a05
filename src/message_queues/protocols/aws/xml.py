"""The XML that AWS's Query protocol answers with. It is only written here: no server of this house reads any.

<?xml version="1.0"?><SendMessageResponse xmlns="…"><SendMessageResult>…</SendMessageResult><ResponseMetadata>…
<?xml version="1.0"?><ErrorResponse xmlns="…"><Error><Type>Sender</Type><Code>…</Code><Message>…</Message><Detail/></Error>…
"""

import binascii
import re
from collections.abc import Callable
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from message_queues.protocols.aws.faults import UNKNOWN_OPERATION, AwsFault
from message_queues.protocols.aws.query import extras, plain
from message_queues.protocols.aws.shapes import QueryList, QueryMap

PROLOGUE: Final = '<?xml version="1.0"?>'

# XML 1.0, 2.2: what is no Char cannot be written in any way. A carriage return is written as a reference: 2.11 makes a line feed of it.
_SPECIAL: Final = re.compile('[&<>"\r]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;"}
_REPLACEMENT: Final = "\ufffd"

Writer = Callable[[Any, list[str]], None]


def escaped(text: str) -> str:
    """As the content of an element; U+FFFD stands for what XML cannot hold."""
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], _REPLACEMENT), text) if _SPECIAL.search(text) else text


def fault_document(fault: AwsFault, namespace: str, request_id: str) -> bytes:
    if fault.query_code == UNKNOWN_OPERATION:
        return b"<UnknownOperationException/>\n"
    kind = "Sender" if fault.is_sender else "Receiver"
    return (
        f'{PROLOGUE}<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>{escaped(fault.query_code)}</Code>'
        f"<Message>{escaped(fault.message)}</Message><Detail/></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


class ResponseWriter:
    """Writes the answers to one action. `response` is their type, None if there is nothing to tell."""

    def __init__(self, action: str, response: type[Struct] | None, namespace: str) -> None:
        self._write = _struct_writer(response) if response else None
        self._action = action
        self._head = f'{PROLOGUE}<{action}Response xmlns="{namespace}">'
        self._empty = [f"<{action}Result/>"] if response else []

    def write(self, response: Struct | None, request_id: str) -> bytes:
        result: list[str] = []
        if self._write and response is not None:
            self._write(response, result)
        if result:
            result = [f"<{self._action}Result>", *result, f"</{self._action}Result>"]
        end = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{self._action}Response>"
        return "".join((self._head, *(result or self._empty), end)).encode()


# Writers: one for each type, made once. A writer adds the content of an element, or whole elements if the list or map is flattened.


def _struct_writer(struct: type[Struct]) -> Writer:
    hints = get_type_hints(struct, include_extras=True)
    fields = tuple((each.name, _field_writer(each.encode_name, get_args(hints[each.name])[0])) for each in msgspec.structs.fields(struct))

    def write(value: Struct, parts: list[str]) -> None:
        for name, write_field in fields:
            content = getattr(value, name)
            if content is not None:
                write_field(content, parts)

    return write


def _field_writer(name: str, annotation: Any) -> Writer:
    for shape in extras(annotation):
        if isinstance(shape, QueryList):
            return _list_writer(name, shape, _content_writer(get_args(plain(annotation))[0]))
        if isinstance(shape, QueryMap):
            return _map_writer(name, shape, _content_writer(get_args(plain(annotation))[1]))
    return _element_writer(name, _content_writer(annotation))


def _element_writer(name: str, write_content: Writer) -> Writer:
    begin, end = f"<{name}>", f"</{name}>"

    def write(value: Any, parts: list[str]) -> None:
        parts.append(begin)
        write_content(value, parts)
        parts.append(end)

    return write


def _list_writer(name: str, shape: QueryList, write_content: Writer) -> Writer:
    write_item = _element_writer(shape.item or "member", write_content)

    def write_items(value: list[Any], parts: list[str]) -> None:
        for item in value:
            write_item(item, parts)

    return write_items if shape.item else _element_writer(name, write_items)


def _map_writer(name: str, shape: QueryMap, write_content: Writer) -> Writer:
    entry, write_key = shape.entry or "entry", _element_writer(shape.key, _write_text)
    write_value = _element_writer(shape.value, write_content)

    def write_entry(value: tuple[str, Any], parts: list[str]) -> None:
        write_key(value[0], parts)
        write_value(value[1], parts)

    write_element = _element_writer(entry, write_entry)

    def write_entries(value: dict[str, Any], parts: list[str]) -> None:
        for each in value.items():
            write_element(each, parts)

    return write_entries if shape.entry else _element_writer(name, write_entries)


def _content_writer(annotation: Any) -> Writer:
    kind = plain(annotation)
    if get_origin(kind) is not None:
        raise AssertionError(f"no list or map stands in a list or map: {annotation}")
    return _CONTENTS.get(kind) or _struct_writer(kind)


def _write_text(value: str, parts: list[str]) -> None:
    parts.append(escaped(value))


def _write_integer(value: int, parts: list[str]) -> None:
    parts.append(str(value))


def _write_boolean(value: bool, parts: list[str]) -> None:
    parts.append("true" if value else "false")


def _write_blob(value: bytes, parts: list[str]) -> None:
    parts.append(binascii.b2a_base64(value, newline=False).decode())


_CONTENTS: Final[dict[Any, Writer]] = {str: _write_text, int: _write_integer, bool: _write_boolean, bytes: _write_blob}
