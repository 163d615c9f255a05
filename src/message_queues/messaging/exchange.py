"""A RabbitMQ exchange: declared once, described, deleted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from message_queues.clients.queue_ports import NewExchange
from message_queues.errors import ExchangeNotFound, NotFound, PreconditionFailed
from message_queues.messaging.binding import Binding, binding_of
from message_queues.messaging.differences import argument_differences, conflict, named_differences
from message_queues.messaging.rabbitmq_answers import answer_mapping, answer_mappings, number_of, text_of
from message_queues.messaging.rabbitmq_place import RabbitPlace


@dataclass(frozen=True, slots=True)
class ExchangeDescription:
    """An exchange as its cluster has it at one moment."""

    name: str
    cluster: str
    virtual_host: str
    exchange_type: str
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: Mapping[str, object]
    policy: str | None
    bindings: tuple[Binding, ...]
    """Those that it routes by."""
    published_in: int
    """Messages published to it since it began to count, as the broker's statistics say a few seconds later."""
    published_out: int
    """Messages that it routed on."""


class Exchange:
    """An exchange of one virtual host. Made by `MessageQueues.create_exchange`."""

    def __init__(self, place: RabbitPlace, name: str, on_delete: Callable[[], None]) -> None:
        self._place = place
        self._on_delete = on_delete
        self.cluster = place.cluster
        self.name = name

    def describe(self) -> ExchangeDescription:
        """As the cluster has it now. Raises ExchangeNotFound if it is gone, Unreachable without the management API."""
        place = self._place
        found = self._found()
        stats = answer_mapping(found.get("message_stats") or {})
        bindings = place.management.get("exchanges", place.virtual_host, self.name, "bindings", "source")
        return ExchangeDescription(
            self.name,
            self.cluster,
            place.virtual_host,
            text_of(found, "type"),
            bool(found.get("durable")),
            bool(found.get("auto_delete")),
            bool(found.get("internal")),
            answer_mapping(found.get("arguments") or {}),
            text_of(found, "policy") or None,
            tuple(binding_of(place.admin, self.cluster, each) for each in answer_mappings(bindings)),
            number_of(stats, "publish_in"),
            number_of(stats, "publish_out"),
        )

    def _found(self) -> Mapping[str, object]:
        try:
            return answer_mapping(self._place.management.get("exchanges", self._place.virtual_host, self.name))
        except NotFound:
            raise ExchangeNotFound(f"there is no exchange {self.name!r} on cluster {self.cluster!r}") from None

    def delete(self, *, if_unused: bool = False) -> None:
        """Delete it with its bindings. Raises ExchangeNotFound if it is gone already, PreconditionFailed with `if_unused` while something
        is bound to it.
        """
        self._place.admin.delete_exchange(self.name, if_unused=if_unused)
        self._on_delete()

    def create(self, wanted: NewExchange) -> None:
        """Declare it as wanted, or find it so. Raises Conflict with each difference if it exists otherwise."""
        try:
            self._place.admin.declare_exchange(wanted)
        except PreconditionFailed as error:
            raise conflict(f"exchange {self.name!r} on cluster {self.cluster!r}", error, lambda: self._differences(wanted)) from error

    def _differences(self, wanted: NewExchange) -> list[str]:
        found = self._found()
        flags = {
            "exchange_type": (found.get("type"), wanted.exchange_type),
            "durable": (found.get("durable"), wanted.durable),
            "auto_delete": (found.get("auto_delete"), wanted.auto_delete),
            "internal": (found.get("internal"), wanted.internal),
        }
        return named_differences(flags) + argument_differences(found.get("arguments"), wanted.arguments)

    def __repr__(self) -> str:
        return f"Exchange({self.name!r}, cluster={self.cluster!r})"
