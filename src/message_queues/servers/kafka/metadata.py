"""Metadata (key 3), versions 0-13: the nodes at the address that the client dialled, and the topics with their leaders.

A topic that does not exist is created when the client and `auto.create.topics.enable` allow it, and is ready in the same answer (Kafka's
first answer still says UNKNOWN_TOPIC_OR_PARTITION).
"""

from message_queues.broker.logs.partition import Partition
from message_queues.broker.topics import Topic, check_topic_name
from message_queues.errors import MessageQueuesError, UnknownTopicId, UnknownTopicOrPartition
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from message_queues.protocols.kafka.wire import ZERO_UUID
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.context import CLUSTER_OPERATIONS, OMITTED_OPERATIONS, TOPIC_OPERATIONS, RequestContext

FIRST_WITH_TOPIC_IDS = 12


async def metadata(context: RequestContext, request: MetadataRequest) -> MetadataResponse:
    broker = context.broker
    asked_for = request.topics or []
    if context.api_version < FIRST_WITH_TOPIC_IDS and any(asked.name is None or asked.topic_id != ZERO_UUID for asked in asked_for):
        return _refused(asked_for)
    operations = TOPIC_OPERATIONS if request.include_topic_authorized_operations else OMITTED_OPERATIONS
    if request.topics is None or (context.api_version == 0 and not request.topics):
        topics = [_described(topic, operations) for topic in broker.topics]
    else:
        await _create_missing(context, request)
        # One that is asked for twice is described once.
        once = {(asked.name, asked.topic_id): asked for asked in asked_for}.values()
        topics = [_asked_for(context, asked, operations) for asked in once]
    return MetadataResponse(
        brokers=[
            MetadataResponseBroker(node_id=endpoint.node_id, host=endpoint.host, port=endpoint.port, rack=endpoint.rack)
            for endpoint in context.endpoints
        ],
        cluster_id=broker.cluster_id,
        controller_id=broker.nodes.controller_id,
        topics=topics,
        cluster_authorized_operations=CLUSTER_OPERATIONS if request.include_cluster_authorized_operations else OMITTED_OPERATIONS,
    )


def _refused(topics: list[MetadataRequestTopic]) -> MetadataResponse:
    """Versions 10 and 11 have topic ids in their form, but only names may be asked for."""
    return MetadataResponse(
        topics=[
            MetadataResponseTopic(error_code=ErrorCode.INVALID_REQUEST, name=asked.name or "", topic_id=asked.topic_id) for asked in topics
        ]
    )


async def _create_missing(context: RequestContext, request: MetadataRequest) -> None:
    broker = context.broker
    if not request.allow_auto_topic_creation or not broker.config.boolean("auto.create.topics.enable"):
        return
    await broker.create_missing_topics(
        asked.name for asked in request.topics or () if asked.name is not None and asked.topic_id == ZERO_UUID
    )


def _asked_for(context: RequestContext, asked: MetadataRequestTopic, operations: int) -> MetadataResponseTopic:
    topics = context.broker.topics
    try:
        if asked.topic_id != ZERO_UUID:
            topic = topics.by_id.get(asked.topic_id)
            if topic is None:
                raise UnknownTopicId("This server does not host this topic ID.")
        else:
            topic = topics.by_name.get(asked.name or "")
            if topic is None:
                check_topic_name(asked.name or "")
                raise UnknownTopicOrPartition("This server does not host this topic-partition.")
    except MessageQueuesError as error:
        name = asked.name if asked.topic_id == ZERO_UUID or context.api_version < FIRST_WITH_TOPIC_IDS else None
        return MetadataResponseTopic(error_code=error_code(error), name=name or (None if name is None else ""), topic_id=asked.topic_id)
    return _described(topic, operations)


def _described(topic: Topic, operations: int) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=[_partition(partition) for partition in topic.partitions],
        topic_authorized_operations=operations,
    )


def _partition(partition: Partition) -> MetadataResponsePartition:
    replicas = partition.replicas
    return MetadataResponsePartition(
        partition_index=partition.index,
        leader_id=replicas.leader,
        leader_epoch=replicas.leader_epoch,
        replica_nodes=list(replicas.assigned),
        isr_nodes=list(replicas.in_sync),
    )
