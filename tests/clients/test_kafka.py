"""The adapter against an embedded server: every call of the ports once, and how failures come back."""

import time
import uuid
from collections.abc import Collection, Iterator

import confluent_kafka
import pytest

from message_queues import embedded, errors
from message_queues.clients.connect import connect_kafka
from message_queues.clients.kafka import KafkaClient, KafkaConsumer, error_of
from message_queues.clients.ports import ConsumerOptions, NewTopic, ProducerOptions, TopicPartition
from message_queues.message import DeliveryFailure, Record
from tests.patience import eventually


@pytest.fixture(scope="module")
def addresses() -> Iterator[list[str]]:
    with embedded.start(brokers=2) as server:
        yield server.kafka


@pytest.fixture(scope="module")
def client(addresses: list[str]) -> KafkaClient:
    return KafkaClient(addresses, {})


@pytest.fixture
def topic(client: KafkaClient) -> str:
    name = f"orders-{uuid.uuid4().hex}"
    client.admin.create_topic(NewTopic(name, 2, 2, {"retention.ms": "1000000"}))
    return name


OPTIONS = ProducerOptions(
    linger_ms=0, batch_messages=None, compression="none", idempotent=True, acks="all", buffer_messages=1000, buffer_bytes=1 << 20,
    delivery_timeout_ms=10_000,
)  # fmt: skip


class Deliveries:
    def __init__(self) -> None:
        self.places: list[tuple[int | None, int | None]] = []
        self.failures: list[errors.MessageQueuesError] = []

    def __call__(self, failure: DeliveryFailure | None, record: Record) -> None:
        if failure is None:
            self.places.append((record.partition(), record.offset()))
        else:
            self.failures.append(error_of(failure))


class Partitions:
    """A group listener that keeps account."""

    def __init__(self) -> None:
        self.held: set[TopicPartition] = set()
        self.failed: list[errors.MessageQueuesError] = []

    def not_committed(self, partitions: Collection[TopicPartition], error: errors.MessageQueuesError) -> None:
        self.failed.append(error)

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        self.held.update(partitions)

    def revoked(self, partitions: Collection[TopicPartition]) -> None:
        self.held.difference_update(partitions)

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        self.held.difference_update(partitions)


def publish(client: KafkaClient, topic: str, count: int, partition: int = 0) -> None:
    producer, deliveries = client.producer(OPTIONS), Deliveries()
    for number in range(count):
        producer.produce(topic, str(number).encode(), None, partition, deliveries, None, 0, None)
    assert producer.flush(10) == 0
    assert len(deliveries.places) == count


def read(consumer: KafkaConsumer, count: int, at_a_time: int = 10) -> list[Record]:
    records: list[Record] = []

    def enough() -> bool:
        records.extend(consumer.fetch(at_a_time, 0.1))
        return len(records) >= count

    eventually(enough)
    return records


def test_a_cluster_that_answers_says_who_is_there(client: KafkaClient, addresses: list[str]) -> None:
    state = client.check(10)
    assert [f"{broker.host}:{broker.port}" for broker in state.brokers] == addresses
    assert client.admin.cluster().cluster_id == state.cluster_id


def test_who_cannot_be_reached_is_named_with_the_reason_and_soon() -> None:
    started = time.monotonic()
    with pytest.raises(errors.Unreachable) as raised:
        KafkaClient(["127.0.0.1:1", "no-such-host.invalid:9092"], {}).check(10)
    assert "127.0.0.1:1 (Connect to ipv4#127.0.0.1:1 failed: Connection refused)" in str(raised.value)
    assert "no-such-host.invalid:9092 (Failed to resolve" in str(raised.value)
    assert time.monotonic() - started < 5


def test_a_topic_is_created_described_grown_altered_and_deleted(client: KafkaClient, topic: str) -> None:
    admin = client.admin
    partitions = admin.partitions(topic)
    assert partitions is not None
    assert [(each.partition, len(each.replicas), len(each.in_sync)) for each in partitions] == [(0, 2, 2), (1, 2, 2)]
    assert topic in admin.topic_names()
    assert admin.topic_config(topic)["retention.ms"] == ("1000000", False)
    admin.alter_topic_config(topic, {"retention.ms": None, "segment.ms": "5000"})
    config = admin.topic_config(topic)
    assert config["retention.ms"] == ("604800000", True)
    assert config["segment.ms"] == ("5000", False)
    admin.add_partitions(topic, 3)
    eventually(lambda: len(admin.partitions(topic) or ()) == 3)
    admin.delete_topic(topic)
    eventually(lambda: admin.partitions(topic) is None)


