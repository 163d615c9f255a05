"""Policies: what operators say of queues and exchanges by patterns of their names, live (rabbit_policy.erl).

One policy and one operator policy apply to a queue: of those that match the one of the highest priority. A policy with a key that queues
of some type do not have matches none of that type. Of numeric limits the smallest counts; else a queue's own arguments win over its
policy, or the policy wins over them, as queues of that type have it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from message_queues.broker.queues.erlang_terms import printed_json
from message_queues.broker.queues.events import Json
from message_queues.broker.queues.queue_arguments import AGE, CLASSIC, GREATEST_SEGMENT_BYTES, QUORUM, STREAM, age_ms
from message_queues.broker.queues.queue_settings import (
    AT_MOST_ONCE,
    DROP_HEAD,
    RETRY_ALL,
    RETRY_DISABLED,
    RETRY_FAILED,
    RETRY_RETURNED,
    QueueSettings,
)
from message_queues.errors import InvalidArgument
from message_queues.records.field_table import FieldTable

APPLIES_TO: Final = {
    "all": (CLASSIC, QUORUM, STREAM, "exchange"),
    "queues": (CLASSIC, QUORUM, STREAM),
    "classic_queues": (CLASSIC,),
    "quorum_queues": (QUORUM,),
    "streams": (STREAM,),
    "exchanges": ("exchange",),
}
OPERATOR_KEYS: Final = frozenset(
    {
        "expires",
        "message-ttl",
        "max-length",
        "max-length-bytes",
        "max-in-memory-length",
        "max-in-memory-bytes",
        "delivery-limit",
        "overflow",
        "queue-version",
        "target-group-size",
        "delayed-retry-type",
        "delayed-retry-min",
        "delayed-retry-max",
    }
)
_OF_STREAMS: Final = frozenset({"max-age", "stream-max-segment-size-bytes", "initial-cluster-size"})
_OF_CLASSIC_QUEUES: Final = frozenset(
    {"max-priority", "queue-mode", "queue-master-locator"}
    | {"ha-mode", "ha-params", "ha-sync-mode", "ha-promote-on-shutdown", "ha-promote-on-failure"}
)
_OF_QUORUM_QUEUES: Final = frozenset({"delivery-limit", "dead-letter-strategy", "target-group-size"})
_IN_MEMORY: Final = frozenset({"max-in-memory-length", "max-in-memory-bytes"})
UNSUPPORTED: Final[Mapping[str, frozenset[str]]] = {
    CLASSIC: _OF_STREAMS | _OF_QUORUM_QUEUES | _IN_MEMORY,
    QUORUM: _OF_STREAMS | _OF_CLASSIC_QUEUES,
    STREAM: _OF_CLASSIC_QUEUES
    | _OF_QUORUM_QUEUES
    | _IN_MEMORY
    | {"expires", "message-ttl", "dead-letter-exchange", "dead-letter-routing-key", "max-length", "overflow"},
    "exchange": frozenset(),
}
"""Keys that keep a policy from queues of each type."""
SMALLEST_COUNTS: Final = frozenset({"max-length", "max-length-bytes", "expires", "message-ttl", "delayed-retry-max"}) | _IN_MEMORY
GREATEST_COUNTS: Final = frozenset({"target-group-size", "delayed-retry-min"})
"""Of a policy and an operator policy."""
NUMBERS: Final[Mapping[str, tuple[int, int | None]]] = {
    "message-ttl": (0, None),
    "expires": (1, None),
    "max-length": (0, None),
    "max-length-bytes": (0, None),
    "max-in-memory-length": (0, None),
    "max-in-memory-bytes": (0, None),
    "consumer-timeout": (0, None),
    "consumer-disconnected-timeout": (0, None),
    "delayed-retry-min": (1, None),
    "delayed-retry-max": (1, None),
    "target-group-size": (1, None),
    "initial-cluster-size": (0, None),
    "queue-version": (1, 2),
    "stream-max-segment-size-bytes": (0, GREATEST_SEGMENT_BYTES),
    "stream-filter-size-bytes": (16, 255),
}
"""The least and the greatest."""
TEXTS: Final = frozenset({"dead-letter-exchange", "dead-letter-routing-key", "alternate-exchange"})
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "overflow": ("drop-head", "reject-publish", "reject-publish-dlx"),
    "dead-letter-strategy": ("at-most-once", "at-least-once"),
    "queue-mode": ("default", "lazy"),
    "delayed-retry-type": ("disabled", "all", "failed", "returned"),
    "queue-leader-locator": ("client-local", "balanced", "random", "least-leaders"),
}
CALLED: Final[Mapping[str, str]] = {
    "alternate-exchange": "alternate exchange name",
    "dead-letter-exchange": "dead letter exchange name",
    "message-ttl": "message TTL",
    "expires": "queue expiry",
    "max-length": "maximum length",
    "max-length-bytes": "maximum length in bytes",
    "max-in-memory-length": "maximum memory in bytes",
    "max-in-memory-bytes": "maximum memory in bytes",
    "queue-mode": "queue-mode value",
    "overflow": "overflow value",
    "queue-leader-locator": "queue leader locator value",
    "queue-version": "queue-version value",
    "target-group-size": "qq target count value",
    "initial-cluster-size": "cluster size",
    "stream-max-segment-size-bytes": "segment size",
    "stream-filter-size-bytes": "filter size. Valid range is 16-255",
    "delayed-retry-type": "delayed retry type. Must be one of: all, failed, returned, disabled",
    "delayed-retry-min": "delayed retry minimum delay. Must be a positive integer",
    "delayed-retry-max": "delayed retry maximum delay. Must be a positive integer",
}
"""What RabbitMQ calls them when they are wrong, where it is not the name without dashes."""
KNOWN: Final = (
    frozenset(NUMBERS)
    | TEXTS
    | frozenset(CHOICES)
    | _OF_CLASSIC_QUEUES - {"max-priority"}
    | {"delivery-limit", "max-age", "ha-sync-batch-size", "shards-per-node", "routing-key"}
    | {"federation-upstream", "federation-upstream-pattern", "federation-upstream-set"}
)
"""With those of mirrored queues, which RabbitMQ 4 refuses: they are in the definitions of older brokers, and do nothing here."""


class BadPolicy(InvalidArgument):
    """The policy is none that could ever apply; the message is RabbitMQ's."""


