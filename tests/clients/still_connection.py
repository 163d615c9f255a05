"""A connection to RabbitMQ that a test plays: what is called runs at once, timers run when the test says so, frames are kept."""

from collections.abc import Callable
from typing import cast

from pika.channel import Channel

from message_queues.clients.rabbitmq_connection import ChannelUser, RabbitConnection
from message_queues.clients.rabbitmq_wire import Tap, Wire


class StillWire:
    """What a user of a channel sees of a `Wire`."""

    def __init__(self) -> None:
        self.sent = b""
        self.unsent = 0
        self.frame_max = 4096
        self.taps: dict[int, Tap] = {}

    def tap(self, channel: int, tap: Tap) -> None:
        self.taps[channel] = tap

    def emit(self, frames: bytes) -> None:
        self.sent += frames

    def unsent_bytes(self) -> int:
        return self.unsent

    def taken(self) -> bytes:
        """What was sent since the last time."""
        sent, self.sent = self.sent, b""
        return sent


class StillChannel:
    """What a user of a channel asks of pika's: everything is granted at once."""

    channel_number = 1
    is_open = True

    def __init__(self) -> None:
        self.consumed: list[dict[str, object]] = []
        self.cancelled: Callable[[object], None] | None = None
        self.closes = 0

    def confirm_delivery(self, _: object, callback: Callable[[object], None]) -> None:
        callback(None)

    def add_on_cancel_callback(self, callback: Callable[[object], None]) -> None:
        self.cancelled = callback

    def basic_qos(self, *, prefetch_count: int, callback: Callable[[object], None]) -> None:
        callback(None)

    def basic_consume(self, queue: str, *, callback: Callable[[object], None], **options: object) -> None:
        self.consumed.append({"queue": queue, "arguments": options["arguments"], "exclusive": options["exclusive"]})
        callback(None)

    def close(self) -> None:
        self.closes += 1
        self.is_open = False


class StillConnection(RabbitConnection):
    def __init__(self) -> None:
        super().__init__([], "still")
        self.users: list[ChannelUser] = []
        self.timers: list[Callable[[], object]] = []
        self.is_closed = False
        self.wire = StillWire()
        self.channel = StillChannel()

    @property
    def address(self) -> str:
        return "still:5672"

    @property
    def is_open(self) -> bool:
        return self.error is None

    def call(self, function: Callable[[], object]) -> bool:
        function()
        return True

    def later(self, delay_s: float, function: Callable[[], object]) -> None:
        self.timers.append(function)

    def attach(self, user: ChannelUser) -> None:
        self.users.append(user)

    def detach(self, user: ChannelUser) -> None:
        self.users.remove(user)

    def close(self) -> None:
        self.is_closed = True

    def open(self) -> None:
        """Give every user a fresh channel."""
        self.wire, self.channel = StillWire(), StillChannel()
        for user in self.users:
            user.opened(cast(Wire, self.wire), cast(Channel, self.channel))

    def run_timers(self) -> None:
        timers, self.timers = self.timers, []
        for timer in timers:
            timer()
