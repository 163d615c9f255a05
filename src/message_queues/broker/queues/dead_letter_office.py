"""Where the dead letters of all queues of a broker are sent on from, at most once each (RabbitMQ's only way for classic queues).

A dead letter is stored before its original is settled: a crash between the two doubles it, none loses it. One is dealt with after the
other, however they come about: a chain of queues that drop each other's messages takes no deeper call for each of them.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from message_queues.broker.clock import Clock, Timers
from message_queues.broker.queues.dead_letter import Death, DeathCustoms, is_cycle, record_death
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.storage.group_commit import Failures, GroupCommit

RETRY_MS: Final = 1000
"""After a failed write the originals stay away from their queues for so long."""


class DeadLetterTarget(Protocol):
    """A queue of any kind that a dead letter is routed to."""

    @property
    def name(self) -> str: ...

    def publish(self, message: QueueMessage) -> bool:
        """False: refused because the queue is full."""
        ...


class DeadLetterRoutes(Protocol):
    """Where dead letters of a virtual host go: the virtual hosts know."""

    def dead_letter_targets(self, virtual_host: str, exchange: str, message: QueueMessage) -> Sequence[DeadLetterTarget] | None:
        """The queues that the exchange routes it to, each once; None when there is no such exchange."""
        ...


class Mourner(Protocol):
    """The queue that a message died in."""

    @property
    def name(self) -> str: ...
    @property
    def virtual_host(self) -> str: ...
    def settle_dead(self, entry: Entry) -> None: ...
    def revive(self, entry: Entry) -> None: ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that died, and what it died of."""

    queue: Mourner
    message: QueueMessage
    entry: Entry | None
    """None: it never was in the queue."""
    reason: str
    exchange: str
    routing_key: str | None


class DeadLetterOffice:
    __slots__ = ("_clock", "_customs", "_group_commit", "_is_busy", "_routes", "_sent", "_timers", "_waiting")

    def __init__(self, clock: Clock, timers: Timers, group_commit: GroupCommit, routes: DeadLetterRoutes, customs: DeathCustoms) -> None:
        self._clock = clock
        self._timers = timers
        self._group_commit = group_commit
        self._routes = routes
        self._customs = customs
        self._waiting: deque[DeadLetter] = deque()
        self._is_busy = False
        self._sent: list[DeadLetter] = []
        """Their originals are settled after this turn's group commit."""

    def take(self, letters: Sequence[DeadLetter]) -> None:
        """Sends them on now, or after those that are being sent."""
        self._waiting.extend(letters)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._waiting:
                self._send(self._waiting.popleft())
        finally:
            self._is_busy = False

    def dead(self, letter: DeadLetter) -> QueueMessage:
        """The message as it is published."""
        death = Death(letter.queue.name, letter.reason, self._clock.now_ms(), letter.exchange, letter.routing_key)
        return record_death(letter.message, death, self._customs)

    def targets(self, letter: DeadLetter, dead: QueueMessage) -> list[DeadLetterTarget]:
        """Where it goes: not where it would go round for ever."""
        routed = self._routes.dead_letter_targets(letter.queue.virtual_host, letter.exchange, dead)
        return [target for target in routed or () if not is_cycle(dead, target.name)]

    def _send(self, letter: DeadLetter) -> None:
        dead = self.dead(letter)
        for target in self.targets(letter, dead):
            target.publish(dead)
        entry = letter.entry
        if entry is None:
            return
        if not entry.stored:
            letter.queue.settle_dead(entry)
            return
        if not self._sent:
            self._group_commit.when_durable(self._stored)
        self._sent.append(letter)

    def _stored(self, failures: Failures) -> None:
        sent, self._sent = self._sent, []
        if failures:
            # Some of them were not stored; sending all again may double the others.
            self._timers.after(RETRY_MS, lambda: self._revive(sent))
            return
        for letter in sent:
            if letter.entry is not None:
                letter.queue.settle_dead(letter.entry)

    def _revive(self, letters: list[DeadLetter]) -> None:
        for letter in letters:
            if letter.entry is not None:
                letter.queue.revive(letter.entry)
