"""What the library needs of a RabbitMQ client: `QueueProducer`, `QueueConsumer`, `QueueAdmin`, `Management`, and the values between.

The adapter over pika is `clients/rabbitmq.py`; a second one, in memory, stands in for it in the tests of `messaging/`. Names and words are
those of AMQP 0-9-1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from message_queues.clients.ports import Confirming, OnDelivery
from message_queues.message import Properties, QueueRecord, Verdict

Arguments: TypeAlias = Mapping[str, object]
"""An AMQP field table."""


@dataclass(frozen=True, slots=True)
class NewExchange:
    name: str
    exchange_type: str = "direct"
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewQueue:
    name: str
    durable: bool = True
    exclusive: bool = False
    auto_delete: bool = False
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewBinding:
    """`destination` is a queue, or with `to_exchange` another exchange."""

    source: str
    destination: str
    routing_key: str = ""
    arguments: Arguments = field(default_factory=dict)
    to_exchange: bool = False


class QueueCounts(NamedTuple):
    """Messages that are ready (not those that a consumer has in hand), and consumers."""

    messages: int
    consumers: int


class BrokerState(NamedTuple):
    """What a broker says of itself when a connection opens."""

    product: str
    version: str
    cluster_name: str


@dataclass(frozen=True, slots=True)
class QueueProducerOptions:
    """How messages are collected, sent and confirmed."""

    linger_ms: float
    batch_messages: int | None
    buffer_messages: int
    buffer_bytes: int
    delivery_timeout_ms: int


@dataclass(frozen=True, slots=True)
class QueueConsumerOptions:
    """What to read, and how much of it at a time."""

    queue: str
    prefetch_count: int
    exclusive: bool = False
    arguments: Arguments = field(default_factory=dict)
    """Of the consumer: x-priority, x-stream-offset …"""


class QueueProducer(Confirming, Protocol):
    """Publishes in confirm mode. A route and properties are prepared once and used for as many messages as they fit."""

    def route(self, exchange: str, routing_key: str, mandatory: bool) -> bytes:
        """Raises InvalidArgument for a name that AMQP cannot carry."""

    def prepared(self, properties: Properties) -> bytes:
        """Raises InvalidArgument for a value that AMQP cannot carry."""

    def send(self, route: bytes, properties: bytes, body: bytes, on_delivery: OnDelivery) -> None:
        """Hand one message over; raises BufferError while the buffer is full."""

    def wait_for_room(self, timeout_s: float) -> None:
        """Return once the buffer may have room, or after `timeout_s`."""

    def blocked(self) -> str | None:
        """Why the broker takes no messages at this moment (connection.blocked), or None."""

    def close(self) -> None: ...


class QueueConsumer(Protocol):
    """Reads one queue; goes on by itself after a lost connection or a cancelled consumer."""

    def start(self) -> None:
        """Begin to consume. Raises what the broker answers to it: QueueNotFound, AccessRefused, PreconditionFailed …, or Unreachable."""

    def fetch(self, count: int, timeout_s: float) -> Sequence[QueueRecord]:
        """Up to `count` messages, as soon as there is one. Raises what reading cannot go on after."""

    def settle(self, record: QueueRecord, verdict: Verdict) -> None:
        """Say what became of a message; nothing happens if the connection that brought it is gone. From any thread."""

    def flush(self) -> None:
        """Return once what was settled so far is on its way to the broker."""

    def close(self) -> None:
        """Settle what was said, and give back the rest."""


class QueueAdmin(Protocol):
    """Orders over AMQP. Every call raises Unreachable, TimedOut, NotAuthorized or the error that RabbitMQ names."""

    def declare_exchange(self, exchange: NewExchange) -> None:
        """Raises PreconditionFailed if it exists otherwise."""

    def exchange_exists(self, name: str) -> bool: ...
    def delete_exchange(self, name: str, *, if_unused: bool) -> None: ...
    def declare_queue(self, queue: NewQueue) -> str:
        """Its name, which the broker makes up for an empty one. Raises PreconditionFailed if it exists otherwise."""

    def counts(self, queue: str) -> QueueCounts | None:
        """None where there is no such queue."""

    def delete_queue(self, name: str, *, if_unused: bool, if_empty: bool) -> int:
        """How many messages went with it."""

    def purge_queue(self, name: str) -> int: ...
    def bind(self, binding: NewBinding) -> None: ...
    def unbind(self, binding: NewBinding) -> None: ...


class Management(Protocol):
    """The HTTP API under /api; a path is given in segments, which are escaped. Every call raises as `QueueAdmin` does."""

    def get(self, *path: str, query: Mapping[str, str] | None = None) -> object:
        """The answer's JSON. Raises NotFound."""

    def put(self, *path: str, content: object = None) -> None: ...
    def post(self, *path: str, content: object = None) -> object: ...
    def delete(self, *path: str) -> None: ...


class QueueClient(Protocol):
    """One cluster's client: where the four above come from."""

    @property
    def virtual_host(self) -> str: ...
    @property
    def admin(self) -> QueueAdmin: ...
    @property
    def management(self) -> Management: ...
    def check(self, timeout_s: float) -> BrokerState:
        """Open a connection. Raises Unreachable with each address and what was wrong with it, NotAuthorized."""

    def producer(self, options: QueueProducerOptions, name: str) -> QueueProducer: ...
    def consumer(self, options: QueueConsumerOptions) -> QueueConsumer: ...
    def close(self) -> None: ...
