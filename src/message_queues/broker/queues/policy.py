"""Policies: what operators say of queues and exchanges by patterns of their names, live (rabbit_policy.erl).

One policy and one operator policy apply to a queue: of those that match the one of the highest priority. A queue's own arguments win over
its policy, but for numeric limits, where the smallest of all counts; an operator policy can only lower.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from message_queues.broker.queues.erlang_terms import printed_json
from message_queues.broker.queues.events import Json
from message_queues.broker.queues.queue_arguments import AGE, CLASSIC, QUORUM, STREAM, age_ms
from message_queues.broker.queues.queue_settings import AT_MOST_ONCE, DROP_HEAD, RETRY_DISABLED, QueueSettings
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
    }
)
SMALLEST_COUNTS: Final = frozenset({"max-length", "max-length-bytes", "expires", "message-ttl", "delivery-limit", "max-in-memory-length"})
NUMBERS: Final = SMALLEST_COUNTS | {"max-priority", "max-in-memory-bytes", "consumer-timeout", "delayed-retry-min", "delayed-retry-max"}
TEXTS: Final = frozenset({"dead-letter-exchange", "dead-letter-routing-key", "alternate-exchange"})
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "overflow": ("drop-head", "reject-publish", "reject-publish-dlx"),
    "dead-letter-strategy": ("at-most-once", "at-least-once"),
    "queue-mode": ("default", "lazy"),
    "delayed-retry-type": ("disabled", "all", "failed", "returned"),
    "queue-leader-locator": ("client-local", "balanced"),
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
}
"""What RabbitMQ calls them when they are wrong, where it is not the name without dashes."""
KNOWN: Final = (
    NUMBERS
    | TEXTS
    | frozenset(CHOICES)
    | {
        "max-age",
        "stream-max-segment-size-bytes",
        "stream-filter-size-bytes",
        "queue-version",
        "federation-upstream",
        "federation-upstream-set",
    }
    | {"ha-mode", "ha-params", "ha-sync-mode", "ha-sync-batch-size", "ha-promote-on-shutdown", "ha-promote-on-failure"}
    | {
        "queue-master-locator",
        "shards-per-node",
        "routing-key",
        "initial-cluster-size",
        "target-group-size",
        "consumer-disconnected-timeout",
    }
)


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
        return kind in APPLIES_TO[self.applies_to] and re.search(self.pattern, name) is not None

    def value(self) -> Json:
        """As it is stored and listed."""
        return {"pattern": self.pattern, "definition": dict(self.definition), "priority": self.priority, "apply-to": self.applies_to}


def policy_from(virtual_host: str, name: str, value: Json, *, is_operator: bool) -> Policy:
    """Raises BadPolicy with RabbitMQ's words."""
    if not isinstance(value, dict):
        raise BadPolicy("Validation failed\n\na policy must be a JSON object\n")
    for key in ("pattern", "definition"):
        if key not in value:
            raise BadPolicy(f"Key '{key}' is missing\n")
    pattern, definition, priority = value["pattern"], value["definition"], value.get("priority", 0)
    applies_to = value.get("apply-to") or ("queues" if is_operator else "all")
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
    return Policy(virtual_host, name, pattern, definition, priority, str(applies_to))


def _check(key: str, value: Json) -> None:
    is_valid = True
    if key in NUMBERS:
        is_valid = isinstance(value, int) and not isinstance(value, bool) and (value >= 0 or key == "delivery-limit")
    elif key in TEXTS:
        is_valid = isinstance(value, str)
    elif key in CHOICES:
        is_valid = value in CHOICES[key]
    elif key == "max-age":
        is_valid = isinstance(value, str) and AGE.fullmatch(value) is not None
    if not is_valid:
        raise BadPolicy(f"Validation failed\n\n{printed_json(value)} is not a valid {CALLED.get(key, key.replace('-', ' '))}\n")


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
        definition[key] = _smaller(definition[key], value) if key in definition and key in SMALLEST_COUNTS else value
    return AppliedPolicies(policy.name if policy else None, operator_policy.name if operator_policy else None, definition)


def _best(name: str, kind: str, policies: Iterable[Policy]) -> Policy | None:
    matching = [policy for policy in policies if policy.matches(name, kind)]
    return max(matching, key=lambda policy: policy.priority, default=None)


def _smaller(one: Json, other: Json) -> Json:
    return min(one, other) if isinstance(one, int) and isinstance(other, int) else other


class _Effective:
    """One queue's arguments and policies, asked key by key."""

    def __init__(self, arguments: FieldTable, definition: Mapping[str, Json]) -> None:
        self._arguments = arguments
        self._definition = definition

    def number(self, key: str) -> int | None:
        argument, setting = self._arguments.get(f"x-{key}"), self._definition.get(key)
        given = [each for each in (argument, setting) if isinstance(each, int) and not isinstance(each, bool)]
        if len(given) == 2 and key in SMALLEST_COUNTS:
            return min(given)
        return given[0] if given else None

    def text(self, key: str) -> str | None:
        for each in (self._arguments.get(f"x-{key}"), self._definition.get(key)):
            if isinstance(each, str):
                return each
        return None


def queue_settings(arguments: FieldTable, definition: Mapping[str, Json]) -> QueueSettings:
    """What a queue with these arguments under these policies does."""
    effective = _Effective(arguments, definition)
    age = effective.text("max-age")
    return QueueSettings(
        message_ttl_ms=effective.number("message-ttl"),
        expires_ms=effective.number("expires"),
        max_length=effective.number("max-length"),
        max_length_bytes=effective.number("max-length-bytes"),
        overflow=effective.text("overflow") or DROP_HEAD,
        dead_letter_exchange=effective.text("dead-letter-exchange"),
        dead_letter_routing_key=effective.text("dead-letter-routing-key"),
        dead_letter_strategy=effective.text("dead-letter-strategy") or AT_MOST_ONCE,
        max_priority=effective.number("max-priority"),
        single_active_consumer=arguments.get("x-single-active-consumer") is True,
        delivery_limit=effective.number("delivery-limit"),
        delayed_retry_type=effective.text("delayed-retry-type") or RETRY_DISABLED,
        delayed_retry_min_ms=effective.number("delayed-retry-min"),
        delayed_retry_max_ms=effective.number("delayed-retry-max"),
        consumer_timeout_ms=effective.number("consumer-timeout"),
        max_age_ms=age_ms(age) if age is not None and AGE.fullmatch(age) else None,
        stream_segment_bytes=effective.number("stream-max-segment-size-bytes"),
        stream_filter_size_bytes=effective.number("stream-filter-size-bytes"),
    )
