"""The bindings of headers exchanges: a message is passed on when its headers are what the binding's arguments ask for.

x-match: `all` (when there is none) or `any`, which pass over arguments whose names begin with "x-"; `all-with-x` and `any-with-x` look at
those, too. An argument without a value (void) asks that the header be there. Values are equal as Erlang's =:= has it: 1 is not 1.0, nor
true; the width of an integer, and whether bytes came as a string, do not matter. Timestamps match equal timestamps, which RabbitMQ 4 has
lost.

A binding is found by one of its conditions, the rarest there is, so that a message looks at few bindings however many there are.
"""

from collections.abc import Collection, Hashable
from decimal import Decimal

from message_queues.broker.queues.bindings import Binding, DependsOn
from message_queues.broker.queues.erlang_terms import printed, type_name
from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable, FieldValue, Timestamp

X_MATCHES = ("all", "any", "all-with-x", "any-with-x")

Condition = tuple[str, Hashable]
"""A header's name and its comparable value, or `PRESENT`."""

PRESENT = None
"""What no comparable value is: any will do."""


class HeaderBindings:
    depends_on = DependsOn.MESSAGE

    def __init__(self) -> None:
        self._unconditional: dict[Binding, None] = {}
        self._by_header: dict[str, dict[Hashable, dict[Binding, tuple[Condition, ...]]]] = {}
        """Header name and value to the bindings found by them, each with the conditions that remain to be met."""
        self._found_by: dict[Binding, tuple[Condition, ...]] = {}

    def add(self, binding: Binding) -> None:
        x_match = binding.arguments.get("x-match", "all")
        conditions = _conditions(binding.arguments, looks_at_x=x_match in ("all-with-x", "any-with-x"))
        if x_match in ("any", "any-with-x"):
            self._found_by[binding] = conditions
            for condition in conditions:
                self._bucket(condition)[binding] = ()
        elif not conditions:
            self._unconditional[binding] = None
        else:
            rarest = min(conditions, key=lambda condition: len(self._bucket(condition)))
            self._found_by[binding] = (rarest,)
            self._bucket(rarest)[binding] = tuple(condition for condition in conditions if condition != rarest)
        self._drop_empty(conditions)

    def remove(self, binding: Binding) -> None:
        self._unconditional.pop(binding, None)
        found_by = self._found_by.pop(binding, ())
        for condition in found_by:
            self._bucket(condition).pop(binding, None)
        self._drop_empty(found_by)

    def match(self, message: QueueMessage) -> Collection[Binding]:
        found = dict(self._unconditional)
        if message.attributes.has_headers and self._by_header:
            headers = message.attributes.headers
            for name, value in headers.items():
                by_value = self._by_header.get(name)
                if by_value is not None:
                    for bucket in (by_value.get(comparable(value)), by_value.get(PRESENT)):
                        if bucket is not None:
                            for binding, conditions in bucket.items():
                                if not conditions or _are_met(conditions, headers):
                                    found[binding] = None
        return found

    @property
    def is_empty(self) -> bool:
        return not (self._unconditional or self._by_header or self._found_by)

    def looked_at(self, name: str, value: FieldValue) -> int:
        """How many bindings a message with this header has to be compared with on its account."""
        return len(self._by_header.get(name, {}).get(comparable(value), ()))

    def _bucket(self, condition: Condition) -> dict[Binding, tuple[Condition, ...]]:
        name, value = condition
        return self._by_header.setdefault(name, {}).setdefault(value, {})

    def _drop_empty(self, conditions: Collection[Condition]) -> None:
        for name, value in conditions:
            by_value = self._by_header.get(name)
            if by_value is not None:
                if not by_value.get(value, True):
                    del by_value[value]
                if not by_value:
                    del self._by_header[name]


def _conditions(arguments: FieldTable, *, looks_at_x: bool) -> tuple[Condition, ...]:
    return tuple(
        (name, PRESENT if value is None else comparable(value))
        for name, value in arguments.items()
        if name != "x-match" and (looks_at_x or not name.startswith("x-"))
    )


def _are_met(conditions: tuple[Condition, ...], headers: FieldTable) -> bool:
    return all(name in headers and (wanted is PRESENT or comparable(headers[name]) == wanted) for name, wanted in conditions)


def comparable(value: FieldValue) -> Hashable:
    """Equal, and of equal hash, exactly when the values match."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, int) and not isinstance(value, bool | Timestamp):
        return int(value)
    if isinstance(value, dict):
        return ("table", tuple((name, comparable(item)) for name, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(comparable(item) for item in value))
    if isinstance(value, Decimal):
        # 1.0 and 1.00 are different pairs of scale and digits.
        return ("decimal", str(value))
    return (type_name(value), value)


def check_x_match(arguments: FieldTable) -> None:
    """Raises PreconditionFailed."""
    x_match = arguments.get("x-match", "all")
    if not isinstance(x_match, str):
        raise PreconditionFailed(f"Invalid x-match field type {type_name(x_match)} (value {printed(x_match)}); expected longstr")
    if x_match not in X_MATCHES:
        raise PreconditionFailed(f"Invalid x-match field value {printed(x_match)}; expected all, any, all-with-x, or any-with-x")
