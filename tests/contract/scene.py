"""What a contract test works with: a raw connection, names of its own, and the few preparations that most cases need."""

import itertools
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from message_queues.errors import UnsupportedVersion
from message_queues.protocols.kafka.codec import encode
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.message import Message
from message_queues.protocols.kafka.messages.consumer_protocol import ConsumerProtocolSubscription
from message_queues.protocols.kafka.messages.groups import (
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)
from message_queues.protocols.kafka.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from message_queues.protocols.kafka.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from message_queues.protocols.kafka.messages.producer_ids import InitProducerIdRequest, InitProducerIdResponse
from message_queues.protocols.kafka.messages.topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from message_queues.records.batch import Record, build_batch
from tests.contract.plain_answer import plain
from tests.contract.raw_client import API_OF_REQUEST, ConnectionClosed, RawClient
from tests.patience import eventually
from tests.servers_under_test import ServerUnderTest

M = TypeVar("M", bound=Message)
NUMBERS = itertools.count()
CLOSED = "the connection is closed"

NOW = int(time.time() * 1000)


def batch(*values: bytes | None, key: bytes | None = b"key", timestamp: int = NOW, **fields: Any) -> bytes:
    return build_batch([Record(offset, timestamp, key, value) for offset, value in enumerate(values)], **fields)


