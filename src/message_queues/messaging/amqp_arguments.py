"""Arguments of RabbitMQ's queues, exchanges, bindings and consumers: names, types, ranges and which go together, checked before any call.

Facts of RabbitMQ 3.10 to 4.3. An argument that none of them knows is refused with the nearest one, because RabbitMQ would ignore it;
`allow_unknown_arguments=True` leaves it to a plugin. Whether a certain version takes one that is known here, that broker says.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches

from message_queues.errors import InvalidArgument
from message_queues.messaging.arguments import checked_amqp_name, did_you_mean

LONGEST_MS = 2**32 - 1
"""RabbitMQ's timers go no further: 49 days."""
LONG_MAX = 2**63 - 1
MISSPELT = 0.85
"""As like as this to a known type, a name is that type misspelt and not one of another plugin's."""

CLASSIC, QUORUM, STREAM = "classic", "quorum", "stream"
QUEUE_TYPES = (CLASSIC, QUORUM, STREAM)
_ALL = frozenset(QUEUE_TYPES)
_NO_STREAM = frozenset((CLASSIC, QUORUM))

_AGE = re.compile(r"[0-9]+[YMDhms]")
_INTERVAL = re.compile(r"[0-9]+[YMDhms]")


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """What one argument may be: `kind` is "int", "bool", "text", "choice", "age" or "any"; and on which types of queue."""

    kind: str
    low: int = 0
    high: int = LONG_MAX
    choices: tuple[str, ...] = ()
    queue_types: frozenset[str] = _ALL

    def check(self, name: str, value: object) -> None:
        """Raises InvalidArgument for a value that RabbitMQ would refuse."""
        if not self._allows(value):
            near = did_you_mean(value, self.choices) if isinstance(value, str) else ""
            raise InvalidArgument(f"arguments: {name}={value!r} must be {self._wanted()}{near}")

    def _allows(self, value: object) -> bool:
        match self.kind:
            case "int":
                return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high
            case "bool":
                return isinstance(value, bool)
            case "text":
                return isinstance(value, str)
            case "choice":
                return isinstance(value, str) and value in self.choices
            case "age":
                return isinstance(value, str) and _AGE.fullmatch(value) is not None
        return True

    def _wanted(self) -> str:
        match self.kind:
            case "int":
                return f"a whole number from {self.low} to {self.high}" if self.high != LONG_MAX else f"a whole number from {self.low} on"
            case "bool":
                return "True or False"
            case "choice":
                return "one of " + ", ".join(self.choices)
            case "age":
                return "a length of time such as '7D' (Y, M, D, h, m, s)"
        return "a str"


def _int(low: int, high: int = LONG_MAX, queue_types: Collection[str] = _ALL) -> ArgumentRule:
    return ArgumentRule("int", low, high, queue_types=frozenset(queue_types))


def _text(queue_types: Collection[str] = _ALL) -> ArgumentRule:
    return ArgumentRule("text", queue_types=frozenset(queue_types))


def _choice(*choices: str, queue_types: Collection[str] = _ALL) -> ArgumentRule:
    return ArgumentRule("choice", choices=choices, queue_types=frozenset(queue_types))


QUEUE_ARGUMENTS: Mapping[str, ArgumentRule] = {
    "x-consumer-disconnected-timeout": _int(0, LONGEST_MS, {QUORUM}),
    "x-consumer-timeout": _int(0, LONGEST_MS, _NO_STREAM),
    "x-dead-letter-exchange": _text(_NO_STREAM),
    "x-dead-letter-routing-key": _text(_NO_STREAM),
    "x-dead-letter-strategy": _choice("at-most-once", "at-least-once", queue_types={QUORUM}),
    "x-delayed-retry-max": _int(0, LONGEST_MS, {QUORUM}),
    "x-delayed-retry-min": _int(0, LONGEST_MS, {QUORUM}),
    "x-delayed-retry-type": _choice("disabled", "all", "failed", "returned", queue_types={QUORUM}),
    "x-delivery-limit": _int(-1, queue_types={QUORUM}),
    "x-expires": _int(1, LONGEST_MS, _NO_STREAM),
    "x-initial-cluster-size": _int(1, queue_types={STREAM}),
    "x-max-age": ArgumentRule("age", queue_types=frozenset({STREAM})),
    "x-max-in-memory-bytes": _int(0, queue_types=_NO_STREAM),
    "x-max-in-memory-length": _int(0, queue_types=_NO_STREAM),
    "x-max-length": _int(0, queue_types=_NO_STREAM),
    "x-max-length-bytes": _int(0),
    "x-max-priority": _int(0, 255, {CLASSIC}),
    "x-message-ttl": _int(0, LONGEST_MS, _NO_STREAM),
    "x-overflow": _choice("drop-head", "reject-publish", "reject-publish-dlx", queue_types=_NO_STREAM),
    "x-queue-leader-locator": _choice("client-local", "balanced", "least-leaders", "random"),
    "x-queue-master-locator": _choice("client-local", "min-masters", "random", queue_types={CLASSIC}),
    "x-queue-mode": _choice("default", "lazy", queue_types={CLASSIC}),
    "x-queue-type": _choice(*QUEUE_TYPES),
    "x-queue-version": _int(1, 2, {CLASSIC}),
    "x-quorum-initial-group-size": _int(1, queue_types={QUORUM}),
    "x-quorum-target-group-size": _int(1, queue_types={QUORUM}),
    "x-single-active-consumer": ArgumentRule("bool", queue_types=_NO_STREAM),
    "x-stream-filter-size-bytes": _int(16, 255, {STREAM}),
    "x-stream-max-segment-size-bytes": _int(1, 3_000_000_000, {STREAM}),
}

