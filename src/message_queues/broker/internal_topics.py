"""The topics in which Kafka keeps a state of its own. Here the journal keeps it: the topic is there to be seen, and stays empty.

`__consumer_offsets` comes into being as the coordinator of a first group is looked for, or as a client asks for it by name (Kafka's
DefaultAutoTopicCreationManager). Its partitions are led by the nodes that coordinate the groups whose ids hash to them.
"""

from message_queues.broker.cluster.nodes import Nodes
from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.topics import OFFSETS, TopicSpec


def automatic_topic(name: str, config: BrokerConfig, nodes: Nodes) -> TopicSpec:
    """What is created when a topic is asked for that does not exist."""
    if name != OFFSETS:
        return TopicSpec(name)
    # Kafka would wait for enough nodes; here no more will come.
    factor = min(config.int("offsets.topic.replication.factor"), len(nodes))
    replicas = nodes.place(config.int("offsets.topic.num.partitions"), factor, first=0)
    configs = {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "segment.bytes": str(config.int("offsets.topic.segment.bytes")),
    }
    return TopicSpec(OFFSETS, assignments=list(enumerate(replicas)), configs=configs)
