"""The cluster, the topic and the group that publisher and processors share, as each of them asks for them: `create_*` is idempotent."""

from collections.abc import Sequence

from message_queues import MessageQueues

CLUSTER = "production-kafka"
TOPIC = "orders"
GROUP = "order-processors"
PARTITIONS = 12
NODES = 3
PUBLISHED_AT = "published-at"
"""Header with the nanosecond at which an order was published: processes of one machine share the clock."""


def open_shop(brokers: Sequence[str]) -> MessageQueues:
    mq = MessageQueues(embedded=False)
    mq.create_kafka_cluster(name=CLUSTER, brokers=brokers)
    mq.create_topic(
        cluster_name=CLUSTER,
        topic_name=TOPIC,
        partitions=PARTITIONS,
        replication_factor=NODES,
        config={"retention.ms": "604800000", "cleanup.policy": "delete", "min.insync.replicas": "2"},
    )
    mq.create_consumer_group(group_id=GROUP, topics=[TOPIC], auto_offset_reset="earliest", enable_auto_commit=False)
    return mq
