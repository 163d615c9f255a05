"""The two ends of a shovel: where it takes messages from, and where it brings them. They are local (queues of this server) or AMQP."""

from collections.abc import Callable
from typing import Protocol


class EndLost(Exception):
    """An end cannot be had, or is lost: the shovel starts again later. The text is for whoever looks at its state."""


class Shovelled:
    """A message on its way."""

    __slots__ = ("body", "exchange", "properties", "routing_key", "tag")

    def __init__(self, tag: int, exchange: str, routing_key: str, properties: bytes, body: bytes) -> None:
        self.tag = tag
        """What its source knows it by."""
        self.exchange = exchange
        self.routing_key = routing_key
        self.properties = properties
        """As in a content header, from the flags on."""
        self.body = body


Receive = Callable[[Shovelled], None]
Lost = Callable[[str], None]
Confirmed = Callable[[int, bool], None]
"""Gets the tag of a message, and whether the target has taken it."""


class Source(Protocol):
    @property
    def uri(self) -> str:
        """Without secrets."""
        ...

    async def connect(self, lost: Lost) -> None:
        """Raises EndLost. Afterwards `lost` is called at most once."""
        ...

    async def prepare(self) -> int:
        """Sees to the queue; returns how many messages are ready in it. Raises EndLost."""
        ...

    async def subscribe(self, receive: Receive) -> None:
        """Messages come from now on, at most as many unacknowledged ones as its definition says. Raises EndLost."""
        ...

    def acknowledge(self, tag: int) -> None: ...
    def requeue(self, tag: int) -> None: ...

    async def close(self) -> None:
        """What is not acknowledged goes back to the queue. Harmless at any time."""
        ...


class Target(Protocol):
    is_blocked: bool
    """Asks for no more messages at the moment."""

    @property
    def uri(self) -> str: ...

    async def connect(self, lost: Lost) -> None: ...

    async def prepare(self, confirmed: Confirmed, ready: Callable[[], None]) -> None:
        """Sees to the queue. `ready` is called when `is_blocked` has turned false. Raises EndLost."""
        ...

    def publish(self, message: Shovelled) -> None:
        """`confirmed` is called once the message is as durable as promised, or refused."""
        ...

    async def close(self) -> None: ...
