"""The place of a message in its queue."""

from copy import copy

from message_queues.broker.sqs.message import SqsMessage


class Entry:
    """One message; the message itself may be on disk only."""

    __slots__ = (
        "first_received_ms",
        "group_id",
        "is_gone",
        "is_moving",
        "message",
        "position",
        "receive_count",
        "received_ms",
        "sent_ms",
        "size",
        "until_ms",
    )

    def __init__(self, position: int, sent_ms: int, until_ms: int, message: SqsMessage | None, group_id: str | None, size: int) -> None:
        self.position = position
        self.sent_ms = sent_ms
        self.until_ms = until_ms
        """Until when nobody sees it: a delay, or the end of its invisibility."""
        self.message = message
        """None: it was let go of, and is read again when it is needed."""
        self.group_id = group_id
        self.size = size
        """Bytes of body and attributes."""
        self.receive_count = 0
        """Receives from this queue."""
        self.first_received_ms = 0
        self.received_ms = 0
        self.is_gone = False
        """It could not be written, or was deleted, purged or moved away."""
        self.is_moving = False
        """It goes to another queue, and goes from here once it is stored there."""

    def succeeded(self) -> "Entry":
        """Another entry of the same message, which takes the place of this one."""
        again = copy(self)
        self.message = None
        self.is_gone = True
        return again

    def __lt__(self, other: "Entry") -> bool:
        return self.position < other.position
