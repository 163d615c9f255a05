"""CreateTopics, DeleteTopics, CreatePartitions and DeleteRecords, most of all when they refuse."""

from collections.abc import Callable
from typing import Any

import pytest

from message_queues.protocols.kafka.messages.topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
    DeleteTopicsRequest,
    DeleteTopicState,
)
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import Scene, assignments, batch
from tests.patience import eventually


def new(name: str, partitions: int = 1, replicas: int = 1, **configs: str | None) -> CreatableTopic:
    entries = [CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()]
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=replicas, configs=entries)


def create(*topics: CreatableTopic, validate_only: bool = False) -> CreateTopicsRequest:
    return CreateTopicsRequest(topics=list(topics), timeout_ms=10_000, validate_only=validate_only)


def brief(answer: Any) -> Any:
    """An answer with only those configurations that the request gave; one test compares the others, too."""
    if isinstance(answer, list):
        return [brief(each) for each in answer if not (isinstance(each, dict) and each.get("config_source") == 5)]
    if isinstance(answer, dict):
        return {key: brief(each) for key, each in answer.items()}
    return answer


def test_a_new_topic_is_described_in_the_answer(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(lambda: create(new(scene.name("topic"), 3, retention_ms="1234567"))))


def test_validating_says_the_same_and_creates_nothing(scene: Scene, kafka_says: RecordedAnswers) -> None:
    name = scene.name("topic")
    kafka_says(brief(scene.ask(create(new(name, 2), validate_only=True))))
    kafka_says(brief(scene.ask(create(new(name, 2), validate_only=True))))


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a b", "a/b", "ä", "a\nb", "x" * 249, "x" * 250, "__cluster_metadata"],
    ids=["empty", "dot", "dots", "space", "slash", "umlaut", "newline", "249", "250", "metadata"],
)
def test_names(scene: Scene, kafka_says: RecordedAnswers, name: str) -> None:
    kafka_says(brief(scene.ask_all(create(new(name), validate_only=True))))


@pytest.mark.parametrize(("partitions", "replicas"), [(0, 1), (-1, 1), (-2, 1), (1, 0), (1, -1), (1, -2), (1, 2), (1, 7), (-1, -1)])
def test_counts(scene: Scene, kafka_says: RecordedAnswers, partitions: int, replicas: int) -> None:
    kafka_says(brief(scene.ask_all(create(new(scene.name("topic"), partitions, replicas), validate_only=True))))


def test_too_many_partitions_in_one_request_are_refused_by_policy(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(create(new(scene.name("topic"), 10_001), validate_only=True)))


ASSIGNMENTS: dict[str, Callable[[CreatableTopic], None]] = {
    "valid": lambda topic: given(topic, -1, -1, [0], [0]),
    "with-counts": lambda topic: given(topic, 2, 1, [0], [0]),
    "with-partitions": lambda topic: given(topic, 2, -1, [0], [0]),
    "unknown-node": lambda topic: given(topic, -1, -1, [7]),
    "no-replica": lambda topic: given(topic, -1, -1, []),
    "replica-twice": lambda topic: given(topic, -1, -1, [0, 0]),
    "uneven": lambda topic: given(topic, -1, -1, [0], [0, 1]),
    "negative-node": lambda topic: given(topic, -1, -1, [-1]),
}


def given(topic: CreatableTopic, partitions: int, replicas: int, *nodes: list[int]) -> None:
    topic.num_partitions, topic.replication_factor = partitions, replicas
    topic.assignments = assignments(*nodes)


