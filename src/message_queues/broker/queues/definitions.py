"""Definitions: users, virtual hosts, permissions, parameters, policies and topology as one document of RabbitMQ's format.

What RabbitMQ exports is imported here and the other way round. An import adds and changes and never deletes; what is there already and is
equal stays. The whole document is read before anything is changed, so that one that makes no sense changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from message_queues.broker.access import DEFAULT_HASHING
from message_queues.broker.queues.bindings import EXCHANGE, QUEUE, Binding
from message_queues.broker.queues.declarations import ExchangeSpec, QueueSpec
from message_queues.broker.queues.events import Json
from message_queues.broker.queues.parameters import LIMITS, OPERATOR_POLICY, POLICY
from message_queues.broker.queues.shovel_parameters import field_value
from message_queues.broker.queues.virtual_host import VirtualHost
from message_queues.errors import InvalidArgument, MessageQueuesError
from message_queues.records.field_table import FieldTable, FieldValue, NarrowInteger, Timestamp

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker

Document = dict[str, Json]

SECTIONS: Final = (
    "users",
    "vhosts",
    "permissions",
    "topic_permissions",
    "parameters",
    "global_parameters",
    "policies",
    "queues",
    "exchanges",
    "bindings",
)
OF_ONE_VIRTUAL_HOST: Final = ("parameters", "policies", "queues", "exchanges", "bindings")


class BadDefinitions(InvalidArgument):
    """The document is none of definitions, or its parts contradict each other."""


# Export


def export(broker: "Broker", virtual_host: str | None = None) -> Document:
    """Everything, or what one virtual host holds, in which case nothing names it."""
    version = broker.rabbit_version.text
    if virtual_host is None:
        document: Document = {
            "rabbit_version": version,
            "rabbitmq_version": version,
            "product_name": "RabbitMQ",
            "product_version": version,
            "users": list(_users(broker)),
            "vhosts": list(_virtual_hosts(broker)),
            "permissions": list(_permissions(broker)),
            "topic_permissions": list(_topic_permissions(broker)),
            "global_parameters": [{"name": name, "value": value} for name, value in broker.parameters.globals.items()],
        }
    else:
        document = {"rabbit_version": version, "description": broker.virtual_hosts[virtual_host].description}
    hosts = list(broker.virtual_hosts.values()) if virtual_host is None else [broker.virtual_hosts[virtual_host]]
    document |= {
        "parameters": _named(_parameters(broker), virtual_host),
        "policies": _named(_policies(broker), virtual_host),
        "queues": _named((each for host in hosts for each in _queues(host)), virtual_host),
        "exchanges": _named((each for host in hosts for each in _exchanges(host)), virtual_host),
        "bindings": _named((each for host in hosts for each in _bindings(host)), virtual_host),
    }
    return document


def _named(items: Iterator[Document], virtual_host: str | None) -> list[Json]:
    """Of all, with their virtual host; of one, without it."""
    if virtual_host is None:
        return list(items)
    return [{key: value for key, value in item.items() if key != "vhost"} for item in items if item["vhost"] == virtual_host]


def _users(broker: "Broker") -> Iterator[Document]:
    for user in broker.access.users.values():
        yield {
            "name": user.name,
            "password_hash": user.password_hash,
            "hashing_algorithm": user.hashing_algorithm,
            "tags": list(user.tags),
            "limits": dict(user.limits),
        }


def _virtual_hosts(broker: "Broker") -> Iterator[Document]:
    for host in broker.virtual_hosts.values():
        metadata: Document = {"description": host.description, "tags": list(host.tags)}
        shown: Document = {"name": host.name, **metadata, "metadata": metadata}
        if host.default_queue_type:
            shown["default_queue_type"] = metadata["default_queue_type"] = host.default_queue_type
        yield shown


def _permissions(broker: "Broker") -> Iterator[Document]:
    for (user, virtual_host), granted in broker.access.permissions.items():
        yield {"user": user, "vhost": virtual_host, "configure": granted.configure, "write": granted.write, "read": granted.read}


def _topic_permissions(broker: "Broker") -> Iterator[Document]:
    for (user, virtual_host), of_exchange in broker.access.topic_permissions.items():
        for exchange, granted in of_exchange.items():
            yield {"user": user, "vhost": virtual_host, "exchange": exchange, "write": granted.write, "read": granted.read}


def _parameters(broker: "Broker") -> Iterator[Document]:
    for component in (None, OPERATOR_POLICY, LIMITS):
        for each in broker.parameters.all() if component is None else broker.parameters.of(component):
            yield {"vhost": each.virtual_host, "component": each.component, "name": each.name, "value": each.value}


def _policies(broker: "Broker") -> Iterator[Document]:
    for policy in broker.virtual_hosts.policies.values():
        yield {
            "vhost": policy.virtual_host,
            "name": policy.name,
            "pattern": policy.pattern,
            "apply-to": policy.applies_to,
            "definition": dict(policy.definition),
            "priority": policy.priority,
        }


def _queues(host: VirtualHost) -> Iterator[Document]:
    for queue in host.queues.values():
        if queue.owner is None:
            arguments = json_table(queue.arguments)
            if queue.kind != "classic":
                arguments.setdefault("x-queue-type", queue.kind)
            yield {
                "name": queue.name,
                "vhost": host.name,
                "durable": queue.is_durable,
                "auto_delete": queue.is_auto_delete,
                "arguments": arguments,
            }


def _exchanges(host: VirtualHost) -> Iterator[Document]:
    for exchange in host.exchanges.values():
        if exchange.name and not exchange.name.startswith("amq."):
            yield {
                "name": exchange.name,
                "vhost": host.name,
                "type": exchange.kind,
                "durable": exchange.is_durable,
                "auto_delete": exchange.is_auto_delete,
                "internal": exchange.is_internal,
                "arguments": json_table(exchange.arguments),
            }


def _bindings(host: VirtualHost) -> Iterator[Document]:
    for binding in host.bindings:
        queue = host.queues.get(binding.destination) if binding.destination_kind == QUEUE else None
        if queue is None or queue.owner is None:
            yield {
                "source": binding.source,
                "vhost": host.name,
                "destination": binding.destination,
                "destination_type": binding.destination_kind,
                "routing_key": binding.routing_key,
                "arguments": json_table(binding.arguments),
            }


def json_table(table: FieldTable) -> dict[str, Json]:
    """A field table as the management API shows it."""
    return {name: json_value(value) for name, value in table.items()}


def json_value(value: FieldValue) -> Json:
    if isinstance(value, dict):
        return json_table(value)
    if isinstance(value, list):
        return [json_value(each) for each in value]
    if isinstance(value, Timestamp | NarrowInteger):
        return int(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, bool | int | str) else float(value)


# Import


def import_definitions(broker: "Broker", document: Mapping[str, Json], virtual_host: str | None = None) -> None:
    """Into `virtual_host` alone, or wherever the document says. Raises BadDefinitions, before anything is changed."""
    sections = {name: _section(document, name) for name in (SECTIONS if virtual_host is None else OF_ONE_VIRTUAL_HOST)}
    steps: list[tuple[str, Callable[[], object]]] = []
    for name, items in sections.items():
        for item in items:
            told = item if virtual_host is None else {**item, "vhost": virtual_host}
            steps += [(name, step) for step in _STEPS[name](broker, _Item(name, told))]
    order = {name: number for number, name in enumerate(("users", "vhosts", *SECTIONS[2:7], "queues", "exchanges", "bindings"))}
    for name, step in sorted(steps, key=lambda step: order[step[0]]):
        try:
            step()
        except MessageQueuesError as error:
            raise BadDefinitions(f"{name}: {error}") from error


def _section(document: Mapping[str, Json], name: str) -> list[Document]:
    items = document.get(name, [])
    if isinstance(items, list):
        objects = [item for item in items if isinstance(item, dict)]
        if len(objects) == len(items):
            return objects
    raise BadDefinitions(f"{name} should be a list of objects")


class _Item:
    """One object of a section, asked field by field."""

    def __init__(self, section: str, told: Mapping[str, Json]) -> None:
        self._section = section
        self._told = told

    def text(self, *keys: str, default: str | None = None) -> str:
        for key in keys:
            value = self._told.get(key)
            if isinstance(value, str):
                return value
            if value is not None:
                raise BadDefinitions(f"{self._section}: {key} should be a text, not {value!r}")
        if default is None:
            raise BadDefinitions(f"{self._section}: {keys[0]} is missing in {dict(self._told)!r}")
        return default

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._told.get(key, default)
        if not isinstance(value, bool):
            raise BadDefinitions(f"{self._section}: {key} should be true or false, not {value!r}")
        return value

    def raw(self, key: str) -> Json:
        return self._told.get(key)

    def table(self, key: str) -> FieldTable:
        value = self._told.get(key) or {}
        if not isinstance(value, dict):
            raise BadDefinitions(f"{self._section}: {key} should be an object, not {value!r}")
        return {str(name): field_value(each) for name, each in value.items()}

    def names(self, key: str) -> Sequence[str]:
        value = self._told.get(key) or []
        if isinstance(value, str):
            return [word.strip() for word in value.split(",") if word.strip()]
        if not isinstance(value, list):
            raise BadDefinitions(f"{self._section}: {key} should be a list, not {value!r}")
        return [str(each) for each in value]

    def json(self, key: str) -> Json:
        if key not in self._told:
            raise BadDefinitions(f"{self._section}: {key} is missing in {dict(self._told)!r}")
        return self._told[key]


Steps = Iterator[Callable[[], object]]


def _user_steps(broker: "Broker", item: _Item) -> Steps:
    name, tags = item.text("name"), item.names("tags")
    password_hash, hashing = item.text("password_hash", default=""), item.text("hashing_algorithm", default=DEFAULT_HASHING)
    limits = {key: value for key, value in item.table("limits").items() if isinstance(value, int)}
    password = item.text("password", default="")
    yield lambda: broker.access.put_user(
        name, password=password or None, password_hash=password_hash, hashing_algorithm=hashing, tags=tags, limits=limits
    )


def _virtual_host_steps(broker: "Broker", item: _Item) -> Steps:
    name = item.text("name")
    metadata = item.table("metadata")
    described, kind = metadata.get("description"), metadata.get("default_queue_type")
    description = item.text("description", default=described if isinstance(described, str) else "")
    default_queue_type = item.text("default_queue_type", default=kind if isinstance(kind, str) else "")
    more_tags = metadata.get("tags")
    tags = item.names("tags") or ([str(tag) for tag in more_tags] if isinstance(more_tags, list) else [])
    known = default_queue_type if default_queue_type in ("classic", "quorum", "stream") else None
    yield lambda: broker.virtual_hosts.put(name, description=description, tags=tags, default_queue_type=known)


def _permission_steps(broker: "Broker", item: _Item) -> Steps:
    user, host = item.text("user"), item.text("vhost")
    configure, write, read = item.text("configure"), item.text("write"), item.text("read")
    yield lambda: broker.access.set_permissions(user, host, configure=configure, write=write, read=read)


def _topic_permission_steps(broker: "Broker", item: _Item) -> Steps:
    user, host, exchange = item.text("user"), item.text("vhost"), item.text("exchange")
    write, read = item.text("write"), item.text("read")
    yield lambda: broker.access.set_topic_permissions(user, host, exchange, write=write, read=read)


def _parameter_steps(broker: "Broker", item: _Item) -> Steps:
    component, host, name, value = item.text("component"), item.text("vhost"), item.text("name"), item.json("value")

    def step() -> None:
        if component in (POLICY, OPERATOR_POLICY):
            broker.virtual_hosts.set_policy(host, name, value, is_operator=component == OPERATOR_POLICY)
        elif component == LIMITS:
            for limit, most in (value if isinstance(value, dict) else {}).items():
                broker.virtual_hosts.set_limit(host, limit, most)
        elif broker.parameters.get(host, component, name) != value:
            broker.parameters.set(host, component, name, value)

    yield step


def _global_parameter_steps(broker: "Broker", item: _Item) -> Steps:
    name, value = item.text("name"), item.json("value")
    yield lambda: broker.parameters.set_global(name, value)


def _policy_steps(broker: "Broker", item: _Item) -> Steps:
    host, name = item.text("vhost"), item.text("name")
    value: Json = {key: item.json(key) for key in ("pattern", "definition")}
    assert isinstance(value, dict)
    priority, applies_to = item.raw("priority"), item.text("apply-to", default="all")
    value |= {"priority": priority if isinstance(priority, int) else 0, "apply-to": applies_to}
    yield lambda: broker.virtual_hosts.set_policy(host, name, value)


def _queue_steps(broker: "Broker", item: _Item) -> Steps:
    host, name, arguments = item.text("vhost"), item.text("name"), item.table("arguments")
    spec = QueueSpec(
        name=name,
        is_durable=item.flag("durable", True),
        is_auto_delete=item.flag("auto_delete"),
        arguments=arguments,
        is_named_by_server=name.startswith("amq."),
    )

    def step() -> None:
        # What is there stays as it is, as in RabbitMQ: an import is no reason to refuse all the rest.
        if name not in broker.virtual_hosts.named(host).queues:
            broker.virtual_hosts.named(host).declare_queue(spec, None)

    yield step


def _exchange_steps(broker: "Broker", item: _Item) -> Steps:
    host, name = item.text("vhost"), item.text("name")
    spec = ExchangeSpec(
        name=name,
        kind=item.text("type"),
        is_durable=item.flag("durable", True),
        is_auto_delete=item.flag("auto_delete"),
        is_internal=item.flag("internal"),
        arguments=item.table("arguments"),
    )

    def step() -> None:
        if name not in broker.virtual_hosts.named(host).exchanges:
            broker.virtual_hosts.named(host).declare_exchange(spec)

    yield step


def _binding_steps(broker: "Broker", item: _Item) -> Steps:
    host, kind = item.text("vhost"), item.text("destination_type")
    if kind not in (QUEUE, EXCHANGE):
        raise BadDefinitions(f"bindings: destination_type should be {QUEUE} or {EXCHANGE}, not {kind!r}")
    binding = Binding(item.text("source"), item.text("destination"), kind, item.text("routing_key", default=""), item.table("arguments"))
    yield lambda: broker.virtual_hosts.named(host).bind(binding)


_STEPS: Final[Mapping[str, Callable[["Broker", _Item], Steps]]] = {
    "users": _user_steps,
    "vhosts": _virtual_host_steps,
    "permissions": _permission_steps,
    "topic_permissions": _topic_permission_steps,
    "parameters": _parameter_steps,
    "global_parameters": _global_parameter_steps,
    "policies": _policy_steps,
    "queues": _queue_steps,
    "exchanges": _exchange_steps,
    "bindings": _binding_steps,
}
