"""What a channel has done with messages, and all channels of a listener together."""

NAMES = (
    "acknowledged", "confirmed", "delivered", "delivered_no_ack", "dropped_unroutable", "get_empty", "got", "got_no_ack", "published",
    "redelivered", "returned_unroutable",
)  # fmt: skip


class ChannelCounters:
    """Counted by RabbitMQ's rules: `delivered` and `got` are with acknowledgements, `redelivered` is among them."""

    __slots__ = NAMES

    def __init__(self) -> None:
        self.acknowledged = 0
        self.confirmed = 0
        self.delivered = 0
        self.delivered_no_ack = 0
        self.dropped_unroutable = 0
        self.get_empty = 0
        self.got = 0
        self.got_no_ack = 0
        self.published = 0
        self.redelivered = 0
        self.returned_unroutable = 0

    def add(self, other: "ChannelCounters") -> None:
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))
