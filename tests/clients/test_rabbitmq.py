"""The adapter over pika against `mq serve`: what it does by itself when the broker goes away, closes channels or cancels consumers."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from message_queues import embedded, errors
from message_queues.clients.connect import RabbitAddress, connect_rabbitmq
from message_queues.clients.ports import OnDelivery
from message_queues.clients.queue_ports import (
    NewBinding,
    NewExchange,
    NewQueue,
    QueueClient,
    QueueConsumer,
    QueueConsumerOptions,
    QueueProducer,
    QueueProducerOptions,
)
from message_queues.message import DeliveryFailure, Properties, QueueRecord, Record, Verdict
from tests.crash.server_process import ServerProcess
from tests.patience import PATIENCE_S, eventually

OPTIONS = QueueProducerOptions(0, None, 500, 64_000_000, 60_000)


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.EmbeddedServer]:
    with embedded.start() as server:
        yield server


def connected(amqp: str, management: str = "127.0.0.1:1") -> QueueClient:
    (host, port), (other, http) = (address.rpartition(":")[::2] for address in (amqp, management))
    return connect_rabbitmq(RabbitAddress([(host, int(port))], (other, int(http)), config={"connection_name": "test"}))


@pytest.fixture
def client(server: embedded.EmbeddedServer) -> Iterator[QueueClient]:
    made = connected(server.amqp, server.management)
    yield made
    made.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A queue of this test's own."""
    return str(request.node.name)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    made = ServerProcess(tmp_path, brokers=1, protocol="amqp")
    made.start()
    yield made
    made.end()


class Publishing:
    """Publishes numbers to a queue, as fast as the buffer lets it, and keeps what became of each."""

    def __init__(self, producer: QueueProducer, queue: str) -> None:
        self.confirmed: set[int] = set()
        self.failed: dict[int, errors.MessageQueuesError] = {}
        self._producer = producer
        self._route = producer.route("", queue, True)
        self._properties = producer.prepared(Properties(delivery_mode=2))

    def send(self, numbers: range) -> None:
        for number in numbers:
            while True:
                try:
                    self._producer.send(self._route, self._properties, b"%d" % number, self._of(number))
                    break
                except BufferError:
                    self._producer.wait_for_room(1)

    def _of(self, number: int) -> OnDelivery:
        def on_delivery(failure: DeliveryFailure | None, _: Record) -> None:
            if failure is None:
                self.confirmed.add(number)
            else:
                self.failed[number] = self._producer.error(failure)

        return on_delivery

    def flush(self) -> None:
        eventually(lambda: not self._producer.flush(0.1))


class Reading:
    """Reads a queue in a thread of its own and acknowledges everything."""

    def __init__(self, consumer: QueueConsumer) -> None:
        self.seen: list[int] = []
        self._consumer = consumer
        self._stopping = threading.Event()
        consumer.start()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stopping.is_set():
            for record in self._consumer.fetch(50, 0.05):
                self.seen.append(int(record.value() or b""))
                self._consumer.settle(record, Verdict.ACK)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()


def test_a_broker_that_answers_says_what_it_is(client: QueueClient) -> None:
    state = client.check(5)
    assert state.product == "RabbitMQ"
    assert state.version


def test_nothing_confirmed_is_lost_and_order_is_kept_when_the_broker_is_killed(process: ServerProcess) -> None:
    client = connected(process.addresses[0])
    client.admin.declare_queue(NewQueue("orders"))
    producer = client.producer(OPTIONS, "orders")
    publishing = Publishing(producer, "orders")
    thread = threading.Thread(target=publishing.send, args=[range(10_000)], daemon=True)
    thread.start()
    eventually(lambda: len(publishing.confirmed) > 2000)
    process.kill()
    process.start()
    thread.join(PATIENCE_S)
    publishing.flush()
    assert publishing.failed == {}
    assert len(publishing.confirmed) == 10_000
    reading = Reading(client.consumer(QueueConsumerOptions("orders", 500)))
    eventually(lambda: len(set(reading.seen)) == 10_000)
    reading.close()
    assert list(dict.fromkeys(reading.seen)) == sorted(set(reading.seen))
    producer.close()
    client.close()


