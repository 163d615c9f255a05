"""A classic or quorum queue: who gets which message, when, and what becomes of the others."""

from collections.abc import Callable
from dataclasses import dataclass, field

from message_queues.broker.queues.consumer import Consumer
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.queue_settings import QueueSettings
from message_queues.records.field_table import FieldTable

CLASSIC = "classic"
QUORUM = "quorum"
STREAM = "stream"


@dataclass(frozen=True, slots=True)
class QueueIdentity:
    """What a queue is declared as, for good."""

    name: str
    virtual_host: str
    queue_id: bytes
    """16 bytes, new for each declaration: a queue deleted and declared again has nothing of the old one."""
    kind: str = CLASSIC
    is_durable: bool = True
    is_auto_delete: bool = False
    arguments: FieldTable = field(default_factory=dict)
    owner: object | None = None
    """The connection that an exclusive queue belongs to."""


class QueueCounters:
    """What has happened to a queue's messages since the server started."""

    __slots__ = (
        "acknowledged", "dead_lettered_delivery_limit", "dead_lettered_expired", "dead_lettered_maxlen", "dead_lettered_rejected",
        "delivered", "delivered_no_ack", "dropped_expired", "dropped_maxlen", "dropped_rejected", "get_empty", "got", "got_no_ack",
        "published", "redelivered", "refused",
    )  # fmt: skip


class Queue:
    name: str
    virtual_host: str
    queue_id: bytes
    kind: str
    is_durable: bool
    is_auto_delete: bool
    arguments: FieldTable
    owner: object | None
    settings: QueueSettings
    counters: QueueCounters
    consumers: list[Consumer]
    active_consumer: Consumer | None
    """The single active consumer."""
    idle_since_ms: int

    def __init__(self, identity: QueueIdentity, settings: QueueSettings, home: QueueHome, on_unused: Callable[["Queue"], None]) -> None:
        """Opens what is stored of it at once (counts need no reading of messages). `on_unused`: auto-delete or x-expires is due."""
        raise NotImplementedError

    def configure(self, settings: QueueSettings) -> None:
        """The policy has changed."""
        raise NotImplementedError

    def used(self) -> None:
        """It was declared again: x-expires of a classic queue starts anew."""
        raise NotImplementedError

    # Messages in

    def publish(self, message: QueueMessage) -> bool:
        """Delivered at once to a consumer that can take it, else kept. False: refused, the queue is full."""
        raise NotImplementedError

    # Messages out

    def get(self, no_ack: bool) -> Entry | None:
        raise NotImplementedError

    def acknowledge(self, entry: Entry) -> None:
        raise NotImplementedError

    def reject(self, entry: Entry) -> None:
        """Not to be delivered again: dead-lettered, or dropped."""
        raise NotImplementedError

    def requeue(self, entries: list[Entry], why: int) -> None:
        """Back to where they were; `why` is a ReturnReason."""
        raise NotImplementedError

    def delivery_properties(self, entry: Entry) -> bytes:
        """The content header to deliver: quorum queues add x-delivery-count and x-acquired-count to what came back."""
        raise NotImplementedError

    # Consumers

    def add_consumer(self, consumer: Consumer) -> None:
        """Raises AccessRefused when it or another is exclusive."""
        raise NotImplementedError

    def remove_consumer(self, consumer: Consumer) -> None:
        """basic.cancel, or its channel is closed. What it holds stays unacknowledged until it is requeued."""
        raise NotImplementedError

    def consumer_ready(self, consumer: Consumer) -> None:
        """Its `can_take` has become true."""
        raise NotImplementedError

    # The whole queue

    @property
    def message_count(self) -> int:
        """Ready messages."""
        raise NotImplementedError

    @property
    def unacknowledged_count(self) -> int:
        raise NotImplementedError

    @property
    def ready_bytes(self) -> int:
        raise NotImplementedError

    @property
    def unacknowledged_bytes(self) -> int:
        raise NotImplementedError

    @property
    def persistent_count(self) -> int:
        raise NotImplementedError

    def peek(self, count: int) -> list[Entry]:
        """The first ready messages, which stay."""
        raise NotImplementedError

    def purge(self) -> int:
        """Ready messages only; they are dropped, not dead-lettered."""
        raise NotImplementedError

    def close(self) -> None:
        """The server stops: what is durable stays."""
        raise NotImplementedError

    def delete(self) -> int:
        """Its files go, its consumers are cancelled; returns how many ready messages there were."""
        raise NotImplementedError
