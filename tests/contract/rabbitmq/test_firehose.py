"""Tracing of a virtual host: what is copied to amq.rabbitmq.trace of what is published and delivered."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from pamqp.commands import Basic, Exchange, Queue

from tests.contract.rabbitmq.raw_client import RawClient
from tests.contract.rabbitmq.scene import Scene, path
from tests.contract.recorded_answers import RecordedAnswers

OF_A_RUN = ("connection", "node")


class Traced:
    """A virtual host that is traced, a client in it, and what the firehose says; names stand as they are, the host is the test's own."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene = scene
        self._name = name
        scene.http("PUT", path("vhosts", name), {})
        scene.http("PUT", path("permissions", name, "guest"), {"configure": ".*", "write": ".*", "read": ".*"})
        self.client: RawClient = scene.connect(virtual_host=name)
        self.client.open_channel()
        self._watcher: RawClient = scene.connect(virtual_host=name)
        self._watcher.open_channel()
        self._ask(Queue.Declare(queue="copies", exclusive=True), self._watcher)
        self._ask(Queue.Bind(queue="copies", exchange="amq.rabbitmq.trace", routing_key="#"), self._watcher)
        self._ask(Basic.Consume(queue="copies", consumer_tag="watcher", no_ack=True), self._watcher)
        self.trace(True)

    def trace(self, is_on: bool) -> None:
        status, _ = self._scene.http("PUT", path("vhosts", self._name), {"tracing": is_on})
        assert status == 204

    def ask(self, method: Any) -> Any:
        return self._ask(method, self.client)

    def _ask(self, method: Any, client: RawClient) -> Any:
        return self._scene.ask(method, client=client)

    def copies(self, count: int) -> list[Any]:
        said = [self._scene.plain(each) for each in self._watcher.contents(1, count)]
        for each in said:
            headers = each["properties"]["headers"]
            for name in OF_A_RUN:
                assert isinstance(headers[name], str)
                headers[name] = f"<{name}>"
        return said

    def nothing_more(self) -> bool:
        return not self._watcher.some(1)


@pytest.fixture
def traced(scene: Scene) -> Iterator[Traced]:
    name = scene.name("traced")
    yield Traced(scene, name)
    scene.http("DELETE", path("vhosts", name))


def test_a_message_is_copied_as_it_comes_and_as_it_goes(traced: Traced, rabbitmq_says: RecordedAnswers) -> None:
    traced.ask(Exchange.Declare(exchange="orders", exchange_type="topic"))
    for queue in ("first", "second"):
        traced.ask(Queue.Declare(queue=queue))
        traced.ask(Queue.Bind(queue=queue, exchange="orders", routing_key="#"))
    said = []
    traced.client.publish(
        1,
        "orders",
        "new",
        b"body",
        content_type="text/plain",
        delivery_mode=2,
        headers={"mine": 1, "CC": ["copy"], "BCC": ["blind"]},
        priority=3,
        expiration="60000",
        timestamp=datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC),
        message_id="m1",
    )
    said += traced.copies(1)
    traced.ask(Basic.Consume(queue="first", consumer_tag="tag"))
    said += traced.copies(1)
    traced.client.send(1, Basic.Nack(delivery_tag=1, requeue=True))
    said += traced.copies(1)
    traced.client.send(1, Basic.Get(queue="second", no_ack=True))
    said += traced.copies(1)
    rabbitmq_says(said)
    assert traced.nothing_more()


def test_what_no_queue_takes_is_copied_too(traced: Traced, rabbitmq_says: RecordedAnswers) -> None:
    traced.client.publish(1, "", "nowhere", b"lost", mandatory=True)
    rabbitmq_says(traced.copies(1))


def test_copies_are_not_copied(traced: Traced, rabbitmq_says: RecordedAnswers) -> None:
    traced.ask(Queue.Declare(queue="all"))
    traced.ask(Queue.Bind(queue="all", exchange="amq.rabbitmq.trace", routing_key="publish.*"))
    traced.ask(Queue.Bind(queue="all", exchange="amq.rabbitmq.trace", routing_key="publish."))
    traced.client.publish(1, "", "all", b"body")
    said = traced.copies(1)
    traced.ask(Basic.Consume(queue="all", consumer_tag="tag", no_ack=True))
    said += traced.copies(1)
    rabbitmq_says(said)
    assert traced.nothing_more()


def test_dead_letters_are_copied_when_they_are_delivered(traced: Traced, rabbitmq_says: RecordedAnswers) -> None:
    traced.ask(Queue.Declare(queue="dead"))
    traced.ask(Queue.Declare(queue="q", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}))
    traced.client.publish(1, "", "q", b"body")
    said = traced.copies(1)
    traced.client.send(1, Basic.Get(queue="q"))
    said += traced.copies(1)
    traced.client.send(1, Basic.Reject(delivery_tag=1, requeue=False))
    traced.ask(Basic.Consume(queue="dead", consumer_tag="tag", no_ack=True))
    (delivered,) = traced.copies(1)
    del delivered["properties"]["headers"]["properties"]["headers"]
    rabbitmq_says([*said, delivered])


def test_once_tracing_is_over_nothing_is_copied(traced: Traced) -> None:
    traced.ask(Queue.Declare(queue="q"))
    traced.ask(Basic.Consume(queue="q", consumer_tag="tag", no_ack=True))
    traced.trace(False)
    traced.client.publish(1, "", "q", b"body")
    assert traced.client.contents(1, 1)
    assert traced.nothing_more()
