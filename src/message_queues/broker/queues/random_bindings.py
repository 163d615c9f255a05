"""The bindings of x-random and x-local-random exchanges: each message goes to one of them, whatever its routing key.

There is one node, so every queue is local.
"""

import random
from collections.abc import Collection

from message_queues.broker.queues.bindings import Binding, DependsOn
from message_queues.broker.queues.message import QueueMessage


class RandomBindings:
    depends_on = DependsOn.MESSAGE

    def __init__(self) -> None:
        self._bindings: list[Binding] = []
        self._places: dict[Binding, int] = {}

    def add(self, binding: Binding) -> None:
        self._places[binding] = len(self._bindings)
        self._bindings.append(binding)

    def remove(self, binding: Binding) -> None:
        place = self._places.pop(binding)
        last = self._bindings.pop()
        if last != binding:
            self._bindings[place] = last
            self._places[last] = place

    def match(self, message: QueueMessage) -> Collection[Binding]:
        count = len(self._bindings)
        return () if not count else (self._bindings[int(random.random() * count)],)
