"""Fetch: offsets, limits, sessions, ids, epochs."""

import time

import pytest

from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic
from message_queues.protocols.kafka.messages.topics import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from message_queues.records.batch import Record, build_batch
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import NOW, Scene, batch


def fetch(
    scene: Scene,
    topic: str,
    offset: int = 0,
    *,
    partition: int = 0,
    partition_max_bytes: int = 1_000_000,
    max_bytes: int = 10_000_000,
    min_bytes: int = 0,
    max_wait_ms: int = 0,
    leader_epoch: int = -1,
) -> FetchRequest:
    part = FetchPartition(
        partition=partition, fetch_offset=offset, partition_max_bytes=partition_max_bytes, current_leader_epoch=leader_epoch
    )
    return FetchRequest(
        max_wait_ms=max_wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        topics=[FetchTopic(topic=topic, topic_id=scene.topic_id(topic), partitions=[part])],
    )


def test_every_version_is_answered(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0", b"1"), batch(b"2"))
    kafka_says(scene.ask_all(fetch(scene, topic)))


@pytest.mark.parametrize("offset", [0, 1, 2, 3, 4, 5, 99, -1, -2])
def test_offsets(scene: Scene, kafka_says: RecordedAnswers, offset: int) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0", b"1", b"2"), batch(b"3"))
    kafka_says(scene.ask(fetch(scene, topic, offset)))


def test_what_was_deleted_is_out_of_range(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0", b"1", b"2"), batch(b"3"))
    part = DeleteRecordsPartition(partition_index=0, offset=2)
    scene.ask(DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=topic, partitions=[part])], timeout_ms=10_000))
    kafka_says([scene.ask(fetch(scene, topic, offset)) for offset in (0, 1, 2, 3)])


def test_zstd_is_not_given_to_clients_that_do_not_know_it(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    scene.append(topic, build_batch([Record(0, NOW, b"k", b"v")], compression=4))
    kafka_says(scene.ask_all(fetch(scene, topic)))


def test_zstd_as_the_compression_of_the_topic_is_refused_to_old_clients(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"compression.type": "zstd"})
    kafka_says(scene.ask_all(fetch(scene, topic)))


def test_an_unknown_partition(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(fetch(scene, scene.topic(), partition=7)))


def test_an_unknown_topic(scene: Scene, kafka_says: RecordedAnswers) -> None:
    request = fetch(scene, scene.topic())
    request.topics[0].topic, request.topics[0].topic_id = scene.name("absent"), b"0123456789abcdef"
    kafka_says(scene.ask_all(request))


def test_an_empty_topic_id(scene: Scene, kafka_says: RecordedAnswers) -> None:
    request = fetch(scene, scene.topic())
    request.topics[0].topic_id = bytes(16)
    kafka_says(scene.ask(request))


@pytest.mark.parametrize("epoch", [-1, 0, 1, 9])
def test_leader_epochs(scene: Scene, kafka_says: RecordedAnswers, epoch: int) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0"))
    kafka_says(scene.ask_all(fetch(scene, topic, leader_epoch=epoch)))


