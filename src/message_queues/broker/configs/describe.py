"""Configurations as they are described to clients: the value, where it comes from, and all that would give it one.

The sources and the order of synonyms are those of Kafka's ConfigHelper.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from message_queues.broker.configs.broker_configs import BROKER_CONFIGS, BrokerConfig, definition_of, synonyms_of
from message_queues.broker.configs.config_definition import ConfigDefinition, ConfigSource, ConfigType, text_of
from message_queues.broker.configs.group_configs import GROUP_CONFIGS, effective_group_config
from message_queues.broker.configs.topic_configs import TOPIC_CONFIGS, effective


class ConfigSynonym(NamedTuple):
    name: str
    value: str | None
    source: ConfigSource


class ConfigEntry(NamedTuple):
    name: str
    value: str | None
    source: ConfigSource
    type: ConfigType = ConfigType.UNKNOWN
    is_read_only: bool = False
    is_sensitive: bool = False
    synonyms: tuple[ConfigSynonym, ...] = ()
    """The first is the one that counts."""
    documentation: str | None = None


# Topics


def describe_topic(overrides: Mapping[str, str], broker: BrokerConfig, node_id: int) -> list[ConfigEntry]:
    """All configurations of a topic, as that node describes them."""
    return [
        topic_entry(known, overrides, broker, node_id)
        for name, known in TOPIC_CONFIGS.items()
        if not known.is_internal or name in overrides
    ]


def topic_entry(known: ConfigDefinition, overrides: Mapping[str, str], broker: BrokerConfig, node_id: int) -> ConfigEntry:
    value = text_of(effective(known, overrides, broker, node_id))
    # As in Kafka: synonyms start at the first broker configuration's own name, so hours alone are not listed under log.retention.ms.
    synonyms = synonyms_on(broker, known.synonyms[0].name, node_id) if known.synonyms else ()
    if known.name in overrides:
        synonyms = (ConfigSynonym(known.name, value, ConfigSource.TOPIC), *synonyms)
    return described(known, value, synonyms)


def describe_topic_overrides(overrides: Mapping[str, str], broker: BrokerConfig, node_id: int) -> list[ConfigEntry]:
    """What CreateTopics says of a new topic: by name, overrides as they were given, and the source of every inherited value."""
    entries: list[ConfigEntry] = []
    for name in sorted(TOPIC_CONFIGS):
        known = TOPIC_CONFIGS[name]
        if known.is_internal:
            continue
        value: str | None = overrides.get(name)
        source = ConfigSource.TOPIC
        if value is None:
            value, source = broker.first_of(known.synonyms, node_id) or (known.default, ConfigSource.DEFAULT)
        entries.append(ConfigEntry(name, value, source, known.type))
    return entries


# Groups


def describe_group(overrides: Mapping[str, str], broker: BrokerConfig, node_id: int) -> list[ConfigEntry]:
    return [group_entry(known, overrides, broker, node_id) for known in GROUP_CONFIGS.values()]


def group_entry(known: ConfigDefinition, overrides: Mapping[str, str], broker: BrokerConfig, node_id: int) -> ConfigEntry:
    value = text_of(effective_group_config(known.name, overrides, broker))
    synonyms = synonyms_on(broker, known.synonyms[0].name, node_id) if known.synonyms else ()
    if known.name in overrides:
        synonyms = (ConfigSynonym(known.name, value, ConfigSource.GROUP), *synonyms)
    elif not synonyms:
        synonyms = (ConfigSynonym(known.name, value, ConfigSource.DEFAULT),)
    return described(known, value, synonyms)


# Brokers


def describe_broker(broker: BrokerConfig, node_id: int, facts: Mapping[str, str]) -> list[ConfigEntry]:
    """All configurations of one broker. `facts` are values that it has without having been started with them, such as its number."""
    names = dict.fromkeys(name for name, known in BROKER_CONFIGS.items() if not known.is_internal)
    for _, layer in broker.layers(node_id):
        names.update(dict.fromkeys(layer))
    return [broker_entry(name, synonyms_on(broker, name, node_id, facts)) for name in names]


def describe_cluster(broker: BrokerConfig) -> list[ConfigEntry]:
    """What is set for all brokers while they run."""
    return [
        broker_entry(name, (ConfigSynonym(name, None if is_hidden(name) else text, ConfigSource.CLUSTER),))
        for name, text in broker.set_for(None).items()
    ]


def broker_entry(name: str, synonyms: tuple[ConfigSynonym, ...]) -> ConfigEntry:
    value = synonyms[0].value if synonyms else None
    known = definition_of(name)
    if known is None:
        # A name that Kafka does not know could be anything of a plug-in's, its value a password.
        return ConfigEntry(name, None, synonyms[0].source, is_read_only=True, is_sensitive=True, synonyms=synonyms)
    if value is not None and not known.is_sensitive:
        value = text_of(known.parse(value))
    entry = described(known, value, synonyms)
    return entry._replace(name=name, is_read_only=known.is_read_only or name != known.name)


def synonyms_on(broker: BrokerConfig, name: str, node_id: int, facts: Mapping[str, str] | None = None) -> tuple[ConfigSynonym, ...]:
    """All that would give `name` a value on this node, from the name itself on: what stands before it is left out, as in Kafka."""
    hidden = is_hidden(name)
    found: list[ConfigSynonym] = []
    for source, layer in (*broker.layers(node_id), (ConfigSource.STATIC, facts or {})):
        found += [ConfigSynonym(each, None if hidden else layer[each], source) for each in synonyms_of(name) if each in layer]
    found += defaults_of(name)
    first = next((index for index, each in enumerate(found) if each.name == name), len(found))
    return tuple(found[first:])


def defaults_of(name: str) -> Iterator[ConfigSynonym]:
    for each in synonyms_of(name):
        known = BROKER_CONFIGS.get(each)
        is_only_dynamic = known is not None and known.is_internal and not known.is_read_only
        if known is not None and known.default is not None and not is_only_dynamic:
            yield ConfigSynonym(each, text_of(known.default_value), ConfigSource.DEFAULT)


def is_hidden(name: str) -> bool:
    known = definition_of(name)
    return known is None or known.is_sensitive


def described(known: ConfigDefinition, value: str | None, synonyms: tuple[ConfigSynonym, ...]) -> ConfigEntry:
    return ConfigEntry(
        name=known.name,
        value=value,
        source=synonyms[0].source if synonyms else ConfigSource.DEFAULT,
        type=known.type,
        is_sensitive=known.is_sensitive,
        synonyms=synonyms,
        documentation=known.documentation,
    )
