"""The conditions of filter policies: what a value has to be.

https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html, numeric-value-matching.html, attribute-key-matching.html
"""

import ipaddress
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final, Protocol, TypeAlias, TypeGuard

from message_queues.broker.sns.policy_json import Scalar


class Opaque(Enum):
    """A value that no policy looks at: the message has the key, and nothing under it matches."""

    OPAQUE = "opaque"


OPAQUE: Final = Opaque.OPAQUE
Found: TypeAlias = Scalar | Opaque
Number: TypeAlias = int | Decimal
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_DIGITS: Final = 10**6
_BEYOND: Final = 10**12

COMPARISONS: Final[dict[str, Callable[[Number, Number], bool]]] = {
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    "=": lambda value, bound: value == bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


class Condition(Protocol):
    def matches(self, values: Collection[Found]) -> bool:
        """`values` are all that the message has under the key; none: it has no such key."""
        ...


@dataclass(frozen=True, slots=True)
class Equals:
    wanted: Scalar

    def matches(self, values: Collection[Found]) -> bool:
        return any(same(value, self.wanted) for value in values)


@dataclass(frozen=True, slots=True)
class Exists:
    is_wanted: bool

    def matches(self, values: Collection[Found]) -> bool:
        return bool(values) == self.is_wanted


@dataclass(frozen=True, slots=True)
class Text:
    """Of a string: prefix, suffix, equals-ignore-case, wildcard, cidr."""

    operator: str
    pattern: str
    test: Callable[[str], bool]

    def matches(self, values: Collection[Found]) -> bool:
        return any(isinstance(value, str) and self.test(value) for value in values)


@dataclass(frozen=True, slots=True)
class Numeric:
    bounds: tuple[tuple[str, Number], ...]

    def matches(self, values: Collection[Found]) -> bool:
        return any(
            is_number(value) and all(COMPARISONS[operator](scaled(value), scaled(bound)) for operator, bound in self.bounds)
            for value in values
        )


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """Some value is none of these. A message without the key does not match."""

    unwanted: tuple[Scalar, ...]

    def matches(self, values: Collection[Found]) -> bool:
        return any(value is not OPAQUE and not any(same(value, unwanted) for unwanted in self.unwanted) for value in values)


@dataclass(frozen=True, slots=True)
class AnythingButText:
    unwanted: tuple[Text, ...]

    def matches(self, values: Collection[Found]) -> bool:
        return any(isinstance(value, str) and not any(text.test(value) for text in self.unwanted) for value in values)


def is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def scaled(value: Number) -> Number:
    """To six digits behind the decimal point, if it is one that policies can have: of others the exponent may be anything."""
    return int(value * _DIGITS) if -_BEYOND < value < _BEYOND else value


def same(one: Found, other: Scalar) -> bool:
    if is_number(one) and is_number(other):
        return scaled(one) == scaled(other)
    # True is not 1.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def prefix(pattern: str) -> Text:
    return Text("prefix", pattern, lambda value: value.startswith(pattern))


def suffix(pattern: str) -> Text:
    return Text("suffix", pattern, lambda value: value.endswith(pattern))


def equals_ignore_case(pattern: str) -> Text:
    folded = pattern.lower()
    return Text("equals-ignore-case", pattern, lambda value: value.lower() == folded)


def wildcard(pattern: str) -> Text:
    """An asterisk is any number of characters; after a backslash it is itself."""
    literals = [""]
    for piece in re.findall(r"\\[\\*]|.", pattern, re.DOTALL):
        if piece == "*":
            literals.append("")
        else:
            literals[-1] += piece[-1]
    return Text("wildcard", pattern, lambda value: _has_in_order(value, literals))


def _has_in_order(value: str, literals: list[str]) -> bool:
    first, *others = literals
    if not others:
        return value == first
    *middle, last = others
    if not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for literal in middle:
        # The earliest place leaves the most for what follows.
        found = value.find(literal, at, end)
        if found < 0:
            return False
        at = found + len(literal)
    return at <= end


def cidr(network: Network) -> Text:
    def is_in(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return Text("cidr", str(network), is_in)
