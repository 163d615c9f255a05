"""A message on its way through exchanges, and its place in each queue that keeps it.

Properties and body stay the bytes that the publisher sent; what the broker itself needs of them is in `Attributes`.
"""

from message_queues.records.properties import Attributes


class QueueMessage:
    """What was published, once, however many queues it is routed to. Never changed: who needs another makes another."""

    __slots__ = ("attributes", "body", "exchange", "has_died", "other_keys", "properties", "routing_key")

    def __init__(
        self,
        exchange: str,
        routing_key: str,
        properties: bytes,
        body: bytes,
        attributes: Attributes,
        other_keys: tuple[str, ...] = (),
        has_died: bool = False,
    ) -> None:
        self.exchange = exchange
        self.routing_key = routing_key
        self.other_keys = other_keys
        """Further routing keys: the CC and BCC headers (RabbitMQ's sender-selected distribution)."""
        self.properties = properties
        """The content header from its property flags on (AMQP 0-9-1 4.2.6.1), without BCC."""
        self.body = body
        self.attributes = attributes
        self.has_died = has_died
        """Its x-death header is the broker's own, not something that a publisher sent."""

    @property
    def size(self) -> int:
        """What counts against x-max-length-bytes: the body, as RabbitMQ counts."""
        return len(self.body)


class Entry:
    """One message in one queue: where it stands and what has happened to it."""

    __slots__ = (
        "acquired_count",
        "delivered_ms",
        "delivery_count",
        "enqueued_ms",
        "expires_at_ms",
        "level",
        "message",
        "position",
        "redelivered",
        "size",
        "stored",
    )

    def __init__(self, message: QueueMessage, position: int, level: int, enqueued_ms: int, expires_at_ms: int) -> None:
        self.message = message
        self.position = position
        """Its number in its backlog; later ones are greater."""
        self.level = level
        """Which of the queue's priority levels it is on."""
        self.enqueued_ms = enqueued_ms
        self.expires_at_ms = expires_at_ms
        """0: never."""
        self.redelivered = False
        self.delivery_count = 0
        """How often its delivery has failed (x-delivery-count)."""
        self.acquired_count = 0
        """How often it was delivered and came back (x-acquired-count)."""
        self.delivered_ms = 0
        """When it was handed over; kept by the queue while it is unacknowledged."""
        self.size = 0
        """Bytes of the body; kept by the backlog, which may let go of the message itself."""
        self.stored = 0
        """Where the backlog has it on disk; 0 is nowhere."""

    def again(self) -> "Entry":
        """The same message and place, for somebody else."""
        other = Entry(self.message, self.position, self.level, self.enqueued_ms, self.expires_at_ms)
        other.redelivered, other.size, other.stored = self.redelivered, self.size, self.stored
        other.delivery_count, other.acquired_count = self.delivery_count, self.acquired_count
        return other
