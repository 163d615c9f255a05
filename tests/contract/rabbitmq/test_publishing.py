"""Publishing: where messages go, what comes back, and what is refused."""

import datetime
from decimal import Decimal
from typing import Any

import pytest
from pamqp import body, frame, header
from pamqp.commands import Basic, Confirm, Connection, Exchange, Queue, Tx

from tests.contract.rabbitmq.scene import Scene
from tests.contract.recorded_answers import RecordedAnswers


class AnyQueueDeclare(Queue.Declare):
    """pamqp refuses characters that RabbitMQ's own names have."""

    def validate(self) -> None:
        pass


def test_a_message_keeps_its_properties_and_body(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    scene.client.publish(
        1,
        "",
        queue,
        b"\x00\xff body",
        content_type="text/plain",
        content_encoding="utf-8",
        headers={
            "text": "ü",
            "number": 5,
            "long": 2**40,
            "negative": -7,
            "float": 1.5,
            "decimal": Decimal("3.14"),
            "true": True,
            "null": None,
            "bytes": bytearray(b"\x01\x02"),
            "time": datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC),
            "list": [1, "two", [3]],
            "table": {"inner": {"deeper": "x"}},
        },
        delivery_mode=2,
        priority=3,
        correlation_id="correlation",
        reply_to="reply",
        expiration="60000",
        message_id="id",
        timestamp=datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC),
        message_type="type",
        app_id="app",
    )
    rabbitmq_says(scene.get(queue))


@pytest.mark.parametrize("size", [0, 1, 131064, 131065, 400_000])
def test_bodies_of_many_frames(scene: Scene, rabbitmq_says: RecordedAnswers, size: int) -> None:
    queue = scene.queue()
    scene.client.send(1, Basic.Publish(exchange="", routing_key=queue))
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    scene.client.write(frame.marshal(header.ContentHeader(0, size, Basic.Properties()), 1))
    for start in range(0, size, 1000):
        scene.client.write(frame.marshal(body.ContentBody(content[start : start + 1000]), 1))
    scene.client.send(1, Basic.Get(queue=queue, no_ack=True))
    (got,) = scene.client.contents(1, 1)
    assert got.body == content
    rabbitmq_says(len(got.body))


