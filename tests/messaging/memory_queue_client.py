"""A RabbitMQ client in memory, behind the ports of `clients/queue_ports.py`: what the logic of `messaging/` is tested with.

It keeps exchanges, queues, bindings and messages, and does what a test tells it: fail deliveries, fill up, refuse to consume.
"""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from message_queues.clients.ports import OnDelivery, TopicPartition
from message_queues.clients.queue_ports import (
    BrokerState,
    NewBinding,
    NewExchange,
    NewQueue,
    QueueConsumerOptions,
    QueueCounts,
    QueueProducerOptions,
)
from message_queues.errors import (
    ExchangeNotFound,
    InvalidArgument,
    MessageQueuesError,
    NotFound,
    PreconditionFailed,
    QueueNotFound,
    Unreachable,
)
from message_queues.message import DeliveryFailure, Properties, QueueRecord, Verdict
from tests.messaging.memory_client import MemoryRecord

NOWHERE = MemoryRecord(TopicPartition("", 0), 0)


@dataclass(frozen=True)
class QueueFailure:
    error: MessageQueuesError

    def code(self) -> int:
        return 0

    def name(self) -> str:
        return type(self.error).__name__

    def str(self) -> str:
        return str(self.error)


class Unnumbered(MemoryRecord):
    """RabbitMQ's confirms say no place."""

    def partition(self) -> int:
        return None  # type: ignore[return-value]

    def offset(self) -> int:
        return None  # type: ignore[return-value]


@dataclass(frozen=True)
class Sent:
    exchange: str
    routing_key: str
    mandatory: bool
    properties: Properties
    body: bytes


