"""A valid request of each API in each of its versions, about things that exist on the server that is asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from message_queues.broker.broker import Broker
from message_queues.broker.topics import TopicSpec
from message_queues.protocols.kafka.api_keys import APIS, ApiKey
from message_queues.protocols.kafka.codec import encode
from message_queues.protocols.kafka.message import Message
from message_queues.protocols.kafka.messages.api_versions import ApiVersionsRequest
from message_queues.protocols.kafka.messages.cluster import (
    Cursor,
    DescribableLogDirTopic,
    DescribeClusterRequest,
    DescribeLogDirsRequest,
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from message_queues.protocols.kafka.messages.configs import (
    AlterableConfig,
    AlterConfigsRequest,
    AlterConfigsResource,
    DescribeConfigsRequest,
    DescribeConfigsResource,
    IncrementalAlterableConfig,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResource,
)
from message_queues.protocols.kafka.messages.consumer_protocol import ConsumerProtocolSubscription
from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic
from message_queues.protocols.kafka.messages.groups import (
    DeleteGroupsRequest,
    DescribeGroupsRequest,
    FindCoordinatorRequest,
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    LeaveGroupRequest,
    ListGroupsRequest,
    MemberIdentity,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)
from message_queues.protocols.kafka.messages.leader_epochs import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from message_queues.protocols.kafka.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataRequestTopic
from message_queues.protocols.kafka.messages.offsets import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from message_queues.protocols.kafka.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from message_queues.protocols.kafka.messages.producer_ids import InitProducerIdRequest
from message_queues.protocols.kafka.messages.topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreateTopicsRequest,
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
    DeleteTopicsRequest,
    DeleteTopicState,
)
from message_queues.records.batch import Record, build_batch

TOPIC, DOOMED, GROWING, GROUP = "orders", "doomed", "growing", "readers"
TOPIC_RESOURCE = 2
PARTITIONS = 3


@dataclass(frozen=True, slots=True)
class Known:
    """What the requests are about."""

    topic_id: bytes
    doomed_id: bytes
    now_ms: int

    @classmethod
    def prepared(cls, broker: Broker) -> "Known":
        """Creates whatever of it is missing."""
        for name in (TOPIC, DOOMED, GROWING):
            if name not in broker.topics.by_name:
                broker.commit([broker.topics.decide_create(TopicSpec(name, PARTITIONS, 1))])
        by_name = broker.topics.by_name
        return cls(by_name[TOPIC].topic_id, by_name[DOOMED].topic_id, broker.clock.now_ms())


def batch(known: Known, compression: int) -> bytes:
    records = [Record(offset, known.now_ms, b"key", b"value", (("header", b"x"),)) for offset in range(3)]
    return build_batch(records, compression=compression)


def produce(known: Known, version: int) -> Message:
    data = [PartitionProduceData(index=index, records=batch(known, index)) for index in range(PARTITIONS)]
    topic = TopicProduceData(name=TOPIC, topic_id=known.topic_id, partition_data=data)
    return ProduceRequest(acks=(-1, 1)[version % 2], timeout_ms=1000, topic_data=[topic])


def fetch(known: Known, version: int) -> Message:
    partitions = [FetchPartition(partition=index, fetch_offset=0, partition_max_bytes=1 << 20) for index in range(PARTITIONS)]
    request = FetchRequest(
        max_wait_ms=3, min_bytes=1, max_bytes=1 << 20, topics=[FetchTopic(topic=TOPIC, topic_id=known.topic_id, partitions=partitions)]
    )
    if version >= 7:
        request.session_epoch = 0
        request.forgotten_topics_data = [ForgottenTopic(topic=TOPIC, topic_id=known.topic_id, partitions=[2])]
    return request


def list_offsets(known: Known, version: int) -> Message:
    timestamps = [-2, -1, known.now_ms, *((-3,) if version >= 7 else ()), *((-4,) if version >= 8 else ())]
    partitions = [ListOffsetsPartition(partition_index=index, timestamp=each) for index, each in enumerate(timestamps)]
    return ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=TOPIC, partitions=partitions)])


def metadata(known: Known, version: int) -> Message:
    request = MetadataRequest(topics=[MetadataRequestTopic(name=TOPIC)])
    if version >= 4:
        request.allow_auto_topic_creation = False
    if version >= 12:
        request.topics = [MetadataRequestTopic(name=None, topic_id=known.topic_id)]
    request.include_topic_authorized_operations = version >= 8
    request.include_cluster_authorized_operations = 8 <= version <= 10
    return request


def offset_commit(known: Known, version: int) -> Message:
    partition = OffsetCommitRequestPartition(partition_index=1, committed_offset=1, committed_metadata="so far")
    return OffsetCommitRequest(
        group_id=GROUP, topics=[OffsetCommitRequestTopic(name=TOPIC, topic_id=known.topic_id, partitions=[partition])]
    )


def offset_fetch(known: Known, version: int) -> Message:
    if version < 8:
        return OffsetFetchRequest(group_id=GROUP, topics=[OffsetFetchRequestTopic(name=TOPIC, partition_indexes=[0, 1])])
    topic = OffsetFetchRequestTopics(name=TOPIC, topic_id=known.topic_id, partition_indexes=[0, 1])
    return OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=GROUP, topics=[topic])], require_stable=True)


def find_coordinator(known: Known, version: int) -> Message:
    return FindCoordinatorRequest(coordinator_keys=[GROUP]) if version >= 4 else FindCoordinatorRequest(key=GROUP)


def join_group(known: Known, version: int) -> Message:
    subscription = b"\0\0" + encode(ConsumerProtocolSubscription(topics=[TOPIC]), 0)
    return JoinGroupRequest(
        group_id=f"{GROUP}-{version}",
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        group_instance_id="instance" if version >= 5 else None,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=subscription)],
    )


def sync_group(known: Known, version: int) -> Message:
    request = SyncGroupRequest(group_id=GROUP, generation_id=1, member_id="member")
    request.assignments = [SyncGroupRequestAssignment(member_id="member", assignment=b"mine")]
    if version >= 5:
        request.protocol_type, request.protocol_name = "consumer", "range"
    return request


def heartbeat(known: Known, version: int) -> Message:
    return HeartbeatRequest(group_id=GROUP, generation_id=1, member_id="member")


def leave_group(known: Known, version: int) -> Message:
    if version < 3:
        return LeaveGroupRequest(group_id=GROUP, member_id="member")
    return LeaveGroupRequest(group_id=GROUP, members=[MemberIdentity(member_id="member", group_instance_id="instance")])


def describe_groups(known: Known, version: int) -> Message:
    return DescribeGroupsRequest(groups=[GROUP, "unknown"], include_authorized_operations=version >= 3)


def list_groups(known: Known, version: int) -> Message:
    return ListGroupsRequest(states_filter=["Stable", "Empty"] if version >= 4 else [], types_filter=["classic"] if version >= 5 else [])


def api_versions(known: Known, version: int) -> Message:
    return ApiVersionsRequest(client_software_name="tests", client_software_version="1.0")


def create_topics(known: Known, version: int) -> Message:
    configs = [CreatableTopicConfig(name="retention.ms", value="1000")]
    topic = CreatableTopic(name=f"created-by-{version}", num_partitions=2, replication_factor=1, configs=configs)
    return CreateTopicsRequest(topics=[topic])


def delete_topics(known: Known, version: int) -> Message:
    if version >= 6:
        return DeleteTopicsRequest(topics=[DeleteTopicState(topic_id=known.doomed_id), DeleteTopicState(name="unknown")])
    return DeleteTopicsRequest(topic_names=[DOOMED, "unknown"])


def delete_records(known: Known, version: int) -> Message:
    partitions = [DeleteRecordsPartition(partition_index=2, offset=-1)]
    return DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=TOPIC, partitions=partitions)])


def init_producer_id(known: Known, version: int) -> Message:
    return InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000)


def offset_for_leader_epoch(known: Known, version: int) -> Message:
    asked = OffsetForLeaderPartition(partition=0, current_leader_epoch=0, leader_epoch=0)
    return OffsetForLeaderEpochRequest(topics=[OffsetForLeaderTopic(topic=TOPIC, partitions=[asked])])


def describe_configs(known: Known, version: int) -> Message:
    asked = DescribeConfigsResource(resource_type=TOPIC_RESOURCE, resource_name=TOPIC, configuration_keys=None)
    return DescribeConfigsRequest(resources=[asked], include_synonyms=True, include_documentation=version >= 3)


def alter_configs(known: Known, version: int) -> Message:
    configs = [AlterableConfig(name="retention.ms", value="100000")]
    return AlterConfigsRequest(resources=[AlterConfigsResource(resource_type=TOPIC_RESOURCE, resource_name=GROWING, configs=configs)])


def describe_log_dirs(known: Known, version: int) -> Message:
    return DescribeLogDirsRequest(topics=[DescribableLogDirTopic(topic=TOPIC, partitions=[0, 1])])


def create_partitions(known: Known, version: int) -> Message:
    return CreatePartitionsRequest(topics=[CreatePartitionsTopic(name=GROWING, count=PARTITIONS + 1 + version, assignments=None)])


def delete_groups(known: Known, version: int) -> Message:
    return DeleteGroupsRequest(groups_names=[GROUP, "unknown"])


def incremental_alter_configs(known: Known, version: int) -> Message:
    configs = [IncrementalAlterableConfig(name="retention.ms", config_operation=0, value="200000")]
    resource = IncrementalAlterConfigsResource(resource_type=TOPIC_RESOURCE, resource_name=GROWING, configs=configs)
    return IncrementalAlterConfigsRequest(resources=[resource])


def offset_delete(known: Known, version: int) -> Message:
    topic = OffsetDeleteRequestTopic(name=TOPIC, partitions=[OffsetDeleteRequestPartition(partition_index=1)])
    return OffsetDeleteRequest(group_id=GROUP, topics=[topic])


def describe_cluster(known: Known, version: int) -> Message:
    return DescribeClusterRequest(include_cluster_authorized_operations=True)


def describe_topic_partitions(known: Known, version: int) -> Message:
    return DescribeTopicPartitionsRequest(
        topics=[TopicRequest(name=TOPIC)], response_partition_limit=2, cursor=Cursor(topic_name=TOPIC, partition_index=1)
    )


REQUESTS: dict[int, Callable[[Known, int], Message]] = {
    ApiKey.PRODUCE: produce,
    ApiKey.FETCH: fetch,
    ApiKey.LIST_OFFSETS: list_offsets,
    ApiKey.METADATA: metadata,
    ApiKey.OFFSET_COMMIT: offset_commit,
    ApiKey.OFFSET_FETCH: offset_fetch,
    ApiKey.FIND_COORDINATOR: find_coordinator,
    ApiKey.JOIN_GROUP: join_group,
    ApiKey.HEARTBEAT: heartbeat,
    ApiKey.LEAVE_GROUP: leave_group,
    ApiKey.SYNC_GROUP: sync_group,
    ApiKey.DESCRIBE_GROUPS: describe_groups,
    ApiKey.LIST_GROUPS: list_groups,
    ApiKey.API_VERSIONS: api_versions,
    ApiKey.CREATE_TOPICS: create_topics,
    ApiKey.DELETE_TOPICS: delete_topics,
    ApiKey.DELETE_RECORDS: delete_records,
    ApiKey.INIT_PRODUCER_ID: init_producer_id,
    ApiKey.OFFSET_FOR_LEADER_EPOCH: offset_for_leader_epoch,
    ApiKey.DESCRIBE_CONFIGS: describe_configs,
    ApiKey.ALTER_CONFIGS: alter_configs,
    ApiKey.DESCRIBE_LOG_DIRS: describe_log_dirs,
    ApiKey.CREATE_PARTITIONS: create_partitions,
    ApiKey.DELETE_GROUPS: delete_groups,
    ApiKey.INCREMENTAL_ALTER_CONFIGS: incremental_alter_configs,
    ApiKey.OFFSET_DELETE: offset_delete,
    ApiKey.DESCRIBE_CLUSTER: describe_cluster,
    ApiKey.DESCRIBE_TOPIC_PARTITIONS: describe_topic_partitions,
}


def every_version() -> Iterator[tuple[int, int]]:
    """(API key, version) of all that is served."""
    for api in APIS.values():
        for version in range(api.min_version, api.max_version + 1):
            yield api.key, version


def valid_request(api_key: int, version: int, known: Known) -> Message:
    return REQUESTS[api_key](known, version)
