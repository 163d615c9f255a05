"""What all queues of SQS share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from message_queues.broker.clock import Clock, Timers
from message_queues.broker.queues.backlog import Residence
from message_queues.storage.group_commit import GroupCommit
from message_queues.storage.message_store import StoreHome

if TYPE_CHECKING:
    from message_queues.broker.sqs.chaos import Chaos


@dataclass(frozen=True, slots=True)
class SqsHome:
    clock: Clock
    timers: Timers
    patience: Timers
    """Of those who wait for messages: real time."""
    group_commit: GroupCommit
    stores: StoreHome
    residence: Residence
    """How much of all queues is in memory."""
    directory: str
    """Each queue has a directory in it, named by its id in hexadecimal."""
    remove_files: Callable[[str], None]
    """Has a directory removed once it is durable that the queue is gone."""
    chaos: "Chaos | None" = None
    most_in_flight: int = 120_000
    """Of one queue."""
    look_ahead: int = 120_000
    """So many messages of one queue are looked at to find one that can be received."""
