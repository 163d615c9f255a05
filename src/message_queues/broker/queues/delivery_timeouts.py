"""How long deliveries of a queue may stay unacknowledged, and whose do too long (RabbitMQ's consumer_timeout)."""

from collections.abc import Iterable, Mapping

from message_queues.broker.queues.consumer import Consumer
from message_queues.broker.queues.message import Entry


class DeliveryTimeouts:
    __slots__ = ("_heeds_consumers", "_is_watching", "_queue_ms", "_shortest_ms", "awaits_delivery")

    def __init__(self, heeds_consumers: bool) -> None:
        """`heeds_consumers`: one may have a time-out of its own, x-consumer-timeout (since 4.3)."""
        self._heeds_consumers = heeds_consumers
        self._queue_ms: int | None = None
        self._shortest_ms: int | None = None
        self._is_watching = False
        """The queue's timer will come and ask for `late`."""
        self.awaits_delivery = False
        """There is a time-out, and nothing to watch: the next delivery is followed by `watch`."""

    def choose(self, queue_ms: int | None, consumers: Iterable[Consumer]) -> None:
        """`queue_ms`: what holds for all who have none of their own; None: for ever."""
        self._queue_ms = queue_ms
        timeouts = [timeout for timeout in map(self.of, (None, *consumers)) if timeout is not None]
        self._shortest_ms = min(timeouts, default=None)
        self.awaits_delivery = bool(timeouts) and not self._is_watching

    def of(self, consumer: Consumer | None) -> int | None:
        if consumer is not None and self._queue_ms is not None and self._heeds_consumers:
            own = consumer.arguments.get("x-consumer-timeout")
            if isinstance(own, int) and own > 0:
                return own
        return self._queue_ms

    def watch(self, now_ms: int) -> int:
        """Something was delivered; returns when it is time to look."""
        self._is_watching = True
        self.awaits_delivery = False
        assert self._shortest_ms is not None
        return now_ms + self._shortest_ms

    def next_look_ms(self, now_ms: int) -> int | None:
        """When it is time to look after a change of time-outs; None: nothing is watched."""
        return now_ms + self._shortest_ms if self._is_watching and self._shortest_ms is not None else None

    def late(self, unacknowledged: Mapping[Entry, Consumer | None], now_ms: int) -> tuple[dict[Consumer | None, list[Entry]], int | None]:
        """Of deliveries in their order: those that are late, and when it is time to look again."""
        late: dict[Consumer | None, list[Entry]] = {}
        shortest_ms = self._shortest_ms
        if not self._is_watching or shortest_ms is None or not unacknowledged:
            self._is_watching = False
            self.awaits_delivery = shortest_ms is not None
            return late, None
        next_ms = now_ms + shortest_ms
        for entry, consumer in unacknowledged.items():
            if entry.delivered_ms + shortest_ms > now_ms:
                return late, min(next_ms, entry.delivered_ms + shortest_ms)
            timeout_ms = self.of(consumer)
            if timeout_ms is not None and entry.delivered_ms + timeout_ms <= now_ms:
                late.setdefault(consumer, []).append(entry)
        return late, next_ms