def test_asking_for_a_topic_does_not_create_it(client: KafkaClient) -> None:
    name = f"nothing-{uuid.uuid4().hex}"
    assert client.admin.partitions(name) is None
    assert name not in client.admin.topic_names()


def test_refusals_come_back_as_what_kafka_calls_them(client: KafkaClient, topic: str) -> None:
    admin = client.admin
    with pytest.raises(errors.TopicAlreadyExists):
        admin.create_topic(NewTopic(topic, 1, 1, {}))
    with pytest.raises(errors.InvalidReplicationFactor):
        admin.create_topic(NewTopic("too-many-replicas", 1, 5, {}))
    with pytest.raises(errors.InvalidConfig):
        admin.create_topic(NewTopic("ill-configured", 1, 1, {"retention.m": "1"}))
    with pytest.raises(errors.UnknownTopicOrPartition):
        admin.delete_topic("nothing")
    with pytest.raises(errors.InvalidPartitions):
        admin.add_partitions(topic, 1)


def test_records_arrive_with_key_headers_and_timestamp_and_are_read_in_order(client: KafkaClient, topic: str) -> None:
    producer, deliveries = client.producer(OPTIONS), Deliveries()
    producer.produce(topic, b"a", b"k", 1, deliveries, None, 1_700_000_000_000, [("h", b"1"), ("h", None)])
    producer.produce(topic, "b", None, 1, deliveries, None, 0, None)
    producer.flush(10)
    assert deliveries.places == [(1, 0), (1, 1)]
    consumer = client.consumer(ConsumerOptions(f"g-{topic}", "earliest"))
    consumer.subscribe([topic], Partitions())
    first, second = read(consumer, 2)
    assert (first.key(), first.value(), first.timestamp()[1], first.headers()) == (
        b"k",
        b"a",
        1_700_000_000_000,
        [("h", b"1"), ("h", None)],
    )
    assert (second.key(), second.value(), second.headers()) == (None, b"b", None)
    assert consumer.positions() == {TopicPartition(topic, 1): 2}
    consumer.close()


