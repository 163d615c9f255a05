"""Produce: what a partition accepts, and how it says what it does not. Idempotent producers have a module of their own."""

import struct

import pytest
from google_crc32c import value as crc32c

from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from message_queues.protocols.kafka.messages.produce import ProduceRequest
from message_queues.records.batch import Record, build_batch
from tests.contract.raw_client import ConnectionClosed
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import NOW, Scene, batch

HOUR_MS = 3_600_000


def fetched(scene: Scene, topic: str, offset: int = 0) -> object:
    partition = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1_000_000)
    return scene.ask(FetchRequest(max_wait_ms=0, min_bytes=0, topics=[FetchTopic(topic=topic, partitions=[partition])]), 12)


def resealed(data: bytes, position: int, changed: bytes) -> bytes:
    """A batch with some bytes changed and the CRC made right again."""
    data = data[:position] + changed + data[position + len(changed) :]
    return data[:17] + struct.pack(">I", crc32c(data[21:])) + data[21:]


def test_a_batch_gets_the_next_offsets(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    kafka_says(scene.ask(scene.produce(topic, batch(b"0", b"1", b"2"))))
    kafka_says(scene.ask(scene.produce(topic, batch(b"3"))))
    kafka_says(fetched(scene, topic))


def test_every_version_is_answered(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(lambda: scene.produce(scene.topic(), batch(b"0"))))


def test_the_time_of_the_broker_is_told(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(lambda: scene.produce(scene.topic(config={"message.timestamp.type": "LogAppendTime"}), batch(b"0"))))


def test_an_unknown_topic_is_refused_and_not_created(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    request = scene.produce(topic, batch(b"0"))
    request.topic_data[0].name = scene.name("absent")
    request.topic_data[0].topic_id = b"0123456789abcdef"
    kafka_says(scene.ask_all(request))


def test_an_unknown_partition_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(scene.produce(scene.topic(), batch(b"0"), partition=7)))
    kafka_says(scene.ask(scene.produce(scene.topic(), batch(b"0"), partition=-1)))


@pytest.mark.parametrize("acks", [2, -2, 100])
def test_other_acknowledgements_than_none_one_and_all_are_refused(scene: Scene, kafka_says: RecordedAnswers, acks: int) -> None:
    kafka_says(scene.ask_all(scene.produce(scene.topic(), batch(b"0"), acks=acks)))


def test_no_acknowledgement_means_no_answer(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    scene.client.send(scene.produce(topic, batch(b"0"), acks=0), 9)
    api = scene.client.send(scene.produce(topic, batch(b"1"), acks=1), 9)
    kafka_says(scene.plain(scene.client.receive(api, 9)))


def test_an_error_without_acknowledgement_closes_the_connection(scene: Scene) -> None:
    topic = scene.topic()
    scene.client.send(scene.produce(topic, batch(b"0"), partition=7, acks=0), 9)
    with pytest.raises(ConnectionClosed):
        scene.client.receive_frame()


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "few-bytes": b"abc",
    "cut-short": batch(b"0")[:-1],
    "header-only-cut": batch(b"0")[:40],
    "trailing-bytes": batch(b"0") + b"xyz",
    "wrong-crc": batch(b"0")[:17] + b"\0\0\0\0" + batch(b"0")[21:],
    "flipped-bit": batch(b"value that changes")[:-3] + b"\xff" + batch(b"value that changes")[-2:],
    "magic-0": batch(b"0")[:16] + b"\x00" + batch(b"0")[17:],
    "magic-1": batch(b"0")[:16] + b"\x01" + batch(b"0")[17:],
    "magic-3": batch(b"0")[:16] + b"\x03" + batch(b"0")[17:],
    "magic-negative": batch(b"0")[:16] + b"\xff" + batch(b"0")[17:],
    "length-0": batch(b"0")[:8] + struct.pack(">i", 0) + batch(b"0")[12:],
    "length-negative": batch(b"0")[:8] + struct.pack(">i", -5) + batch(b"0")[12:],
    "length-too-large": batch(b"0")[:8] + struct.pack(">i", 10_000) + batch(b"0")[12:],
    "no-records": build_batch([]),
    "count-too-large": resealed(batch(b"0", b"1"), 57, struct.pack(">i", 5)),
    "count-too-small": resealed(batch(b"0", b"1"), 57, struct.pack(">i", 1)),
    "count-0": resealed(batch(b"0", b"1"), 57, struct.pack(">i", 0)),
    "count-negative": resealed(batch(b"0", b"1"), 57, struct.pack(">i", -1)),
    "last-delta-too-large": resealed(batch(b"0", b"1"), 23, struct.pack(">i", 9)),
    "last-delta-negative": resealed(batch(b"0", b"1"), 23, struct.pack(">i", -9)),
    "codec-5": resealed(batch(b"0"), 21, struct.pack(">h", 5)),
    "codec-7": resealed(batch(b"0"), 21, struct.pack(">h", 7)),
    "says-gzip-and-is-not": resealed(batch(b"0"), 21, struct.pack(">h", 1)),
    "says-zstd-and-is-not": resealed(batch(b"0"), 21, struct.pack(">h", 4)),
    "control": resealed(batch(b"0"), 21, struct.pack(">h", 0x20)),
    "transactional": resealed(batch(b"0"), 21, struct.pack(">h", 0x10)),
    "log-append-time": resealed(batch(b"0"), 21, struct.pack(">h", 0x08)),
    "unused-attributes": resealed(batch(b"0"), 21, struct.pack(">h", 0x4000)),
    "base-offset-7": struct.pack(">q", 7) + batch(b"0")[8:],
    "two-batches": batch(b"0") + batch(b"1"),
    "leader-epoch-9": batch(b"0")[:12] + struct.pack(">i", 9) + batch(b"0")[16:],
    "no-timestamp": batch(b"0", timestamp=-1),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_odd_batches(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    topic = scene.topic()
    kafka_says(scene.ask(scene.produce(topic, MALFORMED[case])))
    kafka_says(fetched(scene, topic))


@pytest.mark.parametrize("case", ["wrong-crc", "no-records", "magic-1", "two-batches"])
def test_odd_batches_in_every_version(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    kafka_says(scene.ask_all(scene.produce(scene.topic(), MALFORMED[case])))


@pytest.mark.parametrize("codec", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_compressions_in_every_version(scene: Scene, kafka_says: RecordedAnswers, codec: int) -> None:
    records = [Record(0, NOW, b"key", b"value" * 20), Record(1, NOW, b"key", b"value" * 20)]
    kafka_says(scene.ask_all(lambda: scene.produce(scene.topic(), build_batch(records, compression=codec))))


@pytest.mark.parametrize("wanted", ["uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"])
def test_a_topic_with_a_compression_of_its_own_recompresses(scene: Scene, kafka_says: RecordedAnswers, wanted: str) -> None:
    topic = scene.topic(config={"compression.type": wanted})
    records = [Record(0, NOW, b"key", b"value" * 20), Record(1, NOW, b"key", b"value" * 20)]
    scene.append(topic, build_batch(records, compression=3), build_batch(records, compression=0))
    kafka_says(fetched(scene, topic))


def test_a_batch_larger_than_the_topic_allows_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"max.message.bytes": "200"})
    kafka_says(scene.ask_all(scene.produce(topic, batch(b"x" * 200))))
    fits = batch(b"x" * 100)
    exact = b"x" * (100 + 200 - len(fits))
    assert len(batch(exact)) in (200, 201)
    kafka_says(scene.ask(scene.produce(topic, batch(exact[: len(exact) - (len(batch(exact)) - 200)]))))
    kafka_says(scene.ask(scene.produce(topic, batch(exact + b"x"))))


def test_two_batches_in_one_partition_are_measured_together_or_alone(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"max.message.bytes": "200"})
    kafka_says(scene.ask(scene.produce(topic, batch(b"x" * 90) + batch(b"y" * 90))))


def test_a_batch_larger_than_a_segment_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"segment.bytes": "1048576", "max.message.bytes": "5000000"})
    kafka_says(scene.ask(scene.produce(topic, batch(bytes(1_100_000)))))