@pytest.mark.parametrize("case", ASSIGNMENTS)
def test_assignments(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    topic = new(scene.name("topic"))
    ASSIGNMENTS[case](topic)
    kafka_says(brief(scene.ask(create(topic, validate_only=True))))


def test_assignments_must_name_consecutive_partitions_once(scene: Scene, kafka_says: RecordedAnswers) -> None:
    gap, twice = new(scene.name("gap"), -1, -1), new(scene.name("twice"), -1, -1)
    gap.assignments = assignments([0], [0])
    gap.assignments[1].partition_index = 5
    twice.assignments = assignments([0], [0])
    twice.assignments[1].partition_index = 0
    kafka_says(scene.ask(create(gap, validate_only=True)))
    kafka_says(scene.ask(create(twice, validate_only=True)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("no.such.config", "1"),
        ("retention.ms", "long"),
        ("retention.ms", "-2"),
        ("retention.ms", ""),
        ("retention.ms", None),
        ("retention.ms", "99999999999999999999"),
        ("retention.ms", " 1000 "),
        ("cleanup.policy", "shred"),
        ("cleanup.policy", "compact,delete"),
        ("cleanup.policy", " compact , delete "),
        ("cleanup.policy", "compact,compact"),
        ("cleanup.policy", ""),
        ("compression.type", "lzma"),
        ("compression.type", "ZSTD"),
        ("compression.gzip.level", "0"),
        ("compression.gzip.level", "10"),
        ("compression.lz4.level", "18"),
        ("compression.zstd.level", "23"),
        ("segment.bytes", "1"),
        ("segment.bytes", "1048575"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "0"),
        ("segment.index.bytes", "3"),
        ("segment.jitter.ms", "-1"),
        ("max.message.bytes", "-1"),
        ("max.message.bytes", "0"),
        ("min.insync.replicas", "0"),
        ("min.insync.replicas", "3"),
        ("message.timestamp.type", "NoTime"),
        ("message.timestamp.before.max.ms", "-1"),
        ("message.timestamp.difference.max.ms", "1000"),
        ("message.format.version", "3.0"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("min.cleanable.dirty.ratio", "half"),
        ("preallocate", "yes"),
        ("preallocate", "TRUE"),
        ("unclean.leader.election.enable", "maybe"),
        ("index.interval.bytes", "-1"),
        ("flush.messages", "0"),
        ("flush.ms", "-1"),
        ("file.delete.delay.ms", "-1"),
        ("delete.retention.ms", "-1"),
        ("min.compaction.lag.ms", "-1"),
        ("max.compaction.lag.ms", "0"),
        ("remote.storage.enable", "true"),
        ("local.retention.ms", "-3"),
        ("local.retention.bytes", "-3"),
        ("leader.replication.throttled.replicas", "0:0"),
        ("leader.replication.throttled.replicas", "zero"),
        ("follower.replication.throttled.replicas", "*"),
        ("Retention.ms", "1000"),
        ("num.partitions", "3"),
    ],
)
def test_configurations(scene: Scene, kafka_says: RecordedAnswers, key: str, value: str | None) -> None:
    topic = new(scene.name("topic"))
    topic.configs = [CreatableTopicConfig(name=key, value=value)]
    kafka_says(brief(scene.ask(create(topic, validate_only=True))))


def test_configurations_that_contradict_each_other_are_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = new(scene.name("topic"), min_compaction_lag_ms="2000", max_compaction_lag_ms="1000")
    kafka_says(scene.ask(create(topic, validate_only=True)))


def test_the_same_topic_twice_in_one_request_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    name = scene.name("topic")
    kafka_says(scene.ask_all(create(new(name), new(name))))


def test_one_bad_topic_does_not_stop_the_others(scene: Scene, kafka_says: RecordedAnswers) -> None:
    answer = scene.ask(create(new(scene.name("good")), new("not good")), 4)
    kafka_says(sorted(answer["topics"], key=lambda topic: str(topic["name"])))


def test_a_topic_that_exists_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    kafka_says(scene.ask_all(create(new(topic))))
    kafka_says(scene.ask_all(create(new(topic), validate_only=True)))


def test_names_that_differ_in_dots_and_underscores_collide(scene: Scene, kafka_says: RecordedAnswers) -> None:
    dotted = scene.name("dotted").replace("-", ".")
    assert scene.request(create(new(dotted)), 7, CreateTopicsResponse).topics[0].error_code == 0
    underscored = dotted.replace(".", "_")
    answer = scene.request(create(new(underscored)), 7, CreateTopicsResponse).topics[0]
    message = (answer.error_message or "").replace(dotted, "<dotted>").replace(underscored, "<underscored>")
    kafka_says([answer.error_code, message])


def test_no_topics_are_created_without_a_complaint(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(create()))


# DeleteTopics


def test_a_topic_is_deleted_by_name(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says({version: scene.ask(DeleteTopicsRequest(topic_names=[scene.topic()], timeout_ms=10_000), version) for version in (1, 5)})
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name=scene.topic())], timeout_ms=10_000)))


def test_a_topic_is_deleted_by_id(scene: Scene, kafka_says: RecordedAnswers) -> None:
    state = DeleteTopicState(topic_id=scene.topic_id(scene.topic()))
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[state], timeout_ms=10_000)))
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[state], timeout_ms=10_000)))


