"""What a server holds after its death, read with a stock client that checks every CRC, compared with the ledgers of the load."""

import time
from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from tests.contract.raw_client import ConnectionClosed, RawClient
from tests.crash.load import PATIENCE_S, Administrator, Commits, Publisher, Stuck, value_of

Records = dict[int, list[tuple[int, bytes]]]
"""partition -> (offset, value), in the order in which they were served."""
LAST_FETCH_BY_NAME = 12
"""Later versions ask by topic id."""


def read_all(bootstrap_servers: str, topic: str, partitions: int) -> Records:
    """Every record of every partition, from the first to the end. A batch with a wrong CRC raises."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "judge",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "check.crcs": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    records: Records = {partition: [] for partition in range(partitions)}
    unfinished = set(records)
    deadline = time.monotonic() + PATIENCE_S
    while unfinished:
        if time.monotonic() > deadline:
            raise Stuck(
                f"partitions {sorted(unfinished)} did not come to their end within {PATIENCE_S} s\n"
                + "\n".join(_where_it_stands(consumer, bootstrap_servers, topic, partition) for partition in sorted(unfinished))
            )
        for message in consumer.consume(5_000, 0.1):
            partition, offset, value = message.partition(), message.offset(), message.value()
            assert partition is not None
            if (error := message.error()) is None:
                assert offset is not None
                assert value is not None
                records[partition].append((offset, value))
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard(partition)
            else:
                raise KafkaException(error)
    consumer.close()
    return records


def _where_it_stands(consumer: Consumer, bootstrap_servers: str, topic: str, partition: int) -> str:
    """How far the consumer came, and what each node says of the next record: the client keeps to itself what it tries again."""
    (place,) = consumer.position([TopicPartition(topic, partition)])
    watermarks = consumer.get_watermark_offsets(place, cached=True)
    asked = FetchTopic(topic=topic, partitions=[FetchPartition(partition=partition, fetch_offset=max(place.offset, 0))])
    said = [f"{address}: {_fetched(address, asked)}" for address in bootstrap_servers.split(",")]
    return f"partition {partition}: at {place.offset} between {watermarks}; a Fetch is answered\n  " + "\n  ".join(said)


def _fetched(address: str, asked: FetchTopic) -> str:
    host, _, port = address.rpartition(":")
    try:
        with RawClient(host, int(port)) as client:
            answer = client.ask(FetchRequest(max_wait_ms=0, min_bytes=0, topics=[asked]), LAST_FETCH_BY_NAME)
    except (OSError, ConnectionClosed) as error:
        return repr(error)
    assert isinstance(answer, FetchResponse)
    (partition,) = answer.responses[0].partitions
    records = len(partition.records or b"")
    return f"{ErrorCode(partition.error_code).name}, high watermark {partition.high_watermark}, {records} bytes of records"


def record_violations(records: Records, publishers: Sequence[Publisher]) -> list[str]:
    """Offsets without a gap, every value whole, every acknowledged record exactly where it was acknowledged."""
    found = []
    known = {publisher.name for publisher in publishers}
    for partition, held in records.items():
        offsets = [offset for offset, _ in held]
        if offsets != list(range(len(offsets))):
            found.append(f"partition {partition}: its {len(offsets)} offsets are not 0, 1, 2 …")
        found += [
            f"offset {offset} of partition {partition} is torn or strange: {value[:40]!r}"
            for offset, value in held
            if not is_whole(value, known)
        ]
    for publisher in publishers:
        for (partition, offset), number in publisher.acknowledged.items():
            held = records[partition]
            if offset >= len(held) or held[offset][1] != value_of(publisher.name, number):
                found.append(
                    f"record {number} of {publisher.name} is not at offset {offset} of partition {partition}, where it was acknowledged"
                )
    return found


def is_whole(value: bytes, publishers: set[str]) -> bool:
    name, number = origin(value)
    return name in publishers and value == value_of(name, number)


def origin(value: bytes) -> tuple[str, int]:
    """Whose record it is, and which."""
    parts = value.split(b":", 2)
    if len(parts) != 3 or not parts[1].isdigit():
        return "", -1
    return parts[0].decode(errors="replace"), int(parts[1])


def idempotence_violations(records: Records, publisher: Publisher) -> list[str]:
    """An idempotent publisher's records are there once each, in the order in which they were published."""
    found = []
    for partition, held in records.items():
        numbers = [number for name, number in (origin(value) for _, value in held) if name == publisher.name]
        expected = [number for number, chosen in enumerate(publisher.partition_of) if chosen == partition]
        if numbers != expected:
            twice = len(numbers) - len(set(numbers))
            found.append(
                f"partition {partition} holds {len(numbers)} records of {publisher.name}, {twice} of them again, instead of {len(expected)}"
            )
    return found


def committed_offsets(bootstrap_servers: str, group: str, topic: str, partitions: int) -> dict[int, tuple[int, str | None]]:
    """The group's offsets and their metadata, asked from outside, as long as it takes the coordinator to know them.

    By a consumer that never joins: librdkafka's admin client (2.16) ends the process when a coordinator that is still loading says so.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group, "enable.auto.commit": False})
    answered = None
    deadline = time.monotonic() + PATIENCE_S
    while answered is None:
        try:
            answered = consumer.committed([TopicPartition(topic, partition) for partition in range(partitions)], timeout=5)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
    consumer.close()
    return {each.partition: (each.offset, each.metadata) for each in answered if each.offset >= 0}


def commit_violations(committed: dict[int, tuple[int, str | None]], acknowledged: dict[int, int], commits: Commits) -> list[str]:
    """Not behind a commit that was confirmed before the death, not beyond what was ever committed, and with its metadata."""
    found = []
    for partition, offset in acknowledged.items():
        held, _ = committed.get(partition, (-1, None))
        if held < offset:
            found.append(f"partition {partition}: {offset} was committed, and {held} is what is left of it")
    for partition, (held, metadata) in committed.items():
        most = commits.attempted.get(partition, -1)
        if held > most:
            found.append(f"partition {partition}: {held} is committed, and nobody went beyond {most}")
        if metadata != f"up to {held}":
            found.append(f"partition {partition}: {held} was committed with other metadata than {metadata!r}")
    return found


def topic_violations(bootstrap_servers: str, administrator: Administrator) -> list[str]:
    """Topics whose creation was confirmed are there, those whose deletion was confirmed are not."""
    topics = AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=30).topics
    found = [f"topic {name} is back after its deletion" for name in administrator.deleted if name in topics]
    for name, partitions in administrator.created.items():
        held = len(topics[name].partitions) if name in topics else 0
        if held != partitions:
            found.append(f"topic {name} was created with {partitions} partitions and has {held}")
    return found
