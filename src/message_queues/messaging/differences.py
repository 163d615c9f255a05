"""How an exchange or a queue that exists differs from what was asked for."""

import re
from collections.abc import Callable, Mapping

from message_queues.errors import Conflict, MessageQueuesError, PreconditionFailed

_INEQUIVALENT = re.compile(r"inequivalent arg '(.+?)' for .+?: received (.*?) but current is (.*)", re.DOTALL)
_THE_VALUE = re.compile(r"(?:the value )?'(.*?)'(?: of type '\w+')?")

Held = Mapping[str, object]


def named_differences(pairs: Mapping[str, tuple[object, object]]) -> list[str]:
    """Of (held, asked for) by name."""
    return [f"{name} is {held!r}, not {asked!r}" for name, (held, asked) in pairs.items() if held != asked]


def argument_differences(held: object, asked: Mapping[str, object], ignored: tuple[str, ...] = ()) -> list[str]:
    """Of arguments: what one side lacks is None."""
    present = held if isinstance(held, Mapping) else {}
    names = sorted({*present, *asked} - set(ignored))
    return named_differences({name: (present.get(name), asked.get(name)) for name in names})


def conflict(what: str, refusal: PreconditionFailed, compare: Callable[[], list[str]]) -> Conflict:
    """The Conflict for a declaration that RabbitMQ refused: with each difference, as far as the management API can be asked."""
    try:
        found = compare()
    except MessageQueuesError:
        found = []
    differences = tuple(found) or (said_difference(str(refusal)),)
    return Conflict(f"{what} exists with other settings: {'; '.join(differences)}", differences)


def said_difference(refusal: str) -> str:
    """The one difference that RabbitMQ's refusal names, in our words."""
    match = _INEQUIVALENT.search(refusal)
    if match is None:
        return refusal
    name, received, current = match.groups()
    return f"{name} is {_value(current)}, not {_value(received)}"


def _value(said: str) -> str:
    match = _THE_VALUE.fullmatch(said.strip())
    return match.group(1) if match else said.strip()
