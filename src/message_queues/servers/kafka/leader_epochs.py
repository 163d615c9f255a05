"""OffsetForLeaderEpoch (key 23), versions 2-4 (KIP-320): where an epoch ended, so that a client can tell whether its log was cut.

Without elections a partition has one epoch; a later one that a client may ask for is unknown (-1, -1).
"""

from message_queues.errors import MessageQueuesError
from message_queues.protocols.kafka.messages.leader_epochs import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.context import RequestContext
from message_queues.servers.kafka.leadership import led_partition


def offset_for_leader_epoch(context: RequestContext, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse:
    return OffsetForLeaderEpochResponse(
        topics=[
            OffsetForLeaderTopicResult(topic=topic.topic, partitions=[_one(context, topic.topic, asked) for asked in topic.partitions])
            for topic in request.topics
        ]
    )


def _one(context: RequestContext, topic: str, asked: OffsetForLeaderPartition) -> EpochEndOffset:
    try:
        partition = led_partition(context, topic, asked.partition, asked.current_leader_epoch)
        end_offset = partition.log.end_offset
    except MessageQueuesError as error:
        return EpochEndOffset(partition=asked.partition, error_code=error_code(error))
    epoch = partition.replicas.leader_epoch
    if not 0 <= asked.leader_epoch <= epoch:
        return EpochEndOffset(partition=asked.partition)
    return EpochEndOffset(partition=asked.partition, leader_epoch=epoch, end_offset=end_offset)