def test_a_consumer_goes_on_when_the_broker_is_killed(process: ServerProcess) -> None:
    client = connected(process.addresses[0])
    client.admin.declare_queue(NewQueue("orders"))
    producer = client.producer(OPTIONS, "orders")
    publishing = Publishing(producer, "orders")
    publishing.send(range(1000))
    reading = Reading(client.consumer(QueueConsumerOptions("orders", 10)))
    eventually(lambda: len(reading.seen) > 100)
    process.kill()
    process.start()
    publishing.send(range(1000, 2000))
    eventually(lambda: len(set(reading.seen)) == 2000)
    reading.close()
    assert client.admin.counts("orders") == (0, 0)
    producer.close()
    client.close()


def test_an_exclusive_queue_is_there_again_with_its_bindings_when_the_broker_is(process: ServerProcess) -> None:
    client = connected(process.addresses[0])
    client.admin.declare_exchange(NewExchange("orders", "fanout"))
    client.admin.declare_queue(NewQueue("own", durable=False, exclusive=True))
    client.admin.bind(NewBinding("orders", "own"))
    consumer = client.consumer(QueueConsumerOptions("own", 10))
    consumer.start()
    process.kill()
    process.start()
    eventually(lambda: consumed(client, "own"))
    producer = client.producer(OPTIONS, "orders")
    producer.send(producer.route("orders", "", True), producer.prepared(Properties()), b"x", lambda *_: None)
    eventually(lambda: consumer.fetch(1, 0.1))
    producer.close()
    consumer.close()
    client.close()


def consumed(client: QueueClient, queue: str) -> bool:
    try:
        counts = client.admin.counts(queue)
    except errors.MessageQueuesError:
        return False
    return counts is not None and counts.consumers == 1


def test_a_consumer_whose_queue_was_deleted_reads_the_next_one_of_that_name(client: QueueClient, name: str) -> None:
    client.admin.declare_queue(NewQueue(name))
    reading = Reading(client.consumer(QueueConsumerOptions(name, 10)))
    client.admin.delete_queue(name, if_unused=False, if_empty=False)
    client.admin.declare_queue(NewQueue(name))
    producer = client.producer(OPTIONS, name)
    Publishing(producer, name).send(range(3))
    eventually(lambda: reading.seen == [0, 1, 2])
    reading.close()
    producer.close()


def test_a_connection_that_an_operator_closes_comes_back(client: QueueClient, name: str) -> None:
    client.admin.declare_queue(NewQueue(name))
    reading = Reading(client.consumer(QueueConsumerOptions(name, 10)))
    producer = client.producer(OPTIONS, name)
    publishing = Publishing(producer, name)
    publishing.send(range(100))
    publishing.flush()
    listed = client.management.get("connections")
    assert isinstance(listed, list)
    assert len(listed) >= 3
    for each in listed:
        with contextlib.suppress(errors.NotFound):  # one of the test before that was about to go
            client.management.delete("connections", each["name"])
    publishing.send(range(100, 200))
    publishing.flush()
    eventually(lambda: set(reading.seen) == set(range(200)))
    assert publishing.failed == {}
    reading.close()
    producer.close()


def test_what_is_not_settled_goes_back_to_the_queue_in_its_place(client: QueueClient, name: str) -> None:
    client.admin.declare_queue(NewQueue(name))
    producer = client.producer(OPTIONS, name)
    publishing = Publishing(producer, name)
    publishing.send(range(5))
    publishing.flush()
    consumer = client.consumer(QueueConsumerOptions(name, 10))
    consumer.start()
    records: list[QueueRecord] = []
    while len(records) < 5:
        records += consumer.fetch(5, 1)
    consumer.settle(records[1], Verdict.ACK)
    consumer.settle(records[2], Verdict.REJECT)
    consumer.close()
    again = client.consumer(QueueConsumerOptions(name, 10))
    again.start()
    found: list[QueueRecord] = []
    while len(found) < 3:
        found += again.fetch(5, 1)
    assert [(record.value(), record.redelivered) for record in found] == [(b"0", True), (b"3", True), (b"4", True)]
    again.close()
    producer.close()