class MemoryQueueProducer:
    """Confirms at once, or after `answer`; `room` messages fit."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.room = room
        self.sent: list[Sent] = []
        self.waiting: list[OnDelivery] = []
        self.answers_by_itself = True
        self.failure: QueueFailure | None = None
        self.blocked_because: str | None = None
        self.is_closed = False
        self._routes: list[tuple[str, str, bool]] = []
        self._properties: list[Properties] = []

    def route(self, exchange: str, routing_key: str, mandatory: bool) -> bytes:
        self._routes.append((exchange, routing_key, mandatory))
        return str(len(self._routes) - 1).encode()

    def prepared(self, properties: Properties) -> bytes:
        self._properties.append(properties)
        return str(len(self._properties) - 1).encode()

    def send(self, route: bytes, properties: bytes, body: bytes, on_delivery: OnDelivery) -> None:
        if len(self.waiting) >= self.room:
            raise BufferError("full")
        self.sent.append(Sent(*self._routes[int(route)], self._properties[int(properties)], body))
        self.waiting.append(on_delivery)
        if self.answers_by_itself:
            self.answer()

    def answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        for on_delivery in waiting:
            on_delivery(self.failure, Unnumbered(TopicPartition("", 0), 0))

    def wait_for_room(self, timeout_s: float) -> None:
        threading.Event().wait(min(timeout_s, 0.001))

    def flush(self, timeout_s: float) -> int:
        if not self.answers_by_itself:
            threading.Event().wait(min(timeout_s, 0.001))
        return len(self.waiting)

    def purge(self) -> None:
        self.failure = QueueFailure(MessageQueuesError("given up"))
        self.answer()

    def pending(self) -> int:
        return len(self.waiting)

    def error(self, failure: DeliveryFailure | Exception) -> MessageQueuesError:
        return failure.error if isinstance(failure, QueueFailure) else InvalidArgument(str(failure))

    def blocked(self) -> str | None:
        return self.blocked_because

    def close(self) -> None:
        self.is_closed = True


@dataclass(frozen=True)
class MemoryDelivery:
    queue: str
    delivery_tag: int
    body: bytes
    exchange: str = ""
    redelivered: bool = False
    properties: Properties = field(default_factory=Properties)

    @property
    def routing_key(self) -> str:
        return self.queue

    def topic(self) -> str | None:
        return None

    def partition(self) -> int | None:
        return None

    def offset(self) -> int | None:
        return None

    def key(self) -> bytes | None:
        return self.queue.encode()

    def value(self) -> bytes | None:
        return self.body

    def timestamp(self) -> tuple[int, int]:
        return (0, 0)

    def headers(self) -> object:
        return None


class MemoryQueueConsumer:
    """Delivers what was published; what it gets back it delivers again, marked as redelivered."""

    def __init__(self, count: int = 0, queue: str = "orders") -> None:
        self.queue = queue
        self.ready: deque[MemoryDelivery] = deque(MemoryDelivery(queue, tag, str(tag).encode()) for tag in range(count))
        self.verdicts: list[tuple[int, Verdict]] = []
        self.refuses_with: MessageQueuesError | None = None
        self.fails_with: MessageQueuesError | None = None
        self.starts = 0
        self.flushes = 0
        self.is_closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        self.starts += 1
        if self.refuses_with is not None:
            raise self.refuses_with

    def fetch(self, count: int, timeout_s: float) -> Sequence[QueueRecord]:
        with self._lock:
            if not self.ready and self.fails_with is not None:
                raise self.fails_with
            batch = [self.ready.popleft() for _ in range(min(count, len(self.ready)))]
        if not batch and timeout_s:
            threading.Event().wait(0.001)
        return batch

    def settle(self, record: QueueRecord, verdict: Verdict) -> None:
        with self._lock:
            self.verdicts.append((record.delivery_tag, verdict))
            if verdict is Verdict.REQUEUE:
                self.ready.append(MemoryDelivery(self.queue, record.delivery_tag, record.value() or b"", redelivered=True))

    def flush(self) -> None:
        self.flushes += 1

    def close(self) -> None:
        self.is_closed = True


@dataclass
class MemoryQueueAdmin:
    exchanges: dict[str, NewExchange] = field(default_factory=dict)
    queues: dict[str, NewQueue] = field(default_factory=dict)
    bindings: list[NewBinding] = field(default_factory=list)
    messages: dict[str, int] = field(default_factory=dict)

    def declare_exchange(self, exchange: NewExchange) -> None:
        if self.exchanges.setdefault(exchange.name, exchange) != exchange:
            raise PreconditionFailed(
                f"inequivalent arg 'type' for exchange '{exchange.name}' in vhost '/':"
                f" received '{exchange.exchange_type}' but current is '{self.exchanges[exchange.name].exchange_type}'"
            )

    def exchange_exists(self, name: str) -> bool:
        return name in self.exchanges

    def delete_exchange(self, name: str, *, if_unused: bool) -> None:
        if self.exchanges.pop(name, None) is None:
            raise ExchangeNotFound(f"there is no exchange {name!r}")

    def declare_queue(self, queue: NewQueue) -> str:
        name = queue.name or "amq.gen-1"
        if self.queues.setdefault(name, queue) != queue:
            raise PreconditionFailed(
                f"inequivalent arg 'x-max-length' for queue '{name}' in vhost '/':"
                " received the value '5' of type 'long' but current is none"
            )
        return name

    def counts(self, queue: str) -> QueueCounts | None:
        return QueueCounts(self.messages.get(queue, 0), 0) if queue in self.queues else None

    def delete_queue(self, name: str, *, if_unused: bool, if_empty: bool) -> int:
        if self.queues.pop(name, None) is None:
            raise QueueNotFound(f"there is no queue {name!r}")
        return self.messages.pop(name, 0)

    def purge_queue(self, name: str) -> int:
        return self.messages.pop(name, 0)

    def bind(self, binding: NewBinding) -> None:
        if binding.source not in self.exchanges:
            raise ExchangeNotFound(f"no exchange '{binding.source}' in vhost '/'")
        if binding.destination not in self.queues:
            raise QueueNotFound(f"no queue '{binding.destination}' in vhost '/'")
        if binding not in self.bindings:
            self.bindings.append(binding)

    def unbind(self, binding: NewBinding) -> None:
        if binding in self.bindings:
            self.bindings.remove(binding)


class MemoryManagement:
    """Answers what a test put in, by path; keeps what it was told."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.told: list[tuple[str, str, object]] = []
        self.is_away = False

    def get(self, *path: str, query: Mapping[str, str] | None = None) -> object:
        if self.is_away:
            raise Unreachable("the management API at memory:15672 cannot be reached")
        if "|".join(path) not in self.answers:
            raise NotFound("/".join(path))
        return self.answers["|".join(path)]

    def put(self, *path: str, content: object = None) -> None:
        self.told.append(("PUT", "|".join(path), content))

    def post(self, *path: str, content: object = None) -> object:
        self.told.append(("POST", "|".join(path), content))
        return None

    def delete(self, *path: str) -> None:
        self.told.append(("DELETE", "|".join(path), None))


class MemoryQueueClient:
    """One cluster's."""

    virtual_host = "/"

    def __init__(self) -> None:
        self.admin = MemoryQueueAdmin()
        self.management = MemoryManagement()
        self.producers: list[MemoryQueueProducer] = []
        self.consumed: list[QueueConsumerOptions] = []
        self.is_closed = False

    def check(self, timeout_s: float) -> BrokerState:
        return BrokerState("Memory", "1", "memory")

    def producer(self, options: QueueProducerOptions, name: str) -> MemoryQueueProducer:
        self.producers.append(MemoryQueueProducer())
        return self.producers[-1]

    def consumer(self, options: QueueConsumerOptions) -> MemoryQueueConsumer:
        self.consumed.append(options)
        return MemoryQueueConsumer(queue=options.queue)

    def close(self) -> None:
        self.is_closed = True