class Scene:
    def __init__(self, server: ServerUnderTest) -> None:
        self.server = server
        self.client = RawClient(*server.host_and_port())
        self._names: dict[str, str] = {}
        self._topic_ids: dict[bytes, str] = {}
        self._ids_of_topics: dict[str, bytes] = {}

    def close(self) -> None:
        self.client.close()

    def another_client(self, client_id: str = "contract") -> RawClient:
        return RawClient(*self.server.host_and_port(), client_id)

    # Names

    def name(self, stem: str) -> str:
        """A name that was never used; answers show `<stem>` in its place."""
        name = f"{stem}-{os.getpid()}-{os.urandom(3).hex()}-{next(NUMBERS)}"
        self._names[name] = f"<{stem}>"
        return name

    def topic(self, partitions: int = 1, config: Mapping[str, str] | None = None, *, stem: str = "topic", replicas: int = 1) -> str:
        """A new topic whose partitions have leaders."""
        name = self.name(stem)
        configs = [CreatableTopicConfig(name=key, value=value) for key, value in (config or {}).items()]
        topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=replicas, configs=configs)
        request = CreateTopicsRequest(topics=[topic])
        answer = self.request(request, 7, CreateTopicsResponse)
        assert [topic.error_code for topic in answer.topics] == [0], answer
        eventually(lambda: self.is_ready(name))
        self._ids_of_topics[name] = answer.topics[0].topic_id
        self._topic_ids[answer.topics[0].topic_id] = f"<id of {self._names[name]}>"
        return name

    def is_ready(self, topic: str) -> bool:
        """It is described, its leaders answer, and every other node knows of it: a real cluster's nodes learn of a topic one by one."""
        request = MetadataRequest(topics=[MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False)
        (described,) = self.request(request, 12, MetadataResponse).topics
        if described.error_code or any(partition.error_code for partition in described.partitions):
            return False
        asked = ListOffsetsRequest(
            replica_id=-1,
            topics=[
                ListOffsetsTopic(
                    name=topic,
                    partitions=[ListOffsetsPartition(partition_index=each.partition_index, timestamp=-1) for each in described.partitions],
                )
            ],
        )
        answers = [self._answers(node, asked) for node in range(self.server.node_count)]
        return all(0 in codes and set(codes) <= {0, ErrorCode.NOT_LEADER_OR_FOLLOWER} for codes in zip(*answers, strict=True))

    def _answers(self, node: int, asked: ListOffsetsRequest) -> list[int]:
        """What this node says of each partition."""
        client = self.client if self.server.node_count == 1 else RawClient(*self.server.host_and_port(node))
        try:
            answer = client.ask(asked, 7)
        finally:
            if client is not self.client:
                client.close()
        assert isinstance(answer, ListOffsetsResponse)
        return [partition.error_code for partition in answer.topics[0].partitions]

    def topic_id(self, topic: str) -> bytes:
        return self._ids_of_topics[topic]

    @property
    def known_topics(self) -> frozenset[str]:
        return frozenset(self._ids_of_topics)

    def plain_name(self, name: str) -> str:
        return self._names[name]

    # Questions

    def request(self, request: Message, version: int, response: type[M]) -> M:
        """The answer as it came."""
        answer = self.client.ask(request, version)
        assert isinstance(answer, response)
        return answer

    def ask(self, request: Message, version: int | None = None) -> Any:
        """The answer in one version, the newest unless told, ready to be compared."""
        version = newest(request) if version is None else version
        try:
            return self.plain(self.client.ask(request, version))
        except ConnectionClosed:
            self.client.close()
            self.client = self.another_client()
            return CLOSED

    def ask_at(self, client: RawClient, request: Message, version: int | None = None) -> Any:
        """The answer of whatever node this connection is to."""
        return self.plain(client.ask(request, newest(request) if version is None else version))

    def ask_all(self, request: Message | Callable[[], Message]) -> dict[str, Any]:
        """The answers in every version that can carry the request; versions that give equal ones are named together."""
        make = request if not isinstance(request, Message) else lambda: request
        api = API_OF_REQUEST[type(make())]
        found: list[tuple[list[int], Any]] = []
        for version in range(api.min_version, api.max_version + 1):
            question = make()
            if not can_carry(question, version):
                continue
            answer = self.ask(question, version)
            if found and found[-1][1] == answer:
                found[-1][0].append(version)
            else:
                found.append(([version], answer))
        return {f"v{versions[0]}-{versions[-1]}": answer for versions, answer in found}

    def plain(self, answer: Message) -> Any:
        return plain(answer, self._names, self._topic_ids)

    # Preparations

    def wait_for_coordinators(self) -> None:
        """A real broker makes its internal topics when the first group asks for them,
        and fetches a block of producer ids when the first producer does."""

        def is_there() -> bool:
            found = self.request(FindCoordinatorRequest(coordinator_keys=["group"]), 4, FindCoordinatorResponse)
            return found.coordinators[0].error_code == 0

        def is_loaded() -> bool:
            asked = DescribeGroupsRequest(groups=[f"group {number}" for number in range(50)])
            groups = self.request(asked, 5, DescribeGroupsResponse).groups
            # Of several nodes, another may be the one; the only node is not yet.
            good = {0} if self.server.node_count == 1 else {0, ErrorCode.NOT_COORDINATOR}
            return all(group.error_code in good for group in groups)

        def gives_producer_ids() -> bool:
            asked = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)
            return self.request(asked, 4, InitProducerIdResponse).error_code == 0

        eventually(lambda: is_there() and is_loaded() and gives_producer_ids())

    def produce(self, topic: str, records: bytes | None, *, partition: int = 0, acks: int = -1) -> ProduceRequest:
        data = TopicProduceData(
            name=topic, topic_id=self.topic_id(topic), partition_data=[PartitionProduceData(index=partition, records=records)]
        )
        return ProduceRequest(acks=acks, timeout_ms=10_000, topic_data=[data])

    def append(self, topic: str, *batches: bytes, partition: int = 0) -> None:
        """Each batch must be accepted."""
        for each in batches:
            answer = self.request(self.produce(topic, each, partition=partition), 11, ProduceResponse)
            assert answer.responses[0].partition_responses[0].error_code == 0, answer

    def join(
        self, group: str, *, instance: str | None = None, member_id: str = "", protocol: str = "range", topic: str = "anything"
    ) -> JoinGroupRequest:
        return JoinGroupRequest(
            group_id=group,
            session_timeout_ms=10_000,
            rebalance_timeout_ms=10_000,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type="consumer",
            protocols=[JoinGroupRequestProtocol(name=protocol, metadata=subscription(topic))],
        )

    def only_member(self, group: str, *, instance: str | None = None, topic: str = "anything") -> JoinGroupResponse:
        """Join as the only member and take the assignment `mine`; the group is then stable."""
        request = self.join(group, instance=instance, topic=topic)
        first = self.request(request, 9, JoinGroupResponse)
        if first.error_code != 0:
            request.member_id = first.member_id
            first = self.request(request, 9, JoinGroupResponse)
        assert first.error_code == 0, first
        sync = SyncGroupRequest(
            group_id=group,
            generation_id=first.generation_id,
            member_id=first.member_id,
            group_instance_id=instance,
            protocol_type="consumer",
            protocol_name="range",
            assignments=[SyncGroupRequestAssignment(member_id=first.member_id, assignment=b"mine")],
        )
        assert self.request(sync, 5, SyncGroupResponse).error_code == 0
        return first


def newest(request: Message) -> int:
    return API_OF_REQUEST[type(request)].max_version


def subscription(topic: str) -> bytes:
    """To one topic. A real broker reads what consumers send, and never completes a join whose subscription it cannot read."""
    return b"\0\0" + encode(ConsumerProtocolSubscription(topics=[topic]), 0)


def can_carry(request: Message, version: int) -> bool:
    try:
        encode(request, version)
    except UnsupportedVersion:
        return False
    return True


def assignments(*replicas: list[int]) -> list[CreatableReplicaAssignment]:
    return [CreatableReplicaAssignment(partition_index=index, broker_ids=nodes) for index, nodes in enumerate(replicas)]
