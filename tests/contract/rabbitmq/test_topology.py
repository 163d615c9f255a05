"""Declaring, binding, deleting: what is answered, and the words of each refusal."""

from typing import Any

import pytest
from pamqp.commands import Basic, Exchange, Queue

from tests.contract.rabbitmq.scene import Scene, path
from tests.contract.recorded_answers import RecordedAnswers

TYPES = ["direct", "fanout", "topic", "headers", "x-consistent-hash", "x-random", "x-recent-history", ""]


@pytest.mark.parametrize("kind", TYPES)
def test_an_exchange_of_each_type(scene: Scene, rabbitmq_says: RecordedAnswers, kind: str) -> None:
    rabbitmq_says(scene.ask(Exchange.Declare(exchange=scene.name("exchange"), exchange_type=kind)))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"exchange_type": "fanout"},
        {"durable": False},
        {"auto_delete": True},
        {"internal": True},
        {"arguments": {"alternate-exchange": "other"}},
        {"arguments": {"x-unknown": 1}},
    ],
    ids=lambda changed: ",".join(changed) or "same",
)
def test_an_exchange_declared_again(scene: Scene, rabbitmq_says: RecordedAnswers, changed: dict[str, Any]) -> None:
    name = scene.name("exchange")
    scene.ask(Exchange.Declare(exchange=name, exchange_type="direct", durable=True))
    rabbitmq_says(scene.ask(Exchange.Declare(**{"exchange": name, "exchange_type": "direct", "durable": True, **changed})))


