import pytest
from pamqp import commands

from message_queues.records.properties import Properties
from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, listener_of, refusal, with_amqp

PSEUDO_QUEUE = "amq.rabbitmq.reply-to"


async def requested(client: AmqpClient) -> str:
    """Asks; returns where the answer goes."""
    await client.declare("server")
    await client.consume(PSEUDO_QUEUE, no_ack=True)
    client.publish("", "server", b"question", Properties(reply_to=PSEUDO_QUEUE, correlation_id="7", headers={"x": 1}))
    got = await client.got("server")
    assert got is not None
    assert (got.properties.correlation_id, got.properties.headers) == ("7", {"x": 1})
    assert got.properties.reply_to is not None
    assert got.properties.reply_to.startswith(PSEUDO_QUEUE + ".")
    return got.properties.reply_to


def test_an_answer_reaches_who_asked() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        reply_to = await requested(client)
        async with await AmqpClient.connected(server) as other:
            declared = await other.ask(1, commands.Queue.Declare(queue=reply_to, passive=True), commands.Queue.DeclareOk)
            assert (declared.queue, declared.consumer_count) == (reply_to, 1)
            other.publish("", reply_to, b"answer", Properties(correlation_id="7"))
            content = await client.content()
        assert (content.body, content.properties.correlation_id) == (b"answer", "7")
        assert (content.method.exchange, content.method.routing_key, content.method.consumer_tag) == ("", reply_to, "tag")

    with_amqp(run)


@pytest.mark.parametrize(("version", "comes_back"), [("4.3", False), ("3.13", True)])
def test_an_answer_counts_as_routed_in_newer_versions(version: str, comes_back: bool) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        reply_to = await requested(client)
        async with await AmqpClient.connected(server) as other:
            await other.ask(1, commands.Confirm.Select(), commands.Confirm.SelectOk)
            other.publish("", reply_to, b"answer", mandatory=True)
            if comes_back:
                assert isinstance((await other.content()).method, commands.Basic.Return)
            await other.expect(1, commands.Basic.Ack)
        assert (await client.content()).body == b"answer"

    with_amqp(run, rabbitmq_version=version)


def test_an_answer_to_nobody_is_unroutable() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        reply_to = await requested(client)
        await client.ask(1, commands.Basic.Cancel("tag"), commands.Basic.CancelOk)
        client.publish("", reply_to, b"late", mandatory=True)
        assert isinstance((await client.content()).method, commands.Basic.Return)
        assert (await refusal(client, 1, commands.Queue.Declare(queue=reply_to, passive=True)))[0] == 404
        assert not listener_of(server).replies.exists(reply_to)

    with_amqp(run)


@pytest.mark.parametrize(
    ("no_ack", "text"),
    [(False, "PRECONDITION_FAILED - reply consumer cannot acknowledge"), (True, "PRECONDITION_FAILED - reply consumer already set")],
)
def test_a_second_reply_consumer_and_one_that_acknowledges_are_refused(no_ack: bool, text: str) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        if no_ack:
            await client.consume(PSEUDO_QUEUE, no_ack=True)
        consume = commands.Basic.Consume(queue=PSEUDO_QUEUE, consumer_tag="other", no_ack=no_ack)
        assert await refusal(client, 1, consume) == (406, text, 60, 20)

    with_amqp(run)
