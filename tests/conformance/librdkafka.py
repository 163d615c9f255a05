"""The few calls of confluent-kafka (librdkafka) that most tests make: publish and see it confirmed, read a number of messages back."""

import time
from collections.abc import Iterable, Mapping

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from tests.conformance.topics import unique_name
from tests.patience import PATIENCE_S


def producer(bootstrap: str, **settings: object) -> Producer:
    """A producer; setting names are librdkafka's with underscores for dots."""
    return Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, **dotted(settings)})


def consumer(bootstrap: str, group: str | None = None, /, **settings: object) -> Consumer:
    """A consumer that reads from the beginning and commits only when told."""
    defaults = {
        "bootstrap.servers": bootstrap,
        "group.id": group or unique_name("group"),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "heartbeat.interval.ms": 200,
        "fetch.wait.max.ms": 50,
    }
    return Consumer({**defaults, **dotted(settings)})


def dotted(settings: Mapping[str, object]) -> dict[str, object]:
    return {name.replace("_", "."): value for name, value in settings.items()}


def publish(bootstrap: str, topic: str, values: Iterable[bytes | None], *, partition: int = 0, **settings: object) -> list[Message]:
    """Publish each value to one partition; return the messages as they were confirmed."""
    confirmed: list[Message] = []

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            raise KafkaException(error)
        confirmed.append(message)

    sender = producer(bootstrap, **settings)
    for value in values:
        sender.produce(topic, value, partition=partition, on_delivery=on_delivery)
    assert sender.flush(PATIENCE_S) == 0
    return confirmed


def next_message(reader: Consumer, patience_s: float = PATIENCE_S) -> Message:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        message = reader.poll(0.5)
        if message is None:
            continue
        if error := message.error():
            raise KafkaException(error)
        return message
    raise AssertionError(f"no message came in {patience_s} seconds")


def wait_for_end(reader: Consumer) -> None:
    """Until the reader, made with `enable_partition_eof`, has found out where the log ends, and is there."""
    with pytest.raises(KafkaException) as met:
        next_message(reader)
    assert met.value.args[0].code() == KafkaError._PARTITION_EOF


def next_messages(reader: Consumer, count: int) -> list[Message]:
    return [next_message(reader) for _ in range(count)]


def read(bootstrap: str, topic: str, count: int, *, partition: int = 0, offset: int = 0, **settings: object) -> list[Message]:
    """The messages of one partition from an offset on, read without a group's assignment."""
    reader = consumer(bootstrap, **settings)
    try:
        reader.assign([TopicPartition(topic, partition, offset)])
        return next_messages(reader, count)
    finally:
        reader.close()
