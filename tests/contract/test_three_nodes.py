"""A cluster of three nodes: what a node answers that does not lead, holds no replica or coordinates nothing, and what any node may do."""

from collections.abc import Iterator
from typing import Any

import pytest

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.message import Message
from message_queues.protocols.kafka.messages.cluster import (
    DescribableLogDirTopic,
    DescribeClusterRequest,
    DescribeClusterResponse,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
)
from message_queues.protocols.kafka.messages.configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResponse,
    IncrementalAlterableConfig,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResource,
)
from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from message_queues.protocols.kafka.messages.groups import (
    DeleteGroupsRequest,
    DescribeGroupsRequest,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    HeartbeatRequest,
    LeaveGroupRequest,
    ListGroupsRequest,
    ListGroupsResponse,
    MemberIdentity,
    SyncGroupRequest,
)
from message_queues.protocols.kafka.messages.leader_epochs import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from message_queues.protocols.kafka.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from message_queues.protocols.kafka.messages.offsets import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetDeleteRequest,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
)
from message_queues.protocols.kafka.messages.produce import ProduceResponse
from message_queues.protocols.kafka.messages.producer_ids import InitProducerIdRequest, InitProducerIdResponse
from message_queues.protocols.kafka.messages.topics import (
    CreatableTopic,
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreateTopicsRequest,
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
    DeleteTopicsRequest,
    DeleteTopicState,
)
from tests.contract.raw_client import RawClient
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import Scene, assignments, batch
from tests.servers_under_test import EMBEDDED_THREE_NODES, REAL_KAFKA_THREE_NODES, ServerUnderTest, running


@pytest.fixture(scope="module", params=[EMBEDDED_THREE_NODES, REAL_KAFKA_THREE_NODES])
def server(request: pytest.FixtureRequest) -> Iterator[ServerUnderTest]:
    kind, nodes = request.param
    with running(kind, nodes) as server:
        Scene(server).wait_for_coordinators()
        yield server


class Cluster:
    """A connection to each node, in the order of their ids; and a topic of one partition that one of them leads."""

    def __init__(self, scene: Scene, replicas: int = 1) -> None:
        self.scene = scene
        self.nodes = [RawClient(*scene.server.host_and_port(node)) for node in range(scene.server.node_count)]
        self.topic = scene.topic(replicas=replicas)
        metadata = self.described(0)
        self.ids = sorted(broker.node_id for broker in metadata.brokers)
        self.leader_id = metadata.topics[0].partitions[0].leader_id
        self.address = {broker.node_id: (broker.host, broker.port) for broker in metadata.brokers}
        self.leader = self.nodes[self.ids.index(self.leader_id)]
        self.stranger = self.nodes[(self.ids.index(self.leader_id) + 1) % len(self.nodes)]

    def described(self, node: int) -> MetadataResponse:
        answer = self.nodes[node].ask(MetadataRequest(topics=[MetadataRequestTopic(name=self.topic)]), 12)
        assert isinstance(answer, MetadataResponse)
        return answer

    def from_stranger(self, request: Message, version: int | None = None) -> Any:
        return self.scene.ask_at(self.stranger, request, version)

    def close(self) -> None:
        for node in self.nodes:
            node.close()


@pytest.fixture
def cluster(scene: Scene) -> Iterator[Cluster]:
    cluster = Cluster(scene)
    yield cluster
    cluster.close()


@pytest.fixture
def replicated(scene: Scene) -> Iterator[Cluster]:
    cluster = Cluster(scene, replicas=3)
    yield cluster
    cluster.close()


def test_a_node_that_does_not_lead_refuses_a_write_and_names_the_leader(cluster: Cluster, kafka_says: RecordedAnswers) -> None:
    said = {}
    for version in range(3, 14):
        answer = cluster.stranger.ask(cluster.scene.produce(cluster.topic, batch(b"0")), version)
        assert isinstance(answer, ProduceResponse)
        (partition,) = answer.responses[0].partition_responses
        said[version] = [
            ErrorCode(partition.error_code).name,
            partition.base_offset,
            partition.log_start_offset,
            partition.current_leader.leader_id == cluster.leader_id,
            partition.current_leader.leader_epoch,
            [(node.host, node.port) == cluster.address[cluster.leader_id] for node in answer.node_endpoints],
        ]
    kafka_says(said)


