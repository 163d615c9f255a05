"""CreateTopics (19) 2-7, DeleteTopics (20) 1-6, CreatePartitions (37) 0-3, DeleteRecords (21) 0-2.

Each item of a request succeeds or fails by itself, and every item that was asked for is answered: librdkafka aborts the client otherwise.
The checks that belong to the request (names twice, by name and by id) are those of Kafka's ControllerApis; the others are the broker's.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable

from message_queues.broker.configs.describe import ConfigEntry, describe_topic_overrides
from message_queues.broker.event import Event
from message_queues.broker.events import TopicCreated
from message_queues.broker.topics import Topic, TopicSpec
from message_queues.errors import InvalidRequest, MessageQueuesError, PolicyViolation, UnknownTopicId, UnknownTopicOrPartition
from message_queues.protocols.kafka.messages.topics import (
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeletableTopicResult,
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from message_queues.protocols.kafka.wire import ZERO_UUID
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.context import RequestContext
from message_queues.servers.kafka.leadership import led_partition

# CreateTopics


async def create_topics(context: RequestContext, request: CreateTopicsRequest) -> CreateTopicsResponse:
    times = Counter(topic.name for topic in request.topics)
    asked = {topic.name: topic for topic in request.topics}
    try:
        context.broker.topics.check_total([_spec(topic) for name, topic in asked.items() if times[name] == 1])
    except PolicyViolation as error:
        return CreateTopicsResponse(topics=[_not_created(name, error) for name in asked])
    events: list[Event] = []
    results = [_created(context, topic, times[name], request.validate_only, events) for name, topic in asked.items()]
    if events:
        await context.broker.synced()
    return CreateTopicsResponse(topics=results)


def _not_created(name: str, error: MessageQueuesError) -> CreatableTopicResult:
    return CreatableTopicResult(name=name, error_code=error_code(error), error_message=str(error), configs=[])


def _created(context: RequestContext, topic: CreatableTopic, times: int, validate_only: bool, events: list[Event]) -> CreatableTopicResult:
    try:
        if times > 1:
            raise InvalidRequest("Duplicate topic name.")
        event = context.broker.topics.decide_create(_spec(topic))
        if not validate_only:
            # Committed one by one, so that the next decision sees this one: names collide within a request too.
            context.broker.commit([event])
            events.append(event)
    except MessageQueuesError as error:
        return _not_created(topic.name, error)
    return CreatableTopicResult(
        name=topic.name,
        topic_id=event.topic_id,
        num_partitions=len(event.replicas),
        replication_factor=len(event.replicas[0]),
        error_message=None,
        configs=[_config(entry) for entry in _configs(context, event)],
    )


def _spec(topic: CreatableTopic) -> TopicSpec:
    return TopicSpec(
        name=topic.name,
        partitions=topic.num_partitions,
        replication_factor=topic.replication_factor,
        assignments=[(assignment.partition_index, assignment.broker_ids) for assignment in topic.assignments],
        configs={config.name: config.value for config in topic.configs},
    )


def _configs(context: RequestContext, event: TopicCreated) -> list[ConfigEntry]:
    return describe_topic_overrides(event.configs, context.broker.config, context.node_id)


def _config(entry: ConfigEntry) -> CreatableTopicConfigs:
    return CreatableTopicConfigs(
        name=entry.name, value=entry.value, read_only=entry.is_read_only, config_source=entry.source, is_sensitive=entry.is_sensitive
    )


# DeleteTopics


async def delete_topics(context: RequestContext, request: DeleteTopicsRequest) -> DeleteTopicsResponse:
    asked = request.topics if context.api_version >= 6 else [DeleteTopicState(name=name) for name in request.topic_names]
    names = Counter(state.name for state in asked if state.name is not None)
    ids = Counter(state.topic_id for state in asked if state.topic_id != ZERO_UUID)
    responses: list[DeletableTopicResult] = []
    deletions: list[Awaitable[None]] = []
    for state in {(state.name, state.topic_id): state for state in asked}.values():
        is_repeated = names[state.name or ""] > 1 or ids[state.topic_id] > 1
        responses.append(_deleted(context, state, is_repeated, deletions))
    await asyncio.gather(*deletions)
    return DeleteTopicsResponse(responses=responses)


def _deleted(context: RequestContext, state: DeleteTopicState, is_repeated: bool, deletions: list[Awaitable[None]]) -> DeletableTopicResult:
    try:
        if state.name is not None and state.topic_id != ZERO_UUID:
            raise InvalidRequest("You may not specify both topic name and topic id.")
        if is_repeated:
            raise InvalidRequest("Duplicate topic name." if state.name is not None else "Duplicate topic id.")
        topic = _doomed(context, state)
        deletions.append(context.broker.delete_topic(topic.topic_id))
    except MessageQueuesError as error:
        return DeletableTopicResult(name=state.name, topic_id=state.topic_id, error_code=error_code(error), error_message=str(error))
    return DeletableTopicResult(name=topic.name, topic_id=topic.topic_id)


def _doomed(context: RequestContext, state: DeleteTopicState) -> Topic:
    topics = context.broker.topics
    if state.name is None:
        if state.topic_id == ZERO_UUID:
            raise InvalidRequest("Neither topic name nor id were specified.")
        topic = topics.by_id.get(state.topic_id)
        if topic is None:
            raise UnknownTopicId("This server does not host this topic ID.")
        return topic
    topic = topics.by_name.get(state.name)
    if topic is None:
        raise UnknownTopicOrPartition("This server does not host this topic-partition.")
    return topic


# CreatePartitions


async def create_partitions(context: RequestContext, request: CreatePartitionsRequest) -> CreatePartitionsResponse:
    times = Counter(topic.name for topic in request.topics)
    asked = {topic.name: topic for topic in request.topics}
    results = [_grown(context, topic, times[name], request.validate_only) for name, topic in asked.items()]
    await context.broker.synced()
    return CreatePartitionsResponse(results=results)


def _grown(context: RequestContext, topic: CreatePartitionsTopic, times: int, validate_only: bool) -> CreatePartitionsTopicResult:
    assignments = None if topic.assignments is None else [assignment.broker_ids for assignment in topic.assignments]
    try:
        if times > 1:
            raise InvalidRequest("Duplicate topic name.")
        event = context.broker.topics.decide_add_partitions(topic.name, topic.count, assignments)
        if not validate_only:
            context.broker.commit([event])
    except UnknownTopicOrPartition as error:
        return CreatePartitionsTopicResult(name=topic.name, error_code=error_code(error))
    except MessageQueuesError as error:
        return CreatePartitionsTopicResult(name=topic.name, error_code=error_code(error), error_message=str(error))
    return CreatePartitionsTopicResult(name=topic.name)


# DeleteRecords


def delete_records(context: RequestContext, request: DeleteRecordsRequest) -> DeleteRecordsResponse:
    return DeleteRecordsResponse(
        topics=[
            DeleteRecordsTopicResult(
                name=topic.name, partitions=[_records_deleted(context, topic.name, asked) for asked in topic.partitions]
            )
            for topic in request.topics
        ]
    )


def _records_deleted(context: RequestContext, topic: str, asked: DeleteRecordsPartition) -> DeleteRecordsPartitionResult:
    try:
        partition = led_partition(context, topic, asked.partition_index)
        if "delete" not in partition.config.cleanup_policy:
            raise PolicyViolation(f"records of {topic} are not deletable: its cleanup.policy does not include delete")
        low_watermark = partition.delete_records(asked.offset)
    except MessageQueuesError as error:
        return DeleteRecordsPartitionResult(partition_index=asked.partition_index, low_watermark=-1, error_code=error_code(error))
    return DeleteRecordsPartitionResult(partition_index=asked.partition_index, low_watermark=low_watermark)