@dataclass(frozen=True, slots=True)
class Policy:
    virtual_host: str
    name: str
    pattern: str
    definition: Mapping[str, Json]
    priority: int = 0
    applies_to: str = "all"

    def matches(self, name: str, kind: str) -> bool:
        return (
            kind in APPLIES_TO[self.applies_to]
            and UNSUPPORTED[kind].isdisjoint(self.definition)
            and re.search(self.pattern, name) is not None
        )

    def value(self) -> Json:
        """As it is stored and listed."""
        return {"pattern": self.pattern, "definition": dict(self.definition), "priority": self.priority, "apply-to": self.applies_to}


def stored_policy(virtual_host: str, name: str, value: Json) -> Policy:
    """Of what `Policy.value` gave once."""
    told = value if isinstance(value, dict) else {}
    definition, priority = told.get("definition"), told.get("priority")
    return Policy(
        virtual_host,
        name,
        str(told.get("pattern", "")),
        definition if isinstance(definition, dict) else {},
        priority if isinstance(priority, int) else 0,
        str(told.get("apply-to", "all")),
    )


def policy_from(virtual_host: str, name: str, value: Json, *, is_operator: bool) -> Policy:
    """Raises BadPolicy with RabbitMQ's words."""
    if not isinstance(value, dict):
        raise BadPolicy("Validation failed\n\na policy must be a JSON object\n")
    for key in ("pattern", "definition"):
        if key not in value:
            raise BadPolicy(f"Key '{key}' is missing\n")
    pattern, definition, priority = value["pattern"], value["definition"], value.get("priority", 0)
    applies_to = value.get("apply-to") or "all"
    try:
        re.compile(str(pattern))
    except re.error as error:
        told = f'{{"{error.msg.partition(",")[0]}",{len(str(pattern)) if error.pos is None else error.pos + 1}}}'
        raise BadPolicy(f"Validation failed\n\npattern should be regular expression but is invalid: {told}\n") from None
    if not isinstance(pattern, str):
        raise BadPolicy(f"Validation failed\n\npattern should be a binary but was {printed_json(pattern)}\n")
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise BadPolicy(f"Validation failed\n\npriority should be a number, actually was {printed_json(priority)}\n")
    if applies_to not in APPLIES_TO:
        # The two blanks are RabbitMQ's.
        known = "'queues', 'classic_queues',  'quorum_queues', 'streams', 'exchanges', or 'all'"
        raise BadPolicy(f"Validation failed\n\napply-to '{applies_to}' unrecognised; should be one of: {known}\n")
    if not isinstance(definition, dict) or not definition:
        raise BadPolicy("Validation failed\n\nno policy provided\n")
    unknown = [(key, setting) for key, setting in definition.items() if key not in (OPERATOR_KEYS if is_operator else KNOWN)]
    if unknown:
        terms = ",".join(f"{{{printed_json(key)},{printed_json(setting)}}}" for key, setting in unknown)
        raise BadPolicy(f"Validation failed\n\n[{terms}] are not recognised policy settings\n")
    for key, setting in definition.items():
        _check(key, setting)
    _check_delayed_retry(definition)
    return Policy(virtual_host, name, pattern, definition, priority, str(applies_to))


