"""The broker's configuration: what it was started with, what was set while it runs, and the defaults under both.

As in Kafka a value set for one broker counts before one set for all, that one before what the broker was started with, and that one
before the default. What differs: the simulated brokers share one process, so a value set for one of them holds for all; it is described
where it was set only.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from message_queues.broker.configs.config_definition import (
    ConfigDefinition,
    ConfigSource,
    Synonym,
    Value,
    as_boolean,
    as_double,
    as_int,
    as_list,
    as_string,
    read_table,
)
from message_queues.errors import InvalidConfig, InvalidRequest

BROKER_CONFIGS: dict[str, ConfigDefinition] = read_table("broker_configs.txt")

ROLL = ("log.roll.ms", "log.roll.hours")
ROLL_JITTER = ("log.roll.jitter.ms", "log.roll.jitter.hours")
RETENTION = ("log.retention.ms", "log.retention.minutes", "log.retention.hours")
SYNONYMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(ROLL, ROLL),
    **dict.fromkeys(ROLL_JITTER, ROLL_JITTER),
    **dict.fromkeys(RETENTION, RETENTION),
    "log.flush.interval.ms": ("log.flush.interval.ms", "log.flush.scheduler.interval.ms"),
}
"""Names of one setting in several units; the first that is set counts."""

FOR_A_LISTENER = re.compile(r"listener\.name\.[^.]*\.(.*)")
FOR_ALL_BROKERS = frozenset({"max.connections", "max.connection.creation.rate", "num.network.threads"})
"""Configurations of a listener that may be set for all brokers at once."""
FOR_A_MECHANISM = (
    "sasl.jaas.config",
    "sasl.login.callback.handler.class",
    "sasl.login.class",
    "sasl.server.callback.handler.class",
    "connections.max.reauth.ms",
)
"""Configurations of a listener that carry the name of a SASL mechanism before theirs."""
ONLY_FOR_A_LISTENER = frozenset(
    f"ssl.{name}"
    for name in (
        "key.password",
        "keystore.certificate.chain",
        "keystore.key",
        "keystore.location",
        "keystore.password",
        "keystore.type",
        "truststore.certificates",
        "truststore.location",
        "truststore.password",
        "truststore.type",
    )
)
"""Configurations that change while the broker runs only with the prefix of a listener."""

MIN_ISR = "min.insync.replicas"
"""Eligible leader replicas (KIP-966) are on in new clusters: this one is set for all brokers from the start, and only there."""

Layer: TypeAlias = tuple[ConfigSource, Mapping[str, str]]
WholeNumber: TypeAlias = int
"""`int` by a name that BrokerConfig.int does not hide."""


def definition_of(name: str) -> ConfigDefinition | None:
    """Also of a name with the prefix of a listener, or of a listener and a mechanism."""
    known = BROKER_CONFIGS.get(name)
    if known is None and (match := FOR_A_LISTENER.fullmatch(name)):
        base = match[1]
        return BROKER_CONFIGS.get(next((each for each in FOR_A_MECHANISM if base.endswith(each)), base))
    return known


def synonyms_of(name: str) -> tuple[str, ...]:
    """All names that can give the value of this one, the first that counts first."""
    known = definition_of(name)
    if known is not None and known.name != name:
        return (name, known.name)
    return SYNONYMS.get(name, (name,))


class BrokerConfig:
    """Raises InvalidConfig where `static` names an unknown configuration, or gives one a value that it cannot have."""

    def __init__(self, static: Mapping[str, str] | None = None) -> None:
        self.static = dict(static or {})
        self._cluster: dict[str, str] = {}
        """What was set; `set_for` adds what was formed with the cluster."""
        self._by_node: dict[WholeNumber, dict[str, str]] = {}
        self._values: dict[str, Value] = {}
        for name, text in self.static.items():
            known = definition_of(name)
            if known is None:
                raise InvalidConfig(f"Unknown broker config name: {name}{nearest(name)}")
            known.parse(text)
        self._formed = {MIN_ISR: self.static.get(MIN_ISR, BROKER_CONFIGS[MIN_ISR].default or "")}
        check_together(self)

    # Typed values, for the broker itself

    def value(self, name: str) -> Value:
        """What holds in this process."""
        if name in self._values:
            return self._values[name]
        known = BROKER_CONFIGS[name]
        text = next((layer[name] for _, layer in self._process_layers() if name in layer), None)
        value = self._values[name] = known.default_value if text is None else known.parse(text)
        return value

    def boolean(self, name: str) -> bool:
        return as_boolean(self.value(name))

    def int(self, name: str) -> WholeNumber:
        return as_int(self.value(name))

    def double(self, name: str) -> float:
        return as_double(self.value(name))

    def string(self, name: str) -> str:
        return as_string(self.value(name))

    def list(self, name: str) -> tuple[str, ...]:
        return as_list(self.value(name))

    def first_of(self, synonyms: tuple[Synonym, ...], node_id: WholeNumber | None = None) -> tuple[str, ConfigSource] | None:
        """The default that these names give a topic's or group's configuration, and where it comes from.

        `node_id` asks what holds on that node; without it, what holds in this process.
        """
        for source, layer in self._process_layers() if node_id is None else self.layers(node_id):
            for name, factor in synonyms:
                text = layer.get(name)
                if text is not None:
                    return (text if factor == 1 else str(int(text) * factor)), source
        return None

    # What is set while the broker runs

    def apply_dynamic(self, node_id: WholeNumber | None, changes: Mapping[str, str | None]) -> None:
        """`node_id` None: for all brokers. None as a value takes the setting away. Believes what it is given."""
        configs = self._cluster if node_id is None else self._by_node.setdefault(node_id, {})
        for name, text in changes.items():
            if text is None:
                configs.pop(name, None)
            else:
                configs[name] = text
        self._values.clear()

    def dynamic_overrides(self) -> Iterator[tuple[WholeNumber | None, Mapping[str, str]]]:
        if self._cluster:
            yield None, self._cluster
        yield from ((node_id, configs) for node_id, configs in self._by_node.items() if configs)

    def set_for(self, node_id: WholeNumber | None) -> Mapping[str, str]:
        """What was set while the broker runs: for this node, or with None for all."""
        return {**self._formed, **self._cluster} if node_id is None else self._by_node.get(node_id, {})

    def check_dynamic(self, node_id: WholeNumber | None, resulting: Mapping[str, str]) -> None:
        """Raises InvalidRequest or InvalidConfig, as Kafka does, unless `resulting` may be all that is set for this node (or all)."""
        refuse_any("Cannot update these configs dynamically", [name for name in resulting if is_static(name)])
        refuse_any(
            "These security configs can be dynamically updated only per-listener using the listener prefix",
            [name for name in resulting if name in ONLY_FOR_A_LISTENER],
        )
        try:
            for name, text in resulting.items():
                known = definition_of(name)
                if known is not None:
                    known.parse(text)
        except InvalidConfig as error:
            raise InvalidRequest(str(error)) from error
        if node_id is None:
            refuse_any(
                "Cannot update these configs at default cluster level, broker id must be specified",
                [name for name in resulting if is_for_one_broker(name)],
            )
        try:
            check_together(self._altered(node_id, resulting))
        except InvalidConfig as error:
            raise InvalidRequest(str(error)) from error
        if node_id is None and MIN_ISR not in resulting:
            raise InvalidConfig(f"Cluster-level {MIN_ISR} cannot be removed while ELR is enabled.")
        if node_id is not None and MIN_ISR in resulting:
            raise InvalidConfig(f"Broker-level {MIN_ISR} cannot be altered while ELR is enabled.")

    def _altered(self, node_id: WholeNumber | None, resulting: Mapping[str, str]) -> "BrokerConfig":
        altered = BrokerConfig(self.static)
        for each, configs in self.dynamic_overrides():
            if each != node_id:
                altered.apply_dynamic(each, configs)
        altered.apply_dynamic(node_id, resulting)
        return altered

    # The layers

    def layers(self, node_id: WholeNumber) -> tuple[Layer, ...]:
        """What holds on this node, the first that counts first; the defaults are not among them."""
        return (
            (ConfigSource.BROKER, self._by_node.get(node_id, {})),
            (ConfigSource.CLUSTER, self.set_for(None)),
            (ConfigSource.STATIC, self.static),
        )

    def _process_layers(self) -> Iterator[Layer]:
        for node_id in sorted(self._by_node):
            yield ConfigSource.BROKER, self._by_node[node_id]
        yield ConfigSource.CLUSTER, self.set_for(None)
        yield ConfigSource.STATIC, self.static


# What may be changed while the broker runs


def is_static(name: str) -> bool:
    known = BROKER_CONFIGS.get(name)
    return known is not None and known.is_read_only


def is_for_one_broker(name: str) -> bool:
    if match := FOR_A_LISTENER.fullmatch(name):
        return match[1] not in FOR_ALL_BROKERS
    known = BROKER_CONFIGS.get(name)
    return known is not None and known.is_per_broker


def refuse_any(reason: str, names: list[str]) -> None:
    if names:
        raise InvalidRequest(f"{reason}: [{', '.join(names)}]")


def nearest(name: str) -> str:
    import difflib  # only where something is wrong: it would cost every start

    found = difflib.get_close_matches(name, BROKER_CONFIGS, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


# What must hold between several of them: Kafka's KafkaConfig.validateValues and the settings of its coordinators

MIN_AND_MAX = tuple(
    f"group.{kind}.{{}}{what}"
    for kind, settings in {
        "consumer": ("session.timeout.ms", "heartbeat.interval.ms", "assignment.interval.ms"),
        "share": (
            "session.timeout.ms",
            "heartbeat.interval.ms",
            "assignment.interval.ms",
            "record.lock.duration.ms",
            "delivery.count.limit",
            "partition.max.record.locks",
        ),
        "streams": ("session.timeout.ms", "heartbeat.interval.ms", "assignment.interval.ms"),
    }.items()
    for what in settings
)
"""Settings with a least and a greatest value that are settings themselves; {} takes "min." or "max."."""


def check_together(config: BrokerConfig) -> None:
    """Raises InvalidConfig."""
    for setting in MIN_AND_MAX:
        check_min_and_max(config, setting)
    for kind in ("consumer", "share", "streams"):
        heartbeat, session = f"group.{kind}.heartbeat.interval.ms", f"group.{kind}.session.timeout.ms"
        if config.int(heartbeat) >= config.int(session):
            raise InvalidConfig(f"{heartbeat} must be less than {session}")
    if config.int("group.streams.num.standby.replicas") > config.int("group.streams.max.standby.replicas"):
        raise InvalidConfig("group.streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas")
    for assignor in config.list("group.consumer.assignors"):
        if assignor not in ("uniform", "range"):
            raise InvalidConfig(f"Class {assignor} cannot be found")
    for holds, otherwise in requirements(config):
        if not holds:
            raise InvalidConfig(f"requirement failed: {otherwise}")
    if "classic" not in config.list("group.coordinator.rebalance.protocols"):
        raise InvalidConfig("Disabling the 'classic' protocol is not supported.")


def check_min_and_max(config: BrokerConfig, setting: str) -> None:
    value, least, greatest = (setting.format(word) for word in ("", "min.", "max."))
    if config.int(greatest) < config.int(least):
        raise InvalidConfig(f"{greatest} must be greater than or equal to {least}")
    if config.int(value) < config.int(least):
        raise InvalidConfig(f"{value} must be greater than or equal to {least}")
    if config.int(value) > config.int(greatest):
        raise InvalidConfig(f"{value} must be less than or equal to {greatest}")


def requirements(config: BrokerConfig) -> Iterator[tuple[bool, str]]:
    """What must hold, and what is said where it does not."""

    def first(names: tuple[str, ...]) -> int:
        return as_int(next(value for value in map(config.value, names) if value is not None))

    yield first(ROLL) >= 1, "log.roll.ms must be greater than or equal to 1"
    yield first(ROLL_JITTER) >= 0, "log.roll.jitter.ms must be greater than or equal to 0"
    yield (
        first(RETENTION) != 0,
        "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
    )
    yield (
        config.int("log.cleaner.dedupe.buffer.size") > 1024 * 1024 * config.int("log.cleaner.threads"),
        "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
    )
    yield (
        config.int("replica.fetch.wait.max.ms") <= config.int("replica.socket.timeout.ms"),
        "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts",
    )
    yield (
        config.int("replica.fetch.wait.max.ms") <= config.int("replica.lag.time.max.ms"),
        "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR",
    )
    yield (
        config.int("queued.max.request.bytes") <= 0 or config.int("queued.max.request.bytes") >= config.int("socket.request.max.bytes"),
        "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
    )
    yield (
        config.int("max.connections.per.ip") > 0 or bool(config.string("max.connections.per.ip.overrides")),
        "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
    )
