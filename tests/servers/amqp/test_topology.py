import asyncio
from typing import Any

import pytest
from pamqp import commands

from message_queues.records.properties import Properties
from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, amqp_server, refusal, with_amqp


async def exchange(client: AmqpClient, name: str, kind: str = "direct", **how: Any) -> None:
    await client.ask(1, commands.Exchange.Declare(exchange=name, exchange_type=kind, **how), commands.Exchange.DeclareOk)


def test_a_queue_is_declared_bound_unbound_purged_and_deleted() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await exchange(client, "e", "topic")
        await client.declare("q")
        await client.ask(1, commands.Queue.Bind(queue="q", exchange="e", routing_key="a.*"), commands.Queue.BindOk)
        client.publish("e", "a.b", b"1")
        client.publish("e", "b.a", b"2")
        declared = await client.ask(1, commands.Queue.Declare(queue="q", passive=True), commands.Queue.DeclareOk)
        assert declared.message_count == 1
        await client.ask(1, commands.Queue.Unbind(queue="q", exchange="e", routing_key="a.*"), commands.Queue.UnbindOk)
        client.publish("e", "a.b", b"3")
        purged = await client.ask(1, commands.Queue.Purge(queue="q"), commands.Queue.PurgeOk)
        assert purged.message_count == 1
        await client.published("q", b"4", b"5")
        deleted = await client.ask(1, commands.Queue.Delete(queue="q"), commands.Queue.DeleteOk)
        assert deleted.message_count == 2

    with_amqp(run)


def test_exchanges_are_bound_to_each_other() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await exchange(client, "from", "fanout")
        await exchange(client, "to", "fanout")
        await client.declare("q")
        await client.ask(1, commands.Exchange.Bind(destination="to", source="from"), commands.Exchange.BindOk)
        await client.ask(1, commands.Queue.Bind(queue="q", exchange="to"), commands.Queue.BindOk)
        client.publish("from", "", b"1")
        got = await client.got("q")
        assert got is not None
        await client.ask(1, commands.Exchange.Unbind(destination="to", source="from"), commands.Exchange.UnbindOk)
        client.publish("from", "", b"2")
        assert await client.got("q") is None
        await client.ask(1, commands.Exchange.Delete(exchange="from"), commands.Exchange.DeleteOk)

    with_amqp(run)


def test_nothing_is_answered_to_those_who_want_no_answer() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        for method in (
            commands.Exchange.Declare(exchange="e", exchange_type="fanout", nowait=True),
            commands.Queue.Declare(queue="q", durable=True, nowait=True),
            commands.Queue.Bind(queue="q", exchange="e", nowait=True),
            commands.Queue.Purge(queue="q", nowait=True),
            commands.Confirm.Select(nowait=True),
            commands.Basic.Consume(queue="q", consumer_tag="t", nowait=True),
            commands.Basic.Cancel("t", nowait=True),
            commands.Queue.Delete(queue="q", nowait=True),
            commands.Exchange.Delete(exchange="e", nowait=True),
        ):
            client.send(1, method)
        assert await client.silent()

    with_amqp(run)


def test_an_empty_name_is_the_queue_declared_last() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        name = await client.declare("", durable=False, exclusive=True)
        await exchange(client, "e")
        await client.ask(1, commands.Queue.Bind(queue="", exchange="e", routing_key=""), commands.Queue.BindOk)
        client.publish("e", name, b"1")
        got = await client.got("")
        assert got is not None
        assert got.body == b"1"

    with_amqp(run)


def test_without_a_queue_declared_before_an_empty_name_is_nothing() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        assert (await refusal(client, 1, commands.Basic.Get(queue="")))[:2] == (404, "NOT_FOUND - no previously declared queue")

    with_amqp(run)


@pytest.mark.parametrize(
    ("method", "code", "text"),
    [
        (commands.Exchange.Declare(exchange=""), 403, "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (commands.Exchange.Delete(exchange=""), 403, "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (commands.Queue.Bind(queue="q", exchange=""), 403, "ACCESS_REFUSED - operation not permitted on the default exchange"),
        (commands.Exchange.Delete(exchange="amq.topic"), 403, "ACCESS_REFUSED - "
         "deletion of system exchange 'amq.topic' in vhost '/' not allowed"),
        (commands.Exchange.Declare(exchange="e", exchange_type="nonsense"), 406, "PRECONDITION_FAILED - unknown exchange type 'nonsense'"),
        (commands.Exchange.Declare(exchange="missing", passive=True), 404, "NOT_FOUND - no exchange 'missing' in vhost '/'"),
        (commands.Exchange.Declare(exchange="amq.mine"), 403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"),
        (commands.Queue.Declare(queue="amq.mine"), 403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"),
        (commands.Queue.Purge(queue="missing"), 404, "NOT_FOUND - no queue 'missing' in vhost '/'"),
    ],
    ids=lambda value: getattr(value, "name", None),
)  # fmt: skip
def test_what_is_refused(method: Any, code: int, text: str) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        assert (await refusal(client, 1, method))[:2] == (code, text)

    with_amqp(run)


def test_line_ends_are_taken_out_of_names() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        for name, is_declared in (("a\r\nb", "ab"), ("with a space, and ü", "with a space, and ü")):
            method = commands.Queue.Declare(durable=True)
            method.queue = name
            assert (await client.ask(1, method, commands.Queue.DeclareOk)).queue == is_declared

    with_amqp(run)


def test_permissions_are_asked_for() -> None:
    async def run() -> None:
        async with amqp_server() as server:
            access = server.broker.access
            access.put_user("user", password="secret", tags=())
            access.set_permissions("user", "/", configure="^mine", write="^mine", read="^mine")
            async with await AmqpClient.connected(server) as owner:
                await owner.declare("q")
                await exchange(owner, "e", "topic")
            async with await AmqpClient.connected(server, user="user", password="secret") as client:
                channel = 1
                for method in (
                    commands.Queue.Declare(queue="q", durable=True),
                    commands.Queue.Declare(queue="q", passive=True),
                    commands.Queue.Delete(queue="q"),
                    commands.Queue.Purge(queue="q"),
                    commands.Queue.Bind(queue="q", exchange="amq.topic"),
                    commands.Exchange.Declare(exchange="e"),
                    commands.Exchange.Delete(exchange="e"),
                    commands.Basic.Get(queue="q"),
                    commands.Basic.Consume(queue="q"),
                    commands.Queue.Declare(queue="mine", durable=True, arguments={"x-dead-letter-exchange": "e"}),
                ):
                    code, text, *_ = await refusal(client, channel, method)
                    assert (code, "refused for user 'user'" in text) == (403, True), method
                    channel += 1
                    await client.open_channel(channel)
                client.publish("e", "key", b"", Properties(), channel=channel)
                assert (await refusal(client, channel))[0] == 403

    asyncio.run(run())
