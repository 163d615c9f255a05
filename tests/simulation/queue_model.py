"""What a queue does with its messages, in as few words as possible: the measure of the real ones in test_queues.py (RabbitMQ 4.3)."""

from dataclasses import dataclass, field, replace

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.queue_settings import DROP_HEAD, REJECT_PUBLISH, QueueSettings

DEFAULT_LEVEL = 4
DEFAULT_LIMIT = 20
NEVER = 1 << 62


@dataclass(eq=False)
class ModelMessage:
    body: str
    priority: int | None
    level: int
    position: int
    expires_at_ms: int
    is_persistent: bool
    is_flushed: bool = False
    redelivered: bool = False
    failures: int = 0
    returns: int = 0
    noted: tuple[int, int] = (0, 0)
    """The counts that a restart finds."""


@dataclass(eq=False)
class ModelConsumer:
    prefetch: int
    held: list[ModelMessage] = field(default_factory=list)
    given: list[str] = field(default_factory=list)

    @property
    def can_take(self) -> bool:
        return len(self.held) < self.prefetch


@dataclass(eq=False)
class ModelQueue:
    is_quorum: bool
    is_durable: bool
    settings: QueueSettings
    dead: "ModelQueue | None" = None
    """Where its dead letters go."""
    ready: list[ModelMessage] = field(default_factory=list)
    """Highest level first, then by position."""
    returns: list[ModelMessage] = field(default_factory=list)
    """What came back to a quorum queue, before all others."""
    delayed: list[tuple[int, ModelMessage]] = field(default_factory=list)
    held: list[ModelMessage] = field(default_factory=list)
    ring: list[ModelConsumer] = field(default_factory=list)
    consumers: list[ModelConsumer] = field(default_factory=list)
    is_refusing: bool = False
    positions: int = 0
    stored: "list[ModelMessage]" = field(default_factory=list)
    """Copies of what the disk has."""
    dying: list[str] = field(default_factory=list)
    """Since the last turn, or moved: their originals are settled after it."""

    # In

    def publish(self, body: str, priority: int | None, expiration: int | None, is_persistent: bool, now_ms: int) -> bool:
        if not self._admits():
            return False
        message = ModelMessage(body, priority, self._level(priority), self._position(), self._expiry(expiration, now_ms), is_persistent)
        is_empty = not self.count
        if is_empty and (consumer := self._next_consumer()) is not None:
            self._hand(message, consumer)
            return True
        self._keep(message)
        self._settle_down(now_ms)
        return True

    def _admits(self) -> bool:
        limit = self.settings.max_length
        if limit is None or self.settings.overflow != REJECT_PUBLISH:
            return True
        if not self.is_quorum:
            return self.count < limit
        count = self.count + len(self.delayed)
        self.is_refusing = count > limit * 8 // 10 if self.is_refusing else count > limit
        return not self.is_refusing

    def _level(self, priority: int | None) -> int:
        if self.is_quorum:
            return DEFAULT_LEVEL if priority is None else min(priority, 31)
        return min(priority or 0, self.settings.max_priority or 0)

    def _position(self) -> int:
        self.positions += 1
        return self.positions

    def _expiry(self, expiration: int | None, now_ms: int) -> int:
        times = [time for time in (self.settings.message_ttl_ms, expiration) if time is not None]
        if not times:
            return NEVER
        return now_ms + (max(1, min(times)) if self.is_quorum else min(times))

    def _keep(self, message: ModelMessage) -> None:
        self.ready.append(message)
        self.ready.sort(key=lambda each: (-each.level, each.position))

    # Out

    @property
    def count(self) -> int:
        return len(self.returns) + len(self.ready)

    def get(self, now_ms: int) -> ModelMessage | None:
        message = self._take(now_ms)
        if message is not None:
            self.held.append(message)
        self._expire(now_ms)
        return message

    def _take(self, now_ms: int) -> ModelMessage | None:
        while self.count:
            message = (self.returns or self.ready).pop(0)
            if message.expires_at_ms > now_ms:
                return message
            self._die(message, now_ms)
        return None

    def acknowledge(self, message: ModelMessage) -> None:
        self.held.remove(message)

    def reject(self, message: ModelMessage, now_ms: int) -> None:
        self.held.remove(message)
        self._die(message, now_ms)

    def requeue(self, messages: list[ModelMessage], why: int, now_ms: int) -> None:
        for message in messages:
            self.held.remove(message)
        for message in messages:
            message.redelivered = True
            if self.is_quorum:
                self._return(message, why, now_ms)
            else:
                self._keep(message)
        self._settle_down(now_ms)

    def _return(self, message: ModelMessage, why: int, now_ms: int) -> None:
        has_failed = why in (ReturnReason.CHANNEL_CLOSED, ReturnReason.REJECT)
        message.returns += 1
        message.failures += has_failed
        limit = DEFAULT_LIMIT if self.settings.delivery_limit is None else self.settings.delivery_limit
        if 0 <= limit < message.failures:
            self._die(message, now_ms)
        elif limit < 0 and not has_failed:
            moved = replace(message, level=DEFAULT_LEVEL, position=self._position(), is_flushed=False, noted=(0, 0))
            self._keep(moved)
            self.dying.append(message.body)
        else:
            if message.is_flushed:
                message.noted = (message.failures, message.returns)
            least_ms = self.settings.delayed_retry_min_ms
            if least_ms:
                delay_ms = min(least_ms * max(1, message.failures), self.settings.delayed_retry_max_ms or least_ms)
                self.delayed.append((now_ms + delay_ms, message))
                self.delayed.sort(key=lambda each: (each[0], each[1].level, each[1].position))
            else:
                self.returns.append(message)

    def purge(self) -> int:
        count = self.count + len(self.delayed)
        self.ready, self.returns, self.delayed = [], [], []
        return count

    # What follows

    def _settle_down(self, now_ms: int) -> None:
        limit = self.settings.max_length
        while limit is not None and self.settings.overflow == DROP_HEAD and self.count and self.count + len(self.delayed) > limit:
            self._die((self.returns or self.ready).pop(0), now_ms)
        self._expire(now_ms)
        self._run(now_ms)

    def _expire(self, now_ms: int) -> None:
        while (head := self._expired_head(now_ms)) is not None:
            (self.returns if head in self.returns else self.ready).remove(head)
            self._die(head, now_ms)

    def heads(self) -> list[ModelMessage]:
        """Those whose time is looked at."""
        if not self.is_quorum:
            return self.ready[:1]
        levels = {message.level: message for message in reversed(self.ready)}
        return self.returns[:1] + [levels[level] for level in sorted(levels, reverse=True)]

    def _expired_head(self, now_ms: int) -> ModelMessage | None:
        return next((head for head in self.heads() if head.expires_at_ms <= now_ms), None)

    def _die(self, message: ModelMessage, now_ms: int) -> None:
        if self.dead is not None:
            self.dying.append(message.body)
            self.dead.publish(message.body, message.priority, None, message.is_persistent, now_ms)

    def next_event_ms(self) -> int:
        return min([head.expires_at_ms for head in self.heads()] + [ready_ms for ready_ms, _ in self.delayed[:1]], default=NEVER)

    def time_has_come(self, now_ms: int) -> None:
        while self.delayed and self.delayed[0][0] <= now_ms:
            self.returns.append(self.delayed.pop(0)[1])
        self._settle_down(now_ms)

    # Consumers

    def add_consumer(self, consumer: ModelConsumer, now_ms: int) -> None:
        self.consumers.append(consumer)
        self.ring.append(consumer)
        self._run(now_ms)

    def remove_consumer(self, consumer: ModelConsumer) -> None:
        self.consumers.remove(consumer)
        if consumer in self.ring:
            self.ring.remove(consumer)

    def ready_again(self, consumer: ModelConsumer, now_ms: int) -> None:
        if consumer not in self.ring:
            self.ring.append(consumer)
        self._run(now_ms)

    def _next_consumer(self) -> ModelConsumer | None:
        while self.ring:
            consumer = self.ring.pop(0)
            if consumer.can_take:
                self.ring.append(consumer)
                return consumer
        return None

    def _run(self, now_ms: int) -> None:
        while self.count and (consumer := self._next_consumer()) is not None:
            message = self._take(now_ms)
            if message is None:
                break
            self._hand(message, consumer)
        if self.consumers:
            self._expire(now_ms)

    def _hand(self, message: ModelMessage, consumer: ModelConsumer) -> None:
        self.held.append(message)
        consumer.held.append(message)
        consumer.given.append(message.body)

    # The disk

    def all_messages(self) -> list[ModelMessage]:
        return [*self.returns, *self.ready, *self.held, *(message for _, message in self.delayed)]

    def flush(self) -> None:
        self.dying = []
        for message in self.all_messages():
            message.is_flushed = True
        self.stored = [replace(message) for message in self.all_messages() if message.is_persistent or self.is_quorum]

    def restart(self) -> None:
        self.held, self.returns, self.delayed, self.consumers, self.ring = [], [], [], [], []
        self.is_refusing = False
        self.ready = []
        for message in self.stored if self.is_durable else []:
            failures, returns = message.noted
            self._keep(replace(message, failures=failures, returns=returns, redelivered=True))
        self.flush()