def test_an_exchange_of_a_type_that_is_unknown(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    # A new word: RabbitMQ 3.10 says "invalid" of one that it has met before, whatever for.
    rabbitmq_says(scene.ask(Exchange.Declare(exchange=scene.name("exchange"), exchange_type=scene.name("type"))))


def test_an_exchange_declared_passively(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    rabbitmq_says(
        [
            scene.ask(Exchange.Declare(exchange="amq.topic", exchange_type="direct", passive=True)),
            scene.ask(Exchange.Declare(exchange=scene.name("missing"), exchange_type="direct", passive=True)),
            scene.ask(Exchange.Declare(exchange="", exchange_type="direct", passive=True)),
        ]
    )


@pytest.mark.parametrize("name", ["amq.mine", "amq.direct", "amq.topic", ""])
def test_reserved_exchange_names(scene: Scene, rabbitmq_says: RecordedAnswers, name: str) -> None:
    rabbitmq_says(
        [
            scene.ask(Exchange.Declare(exchange=name, exchange_type="direct", durable=True)),
            scene.ask(Exchange.Delete(exchange=name)),
        ]
    )


def test_an_alternate_exchange_that_is_no_name(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    rabbitmq_says(scene.ask(Exchange.Declare(exchange=scene.name("exchange"), arguments={"alternate-exchange": 5})))


def test_deleting_exchanges(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    used, unused = scene.exchange(stem="used"), scene.exchange(stem="unused")
    scene.bind(scene.queue(), used, "key")
    rabbitmq_says(
        [
            scene.ask(Exchange.Delete(exchange=used, if_unused=True)),
            scene.ask(Exchange.Delete(exchange=unused, if_unused=True)),
            scene.ask(Exchange.Delete(exchange=unused)),
            scene.ask(Exchange.Delete(exchange=used)),
        ]
    )


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"durable": False},
        {"exclusive": True},
        {"auto_delete": True},
        {"arguments": {}},
        {"arguments": {"x-max-length": 11}},
        {"arguments": {"x-max-length": 10, "x-message-ttl": 5}},
        {"arguments": {"x-max-length": 10, "x-unknown": 5}},
        {"arguments": {"x-max-length": 10, "x-queue-type": "classic"}},
        {"arguments": {"x-max-length": 10, "x-queue-type": "quorum"}},
        {"arguments": {"x-max-length": "10"}},
    ],
    ids=str,
)
def test_a_queue_declared_again(scene: Scene, rabbitmq_says: RecordedAnswers, changed: dict[str, Any]) -> None:
    name = scene.name("queue")
    scene.ask(Queue.Declare(queue=name, durable=True, arguments={"x-max-length": 10}))
    rabbitmq_says(scene.ask(Queue.Declare(**{"queue": name, "durable": True, "arguments": {"x-max-length": 10}, **changed})))
    scene.ask(Queue.Delete(queue=name))


@pytest.mark.parametrize(
    "arguments",
    [
        {"x-message-ttl": -1},
        {"x-message-ttl": "5"},
        {"x-message-ttl": 0},
        {"x-message-ttl": 86400000 * 365 * 20},
        {"x-expires": 0},
        {"x-expires": -1},
        {"x-expires": "soon"},
        {"x-max-length": -1},
        {"x-max-length": "ten"},
        {"x-max-length": 1.5},
        {"x-max-length-bytes": -1},
        {"x-overflow": "nonsense"},
        {"x-overflow": "reject-publish"},
        {"x-overflow": "reject-publish-dlx"},
        {"x-overflow": 5},
        {"x-max-priority": 0},
        {"x-max-priority": 255},
        {"x-max-priority": 256},
        {"x-max-priority": -1},
        {"x-dead-letter-exchange": 5},
        {"x-dead-letter-routing-key": "key"},
        {"x-dead-letter-exchange": "other", "x-dead-letter-routing-key": 5},
        {"x-queue-mode": "lazy"},
        {"x-queue-mode": "nonsense"},
        {"x-queue-version": 2},
        {"x-queue-version": 3},
        {"x-single-active-consumer": "yes"},
        {"x-single-active-consumer": True},
        {"x-queue-type": "nonsense"},
        {"x-queue-type": 5},
        {"x-queue-leader-locator": "client-local"},
        {"x-unknown": "anything"},
    ],
    ids=str,
)
def test_arguments_of_classic_queues(scene: Scene, rabbitmq_says: RecordedAnswers, arguments: dict[str, Any]) -> None:
    name = scene.name("queue")
    rabbitmq_says(scene.ask(Queue.Declare(queue=name, durable=True, arguments=arguments)))
    scene.ask(Queue.Delete(queue=name))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"durable": False},
        {"exclusive": True},
        {"auto_delete": True},
        {"arguments": {"x-max-priority": 5}},
        {"arguments": {"x-delivery-limit": 3}},
        {"arguments": {"x-delivery-limit": -1}},
        {"arguments": {"x-message-ttl": 5}},
        {"arguments": {"x-overflow": "reject-publish-dlx"}},
        {"arguments": {"x-dead-letter-strategy": "at-least-once"}},
        {"arguments": {"x-dead-letter-strategy": "nonsense"}},
        {"arguments": {"x-queue-mode": "lazy"}},
        {"arguments": {"x-max-age": "1h"}},
        {"arguments": {"x-quorum-initial-group-size": 0}},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["quorum", "stream"])
def test_quorum_queues_and_streams(scene: Scene, rabbitmq_says: RecordedAnswers, kind: str, changed: dict[str, Any]) -> None:
    name = scene.name("queue")
    arguments = {"x-queue-type": kind, **changed.get("arguments", {})}
    rabbitmq_says(scene.ask(Queue.Declare(**{"queue": name, "durable": True, **changed, "arguments": arguments})))
    scene.ask(Queue.Delete(queue=name))


@pytest.mark.parametrize(
    "arguments",
    [{"x-max-age": "5"}, {"x-max-age": "1h"}, {"x-max-age": 5}, {"x-max-length-bytes": 100}, {"x-stream-max-segment-size-bytes": "big"}],
    ids=str,
)
def test_arguments_of_streams(scene: Scene, rabbitmq_says: RecordedAnswers, arguments: dict[str, Any]) -> None:
    name = scene.name("queue")
    rabbitmq_says(scene.ask(Queue.Declare(queue=name, durable=True, arguments={"x-queue-type": "stream", **arguments})))
    scene.ask(Queue.Delete(queue=name))


