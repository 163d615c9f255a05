"""Checks of what a program passes in: each names the argument, the value and what would be right, before anything is sent."""

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from message_queues.errors import InvalidArgument, InvalidPartitions, InvalidReplicationFactor, InvalidTopic

MAX_PARTITIONS = 10_000
"""More in one call is refused by Kafka itself (POLICY_VIOLATION)."""
MAX_REPLICATION_FACTOR = 32_767
MAX_NAME_LENGTH = 249
MAX_AMQP_NAME_BYTES = 255

_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_PORT = range(1, 65_536)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ ": did you mean X?" for the nearest known name, or nothing."""
    near = get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f": did you mean {near[0]}?" if near else ""


def checked_text(argument: str, value: object) -> str:
    """A str with something in it."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{argument} is {type(value).__name__}: it must be a str")
    if not value.strip():
        raise InvalidArgument(f"{argument} is empty")
    return value


def checked_choice(argument: str, value: object, choices: Collection[str]) -> str:
    """One of the choices."""
    if isinstance(value, str) and value in choices:
        return value
    near = did_you_mean(value, choices) if isinstance(value, str) else ""
    raise InvalidArgument(f"{argument}={value!r} is not one of {', '.join(map(repr, choices))}{near}")


def checked_flag(argument: str, value: object) -> bool:
    """True or False, not something that passes for it."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"{argument}={value!r} must be True or False")
    return value


def checked_count(argument: str, value: object, low: int, high: int) -> int:
    """An int in low..high, both included."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(f"{argument}={value!r} is {type(value).__name__}: it must be an int")
    if not low <= value <= high:
        raise InvalidArgument(f"{argument}={value} is outside {low}..{high}")
    return value


def checked_length(argument: str, value: object, low: float, high: float) -> float:
    """A number in low..high, both included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(f"{argument}={value!r} is {type(value).__name__}: it must be a number")
    if not low <= value <= high:
        raise InvalidArgument(f"{argument}={value:g} is outside {low:g}..{high:g}")
    return float(value)


def checked_topic_name(argument: str, name: object) -> str:
    """A name that Kafka accepts: org.apache.kafka.common.internals.Topic.validate."""
    if not isinstance(name, str):
        raise InvalidTopic(f"{argument} is {type(name).__name__}: it must be a str")
    if not name or name in (".", ".."):
        raise InvalidTopic(f"{argument}={name!r} is not a topic name")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidTopic(f"{argument} has {len(name)} characters: a topic name has at most {MAX_NAME_LENGTH}")
    if not _TOPIC_NAME.fullmatch(name):
        wrong = "".join(sorted(set(re.sub(_TOPIC_NAME, "", name))))
        raise InvalidTopic(f"{argument}={name!r} holds {wrong!r}: a topic name is of letters, digits, '.', '_' and '-'")
    return name


def checked_topic_names(argument: str, names: object) -> tuple[str, ...]:
    """A list of at least one topic name, each once."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise InvalidArgument(f"{argument}={names!r} must be a list of topic names")
    checked = tuple(dict.fromkeys(checked_topic_name(f"{argument}[{index}]", name) for index, name in enumerate(names)))
    if not checked:
        raise InvalidArgument(f"{argument} is empty: name at least one topic")
    return checked


def checked_partitions(partitions: object) -> int:
    """How many partitions a topic is to have."""
    try:
        return checked_count("partitions", partitions, 1, MAX_PARTITIONS)
    except InvalidArgument as error:
        raise InvalidPartitions(str(error)) from None


def checked_replication_factor(factor: object) -> int:
    """How many nodes hold each partition."""
    try:
        return checked_count("replication_factor", factor, 1, MAX_REPLICATION_FACTOR)
    except InvalidArgument as error:
        raise InvalidReplicationFactor(str(error)) from None


def checked_brokers(brokers: object) -> tuple[str, ...]:
    """Addresses as host:port; a port left out is 9092."""
    given = brokers.split(",") if isinstance(brokers, str) else brokers
    if not isinstance(given, Iterable):
        raise InvalidArgument(f"brokers={brokers!r} must be a list of 'host:port'")
    checked = tuple(dict.fromkeys(_checked_address(f"brokers[{index}]", address) for index, address in enumerate(given)))
    if not checked:
        raise InvalidArgument("brokers is empty: name at least one 'host:port'")
    return checked