def test_the_first_batch_comes_whole_however_small_the_limits(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0" * 500), batch(b"1" * 500))
    kafka_says(scene.ask(fetch(scene, topic, max_bytes=1)))
    kafka_says(scene.ask(fetch(scene, topic, partition_max_bytes=1)))
    kafka_says(scene.ask(fetch(scene, topic, max_bytes=1, partition_max_bytes=1)))
    kafka_says(scene.ask(fetch(scene, topic, partition_max_bytes=0)))


def test_only_the_first_partition_may_exceed_its_limit(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(2)
    for partition in (0, 1):
        scene.append(topic, batch(b"x" * 500), partition=partition)
    request = fetch(scene, topic, partition_max_bytes=100)
    request.topics[0].partitions += fetch(scene, topic, partition=1, partition_max_bytes=100).topics[0].partitions
    answer = scene.request(request, 12, FetchResponse)
    sizes = sorted(split_sizes(answer))
    kafka_says([size > 500 for size in sizes])


def split_sizes(answer: FetchResponse) -> list[int]:
    """The bytes of each partition, as far as they are whole batches."""
    sizes = []
    for topic in answer.responses:
        for partition in topic.partitions:
            records = partition.records or b""
            whole = len(records) >= 12 and int.from_bytes(records[8:12], "big") + 12 <= len(records)
            sizes.append(len(records) if whole else 0)
    return sizes


def test_max_bytes_limits_all_partitions_together(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(3)
    for partition in range(3):
        scene.append(topic, batch(b"x" * 500), partition=partition)
    request = fetch(scene, topic, max_bytes=700)
    for partition in (1, 2):
        request.topics[0].partitions += fetch(scene, topic, partition=partition).topics[0].partitions
    kafka_says(sorted(size > 500 for size in split_sizes(scene.request(request, 12, FetchResponse))))


def test_a_reader_at_the_end_waits_its_time(scene: Scene) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0"))
    started = time.monotonic()
    scene.ask(fetch(scene, topic, 1, min_bytes=1, max_wait_ms=300))
    assert 0.25 < time.monotonic() - started < 3


def test_a_reader_that_wants_more_than_there_is_waits_its_time_and_gets_what_there_is(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    scene.append(topic, batch(b"0"))
    started = time.monotonic()
    kafka_says(scene.ask(fetch(scene, topic, min_bytes=10_000, max_wait_ms=300)))
    assert 0.25 < time.monotonic() - started < 3


def test_a_waiting_reader_is_woken_by_an_append(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    waiting = scene.another_client()
    api = waiting.send(fetch(scene, topic, min_bytes=1, max_wait_ms=10_000), 18)
    started = time.monotonic()
    scene.append(topic, batch(b"0"))
    kafka_says(scene.plain(waiting.receive(api, 18)))
    assert time.monotonic() - started < 5
    waiting.close()


def test_an_error_is_told_without_waiting(scene: Scene) -> None:
    topic = scene.topic()
    started = time.monotonic()
    scene.ask(fetch(scene, topic, 99, min_bytes=1, max_wait_ms=10_000))
    assert time.monotonic() - started < 5


def test_nothing_asked_is_answered_with_nothing(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(FetchRequest(max_wait_ms=0, min_bytes=0, topics=[])))


# Sessions (KIP-227)


class Session:
    """An open fetch session over one topic of two partitions."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.topic = scene.topic(2)
        scene.append(self.topic, batch(b"0"))
        scene.append(self.topic, batch(b"1"), partition=1)
        request = self.whole(0, 0)
        answer = scene.request(request, 12, FetchResponse)
        assert answer.error_code == 0
        self.id = answer.session_id

    def whole(self, session_id: int, epoch: int) -> FetchRequest:
        return self.change(session_id, epoch, (0, 0), (1, 0))

    def change(self, session_id: int, epoch: int, *offsets: tuple[int, int]) -> FetchRequest:
        parts = [FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=1_000_000) for index, offset in offsets]
        topics = [FetchTopic(topic=self.topic, topic_id=self.scene.topic_id(self.topic), partitions=parts)] if parts else []
        return FetchRequest(max_wait_ms=0, min_bytes=0, session_id=session_id, session_epoch=epoch, topics=topics)


def test_a_session_opens_in_every_version_that_has_them(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    assert session.id != 0
    kafka_says(scene.ask_all(session.whole(0, 0)))


def test_a_session_repeats_only_what_is_new(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    kafka_says(scene.ask(session.change(session.id, 1, (0, 1), (1, 1)), 12))
    kafka_says(scene.ask(session.change(session.id, 2), 12))
    scene.append(session.topic, batch(b"2"))
    kafka_says(scene.ask(session.change(session.id, 3), 12))
    kafka_says(scene.ask(session.change(session.id, 4), 12))


def test_a_session_forgets_partitions(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    request = session.change(session.id, 1, (0, 1))
    request.forgotten_topics_data = [
        ForgottenTopic(topic=session.topic, topic_id=scene.topic_id(session.topic), partitions=[1]),
    ]
    kafka_says(scene.ask(request, 12))
    scene.append(session.topic, batch(b"2"), partition=1)
    scene.append(session.topic, batch(b"3"), partition=0)
    kafka_says(scene.ask(session.change(session.id, 2), 12))


def test_an_unknown_session_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    kafka_says(scene.ask_all(session.change(session.id + 12345, 1, (0, 0))))


def test_a_wrong_session_epoch_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    kafka_says(scene.ask(session.change(session.id, 5, (0, 0)), 12))
    kafka_says(scene.ask(session.change(session.id, 1, (0, 0)), 12))


def test_a_closed_session_is_unknown(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    kafka_says(scene.ask(session.change(session.id, -1, (0, 0)), 12))
    kafka_says(scene.ask(session.change(session.id, 1), 12))


def test_a_session_that_is_opened_anew_replaces_the_old_one(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    kafka_says(scene.ask(session.whole(session.id, 0), 12))
    kafka_says(scene.ask(session.change(session.id, 1), 12))


def test_ids_and_names_do_not_mix_in_one_session(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    kafka_says(scene.ask(session.change(session.id, 1, (0, 1)), 13))


def test_an_error_in_a_session_is_repeated(scene: Scene, kafka_says: RecordedAnswers) -> None:
    session = Session(scene)
    kafka_says(scene.ask(session.change(session.id, 1, (0, 99)), 12))
    kafka_says(scene.ask(session.change(session.id, 2), 12))