def test_a_refused_consumer_says_why(client: QueueClient, name: str) -> None:
    client.admin.declare_queue(NewQueue(name))
    first = client.consumer(QueueConsumerOptions(name, 10, exclusive=True))
    first.start()
    second = client.consumer(QueueConsumerOptions(name, 10))
    with pytest.raises(errors.AccessRefused, match=f"queue '{name}' in vhost '/' in exclusive use"):
        second.start()
    second.close()
    missing = client.consumer(QueueConsumerOptions("nowhere", 10))
    with pytest.raises(errors.QueueNotFound, match="no queue 'nowhere' in vhost '/'"):
        missing.start()
    missing.close()
    first.close()


def test_one_message_that_the_broker_refuses_fails_alone(client: QueueClient, name: str) -> None:
    client.admin.declare_queue(NewQueue(name))
    producer = client.producer(OPTIONS, name)
    publishing = Publishing(producer, name)
    publishing.send(range(10))
    foreign = producer.prepared(Properties(user_id="nobody"))
    told: list[DeliveryFailure | None] = []
    producer.send(producer.route("", name, True), foreign, b"10", lambda failure, _: told.append(failure))
    publishing.send(range(11, 20))
    publishing.flush()
    assert publishing.failed == {}
    assert len(publishing.confirmed) == 19
    assert told[0] is not None
    assert isinstance(producer.error(told[0]), errors.PreconditionFailed)
    counts = client.admin.counts(name)
    assert counts is not None
    assert counts.messages >= 19
    producer.close()


def test_orders_that_the_broker_refuses_are_errors_and_the_next_ones_work(client: QueueClient, name: str) -> None:
    client.admin.declare_queue(NewQueue(name))
    with pytest.raises(errors.PreconditionFailed, match="inequivalent arg 'x-max-length'"):
        client.admin.declare_queue(NewQueue(name, arguments={"x-max-length": 5}))
    with pytest.raises(errors.ResourceLocked, match="cannot obtain exclusive access to locked queue"):
        client.admin.declare_queue(NewQueue(name, exclusive=True))
    with pytest.raises(errors.QueueNotFound):
        client.admin.delete_queue("nowhere", if_unused=False, if_empty=False)
    with pytest.raises(errors.ExchangeNotFound):
        client.admin.delete_exchange("nowhere", if_unused=False)
    with pytest.raises(errors.QueueNotFound):
        client.admin.bind(NewBinding("amq.topic", "nowhere"))
    assert client.admin.counts("nowhere") is None
    assert not client.admin.exchange_exists("nowhere")
    client.admin.bind(NewBinding("amq.topic", name, "#", {"a": 1}))
    client.admin.unbind(NewBinding("amq.topic", name, "#", {"a": 1}))
    assert client.admin.purge_queue(name) == 0


def test_a_closed_client_says_so(server: embedded.EmbeddedServer) -> None:
    made = connected(server.amqp)
    made.check(5)
    made.close()
    with pytest.raises(errors.Closed):
        made.admin.counts("q")
    made.close()


def test_every_address_is_tried(server: embedded.EmbeddedServer) -> None:
    host, _, port = server.amqp.rpartition(":")
    made = connect_rabbitmq(RabbitAddress([(host, 1), (host, int(port))], (host, 1)))
    made.check(5)
    made.close()
    away = connect_rabbitmq(RabbitAddress([(host, 1)], (host, 1)))
    with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1:1 \(Connection refused\)"):
        away.check(5)
    away.close()