def fetch(cluster: Cluster, epoch: int = -1) -> FetchRequest:
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=100_000, current_leader_epoch=epoch)
    topics = [FetchTopic(topic=cluster.topic, topic_id=cluster.scene.topic_id(cluster.topic), partitions=[part])]
    return FetchRequest(max_wait_ms=0, min_bytes=0, topics=topics)


def fetched(cluster: Cluster, version: int, epoch: int = -1) -> list[Any]:
    answer = cluster.stranger.ask(fetch(cluster, epoch), version)
    assert isinstance(answer, FetchResponse)
    (partition,) = answer.responses[0].partitions
    return [
        ErrorCode(partition.error_code).name,
        partition.high_watermark,
        partition.log_start_offset,
        partition.current_leader.leader_id == cluster.leader_id,
        partition.current_leader.leader_epoch,
        [(node.host, node.port) == cluster.address[cluster.leader_id] for node in answer.node_endpoints],
    ]


def test_a_node_without_a_replica_refuses_a_fetch_and_names_the_leader(cluster: Cluster, kafka_says: RecordedAnswers) -> None:
    kafka_says({version: fetched(cluster, version) for version in range(4, 19)})


def test_a_follower_serves_consumers_that_can_be_sent_to_it(replicated: Cluster, kafka_says: RecordedAnswers) -> None:
    kafka_says({version: fetched(replicated, version) for version in range(4, 19)})


def test_a_follower_checks_the_epoch_too(replicated: Cluster, kafka_says: RecordedAnswers) -> None:
    kafka_says([fetched(replicated, 18, epoch) for epoch in (0, 5)])


def list_offsets(topic: str, timestamp: int) -> ListOffsetsRequest:
    part = ListOffsetsPartition(partition_index=0, timestamp=timestamp)
    return ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=[part])])


def test_only_the_leader_lists_offsets(cluster: Cluster, replicated: Cluster, kafka_says: RecordedAnswers) -> None:
    kafka_says([cluster.from_stranger(list_offsets(cluster.topic, timestamp)) for timestamp in (-1, -2, -3, 0)])
    kafka_says([replicated.from_stranger(list_offsets(replicated.topic, timestamp)) for timestamp in (-1, -2, -3, 0)])


def test_only_the_leader_knows_its_epochs(cluster: Cluster, replicated: Cluster, kafka_says: RecordedAnswers) -> None:
    for each in (cluster, replicated):
        part = OffsetForLeaderPartition(partition=0, leader_epoch=0, current_leader_epoch=-1)
        asked = OffsetForLeaderEpochRequest(replica_id=-1, topics=[OffsetForLeaderTopic(topic=each.topic, partitions=[part])])
        kafka_says(each.from_stranger(asked))


def test_only_the_leader_deletes_records(cluster: Cluster, replicated: Cluster, kafka_says: RecordedAnswers) -> None:
    for each in (cluster, replicated):
        part = DeleteRecordsPartition(partition_index=0, offset=0)
        topics = [DeleteRecordsTopic(name=each.topic, partitions=[part])]
        kafka_says(each.from_stranger(DeleteRecordsRequest(topics=topics, timeout_ms=10_000)))


# Groups


class Coordination:
    """A new group, the node that coordinates it and one that does not."""

    def __init__(self, cluster: Cluster) -> None:
        self.scene = cluster.scene
        self.group = self.scene.name("group")
        found = {self.coordinator(node) for node in cluster.nodes}
        assert len(found) == 1
        (self.node_id,) = found
        self.coordinating = cluster.nodes[cluster.ids.index(self.node_id)]
        self.other = cluster.nodes[(cluster.ids.index(self.node_id) + 1) % len(cluster.nodes)]

    def coordinator(self, node: RawClient) -> int:
        answer = node.ask(FindCoordinatorRequest(coordinator_keys=[self.group]), 4)
        assert isinstance(answer, FindCoordinatorResponse)
        return answer.coordinators[0].node_id

    def from_other(self, request: Message, version: int | None = None) -> Any:
        return self.scene.ask_at(self.other, request, version)


