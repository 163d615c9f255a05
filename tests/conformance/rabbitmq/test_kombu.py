"""Programs as users of Kombu write them."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.mixins import ConsumerMixin
from kombu.pools import producers

from tests.conformance.rabbitmq.conftest import Restarts, TlsServer
from tests.contract.rabbitmq.servers import RabbitMQUnderTest

PATIENCE_S = 20
Named = Callable[[str], str]


@pytest.fixture
def connection(server: RabbitMQUnderTest) -> Iterator[Any]:
    url = f"amqp://guest:guest@{server.host}:{server.port}//"
    with Connection(url, transport_options={"confirm_publish": True}) as connection:
        yield connection


def taking(seen: list[Any]) -> Callable[[Any, Any], None]:
    """A callback that acknowledges and notes what comes."""

    def on_message(body: Any, message: Any) -> None:
        message.ack()
        seen.append(body)

    return on_message


def test_objects_go_through_a_topic_exchange(connection: Any, name: Named) -> None:
    exchange = Exchange(name("news"), "topic", durable=True)
    queue = Queue(name("sport"), exchange, routing_key="news.sport.#", durable=True, auto_delete=True)
    seen: list[Any] = []
    with (
        connection.Consumer(queue, callbacks=[taking(seen)]),
        producers[connection].acquire() as producer,
    ):
        for topic in ("news.sport.ball", "news.weather", "news.sport"):
            producer.publish({"topic": topic, "n": 1.5}, exchange=exchange, routing_key=topic, serializer="json", declare=[queue])
        while len(seen) < 2:
            connection.drain_events(timeout=PATIENCE_S)
    assert seen == [{"topic": "news.sport.ball", "n": 1.5}, {"topic": "news.sport", "n": 1.5}]
    exchange(connection.default_channel).delete()


def test_what_is_requeued_comes_again_and_what_is_rejected_does_not(connection: Any, name: Named) -> None:
    queue = Queue(name("work"), durable=True, auto_delete=True, queue_arguments={"x-queue-type": "classic"})
    seen: list[tuple[str, bool]] = []

    def on_message(body: str, message: Any) -> None:
        is_again = message.delivery_info["redelivered"]
        seen.append((body, is_again))
        if body == "twice" and not is_again:
            message.requeue()
        elif body == "bad":
            message.reject()
        else:
            message.ack()

    with connection.Consumer(queue, callbacks=[on_message], prefetch_count=1):
        producer = connection.Producer()
        for body in ("twice", "bad", "good"):
            producer.publish(body, routing_key=queue.name)
        while len(seen) < 4:
            connection.drain_events(timeout=PATIENCE_S)
    assert seen == [("twice", False), ("twice", True), ("bad", False), ("good", False)]


def test_a_simple_queue(connection: Any, name: Named) -> None:
    with connection.SimpleQueue(name("simple"), queue_args={"x-max-length": 2}) as simple:
        for number in range(3):
            simple.put({"n": number})
        assert simple.qsize() == 2
        found = [simple.get(timeout=PATIENCE_S) for _ in range(2)]
        for message in found:
            message.ack()
        assert [message.payload for message in found] == [{"n": 1}, {"n": 2}]
    simple.queue(connection.default_channel).delete()


def test_a_quorum_queue_with_its_dead_letters(connection: Any, name: Named) -> None:
    dead = Queue(name("dead"), durable=True)
    arguments = {"x-queue-type": "quorum", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead.name}
    queue = Queue(name("quorum"), durable=True, queue_arguments=arguments)
    for each in (dead, queue):
        each(connection.default_channel).declare()
    connection.Producer().publish("bad", routing_key=queue.name)
    reasons: list[str] = []

    def on_dead(_: str, message: Any) -> None:
        message.ack()
        reasons.append(message.headers["x-first-death-reason"])

    with (
        connection.Consumer(queue, callbacks=[lambda _, message: message.reject()], prefetch_count=5),
        connection.Consumer(dead, callbacks=[on_dead]),
    ):
        while not reasons:
            connection.drain_events(timeout=PATIENCE_S)
    for each in (dead, queue):
        each(connection.default_channel).delete()
    assert reasons == ["rejected"]


class Worker(ConsumerMixin):
    """Stops after `wanted` messages."""

    def __init__(self, connection: Any, queue: Queue, wanted: int) -> None:
        self.connection = connection
        self.queue = queue
        self.wanted = wanted
        self.seen: list[str] = []
        self.has_begun = threading.Event()

    def get_consumers(self, consumer: Any, channel: Any) -> list[Any]:
        return [consumer(queues=[self.queue], callbacks=[self.on_message], prefetch_count=1)]

    def on_message(self, body: str, message: Any) -> None:
        message.ack()
        self.seen.append(body)
        self.should_stop = len(self.seen) == self.wanted
        self.has_begun.set()


def publish(url: str, queue: Queue, body: str) -> None:
    with Connection(url, transport_options={"confirm_publish": True}) as connection:
        connection.Producer().publish(body, routing_key=queue.name, delivery_mode=2, declare=[queue])


def test_a_worker_goes_on_when_the_server_is_back(restarts: Restarts, name: Named) -> None:
    queue = Queue(name("work"), durable=True)
    url = f"amqp://guest:guest@127.0.0.1:{restarts.port}//"
    with Connection(url) as connection:
        worker: Any = Worker(connection, queue, wanted=2)
        working = threading.Thread(target=worker.run, daemon=True)
        with restarts.running():
            publish(url, queue, "before")
            working.start()
            assert worker.has_begun.wait(PATIENCE_S)
        with restarts.running():
            publish(url, queue, "after")
            working.join(PATIENCE_S)
    assert worker.seen == ["before", "after"]


def test_a_program_over_tls(tls_server: TlsServer, name: Named) -> None:
    ssl_options = {"ca_certs": str(tls_server.certificate), "server_hostname": "localhost"}
    with Connection(f"amqp://guest:guest@localhost:{tls_server.port}//", ssl=ssl_options) as connection:
        queue = Queue(name("tls"), durable=True, auto_delete=True)
        seen: list[str] = []
        with connection.Consumer(queue, callbacks=[taking(seen)]):
            connection.Producer().publish("secret", routing_key=queue.name)
            while not seen:
                connection.drain_events(timeout=PATIENCE_S)
        assert seen == ["secret"]
