"""ListOffsets (key 2), versions 1-11.

-1 latest, -2 earliest, -3 the record with the highest timestamp (v7), -4 earliest local (v8), -5 latest tiered (v9), -6 earliest pending
upload (v11); any other is a timestamp: the first record at or after it. Nothing is tiered, so -5 and -6 find nothing.
Java refuses an offset for a timestamp whose answer lacks the record's own timestamp.
"""

from message_queues.broker.logs.partition import Partition
from message_queues.errors import InvalidRequest, MessageQueuesError, UnsupportedVersion
from message_queues.protocols.kafka.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.context import RequestContext
from message_queues.servers.kafka.leadership import led_partition

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD = -1, -2, -3, -4, -5, -6
FIRST_VERSION = {LATEST: 1, EARLIEST: 1, MAX_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11}
NOTHING = (-1, -1)
FIRST_WITH_LEADER_EPOCH = 4


def list_offsets(context: RequestContext, request: ListOffsetsRequest) -> ListOffsetsResponse:
    seen: set[tuple[str, int]] = set()
    repeated: set[tuple[str, int]] = set()
    for topic in request.topics:
        for asked in topic.partitions:
            key = (topic.name, asked.partition_index)
            (repeated if key in seen else seen).add(key)
    topics: list[ListOffsetsTopicResponse] = []
    for topic in request.topics:
        # What is asked for twice is refused once.
        asked_once = {asked.partition_index: asked for asked in topic.partitions}.values()
        topics.append(
            ListOffsetsTopicResponse(name=topic.name, partitions=[_one(context, topic.name, asked, repeated) for asked in asked_once])
        )
    return ListOffsetsResponse(topics=topics)


def _one(context: RequestContext, topic: str, asked: ListOffsetsPartition, repeated: set[tuple[str, int]]) -> ListOffsetsPartitionResponse:
    index = asked.partition_index
    try:
        if (topic, index) in repeated:
            raise InvalidRequest(f"{topic}-{index} is asked for more than once")
        if asked.timestamp < 0 and FIRST_VERSION.get(asked.timestamp, 0x7FFF) > context.api_version:
            raise UnsupportedVersion(f"timestamp {asked.timestamp} has no meaning in version {context.api_version}")
        partition = led_partition(context, topic, index, asked.current_leader_epoch)
        offset, timestamp = _lookup(partition, asked.timestamp)
    except MessageQueuesError as error:
        return ListOffsetsPartitionResponse(partition_index=index, error_code=error_code(error))
    return ListOffsetsPartitionResponse(
        partition_index=index,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=partition.replicas.leader_epoch if offset >= 0 and context.api_version >= FIRST_WITH_LEADER_EPOCH else -1,
    )


def _lookup(partition: Partition, timestamp: int) -> tuple[int, int]:
    """(offset, timestamp), either -1 when there is none."""
    log = partition.log
    if timestamp == LATEST:
        return partition.high_watermark, -1
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return log.start_offset, -1
    if timestamp < 0 and timestamp != MAX_TIMESTAMP:
        return NOTHING
    found = log.max_timestamp() if timestamp == MAX_TIMESTAMP else log.offset_for_timestamp(timestamp)
    # What is in the file and not synced yet is nobody's business.
    return found if found is not None and found[0] < partition.high_watermark else NOTHING
