"""A classic or quorum queue: who gets which message, when, and what becomes of the others.

    ready            see ready_messages.py
    unacknowledged   handed to a consumer, or taken by `get`
    dead             popped and on their way through the dead letter office, or retained: see dead_lettering.py

Rules from RabbitMQ's rabbit_amqqueue_process, rabbit_queue_consumers and rabbit_fifo. What differs on purpose: a message whose time is
up is never delivered, even if no timer has fired since; a consumer that is late is forgotten at once, where RabbitMQ 4.3 keeps it for
what it may still acknowledge.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from message_queues.broker.clock import WakeUp
from message_queues.broker.queues.backlog import Backlog
from message_queues.broker.queues.consumer import CancelReason, Consumer, ReturnReason
from message_queues.broker.queues.consumers import Consumers
from message_queues.broker.queues.dead_letter import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED
from message_queues.broker.queues.dead_lettering import Dead, DeadLettering
from message_queues.broker.queues.delivery_timeouts import DeliveryTimeouts
from message_queues.broker.queues.length_limits import LengthLimits, length_limits
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.priority_levels import LevelHome, PriorityLevels, level_scheme
from message_queues.broker.queues.queue_arguments import QUORUM
from message_queues.broker.queues.queue_counters import QueueCounters
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.queue_identity import QueueIdentity
from message_queues.broker.queues.queue_settings import QueueSettings
from message_queues.broker.queues.quorum_returns import QuorumReturns
from message_queues.broker.queues.ready_messages import ReadyMessages
from message_queues.errors import ResourceLocked

REMOVED_AT_ONCE: Final = 1000
"""So many messages are expired or dropped in one go; the rest in the next, so that others get on meanwhile."""


class Queue:
    """The order inside each call: state first, then deliveries, then dead letters, which may come back into this very queue."""

    __slots__ = (
        "_clock", "_consumers", "_dead_lettering", "_expires_at_heads", "_heads", "_home", "_is_closed", "_is_quorum", "_levels", "_limits",
        "_on_unused", "_only", "_ready", "_residence", "_returns", "_rules", "_stamps", "_timeouts", "_ttl_ms", "_unacknowledged",
        "_wake_up", "arguments", "counters", "idle_since_ms", "is_auto_delete", "is_durable", "kind", "name", "owner", "queue_id",
        "settings", "virtual_host",
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
            LevelHome(home.backlogs, f"{home.directory}/{identity.queue_id.hex()}", identity.is_durable, is_quorum),
            level_scheme(settings.max_priority, rules.levels if is_quorum else None),
        )
        self._ready = ReadyMessages(self._levels, is_quorum)
        self._only = self._ready.only
        self._heads: Backlog | ReadyMessages = self._only or self._ready
        """What gives the next message."""
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
        self._timeouts = DeliveryTimeouts(rules.releases_late_deliveries)
        self._dead_lettering = DeadLettering(self, self._levels, home)
        self._returns = QuorumReturns(self._ready, home, settings) if is_quorum else None
        self._is_closed = False
        self._wake_up = WakeUp(home.timers, self._wake)
        self.idle_since_ms = home.clock.now_ms()
        self._expires_at_heads = self._levels.ready_count > 0
        """Messages that expire may be ready; only reading what was stored can tell."""
        self._adopt(settings)
        if self._expires_at_heads:
            self.wake_at(self.idle_since_ms)

    def configure(self, settings: QueueSettings) -> None:
        """The policy has changed."""
        self._adopt(settings)
        self._dead_lettering.readdress()
        dead: Dead = []
        if self._limits is not None:
            self._drop_overflow(self._limits, dead)
        if self._expires_at_heads:
            self._expire(self._clock.now_ms(), dead)
        self._run(dead)
        self._finish(dead)

    def _adopt(self, settings: QueueSettings) -> None:
        self.settings = settings
        self._ttl_ms = settings.message_ttl_ms
        self._limits = length_limits(settings, self._ready, self._dead_lettering)
        if self._returns is not None:
            self._returns.configure(settings)
        self._choose_timeout()
        if settings.expires_ms is not None and not self._consumers.all:
            self.wake_at(self.idle_since_ms + settings.expires_ms)

    # Messages in

    def publish(self, message: QueueMessage) -> bool:
        """Delivered at once to a consumer that can take it, else kept. False: refused, the queue is full."""
        counters = self.counters
        if self._limits is not None and not self._limits.admit(message):
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
            is_empty = not self._heads.ready_count
        else:
            is_empty = not level.ready_count
        consumers = self._consumers
        if consumers.all and is_empty:
            consumer = consumers.next()
            if consumer is not None:
                self._pass(message, consumer, level, now_ms, expires_at_ms)
                return True
        level.push(message, now_ms, expires_at_ms)
        if self._limits is not None or expires_at_ms or (consumers.all and not is_empty):
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
        if self._timeouts.awaits_delivery:
            self.wake_at(self._timeouts.watch(entry.delivered_ms))
        consumer.deliver(self, entry)
        if self._residence.used_bytes >= self._residence.limit_bytes:
            level.release(entry)

    def _pushed(self, level: Backlog, expires_at_ms: int) -> None:
        """What follows for limits, expirations and consumers."""
        dead: Dead = []
        if self._limits is not None:
            self._drop_overflow(self._limits, dead)
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

    def _drop_overflow(self, limits: LengthLimits, dead: Dead) -> None:
        dropped = [(entry, MAXLEN) for entry in islice(limits.overflow(), REMOVED_AT_ONCE)]
        dead += dropped
        if len(dropped) == REMOVED_AT_ONCE:
            self.wake_at(self._clock.now_ms())

    # Expiration

    def _expire(self, now_ms: int, dead: Dead) -> None:
        """Takes what has expired from the heads, and has the timer come for what expires next."""
        expired = self._ready.pop_expired(now_ms, REMOVED_AT_ONCE)
        dead += [(entry, EXPIRED) for entry in expired]
        if len(expired) == REMOVED_AT_ONCE:
            self.wake_at(now_ms)
            return
        next_ms = self._ready.next_expiry_ms()
        if next_ms:
            self.wake_at(next_ms)
        elif not self.message_count:
            self._expires_at_heads = False

    # Messages out

    def get(self, no_ack: bool) -> Entry | None:
        """Raises ResourceLocked if only its single active consumer may have messages."""
        if self._is_quorum and self._consumers.single_active:
            raise ResourceLocked(
                f"cannot obtain access to locked queue '{self.name}' in vhost '{self.virtual_host}'. "
                "basic.get operations are not supported by quorum queues with single active consumer"
            )
        self.idle_since_ms = now_ms = self._clock.now_ms()
        dead: Dead = []
        entry = self._next(dead)
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
                if self._timeouts.awaits_delivery:
                    self.wake_at(self._timeouts.watch(now_ms))
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
        self._dead_lettering.bury([(entry, REJECTED)])

    def requeue(self, entries: Iterable[Entry], why: int) -> None:
        """Back to where they were; `why` is a ReturnReason. Consumers of a closed channel are removed before its entries come back."""
        back = [entry for entry in entries if entry in self._unacknowledged]
        for entry in back:
            del self._unacknowledged[entry]
        self._take_back(back, why)

    def _take_back(self, back: list[Entry], why: int) -> None:
        if not back:
            return
        dead: Dead = []
        for entry in back:
            entry.redelivered = True
            entry.acquired_count += 1
            self._expires_at_heads |= entry.expires_at_ms > 0
            if self._returns is None:
                self._levels[entry.level].put_back(entry)
            elif not self._returns.take_back(entry, why):
                dead.append((entry, DELIVERY_LIMIT))
        self._await_retries()
        if self._consumers.is_quiescing:
            self._let_give_way()
        if self._limits is not None:
            self._drop_overflow(self._limits, dead)
        if self._expires_at_heads:
            self._expire(self._clock.now_ms(), dead)
        self._run(dead)
        self._finish(dead)

    def _await_retries(self) -> None:
        retry_ms = self._ready.next_retry_ms
        if retry_ms is not None:
            self.wake_at(retry_ms)

    def delivery_properties(self, entry: Entry) -> bytes:
        """The content header to deliver."""
        return entry.message.properties if self._returns is None else self._returns.delivery_properties(entry)

    # Deliveries

    def _run(self, dead: Dead) -> None:
        """Delivers as long as there is something ready and somebody to take it."""
        consumers = self._consumers
        if not consumers.all:
            return
        heads = self._heads
        while heads.ready_count:
            consumer = consumers.next()
            if consumer is None:
                break
            entry = self._next(dead)
            if entry is None:
                break
            self._hand_over(entry, consumer)
        if self._expires_at_heads:
            self._expire(self._clock.now_ms(), dead)

    def _next(self, dead: Dead) -> Entry | None:
        """The next ready message that has not expired; the expired ones before it die."""
        while (entry := self._heads.pop()) is not None:
            if not entry.expires_at_ms or entry.expires_at_ms > self._clock.now_ms():
                return entry
            dead.append((entry, EXPIRED))
        return None

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
        if self._timeouts.awaits_delivery:
            self.wake_at(self._timeouts.watch(entry.delivered_ms))
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
        self._choose_timeout()
        self._let_give_way()
        self._deliver_ready()

    def remove_consumer(self, consumer: Consumer) -> None:
        """basic.cancel, or its channel is closed. What it holds stays unacknowledged until it is requeued."""
        if not self._consumers.remove(consumer):
            return
        self._choose_timeout()
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
        if self._heads.ready_count and not self._is_closed:
            dead: Dead = []
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
            self.wake_at(self.idle_since_ms + self.settings.expires_ms)

    # Late consumers

    def timeout_of(self, consumer: Consumer | None) -> int | None:
        """How long a delivery may stay unacknowledged; None: for ever."""
        return self._timeouts.of(consumer)

    def _choose_timeout(self) -> None:
        """The policy has changed, or a consumer has come or gone."""
        applies = self._is_quorum or not self._rules.releases_late_deliveries
        said_ms = self.settings.consumer_timeout_ms
        timeout_ms = self._home.version.consumer_timeout_ms if said_ms is None else said_ms
        self._timeouts.choose(timeout_ms if applies else None, self._consumers.all)
        look_ms = self._timeouts.next_look_ms(self._clock.now_ms())
        if look_ms is not None and self._unacknowledged:
            self.wake_at(look_ms)

    def _look_after_late(self, now_ms: int) -> None:
        late, next_ms = self._timeouts.late(self._unacknowledged, now_ms)
        if next_ms is not None:
            self.wake_at(next_ms)
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
            self._take_back([entry.again() for entry in entries], ReturnReason.TIMEOUT)

    # The dead

    def _finish(self, dead: Dead) -> None:
        if dead:
            self._dead_lettering.bury(dead)

    def settle_dead(self, entry: Entry) -> None:
        """Its dead letter is stored wherever it was routed to."""
        self._levels[entry.level].settle(entry)

    def revive(self, entry: Entry) -> None:
        """Its dead letter could not be stored."""
        if self._is_closed:
            return
        self._levels[entry.level].put_back(entry)
        self._expires_at_heads = True
        self.wake_at(self._clock.now_ms())

    # Time

    def wake_at(self, deadline_ms: int) -> None:
        self._wake_up.at(deadline_ms)

    def _wake(self) -> None:
        now_ms = self._clock.now_ms()
        expires_ms = self.settings.expires_ms
        if expires_ms is not None and not self._consumers.all:
            if self.idle_since_ms + expires_ms <= now_ms:
                self._on_unused(self)
                return
            self.wake_at(self.idle_since_ms + expires_ms)
        self._look_after_late(now_ms)
        if self._is_closed:
            return
        self._dead_lettering.go_on(now_ms)
        dead: Dead = []
        self._expires_at_heads |= self._ready.end_delays(now_ms)
        self._await_retries()
        if self._limits is not None:
            self._drop_overflow(self._limits, dead)
        if self._expires_at_heads:
            self._expire(now_ms, dead)
        self._run(dead)
        self._finish(dead)

    # The whole queue

    @property
    def message_count(self) -> int:
        """Ready messages."""
        return self._heads.ready_count

    @property
    def ready_bytes(self) -> int:
        """Of the bodies."""
        return self._heads.ready_bytes

    @property
    def unacknowledged_count(self) -> int:
        return len(self._unacknowledged)

    @property
    def unacknowledged_bytes(self) -> int:
        return sum([entry.size for entry in self._unacknowledged])

    @property
    def delayed_count(self) -> int:
        """What came back and waits for its retry."""
        return self._ready.delayed_count

    @property
    def retained_count(self) -> int:
        """Dead letters that are not yet stored wherever they go to."""
        return self._dead_lettering.retained_count

    @property
    def persistent_count(self) -> int:
        """As if all messages of a durable queue were."""
        return self.message_count + len(self._unacknowledged) if self.is_durable else 0

    def purge(self) -> int:
        """All but the unacknowledged messages are dropped, not dead-lettered; returns how many."""
        return self._dead_lettering.drop_retained() + self._ready.purge()

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
        self._wake_up.stop()
        self._unacknowledged.clear()
        self._ready.forget_returned()
        self._dead_lettering.close()
        return self._consumers.clear()
