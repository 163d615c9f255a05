"""The subscriptions of one queue, and whose turn it is (RabbitMQ's rabbit_queue_consumers and the service queue of rabbit_fifo).

Those that can take messages are served in turn, higher priorities before lower ones. One that cannot take leaves its ring when its
turn comes, and joins again at the end when its owner says so: `ready`. With a single active consumer only that one is ever in a ring.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable

from message_queues.broker.queues.consumer import Consumer
from message_queues.errors import AccessRefused


class Consumers:
    __slots__ = ("_heeds_exclusive", "_resting", "_rings", "active", "all", "is_quiescing", "single_active", "takes_over")

    def __init__(self, *, single_active: bool, takes_over: bool, heeds_exclusive: bool) -> None:
        """`takes_over`: a newcomer of a higher priority becomes the single active consumer once the old one holds nothing."""
        self.single_active = single_active
        self.takes_over = takes_over
        self._heeds_exclusive = heeds_exclusive
        self.all: list[Consumer] = []
        """In the order of their registration."""
        self.active: Consumer | None = None
        """The single active consumer, or the exclusive one."""
        self.is_quiescing = False
        """The active consumer gets no more, because one of a higher priority waits for what it holds to be settled."""
        self._rings: list[tuple[int, deque[Consumer]]] = []
        """(negated priority, consumers), the highest priority first."""
        self._resting: set[Consumer] = set()
        """Out of their rings until they are ready."""

    def __len__(self) -> int:
        return len(self.all)

    # Whose turn

    def next(self) -> Consumer | None:
        """The one that gets the next message."""
        for _, ring in self._rings:
            while ring:
                consumer = ring[0]
                if consumer.can_take:
                    if len(ring) > 1:
                        ring.rotate(-1)
                    return consumer
                self._resting.add(consumer)
                ring.popleft()
        return None

    def ready(self, consumer: Consumer) -> None:
        """It can take again."""
        if consumer in self._resting:
            self._resting.discard(consumer)
            self._join(consumer)

    @property
    def greatest_ready_priority(self) -> int | None:
        """Of those that can take; None if there is none."""
        return next((-negated for negated, ring in self._rings if any(consumer.can_take for consumer in ring)), None)

    # Who is there

    def add(self, consumer: Consumer, queue: str) -> None:
        """Raises AccessRefused where one of them wants the queue for itself; `queue` is how the error calls it."""
        if self._heeds_exclusive and self._collides(consumer):
            raise AccessRefused(f"{queue} in exclusive use")
        self.all.append(consumer)
        if not self.single_active:
            consumer.is_active = True
            if consumer.is_exclusive and self._heeds_exclusive:
                self.active = consumer
            self._join(consumer)
        else:
            consumer.is_active = False
            if self.active is None:
                self._activate(consumer)

    def _collides(self, consumer: Consumer) -> bool:
        if self.single_active:
            return consumer.is_exclusive
        return self.active is not None or (consumer.is_exclusive and bool(self.all))

    def remove(self, consumer: Consumer) -> bool:
        """Whether it was there."""
        if consumer not in self.all:
            return False
        self.all.remove(consumer)
        self._leave(consumer)
        if consumer is self.active:
            self.active = None
            self.is_quiescing = False
            successor = self._successor()
            if self.single_active and successor is not None:
                self._activate(successor)
        elif self.is_quiescing and self.active is not None and not self._is_outranked(self.active):
            # Who was to take over has gone.
            self._activate(self.active)
        return True

    def clear(self) -> list[Consumer]:
        """Forgets all; returns who was there."""
        gone, self.all = self.all, []
        self._rings = []
        self._resting = set()
        self.active = None
        self.is_quiescing = False
        return gone

    # The single active consumer

    def give_way(self, holds: Callable[[Consumer], bool]) -> bool:
        """Lets a waiting consumer of a higher priority take over, or keeps the active one from getting more; whether it changed.

        `holds`: whether a consumer has messages unacknowledged.
        """
        active = self.active
        if not self.takes_over or active is None or not self._is_outranked(active):
            return False
        if holds(active):
            if not self.is_quiescing:
                self.is_quiescing = True
                self._leave(active)
            return False
        successor = self._successor()
        self._leave(active)
        active.is_active = False
        if successor is not None:
            self._activate(successor)
        return True

    def _is_outranked(self, active: Consumer) -> bool:
        successor = self._successor()
        return successor is not None and successor.priority > active.priority

    def _successor(self) -> Consumer | None:
        """The highest priority, then who was first."""
        waiting = [consumer for consumer in self.all if consumer is not self.active]
        return max(waiting, key=lambda consumer: consumer.priority, default=None)

    def _activate(self, consumer: Consumer) -> None:
        self.active = consumer
        self.is_quiescing = False
        consumer.is_active = True
        self._join(consumer)

    # Rings

    def _join(self, consumer: Consumer) -> None:
        negated = -consumer.priority
        for priority, ring in self._rings:
            if priority == negated:
                ring.append(consumer)
                return
        insort(self._rings, (negated, deque((consumer,))), key=lambda ring: ring[0])

    def _leave(self, consumer: Consumer) -> None:
        self._resting.discard(consumer)
        for _, ring in self._rings:
            if consumer in ring:
                ring.remove(consumer)
        # Priorities come and go with their consumers.
        self._rings = [(negated, ring) for negated, ring in self._rings if ring]
