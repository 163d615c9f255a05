"""A family of metrics: of which objects, what of each, under which names."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from message_queues.broker.queues.virtual_host import AnyQueue
from message_queues.servers.amqp.counters import ChannelCounters
from message_queues.servers.management.node import Node

Value = int | float | None
Row = tuple[dict[str, str], Sequence[Value]]
"""The labels of an object, and its value for each metric of the family."""
Rows = Callable[["Subject"], list[Row]]


class Subject:
    """What is looked at: the broker, as far as the caller asks for it."""

    def __init__(self, node: Node, virtual_hosts: frozenset[str] | None, queue_pattern: "re.Pattern[str] | None") -> None:
        self.node = node
        self._virtual_hosts = virtual_hosts
        self._queue_pattern = queue_pattern
        self._queues: list[AnyQueue] | None = None

    def queues(self) -> list[AnyQueue]:
        if self._queues is None:
            self._queues = [
                queue
                for name, virtual_host in self.node.broker.virtual_hosts.items()
                if self._virtual_hosts is None or name in self._virtual_hosts
                for queue in virtual_host.queues.values()
                if self._queue_pattern is None or self._queue_pattern.search(queue.name)
            ]
        return self._queues

    def channel_counters(self) -> ChannelCounters:
        """Of all channels there ever were."""
        return self.node.amqp.totals() if self.node.amqp is not None else ChannelCounters()


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: str
    described: str


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    metrics: tuple[Metric, ...]
    rows: Rows
    is_sum: bool = True
    """Aggregated without any object it is 0; else it is left away."""
    labels_always: bool = False
    """Aggregated, too, it has labels."""
    within: str | None = None
    """It is a part of this family, for who wants no more."""


def metrics(*told: tuple[str, str, str]) -> tuple[Metric, ...]:
    return tuple(Metric(*each) for each in told)


def one_row(values: Iterable[Value]) -> list[Row]:
    return [({}, tuple(values))]
