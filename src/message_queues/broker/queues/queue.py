"""A classic or quorum queue: who gets which message, when, and what becomes of the others.

    ready            in the backlogs of its priority levels; of a quorum queue also `returns`: what came back, in that order, before all
                     others whatever their priority, and `delayed`: what came back and waits for its retry
    unacknowledged   handed to a consumer, or taken by `get`
    dead             popped and on their way through the dead letter office, or retained (quorum, at-least-once)

Rules from RabbitMQ's rabbit_amqqueue_process, rabbit_queue_consumers and rabbit_fifo. What differs on purpose: a message whose time is
up is never delivered, even if no timer has fired since; a consumer that is late is forgotten at once, where RabbitMQ 4.3 keeps it for
what it may still acknowledge.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from message_queues.broker.clock import Timer
from message_queues.broker.queues.backlog import Backlog
from message_queues.broker.queues.consumer import CancelReason, Consumer, ReturnReason
from message_queues.broker.queues.consumers import Consumers
from message_queues.broker.queues.dead_letter import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED
from message_queues.broker.queues.dead_letter_office import DeadLetter
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.priority_levels import ONE_LEVEL, QUORUM_LEVELS, TWO_LEVELS, LevelHome, LevelScheme, PriorityLevels
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.queue_settings import (
    AT_LEAST_ONCE,
    DROP_HEAD,
    NO_LIMIT,
    REJECT_PUBLISH,
    REJECT_PUBLISH_DLX,
    RETRY_ALL,
    RETRY_DISABLED,
    RETRY_FAILED,
    QueueSettings,
)
from message_queues.broker.queues.retained_dead_letters import RetainedDeadLetters
from message_queues.errors import ResourceLocked
from message_queues.records.field_table import FieldTable
from message_queues.records.properties import with_headers

CLASSIC: Final = "classic"
QUORUM: Final = "quorum"
STREAM: Final = "stream"

REMOVED_AT_ONCE: Final = 1000
"""So many messages are expired or dropped in one go; the rest in the next, so that others get on meanwhile."""
_SOFT_LIMIT: Final = 0.8
"""A quorum queue that refuses messages accepts them again below this part of its limits."""
_UNLIMITED: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class QueueIdentity:
    """What a queue is declared as, for good."""

    name: str
    virtual_host: str
    queue_id: bytes
    """16 bytes, new for each declaration: a queue deleted and declared again has nothing of the old one."""
    kind: str = CLASSIC
    is_durable: bool = True
    is_auto_delete: bool = False
    arguments: FieldTable = field(default_factory=dict)
    owner: object | None = None
    """The connection that an exclusive queue belongs to."""


class QueueCounters:
    """What has happened to a queue's messages since the server started."""

    __slots__ = (
        "acknowledged", "dead_lettered_delivery_limit", "dead_lettered_expired", "dead_lettered_maxlen", "dead_lettered_rejected",
        "delivered", "delivered_no_ack", "dropped_delivery_limit", "dropped_expired", "dropped_maxlen", "dropped_rejected", "get_empty",
        "got", "got_no_ack", "published", "redelivered", "refused",
    )  # fmt: skip

    def __init__(self) -> None:
        self.published = 0
        self.refused = 0
        self.delivered = self.delivered_no_ack = self.redelivered = self.acknowledged = 0
        self.got = self.got_no_ack = self.get_empty = 0
        self.dead_lettered_rejected = self.dead_lettered_expired = self.dead_lettered_maxlen = self.dead_lettered_delivery_limit = 0
        self.dropped_rejected = self.dropped_expired = self.dropped_maxlen = self.dropped_delivery_limit = 0

    def count_dead(self, reason: str, count: int, is_dead_lettered: bool) -> None:
        if reason == EXPIRED:
            self.dead_lettered_expired += count * is_dead_lettered
            self.dropped_expired += count * (not is_dead_lettered)
        elif reason == MAXLEN:
            self.dead_lettered_maxlen += count * is_dead_lettered
            self.dropped_maxlen += count * (not is_dead_lettered)
        elif reason == REJECTED:
            self.dead_lettered_rejected += count * is_dead_lettered
            self.dropped_rejected += count * (not is_dead_lettered)
        else:
            self.dead_lettered_delivery_limit += count * is_dead_lettered
            self.dropped_delivery_limit += count * (not is_dead_lettered)