def test_deleting_an_absent_topic_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    name = scene.name("absent")
    kafka_says({version: scene.ask(DeleteTopicsRequest(topic_names=[name], timeout_ms=10_000), version) for version in range(1, 6)})
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name=name)], timeout_ms=10_000)))
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState(topic_id=b"0123456789abcdef")], timeout_ms=10_000)))


def test_deleting_with_both_name_and_id_or_neither_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name=topic, topic_id=scene.topic_id(topic))], timeout_ms=10_000)))
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState()], timeout_ms=10_000)))


def test_deleting_one_topic_twice_in_a_request_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name=topic), DeleteTopicState(name=topic)], timeout_ms=10_000)))


def test_names_that_could_never_exist_are_not_found(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name="no such name")], timeout_ms=10_000)))
    kafka_says(scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name="")], timeout_ms=10_000)))


# CreatePartitions


def grow(topic: str, count: int, *nodes: list[int], validate_only: bool = False) -> CreatePartitionsRequest:
    replicas = [CreatePartitionsAssignment(broker_ids=each) for each in nodes] if nodes else None
    wanted = CreatePartitionsTopic(name=topic, count=count, assignments=replicas)
    return CreatePartitionsRequest(topics=[wanted], timeout_ms=10_000, validate_only=validate_only)


def test_a_topic_grows(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(lambda: grow(scene.topic(2), 3)))
    kafka_says(scene.ask(grow(scene.topic(1), 3, [0], [0])))


@pytest.mark.parametrize("count", [2, 1, 0, -1])
def test_a_topic_neither_stays_nor_shrinks(scene: Scene, kafka_says: RecordedAnswers, count: int) -> None:
    kafka_says(scene.ask_all(grow(scene.topic(2), count)))


@pytest.mark.parametrize(
    "nodes", [([0],), ([0], [0], [0]), ([0], [7]), ([0], []), ([0], [0, 0])], ids=["few", "many", "unknown", "none", "twice"]
)
def test_new_partitions_with_bad_assignments_are_refused(scene: Scene, kafka_says: RecordedAnswers, nodes: tuple[list[int], ...]) -> None:
    kafka_says(scene.ask(grow(scene.topic(1), 3, *nodes)))


def test_an_absent_topic_does_not_grow(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(grow(scene.name("absent"), 3)))


def test_validated_growth_does_not_happen(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(1)
    kafka_says(scene.ask(grow(topic, 3, validate_only=True)))
    kafka_says(scene.ask(grow(topic, 3, validate_only=True)))


def test_one_topic_twice_in_a_request_does_not_grow(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(1)
    request = grow(topic, 3)
    request.topics.append(CreatePartitionsTopic(name=topic, count=4, assignments=None))
    kafka_says(scene.ask(request))


# DeleteRecords


def delete(topic: str, offset: int, partition: int = 0) -> DeleteRecordsRequest:
    partitions = [DeleteRecordsPartition(partition_index=partition, offset=offset)]
    return DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=topic, partitions=partitions)], timeout_ms=10_000)


@pytest.mark.parametrize("offset", [0, 2, 3, 5, 6, -1, -2, 99])
def test_records_are_deleted_up_to_an_offset(scene: Scene, kafka_says: RecordedAnswers, offset: int) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0", b"1", b"2"), batch(b"3", b"4"))
    kafka_says(scene.ask_all(delete(topic, offset)))


def test_deleting_below_the_start_changes_nothing(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0", b"1", b"2"))
    kafka_says(scene.ask(delete(topic, 2)))
    kafka_says(scene.ask(delete(topic, 1)))


def test_records_of_what_does_not_exist_are_not_deleted(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(delete(scene.name("absent"), 0)))
    kafka_says(scene.ask(delete(scene.topic(), 0, partition=5)))


def test_records_of_a_compacted_topic_are_not_deleted(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"cleanup.policy": "compact"})
    scene.append(topic, batch(b"0", b"1"))
    kafka_says(scene.ask(delete(topic, 1)))


def test_a_deleted_topic_is_gone_from_the_next_metadata(scene: Scene) -> None:
    topic = scene.topic()
    scene.ask(DeleteTopicsRequest(topics=[DeleteTopicState(name=topic)], timeout_ms=10_000))
    eventually(lambda: not scene.is_ready(topic))
