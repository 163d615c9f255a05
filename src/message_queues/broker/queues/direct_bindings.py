"""The bindings of direct exchanges (the routing keys are equal) and of fanout exchanges (all)."""

from collections.abc import Collection

from message_queues.broker.queues.bindings import NOTHING, Binding, DependsOn
from message_queues.broker.queues.message import QueueMessage


class DirectBindings:
    depends_on = DependsOn.KEY

    def __init__(self) -> None:
        self._by_key: dict[str, dict[Binding, None]] = {}

    def add(self, binding: Binding) -> None:
        self._by_key.setdefault(binding.routing_key, {})[binding] = None

    def remove(self, binding: Binding) -> None:
        of_key = self._by_key[binding.routing_key]
        del of_key[binding]
        if not of_key:
            del self._by_key[binding.routing_key]

    def match(self, message: QueueMessage) -> Collection[Binding]:
        found = self._by_key.get(message.routing_key, NOTHING)
        if not message.other_keys:
            return found
        return [*found, *(binding for key in message.other_keys for binding in self._by_key.get(key, NOTHING))]


class FanoutBindings:
    depends_on = DependsOn.NOTHING

    def __init__(self) -> None:
        self._bindings: dict[Binding, None] = {}

    def add(self, binding: Binding) -> None:
        self._bindings[binding] = None

    def remove(self, binding: Binding) -> None:
        del self._bindings[binding]

    def match(self, message: QueueMessage) -> Collection[Binding]:
        return self._bindings
