"""confluent-kafka publishes: acknowledgements, compressions, idempotence, sizes, keys, headers, timestamps."""

import time

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message

from tests.conformance.librdkafka import producer, publish, read
from tests.conformance.topics import Topics
from tests.patience import PATIENCE_S


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_each_compression_comes_back_as_it_was_sent(bootstrap: str, topics: Topics, compression: str) -> None:
    topic = topics.new()
    values = [f"{compression} {number} ".encode() * 50 for number in range(200)]
    publish(bootstrap, topic, values, compression_type=compression, linger_ms=20)
    assert [message.value() for message in read(bootstrap, topic, 200)] == values


@pytest.mark.parametrize("acks", ["1", "all"])
def test_a_confirmed_message_carries_its_offset(bootstrap: str, topics: Topics, acks: str) -> None:
    topic = topics.new()
    confirmed = publish(bootstrap, topic, [b"a", b"b", b"c"], acks=acks)
    assert [(message.partition(), message.offset()) for message in confirmed] == [(0, 0), (0, 1), (0, 2)]


def test_messages_that_want_no_acknowledgement_arrive(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    publish(bootstrap, topic, [b"a", b"b", b"c"], acks="0")
    assert [message.value() for message in read(bootstrap, topic, 3)] == [b"a", b"b", b"c"]


def test_an_idempotent_producer_keeps_the_order_of_many_small_batches(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    values = [str(number).encode() for number in range(1000)]
    confirmed = publish(bootstrap, topic, values, enable_idempotence=True, batch_num_messages=7)
    assert [message.offset() for message in confirmed] == list(range(1000))
    assert [message.value() for message in read(bootstrap, topic, 1000)] == values


def test_a_message_of_almost_a_megabyte_passes(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    value = bytes(range(256)) * 3900
    publish(bootstrap, topic, [value], message_max_bytes=1_048_576)
    assert read(bootstrap, topic, 1)[0].value() == value


def test_a_topic_may_allow_bigger_messages(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"max.message.bytes": "6000000"})
    value = bytes(5_000_000)
    publish(bootstrap, topic, [value], message_max_bytes=6_000_000)
    received = read(bootstrap, topic, 1, fetch_message_max_bytes=10_000)
    assert received[0].value() == value


def test_keys_values_and_headers_may_be_null_or_empty(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    sender = producer(bootstrap)
    sent: list[tuple[bytes | None, bytes | None, list[tuple[str, str | bytes | None]]]] = [
        (None, None, [("null", None), ("empty", b"")]),
        (b"", b"", [("twice", b"1"), ("twice", b"2")]),
        (b"key", None, [("", b"unnamed")]),
        (None, "ünïcode".encode(), [("naïve", "ü".encode())]),
    ]
    for key, value, headers in sent:
        sender.produce(topic, value, key, partition=0, headers=headers)
    assert sender.flush(PATIENCE_S) == 0
    received = [(message.key(), message.value(), message.headers()) for message in read(bootstrap, topic, len(sent))]
    assert received == sent


def test_the_time_that_the_producer_gave_is_kept(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    sender = producer(bootstrap)
    moment = int(time.time() * 1000) - 86_400_000
    sender.produce(topic, b"yesterday", partition=0, timestamp=moment)
    assert sender.flush(PATIENCE_S) == 0
    assert read(bootstrap, topic, 1)[0].timestamp() == (TIMESTAMP_CREATE_TIME, moment)


def test_log_append_time_is_the_time_of_the_broker(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"message.timestamp.type": "LogAppendTime"})
    before = int(time.time() * 1000)
    sender = producer(bootstrap)
    sender.produce(topic, b"now", partition=0, timestamp=before - 86_400_000)
    assert sender.flush(PATIENCE_S) == 0
    kind, moment = read(bootstrap, topic, 1)[0].timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert before <= moment <= int(time.time() * 1000)


def test_a_time_out_of_range_is_refused(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"message.timestamp.before.max.ms": "3600000"})
    assert refusal(bootstrap, topic, b"old", timestamp=int(time.time() * 1000) - 7_200_000) == KafkaError.INVALID_TIMESTAMP


def test_a_message_that_the_topic_finds_too_large_is_refused(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"max.message.bytes": "1000"})
    assert refusal(bootstrap, topic, bytes(2000)) == KafkaError.MSG_SIZE_TOO_LARGE


def test_min_insync_replicas_asks_for_no_more_replicas_than_there_are(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(config={"min.insync.replicas": "2"}, replication=1)
    confirmed = publish(bootstrap, topic, [b"all of one"], acks="all")
    assert [message.offset() for message in confirmed] == [0]


def test_a_partition_that_does_not_exist_is_refused(bootstrap: str, topics: Topics) -> None:
    assert refusal(bootstrap, topics.new(), b"nowhere", partition=7) == KafkaError._UNKNOWN_PARTITION


def test_messages_with_one_key_go_to_one_partition(bootstrap: str, topics: Topics) -> None:
    topic = topics.new(partitions=6)
    confirmed: list[Message] = []
    sender = producer(bootstrap)
    for number in range(60):
        sender.produce(topic, str(number), key=f"key {number % 3}", on_delivery=lambda error, message: confirmed.append(message))
    assert sender.flush(PATIENCE_S) == 0
    partitions = {message.key(): set[int | None]() for message in confirmed}
    for message in confirmed:
        assert message.error() is None
        partitions[message.key()].add(message.partition())
    assert [len(each) for each in partitions.values()] == [1, 1, 1]


def refusal(bootstrap: str, topic: str, value: bytes, *, partition: int = 0, timestamp: int = 0, **settings: object) -> int:
    """The code with which one message is refused."""
    errors: list[KafkaError | None] = []
    sender = producer(bootstrap, **settings)
    sender.produce(topic, value, partition=partition, timestamp=timestamp, on_delivery=lambda error, _: errors.append(error))
    sender.flush(PATIENCE_S)
    assert len(errors) == 1
    error = errors[0]
    assert error is not None
    return error.code()
