"""What a client can say: the events that frames.py makes of the frames that it sends."""

from typing import TypeAlias

from pamqp import base

from message_queues.errors import MessageQueuesError


class Kind:
    """Which event it is. Plain numbers: they are compared for each event."""

    PUBLISH = 1
    ACK = 2
    NACK = 3
    REJECT = 4
    METHOD = 5
    HEARTBEAT = 6
    PROTOCOL_HEADER = 7
    VIOLATION = 8


class Publish:
    """A publish with all of its content."""

    __slots__ = ("body", "channel", "method", "properties", "size")
    kind = Kind.PUBLISH

    def __init__(self, channel: int, method: bytes, properties: bytes, body: bytes, size: int) -> None:
        self.channel = channel
        self.method = method
        """The arguments from the exchange on: equal bytes are one target. `parse_publish` reads them."""
        self.properties = properties
        self.body = body
        self.size = size
        """Bytes of the body; more than `body` holds when it was too large to be kept."""


class Ack:
    __slots__ = ("channel", "delivery_tag", "multiple")
    kind = Kind.ACK

    def __init__(self, channel: int, delivery_tag: int, multiple: bool) -> None:
        self.channel = channel
        self.delivery_tag = delivery_tag
        self.multiple = multiple


class Nack:
    """basic.nack, or basic.reject with `kind` REJECT."""

    __slots__ = ("channel", "delivery_tag", "kind", "multiple", "requeue")

    def __init__(self, kind: int, channel: int, delivery_tag: int, multiple: bool, requeue: bool) -> None:
        self.kind = kind
        self.channel = channel
        self.delivery_tag = delivery_tag
        self.multiple = multiple
        self.requeue = requeue


class Method:
    """Any other method; one that has content comes after it, and the content is dropped: only a server sends it."""

    __slots__ = ("channel", "method")
    kind = Kind.METHOD

    def __init__(self, channel: int, method: base.Frame) -> None:
        self.channel = channel
        self.method = method


class Heartbeat:
    __slots__ = ()
    kind = Kind.HEARTBEAT


class ProtocolHeader:
    __slots__ = ("is_supported",)
    kind = Kind.PROTOCOL_HEADER

    def __init__(self, is_supported: bool) -> None:
        self.is_supported = is_supported


class Violation:
    """The peer broke the protocol: the connection has to be closed."""

    __slots__ = ("channel", "class_id", "error", "method_id")
    kind = Kind.VIOLATION

    def __init__(self, channel: int, error: MessageQueuesError | None, index: int = 0) -> None:
        self.channel = channel
        self.error = error
        """None: RabbitMQ closes the socket and says nothing."""
        self.class_id = index >> 16
        self.method_id = index & 0xFFFF


Event: TypeAlias = Publish | Ack | Nack | Method | Heartbeat | ProtocolHeader | Violation
