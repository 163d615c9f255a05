"""At-least-once dead lettering of a quorum queue (RabbitMQ's rabbit_fifo_dlx and its worker).

A dead message stays in its queue until every queue that it is routed to has stored it. A few are under way at a time; one that nothing
takes, because there is no route or a target is full, is tried again now and then, and only at those targets that have not got it yet.
RabbitMQ tries again after three minutes; here it is sooner.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from message_queues.broker.queues.dead_letter_office import DeadLetter, DeadLetterOffice
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.storage.group_commit import Failures, GroupCommit

PREFETCH: Final = 32
RETRY_MS: Final = 10_000


class _Pending:
    """One that is under way."""

    __slots__ = ("dead", "letter", "stored_in", "tried_ms", "waits_for_disk")

    def __init__(self, letter: DeadLetter, dead: QueueMessage) -> None:
        self.letter = letter
        self.dead = dead
        self.stored_in: set[str] = set()
        self.tried_ms = 0
        self.waits_for_disk = False


class RetainedDeadLetters:
    __slots__ = ("_group_commit", "_office", "_settle", "_underway", "_waiting", "_wake_at", "bytes")

    def __init__(
        self, office: DeadLetterOffice, group_commit: GroupCommit, settle: Callable[[Entry], None], wake_at: Callable[[int], None]
    ) -> None:
        """`settle` is told of each original that is stored everywhere, `wake_at` when `retry` is to be called."""
        self._office = office
        self._group_commit = group_commit
        self._settle = settle
        self._wake_at = wake_at
        self._waiting: deque[DeadLetter] = deque()
        self._underway: list[_Pending] = []
        self.bytes = 0
        """Of the bodies."""

    def __len__(self) -> int:
        return len(self._waiting) + len(self._underway)

    def add(self, letter: DeadLetter) -> None:
        self._waiting.append(letter)
        self.bytes += len(letter.message.body)

    def forward(self, now_ms: int) -> None:
        while self._waiting and len(self._underway) < PREFETCH:
            letter = self._waiting.popleft()
            pending = _Pending(letter, self._office.dead(letter))
            self._underway.append(pending)
            self._try(pending, now_ms)

    def retry(self, now_ms: int) -> None:
        """Those that were tried long enough ago."""
        for pending in list(self._underway):
            if not pending.waits_for_disk and pending.tried_ms + RETRY_MS <= now_ms:
                self._try(pending, now_ms)

    def readdress(self, exchange: str, routing_key: str | None, now_ms: int) -> None:
        """The policy has changed: those that wait for a route may have one now."""
        self._waiting = deque(replace(letter, exchange=exchange, routing_key=routing_key) for letter in self._waiting)
        for pending in list(self._underway):
            pending.letter = replace(pending.letter, exchange=exchange, routing_key=routing_key)
            pending.dead = self._office.dead(pending.letter)
            if not pending.waits_for_disk:
                self._try(pending, now_ms)

    def clear(self) -> list[Entry]:
        """Gives all up; returns the originals."""
        letters = [*(pending.letter for pending in self._underway), *self._waiting]
        self._underway = []
        self._waiting.clear()
        self.bytes = 0
        return [letter.entry for letter in letters if letter.entry is not None]

    def _try(self, pending: _Pending, now_ms: int) -> None:
        pending.tried_ms = now_ms
        taken: list[str] = []
        is_refused = False
        for target in self._office.targets(pending.letter, pending.dead):
            if target.name not in pending.stored_in:
                if target.publish(pending.dead):
                    taken.append(target.name)
                else:
                    is_refused = True
        if taken:
            pending.waits_for_disk = True
            self._group_commit.when_durable(partial(self._stored, pending, taken, is_refused))
        elif pending.stored_in and not is_refused:
            # The targets that refused it are gone.
            self._finish(pending)
        else:
            self._wake_at(now_ms + RETRY_MS)

    def _stored(self, pending: _Pending, names: list[str], is_refused: bool, failures: Failures) -> None:
        pending.waits_for_disk = False
        if pending not in self._underway:
            return
        if not failures:
            pending.stored_in.update(names)
            if not is_refused:
                self._finish(pending)
                return
        self._wake_at(pending.tried_ms + RETRY_MS)

    def _finish(self, pending: _Pending) -> None:
        self._underway.remove(pending)
        self.bytes -= len(pending.letter.message.body)
        if pending.letter.entry is not None:
            self._settle(pending.letter.entry)
