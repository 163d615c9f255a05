"""Which partition a request means, and whether this node may answer for it."""

from message_queues.broker.logs.partition import Partition
from message_queues.errors import FencedLeaderEpoch, NotLeaderOrFollower, UnknownLeaderEpoch
from message_queues.servers.kafka.context import RequestContext

NO_EPOCH = -1


def led_partition(context: RequestContext, topic: str, index: int, leader_epoch: int = NO_EPOCH) -> Partition:
    """The partition, when this node leads it in the epoch that the client believes in (KIP-320)."""
    partition = context.broker.topics.partition(topic, index)
    replicas = partition.replicas
    if leader_epoch not in (NO_EPOCH, replicas.leader_epoch):
        older = leader_epoch < replicas.leader_epoch
        raise (FencedLeaderEpoch if older else UnknownLeaderEpoch)(
            f"leader epoch {leader_epoch} of {topic}-{index} is {'older' if older else 'newer'} than {replicas.leader_epoch}"
        )
    if replicas.leader != context.node_id:
        raise NotLeaderOrFollower(f"node {replicas.leader} leads {topic}-{index}, not node {context.node_id}")
    return partition