class Queue:
    """The order inside each call: state first, then deliveries, then dead letters, which may come back into this very queue."""

    __slots__ = (
        "_clock", "_consumers", "_delayed", "_delivery_limit", "_expires_at_heads", "_home", "_is_closed", "_is_limited", "_is_quorum",
        "_is_refusing", "_is_watching", "_levels", "_max_bytes", "_max_length", "_on_unused", "_only", "_residence", "_retained",
        "_returned_bytes", "_returns", "_rules", "_shortest_timeout_ms", "_stamps", "_timeout_ms", "_timer", "_ttl_ms",
        "_unacknowledged", "arguments", "counters", "idle_since_ms", "is_auto_delete", "is_durable", "kind", "name", "owner",
        "queue_id", "settings", "virtual_host",
    )  # fmt: skip

    def __init__(self, identity: QueueIdentity, settings: QueueSettings, home: QueueHome, on_unused: Callable[["Queue"], None]) -> None:
        """Opens what is stored of it (counts need no reading of messages). `on_unused`: auto-delete or x-expires is due."""
        self.name = identity.name
        self.virtual_host = identity.virtual_host
        self.queue_id = identity.queue_id
        self.kind = identity.kind
        self.is_durable = identity.is_durable
        self.is_auto_delete = identity.is_auto_delete
        self.arguments = identity.arguments
        self.owner = identity.owner
        self.counters = QueueCounters()
        self._home = home
        self._clock = home.clock
        self._on_unused = on_unused
        self._rules = rules = home.quorum_rules
        self._is_quorum = is_quorum = identity.kind == QUORUM
        self._levels = PriorityLevels(
            LevelHome(home.backlogs, f"{home.directory}/{identity.queue_id.hex()}", identity.is_durable, is_quorum), self._scheme(settings)
        )
        self._only = None if is_quorum else self._levels.only
        self._stamps = self._levels.scheme.alternates
        """Messages need the time of their arrival."""
        self._residence = home.backlogs.residence
        self._consumers = Consumers(
            single_active=settings.single_active_consumer,
            takes_over=is_quorum and rules.hands_over_activity,
            heeds_exclusive=not is_quorum,
        )
        self._unacknowledged: dict[Entry, Consumer | None] = {}
        """In the order of their delivery; None for what was got."""
        self._returns: deque[Entry] | None = None
        self._returned_bytes = 0
        """Of `returns` and of `delayed`."""
        self._delayed: list[tuple[int, int, Entry]] | None = None
        """(when it is ready, order, entry), a heap."""
        self._retained: RetainedDeadLetters | None = None
        self._is_refusing = False
        self._is_watching = False
        """The timer will look after late consumers."""
        self._is_closed = False
        self._timer: Timer | None = None
        self.idle_since_ms = home.clock.now_ms()
        self._expires_at_heads = self._levels.ready_count > 0
        """Messages that expire may be ready; only reading what was stored can tell."""
        self._adopt(settings)
        if self._expires_at_heads:
            self._wake_at(self.idle_since_ms)

    def _scheme(self, settings: QueueSettings) -> LevelScheme:
        if not self._is_quorum:
            return LevelScheme(highest=settings.max_priority) if settings.max_priority else ONE_LEVEL
        levels = self._rules.levels
        return QUORUM_LEVELS if levels == QUORUM_LEVELS.highest + 1 else TWO_LEVELS if levels == TWO_LEVELS.highest + 1 else ONE_LEVEL

    def configure(self, settings: QueueSettings) -> None:
        """The policy has changed."""
        self._adopt(settings)
        self._is_refusing = False
        if self._retained is not None:
            self._readdress(self._retained)
        dead: list[tuple[Entry, str]] = []
        self._drop_overflow(dead)
        if self._expires_at_heads:
            self._expire(self._clock.now_ms(), dead)
        self._run(dead)
        self._finish(dead)

    def _adopt(self, settings: QueueSettings) -> None:
        self.settings = settings
        version = self._home.version
        self._ttl_ms = settings.message_ttl_ms
        self._max_length = _UNLIMITED if settings.max_length is None else settings.max_length
        self._max_bytes = _UNLIMITED if settings.max_length_bytes is None else settings.max_length_bytes
        self._is_limited = settings.max_length is not None or settings.max_length_bytes is not None
        limit = version.default_delivery_limit if settings.delivery_limit is None else settings.delivery_limit
        self._delivery_limit = None if limit is None or limit <= NO_LIMIT else limit
        applies = self._is_quorum or not self._rules.releases_late_deliveries
        timeout_ms = version.consumer_timeout_ms if settings.consumer_timeout_ms is None else settings.consumer_timeout_ms
        self._timeout_ms = timeout_ms if applies else None
        self._choose_shortest_timeout()
        if settings.expires_ms is not None and not self._consumers.all:
            self._wake_at(self.idle_since_ms + settings.expires_ms)

    # Messages in

    def publish(self, message: QueueMessage) -> bool:
        """Delivered at once to a consumer that can take it, else kept. False: refused, the queue is full."""
        counters = self.counters
        if self._is_limited and not self._admits(message):
            counters.refused += 1
            return False
        counters.published += 1
        now_ms = expires_at_ms = 0
        if self._ttl_ms is not None or self._stamps or message.attributes.expiration is not None:
            now_ms = self._clock.now_ms()
            expires_at_ms = self._expiry_of(message, now_ms)
        level = self._only
        if level is None:
            level = self._levels.level_for(message)
            is_empty = not self.message_count
        else:
            is_empty = not level.ready_count
        consumers = self._consumers
        if consumers.all and is_empty:
            consumer = consumers.next()
            if consumer is not None:
                self._pass(message, consumer, level, now_ms, expires_at_ms)
                return True
        level.push(message, now_ms, expires_at_ms)
        if self._is_limited or expires_at_ms or (consumers.all and not is_empty):
            self._pushed(level, expires_at_ms)
        return True

    def _pass(self, message: QueueMessage, consumer: Consumer, level: Backlog, now_ms: int, expires_at_ms: int) -> None:
        """From the publisher to the consumer, with nothing in between."""
        counters = self.counters
        if consumer.no_ack:
            counters.delivered_no_ack += 1
            consumer.deliver(self, Entry(message, 0, 0, now_ms, expires_at_ms))
            return
        entry = level.admit(message, now_ms, expires_at_ms)
        entry.delivered_ms = self._clock.now_ms()
        self._unacknowledged[entry] = consumer
        counters.delivered += 1
        if not self._is_watching:
            self._watch(entry.delivered_ms)
        consumer.deliver(self, entry)
        if self._residence.used_bytes >= self._residence.limit_bytes:
            level.release(entry)

    def _pushed(self, level: Backlog, expires_at_ms: int) -> None:
        """What follows for limits, expirations and consumers."""
        dead: list[tuple[Entry, str]] = []
        if self._is_limited:
            self._drop_overflow(dead)
        self._expires_at_heads |= expires_at_ms > 0
        if self._expires_at_heads and (dead or level.ready_count == 1):
            # The head is another one.
            self._expire(self._clock.now_ms(), dead)
        if self._consumers.all:
            self._run(dead)
        self._finish(dead)

    def _expiry_of(self, message: QueueMessage, now_ms: int) -> int:
        expiration = message.attributes.expiration
        ttl_ms = self._ttl_ms
        if expiration is not None:
            ttl_ms = int(expiration) if ttl_ms is None else min(ttl_ms, int(expiration))
        if ttl_ms is None:
            return 0
        # A quorum queue gives it the rest of the millisecond.
        return now_ms + max(ttl_ms, 1) if self._is_quorum else now_ms + ttl_ms

    # Limits

    def _admits(self, message: QueueMessage) -> bool:
        overflow = self.settings.overflow
        if overflow == DROP_HEAD:
            return True
        if self._is_quorum:
            return self._quorum_admits()
        if self.message_count < self._max_length and self.ready_bytes + len(message.body) <= self._max_bytes:
            return True
        if overflow == REJECT_PUBLISH_DLX:
            exchange = self.settings.dead_letter_exchange
            self.counters.count_dead(MAXLEN, 1, exchange is not None)
            if exchange is not None:
                self._home.office.take([self._letter(message, None, MAXLEN, exchange)])
        return False

    def _quorum_admits(self) -> bool:
        """It refuses once it is beyond a limit, and until it is well below."""
        count, size = self._limited_count(), self._limited_bytes()
        if self._is_refusing:
            is_below = count <= int(self._max_length * _SOFT_LIMIT) and size <= int(self._max_bytes * _SOFT_LIMIT)
            self._is_refusing = not is_below
        else:
            self._is_refusing = count > self._max_length or size > self._max_bytes
        return not self._is_refusing

    def _limited_count(self) -> int:
        """What x-max-length counts."""
        retained = len(self._retained) if self._retained is not None else 0
        return self.message_count + (len(self._delayed) if self._delayed else 0) + retained

    def _limited_bytes(self) -> int:
        return self.ready_bytes + (self._retained.bytes if self._retained is not None else 0)

    def _drop_overflow(self, dead: list[tuple[Entry, str]]) -> None:
        if not self._is_limited or self.settings.overflow != DROP_HEAD:
            return
        for _ in range(REMOVED_AT_ONCE):
            if self._limited_count() <= self._max_length and self._limited_bytes() <= self._max_bytes:
                return
            entry = self._take_head()
            if entry is None:
                return
            dead.append((entry, MAXLEN))
        self._wake_at(self._clock.now_ms())

    # Expiration

    def _expire(self, now_ms: int, dead: list[tuple[Entry, str]]) -> None:
        """Takes what has expired from the heads, and has the timer come for what expires next."""
        before = len(dead)
        if self._returns:
            while self._returns and 0 < self._returns[0].expires_at_ms <= now_ms and len(dead) - before < REMOVED_AT_ONCE:
                dead.append((self._take_returned(self._returns), EXPIRED))
        for level in self._levels.ready_levels():
            entry = level.peek()
            while entry is not None and 0 < entry.expires_at_ms <= now_ms:
                if len(dead) - before >= REMOVED_AT_ONCE:
                    self._wake_at(now_ms)
                    return
                level.pop()
                dead.append((entry, EXPIRED))
                entry = level.peek()
            if entry is not None and not self._is_quorum:
                # Only the very next message of a classic queue is looked at.
                break
        next_ms = self._next_expiry()
        if next_ms:
            self._wake_at(next_ms)
        elif not self.message_count:
            self._expires_at_heads = False

    def _next_expiry(self) -> int:
        """When the next head expires; 0 if none does."""
        heads: list[Entry | None] = [self._returns[0]] if self._returns else []
        for level in self._levels.ready_levels():
            heads.append(level.peek())
            if not self._is_quorum:
                break
        return min((entry.expires_at_ms for entry in heads if entry is not None and entry.expires_at_ms), default=0)

    # Messages out

    def get(self, no_ack: bool) -> Entry | None:
        """Raises ResourceLocked if only its single active consumer may have messages."""
        if self._is_quorum and self._consumers.single_active:
            raise ResourceLocked(
                f"cannot obtain access to locked queue '{self.name}' in vhost '{self.virtual_host}'. "
                "basic.get operations are not supported by quorum queues with single active consumer"
            )
        self.idle_since_ms = now_ms = self._clock.now_ms()
        dead: list[tuple[Entry, str]] = []
        entry = self._take(dead)
        counters = self.counters
        if entry is None:
            counters.get_empty += 1
        else:
            counters.redelivered += entry.redelivered
            if no_ack:
                counters.got_no_ack += 1
                self._levels[entry.level].settle(entry)
            else:
                counters.got += 1
                entry.delivered_ms = now_ms
                self._unacknowledged[entry] = None
                if not self._is_watching:
                    self._watch(now_ms)
        if self._expires_at_heads:
            self._expire(now_ms, dead)
        self._finish(dead)
        return entry

    def acknowledge(self, entry: Entry) -> None:
        """Nothing happens for an entry that is no longer out: it was taken back."""
        unacknowledged = self._unacknowledged
        if entry not in unacknowledged:
            return
        del unacknowledged[entry]
        self.counters.acknowledged += 1
        (self._only or self._levels[entry.level]).settle(entry)
        if self._consumers.is_quiescing:
            self._let_give_way()

    def reject(self, entry: Entry) -> None:
        """Not to be delivered again: dead-lettered, or dropped."""
        if entry not in self._unacknowledged:
            return
        del self._unacknowledged[entry]
        if self._consumers.is_quiescing:
            self._let_give_way()
        self._bury([(entry, REJECTED)])

    def requeue(self, entries: Iterable[Entry], why: int) -> None:
        """Back to where they were; `why` is a ReturnReason. Consumers of a closed channel are removed before its entries come back."""
        back = [entry for entry in entries if entry in self._unacknowledged]
        for entry in back:
            del self._unacknowledged[entry]
        self._take_back(back, why)

    def _take_back(self, back: list[Entry], why: int) -> None:
        if not back:
            return
        dead: list[tuple[Entry, str]] = []
        for entry in back:
            entry.redelivered = True
            entry.acquired_count += 1
            self._expires_at_heads |= entry.expires_at_ms > 0
            if self._is_quorum:
                self._return(entry, why, dead)
            else:
                self._levels[entry.level].put_back(entry)
        if self._consumers.is_quiescing:
            self._let_give_way()
        self._drop_overflow(dead)
        if self._expires_at_heads:
            self._expire(self._clock.now_ms(), dead)
        self._run(dead)
        self._finish(dead)

    def delivery_properties(self, entry: Entry) -> bytes:
        """The content header to deliver: quorum queues add x-delivery-count and x-acquired-count to what came back."""
        properties = entry.message.properties
        if not self._is_quorum or not (entry.acquired_count or self._rules.counts_every_return):
            return properties
        counts: FieldTable = {}
        if entry.delivery_count or self._rules.counts_every_return:
            counts["x-delivery-count"] = entry.delivery_count
        if self._rules.tells_acquired_count:
            counts["x-acquired-count"] = entry.acquired_count
        return with_headers(properties, counts)

    # What came back to a quorum queue

    def _return(self, entry: Entry, why: int, dead: list[tuple[Entry, str]]) -> None:
        rules = self._rules
        has_failed = why == ReturnReason.CHANNEL_CLOSED or (why == ReturnReason.REJECT and rules.counts_rejections)
        if has_failed or rules.counts_every_return:
            entry.delivery_count += 1
        limit = self._delivery_limit
        if limit is not None and (entry.acquired_count if rules.limits_acquisitions else entry.delivery_count) > limit:
            dead.append((entry, DELIVERY_LIMIT))
            return
        level = self._levels[entry.level]
        if limit is None and not has_failed and why != ReturnReason.TIMEOUT:
            self._move_to_tail(entry, level)
            return
        level.note_counts(entry)
        self._returned_bytes += entry.size
        delay_ms = self._retry_delay(entry, has_failed)
        if delay_ms:
            if self._delayed is None:
                self._delayed = []
            ready_ms = self._clock.now_ms() + delay_ms
            heappush(self._delayed, (ready_ms, entry.level << 48 | entry.position, entry))
            self._wake_at(ready_ms)
        else:
            self._come_back(entry)

    def _come_back(self, entry: Entry) -> None:
        if self._returns is None:
            self._returns = deque()
        self._returns.append(entry)
        self._expires_at_heads |= entry.expires_at_ms > 0

    def _move_to_tail(self, entry: Entry, level: Backlog) -> None:
        """Without a delivery limit what is given back goes behind all others, so that the log of the queue can be cut (RabbitMQ)."""
        message = level.message_of(entry)
        tail = self._levels.default_level()
        moved = tail.push(message, entry.enqueued_ms, entry.expires_at_ms)
        moved.redelivered = True
        moved.acquired_count, moved.delivery_count = entry.acquired_count, entry.delivery_count
        tail.note_counts(moved)
        if entry.stored:
            # The copy is stored before the original goes.
            self._home.group_commit.when_durable(lambda failures: None if failures else level.settle(entry))
        else:
            level.settle(entry)

    def _retry_delay(self, entry: Entry, has_failed: bool) -> int:
        settings = self.settings
        kind = settings.delayed_retry_type
        if kind == RETRY_DISABLED or not self._rules.delays_retries:
            return 0
        if kind != RETRY_ALL and has_failed != (kind == RETRY_FAILED):
            return 0
        least_ms = settings.delayed_retry_min_ms or 0
        return min(least_ms * max(1, entry.delivery_count), settings.delayed_retry_max_ms or least_ms)

    def _end_delays(self, now_ms: int) -> None:
        while self._delayed and self._delayed[0][0] <= now_ms:
            self._come_back(heappop(self._delayed)[2])
        if self._delayed:
            self._wake_at(self._delayed[0][0])

    # The next message

    def _take(self, dead: list[tuple[Entry, str]]) -> Entry | None:
        """The next ready message that has not expired; the expired ones before it die."""
        while (entry := self._take_head()) is not None:
            if not entry.expires_at_ms or entry.expires_at_ms > self._clock.now_ms():
                return entry
            dead.append((entry, EXPIRED))
        return None

    def _take_head(self) -> Entry | None:
        if self._returns:
            entry = self._take_returned(self._returns)
            self._levels[entry.level].message_of(entry)
            return entry
        return self._only.pop() if self._only is not None else self._levels.pop()

    def _take_returned(self, returns: deque[Entry]) -> Entry:
        entry = returns.popleft()
        self._returned_bytes -= entry.size
        return entry

    # Deliveries

    def _run(self, dead: list[tuple[Entry, str]]) -> None:
        """Delivers as long as there is something ready and somebody to take it."""
        consumers = self._consumers
        if not consumers.all:
            return
        while self.message_count:
            consumer = consumers.next()
            if consumer is None:
                break
            entry = self._take(dead)
            if entry is None:
                break
            self._hand_over(entry, consumer)
        if self._expires_at_heads:
            self._expire(self._clock.now_ms(), dead)

    def _hand_over(self, entry: Entry, consumer: Consumer) -> None:
        counters = self.counters
        level = self._only or self._levels[entry.level]
        counters.redelivered += entry.redelivered
        if consumer.no_ack:
            counters.delivered_no_ack += 1
            consumer.deliver(self, entry)
            level.settle(entry)
            return
        counters.delivered += 1
        entry.delivered_ms = self._clock.now_ms()
        self._unacknowledged[entry] = consumer
        if not self._is_watching:
            self._watch(entry.delivered_ms)
        consumer.deliver(self, entry)
        if self._residence.used_bytes >= self._residence.limit_bytes:
            level.release(entry)

    # Consumers

    @property
    def consumers(self) -> list[Consumer]:
        """In the order of their registration."""
        return self._consumers.all

    @property
    def active_consumer(self) -> Consumer | None:
        """The single active consumer; None where there is no such thing."""
        return self._consumers.active if self._consumers.single_active else None

    def add_consumer(self, consumer: Consumer) -> None:
        """Raises AccessRefused when it or another is exclusive."""
        self._consumers.add(consumer, f"queue '{self.name}' in vhost '{self.virtual_host}'")
        self._choose_shortest_timeout()
        self._let_give_way()
        self._deliver_ready()

    def remove_consumer(self, consumer: Consumer) -> None:
        """basic.cancel, or its channel is closed. What it holds stays unacknowledged until it is requeued."""
        if not self._consumers.remove(consumer):
            return
        self._choose_shortest_timeout()
        if not self._consumers.all:
            self._has_become_idle()
            if self.is_auto_delete:
                self._on_unused(self)
                return
        self._deliver_ready()

    def consumer_ready(self, consumer: Consumer) -> None:
        """Its `can_take` has become true."""
        self._consumers.ready(consumer)
        self._deliver_ready()

    def _deliver_ready(self) -> None:
        if self.message_count and not self._is_closed:
            dead: list[tuple[Entry, str]] = []
            self._run(dead)
            self._finish(dead)

    def _let_give_way(self) -> None:
        """A waiting consumer of a higher priority may take over from the single active one."""
        consumers = self._consumers
        if consumers.takes_over and consumers.single_active and consumers.give_way(self._holds):
            self._deliver_ready()

    def _holds(self, consumer: Consumer) -> bool:
        return any(holder is consumer for holder in self._unacknowledged.values())

    def used(self) -> None:
        """It was declared again: x-expires of a classic queue starts anew."""
        if not self._is_quorum:
            self.idle_since_ms = self._clock.now_ms()

    def _has_become_idle(self) -> None:
        self.idle_since_ms = self._clock.now_ms()
        if self.settings.expires_ms is not None:
            self._wake_at(self.idle_since_ms + self.settings.expires_ms)

    # Late consumers

    @property
    def consumer_timeout_ms(self) -> int | None:
        """How long a delivery may stay unacknowledged; None: for ever."""
        return self._timeout_ms

    def timeout_of(self, consumer: Consumer | None) -> int | None:
        """With the x-consumer-timeout of the consumer itself (since 4.3)."""
        if consumer is not None and self._timeout_ms is not None and self._rules.releases_late_deliveries:
            own = consumer.arguments.get("x-consumer-timeout")
            if isinstance(own, int) and own > 0:
                return own
        return self._timeout_ms

    def _choose_shortest_timeout(self) -> None:
        timeouts = [timeout for timeout in map(self.timeout_of, (None, *self._consumers.all)) if timeout is not None]
        self._shortest_timeout_ms = min(timeouts, default=None)
        if self._is_watching and self._unacknowledged and self._shortest_timeout_ms is not None:
            self._wake_at(self._clock.now_ms() + self._shortest_timeout_ms)

    def _watch(self, now_ms: int) -> None:
        if self._shortest_timeout_ms is not None:
            self._is_watching = True
            self._wake_at(now_ms + self._shortest_timeout_ms)

    def _look_after_late(self, now_ms: int) -> None:
        shortest_ms = self._shortest_timeout_ms
        if not self._is_watching:
            return
        if shortest_ms is None or not self._unacknowledged:
            self._is_watching = False
            return
        late: dict[Consumer | None, list[Entry]] = {}
        next_ms = now_ms + shortest_ms
        for entry, consumer in self._unacknowledged.items():
            if entry.delivered_ms + shortest_ms > now_ms:
                # They are in the order of their delivery.
                next_ms = min(next_ms, entry.delivered_ms + shortest_ms)
                break
            timeout_ms = self.timeout_of(consumer)
            if timeout_ms is not None and entry.delivered_ms + timeout_ms <= now_ms:
                late.setdefault(consumer, []).append(entry)
        self._wake_at(next_ms)
        for consumer, entries in late.items():
            self._release_late(consumer, entries, now_ms)

    def _release_late(self, consumer: Consumer | None, entries: list[Entry], now_ms: int) -> None:
        if not self._rules.releases_late_deliveries:
            # The channel is closed, which brings back all that it holds.
            for entry in entries:
                entry.delivered_ms = now_ms
            if consumer is not None:
                consumer.cancelled(CancelReason.TIMEOUT)
            return
        for entry in entries:
            del self._unacknowledged[entry]
        if consumer is not None:
            self.remove_consumer(consumer)
            consumer.cancelled(CancelReason.TIMEOUT)
        if not self._is_closed:
            # Anew: what its holder says of the old ones counts no more.
            self._take_back([_again(entry) for entry in entries], ReturnReason.TIMEOUT)

    # The dead

    def _finish(self, dead: list[tuple[Entry, str]]) -> None:
        if dead:
            self._bury(dead)

    def _bury(self, dead: list[tuple[Entry, str]]) -> None:
        """Dead letters go to their exchange, or are retained; without an exchange they are dropped."""
        exchange = self.settings.dead_letter_exchange
        letters: list[DeadLetter] = []
        retains = self._retains_dead_letters()
        for entry, reason in dead:
            self.counters.count_dead(reason, 1, exchange is not None)
            if exchange is None:
                self.settle_dead(entry)
                continue
            letter = self._letter(self._levels[entry.level].message_of(entry), entry, reason, exchange)
            if retains and reason != MAXLEN:
                self._retain(letter)
            else:
                letters.append(letter)
        if letters:
            self._home.office.take(letters)
        if self._retained is not None:
            self._retained.forward(self._clock.now_ms())

    def _letter(self, message: QueueMessage, entry: Entry | None, reason: str, exchange: str) -> DeadLetter:
        return DeadLetter(self, message, entry, reason, exchange, self.settings.dead_letter_routing_key)

    def settle_dead(self, entry: Entry) -> None:
        """Its dead letter is stored wherever it was routed to."""
        self._levels[entry.level].settle(entry)

    def revive(self, entry: Entry) -> None:
        """Its dead letter could not be stored."""
        if self._is_closed:
            return
        self._levels[entry.level].put_back(entry)
        self._expires_at_heads = True
        self._wake_at(self._clock.now_ms())

    def _retains_dead_letters(self) -> bool:
        settings = self.settings
        return self._is_quorum and settings.dead_letter_strategy == AT_LEAST_ONCE and settings.overflow == REJECT_PUBLISH

    def _retain(self, letter: DeadLetter) -> None:
        if self._retained is None:
            self._retained = RetainedDeadLetters(self._home.office, self._home.group_commit, self._settle_retained, self._wake_at)
        self._retained.add(letter)

    def _readdress(self, retained: RetainedDeadLetters) -> None:
        exchange = self.settings.dead_letter_exchange
        if exchange is not None:
            retained.readdress(exchange, self.settings.dead_letter_routing_key, self._clock.now_ms())
        else:
            for entry in retained.clear():
                self.settle_dead(entry)

    def _settle_retained(self, entry: Entry) -> None:
        self.settle_dead(entry)
        if self._retained is not None:
            self._retained.forward(self._clock.now_ms())

    # Time

    def _wake_at(self, deadline_ms: int) -> None:
        """The one timer of the queue comes at the earliest of all deadlines."""
        timer = self._timer
        if self._is_closed or (timer is not None and timer.deadline_ms <= deadline_ms):
            return
        if timer is not None:
            timer.cancel()
        self._timer = self._home.timers.at(deadline_ms, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now_ms = self._clock.now_ms()
        expires_ms = self.settings.expires_ms
        if expires_ms is not None and not self._consumers.all:
            if self.idle_since_ms + expires_ms <= now_ms:
                self._on_unused(self)
                return
            self._wake_at(self.idle_since_ms + expires_ms)
        self._look_after_late(now_ms)
        if self._is_closed:
            return
        if self._retained is not None:
            self._retained.retry(now_ms)
            self._retained.forward(now_ms)
        dead: list[tuple[Entry, str]] = []
        self._end_delays(now_ms)
        self._drop_overflow(dead)
        if self._expires_at_heads:
            self._expire(now_ms, dead)
        self._run(dead)
        self._finish(dead)

    # The whole queue

    @property
    def message_count(self) -> int:
        """Ready messages."""
        if self._only is not None:
            return self._only.ready_count
        return self._levels.ready_count + (len(self._returns) if self._returns else 0)

    @property
    def ready_bytes(self) -> int:
        """Of the bodies."""
        return (self._only or self._levels).ready_bytes + self._returned_bytes

    @property
    def unacknowledged_count(self) -> int:
        return len(self._unacknowledged)

    @property
    def unacknowledged_bytes(self) -> int:
        return sum([entry.size for entry in self._unacknowledged])

    @property
    def delayed_count(self) -> int:
        """What came back and waits for its retry."""
        return len(self._delayed) if self._delayed else 0

    @property
    def retained_count(self) -> int:
        """Dead letters that are not yet stored wherever they go to."""
        return len(self._retained) if self._retained is not None else 0

    @property
    def persistent_count(self) -> int:
        """As if all messages of a durable queue were."""
        return self.message_count + len(self._unacknowledged) if self.is_durable else 0

    def purge(self) -> int:
        """All but the unacknowledged messages are dropped, not dead-lettered; returns how many."""
        gone = list(self._returns or ()) + [entry for _, _, entry in self._delayed or ()]
        if self._retained is not None:
            gone += self._retained.clear()
        self._returns = self._delayed = None
        self._returned_bytes = 0
        for entry in gone:
            self.settle_dead(entry)
        return self._levels.purge() + len(gone)

    def close(self) -> None:
        """The server stops: what is durable stays."""
        self._end()
        self._levels.close()

    def delete(self) -> int:
        """Its files go, its consumers are cancelled; returns how many ready messages there were."""
        count = self.message_count
        consumers = self._end()
        self._levels.delete()
        for consumer in consumers:
            consumer.cancelled(CancelReason.QUEUE_DELETED)
        return count

    def _end(self) -> list[Consumer]:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._unacknowledged.clear()
        self._returns = self._delayed = self._retained = None
        self._returned_bytes = 0
        return self._consumers.clear()


def _again(entry: Entry) -> Entry:
    """The same message and place, for somebody else."""
    other = Entry(entry.message, entry.position, entry.level, entry.enqueued_ms, entry.expires_at_ms)
    other.redelivered, other.size, other.stored = entry.redelivered, entry.size, entry.stored
    other.delivery_count, other.acquired_count = entry.delivery_count, entry.acquired_count
    return other
