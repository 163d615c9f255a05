"""What all queues of a broker share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from message_queues.broker.clock import Clock, Timers
from message_queues.broker.queues.backlog import BacklogHome
from message_queues.broker.queues.dead_letter_office import DeadLetterOffice, DeadLetterRoutes, DeadLetterTarget
from message_queues.broker.queues.release_rules import QuorumRules, death_customs, quorum_rules
from message_queues.broker.queues.version import RabbitVersion
from message_queues.storage.group_commit import GroupCommit

__all__ = ["DeadLetterRoutes", "DeadLetterTarget", "QueueHome"]


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
    office: DeadLetterOffice = field(init=False)
    quorum_rules: QuorumRules = field(init=False)

    def __post_init__(self) -> None:
        office = DeadLetterOffice(self.clock, self.timers, self.group_commit, self.dead_letters, death_customs(self.version))
        object.__setattr__(self, "office", office)
        object.__setattr__(self, "quorum_rules", quorum_rules(self.version))