def test_a_record_without_a_key_is_refused_by_a_compacted_topic(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"cleanup.policy": "compact"})
    kafka_says(scene.ask_all(scene.produce(topic, batch(b"0", key=None))))
    mixed = build_batch([Record(0, NOW, b"k", b"0"), Record(1, NOW, None, b"1"), Record(2, NOW, b"k", None), Record(3, NOW, None, None)])
    kafka_says(scene.ask_all(scene.produce(topic, mixed)))
    compressed = build_batch([Record(0, NOW, b"k", b"0"), Record(1, NOW, None, b"1")], compression=3)
    kafka_says(scene.ask(scene.produce(topic, compressed)))


@pytest.mark.parametrize(("key", "shift"), [("message.timestamp.before.max.ms", -2), ("message.timestamp.after.max.ms", 2)])
def test_times_out_of_range_are_refused(scene: Scene, kafka_says: RecordedAnswers, key: str, shift: int) -> None:
    topic = scene.topic(config={key: str(HOUR_MS)})
    answers = scene.ask_all(scene.produce(topic, batch(b"0", b"1", timestamp=NOW + shift * HOUR_MS)))
    kafka_says(answers)
    kafka_says(scene.ask(scene.produce(topic, batch(b"0", timestamp=NOW))))


def test_one_record_out_of_range_refuses_its_batch(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"message.timestamp.before.max.ms": str(HOUR_MS)})
    records = [Record(0, NOW, b"k", b"0"), Record(1, NOW - 2 * HOUR_MS, b"k", b"1"), Record(2, NOW, b"k", b"2")]
    kafka_says(scene.ask(scene.produce(topic, build_batch(records))))


def test_a_time_far_in_the_future_is_refused_by_default(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(scene.produce(scene.topic(), batch(b"0", timestamp=NOW + 2 * HOUR_MS))))


def test_several_partitions_are_answered_each_for_itself(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(2)
    request = scene.produce(topic, batch(b"0"))
    other = scene.produce(topic, batch(b"1"), partition=1).topic_data[0].partition_data[0]
    bad = scene.produce(topic, batch(b"2"), partition=9).topic_data[0].partition_data[0]
    request.topic_data[0].partition_data += [other, bad]
    kafka_says(scene.ask(request, 12))


def test_one_partition_twice_in_a_request(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    request = scene.produce(topic, batch(b"0"))
    request.topic_data[0].partition_data += scene.produce(topic, batch(b"1")).topic_data[0].partition_data
    kafka_says(scene.ask(request, 12))


def test_nothing_to_write_is_answered_with_nothing(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=[])))


def test_a_null_and_an_empty_topic_id(scene: Scene, kafka_says: RecordedAnswers) -> None:
    request = scene.produce(scene.topic(), batch(b"0"))
    request.topic_data[0].topic_id = bytes(16)
    kafka_says(scene.ask(request, 13))


def test_internal_topics_are_not_written_by_clients(scene: Scene, kafka_says: RecordedAnswers) -> None:
    request = scene.produce(scene.topic(), batch(b"0"))
    request.topic_data[0].name = "__consumer_offsets"
    kafka_says(scene.ask(request, 9))