def _check(key: str, value: Json) -> None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    is_valid = True
    if key in NUMBERS:
        least, most = NUMBERS[key]
        is_valid = is_integer and isinstance(value, int) and least <= value and (most is None or value <= most)
    elif key == "delivery-limit":
        is_valid = is_integer
    elif key in TEXTS:
        is_valid = isinstance(value, str)
    elif key in CHOICES:
        is_valid = value in CHOICES[key]
    elif key == "max-age":
        is_valid = isinstance(value, str) and AGE.fullmatch(value) is not None
    if not is_valid:
        raise BadPolicy(f"Validation failed\n\n{printed_json(value)} is not a valid {CALLED.get(key, key.replace('-', ' '))}\n")


def _check_delayed_retry(definition: Mapping[str, Json]) -> None:
    kind, least, most = (definition.get(f"delayed-retry-{word}") for word in ("type", "min", "max"))
    if kind not in (None, RETRY_DISABLED) and least is None:
        raise BadPolicy(f"Validation failed\n\ndelayed-retry-min is required when delayed-retry-type is {kind}\n")
    if isinstance(least, int) and isinstance(most, int) and most < least:
        raise BadPolicy(f"Validation failed\n\ndelayed-retry-max ({most}) must not be smaller than delayed-retry-min ({least})\n")


@dataclass(frozen=True, slots=True)
class AppliedPolicies:
    """What governs one queue or exchange."""

    policy: str | None = None
    operator_policy: str | None = None
    definition: Mapping[str, Json] = field(default_factory=dict)
    """Both merged."""


NO_POLICIES: Final = AppliedPolicies()


def applied(name: str, kind: str, policies: Iterable[Policy], operator_policies: Iterable[Policy]) -> AppliedPolicies:
    policy = _best(name, kind, policies)
    operator_policy = _best(name, kind, operator_policies)
    definition: dict[str, Json] = dict(policy.definition) if policy else {}
    for key, value in (operator_policy.definition if operator_policy else {}).items():
        definition[key] = _merged(key, definition[key], value) if key in definition else value
    return AppliedPolicies(policy.name if policy else None, operator_policy.name if operator_policy else None, definition)


def _best(name: str, kind: str, policies: Iterable[Policy]) -> Policy | None:
    matching = [policy for policy in policies if policy.matches(name, kind)]
    return max(matching, key=lambda policy: policy.priority, default=None)


