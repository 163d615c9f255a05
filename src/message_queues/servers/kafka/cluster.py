"""DescribeCluster (60) 0-2, DescribeTopicPartitions (75) 0, DescribeLogDirs (35) 1-5."""

import os
import shutil
from collections.abc import Iterator

from message_queues.broker.logs.partition import Partition
from message_queues.broker.topics import Topic, check_topic_name
from message_queues.errors import MessageQueuesError
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.cluster import (
    Cursor,
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.context import CLUSTER_OPERATIONS, OMITTED_OPERATIONS, TOPIC_OPERATIONS, RequestContext

BROKERS, CONTROLLERS = 1, 2


def describe_cluster(context: RequestContext, request: DescribeClusterRequest) -> DescribeClusterResponse:
    if request.endpoint_type not in (BROKERS, CONTROLLERS):
        return DescribeClusterResponse(
            error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message=f"Unsupported endpoint type {request.endpoint_type}",
            endpoint_type=BROKERS,
        )
    if request.endpoint_type == CONTROLLERS:
        # Kafka's brokers refuse it in these words: controllers have listeners of their own, and here they have none.
        return DescribeClusterResponse(
            error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            error_message="The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
            endpoint_type=BROKERS,
        )
    return DescribeClusterResponse(
        cluster_id=context.broker.cluster_id,
        controller_id=context.broker.nodes.controller_id,
        brokers=[
            DescribeClusterBroker(broker_id=endpoint.node_id, host=endpoint.host, port=endpoint.port, rack=endpoint.rack)
            for endpoint in context.endpoints
        ],
        cluster_authorized_operations=CLUSTER_OPERATIONS if request.include_cluster_authorized_operations else OMITTED_OPERATIONS,
    )


def describe_topic_partitions(context: RequestContext, request: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse:
    topics = context.broker.topics
    names = sorted({topic.name for topic in request.topics} or topics.by_name)
    limit = min(max(request.response_partition_limit, 1), context.broker.config.int("max.request.partition.size.limit"))
    first_name, first_index = ("", 0) if request.cursor is None else (request.cursor.topic_name, request.cursor.partition_index)
    response = DescribeTopicPartitionsResponse()
    for name in names:
        if name < first_name:
            continue
        start = first_index if name == first_name else 0
        topic = topics.by_name.get(name)
        if topic is None:
            response.topics.append(_unknown_topic(name))
            continue
        if start < 0:
            response.topics.append(DescribeTopicPartitionsResponseTopic(name=name, error_code=ErrorCode.INVALID_REQUEST))
            continue
        if limit <= 0:
            response.next_cursor = Cursor(topic_name=name, partition_index=start)
            break
        shown = topic.partitions[start : start + limit]
        limit -= len(shown)
        response.topics.append(_topic_page(topic, shown))
        if start + len(shown) < len(topic.partitions):
            response.next_cursor = Cursor(topic_name=name, partition_index=start + len(shown))
            break
    return response


def _unknown_topic(name: str) -> DescribeTopicPartitionsResponseTopic:
    try:
        check_topic_name(name)
    except MessageQueuesError as error:
        code = error_code(error)
    else:
        code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return DescribeTopicPartitionsResponseTopic(name=name, error_code=code, topic_authorized_operations=TOPIC_OPERATIONS)


def _topic_page(topic: Topic, partitions: list[Partition]) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=[
            DescribeTopicPartitionsResponsePartition(
                partition_index=partition.index,
                leader_id=partition.replicas.leader,
                leader_epoch=partition.replicas.leader_epoch,
                replica_nodes=list(partition.replicas.assigned),
                isr_nodes=list(partition.replicas.in_sync),
                eligible_leader_replicas=[],
                last_known_elr=[],
            )
            for partition in partitions
        ],
        topic_authorized_operations=TOPIC_OPERATIONS,
    )


def describe_log_dirs(context: RequestContext, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse:
    directory = context.broker.data_path
    usage = shutil.disk_usage(directory)
    topics = [
        DescribeLogDirsTopic(
            name=topic.name,
            partitions=[
                DescribeLogDirsPartition(partition_index=partition.index, partition_size=_size(context, topic, partition))
                for partition in partitions
            ],
        )
        for topic, partitions in _asked_for(context, request)
    ]
    return DescribeLogDirsResponse(
        results=[
            DescribeLogDirsResult(
                log_dir=directory,
                topics=[topic for topic in topics if topic.partitions],
                total_bytes=usage.total,
                usable_bytes=usage.free,
            )
        ]
    )


def _asked_for(context: RequestContext, request: DescribeLogDirsRequest) -> Iterator[tuple[Topic, list[Partition]]]:
    """The partitions of which this node has a replica."""
    topics = context.broker.topics
    if request.topics is None:
        wanted = {topic.name: set(range(len(topic.partitions))) for topic in topics}
    else:
        wanted = {asked.topic: set(asked.partitions) for asked in request.topics}
    for name, indexes in wanted.items():
        topic = topics.by_name.get(name)
        if topic is not None:
            yield (
                topic,
                [
                    partition
                    for partition in topic.partitions
                    if partition.index in indexes and context.node_id in partition.replicas.assigned
                ],
            )


def _size(context: RequestContext, topic: Topic, partition: Partition) -> int:
    if partition.is_open:
        return partition.log.size_bytes
    # A log that nobody has used since the start is measured without opening it.
    directory = f"{context.broker.topics.directory_of(topic.topic_id)}/{partition.index}"
    if not os.path.isdir(directory):
        return 0
    return sum(entry.stat().st_size for entry in os.scandir(directory) if entry.name.endswith(".log"))
