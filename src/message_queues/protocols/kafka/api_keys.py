"""Which APIs are spoken, in which versions, with which messages: the table that ApiVersions advertises and that requests are decoded by.

The ranges are those of Kafka 4.3. An API that is not listed is not advertised, and a request for it closes the connection, as Kafka does.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from message_queues.protocols.kafka.message import NEVER, Message
from message_queues.protocols.kafka.messages import (
    api_versions,
    cluster,
    configs,
    fetch,
    groups,
    leader_epochs,
    list_offsets,
    metadata,
    offsets,
    produce,
    producer_ids,
    topics,
)


class ApiKey(IntEnum):
    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    DESCRIBE_GROUPS = 15
    LIST_GROUPS = 16
    API_VERSIONS = 18
    CREATE_TOPICS = 19
    DELETE_TOPICS = 20
    DELETE_RECORDS = 21
    INIT_PRODUCER_ID = 22
    OFFSET_FOR_LEADER_EPOCH = 23
    DESCRIBE_CONFIGS = 32
    ALTER_CONFIGS = 33
    DESCRIBE_LOG_DIRS = 35
    CREATE_PARTITIONS = 37
    DELETE_GROUPS = 42
    INCREMENTAL_ALTER_CONFIGS = 44
    OFFSET_DELETE = 47
    DESCRIBE_CLUSTER = 60
    DESCRIBE_TOPIC_PARTITIONS = 75


NOT_FLEXIBLE = 0x7FFF
"""A first flexible version that no request reaches."""


@dataclass(frozen=True, slots=True)
class Api:
    key: ApiKey
    name: str
    request: type[Message]
    response: type[Message]
    min_version: int
    max_version: int
    advertised_min_version: int
    """Lower than `min_version` for Produce alone, whose versions 0-2 are advertised and refused (KAFKA-18659)."""
    flexible_from: int
    """The first version with compact types and tagged fields, hence with request header 2 and response header 1."""

    def supports(self, version: int) -> bool:
        return self.min_version <= version <= self.max_version

    @property
    def answered_flexibly_from(self) -> int:
        """The first version whose response has header 1."""
        # KIP-511: a client that does not know the broker's versions yet must be able to read the header of this answer.
        return NOT_FLEXIBLE if self.key == ApiKey.API_VERSIONS else self.flexible_from


def _api(key: ApiKey, request: type[Message], response: type[Message], advertised_min_version: int | None = None) -> Api:
    lowest, highest = request.valid_versions
    return Api(
        key=key,
        name=request.__name__.removesuffix("Request"),
        request=request,
        response=response,
        min_version=lowest,
        max_version=highest,
        advertised_min_version=lowest if advertised_min_version is None else advertised_min_version,
        flexible_from=NOT_FLEXIBLE if request.flexible_versions == NEVER else request.flexible_versions.lowest,
    )


def _table(apis: Iterable[Api]) -> dict[int, Api]:
    return {int(api.key): api for api in apis}


APIS: dict[int, Api] = _table(
    (
        _api(ApiKey.PRODUCE, produce.ProduceRequest, produce.ProduceResponse, advertised_min_version=0),
        _api(ApiKey.FETCH, fetch.FetchRequest, fetch.FetchResponse),
        _api(ApiKey.LIST_OFFSETS, list_offsets.ListOffsetsRequest, list_offsets.ListOffsetsResponse),
        _api(ApiKey.METADATA, metadata.MetadataRequest, metadata.MetadataResponse),
        _api(ApiKey.OFFSET_COMMIT, offsets.OffsetCommitRequest, offsets.OffsetCommitResponse),
        _api(ApiKey.OFFSET_FETCH, offsets.OffsetFetchRequest, offsets.OffsetFetchResponse),
        _api(ApiKey.FIND_COORDINATOR, groups.FindCoordinatorRequest, groups.FindCoordinatorResponse),
        _api(ApiKey.JOIN_GROUP, groups.JoinGroupRequest, groups.JoinGroupResponse),
        _api(ApiKey.HEARTBEAT, groups.HeartbeatRequest, groups.HeartbeatResponse),
        _api(ApiKey.LEAVE_GROUP, groups.LeaveGroupRequest, groups.LeaveGroupResponse),
        _api(ApiKey.SYNC_GROUP, groups.SyncGroupRequest, groups.SyncGroupResponse),
        _api(ApiKey.DESCRIBE_GROUPS, groups.DescribeGroupsRequest, groups.DescribeGroupsResponse),
        _api(ApiKey.LIST_GROUPS, groups.ListGroupsRequest, groups.ListGroupsResponse),
        _api(ApiKey.API_VERSIONS, api_versions.ApiVersionsRequest, api_versions.ApiVersionsResponse),
        _api(ApiKey.CREATE_TOPICS, topics.CreateTopicsRequest, topics.CreateTopicsResponse),
        _api(ApiKey.DELETE_TOPICS, topics.DeleteTopicsRequest, topics.DeleteTopicsResponse),
        _api(ApiKey.DELETE_RECORDS, topics.DeleteRecordsRequest, topics.DeleteRecordsResponse),
        _api(ApiKey.INIT_PRODUCER_ID, producer_ids.InitProducerIdRequest, producer_ids.InitProducerIdResponse),
        _api(ApiKey.OFFSET_FOR_LEADER_EPOCH, leader_epochs.OffsetForLeaderEpochRequest, leader_epochs.OffsetForLeaderEpochResponse),
        _api(ApiKey.DESCRIBE_CONFIGS, configs.DescribeConfigsRequest, configs.DescribeConfigsResponse),
        _api(ApiKey.ALTER_CONFIGS, configs.AlterConfigsRequest, configs.AlterConfigsResponse),
        _api(ApiKey.DESCRIBE_LOG_DIRS, cluster.DescribeLogDirsRequest, cluster.DescribeLogDirsResponse),
        _api(ApiKey.CREATE_PARTITIONS, topics.CreatePartitionsRequest, topics.CreatePartitionsResponse),
        _api(ApiKey.DELETE_GROUPS, groups.DeleteGroupsRequest, groups.DeleteGroupsResponse),
        _api(ApiKey.INCREMENTAL_ALTER_CONFIGS, configs.IncrementalAlterConfigsRequest, configs.IncrementalAlterConfigsResponse),
        _api(ApiKey.OFFSET_DELETE, offsets.OffsetDeleteRequest, offsets.OffsetDeleteResponse),
        _api(ApiKey.DESCRIBE_CLUSTER, cluster.DescribeClusterRequest, cluster.DescribeClusterResponse),
        _api(ApiKey.DESCRIBE_TOPIC_PARTITIONS, cluster.DescribeTopicPartitionsRequest, cluster.DescribeTopicPartitionsResponse),
    )
)