def _checked_address(argument: str, address: object) -> str:
    text = checked_text(argument, address).strip()
    if "://" in text or "/" in text or any(letter.isspace() for letter in text):
        raise InvalidArgument(f"{argument}={text!r} must be 'host:port', without scheme, path or blanks")
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return f"{text}:9092"
    if not host:
        raise InvalidArgument(f"{argument}={text!r} has no host")
    if not port.isascii() or not port.isdigit() or int(port) not in _PORT:
        raise InvalidArgument(f"{argument}={text!r}: {port!r} is not a port (1..65535)")
    return text


def checked_url(argument: str, url: object) -> str:
    """An http or https address."""
    text = checked_text(argument, url)
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise InvalidArgument(f"{argument}={text!r} must be a URL such as 'http://schema-registry:8081'")
    return text


def checked_amqp_name(argument: str, name: object, *, new: bool = False) -> str:
    """A name of an exchange or a queue: at most 255 bytes; with `new`, not one that RabbitMQ keeps for itself (amq.…)."""
    text = checked_text(argument, name)
    octets = len(text.encode("utf-8", "surrogateescape"))
    if octets > MAX_AMQP_NAME_BYTES:
        raise InvalidArgument(f"{argument} has {octets} bytes of UTF-8: AMQP carries at most {MAX_AMQP_NAME_BYTES}")
    if new and text.startswith("amq."):
        raise InvalidArgument(f"{argument}={name!r}: names that begin with 'amq.' are RabbitMQ's own")
    return text


def checked_routing_key(argument: str, key: object) -> str:
    """A routing key or binding key: text of at most 255 bytes, which may be empty."""
    if not isinstance(key, str):
        raise InvalidArgument(f"{argument} is {type(key).__name__}: it must be a str")
    octets = len(key.encode("utf-8", "surrogateescape"))
    if octets > MAX_AMQP_NAME_BYTES:
        raise InvalidArgument(f"{argument} has {octets} bytes of UTF-8: AMQP carries at most {MAX_AMQP_NAME_BYTES}")
    return key


def checked_hosts(hosts: object, port: int) -> tuple[tuple[str, int], ...]:
    """One host or several, each with a port of its own or `port`."""
    given = [hosts] if isinstance(hosts, str) else hosts
    if not isinstance(given, Iterable):
        raise InvalidArgument(f"host={hosts!r} must be a host name or a list of them")
    checked = []
    for index, each in enumerate(given):
        argument = "host" if isinstance(hosts, str) else f"host[{index}]"
        text = checked_text(argument, each).strip()
        address = _checked_address(argument, text if text.rpartition(":")[1] and not text.endswith("]") else f"{text}:{port}")
        name, _, number = address.rpartition(":")
        checked.append((name.strip("[]"), int(number)))
    if not checked:
        raise InvalidArgument("host is empty: name at least one")
    return tuple(checked)


CONNECTION_CONFIGS: Mapping[str, tuple[int, int]] = {"heartbeat": (0, 65_535), "frame_max": (4096, 2**31 - 1)}


def checked_connection_config(config: object) -> dict[str, str | int | float | bool]:
    """Properties of connections to RabbitMQ: heartbeat, frame_max, connection_name."""
    checked = checked_client_config(config, {})
    for name, value in checked.items():
        if name in CONNECTION_CONFIGS:
            checked_count(f"config: {name}", value, *CONNECTION_CONFIGS[name])
        elif name == "connection_name":
            checked_text("config: connection_name", value)
        else:
            near = did_you_mean(name, (*CONNECTION_CONFIGS, "connection_name"))
            raise InvalidArgument(f"config: {name} is not one of heartbeat, frame_max, connection_name{near}")
    return checked


def checked_client_config(config: object, owned: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """Properties for the client library; `owned` maps those that a parameter sets to that parameter's name."""
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise InvalidArgument(f"config is {type(config).__name__}: it must be a mapping of property names to values")
    checked: dict[str, str | int | float | bool] = {}
    for name, value in config.items():
        if not isinstance(name, str):
            raise InvalidArgument(f"config: the name {name!r} is {type(name).__name__}: it must be a str")
        if name in owned:
            raise InvalidArgument(f"config: {name} is set by {owned[name]}")
        if not isinstance(value, str | int | float | bool):
            raise InvalidArgument(f"config: {name}={value!r} is {type(value).__name__}: it must be a str, a number, True or False")
        checked[name] = value
    return checked
