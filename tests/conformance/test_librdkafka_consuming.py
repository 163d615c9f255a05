"""confluent-kafka reads: where to start, seeking, pausing, offsets inside a batch, waiting, watermarks, times."""

import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

from tests.conformance.librdkafka import consumer, next_message, next_messages, producer, publish, read, wait_for_end
from tests.conformance.topics import Topics, unique_name
from tests.patience import PATIENCE_S

NUMBERS = [str(number).encode() for number in range(20)]


def test_reading_starts_at_the_beginning_the_end_or_an_offset(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, NUMBERS)
    assert read(bootstrap, topic, 1, offset=OFFSET_BEGINNING)[0].value() == b"0"
    assert read(bootstrap, topic, 1, offset=13)[0].value() == b"13"
    reader = consumer(bootstrap, enable_partition_eof=True)
    reader.assign([TopicPartition(topic, 0, OFFSET_END)])
    wait_for_end(reader)
    publish(bootstrap, topic, [b"new"])
    assert next_message(reader).value() == b"new"
    reader.close()


def test_a_new_group_starts_at_the_beginning_or_at_the_end(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, NUMBERS)
    early, late = consumer(bootstrap), consumer(bootstrap, auto_offset_reset="latest", enable_partition_eof=True)
    early.subscribe([topic])
    late.subscribe([topic])
    assert next_message(early).value() == b"0"
    wait_for_end(late)
    publish(bootstrap, topic, [b"new"])
    assert next_message(late).value() == b"new"
    early.close()
    late.close()


def test_an_offset_out_of_range_is_an_error_without_a_reset_policy(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, NUMBERS)
    with pytest.raises(KafkaException) as refused:
        read(bootstrap, topic, 1, offset=1000, auto_offset_reset="error")
    assert refused.value.args[0].code() == KafkaError._AUTO_OFFSET_RESET


def test_every_offset_inside_one_compressed_batch_can_be_the_first(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, NUMBERS, linger_ms=50, compression_type="lz4")
    reader = consumer(bootstrap)
    for offset in range(20):
        reader.assign([TopicPartition(topic, 0, offset)])
        assert [message.value() for message in next_messages(reader, 20 - offset)] == NUMBERS[offset:]
    reader.close()


def test_seeking_goes_back_and_forth(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, NUMBERS)
    reader = consumer(bootstrap)
    reader.assign([TopicPartition(topic, 0, 0)])
    assert next_message(reader).offset() == 0
    for offset in (15, 3, 19, 0):
        reader.seek(TopicPartition(topic, 0, offset))
        assert next_message(reader).offset() == offset
    reader.close()


def test_a_paused_partition_rests_while_another_is_read(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(partitions=2)
    reader = consumer(bootstrap)
    reader.assign([TopicPartition(topic, 0, 0), TopicPartition(topic, 1, 0)])
    reader.pause([TopicPartition(topic, 0)])
    publish(bootstrap, topic, [b"resting"], partition=0)
    publish(bootstrap, topic, [b"read"], partition=1)
    assert next_message(reader).value() == b"read"
    assert reader.poll(0.3) is None
    reader.resume([TopicPartition(topic, 0)])
    assert next_message(reader).value() == b"resting"
    reader.close()


def test_a_waiting_reader_is_woken_by_an_append(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    reader = consumer(bootstrap, fetch_wait_max_ms=10_000)
    reader.assign([TopicPartition(topic, 0, 0)])
    assert reader.poll(1.0) is None
    started = time.monotonic()
    publish(bootstrap, topic, [b"woken"])
    assert next_message(reader).value() == b"woken"
    assert time.monotonic() - started < 5
    reader.close()


def test_a_reader_that_wants_many_bytes_gets_few_when_its_time_is_up(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, [b"few"])
    assert read(bootstrap, topic, 1, fetch_min_bytes=100_000, fetch_wait_max_ms=300)[0].value() == b"few"


def test_watermarks_are_the_first_offset_and_the_one_after_the_last(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    reader = consumer(bootstrap)
    assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE_S) == (0, 0)
    publish(bootstrap, topic, NUMBERS)
    assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE_S) == (0, 20)
    reader.close()


def test_an_offset_is_found_by_time(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    start = int(time.time() * 1000) - 100_000
    sender = producer(bootstrap, linger_ms=20)
    for number in range(20):
        sender.produce(topic, str(number), partition=0, timestamp=start + 1000 * number)
    assert sender.flush(PATIENCE_S) == 0
    reader = consumer(bootstrap)

    def offset_at(moment: int) -> int:
        return reader.offsets_for_times([TopicPartition(topic, 0, moment)], timeout=PATIENCE_S)[0].offset

    assert [offset_at(start + 1000 * number) for number in range(20)] == list(range(20))
    assert offset_at(start + 500) == 1
    assert offset_at(start - 1_000_000) == 0
    assert offset_at(start + 19_001) == OFFSET_END
    reader.close()


def test_a_topic_that_is_not_there_is_an_error_to_its_reader(bootstrap: str) -> None:
    reader = consumer(bootstrap, allow_auto_create_topics=False)
    reader.subscribe([unique_name("absent")])
    with pytest.raises(KafkaException) as refused:
        next_message(reader)
    assert refused.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    reader.close()


def test_a_producer_creates_the_topic_that_it_writes_to(bootstrap: str) -> None:
    topic = unique_name("automatic")
    publish(bootstrap, topic, [b"first"])
    assert read(bootstrap, topic, 1)[0].value() == b"first"


def test_messages_of_many_partitions_arrive_each_in_its_order(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(partitions=12)
    sender = producer(bootstrap, linger_ms=5)
    for number in range(6000):
        sender.produce(topic, str(number), partition=number % 12)
    assert sender.flush(PATIENCE_S) == 0
    reader = consumer(bootstrap)
    reader.subscribe([topic])
    seen: dict[int | None, list[int]] = {}
    for message in next_messages(reader, 6000):
        seen.setdefault(message.partition(), []).append(int(message.value() or b""))
    assert seen == {partition: list(range(partition, 6000, 12)) for partition in range(12)}
    reader.close()
