"""A RabbitMQ binding: from an exchange to a queue or to another exchange. It has no settings that could change: it exists or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from message_queues.clients.queue_ports import NewBinding, QueueAdmin
from message_queues.messaging.rabbitmq_answers import answer_mapping, text_of


@dataclass(frozen=True, slots=True)
class BindingDescription:
    """What a binding connects, and for which messages."""

    cluster: str
    exchange: str
    destination: str
    destination_kind: str
    """ "queue" or "exchange"."""
    routing_key: str
    arguments: Mapping[str, object]


class Binding:
    """A binding of one virtual host. Made by `MessageQueues.create_binding`."""

    def __init__(self, admin: QueueAdmin, cluster: str, binding: NewBinding, on_delete: Callable[[], None] = lambda: None) -> None:
        self._admin = admin
        self._binding = binding
        self._on_delete = on_delete
        self.cluster = cluster

    @property
    def exchange(self) -> str:
        """The exchange that routes by it."""
        return self._binding.source

    @property
    def destination(self) -> str:
        """The queue or exchange that gets the messages."""
        return self._binding.destination

    @property
    def routing_key(self) -> str:
        return self._binding.routing_key

    def describe(self) -> BindingDescription:
        """Its parts; a binding knows no more."""
        kind = "exchange" if self._binding.to_exchange else "queue"
        return BindingDescription(self.cluster, self.exchange, self.destination, kind, self.routing_key, dict(self._binding.arguments))

    def create(self) -> None:
        """Bind. Raises QueueNotFound or ExchangeNotFound if an end is missing."""
        self._admin.bind(self._binding)

    def delete(self) -> None:
        """Unbind. A binding that is gone already stays gone."""
        self._admin.unbind(self._binding)
        self._on_delete()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Binding) and (self.cluster, self.describe()) == (other.cluster, other.describe())

    def __hash__(self) -> int:
        return hash((self.cluster, self.exchange, self.destination, self.routing_key))

    def __repr__(self) -> str:
        kind = "exchange" if self._binding.to_exchange else "queue"
        return f"Binding({self.exchange!r} to {kind} {self.destination!r}, routing_key={self.routing_key!r}, cluster={self.cluster!r})"


def binding_of(admin: QueueAdmin, cluster: str, found: Mapping[str, object]) -> Binding:
    """One that the management API lists."""
    return Binding(
        admin,
        cluster,
        NewBinding(
            text_of(found, "source"),
            text_of(found, "destination"),
            text_of(found, "routing_key"),
            answer_mapping(found.get("arguments") or {}),
            text_of(found, "destination_type") == "exchange",
        ),
    )
