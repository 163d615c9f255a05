"""Programs as users of pika write them."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pika.exceptions
import pytest

from tests.conformance.rabbitmq.conftest import TlsServer
from tests.contract.rabbitmq.servers import RabbitMQUnderTest

PATIENCE_S = 20
Named = Callable[[str], str]
PERSISTENT = pika.BasicProperties(delivery_mode=2)


def connect(server: RabbitMQUnderTest) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters(server.host, server.port))


@pytest.fixture
def channel(server: RabbitMQUnderTest) -> Iterator[Any]:
    with connect(server) as connection:
        yield connection.channel()


def taken(channel: Any, queue: str, count: int, **options: Any) -> list[tuple[Any, Any, bytes]]:
    """The next deliveries, acknowledged."""
    found: list[tuple[Any, Any, bytes]] = []
    for method, properties, body in channel.consume(queue, inactivity_timeout=PATIENCE_S, **options):
        assert method is not None, f"only {len(found)} came"
        channel.basic_ack(method.delivery_tag)
        found.append((method, properties, body))
        if len(found) == count:
            channel.cancel()
            return found
    raise AssertionError("cancelled")


def test_a_publish_is_confirmed_and_one_without_a_queue_comes_back(channel: Any, name: Named) -> None:
    channel.confirm_delivery()
    queue = channel.queue_declare(name("orders"), durable=True).method.queue
    channel.basic_publish("", queue, b"an order", PERSISTENT, mandatory=True)
    with pytest.raises(pika.exceptions.UnroutableError) as unroutable:
        channel.basic_publish("amq.direct", name("nowhere"), b"lost", mandatory=True)
    (returned,) = unroutable.value.messages
    assert (returned.method.reply_code, returned.method.reply_text, returned.body) == (312, "NO_ROUTE", b"lost")
    assert [body for _, _, body in taken(channel, queue, 1)] == [b"an order"]
    channel.queue_delete(queue)


def test_a_full_queue_that_rejects_says_nack(channel: Any, name: Named) -> None:
    channel.confirm_delivery()
    queue = channel.queue_declare(name("full"), exclusive=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"}).method.queue
    channel.basic_publish("", queue, b"one")
    with pytest.raises(pika.exceptions.NackError):
        channel.basic_publish("", queue, b"two")


def test_a_prefetch_count_is_kept_and_what_is_requeued_comes_again(channel: Any, name: Named) -> None:
    queue = channel.queue_declare(name("work"), exclusive=True).method.queue
    for number in range(6):
        channel.basic_publish("", queue, b"%d" % number)
    channel.basic_qos(prefetch_count=3)
    seen: list[tuple[bytes, bool]] = []
    held: list[int] = []

    def on_message(channel: Any, method: Any, _: Any, body: bytes) -> None:
        seen.append((body, method.redelivered))
        held.append(method.delivery_tag)

    tag = channel.basic_consume(queue, on_message)
    while len(held) < 3:
        channel.connection.process_data_events(PATIENCE_S)
    channel.connection.process_data_events(0.1)
    assert seen == [(b"0", False), (b"1", False), (b"2", False)]
    channel.basic_nack(held[1], multiple=True, requeue=True)
    while len(held) < 5:
        channel.connection.process_data_events(PATIENCE_S)
    assert seen[3:] == [(b"0", True), (b"1", True)]
    channel.basic_cancel(tag)


def test_a_call_over_direct_reply_to(server: RabbitMQUnderTest, name: Named) -> None:
    queue, ready = name("rpc"), threading.Event()

    def serve() -> None:
        with connect(server) as connection:
            channel = connection.channel()
            channel.queue_declare(queue, durable=True, auto_delete=True)
            ready.set()
            for method, properties, body in channel.consume(queue, inactivity_timeout=PATIENCE_S):
                reply = pika.BasicProperties(correlation_id=properties.correlation_id)
                channel.basic_publish("", properties.reply_to, body.upper(), reply)
                channel.basic_ack(method.delivery_tag)
                break

    serving = threading.Thread(target=serve)
    serving.start()
    assert ready.wait(PATIENCE_S)
    with connect(server) as connection:
        channel = connection.channel()
        answers: list[tuple[str, bytes]] = []
        channel.basic_consume("amq.rabbitmq.reply-to", lambda _c, _m, p, body: answers.append((p.correlation_id, body)), auto_ack=True)
        channel.basic_publish("", queue, b"hello", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="7"))
        while not answers:
            connection.process_data_events(PATIENCE_S)
    serving.join(PATIENCE_S)
    assert answers == [("7", b"HELLO")]


def test_a_message_walks_from_exchange_to_exchange(channel: Any, name: Named) -> None:
    outer, inner = name("outer"), name("inner")
    channel.exchange_declare(outer, "topic", auto_delete=True)
    channel.exchange_declare(inner, "fanout", auto_delete=True)
    channel.exchange_bind(inner, outer, "orders.#")
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, inner)
    channel.confirm_delivery()
    channel.basic_publish(outer, "orders.eu.new", b"in", mandatory=True)
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish(outer, "bills.eu", b"out", mandatory=True)
    ((method, _, body),) = taken(channel, queue, 1)
    assert (method.exchange, method.routing_key, body) == (outer, "orders.eu.new", b"in")


def test_a_ladder_of_retries_ends_with_the_dead(channel: Any, name: Named) -> None:
    """Work, two steps of waiting with a TTL each that lead back to work, and the dead."""
    work, dead, steps = name("work"), name("dead"), [name("wait-10"), name("wait-30")]
    channel.queue_declare(work, exclusive=True)
    channel.queue_declare(dead, exclusive=True)
    for step, ttl in zip(steps, (10, 30), strict=True):
        arguments = {"x-message-ttl": ttl, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": work}
        channel.queue_declare(step, exclusive=True, arguments=arguments)
    channel.basic_publish("", work, b"fails", pika.BasicProperties(headers={"tries": 0}))
    for tries in range(3):
        ((_, properties, body),) = taken(channel, work, 1)
        assert properties.headers["tries"] == tries
        onward = pika.BasicProperties(headers={**properties.headers, "tries": tries + 1})
        channel.basic_publish("", steps[tries] if tries < len(steps) else dead, body, onward)
    ((_, properties, body),) = taken(channel, dead, 1)
    # Since 4.0 the server does not go on with the deaths that a client sends along.
    death = properties.headers["x-death"][0]
    assert (body, death["queue"], death["reason"], death["count"]) == (b"fails", steps[-1], "expired", 1)


def test_a_poisonous_message_of_a_quorum_queue_is_dead_after_its_deliveries(channel: Any, name: Named) -> None:
    queue, dead = name("quorum"), name("dead")
    channel.queue_declare(dead, exclusive=True)
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": 2, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
    channel.queue_declare(queue, durable=True, arguments=arguments)
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"poison", PERSISTENT)
    counts: list[int] = []

    def on_message(channel: Any, method: Any, properties: Any, _: bytes) -> None:
        counts.append((properties.headers or {}).get("x-delivery-count", 0))
        channel.basic_reject(method.delivery_tag, requeue=True)

    tag = channel.basic_consume(queue, on_message)
    ((_, properties, body),) = taken(channel, dead, 1)
    channel.basic_cancel(tag)
    channel.queue_delete(queue)
    (death,) = properties.headers["x-death"]
    assert (counts, body, death["queue"], death["reason"]) == ([0, 1, 2], b"poison", queue, "delivery_limit")


def test_a_stream_is_read_from_an_offset_as_often_as_one_likes(channel: Any, name: Named) -> None:
    stream = name("stream")
    channel.queue_declare(stream, durable=True, arguments={"x-queue-type": "stream"})
    channel.confirm_delivery()
    for number in range(10):
        channel.basic_publish("", stream, b"%d" % number, PERSISTENT)
    channel.basic_qos(prefetch_count=5)
    for _ in range(2):
        found = taken(channel, stream, 4, arguments={"x-stream-offset": 6})
        assert [(properties.headers["x-stream-offset"], body) for _, properties, body in found] == [(n, b"%d" % n) for n in range(6, 10)]
    everything = taken(channel, stream, 10, arguments={"x-stream-offset": "first"})
    assert [body for _, _, body in everything] == [b"%d" % number for number in range(10)]
    channel.queue_delete(stream)


def test_a_transaction_is_seen_once_it_is_committed(channel: Any, name: Named) -> None:
    queue = channel.queue_declare(name("tx"), exclusive=True).method.queue
    channel.tx_select()
    channel.basic_publish("", queue, b"rolled back")
    channel.tx_rollback()
    channel.basic_publish("", queue, b"committed")
    assert channel.basic_get(queue)[0] is None
    channel.tx_commit()
    assert channel.basic_get(queue, auto_ack=True)[2] == b"committed"


def test_a_consumer_hears_that_its_queue_is_gone(channel: Any, name: Named) -> None:
    queue = channel.queue_declare(name("gone"), durable=True).method.queue
    cancelled: list[Any] = []
    channel.add_on_cancel_callback(cancelled.append)
    channel.basic_consume(queue, lambda *_: None, consumer_tag="mine")
    channel.connection.channel().queue_delete(queue)
    while not cancelled:
        channel.connection.process_data_events(PATIENCE_S)
    assert cancelled[0].method.consumer_tag == "mine"


def test_a_program_over_tls(tls_server: TlsServer, name: Named) -> None:
    options = pika.SSLOptions(tls_server.context, "localhost")
    with pika.BlockingConnection(pika.ConnectionParameters(tls_server.host, tls_server.port, ssl_options=options)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", queue, b"x" * 1_000_000, mandatory=True)
        assert taken(channel, queue, 1)[0][2] == b"x" * 1_000_000
