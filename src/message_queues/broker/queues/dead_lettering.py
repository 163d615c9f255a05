"""What becomes of the dead of one queue: dropped, sent to the dead letter exchange, or kept until their dead letters are stored.

Kept are those of a quorum queue that dead-letters at least once, which RabbitMQ does only where it refuses what is beyond its limits.
"""

from typing import Protocol, TypeAlias

from message_queues.broker.queues.dead_letter import MAXLEN
from message_queues.broker.queues.dead_letter_office import DeadLetter, Mourner
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.priority_levels import PriorityLevels
from message_queues.broker.queues.queue_arguments import QUORUM
from message_queues.broker.queues.queue_counters import QueueCounters
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.queue_settings import AT_LEAST_ONCE, REJECT_PUBLISH, QueueSettings
from message_queues.broker.queues.retained_dead_letters import RetainedDeadLetters

Dead: TypeAlias = list[tuple[Entry, str]]
"""Entries that were popped, and what they died of."""


class MourningQueue(Mourner, Protocol):
    kind: str
    settings: QueueSettings
    counters: QueueCounters

    def wake_at(self, deadline_ms: int) -> None:
        """To call `DeadLettering.go_on`."""
        ...


class DeadLettering:
    __slots__ = ("_home", "_levels", "_queue", "_retained")

    def __init__(self, queue: MourningQueue, levels: PriorityLevels, home: QueueHome) -> None:
        self._queue = queue
        self._levels = levels
        self._home = home
        self._retained: RetainedDeadLetters | None = None

    @property
    def retained_count(self) -> int:
        """Those that are not yet stored wherever they go to."""
        return len(self._retained) if self._retained is not None else 0

    @property
    def retained_bytes(self) -> int:
        """Of the bodies."""
        return self._retained.bytes if self._retained is not None else 0

    def bury(self, dead: Dead) -> None:
        exchange = self._queue.settings.dead_letter_exchange
        letters: list[DeadLetter] = []
        for entry, reason in dead:
            self._queue.counters.count_dead(reason, 1, exchange is not None)
            if exchange is None:
                self._queue.settle_dead(entry)
                continue
            letter = self._letter(self._levels[entry.level].message_of(entry), entry, reason, exchange)
            if reason != MAXLEN and self._retains:
                self._retain(letter)
            else:
                letters.append(letter)
        if letters:
            self._home.office.take(letters)
        if self._retained is not None:
            self._retained.forward(self._home.clock.now_ms())

    def bury_refused(self, message: QueueMessage) -> None:
        """It never was in the queue, which is full (overflow reject-publish-dlx)."""
        exchange = self._queue.settings.dead_letter_exchange
        self._queue.counters.count_dead(MAXLEN, 1, exchange is not None)
        if exchange is not None:
            self._home.office.take([self._letter(message, None, MAXLEN, exchange)])

    def readdress(self) -> None:
        """The policy has changed."""
        if self._retained is None:
            return
        settings = self._queue.settings
        if settings.dead_letter_exchange is not None:
            self._retained.readdress(settings.dead_letter_exchange, settings.dead_letter_routing_key, self._home.clock.now_ms())
        else:
            self.drop_retained()

    def go_on(self, now_ms: int) -> None:
        """With those that are kept."""
        if self._retained is not None:
            self._retained.retry(now_ms)
            self._retained.forward(now_ms)

    def drop_retained(self) -> int:
        """Returns how many there were."""
        gone = self._retained.clear() if self._retained is not None else []
        for entry in gone:
            self._queue.settle_dead(entry)
        return len(gone)

    def close(self) -> None:
        """What is under way is no business of the queue any more."""
        self._retained = None

    @property
    def _retains(self) -> bool:
        settings = self._queue.settings
        return self._queue.kind == QUORUM and settings.dead_letter_strategy == AT_LEAST_ONCE and settings.overflow == REJECT_PUBLISH

    def _letter(self, message: QueueMessage, entry: Entry | None, reason: str, exchange: str) -> DeadLetter:
        return DeadLetter(self._queue, message, entry, reason, exchange, self._queue.settings.dead_letter_routing_key)

    def _retain(self, letter: DeadLetter) -> None:
        if self._retained is None:
            self._retained = RetainedDeadLetters(self._home.office, self._home.group_commit, self._settle_retained, self._queue.wake_at)
        self._retained.add(letter)

    def _settle_retained(self, entry: Entry) -> None:
        self._queue.settle_dead(entry)
        if self._retained is not None:
            self._retained.forward(self._home.clock.now_ms())
