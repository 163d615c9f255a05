"""What a queue of SQS does with its messages, in as few words as possible: the measure of the real ones in test_sqs.py."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

DEDUPLICATION_MS = 300_000
LONGEST_MS = 43_200_000


@dataclass(eq=False)
class ModelMessage:
    body: str
    group: str
    key: str
    position: int
    sent_ms: int
    delayed_until_ms: int = 0
    receives: int = 0
    first_ms: int = 0
    received_ms: int = 0
    until_ms: int = 0
    is_moving: bool = False
    moved_at: float = 0
    """Between which positions it began to move."""
    is_shown: bool = False
    is_loaded: bool = False
    """Of a FIFO queue: it is among those that are looked at."""
    earlier: int = 0
    """Receives from other queues."""
    moved_key: tuple[str, int] | None = None

    def handle(self) -> tuple[int, int]:
        return self.position, self.receives


@dataclass(frozen=True)
class ModelReceived:
    body: str
    receives: int
    handle: tuple[int, int]


@dataclass(eq=False)
class ModelWaiter:
    count: int
    given: list[list[tuple[str, int]]] = field(default_factory=list)
    handles: list[tuple[int, int]] = field(default_factory=list)


@dataclass(eq=False)
class ModelQueue:
    is_fifo: bool
    visibility_s: int = 30
    delay_s: int = 0
    retention_s: int = 345_600
    most_receives: int = 0
    dead: "ModelQueue | None" = None
    most_in_flight: int = 120_000
    look_ahead: int = 120_000
    messages: list[ModelMessage] = field(default_factory=list)
    """By position."""
    unshown: list[ModelMessage] = field(default_factory=list)
    waiters: list[ModelWaiter] = field(default_factory=list)
    remembered: dict[object, int] = field(default_factory=dict)
    """Of a FIFO queue: when each key was sent."""
    positions: int = 0
    read_to: int = 0
    """Of a FIFO queue: where it reads on for what it does not look at yet."""
    moving: list[ModelMessage] = field(default_factory=list)
    stored: list[tuple[ModelMessage, int, int, int]] = field(default_factory=list)
    """What the disk has: messages, their receives, the first of them, and until when they are invisible."""
    stored_keys: dict[object, int] = field(default_factory=dict)

    # In

    def send(self, body: str, group: str, key: str, delay_s: int | None, now_ms: int) -> bool:
        """Whether it is new."""
        if self.is_fifo:
            if self._remembers(key, now_ms):
                return False
            self.remembered[key] = now_ms
        delay = self.delay_s if delay_s is None else delay_s
        until_ms = 0 if self.is_fifo or not delay else now_ms + delay * 1000
        self._put(ModelMessage(body, group, key, 0, now_ms, until_ms))
        return True

    def _remembers(self, key: object, now_ms: int) -> bool:
        return key in self.remembered and self.remembered[key] + DEDUPLICATION_MS > now_ms

    def _put(self, message: ModelMessage) -> None:
        self.positions += 1
        message.position = self.positions
        self.unshown.append(message)

    def _take_dead(self, message: ModelMessage, now_ms: int) -> None:
        earlier = message.earlier + message.receives
        key = (message.body, earlier)
        if self.is_fifo:
            if self._remembers(key, now_ms):
                return
            self.remembered[key] = now_ms
        sent_ms = now_ms if self.is_fifo else message.sent_ms
        self._put(ModelMessage(message.body, message.group, message.key, 0, sent_ms, earlier=earlier, moved_key=key))

    def show(self, now_ms: int) -> None:
        """What was sent is durable, and what goes elsewhere is so there: whichever came first."""
        first_moving = min((each.moved_at for each in self.moving), default=0)
        is_moving_first = bool(self.unshown) and first_moving < self.unshown[0].position
        for step in (self._move_away, self._appear) if is_moving_first else (self._appear, self._move_away):
            step()
            self.serve(now_ms)

    def _appear(self) -> None:
        for message in self.unshown:
            message.is_shown = True
            self._stand(message)
        self.unshown = []

    def _stand(self, message: ModelMessage) -> None:
        everything_is_loaded = all(each.is_loaded for each in self.messages)
        self.messages.append(message)
        # What was received by an earlier life of the server is looked at, wherever it stands.
        message.is_loaded = bool(message.receives) or (everything_is_loaded and self._loaded_count() < self.look_ahead)
        if everything_is_loaded and not message.is_loaded:
            self.read_to = message.position

    def _move_away(self) -> None:
        for message in self.moving:
            self.messages.remove(message)
        self.moving = []

    # Out

    def is_in_flight(self, message: ModelMessage, now_ms: int) -> bool:
        return not message.is_moving and message.receives > 0 and message.until_ms > now_ms

    def is_delayed(self, message: ModelMessage, now_ms: int) -> bool:
        if message.receives or message.is_moving:
            return False
        until_ms = message.sent_ms + self.delay_s * 1000 if self.is_fifo else message.delayed_until_ms
        return until_ms > now_ms

    def visible(self, now_ms: int) -> list[ModelMessage]:
        return [
            each
            for each in self.messages
            if not each.is_moving and not self.is_in_flight(each, now_ms) and not self.is_delayed(each, now_ms)
        ]

    def in_flight(self, now_ms: int) -> list[ModelMessage]:
        return [each for each in self.messages if self.is_in_flight(each, now_ms)]

    def receive(self, count: int, visibility_s: int | None, now_ms: int) -> list[ModelReceived]:
        count = min(count, self.most_in_flight - len(self.in_flight(now_ms)))
        taken: list[ModelMessage] = []
        if count > 0:
            for message in self._offered(now_ms):
                if self.most_receives and message.receives >= self.most_receives and self.dead is not None:
                    message.is_moving = True
                    message.moved_at = self.positions + 0.5
                    self.moving.append(message)
                    self.dead._take_dead(message, now_ms)
                    continue
                taken.append(message)
                if len(taken) >= count:
                    break
        self._offering.clear()
        seconds = self.visibility_s if visibility_s is None else visibility_s
        for message in taken:
            message.receives += 1
            message.first_ms = message.first_ms if message.receives > 1 else now_ms
            message.received_ms = now_ms
            message.until_ms = now_ms + seconds * 1000
        return [ModelReceived(each.body, each.earlier + each.receives, each.handle()) for each in taken]

    def _offered(self, now_ms: int) -> Iterable[ModelMessage]:
        if not self.is_fifo:
            yield from self.visible(now_ms)
            return
        while True:
            available = [each for each in self.visible(now_ms) if each.is_loaded and each.group not in self._blocked(now_ms)]
            if available:
                group = available[0].group
                for message in [each for each in available if each.group == group]:
                    yield message
                    if not message.is_moving:
                        self._offering.add(group)
                continue
            if not self._load_more(now_ms):
                return

    def __post_init__(self) -> None:
        self._offering: set[str] = set()
        """Groups that have given messages to the receive that goes on."""

    def _blocked(self, now_ms: int) -> set[str]:
        return {each.group for each in self.in_flight(now_ms)} | self._offering

    def _loaded_count(self) -> int:
        return sum(each.is_loaded for each in self.messages)

    def _load_more(self, now_ms: int) -> bool:
        """Reads on where reading ended, as many as there is room for, those that are looked at anyway included."""
        loaded = [each for each in self.messages if each.is_loaded]
        if len(loaded) == len(self.messages) or len(loaded) >= self.look_ahead or any(self.is_delayed(each, now_ms) for each in loaded):
            return False
        first = next(each.position for each in self.messages if not each.is_loaded)
        read = [each for each in self.messages if each.position >= min(self.read_to, first)]
        for message in read[: self.look_ahead - len(loaded)]:
            message.is_loaded = True
            self.read_to = message.position + 1
        return True

    def find(self, handle: tuple[int, int]) -> ModelMessage | None:
        return next((each for each in self.messages if each.position == handle[0] and each.receives and not each.is_moving), None)

    def delete(self, handle: tuple[int, int], now_ms: int) -> str:
        message = self.find(handle)
        if message is None:
            return "ok"
        if self.is_fifo and (message.receives != handle[1] or not self.is_in_flight(message, now_ms)):
            return "refused"
        self.messages.remove(message)
        self.serve(now_ms)
        return "ok"

    def change_visibility(self, handle: tuple[int, int], seconds: int, now_ms: int) -> str:
        message = self.find(handle)
        if message is None or (self.is_fifo and message.receives != handle[1]):
            return "refused"
        is_in_flight = self.is_in_flight(message, now_ms)
        if self.is_fifo and not is_in_flight:
            return "not in flight"
        if now_ms + seconds * 1000 > message.received_ms + LONGEST_MS:
            return "refused"
        if seconds or is_in_flight:
            message.until_ms = now_ms + seconds * 1000
            self.serve(now_ms)
        return "ok"

    def serve(self, now_ms: int) -> None:
        while self.waiters:
            received = self.receive(self.waiters[0].count, None, now_ms)
            if not received:
                return
            waiter = self.waiters.pop(0)
            waiter.given.append([(each.body, each.receives) for each in received])
            waiter.handles += [each.handle for each in received]

    def purge(self) -> None:
        self.messages, self.unshown, self.moving = [], [], []

    # Time

    def moments(self, now_ms: int) -> list[int]:
        """When something will happen."""
        found = []
        for message in self.messages:
            found += [message.until_ms, message.delayed_until_ms, message.sent_ms + self.delay_s * 1000, self._end_ms(message)]
        return [moment for moment in found if moment > now_ms]

    def _end_ms(self, message: ModelMessage) -> int:
        return (message.sent_ms // 1000 + 1 + self.retention_s) * 1000

    def time_has_come(self, now_ms: int) -> None:
        self.serve(now_ms)
        self.messages = [each for each in self.messages if each.is_moving or self._end_ms(each) > now_ms]
        self.serve(now_ms)

    def counts(self, now_ms: int) -> tuple[int, int, int]:
        delayed = [each for each in self.messages if self.is_delayed(each, now_ms)]
        visible = self.visible(now_ms)
        if self.is_fifo:
            # What is not looked at yet counts as the last one that is.
            unloaded = [each for each in self.messages if not each.is_loaded and not each.is_moving]
            delayed = [each for each in delayed if each.is_loaded]
            visible = [each for each in visible if each.is_loaded]
            (delayed if delayed else visible).extend(unloaded)
        out = len(self.in_flight(now_ms)) + len([each for each in self.messages if each.is_moving])
        return len(visible), out, len(delayed)

    # The disk

    def flush(self) -> None:
        self.stored = [(each, each.receives, each.first_ms, each.until_ms) for each in self.messages]
        self.stored_keys = dict(self.remembered)

    def adopt(self, messages: list[ModelMessage]) -> None:
        """The disk has these."""
        self.messages = messages
        self.stored = [(each, each.receives, each.first_ms, each.until_ms) for each in messages]

    def restart(self) -> None:
        self.messages = []
        for stored, receives, first_ms, until_ms in self.stored:
            message = replace(stored, receives=receives, is_moving=False, is_shown=True, is_loaded=False)
            if receives:
                # The disk knows whole seconds.
                message.first_ms = message.sent_ms + (first_ms - message.sent_ms) // 1000 * 1000
                message.until_ms = message.sent_ms + -(-(until_ms - message.sent_ms) // 1000) * 1000
                message.received_ms = message.first_ms
            self._stand(message)
        self.unshown, self.moving, self.waiters = [], [], []
        self.remembered = dict(self.stored_keys)
        self._offering.clear()
        self.flush()