def test_a_queue_declared_passively(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.queue()
    scene.client.publish(1, "", name, b"1")
    scene.get(name, no_ack=False)
    rabbitmq_says(
        [
            scene.ask(Queue.Declare(queue=name, passive=True)),
            scene.ask(Queue.Declare(queue=scene.name("missing"), passive=True)),
        ]
    )


@pytest.mark.parametrize("name", ["amq.mine", "amq.gen-mine", "amq.rabbitmq.mine", "amq", "amqp"])
def test_reserved_queue_names(scene: Scene, rabbitmq_says: RecordedAnswers, name: str) -> None:
    rabbitmq_says(scene.ask(Queue.Declare(queue=name, auto_delete=True, exclusive=True)))


def test_a_name_from_the_server(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    said = [scene.ask(Queue.Declare(queue="", exclusive=True))]
    # The last name declared on the channel is meant where none is given.
    said.append(scene.ask(Queue.Bind(queue="", exchange="amq.direct", routing_key="")))
    scene.client.publish(1, "amq.direct", "", b"to the last")
    said.append(scene.ask(Queue.Declare(queue="", passive=True)))
    said.append(scene.ask(Queue.Purge(queue="")))
    said.append(scene.ask(Queue.Delete(queue="")))
    rabbitmq_says(said)


def test_no_name_and_none_declared(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    methods = [
        Queue.Bind(queue="", exchange="amq.direct", routing_key="key"),
        Queue.Purge(queue=""),
        Queue.Delete(queue=""),
        Basic.Get(queue=""),
        Basic.Consume(queue=""),
        Queue.Declare(queue="", passive=True),
    ]
    rabbitmq_says([scene.ask(method) for method in methods])


def test_a_queue_of_another_connection(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.queue()
    other = scene.connect()
    said = []
    methods = [
        Queue.Declare(queue=name, exclusive=True),
        Queue.Declare(queue=name, passive=True),
        Queue.Bind(queue=name, exchange="amq.direct", routing_key="key"),
        Queue.Purge(queue=name),
        Queue.Delete(queue=name),
        Basic.Get(queue=name),
        Basic.Consume(queue=name),
    ]
    for number, method in enumerate(methods, 1):
        other.open_channel(number)
        said.append(scene.plain(other.ask(number, method)))
    rabbitmq_says(said)


def test_deleting_queues(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    filled, consumed = scene.queue("filled"), scene.queue("consumed")
    for _ in range(3):
        scene.client.publish(1, "", filled, b"1")
    scene.ask(Basic.Consume(queue=consumed, consumer_tag="tag", no_ack=True))
    other = scene.client
    other.open_channel(2)
    rabbitmq_says(
        [
            scene.ask(Queue.Delete(queue=filled, if_empty=True), channel=2),
            scene.ask(Queue.Delete(queue=consumed, if_unused=True), channel=2),
            scene.ask(Queue.Purge(queue=filled), channel=2),
            scene.ask(Queue.Delete(queue=filled, if_empty=True), channel=2),
            scene.ask(Queue.Delete(queue=filled), channel=2),
            scene.ask(Queue.Delete(queue=consumed), channel=2),
            scene.ask(Queue.Purge(queue=filled), channel=2),
        ]
    )


def test_bindings(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    queue, exchange, missing = scene.queue(), scene.exchange("topic"), scene.name("missing")
    rabbitmq_says(
        [
            scene.ask(Queue.Bind(queue=queue, exchange=exchange, routing_key="a.#")),
            scene.ask(Queue.Bind(queue=queue, exchange=exchange, routing_key="a.#")),
            scene.ask(Queue.Bind(queue=queue, exchange=missing, routing_key="a")),
            scene.ask(Queue.Bind(queue=missing, exchange=exchange, routing_key="a")),
            scene.ask(Queue.Bind(queue=queue, exchange="", routing_key="a")),
            scene.ask(Queue.Unbind(queue=queue, exchange=exchange, routing_key="other")),
            scene.ask(Queue.Unbind(queue=queue, exchange=exchange, routing_key="a.#")),
            scene.ask(Queue.Unbind(queue=queue, exchange=exchange, routing_key="a.#")),
            scene.ask(Queue.Unbind(queue=queue, exchange=missing, routing_key="a")),
            scene.ask(Queue.Unbind(queue=missing, exchange=exchange, routing_key="a")),
            scene.ask(Queue.Unbind(queue=queue, exchange="", routing_key=queue)),
        ]
    )


def test_bindings_between_exchanges(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    source, target, missing = scene.exchange("topic", "source"), scene.exchange("fanout", "target"), scene.name("missing")
    rabbitmq_says(
        [
            scene.ask(Exchange.Bind(destination=target, source=source, routing_key="a")),
            scene.ask(Exchange.Bind(destination=target, source=source, routing_key="a")),
            scene.ask(Exchange.Bind(destination=source, source=source, routing_key="a")),
            scene.ask(Exchange.Bind(destination=missing, source=source, routing_key="a")),
            scene.ask(Exchange.Bind(destination=target, source=missing, routing_key="a")),
            scene.ask(Exchange.Bind(destination="", source=source, routing_key="a")),
            scene.ask(Exchange.Bind(destination=target, source="", routing_key="a")),
            scene.ask(Exchange.Unbind(destination=target, source=source, routing_key="a")),
            scene.ask(Exchange.Unbind(destination=target, source=missing, routing_key="a")),
        ]
    )


@pytest.mark.parametrize("match", ["all", "any", "all-with-x", "any-with-x", "nonsense", 5, None], ids=str)
def test_binding_arguments_of_a_headers_exchange(scene: Scene, rabbitmq_says: RecordedAnswers, match: Any) -> None:
    queue, exchange = scene.queue(), scene.exchange("headers")
    arguments: Any = {"format": "pdf"} if match is None else {"x-match": match, "format": "pdf"}
    rabbitmq_says(scene.ask(Queue.Bind(queue=queue, exchange=exchange, routing_key="", arguments=arguments)))


@pytest.mark.parametrize("weight", ["1", "10", "0", "-1", "many", ""])
def test_weights_of_a_consistent_hash_exchange(scene: Scene, rabbitmq_says: RecordedAnswers, weight: str) -> None:
    queue, exchange = scene.queue(), scene.exchange("x-consistent-hash")
    rabbitmq_says(scene.ask(Queue.Bind(queue=queue, exchange=exchange, routing_key=weight)))


def test_an_auto_delete_exchange_goes_with_its_last_binding(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name, queue = scene.name("exchange"), scene.queue()
    scene.ask(Exchange.Declare(exchange=name, exchange_type="direct", auto_delete=True))
    said = [scene.ask(Exchange.Declare(exchange=name, exchange_type="direct", passive=True))]
    scene.bind(queue, name, "key")
    scene.ask(Queue.Unbind(queue=queue, exchange=name, routing_key="key"))
    said.append(scene.ask(Exchange.Declare(exchange=name, exchange_type="direct", passive=True)))
    rabbitmq_says(said)


def test_an_auto_delete_queue_goes_with_its_last_consumer(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    name = scene.name("queue")
    scene.ask(Queue.Declare(queue=name, auto_delete=True))
    said = [scene.ask(Queue.Declare(queue=name, passive=True))]
    scene.ask(Basic.Consume(queue=name, consumer_tag="one"))
    scene.ask(Basic.Consume(queue=name, consumer_tag="two"))
    scene.ask(Basic.Cancel(consumer_tag="one"))
    said.append(scene.ask(Queue.Declare(queue=name, passive=True)))
    scene.ask(Basic.Cancel(consumer_tag="two"))
    said.append(scene.ask(Queue.Declare(queue=name, passive=True)))
    rabbitmq_says(said)


def test_the_limit_of_queues_is_looked_at_before_all_but_the_name(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    shop = scene.name("shop")
    scene.http("PUT", path("vhosts", shop), {})
    scene.http("PUT", path("permissions", shop, "guest"), {"configure": ".*", "write": ".*", "read": ".*"})
    scene.http("PUT", path("vhost-limits", shop, "max-queues"), {"value": 0})
    client = scene.connect(virtual_host=shop)
    said = []
    for channel, method in enumerate(
        (
            Queue.Declare(queue="q", arguments={"x-max-length": "many"}),
            Queue.Declare(queue="q", arguments={"x-queue-type": "nonsense"}),
            Queue.Declare(queue="q", durable=False, arguments={"x-queue-type": "quorum"}),
            Queue.Declare(queue="amq.q"),
        ),
        1,
    ):
        client.open_channel(channel)
        said.append(scene.ask(method, channel, client))
    rabbitmq_says(said)
    scene.http("DELETE", path("vhosts", shop))
