"""What becomes of a delivery that comes back to a quorum queue (rabbit_fifo): it is counted, and then one of these.

beyond the delivery limit           it dies
given back, and there is no limit   it goes behind all others
a retry is to be delayed            it waits (since 4.3)
else                                it is the next but for what came back before
"""

from message_queues.broker.queues.backlog import Backlog
from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.message import Entry
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.queue_settings import NO_LIMIT, RETRY_ALL, RETRY_DISABLED, RETRY_FAILED, QueueSettings
from message_queues.broker.queues.ready_messages import ReadyMessages
from message_queues.records.field_table import FieldTable
from message_queues.records.properties import with_headers


class QuorumReturns:
    __slots__ = ("_home", "_limit", "_ready", "_rules", "_settings")

    def __init__(self, ready: ReadyMessages, home: QueueHome, settings: QueueSettings) -> None:
        self._ready = ready
        self._home = home
        self._rules = home.quorum_rules
        self.configure(settings)

    def configure(self, settings: QueueSettings) -> None:
        self._settings = settings
        limit = self._home.version.default_delivery_limit if settings.delivery_limit is None else settings.delivery_limit
        self._limit = None if limit is None or limit <= NO_LIMIT else limit

    def take_back(self, entry: Entry, why: int) -> bool:
        """For this ReturnReason. False: it was delivered too often, and is not ready again."""
        rules, limit = self._rules, self._limit
        has_failed = why == ReturnReason.CHANNEL_CLOSED or (why == ReturnReason.REJECT and rules.counts_rejections)
        if has_failed or rules.counts_every_return:
            entry.delivery_count += 1
        if limit is not None and (entry.acquired_count if rules.limits_acquisitions else entry.delivery_count) > limit:
            return False
        level = self._ready.levels[entry.level]
        if limit is None and not has_failed and why != ReturnReason.TIMEOUT:
            self._move_to_tail(entry, level)
            return True
        level.note_counts(entry)
        delay_ms = self._retry_delay_ms(entry, has_failed)
        if delay_ms:
            self._ready.came_back().delay(entry, self._home.clock.now_ms() + delay_ms)
        else:
            self._ready.came_back().add(entry)
        return True

    def _move_to_tail(self, entry: Entry, level: Backlog) -> None:
        """So that the log of the queue can be cut (RabbitMQ)."""
        message = level.message_of(entry)
        tail = self._ready.levels.default_level()
        moved = tail.push(message, entry.enqueued_ms, entry.expires_at_ms)
        moved.redelivered = True
        moved.acquired_count, moved.delivery_count = entry.acquired_count, entry.delivery_count
        tail.note_counts(moved)
        if entry.stored:
            # The copy is stored before the original goes.
            self._home.group_commit.when_durable(lambda failures: None if failures else level.settle(entry))
        else:
            level.settle(entry)

    def _retry_delay_ms(self, entry: Entry, has_failed: bool) -> int:
        settings = self._settings
        kind = settings.delayed_retry_type
        if kind == RETRY_DISABLED or not self._rules.delays_retries:
            return 0
        if kind != RETRY_ALL and has_failed != (kind == RETRY_FAILED):
            return 0
        least_ms = settings.delayed_retry_min_ms or 0
        return min(least_ms * max(1, entry.delivery_count), settings.delayed_retry_max_ms or least_ms)

    def delivery_properties(self, entry: Entry) -> bytes:
        """The content header to deliver: x-delivery-count and x-acquired-count are added to what came back."""
        rules = self._rules
        if not entry.acquired_count and not rules.counts_every_return:
            return entry.message.properties
        counts: FieldTable = {}
        if entry.delivery_count or rules.counts_every_return:
            counts["x-delivery-count"] = entry.delivery_count
        if rules.tells_acquired_count:
            counts["x-acquired-count"] = entry.acquired_count
        return with_headers(entry.message.properties, counts)
