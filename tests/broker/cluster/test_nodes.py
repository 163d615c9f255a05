import pytest

from message_queues.broker.cluster.nodes import Node, Nodes
from message_queues.errors import InvalidReplicationFactor


def test_leaders_go_in_turn_over_the_nodes_and_followers_on_the_next_ones() -> None:
    nodes = Nodes([Node(2), Node(0), Node(1)])
    assert nodes.place(partitions=4, replication_factor=2, first=1) == [[1, 2], [2, 0], [0, 1], [1, 2]]


def test_more_replicas_than_nodes_are_refused() -> None:
    with pytest.raises(InvalidReplicationFactor, match="only 1 broker"):
        Nodes([Node(0)]).place(partitions=1, replication_factor=3, first=0)


def test_the_controller_is_the_node_with_the_lowest_id() -> None:
    assert Nodes([Node(5), Node(3)]).controller_id == 3
