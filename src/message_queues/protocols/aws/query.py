"""AWS's Query protocol: the parameters of a form become a request.

    Action=SetQueueAttributes&QueueUrl=http%3A%2F%2F…&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5

Dots separate the steps to a value. Beside what `shapes.py` says, a list or map is also read under the name that it has in JSON, with or
without `member` or `entry` before the number, and one that has no number is of one item, as old clients write it: `AttributeName=All`,
`Attribute.Name=DelaySeconds&Attribute.Value=5`. Unknown parameters are passed over; of a name that comes twice the first counts.

A form is made a tree first, of at most `MAX_PARAMETERS` parameters of at most `MAX_DEPTH` steps, so that what a request makes us hold stays
within a multiple of its bytes.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from message_queues.protocols.aws.faults import malformed_input, malformed_query_string, missing_parameter
from message_queues.protocols.aws.shapes import QueryList, QueryMap

MAX_PARAMETERS: Final = 10_000
MAX_DEPTH: Final = 12
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_WRAPPERS: Final = ("member", "entry")


class Node:
    """What the parameters say below one name."""

    __slots__ = ("children", "value")

    def __init__(self) -> None:
        self.value: str | None = None
        self.children: dict[str, Node] = {}


def parse_form(*forms: bytes) -> Node:
    """The parameters of several forms, the first ones first.

    Raises:
        AwsFault: MalformedQueryString for an escape or a text that is none, or for more than `MAX_PARAMETERS`.
    """
    root = Node()
    if sum(form.count(b"&") for form in forms) >= MAX_PARAMETERS:
        raise malformed_query_string(f"more than {MAX_PARAMETERS} parameters")
    for form in forms:
        for pair in form.split(b"&"):
            if pair:
                _add(root, *pair.partition(b"="))
    return root


def _add(root: Node, name: bytes, _: bytes, value: bytes) -> None:
    steps = unescaped(name).split(".", MAX_DEPTH)
    if len(steps) > MAX_DEPTH:
        return
    node = root
    for step in steps:
        child = node.children.get(step)
        if child is None:
            child = node.children[step] = Node()
        node = child
    if node.value is None:
        node.value = unescaped(value)


def unescaped(text: bytes) -> str:
    """One name or value of a form as UTF-8.

    Raises:
        AwsFault: MalformedQueryString.
    """
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if b"%" in text:
        bad = _BAD_ESCAPE.search(text)
        if bad:
            raise malformed_query_string(f"{_shown(text[bad.start() : bad.start() + 3])} is no escape, a percent sign is written as %25")
        # Escapes of MIME's quoted-printable differ in their first octet alone, and Python reads these without a list of all parts.
        text = binascii.a2b_qp(text.replace(b"=", b"=3D").replace(b"%", b"="))
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise malformed_query_string(f"{_shown(text[error.start : error.end])} is not UTF-8") from None


def _shown(text: bytes) -> str:
    return ascii(text)[1:]


# Readers: one for each type, made once. A reader gets the node and the name to blame.

Reader = Callable[[Node, str], Any]


class RequestReader:
    """Reads requests of one type."""

    def __init__(self, request: type[Struct]) -> None:
        self._read = _struct_reader(request)

    def read(self, form: Node) -> Any:
        """
        Raises:
            AwsFault: MalformedInput, MissingParameter for a map's entry without key or value.
        """
        return self._read(form, "")


class _Field(NamedTuple):
    name: str
    query_names: tuple[str, ...]
    read: Reader


def _struct_reader(struct: type[Struct]) -> Reader:
    fields = tuple(_fields(struct))

    def read(node: Node, name: str) -> Struct:
        if node.value is not None and name:
            raise malformed_input(f"A structure was expected, and {name} is a text")
        values: dict[str, Any] = {}
        for field in fields:
            for query_name in field.query_names:
                child = node.children.get(query_name)
                if child is not None:
                    values[field.name] = field.read(child, f"{name}.{query_name}" if name else query_name)
                    break
        return struct(**values)

    return read


def _fields(struct: type[Struct]) -> list[_Field]:
    hints = get_type_hints(struct, include_extras=True)
    found = []
    for each in msgspec.structs.fields(struct):
        # `T | None`: what is not given is not there.
        annotation = get_args(hints[each.name])[0]
        shape = next((extra for extra in extras(annotation) if isinstance(extra, QueryList | QueryMap)), None)
        flat = shape.item if isinstance(shape, QueryList) else shape.entry if shape else None
        names = tuple(dict.fromkeys(name for name in (flat, each.encode_name) if name))
        found.append(_Field(each.name, names, _reader(annotation)))
    return found


def extras(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _reader(annotation: Any) -> Reader:
    kind = plain(annotation)
    match get_origin(kind):
        case origin if origin is list:
            return _list_reader(_reader(get_args(kind)[0]))
        case origin if origin is dict:
            shape = next(extra for extra in extras(annotation) if isinstance(extra, QueryMap))
            return _map_reader(shape, _reader(get_args(kind)[1]))
    if kind is int:
        limits = next(extra for extra in extras(annotation) if isinstance(extra, msgspec.Meta))
        return _integer_reader(limits)
    return _SCALARS.get(kind) or _struct_reader(kind)


def _list_reader(read_item: Reader) -> Reader:
    def read(node: Node, name: str) -> list[Any]:
        return [read_item(item, item_name) for item, item_name in _items(node, name)]

    return read


def _map_reader(shape: QueryMap, read_value: Reader) -> Reader:
    def part(entry: Node, name: str, part_name: str) -> Node:
        found = entry.children.get(part_name)
        if found is None:
            raise missing_parameter(f"{name}.{part_name}")
        return found

    def read(node: Node, name: str) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for entry, entry_name in _items(node, name):
            key = _text(part(entry, entry_name, shape.key), f"{entry_name}.{shape.key}")
            entries[key] = read_value(part(entry, entry_name, shape.value), f"{entry_name}.{shape.value}")
        return entries

    return read


def _items(node: Node, name: str) -> list[tuple[Node, str]]:
    """In the order of their numbers, whatever these are."""
    for wrapper in _WRAPPERS:
        if wrapper in node.children:
            node, name = node.children[wrapper], f"{name}.{wrapper}"
            break
    numbered = [(int(step), step) for step in node.children if step.isascii() and step.isdigit() and len(step) < 10]
    if numbered:
        return [(node.children[step], f"{name}.{step}") for _, step in sorted(numbered)]
    if node.value == "" and not node.children:
        return []
    return [(node, name)]


def _text(node: Node, name: str) -> str:
    if node.value is None:
        raise malformed_input(f"Start of structure or map found where not expected: {name} is a text")
    return node.value


def _integer_reader(limits: msgspec.Meta) -> Reader:
    smallest, largest = int(limits.ge or 0), int(limits.le or 0)

    def read(node: Node, name: str) -> int:
        text = _text(node, name)
        digits = text[1:] if text.startswith("-") else text
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and smallest <= int(text) <= largest):
            raise malformed_input(f"STRING_VALUE can not be converted to an Integer: {name} is {text[:40]!r}")
        return int(text)

    return read


def _boolean(node: Node, name: str) -> bool:
    text = _text(node, name)
    match text.lower():
        case "true":
            return True
        case "false":
            return False
    raise malformed_input(f"STRING_VALUE can not be converted to a Boolean: {name} is {text[:40]!r}")


def _blob(node: Node, name: str) -> bytes:
    try:
        return binascii.a2b_base64(_text(node, name).encode(), strict_mode=True)
    except binascii.Error as error:
        raise malformed_input(f"{name} is not base64: {error}") from None


_SCALARS: Final[Mapping[type, Reader]] = {str: _text, bool: _boolean, bytes: _blob}
