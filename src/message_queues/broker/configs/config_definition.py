"""One configuration: its name, type and default, which values it takes, and what it is for.

Types, parsing and the words of a refusal are those of Kafka's ConfigDef. The catalogues are the tables `topic_configs.txt`,
`broker_configs.txt` and `group_configs.txt` beside this file: one line for each configuration.
"""

import math
import re
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from message_queues.errors import InvalidConfig

Value: TypeAlias = bool | int | float | str | tuple[str, ...] | None
Constraint: TypeAlias = Callable[[str, Value], None]
"""Called with the configuration's name and its parsed value; raises InvalidConfig."""


class ConfigType(IntEnum):
    """Numbered as in DescribeConfigs."""

    UNKNOWN = 0
    BOOLEAN = 1
    STRING = 2
    INT = 3
    SHORT = 4
    LONG = 5
    DOUBLE = 6
    LIST = 7
    CLASS = 8
    PASSWORD = 9


class ConfigSource(IntEnum):
    """Where a value comes from, numbered as in DescribeConfigs."""

    TOPIC = 1
    BROKER = 2
    """Set for one broker while it runs."""
    CLUSTER = 3
    """Set for all brokers while they run."""
    STATIC = 4
    """Given when the broker was started."""
    DEFAULT = 5
    BROKER_LOGGER = 6
    CLIENT_METRICS = 7
    GROUP = 8


class Synonym(NamedTuple):
    """A broker configuration that gives the default of a topic's or group's, in a unit `factor` times as large."""

    name: str
    factor: int = 1


class ConfigDefinition(NamedTuple):
    name: str
    type: ConfigType
    default: str | None
    values: str
    """The valid values, in the words of the table; empty where any will do."""
    documentation: str
    synonyms: tuple[Synonym, ...] = ()
    is_read_only: bool = False
    is_per_broker: bool = False
    """It can be set for one broker, not as the default of all."""
    is_internal: bool = False
    """It is listed only where it is set."""
    is_obeyed: bool = False
    """It changes what this server does; the others are known, checked and described."""

    @property
    def is_sensitive(self) -> bool:
        return self.type is ConfigType.PASSWORD

    def parse(self, text: str) -> Value:
        """Raises InvalidConfig in Kafka's words."""
        if self.type is ConfigType.CLASS and text.strip() != (self.default or ""):
            raise refusal(self.name, text, f"Class {text} could not be found.")
        value = parsed(self.name, self.type, text)
        if isinstance(value, tuple) and self.values.startswith(DISTINCT):
            value = tuple(dict.fromkeys(value))
        check = constraint(self.values)
        if check is not None:
            check(self.name, value)
        return value

    @property
    def default_value(self) -> Value:
        return None if self.default is None else parsed(self.name, self.type, self.default)


def refusal(name: str, value: object, reason: str) -> InvalidConfig:
    return InvalidConfig(f"Invalid value {value} for configuration {name}: {reason}")


# Text to value and back

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
DECIMAL_NUMBER = re.compile(r"[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[fFdD]?)")
COMMA = re.compile(r"\s*,\s*")
BITS = {ConfigType.SHORT: 16, ConfigType.INT: 32, ConfigType.LONG: 64}


def parsed(name: str, kind: ConfigType, text: str) -> Value:
    stripped = text.strip()
    if kind in BITS:
        limit = 1 << (BITS[kind] - 1)
        if WHOLE_NUMBER.fullmatch(stripped) is None or not -limit <= int(stripped) < limit:
            raise refusal(name, text, f"Not a number of type {kind.name}")
        return int(stripped)
    match kind:
        case ConfigType.BOOLEAN:
            if stripped.lower() not in ("true", "false"):
                raise refusal(name, text, "Expected value to be either true or false")
            return stripped.lower() == "true"
        case ConfigType.DOUBLE:
            if DECIMAL_NUMBER.fullmatch(stripped) is None:
                raise refusal(name, text, "Not a number of type DOUBLE")
            return float(stripped.rstrip("fFdD"))
        case ConfigType.LIST:
            return tuple(COMMA.split(stripped)) if stripped else ()
        case _:
            return stripped


def text_of(value: Value) -> str | None:
    """As Kafka prints it."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case tuple():
            return ",".join(value)
        case float():
            return double_text(value)
        case _:
            return str(value)


def double_text(value: float) -> str:
    """Java's Double.toString: decimal from a thousandth to ten millions, else with an exponent.

    >>> double_text(0.5), double_text(1e-5), double_text(12345678.0)
    ('0.5', '1.0E-5', '1.2345678E7')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    for precision in range(1, 17):
        shorter, _, exponent = f"{value:.{precision}e}".partition("e")
        if float(f"{shorter}e{exponent}") == value:
            mantissa = shorter
            break
    return f"{mantissa}E{int(exponent)}"


def as_boolean(value: Value) -> bool:
    assert isinstance(value, bool)
    return value


def as_int(value: Value) -> int:
    assert isinstance(value, int)
    return value


def as_double(value: Value) -> float:
    assert isinstance(value, float)
    return value


def as_string(value: Value) -> str:
    assert isinstance(value, str)
    return value


def as_list(value: Value) -> tuple[str, ...]:
    assert isinstance(value, tuple)
    return value


# Which values are valid


DISTINCT = ("any of ", "some of ", "distinct")
"""Lists in which a member counts once, however often it is named."""


@cache
def constraint(values: str) -> Constraint | None:
    """The check that a cell of a table stands for."""
    if not values:
        return None
    if values.startswith(">= "):
        return within(values[3:], None)
    if values in SPECIAL:
        return SPECIAL[values]
    if ".." in values:
        least, most = values.split("..")
        return within(least, most)
    for words, make in CHOICES.items():
        if values.startswith(words):
            return make(tuple(values.removeprefix(words).split(", ")))
    raise AssertionError(f"unknown words in a table of configurations: {values}")


