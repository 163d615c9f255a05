"""`__consumer_offsets` as clients see it."""

from collections.abc import Mapping

from message_queues.broker.cluster.nodes import Node, Nodes
from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.coordination.placement import coordinator_node, coordinator_partition
from message_queues.broker.internal_topics import automatic_topic
from message_queues.broker.topics import OFFSETS, TopicSpec


def offsets_topic(nodes: int, config: Mapping[str, str] | None = None) -> TopicSpec:
    return automatic_topic(OFFSETS, BrokerConfig(config or {}), Nodes(Node(node_id) for node_id in range(nodes)))


def test_other_topics_are_created_with_the_defaults() -> None:
    assert automatic_topic("orders", BrokerConfig({}), Nodes([Node(0)])) == TopicSpec("orders")


def test_it_has_the_partitions_the_replicas_and_the_configuration_that_the_broker_is_set_to() -> None:
    config = {"offsets.topic.num.partitions": "5", "offsets.topic.replication.factor": "2", "offsets.topic.segment.bytes": "2097152"}
    spec = offsets_topic(3, config)
    assert spec.assignments == [(0, [0, 1]), (1, [1, 2]), (2, [2, 0]), (3, [0, 1]), (4, [1, 2])]
    assert spec.configs == {"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "2097152"}


def test_it_has_no_more_replicas_than_there_are_nodes() -> None:
    assert {tuple(replicas) for _, replicas in offsets_topic(1).assignments} == {(0,)}


def test_its_partitions_are_led_by_the_nodes_that_coordinate_the_groups() -> None:
    leaders = {partition: replicas[0] for partition, replicas in offsets_topic(3).assignments}
    for group_id in ("orders", "payments", "a", "b", ""):
        assert leaders[coordinator_partition(group_id, 50)] == coordinator_node(group_id, [0, 1, 2], 50)