def test_a_node_that_does_not_coordinate_a_group_says_so(cluster: Cluster, kafka_says: RecordedAnswers) -> None:
    where = Coordination(cluster)
    group, topic = where.group, cluster.topic
    part = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata="")
    topics = [OffsetCommitRequestTopic(name=topic, topic_id=cluster.scene.topic_id(topic), partitions=[part])]
    kafka_says(where.from_other(cluster.scene.join(group)))
    kafka_says(where.from_other(SyncGroupRequest(group_id=group, generation_id=1, member_id="member")))
    kafka_says(where.from_other(HeartbeatRequest(group_id=group, generation_id=1, member_id="member")))
    kafka_says(where.from_other(LeaveGroupRequest(group_id=group, members=[MemberIdentity(member_id="member")])))
    kafka_says(where.from_other(LeaveGroupRequest(group_id=group, member_id="member"), 2))
    kafka_says(where.from_other(DescribeGroupsRequest(groups=[group])))
    kafka_says(where.from_other(DescribeGroupsRequest(groups=[group]), 5))
    kafka_says(where.from_other(DeleteGroupsRequest(groups_names=[group])))
    kafka_says(where.from_other(OffsetCommitRequest(group_id=group, topics=topics)))
    kafka_says(where.from_other(OffsetFetchRequest(group_id=group, topics=None), 7))
    kafka_says(where.from_other(OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group, topics=None)])))
    kafka_says(where.from_other(OffsetDeleteRequest(group_id=group)))


def test_each_node_lists_the_groups_that_it_coordinates(cluster: Cluster) -> None:
    where = Coordination(cluster)
    part = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata="")
    topics = [OffsetCommitRequestTopic(name=cluster.topic, partitions=[part])]
    where.coordinating.ask(OffsetCommitRequest(group_id=where.group, topics=topics), 9)
    for node in cluster.nodes:
        answer = node.ask(ListGroupsRequest(), 5)
        assert isinstance(answer, ListGroupsResponse)
        assert (where.group in {group.group_id for group in answer.groups}) == (node is where.coordinating)


# What any node may be asked


def test_every_node_describes_the_same_cluster(cluster: Cluster) -> None:
    answers = [cluster.described(node) for node in range(3)]
    assert len({answer.cluster_id for answer in answers}) == 1
    assert len({answer.controller_id for answer in answers} - set(cluster.ids)) == 0
    assert all(sorted(broker.node_id for broker in answer.brokers) == cluster.ids for answer in answers)
    assert len({answer.topics[0].partitions[0].leader_id for answer in answers}) == 1
    for node in cluster.nodes:
        described = node.ask(DescribeClusterRequest(), 2)
        assert isinstance(described, DescribeClusterResponse)
        assert sorted(broker.broker_id for broker in described.brokers) == cluster.ids


def test_producer_ids_differ_from_node_to_node(cluster: Cluster) -> None:
    given = []
    for node in cluster.nodes * 3:
        answer = node.ask(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000), 4)
        assert isinstance(answer, InitProducerIdResponse)
        if answer.error_code != ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
            given.append(answer.producer_id)
    assert len(set(given)) == len(given)


def test_any_node_creates_grows_and_deletes_topics(cluster: Cluster, kafka_says: RecordedAnswers) -> None:
    name = cluster.scene.name("topic")
    new = CreateTopicsRequest(topics=[CreatableTopic(name=name, num_partitions=1, replication_factor=1)], timeout_ms=10_000)
    kafka_says([cluster.scene.ask_at(node, new, 4) for node in cluster.nodes])
    more = [CreatePartitionsTopic(name=name, count=2, assignments=None)]
    kafka_says([cluster.scene.ask_at(node, CreatePartitionsRequest(topics=more, timeout_ms=10_000), 3) for node in cluster.nodes])
    doomed = DeleteTopicsRequest(topics=[DeleteTopicState(name=name)], timeout_ms=10_000)
    kafka_says([cluster.scene.ask_at(node, doomed, 6)["responses"][0].get("error_code") for node in cluster.nodes])


