"""The bindings of a virtual host: which exchange passes what on to which queue or exchange.

A binding is what its five parts are, its arguments included (RabbitMQ compares them sorted and typed), so the same queue may be bound to
the same exchange many times. Each exchange finds its matches in a table of its own kind; this module keeps both directions of the whole
graph.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Set
from typing import Protocol
from urllib.parse import quote_plus

from message_queues.broker.queues.erlang_terms import arguments_hash
from message_queues.broker.queues.message import QueueMessage
from message_queues.records.field_table import FieldTable, write_table

QUEUE = "queue"
EXCHANGE = "exchange"

NOTHING: Set["Binding"] = frozenset()


class Binding:
    """Equal to another when all five parts are; never changed."""

    __slots__ = ("_hash", "_identity", "arguments", "destination", "destination_kind", "is_to_exchange", "routing_key", "source")

    def __init__(self, source: str, destination: str, destination_kind: str, routing_key: str, arguments: FieldTable | None = None) -> None:
        self.source = source
        self.destination = destination
        self.destination_kind = destination_kind
        """`QUEUE` or `EXCHANGE`."""
        self.is_to_exchange = destination_kind == EXCHANGE
        self.routing_key = routing_key
        self.arguments: FieldTable = arguments or {}
        told = write_table(dict(sorted(arguments.items()))) if arguments else b""
        self._identity = (source, destination, self.is_to_exchange, routing_key, told)
        self._hash = hash(self._identity)

    @property
    def properties_key(self) -> str:
        """What the management API calls this binding by, among those of the same source and destination."""
        key = quote_plus(self.routing_key.encode("utf-8", "surrogateescape")).replace("~", "%7E")
        if self.arguments:
            return f"{key}~{arguments_hash(self.arguments)}"
        return key or "~"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Binding) and self._identity == other._identity)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        kind = self.destination_kind
        return f"Binding({self.source!r} -> {kind} {self.destination!r}, {self.routing_key!r}, {self.arguments!r})"


class DependsOn:
    """What decides where an exchange sends a message. Greater includes smaller."""

    NOTHING = 0
    KEY = 1
    MESSAGE = 2


class BindingTable(Protocol):
    """The bindings of one exchange, arranged for its type."""

    depends_on: int

    def add(self, binding: Binding) -> None: ...
    def remove(self, binding: Binding) -> None: ...

    def match(self, message: QueueMessage) -> Collection[Binding]:
        """The bindings that pass the message on; one may occur twice. Read at once: the collection may be the table's own."""
        ...


class Source(Protocol):
    @property
    def table(self) -> BindingTable: ...


class Bindings:
    """All bindings of a virtual host, except that the default exchange reaches every queue by its name, which is not written down."""

    def __init__(self, exchanges: Mapping[str, Source]) -> None:
        self.on_change: list[Callable[[], None]] = []
        """Called after each change of a route."""
        self._exchanges = exchanges
        self._by_source: dict[str, dict[Binding, None]] = {}
        self._by_destination: dict[tuple[str, str], dict[Binding, None]] = {}
        self._count = 0

    def add(self, binding: Binding) -> bool:
        """False: it was there already. The source exists."""
        of_source = self._by_source.setdefault(binding.source, {})
        if binding in of_source:
            return False
        of_source[binding] = None
        self._by_destination.setdefault((binding.destination_kind, binding.destination), {})[binding] = None
        self._count += 1
        self._exchanges[binding.source].table.add(binding)
        self._changed()
        return True

    def remove(self, binding: Binding) -> bool:
        """False: there was none such."""
        if binding not in self._by_source.get(binding.source, NOTHING):
            return False
        self._forget(binding)
        self._changed()
        return True

    def remove_of_queue(self, name: str) -> list[Binding]:
        """The queue is going: its bindings go with it. Whoever deletes it looks whether their sources are to be deleted, too."""
        return self._remove_all(self.of_destination(QUEUE, name))

    def remove_of_exchange(self, name: str) -> list[Binding]:
        """The exchange is going, and with it all that leads to it and from it."""
        return self._remove_all([*self.of_source(name), *self.of_destination(EXCHANGE, name)])

    def of_source(self, name: str) -> list[Binding]:
        return list(self._by_source.get(name, ()))

    def of_destination(self, kind: str, name: str) -> list[Binding]:
        return list(self._by_destination.get((kind, name), ()))

    def between(self, source: str, kind: str, destination: str) -> list[Binding]:
        leaving = self._by_source.get(source, {})
        arriving = self._by_destination.get((kind, destination), {})
        if len(leaving) < len(arriving):
            return [binding for binding in leaving if binding in arriving]
        return [binding for binding in arriving if binding in leaving]

    def is_source(self, name: str) -> bool:
        """Whether anything is bound to this exchange: one that is auto-delete goes when this turns false; if-unused asks for it."""
        return name in self._by_source

    def __contains__(self, binding: Binding) -> bool:
        return binding in self._by_source.get(binding.source, NOTHING)

    def __iter__(self) -> Iterator[Binding]:
        for of_source in self._by_source.values():
            yield from of_source

    def __len__(self) -> int:
        return self._count

    def _remove_all(self, bindings: list[Binding]) -> list[Binding]:
        # An exchange that is bound to itself is found from both ends.
        removed = list(dict.fromkeys(bindings))
        for binding in removed:
            self._forget(binding)
        if removed:
            self._changed()
        return removed

    def _forget(self, binding: Binding) -> None:
        of_source = self._by_source[binding.source]
        del of_source[binding]
        if not of_source:
            del self._by_source[binding.source]
        destination = (binding.destination_kind, binding.destination)
        of_destination = self._by_destination[destination]
        del of_destination[binding]
        if not of_destination:
            del self._by_destination[destination]
        self._count -= 1
        source = self._exchanges.get(binding.source)
        if source is not None:
            source.table.remove(binding)

    def _changed(self) -> None:
        for changed in self.on_change:
            changed()