EXCHANGE_TYPES = (
    "direct",
    "fanout",
    "topic",
    "headers",
    "x-consistent-hash",
    "x-delayed-message",
    "x-local-random",
    "x-modulus-hash",
    "x-random",
    "x-recent-history",
)

EXCHANGE_ARGUMENTS: Mapping[str, ArgumentRule] = {
    "alternate-exchange": _text(),
    "hash-header": _text(),
    "hash-property": _choice("correlation_id", "message_id", "timestamp"),
    "x-delayed-type": _text(),
    "x-recent-history-length": _int(1),
    "x-recent-history-no-store": ArgumentRule("bool"),
}
_OF_EXCHANGE_TYPE = {
    "hash-header": "x-consistent-hash",
    "hash-property": "x-consistent-hash",
    "x-delayed-type": "x-delayed-message",
    "x-recent-history-length": "x-recent-history",
}

CONSUMER_ARGUMENTS: Mapping[str, ArgumentRule] = {
    "x-cancel-on-ha-failover": ArgumentRule("bool"),
    "x-consumer-timeout": _int(0, LONGEST_MS),
    "x-priority": _int(-(2**31), 2**31 - 1),
    "x-stream-filter": ArgumentRule("any"),
    "x-stream-match-unfiltered": ArgumentRule("bool"),
    "x-stream-offset": ArgumentRule("any"),
}

X_MATCH = ("all", "any", "all-with-x", "any-with-x")


def checked_queue_arguments(arguments: object, queue_type: object = None, *, allow_unknown: bool = False) -> dict[str, object]:
    """The arguments with the type of queue in them, if it was given. Raises InvalidArgument for the first that is wrong."""
    checked = _checked(arguments, QUEUE_ARGUMENTS, "queue", allow_unknown)
    if queue_type is not None:
        QUEUE_ARGUMENTS["x-queue-type"].check("x-queue-type", queue_type)
        if checked.get("x-queue-type", queue_type) != queue_type:
            raise InvalidArgument(
                f"queue_type={queue_type!r} and arguments: x-queue-type={checked['x-queue-type']!r} contradict each other"
            )
        checked["x-queue-type"] = queue_type
    # Without a type of its own the virtual host's default decides; that is mostly classic.
    kind = str(checked.get("x-queue-type", CLASSIC))
    for name in checked:
        rule = QUEUE_ARGUMENTS.get(name)
        if rule is not None and kind not in rule.queue_types:
            fit = " or ".join(sorted(rule.queue_types))
            hint = "" if "x-queue-type" in checked else "; queue_type= says which this is to be"
            raise InvalidArgument(f"arguments: {name} is for {fit} queues, not {kind}{hint}")
    _check_combinations(checked, kind)
    return checked


def _check_combinations(checked: Mapping[str, object], kind: str) -> None:
    if "x-dead-letter-routing-key" in checked and "x-dead-letter-exchange" not in checked:
        raise InvalidArgument("arguments: x-dead-letter-routing-key needs x-dead-letter-exchange")
    if checked.get("x-overflow") == "reject-publish-dlx" and kind == QUORUM:
        raise InvalidArgument("arguments: x-overflow='reject-publish-dlx' is for classic queues: a quorum queue takes reject-publish")
    if checked.get("x-dead-letter-strategy") == "at-least-once":
        if "x-dead-letter-exchange" not in checked:
            raise InvalidArgument("arguments: x-dead-letter-strategy='at-least-once' needs x-dead-letter-exchange")
        if checked.get("x-overflow") != "reject-publish":
            raise InvalidArgument("arguments: x-dead-letter-strategy='at-least-once' needs x-overflow='reject-publish'")
    low, high = checked.get("x-delayed-retry-min"), checked.get("x-delayed-retry-max")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        raise InvalidArgument(f"arguments: x-delayed-retry-min={low} is more than x-delayed-retry-max={high}")


