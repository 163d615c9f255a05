"""Where a partition's replicas are, which are in sync, and who leads.

The replicas are metadata: there is one log. Elections and faults change `leader`, `leader_epoch` and `in_sync` here and nowhere else.
"""

from collections.abc import Sequence


class Replicas:
    __slots__ = ("assigned", "in_sync", "leader", "leader_epoch")

    def __init__(self, assigned: Sequence[int]) -> None:
        self.assigned = tuple(assigned)
        self.in_sync = self.assigned
        self.leader = self.assigned[0]
        self.leader_epoch = 0
