"""The configurations of a Kafka topic: names, types and ranges, to check them before a broker is asked.

Facts of Kafka 4.3 (Topic Configs in its documentation; org.apache.kafka.storage.internals.log.LogConfig). A broker that knows more than
these is served with `allow_unknown_config=True`, which leaves unknown names to the broker to judge.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from message_queues.errors import InvalidConfig
from message_queues.messaging.arguments import did_you_mean

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1

_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ConfigRule:
    """What one configuration may be: `kind` is "int", "float", "boolean", "choice" or "list"."""

    kind: str
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()

    def normal(self, name: str, value: object) -> str:
        """The value as Kafka writes it. Raises InvalidConfig for one that it would refuse."""
        text = ("true" if value else "false") if isinstance(value, bool) else str(value).strip()
        if isinstance(value, list | tuple):
            text = ",".join(str(each).strip() for each in value)
        elif not isinstance(value, str | int | float | bool):
            raise InvalidConfig(f"{name}={value!r} is {type(value).__name__}: it must be {self.wanted()}")
        checked = self._normal(text)
        if checked is None:
            raise InvalidConfig(f"{name}={value!r} must be {self.wanted()}{did_you_mean(text, self.choices)}")
        return checked

    def wanted(self) -> str:
        """The right values, in words."""
        if self.kind == "boolean":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "list":
            return "a list of " + ", ".join(self.choices) if self.choices else "a list"
        bound = f"from {self.low:.0f} to {self.high:.0f}" if self.high not in (INT_MAX, LONG_MAX) else f"of at least {self.low:.0f}"
        return f"a number {bound}" if self.kind == "float" else f"a whole number {bound}"

    def _normal(self, text: str) -> str | None:
        match self.kind:
            case "int":
                return str(int(text)) if _WHOLE.fullmatch(text) and self.low <= int(text) <= self.high else None
            case "float":
                return str(float(text)) if _DECIMAL.fullmatch(text) and self.low <= float(text) <= self.high else None
            case "boolean":
                return text.lower() if text.lower() in ("true", "false") else None
            case "choice":
                return text if text in self.choices else None
        items = [item.strip() for item in text.split(",") if item.strip()]
        return None if self.choices and set(items) - set(self.choices) else ",".join(items)


def _int(low: int) -> ConfigRule:
    return ConfigRule("int", low, INT_MAX)


def _long(low: int) -> ConfigRule:
    return ConfigRule("int", low, LONG_MAX)


_BOOLEAN = ConfigRule("boolean")

TOPIC_CONFIGS: Mapping[str, ConfigRule] = {
    "cleanup.policy": ConfigRule("list", choices=("compact", "delete")),
    "compression.gzip.level": ConfigRule("int", -1, 9),
    "compression.lz4.level": ConfigRule("int", 1, 17),
    "compression.type": ConfigRule("choice", choices=("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer")),
    "compression.zstd.level": ConfigRule("int", -131_072, 22),
    "delete.retention.ms": _long(0),
    "file.delete.delay.ms": _long(0),
    "flush.messages": _long(1),
    "flush.ms": _long(0),
    "follower.replication.throttled.replicas": ConfigRule("list"),
    "index.interval.bytes": _int(0),
    "leader.replication.throttled.replicas": ConfigRule("list"),
    "local.retention.bytes": _long(-2),
    "local.retention.ms": _long(-2),
    "max.compaction.lag.ms": _long(1),
    "max.message.bytes": _int(0),
    "message.timestamp.after.max.ms": _long(0),
    "message.timestamp.before.max.ms": _long(0),
    "message.timestamp.type": ConfigRule("choice", choices=("CreateTime", "LogAppendTime")),
    "min.cleanable.dirty.ratio": ConfigRule("float", 0, 1),
    "min.compaction.lag.ms": _long(0),
    "min.insync.replicas": _int(1),
    "preallocate": _BOOLEAN,
    "remote.log.copy.disable": _BOOLEAN,
    "remote.log.delete.on.disable": _BOOLEAN,
    "remote.storage.enable": _BOOLEAN,
    "retention.bytes": _long(-(2**63)),
    "retention.ms": _long(-1),
    "segment.bytes": _int(1_048_576),
    "segment.index.bytes": _int(4),
    "segment.jitter.ms": _long(0),
    "segment.ms": _long(1),
    "unclean.leader.election.enable": _BOOLEAN,
}


def checked_topic_config(config: object, *, allow_unknown: bool = False) -> dict[str, str]:
    """The configurations as Kafka writes them. Raises InvalidConfig for an unknown name (with the nearest one) or a wrong value."""
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise InvalidConfig(f"config is {type(config).__name__}: it must be a mapping such as {{'retention.ms': 604800000}}")
    return {name: _checked_value(name, value, allow_unknown) for name, value in config.items()}


def checked_topic_config_changes(config: Mapping[str, object], *, allow_unknown: bool = False) -> dict[str, str | None]:
    """As `checked_topic_config`, where None takes a configuration back to its default."""
    changes: dict[str, str | None] = {}
    for name, value in config.items():
        if value is None:
            _rule(name, allow_unknown)
            changes[name] = None
        else:
            changes[name] = _checked_value(name, value, allow_unknown)
    return changes


def _checked_value(name: object, value: object, allow_unknown: bool) -> str:
    rule = _rule(name, allow_unknown)
    if rule is not None:
        return rule.normal(str(name), value)
    if not isinstance(value, str | int | float | bool):
        raise InvalidConfig(f"{name}={value!r} is {type(value).__name__}: it must be a str, a number, True or False")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rule(name: object, allow_unknown: bool) -> ConfigRule | None:
    if not isinstance(name, str):
        raise InvalidConfig(f"config: the name {name!r} is {type(name).__name__}: it must be a str")
    rule = TOPIC_CONFIGS.get(name)
    if rule is None and not allow_unknown:
        hint = did_you_mean(name.replace("_", "."), TOPIC_CONFIGS) or "; allow_unknown_config=True leaves it to the broker"
        raise InvalidConfig(f"config: {name} is not a topic configuration{hint}")
    return rule


def same_value(name: str, one: str | None, other: str | None) -> bool:
    """Whether two values of a configuration mean the same: lists in any order, numbers however written."""
    rule = TOPIC_CONFIGS.get(name)
    if rule is None or one is None or other is None:
        return one == other
    if rule.kind == "list":
        return {each.strip() for each in one.split(",")} == {each.strip() for each in other.split(",")}
    try:
        return rule.normal(name, one) == rule.normal(name, other)
    except InvalidConfig:
        return one == other
