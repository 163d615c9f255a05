"""OffsetCommit (8) 2-10, OffsetFetch (9) 1-10, OffsetDelete (47) 0.

A commit takes effect in the turn in which it arrives and is answered once it is in the journal; a fetch is answered then too, so that no
offset is seen that a crash could take back. require_stable makes no difference while there are no transactions; member epochs are those of
the consumer protocol (KIP-848) and are not looked at for classic groups, as in Kafka.
"""

from collections.abc import Awaitable, Mapping
from typing import TypeAlias

from message_queues.broker.coordination.events import CommittedOffset
from message_queues.broker.coordination.offsets import OffsetCommit, OffsetToCommit
from message_queues.errors import GroupIdNotFound, MessageQueuesError
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.offsets import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.context import RequestContext

FIRST_WITH_TOPIC_IDS = 10
FIRST_WITH_GROUP_ID_NOT_FOUND = 9
FIRST_WITH_SEVERAL_GROUPS = 8
FIRST_WITH_GROUP_ERROR = 2

NOTHING_COMMITTED = -1

OffsetsByTopic: TypeAlias = Mapping[str, Mapping[int, CommittedOffset]]


# OffsetCommit


def offset_commit(context: RequestContext, request: OffsetCommitRequest) -> Awaitable[OffsetCommitResponse]:
    by_id = context.api_version >= FIRST_WITH_TOPIC_IDS
    names = [_name_of(context, topic.topic_id) if by_id else topic.name for topic in request.topics]
    commit = OffsetCommit(
        group_id=request.group_id,
        topics=[
            (
                name,
                [
                    OffsetToCommit(asked.partition_index, asked.committed_offset, asked.committed_leader_epoch, asked.committed_metadata)
                    for asked in topic.partitions
                ],
            )
            for name, topic in zip(names, request.topics, strict=True)
            if name is not None
        ],
        member_id=request.member_id,
        instance_id=request.group_instance_id,
        generation=request.generation_id_or_member_epoch,
        retention_ms=request.retention_time_ms,
    )
    codes = iter(_commit(context, commit))
    response = OffsetCommitResponse(
        topics=[
            OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=[
                    OffsetCommitResponsePartition(partition_index=asked.partition_index, error_code=code)
                    for asked, code in zip(
                        topic.partitions,
                        [ErrorCode.UNKNOWN_TOPIC_ID] * len(topic.partitions) if name is None else next(codes),
                        strict=True,
                    )
                ],
            )
            for name, topic in zip(names, request.topics, strict=True)
        ]
    )
    return _commit_response(context, response)


def _commit(context: RequestContext, commit: OffsetCommit) -> list[list[ErrorCode]]:
    groups = context.broker.groups
    try:
        groups.check_coordinator(commit.group_id, context.node_id)
        answers = groups.offsets.commit(commit)
    except MessageQueuesError as error:
        return [[error_code(error)] * len(partitions) for _, partitions in commit.topics]
    return [[_commit_code(context, answer) for answer in partitions] for partitions in answers]


def _commit_code(context: RequestContext, error: MessageQueuesError | None) -> ErrorCode:
    if isinstance(error, GroupIdNotFound) and context.api_version < FIRST_WITH_GROUP_ID_NOT_FOUND:
        return ErrorCode.ILLEGAL_GENERATION
    return _code(error)


async def _commit_response(context: RequestContext, response: OffsetCommitResponse) -> OffsetCommitResponse:
    try:
        await context.broker.synced()
    except MessageQueuesError as error:
        for topic in response.topics:
            for partition in topic.partitions:
                partition.error_code = partition.error_code or error_code(error)
    return response


# OffsetFetch


def offset_fetch(context: RequestContext, request: OffsetFetchRequest) -> Awaitable[OffsetFetchResponse]:
    if context.api_version >= FIRST_WITH_SEVERAL_GROUPS:
        response = OffsetFetchResponse(groups=[_fetched(context, group) for group in request.groups])
    else:
        response = _fetched_from_one(context, request)
    return _fetch_response(context, response)


async def _fetch_response(context: RequestContext, response: OffsetFetchResponse) -> OffsetFetchResponse:
    try:
        await context.broker.synced()
    except MessageQueuesError as error:
        code = error_code(error)
        return OffsetFetchResponse(
            error_code=code, groups=[OffsetFetchResponseGroup(group_id=group.group_id, error_code=code) for group in response.groups]
        )
    return response