def test_keys_go_where_kafkas_own_producers_send_them(client: KafkaClient, topic: str) -> None:
    # murmur2 of these keys by org.apache.kafka.common.utils.Utils, masked positive, modulo 2.
    client.admin.add_partitions(topic, 12)
    eventually(lambda: len(client.admin.partitions(topic) or ()) == 12)
    producer = client.producer(OPTIONS)
    for key in (b"21", b"foobar", b"a-little-bit-long-string", b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"):
        deliveries = Deliveries()
        producer.produce(topic, b"", key, -1, deliveries, None, 0, None)
        producer.flush(10)
        hashes = {
            b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536,
            b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        }  # fmt: skip
        assert deliveries.places[0][0] == (hashes[key] & 0x7FFFFFFF) % 12


def test_a_full_buffer_is_said_at_once(client: KafkaClient, topic: str) -> None:
    options = ProducerOptions(5000, None, "none", True, "all", 2, 1 << 20, 10_000)
    producer, deliveries = client.producer(options), Deliveries()
    producer.produce(topic, b"", None, 0, deliveries, None, 0, None)
    producer.produce(topic, b"", None, 0, deliveries, None, 0, None)
    with pytest.raises(BufferError):
        producer.produce(topic, b"", None, 0, deliveries, None, 0, None)
    assert producer.pending() == 2
    producer.purge()
    producer.poll(1)
    assert len(deliveries.failures) + len(deliveries.places) == 2


def test_what_produce_raises_becomes_one_of_our_errors(client: KafkaClient, topic: str) -> None:
    producer = client.producer(OPTIONS)
    with pytest.raises(confluent_kafka.KafkaException) as raised:
        producer.produce(topic, b"x" * 2_000_000, None, 0, Deliveries(), None, 0, None)
    assert isinstance(producer.error(raised.value), errors.MessageTooLarge)
    assert isinstance(producer.error(ValueError("odd")), errors.InvalidArgument)


def test_commits_are_the_programs_own(client: KafkaClient, topic: str) -> None:
    publish(client, topic, 3)
    group, first = f"g-{topic}", TopicPartition(topic, 0)
    consumer, listener = client.consumer(ConsumerOptions(group, "earliest")), Partitions()
    consumer.subscribe([topic], listener)
    read(consumer, 3)
    assert listener.held == set(consumer.assignment()) == {first, TopicPartition(topic, 1)}
    assert client.admin.committed(group) == {}
    consumer.commit({first: 2}, wait=True)
    assert client.admin.committed(group) == {first: 2}
    consumer.commit({first: 3}, wait=False)
    eventually(lambda: client.admin.committed(group) == {first: 3})
    state = client.admin.group(group)
    assert state is not None
    assert (state.state, len(state.members), state.members[0].partitions) == ("Stable", 1, (first, TopicPartition(topic, 1)))
    consumer.close()
    assert listener.held == set()
    assert client.admin.committed(group) == {first: 3}


def test_a_paused_partition_gives_nothing_until_it_is_resumed(client: KafkaClient, topic: str) -> None:
    publish(client, topic, 10)
    consumer = client.consumer(ConsumerOptions(f"g-{topic}", "earliest"))
    consumer.subscribe([topic], Partitions())
    records = read(consumer, 1, at_a_time=1)
    consumer.pause(consumer.assignment())
    assert list(consumer.fetch(10, 0.1)) == []
    consumer.resume(consumer.assignment())
    records += read(consumer, 9)
    assert [record.offset() for record in records] == list(range(10))
    consumer.close()


def test_a_group_is_committed_for_measured_and_deleted_from_outside(client: KafkaClient, topic: str) -> None:
    publish(client, topic, 3)
    group, first = f"g-{topic}", TopicPartition(topic, 0)
    assert client.admin.group(group) is None
    client.admin.commit_for(group, {first: 1})
    assert client.admin.committed(group) == {first: 1}
    assert client.admin.offsets([first], "latest") == {first: 3}
    assert client.admin.offsets([first], "earliest") == {first: 0}
    assert client.admin.offsets([first], 0) == {first: 0}
    assert client.admin.offsets([first], 4_000_000_000_000) == {first: 3}
    assert client.admin.offsets([], "latest") == {}
    client.admin.delete_group(group)
    assert client.admin.group(group) is None
    with pytest.raises(errors.GroupIdNotFound):
        client.admin.delete_group(group)


def test_a_missing_topic_of_a_subscription_is_logged_once_and_found_when_it_comes(
    client: KafkaClient, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    later = f"later-{topic}"
    options = ConsumerOptions(f"g-{topic}", "earliest", {"topic.metadata.refresh.interval.ms": 200})
    consumer, listener = client.consumer(options), Partitions()
    consumer.subscribe([topic, later], listener)
    eventually(lambda: (consumer.fetch(10, 0.1), later in caplog.text)[1])
    client.admin.create_topic(NewTopic(later, 1, 1, {}))
    eventually(lambda: (consumer.fetch(10, 0.1), TopicPartition(later, 0) in listener.held)[1])
    assert sum(later in record.getMessage() for record in caplog.records) == 1
    consumer.close()


def test_a_consumer_that_may_not_start_anywhere_stops(client: KafkaClient, topic: str) -> None:
    consumer = client.consumer(ConsumerOptions(f"g-{topic}", "error"))
    consumer.subscribe([topic], Partitions())
    with pytest.raises(errors.MessageQueuesError, match="no previously committed offset"):
        eventually(lambda: consumer.fetch(10, 0.1))
    consumer.close()


def test_a_property_that_is_none_is_answered_with_the_nearest(addresses: list[str]) -> None:
    with pytest.raises(errors.InvalidArgument, match=r'"sesion\.timeout\.ms" is not a property .*: did you mean session\.timeout\.ms\?'):
        connect_kafka(addresses, {"sesion.timeout.ms": 1})
    with pytest.raises(errors.InvalidArgument, match="config: Invalid value"):
        connect_kafka(addresses, {"socket.timeout.ms": "soon"})
    client = connect_kafka(addresses, {})
    with pytest.raises(errors.InvalidArgument, match=r'"nonsense" is not a property of the Kafka client$'):
        client.consumer(ConsumerOptions("g", "earliest", {"nonsense": 1}))
    with pytest.raises(errors.InvalidArgument, match=r"did you mean queue\.buffering"):
        client.producer(ProducerOptions(0, None, "none", True, "all", 10, 1024, 1000, {"queue.bufering.max.kb": 1}))