def test_confirms(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    said = [scene.ask(Confirm.Select()), scene.ask(Confirm.Select())]
    said += [scene.published("", queue) for _ in range(3)]
    said.append(scene.published("", scene.name("missing")))
    said.append(scene.published("", scene.name("missing"), mandatory=True))
    said.append(scene.published("amq.fanout", "", mandatory=True, content_type="text/plain"))
    said.append(scene.published("", queue, mandatory=True))
    rabbitmq_says(said)


def test_an_exchange_that_does_not_exist(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    scene.client.publish(1, scene.name("missing"), "key")
    answer = scene.client.take(1, lambda _: True)
    rabbitmq_says(scene.plain(answer))


def test_an_internal_exchange(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("exchange")
    scene.ask(Exchange.Declare(exchange=name, exchange_type="direct", internal=True))
    scene.client.publish(1, name, "key")
    rabbitmq_says(scene.plain(scene.client.take(1, lambda _: True)))


def test_immediate(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    scene.client.publish(1, "", scene.queue(), immediate=True)
    rabbitmq_says(scene.plain(scene.client.take(1, lambda _: True)))


@pytest.mark.parametrize(
    "properties",
    [
        {"user_id": "guest"},
        {"user_id": "somebody"},
        {"expiration": "soon"},
        {"expiration": "-1"},
        {"expiration": "1.5"},
        {"expiration": ""},
        {"expiration": "99999999999999"},
        {"expiration": " 5"},
        {"delivery_mode": 1},
        {"priority": 200},
        {"headers": {"CC": "text"}},
        {"headers": {"BCC": 5}},
        {"headers": {"CC": ["a", 5]}},
        {"headers": {"x-death": "mine"}},
    ],
    ids=str,
)
def test_properties_that_the_broker_looks_at(scene: Scene, rabbitmq_says: RecordedAnswers, properties: dict[str, Any]) -> None:
    queue = scene.queue()
    scene.confirm_mode()
    said = [scene.published("", queue, **properties)]
    if "Basic.Ack" in said[0][-1]:
        said.append(scene.get(queue))
    rabbitmq_says(said)


def test_copies(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    one, two, three = scene.queue("one"), scene.queue("two"), scene.queue("three")
    scene.client.publish(1, "", one, b"copied", headers={"CC": [two], "BCC": [three], "other": 1})
    scene.client.publish(1, "", one, b"same", headers={"CC": [one, two]})
    rabbitmq_says([scene.get(queue) for queue in (one, two, three, one, two, three)])


def test_routing_by_key(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    said: dict[str, dict[str, list[str]]] = {}
    patterns = ["", "#", "*", "a", "a.b", "a.*", "a.#", "*.b", "#.b", "a.*.c", "a.#.c", "#.#", "*.*", "*.#", "a..b", "#.a.#"]
    keys = ["", "a", "b", "a.b", "a.b.c", "a.c", "a..b", ".", "a.", ".b", "b.a.b", "a.b.b.c"]
    for kind in ("direct", "topic", "fanout"):
        exchange = scene.exchange(kind)
        queues = {pattern: scene.queue() for pattern in patterns}
        for pattern, queue in queues.items():
            scene.bind(queue, exchange, pattern)
        for key in keys:
            scene.client.publish(1, exchange, key, key.encode() or b"empty")
        said[kind] = {pattern: scene.bodies(queue) for pattern, queue in queues.items()}
    rabbitmq_says(said)


def test_routing_by_headers(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    exchange = scene.exchange("headers")
    bindings: list[dict[str, Any]] = [
        {},
        {"x-match": "any"},
        {"x-match": "all", "a": 1, "b": "two"},
        {"x-match": "any", "a": 1, "b": "two"},
        {"x-match": "all", "a": None},
        {"x-match": "any", "a": None, "c": None},
        {"x-match": "all", "x-a": 1, "a": 1},
        {"x-match": "all-with-x", "x-a": 1, "a": 1},
        {"x-match": "any-with-x", "x-a": 1},
        {"x-match": "all", "a": 1.0},
        {"x-match": "all", "a": "1"},
        {"x-match": "all", "a": True},
    ]
    queues = [scene.queue() for _ in bindings]
    for queue, arguments in zip(queues, bindings, strict=True):
        scene.bind(queue, exchange, "", arguments)
    messages: list[dict[str, Any]] = [
        {},
        {"a": 1},
        {"a": 1, "b": "two"},
        {"b": "two"},
        {"x-a": 1},
        {"a": 1, "x-a": 1},
        {"a": "1"},
        {"a": 1.0},
        {"c": 0},
    ]
    for number, headers in enumerate(messages):
        scene.client.publish(1, exchange, "", str(number).encode(), headers=headers)
    scene.client.publish(1, exchange, "", b"none")
    rabbitmq_says({str(arguments): scene.bodies(queue) for queue, arguments in zip(queues, bindings, strict=True)})


def test_routing_between_exchanges(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    first, second = scene.exchange("topic", "first"), scene.exchange("fanout", "second")
    queue = scene.queue()
    scene.ask(Exchange.Bind(destination=second, source=first, routing_key="#"))
    scene.ask(Exchange.Bind(destination=first, source=second, routing_key=""))
    scene.bind(queue, second, "x")
    scene.bind(queue, first, "#")
    scene.client.publish(1, first, "key", b"once")
    rabbitmq_says(scene.bodies(queue))


def test_alternate_exchanges(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    last = scene.exchange("fanout", "last")
    middle = scene.exchange("direct", "middle", arguments={"alternate-exchange": last})
    first = scene.exchange("direct", "first", arguments={"alternate-exchange": middle})
    lost = scene.exchange("direct", "lost", arguments={"alternate-exchange": scene.name("missing")})
    queue = scene.queue()
    scene.bind(queue, last)
    scene.confirm_mode()
    rabbitmq_says(
        [
            scene.published(first, "key", mandatory=True),
            scene.get(queue),
            scene.published(lost, "key", mandatory=True),
        ]
    )


def test_recent_history(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    exchange = scene.exchange("x-recent-history", arguments={"x-recent-history-length": 2})
    for number in range(4):
        scene.client.publish(1, exchange, "key", str(number).encode(), headers={"x-recent-history-no-store": True} if number == 3 else {})
    queue = scene.queue()
    scene.bind(queue, exchange)
    scene.client.publish(1, exchange, "key", b"new")
    rabbitmq_says(scene.bodies(queue))


def test_consistent_hash_and_random_reach_one_queue_each(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    counts: dict[str, Any] = {}
    for kind in ("x-consistent-hash", "x-random"):
        exchange = scene.exchange(kind)
        queues = [scene.queue() for _ in range(3)]
        for queue in queues:
            scene.bind(queue, exchange, "1")
        for number in range(60):
            scene.client.publish(1, exchange, str(number), str(number).encode())
        taken = [scene.bodies(queue) for queue in queues]
        counts[kind] = sorted(int(each) for bodies in taken for each in bodies) == list(range(60))
    rabbitmq_says(counts)


def test_transactions(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue = scene.queue()
    said = [scene.ask(Tx.Commit()), scene.ask(Tx.Rollback()), scene.ask(Tx.Select()), scene.ask(Tx.Select())]
    scene.client.publish(1, "", queue, b"rolled back")
    said.append(scene.ask(Tx.Rollback()))
    scene.client.publish(1, "", queue, b"committed")
    scene.client.open_channel(2)
    said.append(scene.ask(Queue.Declare(queue=queue, passive=True), channel=2))
    said.append(scene.ask(Tx.Commit()))
    said.append(scene.ask(Queue.Declare(queue=queue, passive=True), channel=2))
    said.append(scene.get(queue, no_ack=False))
    scene.client.send(1, Basic.Ack(delivery_tag=1))
    said.append(scene.ask(Tx.Rollback()))
    scene.client.publish(1, "", scene.name("missing"), b"unroutable", mandatory=True)
    scene.client.send(1, Basic.Ack(delivery_tag=1))
    said.append(scene.ask(Tx.Commit()))
    said.append(scene.plain(scene.client.take(1, lambda _: True)))
    said.append(scene.ask(Queue.Declare(queue=queue, passive=True), channel=2))
    said.append(scene.ask(Confirm.Select()))
    said.append([scene.ask(Confirm.Select()), scene.ask(Tx.Select())])
    rabbitmq_says(said)


def test_direct_reply_to(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    server_queue = scene.queue("requests")
    pseudo = "amq.rabbitmq.reply-to"
    said = [
        scene.ask(Queue.Declare(queue=pseudo, passive=True)),
        scene.ask(Basic.Consume(queue=pseudo, no_ack=False)),
        scene.ask(Basic.Consume(queue=pseudo, no_ack=True, consumer_tag="replies")),
        scene.ask(Basic.Consume(queue=pseudo, no_ack=True, consumer_tag="again")),
    ]
    said.append(scene.ask(Basic.Consume(queue=pseudo, no_ack=True, consumer_tag="replies")))
    scene.client.publish(1, "", server_queue, b"request", reply_to=pseudo)
    responder = scene.client
    responder.open_channel(2)
    responder.send(2, Basic.Get(queue=server_queue, no_ack=True))
    (request,) = responder.contents(2, 1)
    said.append(scene.plain(request))
    said.append(scene.ask(AnyQueueDeclare(queue=request.properties.reply_to, passive=True), channel=2))
    responder.publish(2, "", request.properties.reply_to, b"response", mandatory=True)
    said += [scene.plain(each) for each in scene.client.contents(1, 1)]
    said.append(scene.ask(Basic.Cancel(consumer_tag="replies")))
    responder.publish(2, "", request.properties.reply_to, b"too late", mandatory=True)
    said.append(scene.plain(responder.take(2, lambda _: True)))
    scene.client.publish(1, "", server_queue, b"nobody listens", reply_to=pseudo)
    said.append(scene.plain(scene.client.take(1, lambda _: True)))
    rabbitmq_says(said)


def test_a_publish_that_breaks_off(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    scene.client.send(1, Basic.Publish(exchange="", routing_key="q"))
    scene.client.send(1, Queue.Declare(queue="", exclusive=True))
    answer = scene.client.take(1, lambda _: True)
    assert isinstance(answer, Connection.Close)
    rabbitmq_says(scene.plain(answer))
