"""JSON of policies, read so that a refusal can say where, as AWS does.

AWS reads policies with Jackson, and its refusals end in Jackson's position: behind the opening quote of a string, behind any other token.
Its texts are those that AWS has been seen to give (`at [Source: REDACTED …]`: it quotes the source no more).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from json import JSONDecoder
from typing import Final, TypeAlias

from message_queues.errors import InvalidParameterValue

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_WORD: Final = re.compile(r"[^\s,\]}]+")
_WORDS: Final = {"true": True, "false": False, "null": None}
_STRINGS: Final = JSONDecoder()
DEEPEST: Final = 100
_MOST_DIGITS: Final = 1000

Scalar: TypeAlias = str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Value:
    """A string, number, true, false or null."""

    content: Scalar
    begun: int
    """The offset where Jackson stands when it has only just met it."""
    ended: int


@dataclass(frozen=True, slots=True)
class Array:
    items: "tuple[Json, ...]"
    begun: int
    ended: int


@dataclass(frozen=True, slots=True)
class Object:
    members: "tuple[tuple[str, Json], ...]"
    begun: int
    ended: int


Json: TypeAlias = Value | Array | Object


def where(text: str, offset: int) -> str:
    """The end of AWS's text."""
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return f"\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"


def read_json(text: str) -> Json:
    """Raises InvalidParameterValue with what AWS says after the attribute's name."""
    reader = _Reader(text)
    found = reader.value(0)
    reader.skip_space()
    if reader.offset != len(text):
        raise reader.refused(f"Unexpected character ({_named(text[reader.offset])}): expected the end of the document")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0

    def refused(self, what: str, offset: int | None = None) -> InvalidParameterValue:
        return InvalidParameterValue(f"failed to parse JSON. {what}{where(self.text, self.offset if offset is None else offset)}")

    def skip_space(self) -> str:
        """Returns what comes next: one character, or nothing."""
        found = _SPACE.match(self.text, self.offset)
        assert found is not None
        self.offset = found.end()
        return self.text[self.offset : self.offset + 1]

    def value(self, depth: int) -> Json:
        next_one = self.skip_space()
        if depth > DEEPEST:
            raise self.refused(f"Document nesting depth ({depth}) exceeds the maximum allowed ({DEEPEST})")
        if next_one == "{":
            return self._object(depth)
        if next_one == "[":
            return self._array(depth)
        if next_one == '"':
            begun = self.offset + 1
            return Value(self._string(), begun, self.offset)
        return self._number_or_word()

    def _string(self) -> str:
        try:
            content, self.offset = _STRINGS.raw_decode(self.text, self.offset)
        except ValueError as error:
            raise self.refused("Unexpected end-of-input or illegal character in a String value", len(self.text)) from error
        assert isinstance(content, str)
        return content

    def _number_or_word(self) -> Value:
        number = _NUMBER.match(self.text, self.offset)
        if number is not None:
            self.offset = number.end()
            digits, is_whole = number.group(), number.group(1) is None and number.group(2) is None
            content = int(digits) if is_whole and len(digits) < _MOST_DIGITS else Decimal(digits)
            return Value(content, self.offset, self.offset)
        word = _WORD.match(self.text, self.offset)
        if word is None:
            if self.offset == len(self.text):
                raise self.refused("Unexpected end-of-input: expected a value")
            raise self.refused(f"Unexpected character ({_named(self.text[self.offset])}): expected a value")
        self.offset = word.end()
        if word.group() not in _WORDS:
            expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            raise self.refused(f"Unrecognized token '{word.group()}': was expecting {expected}")
        return Value(_WORDS[word.group()], self.offset, self.offset)

    def _array(self, depth: int) -> Array:
        self.offset += 1
        begun = self.offset
        items: list[Json] = []
        if self.skip_space() != "]":
            while True:
                items.append(self.value(depth + 1))
                if self._ends("]"):
                    break
        self.offset += 1
        return Array(tuple(items), begun, self.offset)

    def _object(self, depth: int) -> Object:
        self.offset += 1
        begun = self.offset
        members: dict[str, Json] = {}
        if self.skip_space() != "}":
            while True:
                name = self._name()
                members[name] = self.value(depth + 1)
                if self._ends("}"):
                    break
        self.offset += 1
        return Object(tuple(members.items()), begun, self.offset)

    def _name(self) -> str:
        next_one = self.skip_space()
        if not next_one:
            raise self.refused("Unexpected end-of-input: expected close marker for Object")
        if next_one != '"':
            raise self.refused(f"Unexpected character ({_named(next_one)}): was expecting double-quote to start field name")
        name = self._string()
        if self.skip_space() != ":":
            raise self.refused("was expecting a colon to separate field name and value")
        self.offset += 1
        return name

    def _ends(self, bracket: str) -> bool:
        """Whether the list ends here; otherwise a comma was passed."""
        next_one = self.skip_space()
        if next_one == bracket:
            return True
        kind = "Array" if bracket == "]" else "Object"
        if not next_one:
            raise self.refused(f"Unexpected end-of-input: expected close marker for {kind}")
        if next_one != ",":
            raise self.refused(f"Unexpected character ({_named(next_one)}): was expecting comma to separate {kind} entries")
        self.offset += 1
        return False


def _named(character: str) -> str:
    return f"'{character}' (code {ord(character)})"
