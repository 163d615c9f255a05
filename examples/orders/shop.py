"""The clusters, and what publisher and processors share on them, as each of them asks for it: `create_*` is idempotent."""

from collections.abc import Sequence

import boto3

from message_queues import MessageQueues

CLUSTER = "production-kafka"
TOPIC = "orders"
GROUP = "order-processors"
PARTITIONS = 12
NODES = 3
RABBITMQ_CLUSTER = "production-rabbitmq"
EXCHANGE = "orders"
QUEUE = "order-processing"
ROUTING_KEY = "order.created"
REGION = "us-east-1"
SNS_TOPIC = "order-events.fifo"
FIFO_QUEUE = "billing.fifo"
STANDARD_QUEUE = "notifications"
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


def open_rabbitmq_shop(amqp: str, management: str) -> MessageQueues:
    mq = MessageQueues(embedded=False)
    host, _, port = amqp.rpartition(":")
    mq.create_rabbitmq_cluster(name=RABBITMQ_CLUSTER, host=host, port=int(port), management_port=int(management.rpartition(":")[2]))
    mq.create_exchange(cluster_name=RABBITMQ_CLUSTER, exchange_name=EXCHANGE, exchange_type="topic", durable=True)
    mq.create_queue(
        cluster_name=RABBITMQ_CLUSTER,
        queue_name=QUEUE,
        durable=True,
        arguments={"x-message-ttl": 86_400_000, "x-max-length": 100_000},
    )
    mq.create_binding(cluster_name=RABBITMQ_CLUSTER, exchange=EXCHANGE, queue=QUEUE, routing_key=ROUTING_KEY)
    return mq


def open_sqs_shop(endpoint_url: str) -> MessageQueues:
    """The topic hands each order on to both queues. Only a FIFO topic feeds a FIFO queue; it feeds a standard one, too."""
    mq = MessageQueues(embedded=False)
    session = boto3.Session(aws_access_key_id="demo", aws_secret_access_key="demo")
    topic = mq.create_sns_topic(SNS_TOPIC, REGION, endpoint_url=endpoint_url, session=session)
    for queue in (FIFO_QUEUE, STANDARD_QUEUE):
        mq.subscribe(topic, mq.create_sqs_queue(queue, REGION, {"VisibilityTimeout": 30}, endpoint_url=endpoint_url))
    return mq