def within(least: str, most: str | None) -> Constraint:
    def check(name: str, value: Value) -> None:
        if not isinstance(value, (int, float)):
            raise refusal(name, value, "Value must be non-null")
        if value < float(least):
            raise refusal(name, text_of(value), f"Value must be at least {least}")
        if most is not None and value > float(most):
            raise refusal(name, text_of(value), f"Value must be no more than {most}")

    return check


def one_of(choices: tuple[str, ...]) -> Constraint:
    def check(name: str, value: Value) -> None:
        if value not in choices:
            raise refusal(name, value, f"String must be one of: {', '.join(choices)}")

    return check


def one_of_any_case(choices: tuple[str, ...]) -> Constraint:
    def check(name: str, value: Value) -> None:
        if not isinstance(value, str) or value.upper() not in choices:
            raise refusal(name, value, f"String must be one of (case insensitive): {', '.join(choices)}")

    return check


def listed(choices: tuple[str, ...], *, may_be_empty: bool) -> Constraint:
    """No choices: any will do."""
    check_each = one_of(choices)

    def check(name: str, value: Value) -> None:
        if not isinstance(value, tuple):
            return
        if not value and not may_be_empty:
            valid = f"[{', '.join(choices)}]" if choices else "any non-empty value"
            raise InvalidConfig(f"Configuration '{name}' must not be empty. Valid values include: {valid}")
        for each in value:
            if not each:
                raise InvalidConfig(f"Configuration '{name}' values must not be empty.")
            if choices:
                check_each(name, each)

    return check


def check_not_empty(name: str, value: Value) -> None:
    if value == "":
        raise refusal(name, value, "String must be non-empty")


def check_gzip_level(name: str, value: Value) -> None:
    if not isinstance(value, int) or not (1 <= value <= 9 or value == -1):
        raise refusal(name, value, "Value must be between 1 and 9 or equal to -1")


THROTTLED_REPLICA = re.compile(r"[0-9]+:[0-9]+")


def check_throttled_replicas(name: str, value: Value) -> None:
    replicas = value if isinstance(value, tuple) else ()
    if replicas != ("*",) and not all(THROTTLED_REPLICA.fullmatch(each) for each in replicas):
        raise refusal(
            name,
            f"[{', '.join(replicas)}]",
            f"{name} must be the literal '*' or a list of replicas in the following format: "
            "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
        )


ISO_DURATION = re.compile(r"P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", re.IGNORECASE)


def check_offset_reset(name: str, value: Value) -> None:
    if value in ("latest", "earliest"):
        return
    kind, _, duration = str(value).partition(":")
    if kind != "by_duration" or ISO_DURATION.fullmatch(duration) is None:
        raise refusal(
            name,
            value,
            f"Invalid value `{value}` for configuration {name}. The value must be either 'earliest', 'latest' or of the format "
            "'by_duration:<PnDTnHnMn.nS>'.",
        )


VOTER = re.compile(r"[0-9]+@[^@]+:[0-9]+")


def check_voters(name: str, value: Value) -> None:
    if isinstance(value, tuple) and not all(VOTER.fullmatch(each) for each in value):
        raise InvalidConfig(f"Invalid configuration value for {name}. Each entry should be in the form `{{id}}@{{host}}:{{port}}`.")


SERVER = re.compile(r"\[?[^\[\]]+\]?:[0-9]+")


def check_servers(name: str, value: Value) -> None:
    for each in value if isinstance(value, tuple) else ():
        if SERVER.fullmatch(each) is None:
            raise InvalidConfig(
                f'Failed to parse host name from {each} for the configuration {name}. Each entry should be in the form "{{host}}:{{port}}"'
            )


SPECIAL: dict[str, Constraint] = {
    "not empty": check_not_empty,
    "distinct": listed((), may_be_empty=True),
    "distinct, not empty": listed((), may_be_empty=False),
    "1..9 or -1": check_gzip_level,
    "throttled replicas": check_throttled_replicas,
    "offset reset": check_offset_reset,
    "voters": check_voters,
    "servers": check_servers,
}
CHOICES: dict[str, Callable[[tuple[str, ...]], Constraint]] = {
    "one of (any case) ": one_of_any_case,
    "one of ": one_of,
    "any of ": lambda choices: listed(choices, may_be_empty=True),
    "some of ": lambda choices: listed(choices, may_be_empty=False),
}


# The tables


def read_table(file_name: str) -> dict[str, ConfigDefinition]:
    lines = Path(__file__).with_name(file_name).read_text("utf-8").splitlines()
    definitions = (definition(line) for line in lines if line and not line.startswith("#"))
    return {each.name: each for each in definitions}


def definition(line: str) -> ConfigDefinition:
    name, kind, default, values, origin, documentation = (cell.strip() for cell in line.split("|", 5))
    words = origin.split()
    is_broker = bool(words) and words[0] in ("read-only", "per-broker", "cluster-wide")
    return ConfigDefinition(
        name=name.removeprefix("* "),
        type=ConfigType[kind.upper()],
        default=None if default in ("null", "required") else default,
        values=values,
        documentation=documentation,
        synonyms=() if is_broker else tuple(synonym(word) for word in words if word != "internal"),
        is_read_only="read-only" in words,
        is_per_broker="per-broker" in words,
        is_internal="internal" in words,
        is_obeyed=name.startswith("* "),
    )


def synonym(word: str) -> Synonym:
    name, _, factor = word.partition("*")
    return Synonym(name, int(factor or 1))
