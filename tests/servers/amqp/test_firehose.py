"""What is copied, the contract with RabbitMQ says (tests/contract/rabbitmq/test_firehose.py); here, what else has to hold."""

from typing import Any

from pamqp import commands

from message_queues.records.field_table import Timestamp
from message_queues.records.properties import Properties
from message_queues.servers.amqp.firehose import TRACE_EXCHANGE, as_table
from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, with_amqp


async def watch(client: AmqpClient, *keys: str) -> None:
    """Copies go to the queue `copies` from now on."""
    await client.declare("copies")
    for key in keys:
        await client.ask(1, commands.Queue.Bind(queue="copies", exchange=TRACE_EXCHANGE, routing_key=key), commands.Queue.BindOk)


async def copied(client: AmqpClient) -> list[tuple[str, bytes]]:
    found = []
    while (content := await client.got("copies")) is not None:
        found.append((content.method.routing_key, content.body))
    return found


def test_channels_that_are_open_follow_the_virtual_host() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await watch(client, "publish.#")
        for is_tracing, body in ((False, b"a"), (True, b"b"), (True, b"c"), (False, b"d")):
            server.broker.virtual_hosts.put("/", is_tracing=is_tracing)
            client.publish("", "nowhere", body)
            await client.silent()
        assert await copied(client) == [("publish.", b"b"), ("publish.", b"c")]

    with_amqp(run)


def test_other_virtual_hosts_are_not_traced() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await watch(client, "#")
        server.broker.virtual_hosts.put("other", is_tracing=True)
        await client.declare("q")
        await client.published("q", b"a")
        assert await copied(client) == []

    with_amqp(run)


def test_what_a_transaction_publishes_is_copied_when_it_is_committed() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await watch(client, "publish.#")
        server.broker.virtual_hosts.put("/", is_tracing=True)
        await client.open_channel(2)
        await client.ask(2, commands.Tx.Select(), commands.Tx.SelectOk)
        client.publish("", "nowhere", b"in a transaction", channel=2)
        assert await copied(client) == []
        await client.ask(2, commands.Tx.Commit(), commands.Tx.CommitOk)
        assert await copied(client) == [("publish.", b"in a transaction")]

    with_amqp(run)


def test_a_message_that_waits_for_its_time_is_routed_to_no_queue_yet() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await watch(client, "publish.#")
        server.broker.virtual_hosts.put("/", is_tracing=True)
        arguments: Any = {"x-delayed-type": "fanout"}
        declare = commands.Exchange.Declare(exchange="later", exchange_type="x-delayed-message", arguments=arguments)
        await client.ask(1, declare, commands.Exchange.DeclareOk)
        client.publish("later", "k", b"a", Properties(headers={"x-delay": 60_000}))
        copy = await client.got("copies")
        assert copy is not None
        assert copy.properties.headers is not None
        assert (copy.method.routing_key, copy.properties.headers["routed_queues"]) == ("publish.later", [])

    with_amqp(run)


def test_a_queue_of_copies_that_is_consumed_on_the_traced_channel_gets_each_once() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await watch(client, "#")
        await client.declare("q")
        server.broker.virtual_hosts.put("/", is_tracing=True)
        await client.consume("copies", "watcher", no_ack=True)
        await client.consume("q", "reader", no_ack=True)
        client.publish("", "q", b"a")
        arrived = [(content.method.consumer_tag, content.method.delivery_tag) for content in [await client.content() for _ in range(3)]]
        assert arrived == [("watcher", 1), ("reader", 2), ("watcher", 3)]
        assert await client.silent()

    with_amqp(run)


def test_a_timestamp_is_a_number_among_the_properties() -> None:
    table = as_table(Properties(content_type="text/plain", timestamp=Timestamp(5)))
    assert table == {"content_type": "text/plain", "timestamp": 5}
    assert type(table["timestamp"]) is int
