"""A group's configuration: its overrides over the broker's, which give the defaults.

Checks and their words are those of Kafka's GroupConfig.
"""

from collections.abc import Mapping

from message_queues.broker.configs.broker_configs import BROKER_CONFIGS, BrokerConfig
from message_queues.broker.configs.config_definition import (
    ConfigDefinition,
    Value,
    as_int,
    read_table,
)
from message_queues.errors import InvalidConfig

GROUP_CONFIGS: dict[str, ConfigDefinition] = read_table("group_configs.txt")


def effective_group_config(name: str, overrides: Mapping[str, str], broker: BrokerConfig) -> Value:
    """The group's own value, else the broker's, else the default."""
    known = GROUP_CONFIGS[name]
    text = overrides.get(name)
    if text is not None:
        return known.parse(text)
    if known.synonyms:
        return broker.value(known.synonyms[0].name)
    return known.default_value


def validate_group_configs(configs: Mapping[str, str | None], broker: BrokerConfig) -> None:
    """Raises InvalidConfig exactly as Kafka words it."""
    given = {name: text for name, text in configs.items() if text is not None}
    for name in given:
        if name not in GROUP_CONFIGS:
            raise InvalidConfig(f"Unknown group config name: {name}")
    values = {name: effective_group_config(name, given, broker) for name in GROUP_CONFIGS}
    for name in GROUP_CONFIGS:
        if name in given:
            check_broker_limits(name, values[name], broker)


def check_broker_limits(name: str, value: Value, broker: BrokerConfig) -> None:
    kind, _, what = name.partition(".")
    least, greatest = f"group.{kind}.min.{what}", f"group.{kind}.max.{what.removeprefix('num.')}"
    if least in BROKER_CONFIGS and as_int(value) < broker.int(least):
        raise InvalidConfig(f"{name} must be greater than or equal to {least}")
    if greatest in BROKER_CONFIGS and as_int(value) > broker.int(greatest):
        raise InvalidConfig(f"{name} must be less than or equal to {greatest}")