def test_any_node_describes_and_alters_a_topic(cluster: Cluster, kafka_says: RecordedAnswers) -> None:
    resource = IncrementalAlterConfigsResource(
        resource_type=2,
        resource_name=cluster.topic,
        configs=[IncrementalAlterableConfig(name="retention.ms", config_operation=0, value="1000000")],
    )
    kafka_says([cluster.scene.ask_at(node, IncrementalAlterConfigsRequest(resources=[resource]), 1) for node in cluster.nodes])
    asked = DescribeConfigsRequest(
        resources=[DescribeConfigsResource(resource_type=2, resource_name=cluster.topic, configuration_keys=["retention.ms"])]
    )
    kafka_says.soon(lambda: [cluster.scene.ask_at(node, asked, 4) for node in cluster.nodes])


def test_a_node_describes_its_own_configuration_alone(cluster: Cluster, kafka_says: RecordedAnswers) -> None:
    said = []
    for node_id, node in zip(cluster.ids, cluster.nodes, strict=True):
        for asked_id in (node_id, cluster.ids[cluster.ids.index(node_id) - 1]):
            asked = DescribeConfigsRequest(
                resources=[DescribeConfigsResource(resource_type=4, resource_name=str(asked_id), configuration_keys=["num.partitions"])]
            )
            answer = node.ask(asked, 4)
            assert isinstance(answer, DescribeConfigsResponse)
            (result,) = answer.results
            message = (result.error_message or "").replace(str(node_id), "<own>").replace(str(asked_id), "<other>")
            said.append([result.error_code, message, [config.value for config in result.configs]])
    kafka_says(said)


def test_a_node_has_log_directories_for_its_replicas_alone(cluster: Cluster, replicated: Cluster) -> None:
    for each, holders in ((cluster, {cluster.leader_id}), (replicated, set(cluster.ids))):
        for node_id, node in zip(each.ids, each.nodes, strict=True):
            answer = node.ask(DescribeLogDirsRequest(topics=[DescribableLogDirTopic(topic=each.topic, partitions=[0])]), 4)
            assert isinstance(answer, DescribeLogDirsResponse)
            topics = [topic.name for result in answer.results for topic in result.topics]
            assert topics == ([each.topic] if node_id in holders else [])


@pytest.mark.parametrize("replicas", [3, 4])
def test_a_topic_has_no_more_replicas_than_there_are_nodes(scene: Scene, kafka_says: RecordedAnswers, replicas: int) -> None:
    topic = CreatableTopic(name=scene.name("topic"), num_partitions=1, replication_factor=replicas)
    kafka_says(scene.ask(CreateTopicsRequest(topics=[topic], validate_only=True, timeout_ms=10_000), 4))


@pytest.mark.parametrize(
    "nodes", [([0, 1], [1, 2]), ([0, 1], [1]), ([0], [1, 2]), ([0, 7], [1, 2])], ids=["even", "less", "more", "unknown"]
)
def test_partitions_have_equally_many_replicas(scene: Scene, kafka_says: RecordedAnswers, nodes: tuple[list[int], ...]) -> None:
    topic = CreatableTopic(name=scene.name("topic"), num_partitions=-1, replication_factor=-1, assignments=assignments(*nodes))
    kafka_says(scene.ask(CreateTopicsRequest(topics=[topic], validate_only=True, timeout_ms=10_000), 4))


@pytest.mark.parametrize("nodes", [[0], [0, 1], [0, 1, 2]], ids=["one", "two", "three"])
def test_a_new_partition_has_as_many_replicas_as_the_others(scene: Scene, kafka_says: RecordedAnswers, nodes: list[int]) -> None:
    wanted = CreatePartitionsTopic(name=scene.topic(replicas=2), count=2, assignments=[CreatePartitionsAssignment(broker_ids=nodes)])
    kafka_says(scene.ask(CreatePartitionsRequest(topics=[wanted], timeout_ms=10_000)))
