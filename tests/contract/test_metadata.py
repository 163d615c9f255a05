"""Metadata, DescribeCluster, DescribeTopicPartitions and DescribeLogDirs."""

from typing import Any

import pytest

from message_queues.protocols.kafka.messages.cluster import (
    Cursor,
    DescribableLogDirTopic,
    DescribeClusterRequest,
    DescribeLogDirsRequest,
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from message_queues.protocols.kafka.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import Scene, batch
from tests.patience import eventually


def metadata(*names: str, **fields: Any) -> MetadataRequest:
    topics = [MetadataRequestTopic(name=name) for name in names]
    return MetadataRequest(topics=topics, allow_auto_topic_creation=False, **fields)


def test_a_topic_is_described_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(2)
    kafka_says({version: scene.ask(described(version, topic), version) for version in range(14)})


def described(version: int, topic: str) -> MetadataRequest:
    return MetadataRequest(topics=[MetadataRequestTopic(name=topic)], allow_auto_topic_creation=version < 4)


def test_a_topic_is_described_by_id(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = MetadataRequestTopic(name=None, topic_id=scene.topic_id(scene.topic()))
    kafka_says({version: scene.ask(MetadataRequest(topics=[topic]), version) for version in (12, 13)})


def test_an_unknown_id(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = MetadataRequestTopic(name=None, topic_id=b"0123456789abcdef")
    kafka_says({version: scene.ask(MetadataRequest(topics=[topic]), version) for version in (12, 13)})


def test_neither_name_nor_id(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = MetadataRequestTopic(name=None)
    kafka_says({version: scene.ask(MetadataRequest(topics=[topic]), version) for version in (10, 11)})


def test_both_name_and_id(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    asked = MetadataRequestTopic(name=topic, topic_id=scene.topic_id(topic))
    kafka_says({version: scene.ask(MetadataRequest(topics=[asked]), version) for version in (10, 11, 12, 13)})
    wrong = MetadataRequestTopic(name=topic, topic_id=b"0123456789abcdef")
    kafka_says(scene.ask(MetadataRequest(topics=[wrong])))


def test_an_absent_topic_that_may_not_be_created(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says({version: scene.ask(metadata(scene.name("absent")), version) for version in range(4, 14)})


@pytest.mark.parametrize("name", ["", "..", "not a name", "x" * 250])
def test_names_that_could_never_exist(scene: Scene, kafka_says: RecordedAnswers, name: str) -> None:
    request = MetadataRequest(topics=[MetadataRequestTopic(name=name)], allow_auto_topic_creation=True)
    kafka_says({version: scene.ask(request, version) for version in (1, 5, 13)})


def test_an_absent_topic_is_created_on_the_way(scene: Scene, kafka_says: RecordedAnswers) -> None:
    name = scene.name("automatic")
    request = MetadataRequest(topics=[MetadataRequestTopic(name=name)], allow_auto_topic_creation=True)
    first = scene.request(request, 9, MetadataResponse).topics[0]
    assert first.error_code in (3, 5, 0), "unknown or without a leader at first, unless it is ready at once"
    eventually(lambda: scene.request(request, 9, MetadataResponse).topics[0].error_code == 0)
    answer = scene.ask(request, 9)
    kafka_says(answer["topics"])


def test_one_topic_asked_twice(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    kafka_says(scene.ask(metadata(topic, topic))["topics"])


def test_no_topics_are_asked_for(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says({version: scene.ask(metadata(), version) for version in range(4, 14)})


def test_null_asks_for_all_topics(scene: Scene) -> None:
    topic = scene.topic()
    for version in range(1, 14):
        answer = scene.request(MetadataRequest(topics=None), version, MetadataResponse)
        assert topic in {each.name for each in answer.topics}


def test_an_empty_list_asks_for_all_topics_in_version_0(scene: Scene) -> None:
    topic = scene.topic()
    assert topic in {each.name for each in scene.request(MetadataRequest(topics=[]), 0, MetadataResponse).topics}


def test_operations_are_told_when_asked_for(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    everything = {"include_cluster_authorized_operations": True, "include_topic_authorized_operations": True}
    kafka_says({version: scene.ask(metadata(topic, **everything), version) for version in (8, 9, 10)})
    kafka_says(scene.ask(metadata(topic, include_topic_authorized_operations=True)))


# DescribeCluster


def test_the_cluster_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(DescribeClusterRequest()))
    kafka_says(scene.ask_all(DescribeClusterRequest(include_cluster_authorized_operations=True)))
    kafka_says(scene.ask(DescribeClusterRequest(include_fenced_brokers=True)))


@pytest.mark.parametrize("endpoint", [0, 2, 3])
def test_other_endpoints(scene: Scene, kafka_says: RecordedAnswers, endpoint: int) -> None:
    kafka_says(scene.ask(DescribeClusterRequest(endpoint_type=endpoint)))


# DescribeTopicPartitions


def pages(*names: str, limit: int = 2000, cursor: Cursor | None = None) -> DescribeTopicPartitionsRequest:
    return DescribeTopicPartitionsRequest(topics=[TopicRequest(name=name) for name in names], response_partition_limit=limit, cursor=cursor)


def test_partitions_are_described(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(pages(scene.topic(2))))


def test_partitions_are_described_page_by_page(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(3)
    kafka_says(scene.ask(pages(topic, limit=2)))
    kafka_says(scene.ask(pages(topic, limit=2, cursor=Cursor(topic_name=topic, partition_index=2))))
    kafka_says(scene.ask(pages(topic, limit=3)))


def test_partitions_of_an_absent_topic(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(pages(scene.name("absent"))))
    kafka_says(scene.ask(pages("not a name")))


@pytest.mark.parametrize("partition", [-1, 5])
def test_cursors_out_of_range(scene: Scene, kafka_says: RecordedAnswers, partition: int) -> None:
    topic = scene.topic(2)
    kafka_says(scene.ask(pages(topic, cursor=Cursor(topic_name=topic, partition_index=partition))))


@pytest.mark.parametrize("limit", [0, -1])
def test_limits_that_are_none(scene: Scene, kafka_says: RecordedAnswers, limit: int) -> None:
    kafka_says(scene.ask(pages(scene.topic(2), limit=limit)))


# DescribeLogDirs


def test_log_directories_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(2)
    asked = DescribeLogDirsRequest(topics=[DescribableLogDirTopic(topic=topic, partitions=[0, 1])])
    kafka_says(scene.ask_all(asked))


def test_a_partition_has_the_size_of_its_batches(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0"), batch(b"1" * 100))
    asked = DescribeLogDirsRequest(topics=[DescribableLogDirTopic(topic=topic, partitions=[0])])
    kafka_says(scene.ask(asked))


def test_log_directories_of_what_does_not_exist(scene: Scene, kafka_says: RecordedAnswers) -> None:
    absent = DescribeLogDirsRequest(topics=[DescribableLogDirTopic(topic=scene.name("absent"), partitions=[0])])
    kafka_says(scene.ask(absent))
    beyond = DescribeLogDirsRequest(topics=[DescribableLogDirTopic(topic=scene.topic(), partitions=[9])])
    kafka_says(scene.ask(beyond))
    kafka_says(scene.ask(DescribeLogDirsRequest(topics=[])))
