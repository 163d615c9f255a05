"""A Kafka cluster that the program named: its addresses, its client, and what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from message_queues.clients.ports import Broker, Client

SECRETS = ("password", "secret", "key.pem", "passphrase", "jaas", "oauthbearer.config")
"""Parts of property names whose values are never shown."""


@dataclass(frozen=True, slots=True)
class ClusterDescription:
    """A cluster at one moment."""

    name: str
    cluster_id: str
    brokers: tuple[Broker, ...]
    """The nodes as the cluster lists them."""
    controller: int | None
    topics: tuple[str, ...]
    schema_registry: str | None
    embedded: bool


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What a program said of a cluster."""

    name: str
    brokers: tuple[str, ...]
    schema_registry: str | None
    config: Mapping[str, str | int | float | bool]

    def differences(self, wanted: "ClusterSettings") -> tuple[str, ...]:
        """What `wanted` would have otherwise; secrets are compared, and not shown."""
        found = []
        if set(self.brokers) != set(wanted.brokers):
            found.append(f"brokers is {list(self.brokers)!r}, not {list(wanted.brokers)!r}")
        if self.schema_registry != wanted.schema_registry:
            found.append(f"schema_registry is {self.schema_registry!r}, not {wanted.schema_registry!r}")
        for name in sorted({*self.config, *wanted.config}):
            held, asked = self.config.get(name), wanted.config.get(name)
            if held != asked:
                found.append(f"config {name} differs" if _is_secret(name) else f"config {name} is {held!r}, not {asked!r}")
        return tuple(found)


class KafkaCluster:
    """A cluster under the program's own name for it. Made by `MessageQueues.create_kafka_cluster`."""

    def __init__(self, settings: ClusterSettings, client: Client, served_by: tuple[str, ...] | None) -> None:
        self.settings = settings
        self.client = client
        self.served_by = served_by
        """Addresses of the embedded server that stands in for it, or None: it is the real one."""

    @property
    def name(self) -> str:
        """The program's name for it."""
        return self.settings.name

    @property
    def brokers(self) -> tuple[str, ...]:
        """The addresses that the program gave."""
        return self.settings.brokers

    @property
    def schema_registry(self) -> str | None:
        """The schema registry's URL that the program gave."""
        return self.settings.schema_registry

    def describe(self) -> ClusterDescription:
        """Its nodes and topics as it lists them now. Raises Unreachable, TimedOut."""
        state = self.client.admin.cluster()
        topics = tuple(self.client.admin.topic_names())
        return ClusterDescription(
            self.name, state.cluster_id, state.brokers, state.controller, topics, self.schema_registry, self.served_by is not None
        )

    def __repr__(self) -> str:
        served = "" if self.served_by is None else f", embedded at {', '.join(self.served_by)}"
        return f"KafkaCluster({self.name!r}, brokers={list(self.brokers)!r}{served})"


def _is_secret(name: str) -> bool:
    return any(part in name for part in SECRETS)