def _merged(key: str, value: Json, of_operator: Json) -> Json:
    if isinstance(value, int) and isinstance(of_operator, int):
        if key in SMALLEST_COUNTS:
            return min(value, of_operator)
        if key in GREATEST_COUNTS:
            return max(value, of_operator)
        if key == "delivery-limit":
            return _stricter_delivery_limit(value, of_operator)
    return of_operator


def _stricter_delivery_limit(one: int, other: int) -> int:
    """Less than 0 is no limit."""
    return max(one, other) if one < 0 or other < 0 else min(one, other)


class _Effective:
    """One queue's arguments and policies, asked key by key."""

    def __init__(self, arguments: FieldTable, definition: Mapping[str, Json]) -> None:
        self._arguments = arguments
        self._definition = definition

    def _numbers(self, key: str) -> list[int]:
        """Of the policy, and of the argument."""
        both = (self._definition.get(key), self._arguments.get(f"x-{key}"))
        return [each for each in both if isinstance(each, int) and not isinstance(each, bool)]

    def smallest(self, key: str) -> int | None:
        return min(self._numbers(key), default=None)

    def number(self, key: str) -> int | None:
        """The policy wins."""
        numbers = self._numbers(key)
        return numbers[0] if numbers else None

    def delivery_limit(self) -> int | None:
        numbers = self._numbers("delivery-limit")
        return _stricter_delivery_limit(*numbers) if len(numbers) == 2 else numbers[0] if numbers else None

    def text(self, key: str, *, policy_wins: bool = False) -> str | None:
        both = (self._arguments.get(f"x-{key}"), self._definition.get(key))
        for each in reversed(both) if policy_wins else both:
            if isinstance(each, str):
                return each
        return None


def _delayed_retry(effective: _Effective) -> tuple[str, int | None, int | None]:
    """The type, the minimum and the maximum. Arguments are not checked when a queue is declared: what makes no sense disables it."""
    kind = effective.text("delayed-retry-type", policy_wins=True)
    least_ms, most_ms = effective.smallest("delayed-retry-min"), effective.smallest("delayed-retry-max")
    if kind not in (RETRY_ALL, RETRY_FAILED, RETRY_RETURNED) or least_ms is None or least_ms <= 0:
        return RETRY_DISABLED, None, None
    return kind, least_ms, most_ms if most_ms is not None and most_ms > 0 else least_ms


def queue_settings(kind: str, arguments: FieldTable, definition: Mapping[str, Json]) -> QueueSettings:
    """What a queue with these arguments under these policies does."""
    effective = _Effective(arguments, definition)
    age = effective.text("max-age", policy_wins=True)
    max_priority = arguments.get("x-max-priority")
    retry_type, retry_min_ms, retry_max_ms = _delayed_retry(effective)
    return QueueSettings(
        message_ttl_ms=effective.smallest("message-ttl"),
        expires_ms=effective.smallest("expires"),
        max_length=effective.smallest("max-length"),
        max_length_bytes=effective.number("max-length-bytes") if kind == STREAM else effective.smallest("max-length-bytes"),
        overflow=effective.text("overflow", policy_wins=kind == QUORUM) or DROP_HEAD,
        dead_letter_exchange=effective.text("dead-letter-exchange"),
        dead_letter_routing_key=effective.text("dead-letter-routing-key"),
        dead_letter_strategy=effective.text("dead-letter-strategy") or AT_MOST_ONCE,
        max_priority=max_priority if isinstance(max_priority, int) else None,
        single_active_consumer=arguments.get("x-single-active-consumer") is True,
        delivery_limit=effective.delivery_limit(),
        delayed_retry_type=retry_type,
        delayed_retry_min_ms=retry_min_ms,
        delayed_retry_max_ms=retry_max_ms,
        consumer_timeout_ms=effective.smallest("consumer-timeout"),
        max_age_ms=age_ms(age) if age is not None and AGE.fullmatch(age) else None,
        stream_segment_bytes=effective.number("stream-max-segment-size-bytes"),
        stream_filter_size_bytes=effective.number("stream-filter-size-bytes"),
    )
