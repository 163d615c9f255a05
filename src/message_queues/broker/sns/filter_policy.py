"""Filter policies of subscriptions.

    {"store": ["example_corp"], "price": [{"numeric": [">=", 100]}], "$or": [{"a": [1]}, {"b": [{"exists": false}]}]}

All keys have to match, of each key one of its conditions, and of "$or" one of its objects. A policy on attributes looks at String,
String.Array and Number attributes; one on the body takes it for JSON and goes into it: keys are joined by dots, lists give all their
elements. https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html

Refusals have AWS's texts. Numbers are compared to six digits behind the decimal point: AWS promises five. One difference: "anything-but"
takes prefix, suffix, equals-ignore-case and wildcard, each with a string or several.
"""

import ipaddress
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Protocol

from message_queues.broker.sns.filter_conditions import (
    COMPARISONS,
    OPAQUE,
    AnythingBut,
    AnythingButText,
    Condition,
    Equals,
    Exists,
    Found,
    Number,
    Numeric,
    Text,
    cidr,
    equals_ignore_case,
    is_number,
    prefix,
    suffix,
    wildcard,
)
from message_queues.broker.sns.policy_json import Array, Json, Object, Scalar, Value, read_json, where
from message_queues.errors import InvalidParameterValue

MESSAGE_ATTRIBUTES: Final = "MessageAttributes"
MESSAGE_BODY: Final = "MessageBody"
SCOPES: Final = (MESSAGE_ATTRIBUTES, MESSAGE_BODY)

MOST_KEYS: Final = 5
MOST_COMBINATIONS: Final = 150
MOST_BYTES: Final = 256 * 1024
LARGEST_NUMBER: Final = 10**9

_TEXTS: Final[dict[str, Callable[[str], Text]]] = {
    "prefix": prefix,
    "suffix": suffix,
    "equals-ignore-case": equals_ignore_case,
    "wildcard": wildcard,
}

Conditions = tuple[Condition, ...]