def check_queue_flags(arguments: Mapping[str, object], *, durable: bool, exclusive: bool, auto_delete: bool) -> None:
    """Quorum queues and streams are durable, and nobody's own."""
    kind = arguments.get("x-queue-type", CLASSIC)
    if kind == CLASSIC:
        return
    for name, is_wrong in (("durable=False", not durable), ("exclusive=True", exclusive), ("auto_delete=True", auto_delete)):
        if is_wrong:
            raise InvalidArgument(f"{name} is for classic queues: a {kind} queue is durable and shared")


def checked_exchange_type(exchange_type: object) -> str:
    """A type that RabbitMQ or one of its plugins has; other names that begin with x- are left to further plugins."""
    if isinstance(exchange_type, str):
        is_further = exchange_type.startswith("x-") and not get_close_matches(exchange_type, EXCHANGE_TYPES, cutoff=MISSPELT)
        if exchange_type in EXCHANGE_TYPES or is_further:
            return exchange_type
    near = did_you_mean(exchange_type, EXCHANGE_TYPES) if isinstance(exchange_type, str) else ""
    raise InvalidArgument(f"exchange_type={exchange_type!r} is not one of {', '.join(EXCHANGE_TYPES)}{near}")


def checked_exchange_arguments(arguments: object, exchange_type: str, *, allow_unknown: bool = False) -> dict[str, object]:
    """Raises InvalidArgument for the first that is wrong, or that this type of exchange does not have."""
    checked = _checked(arguments, EXCHANGE_ARGUMENTS, "exchange", allow_unknown)
    for name, wanted in _OF_EXCHANGE_TYPE.items():
        if name in checked and exchange_type != wanted:
            raise InvalidArgument(f"arguments: {name} is for exchanges of type {wanted}, not {exchange_type}")
    if "hash-header" in checked and "hash-property" in checked:
        raise InvalidArgument("arguments: hash-header and hash-property exclude each other")
    if exchange_type == "x-delayed-message":
        if "x-delayed-type" not in checked:
            raise InvalidArgument("arguments: an exchange of type x-delayed-message needs x-delayed-type, the type that it routes as")
        checked_exchange_type(checked["x-delayed-type"])
    if "alternate-exchange" in checked:
        checked_amqp_name("arguments: alternate-exchange", checked["alternate-exchange"])
    return checked


def checked_binding_arguments(arguments: object) -> dict[str, object]:
    """Any names, as a headers exchange matches them; x-match is one of its four."""
    checked = _checked_table("arguments", arguments)
    if "x-match" in checked:
        ArgumentRule("choice", choices=X_MATCH).check("x-match", checked["x-match"])
    return checked


def checked_consumer_arguments(arguments: object, *, allow_unknown: bool = False) -> dict[str, object]:
    """Raises InvalidArgument for the first that is wrong."""
    checked = _checked(arguments, CONSUMER_ARGUMENTS, "consumer", allow_unknown)
    offset = checked.get("x-stream-offset")
    if offset is not None and not _is_stream_offset(offset):
        raise InvalidArgument(
            f"arguments: x-stream-offset={offset!r} must be 'first', 'last', 'next', an offset, a datetime, or a length such as '1h'"
        )
    return checked


def _is_stream_offset(offset: object) -> bool:
    if isinstance(offset, str):
        return offset in ("first", "last", "next") or _INTERVAL.fullmatch(offset) is not None
    return isinstance(offset, datetime) or (isinstance(offset, int) and not isinstance(offset, bool) and offset >= 0)


def _checked(arguments: object, rules: Mapping[str, ArgumentRule], kind: str, allow_unknown: bool) -> dict[str, object]:
    checked = _checked_table("arguments", arguments)
    for name, value in checked.items():
        rule = rules.get(name)
        if rule is not None:
            rule.check(name, value)
        elif not allow_unknown:
            hint = did_you_mean(name, rules) or "; allow_unknown_arguments=True leaves it to a plugin"
            raise InvalidArgument(f"arguments: {name} is not a {kind} argument{hint}")
    return checked


def _checked_table(argument: str, table: object) -> dict[str, object]:
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise InvalidArgument(f"{argument} is {type(table).__name__}: it must be a mapping such as {{'x-max-length': 1000}}")
    for name, value in table.items():
        if not isinstance(name, str) or not name:
            raise InvalidArgument(f"{argument}: the name {name!r} must be a str with something in it")
        if not isinstance(value, str | bytes | bool | int | Decimal | datetime | dict | list | None):
            raise InvalidArgument(f"{argument}: {name}={value!r} is {type(value).__name__}, which AMQP cannot carry")
    return dict(table)
