"""What all queues of a broker share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from message_queues.broker.clock import Clock, Timers
from message_queues.broker.queues.backlog import BacklogHome
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.version import RabbitVersion
from message_queues.storage.group_commit import GroupCommit


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


@dataclass(frozen=True, slots=True)
class QueueHome:
    clock: Clock
    timers: Timers
    call_soon: Callable[[Callable[[], None]], object]
    group_commit: GroupCommit
    backlogs: BacklogHome
    directory: str
    """Each queue has a directory in it, named by its id in hexadecimal."""
    dead_letters: DeadLetterRoutes
    version: RabbitVersion