class Attribute(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def data_type(self) -> str: ...
    @property
    def value(self) -> bytes: ...


class Filtered:
    """A message as policies see it; its body is read once for all of them."""

    __slots__ = ("_attributes", "_body", "_values", "_values_of_body")

    def __init__(self, attributes: Sequence[Attribute], body: str) -> None:
        self._attributes = attributes
        self._body = body
        self._values: Mapping[str, Collection[Found]] | None = None
        self._values_of_body: Mapping[str, Collection[Found]] | None = None

    def values(self, scope: str) -> Mapping[str, Collection[Found]] | None:
        """By key; None: there is nothing that could match."""
        if scope == MESSAGE_ATTRIBUTES:
            if self._values is None:
                self._values = {attribute.name: _values_of(attribute) for attribute in self._attributes}
            return self._values
        if self._values_of_body is None:
            # An empty mapping stands for "not an object": no policy on it may match, not even by what does not exist.
            self._values_of_body = _values_of_object(self._body)
        return self._values_of_body or None


@dataclass(frozen=True, slots=True)
class FilterPolicy:
    scope: str
    alternatives: tuple[tuple[tuple[str, Conditions], ...], ...]

    def matches(self, message: Filtered) -> bool:
        values = message.values(self.scope)
        if values is None:
            return False
        return any(
            all(any(condition.matches(values.get(key, ())) for condition in conditions) for key, conditions in alternative)
            for alternative in self.alternatives
        )


def compile_filter_policy(text: str, scope: str) -> FilterPolicy:
    """Raises InvalidParameterValue with AWS's text from "FilterPolicy: " on."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise InvalidParameterValue("FilterPolicy: Filter policy is too large")
    try:
        policy = read_json(text)
    except InvalidParameterValue as refusal:
        raise InvalidParameterValue(f"FilterPolicy: {refusal}") from refusal
    return _Compiler(text, scope).compiled(policy)


class _Compiler:
    def __init__(self, text: str, scope: str) -> None:
        self._text = text
        self._scope = scope

    def compiled(self, policy: Json) -> FilterPolicy:
        if not isinstance(policy, Object):
            raise self._refused("Filter is not an object", policy.begun)
        if len(policy.members) > MOST_KEYS:
            raise InvalidParameterValue(f"FilterPolicy: Filter policy can not have more than {MOST_KEYS} keys")
        if self._combinations(policy, 1, 1) > MOST_COMBINATIONS:
            raise InvalidParameterValue("FilterPolicy: Filter policy is too complex")
        return FilterPolicy(self._scope, tuple(tuple(each.items()) for each in self._alternatives(policy, "", ({},))))

    def _refused(self, what: str, offset: int) -> InvalidParameterValue:
        return InvalidParameterValue(f"FilterPolicy: {what}{where(self._text, offset)}")

    # Its shape

    def _combinations(self, policy: Object, depth: int, combinations: int) -> int:
        """AWS multiplies the number of values by the nesting, and adds what "$or" offers."""
        for key, value in policy.members:
            if isinstance(value, Object):
                if self._scope == MESSAGE_ATTRIBUTES:
                    self._check_values(value)
                    raise InvalidParameterValue("Filter policy scope MessageAttributes does not support nested filter policy")
                combinations = self._combinations(value, depth + 1, combinations)
            elif not isinstance(value, Array):
                raise self._refused(f'"{key}" must be an object or an array', value.begun)
            elif not value.items:
                raise self._refused("Empty arrays are not allowed", value.ended)
            elif choices := _choices(key, value):
                combinations = sum(self._combinations(choice, depth, combinations) for choice in choices)
            else:
                combinations *= len(value.items) * depth
        return combinations

    def _check_values(self, policy: Object) -> None:
        """A key with a plain value is told of before the nesting is."""
        for key, value in policy.members:
            if isinstance(value, Value):
                raise self._refused(f'"{key}" must be an object or an array', value.begun)

    def _alternatives(self, policy: Object, path: str, begun: tuple[dict[str, Conditions], ...]) -> tuple[dict[str, Conditions], ...]:
        """What was begun, with the keys of the policy added to each; each choice of "$or" makes new ones."""
        for key, value in policy.members:
            full_key = f"{path}.{key}" if path else key
            if isinstance(value, Object):
                begun = self._alternatives(value, full_key, begun)
            elif isinstance(value, Array):
                if choices := _choices(key, value):
                    begun = tuple(each for choice in choices for each in self._alternatives(choice, path, begun))
                else:
                    conditions = tuple(self._condition(item) for item in value.items)
                    begun = tuple({**each, full_key: conditions} for each in begun)
        return begun

    # Its conditions

    def _condition(self, item: Json) -> Condition:
        if isinstance(item, Array):
            raise self._refused("Match value must be String, number, true, false, or null", item.begun)
        if isinstance(item, Value):
            return Equals(self._in_range(item).content)
        if len(item.members) != 1:
            offset = item.members[1][1].begun if item.members else item.ended
            raise self._refused("Only one key allowed in match expression", offset)
        operator, operand = item.members[0]
        if operator in _TEXTS:
            return self._text_condition(operator, operand)
        match operator:
            case "exists":
                if not isinstance(operand, Value) or not isinstance(operand.content, bool):
                    raise self._refused("exists match pattern must be either true or false.", operand.begun)
                return Exists(operand.content)
            case "numeric":
                return self._numeric(operand)
            case "cidr":
                return self._cidr(operand)
            case "anything-but":
                return self._anything_but(operand)
        raise self._refused(f"Unrecognized match type {operator}", operand.begun)

    def _in_range(self, value: Value) -> Value:
        # "the value can range from -10^9 to 10^9"
        if is_number(value.content) and not -LARGEST_NUMBER <= value.content <= LARGEST_NUMBER:
            raise self._refused(f"Value {value.content} must be between -1000000000 and 1000000000", value.ended)
        return value

    def _text_condition(self, operator: str, operand: Json) -> Text:
        if not isinstance(operand, Value) or not isinstance(operand.content, str):
            raise self._refused(f"{operator} match pattern must be a string", operand.begun)
        if operator == "wildcard" and "**" in operand.content.replace("\\*", ""):
            raise self._refused(f"Consecutive wildcard characters at pos {operand.content.index('**')}", operand.begun)
        return _TEXTS[operator](operand.content)

    def _anything_but(self, operand: Json) -> Condition:
        if isinstance(operand, Object):
            if len(operand.members) != 1:
                raise self._refused("Only one key allowed in match expression", operand.ended)
            operator, inner = operand.members[0]
            if operator not in _TEXTS:
                raise self._refused(f"Unsupported anything-but pattern: {operator}", inner.begun)
            return AnythingButText(tuple(self._text_condition(operator, each) for each in _several(inner)))
        unwanted = []
        for each in _several(operand):
            if not isinstance(each, Value) or each.content is None or isinstance(each.content, bool):
                raise self._refused("Inside anything but list, start|null|boolean is not supported.", each.begun)
            unwanted.append(self._in_range(each).content)
        return AnythingBut(tuple(unwanted))

    def _cidr(self, operand: Json) -> Text:
        if not isinstance(operand, Value) or not isinstance(operand.content, str):
            # AWS says prefix here, too.
            raise self._refused("prefix match pattern must be a string", operand.begun)
        address, *mask = operand.content.split("/")
        if len(mask) != 1:
            raise InvalidParameterValue("FilterPolicy: Malformed CIDR, one '/' required")
        if not mask[0].isascii() or not mask[0].isdigit():
            raise InvalidParameterValue("FilterPolicy: Malformed CIDR, mask bits must be an integer")
        try:
            return cidr(ipaddress.ip_network(operand.content, strict=False))
        except ValueError as error:
            raise InvalidParameterValue(f"FilterPolicy: Nonstandard IP address: {address}") from error

    def _numeric(self, operand: Json) -> Numeric:
        if not isinstance(operand, Array):
            raise self._refused("Value of numeric must be an array.", operand.begun)
        terms = operand.items
        offsets = [*(term.begun for term in terms), operand.ended]
        first = terms[0] if terms else None
        if not isinstance(first, Value) or not isinstance(first.content, str):
            shown = "]" if first is None else first.content if isinstance(first, Value) else "["
            raise self._refused(f"Invalid member in numeric match: {shown}", offsets[0])
        if first.content not in COMPARISONS:
            raise self._refused(f"Unrecognized numeric range operator: {first.content}", offsets[1])
        bottom = self._bound(first.content, terms, 1, offsets)
        if len(terms) == 2:
            return Numeric(((first.content, bottom),))
        if first.content not in (">", ">="):
            raise self._refused("Too many elements in numeric expression", offsets[2])
        second = terms[2]
        if not isinstance(second, Value) or not isinstance(second.content, str):
            shown = second.content if isinstance(second, Value) else "["
            raise self._refused(f"Bad value in numeric range: {shown}", second.begun)
        if second.content not in ("<", "<="):
            raise self._refused(f"Bad numeric range operator: {second.content}", second.ended)
        top = self._bound(second.content, terms, 3, offsets)
        if len(terms) > 4:
            raise self._refused("Too many terms in numeric range expression", offsets[4])
        if top <= bottom:
            raise self._refused("Bottom must be less than top", offsets[4])
        return Numeric(((first.content, bottom), (second.content, top)))

    def _bound(self, operator: str, terms: tuple[Json, ...], index: int, offsets: list[int]) -> Number:
        term = terms[index] if index < len(terms) else None
        if not isinstance(term, Value) or not is_number(term.content):
            raise self._refused(f"Value of {'equals' if operator == '=' else operator} must be numeric", offsets[index])
        content = self._in_range(term).content
        assert isinstance(content, int | Decimal)
        return content


def _choices(key: str, value: Array) -> tuple[Object, ...]:
    """Of "$or", which is an operator only if it has two objects or more: otherwise it is a key like others."""
    objects = tuple(item for item in value.items if isinstance(item, Object))
    is_choice = key == "$or" and len(objects) == len(value.items) > 1 and all(map(_is_policy, objects))
    return objects if is_choice else ()


def _is_policy(choice: Object) -> bool:
    return bool(choice.members) and all(isinstance(value, Array | Object) for _, value in choice.members)


def _several(operand: Json) -> tuple[Json, ...]:
    return operand.items if isinstance(operand, Array) else (operand,)


# What a message has


def _values_of(attribute: Attribute) -> Collection[Found]:
    """Attributes of other types are there, and have no value that matches."""
    text = attribute.value.decode("utf-8", "surrogatepass") if not attribute.data_type.startswith("Binary") else None
    if text is None:
        return (OPAQUE,)
    if attribute.data_type == "String.Array":
        return _elements(text)
    if attribute.data_type == "Number" or attribute.data_type.startswith("Number."):
        try:
            return (Decimal(text),)
        except InvalidOperation:
            return (OPAQUE,)
    return (text,)


def _elements(text: str) -> Collection[Found]:
    try:
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return (OPAQUE,)
    elements = found if isinstance(found, list) else [found]
    return [element for element in elements if not isinstance(element, list | dict)] or (OPAQUE,)


def _values_of_object(body: str) -> Mapping[str, Collection[Found]]:
    """Of each key path; empty, if it is not JSON of an object."""
    try:
        found = json.loads(body, parse_float=Decimal)
        if not isinstance(found, dict):
            return {}
        # The empty path makes an object without keys differ from what is no object.
        values: dict[str, list[Found]] = {"": []}
        for path, scalar in _walk("", found):
            values.setdefault(path, []).append(scalar)
    except (ValueError, RecursionError):
        return {}
    return values


def _walk(path: str, value: object) -> Iterator[tuple[str, Scalar]]:
    # With a stack of its own: what clients nest must not be what Python nests.
    stack: list[tuple[str, object]] = [(path, value)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((f"{path}.{key}" if path else key, each) for key, each in value.items())
        elif isinstance(value, list):
            stack.extend((path, each) for each in reversed(value))
        elif value is None or isinstance(value, str | int | Decimal):
            yield path, value
