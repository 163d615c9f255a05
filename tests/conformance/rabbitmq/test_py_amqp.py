"""Programs on py-amqp, the client beneath Kombu and Celery."""

from collections.abc import Callable, Iterator
from typing import Any

import amqp
import pytest

from tests.conformance.rabbitmq.conftest import TlsServer
from tests.contract.rabbitmq.servers import RabbitMQUnderTest
from tests.patience import PATIENCE_S, eventually

Named = Callable[[str], str]


@pytest.fixture
def connection(server: RabbitMQUnderTest) -> Iterator[Any]:
    with amqp.Connection(f"{server.host}:{server.port}", confirm_publish=True) as connection:
        yield connection


def taken(channel: Any, queue: str) -> Any:
    """The next message, acknowledged."""
    message = eventually(lambda: channel.basic_get(queue))
    channel.basic_ack(message.delivery_tag)
    return message


def test_a_publish_is_confirmed_and_one_without_a_queue_comes_back(connection: Any) -> None:
    channel = connection.channel()
    queue = channel.queue_declare(exclusive=True).queue
    returned: list[Any] = []
    channel.events["basic_return"].add(lambda reason, *_: returned.append((reason.reply_code, reason.reply_text)))
    channel.basic_publish_confirm(amqp.Message("grüße", content_encoding="utf-8"), routing_key=queue, mandatory=True)
    channel.basic_publish_confirm(amqp.Message("lost"), routing_key="nowhere-at-all", mandatory=True)
    assert returned == [(312, "NO_ROUTE")]
    assert taken(channel, queue).body == "grüße"


def test_a_consumer_with_a_prefetch_count_that_gives_back(connection: Any) -> None:
    channel = connection.channel()
    queue = channel.queue_declare(exclusive=True).queue
    for number in range(3):
        channel.basic_publish_confirm(amqp.Message(str(number)), routing_key=queue)
    channel.basic_qos(0, 1, False)
    seen: list[tuple[str, bool]] = []

    def on_message(message: Any) -> None:
        seen.append((message.body, message.delivery_info["redelivered"]))
        if len(seen) == 1:
            channel.basic_recover(requeue=True)
        else:
            channel.basic_ack(message.delivery_tag)

    channel.basic_consume(queue, callback=on_message)
    while len(seen) < 4:
        connection.drain_events(timeout=PATIENCE_S)
    assert seen == [("0", False), ("0", True), ("1", False), ("2", False)]


def test_a_refusal_closes_the_channel_and_no_more(connection: Any) -> None:
    channel = connection.channel()
    with pytest.raises(amqp.NotFound, match="no queue 'nowhere-at-all' in vhost '/'"):
        channel.queue_declare("nowhere-at-all", passive=True)
    again = connection.channel()
    assert again.queue_declare(exclusive=True).message_count == 0


def test_exchanges_in_a_row(connection: Any, name: Named) -> None:
    channel = connection.channel()
    first, second = name("first"), name("second")
    channel.exchange_declare(first, "headers", auto_delete=True)
    channel.exchange_declare(second, "direct", auto_delete=True)
    channel.exchange_bind(second, first, arguments={"x-match": "all", "kind": "pdf"})
    queue = channel.queue_declare(exclusive=True).queue
    channel.queue_bind(queue, second, "print")
    channel.basic_publish_confirm(amqp.Message("yes", application_headers={"kind": "pdf"}), first, "print")
    channel.basic_publish_confirm(amqp.Message("no", application_headers={"kind": "txt"}), first, "print")
    assert taken(channel, queue).body == "yes"
    assert channel.basic_get(queue) is None


def test_what_expires_is_found_among_the_dead(connection: Any) -> None:
    channel = connection.channel()
    dead = channel.queue_declare(exclusive=True).queue
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
    queue = channel.queue_declare(exclusive=True, arguments=arguments).queue
    channel.basic_publish_confirm(amqp.Message("short", expiration="20"), routing_key=queue)
    message = taken(channel, dead)
    (death,) = message.headers["x-death"]
    assert (message.body, death["queue"], death["reason"], death["original-expiration"]) == ("short", queue, "expired", "20")


def test_a_program_over_tls(tls_server: TlsServer) -> None:
    ssl_options = {"ca_certs": str(tls_server.certificate), "server_hostname": "localhost"}
    with amqp.Connection(f"{tls_server.host}:{tls_server.port}", ssl=ssl_options, confirm_publish=True) as connection:
        channel = connection.channel()
        queue = channel.queue_declare(exclusive=True).queue
        channel.basic_publish_confirm(amqp.Message("x" * 300_000), routing_key=queue)
        assert len(taken(channel, queue).body) == 300_000