def _fetched(context: RequestContext, group: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup:
    groups = context.broker.groups
    try:
        groups.check_coordinator(group.group_id, context.node_id)
    except MessageQueuesError as error:
        return OffsetFetchResponseGroup(group_id=group.group_id, error_code=error_code(error))
    committed = groups.offsets.of_group(group.group_id)
    asked = _all_topics(context, committed) if group.topics is None else group.topics
    return OffsetFetchResponseGroup(group_id=group.group_id, topics=[_fetched_topic(context, topic, committed) for topic in asked])


def _all_topics(context: RequestContext, committed: OffsetsByTopic) -> list[OffsetFetchRequestTopics]:
    by_name = context.broker.topics.by_name
    return [
        OffsetFetchRequestTopics(name=name, topic_id=by_name[name].topic_id, partition_indexes=list(partitions))
        for name, partitions in committed.items()
        if name in by_name
    ]


def _fetched_topic(context: RequestContext, asked: OffsetFetchRequestTopics, committed: OffsetsByTopic) -> OffsetFetchResponseTopics:
    name: str | None = asked.name
    code = ErrorCode.NONE
    if context.api_version >= FIRST_WITH_TOPIC_IDS:
        name = _name_of(context, asked.topic_id)
        if name is None:
            code = ErrorCode.UNKNOWN_TOPIC_ID
    there = committed.get(name or "", {})
    return OffsetFetchResponseTopics(
        name=asked.name,
        topic_id=asked.topic_id,
        partitions=[_fetched_partition(index, there.get(index), code) for index in asked.partition_indexes],
    )


def _fetched_partition(index: int, committed: CommittedOffset | None, code: ErrorCode) -> OffsetFetchResponsePartitions:
    if committed is None:
        return OffsetFetchResponsePartitions(
            partition_index=index, committed_offset=NOTHING_COMMITTED, committed_leader_epoch=-1, metadata="", error_code=code
        )
    return OffsetFetchResponsePartitions(
        partition_index=index,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
    )


def _fetched_from_one(context: RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse:
    """Until version 7: one group, whose topics stand in the answer itself."""
    topics = None
    if request.topics is not None:
        topics = [OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes) for topic in request.topics]
    group = _fetched(context, OffsetFetchRequestGroup(group_id=request.group_id, topics=topics))
    fetched = group.topics
    if group.error_code and context.api_version < FIRST_WITH_GROUP_ERROR:
        # There is no place for an error of the group, so every partition has it.
        code = ErrorCode(group.error_code)
        fetched = [
            OffsetFetchResponseTopics(
                name=topic.name, partitions=[_fetched_partition(index, None, code) for index in topic.partition_indexes]
            )
            for topic in topics or ()
        ]
    return OffsetFetchResponse(
        error_code=group.error_code,
        topics=[
            OffsetFetchResponseTopic(
                name=topic.name,
                partitions=[
                    OffsetFetchResponsePartition(
                        partition_index=partition.partition_index,
                        committed_offset=partition.committed_offset,
                        committed_leader_epoch=partition.committed_leader_epoch,
                        metadata=partition.metadata,
                        error_code=partition.error_code,
                    )
                    for partition in topic.partitions
                ],
            )
            for topic in fetched
        ],
    )


# OffsetDelete


def offset_delete(context: RequestContext, request: OffsetDeleteRequest) -> Awaitable[OffsetDeleteResponse]:
    groups = context.broker.groups
    asked = [(topic.name, [partition.partition_index for partition in topic.partitions]) for topic in request.topics]
    try:
        groups.check_coordinator(request.group_id, context.node_id)
        answers = groups.offsets.delete(request.group_id, asked)
    except MessageQueuesError as error:
        return _delete_response(context, OffsetDeleteResponse(error_code=error_code(error)))
    return _delete_response(
        context,
        OffsetDeleteResponse(
            topics=[
                OffsetDeleteResponseTopic(
                    name=name,
                    partitions=[
                        OffsetDeleteResponsePartition(partition_index=partition, error_code=_code(answer))
                        for partition, answer in zip(partitions, of_topic, strict=True)
                    ],
                )
                for (name, partitions), of_topic in zip(asked, answers, strict=True)
            ]
        ),
    )


async def _delete_response(context: RequestContext, response: OffsetDeleteResponse) -> OffsetDeleteResponse:
    try:
        await context.broker.synced()
    except MessageQueuesError as error:
        return OffsetDeleteResponse(error_code=error_code(error))
    return response


def _name_of(context: RequestContext, topic_id: bytes) -> str | None:
    topic = context.broker.topics.by_id.get(topic_id)
    return None if topic is None else topic.name


def _code(error: MessageQueuesError | None) -> ErrorCode:
    return ErrorCode.NONE if error is None else error_code(error)
