"""A RabbitMQ cluster that the program named: its client, and what its management API is asked and told.

What the API lists is returned as it answers, one mapping a thing, under RabbitMQ's own names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from message_queues.clients.queue_ports import BrokerState, QueueClient
from message_queues.errors import InvalidArgument
from message_queues.messaging.arguments import checked_choice, checked_count, checked_text
from message_queues.messaging.rabbitmq_answers import answer_mapping, answer_mappings
from message_queues.messaging.rabbitmq_place import RabbitPlace

USER_TAGS = ("administrator", "monitoring", "policymaker", "management", "impersonator")
APPLY_TO = ("all", "queues", "classic_queues", "quorum_queues", "streams", "exchanges")


@dataclass(frozen=True, slots=True)
class RabbitMQSettings:
    """What a program said of a cluster."""

    name: str
    hosts: tuple[tuple[str, int], ...]
    management_port: int
    virtual_host: str
    username: str
    password: str = field(repr=False)
    tls: str = "off"
    """ "off", or what was said of it, to be compared."""
    config: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def differences(self, wanted: "RabbitMQSettings") -> tuple[str, ...]:
        """What `wanted` would have otherwise; the password is compared, and not shown."""
        pairs: tuple[tuple[str, object, object], ...] = (
            ("host", _joined(self.hosts), _joined(wanted.hosts)),
            ("management_port", self.management_port, wanted.management_port),
            ("virtual_host", self.virtual_host, wanted.virtual_host),
            ("username", self.username, wanted.username),
            ("ssl", self.tls, wanted.tls),
            ("config", dict(self.config), dict(wanted.config)),
        )
        found = [f"{name} is {held!r}, not {asked!r}" for name, held, asked in pairs if held != asked]
        if self.password != wanted.password:
            found.append("password differs")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class RabbitMQDescription:
    """A cluster at one moment."""

    name: str
    cluster_name: str
    product: str
    version: str
    virtual_host: str
    nodes: tuple[str, ...]
    exchanges: tuple[str, ...]
    queues: tuple[str, ...]
    embedded: bool


class RabbitMQCluster:
    """A cluster under the program's own name for it, in one virtual host. Made by `MessageQueues.create_rabbitmq_cluster`."""

    def __init__(self, settings: RabbitMQSettings, client: QueueClient, state: BrokerState, served_by: tuple[str, ...] | None) -> None:
        self.settings = settings
        self.client = client
        self.served_by = served_by
        """Addresses of the embedded server that stands in for it (AMQP, management), or None: it is the real one."""
        self._state = state

    @property
    def name(self) -> str:
        """The program's name for it."""
        return self.settings.name

    @property
    def virtual_host(self) -> str:
        """The virtual host that everything of this cluster object is in."""
        return self.settings.virtual_host

    @property
    def place(self) -> RabbitPlace:
        """Where its exchanges and queues live."""
        return RabbitPlace(self.name, self.virtual_host, self.client.admin, self.client.management)

    def describe(self) -> RabbitMQDescription:
        """Its nodes, exchanges and queues as it lists them now. Raises Unreachable without the management API."""
        overview = self.overview()
        return RabbitMQDescription(
            self.name,
            str(overview.get("cluster_name", self._state.cluster_name)),
            self._state.product,
            str(overview.get("rabbitmq_version", self._state.version)),
            self.virtual_host,
            tuple(str(node.get("name", "")) for node in self.nodes()),
            tuple(sorted(str(each["name"]) for each in self.exchanges() if each.get("name"))),
            tuple(sorted(str(each["name"]) for each in self.queues())),
            self.served_by is not None,
        )

    # What there is.

    def overview(self) -> Mapping[str, object]:
        """Versions, totals and rates."""
        return answer_mapping(self.client.management.get("overview"))

    def nodes(self) -> list[Mapping[str, object]]:
        return self._listed("nodes")

    def exchanges(self) -> list[Mapping[str, object]]:
        """Of this virtual host, as are queues and bindings."""
        return self._listed("exchanges", self.virtual_host)

    def queues(self) -> list[Mapping[str, object]]:
        return self._listed("queues", self.virtual_host)

    def bindings(self) -> list[Mapping[str, object]]:
        return self._listed("bindings", self.virtual_host)

    def consumers(self) -> list[Mapping[str, object]]:
        return self._listed("consumers", self.virtual_host)

    def connections(self) -> list[Mapping[str, object]]:
        return self._listed("connections")

    def channels(self) -> list[Mapping[str, object]]:
        return self._listed("channels")

    def close_connection(self, name: str) -> None:
        """End a client's connection, by the name that `connections` lists. Raises NotFound."""
        self.client.management.delete("connections", checked_text("name", name))

    def is_alive(self) -> bool:
        """Whether a message goes through a queue of this virtual host (the API's aliveness test)."""
        return answer_mapping(self.client.management.get("aliveness-test", self.virtual_host)).get("status") == "ok"

    # Virtual hosts, users, permissions.

    def virtual_hosts(self) -> list[Mapping[str, object]]:
        return self._listed("vhosts")

    def create_virtual_host(self, name: str, *, description: str = "", default_queue_type: str | None = None) -> None:
        """Idempotent. `default_queue_type`: classic, quorum or stream, for queues that say none."""
        content: dict[str, object] = {"description": description} if description else {}
        if default_queue_type is not None:
            content["default_queue_type"] = checked_choice("default_queue_type", default_queue_type, ("classic", "quorum", "stream"))
        self.client.management.put("vhosts", checked_text("name", name), content=content)

    def delete_virtual_host(self, name: str) -> None:
        """With everything in it. Raises NotFound."""
        self.client.management.delete("vhosts", checked_text("name", name))

    def users(self) -> list[Mapping[str, object]]:
        return self._listed("users")

    def create_user(self, name: str, password: str, tags: Sequence[str] = ()) -> None:
        """Or give it this password and these tags."""
        chosen = ",".join(checked_choice(f"tags[{index}]", tag, USER_TAGS) for index, tag in enumerate(tags))
        content = {"password": checked_text("password", password), "tags": chosen}
        self.client.management.put("users", checked_text("name", name), content=content)

    def delete_user(self, name: str) -> None:
        """Raises NotFound."""
        self.client.management.delete("users", checked_text("name", name))

    def permissions(self) -> list[Mapping[str, object]]:
        """Of this virtual host."""
        return self._listed("vhosts", self.virtual_host, "permissions")

    def set_permissions(self, user: str, *, configure: str = ".*", write: str = ".*", read: str = ".*") -> None:
        """In this virtual host: regular expressions over the names of exchanges and queues; "" allows none."""
        content = {"configure": configure, "write": write, "read": read}
        self.client.management.put("permissions", self.virtual_host, checked_text("user", user), content=content)

    def delete_permissions(self, user: str) -> None:
        """Raises NotFound."""
        self.client.management.delete("permissions", self.virtual_host, checked_text("user", user))

    # Policies.

    def policies(self) -> list[Mapping[str, object]]:
        """Of this virtual host."""
        return self._listed("policies", self.virtual_host)

    def set_policy(self, name: str, pattern: str, definition: Mapping[str, object], *, apply_to: str = "all", priority: int = 0) -> None:
        """Settings for all exchanges or queues whose names match `pattern`. Raises InvalidRequest for what RabbitMQ does not take."""
        if not isinstance(definition, Mapping) or not definition:
            raise InvalidArgument(f"definition={definition!r} must be a mapping such as {{'max-length': 1000}}")
        content = {
            "pattern": checked_text("pattern", pattern),
            "definition": dict(definition),
            "apply-to": checked_choice("apply_to", apply_to, APPLY_TO),
            "priority": checked_count("priority", priority, -(2**31), 2**31 - 1),
        }
        self.client.management.put("policies", self.virtual_host, checked_text("name", name), content=content)

    def delete_policy(self, name: str) -> None:
        """Raises NotFound."""
        self.client.management.delete("policies", self.virtual_host, checked_text("name", name))

    # Definitions.

    def export_definitions(self) -> Mapping[str, object]:
        """Everything but messages, of all virtual hosts, in RabbitMQ's own format."""
        return answer_mapping(self.client.management.get("definitions"))

    def import_definitions(self, definitions: Mapping[str, object]) -> None:
        """Add what is in them; what is there already and equal stays."""
        if not isinstance(definitions, Mapping):
            raise InvalidArgument(f"definitions is {type(definitions).__name__}: it must be a mapping as export_definitions returns it")
        self.client.management.post("definitions", content=dict(definitions))

    # Shovels.

    def shovels(self) -> list[Mapping[str, object]]:
        """Those that are declared in this virtual host."""
        return self._listed("parameters", "shovel", self.virtual_host)

    def create_shovel(self, name: str, definition: Mapping[str, object]) -> None:
        """Move messages from one place to another for as long as it exists: `definition` holds src-uri, src-queue, dest-uri, dest-queue …
        as RabbitMQ names them. Raises InvalidRequest for what it does not take.
        """
        self.client.management.put(
            "parameters", "shovel", self.virtual_host, checked_text("name", name), content={"value": dict(definition)}
        )

    def delete_shovel(self, name: str) -> None:
        """Raises NotFound."""
        self.client.management.delete("parameters", "shovel", self.virtual_host, checked_text("name", name))

    def _listed(self, *path: str) -> list[Mapping[str, object]]:
        return answer_mappings(self.client.management.get(*path))

    def __repr__(self) -> str:
        served = "" if self.served_by is None else f", embedded at {', '.join(self.served_by)}"
        return f"RabbitMQCluster({self.name!r}, host={_joined(self.settings.hosts)!r}, virtual_host={self.virtual_host!r}{served})"


def _joined(hosts: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{host}:{port}" for host, port in hosts)
