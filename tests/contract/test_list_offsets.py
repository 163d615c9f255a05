"""ListOffsets with its special timestamps, and OffsetForLeaderEpoch."""

import pytest

from message_queues.protocols.kafka.messages.leader_epochs import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from message_queues.protocols.kafka.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from message_queues.protocols.kafka.messages.topics import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from message_queues.records.batch import Record, build_batch
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import Scene

START = 1_000_000


def list_offsets(topic: str, timestamp: int, *, partition: int = 0, isolation: int = 0, epoch: int = -1) -> ListOffsetsRequest:
    part = ListOffsetsPartition(partition_index=partition, timestamp=timestamp, current_leader_epoch=epoch)
    return ListOffsetsRequest(replica_id=-1, isolation_level=isolation, topics=[ListOffsetsTopic(name=topic, partitions=[part])])


def filled(scene: Scene) -> str:
    """Offsets 0-5, with the largest time at offset 4 and times that go back at 5."""
    topic = scene.topic()
    times = [[100, 200, 200], [300, 500], [400]]
    offset = 0
    for group in times:
        records = [Record(number, START + moment, b"k", b"v") for number, moment in enumerate(group)]
        scene.append(topic, build_batch(records))
        offset += len(group)
    return topic


def delete_before(scene: Scene, topic: str, offset: int) -> None:
    part = DeleteRecordsPartition(partition_index=0, offset=offset)
    scene.ask(DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=topic, partitions=[part])], timeout_ms=10_000))


@pytest.mark.parametrize("timestamp", [-1, -2, -3, -4, -5, -6, -7, -99])
def test_special_timestamps(scene: Scene, kafka_says: RecordedAnswers, timestamp: int) -> None:
    kafka_says(scene.ask_all(list_offsets(filled(scene), timestamp)))


@pytest.mark.parametrize("timestamp", [-1, -2, -3, -4, -5, -6])
def test_special_timestamps_of_an_empty_partition(scene: Scene, kafka_says: RecordedAnswers, timestamp: int) -> None:
    kafka_says(scene.ask(list_offsets(scene.topic(), timestamp)))


@pytest.mark.parametrize("timestamp", [-1, -2, -4])
def test_special_timestamps_after_records_were_deleted(scene: Scene, kafka_says: RecordedAnswers, timestamp: int) -> None:
    topic = filled(scene)
    delete_before(scene, topic, 4)
    kafka_says(scene.ask(list_offsets(topic, timestamp)))


@pytest.mark.parametrize("moment", [0, 100, 101, 200, 201, 300, 301, 350, 400, 401, 499, 500, 501])
def test_times(scene: Scene, kafka_says: RecordedAnswers, moment: int) -> None:
    kafka_says(scene.ask(list_offsets(filled(scene), START + moment)))


def test_a_time_before_all_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(list_offsets(filled(scene), 0)))


def test_a_time_after_all_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(list_offsets(filled(scene), START + 10_000)))


@pytest.mark.parametrize("codec", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_times_inside_a_compressed_batch(scene: Scene, kafka_says: RecordedAnswers, codec: int) -> None:
    topic = scene.topic()
    records = [Record(number, START + 100 * number, b"k", b"v") for number in range(5)]
    scene.append(topic, build_batch(records, compression=codec))
    kafka_says([scene.ask(list_offsets(topic, START + moment)) for moment in (0, 150, 400)])
    kafka_says(scene.ask(list_offsets(topic, -3)))


def test_times_of_deleted_records_are_not_found(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = filled(scene)
    delete_before(scene, topic, 2)
    kafka_says([scene.ask(list_offsets(topic, START + moment)) for moment in (100, 200, 300)])


@pytest.mark.parametrize("isolation", [0, 1])
def test_isolation_levels(scene: Scene, kafka_says: RecordedAnswers, isolation: int) -> None:
    kafka_says(scene.ask(list_offsets(filled(scene), -1, isolation=isolation)))


def test_an_unknown_topic_and_an_unknown_partition(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(list_offsets(scene.name("absent"), -1)))
    kafka_says(scene.ask_all(list_offsets(scene.topic(), -1, partition=3)))


@pytest.mark.parametrize("epoch", [0, 1])
def test_leader_epochs(scene: Scene, kafka_says: RecordedAnswers, epoch: int) -> None:
    kafka_says(scene.ask_all(list_offsets(filled(scene), -1, epoch=epoch)))


def test_one_partition_asked_twice_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    request = list_offsets(filled(scene), -1)
    request.topics[0].partitions.append(ListOffsetsPartition(partition_index=0, timestamp=-2))
    kafka_says(scene.ask_all(request))


def end_of_epoch(topic: str, epoch: int, *, partition: int = 0, current: int = -1) -> OffsetForLeaderEpochRequest:
    part = OffsetForLeaderPartition(partition=partition, leader_epoch=epoch, current_leader_epoch=current)
    return OffsetForLeaderEpochRequest(replica_id=-1, topics=[OffsetForLeaderTopic(topic=topic, partitions=[part])])


@pytest.mark.parametrize("epoch", [-1, 0, 1, 7])
def test_the_end_of_an_epoch(scene: Scene, kafka_says: RecordedAnswers, epoch: int) -> None:
    kafka_says(scene.ask_all(end_of_epoch(filled(scene), epoch)))


def test_the_end_of_an_epoch_of_an_empty_partition(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(end_of_epoch(scene.topic(), 0)))


@pytest.mark.parametrize("current", [0, 3])
def test_the_end_of_an_epoch_with_a_current_epoch(scene: Scene, kafka_says: RecordedAnswers, current: int) -> None:
    kafka_says(scene.ask_all(end_of_epoch(filled(scene), 0, current=current)))


def test_the_end_of_an_epoch_of_what_does_not_exist(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(end_of_epoch(scene.name("absent"), 0)))
    kafka_says(scene.ask_all(end_of_epoch(scene.topic(), 0, partition=4)))
