"""The simulated brokers of this one process: what Kafka calls nodes.

Every node has a listener of its own; all of them serve the same partitions, each answering only for those that it leads, as brokers of
a real cluster do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from message_queues.errors import InvalidReplicationFactor


@dataclass(frozen=True, slots=True)
class Node:
    node_id: int
    rack: str | None = None


class Nodes:
    """The nodes by id, and where replicas go.

    >>> Nodes([Node(0), Node(1), Node(2)]).place(partitions=4, replication_factor=2, first=0)
    [[0, 1], [1, 2], [2, 0], [0, 1]]
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.by_id = {node.node_id: node for node in sorted(nodes, key=lambda node: node.node_id)}
        self.ids: tuple[int, ...] = tuple(self.by_id)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def controller_id(self) -> int:
        return self.ids[0]

    def place(self, partitions: int, replication_factor: int, first: int) -> list[list[int]]:
        """Leaders in turn over the nodes, followers on the next ones, so that load and risk are even (KRaft's stripe placement)."""
        count = len(self.ids)
        if replication_factor > count:
            # The wording of KRaft's StripedReplicaPlacer.
            raise InvalidReplicationFactor(
                f"Unable to replicate the partition {replication_factor} time(s): The target replication factor of {replication_factor} "
                f"cannot be reached because only {count} broker(s) are registered or some brokers have all their log directories cordoned."
            )
        return [
            [self.ids[(first + partition + replica) % count] for replica in range(replication_factor)] for partition in range(partitions)
        ]

    def unknown(self, node_ids: Sequence[int]) -> list[int]:
        return [node_id for node_id in node_ids if node_id not in self.by_id]
