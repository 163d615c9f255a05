import asyncio

import pytest
from pamqp import commands

from message_queues.errors import PreconditionFailed
from message_queues.records.properties import Properties
from message_queues.servers.amqp.publishing import check_expiration
from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, amqp_server, listener_of, refusal, with_amqp


async def confirming(client: AmqpClient) -> None:
    await client.ask(1, commands.Confirm.Select(), commands.Confirm.SelectOk)


def test_what_arrives_in_one_piece_is_confirmed_at_once() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        await confirming(client)
        client.publish("", "q", b"1")
        client.publish("", "q", b"2")
        client.publish("", "q", b"3")
        ack = await client.expect(1, commands.Basic.Ack)
        assert (ack.delivery_tag, ack.multiple) == (3, True)
        client.publish("", "q", b"4")
        ack = await client.expect(1, commands.Basic.Ack)
        assert (ack.delivery_tag, ack.multiple) == (4, False)

    with_amqp(run)


def test_an_unroutable_mandatory_message_comes_back_before_its_confirm() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await confirming(client)
        client.publish("", "nowhere", b"lost", Properties(content_type="text/plain"), mandatory=True)
        returned = await client.content()
        assert isinstance(returned.method, commands.Basic.Return)
        assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
        assert (returned.method.exchange, returned.method.routing_key) == ("", "nowhere")
        assert (returned.body, returned.properties.content_type) == (b"lost", "text/plain")
        await client.expect(1, commands.Basic.Ack)
        client.publish("", "nowhere", b"forgotten")
        assert isinstance(await client.next(1), commands.Basic.Ack)
        counters = listener_of(server).totals()
        assert (counters.returned_unroutable, counters.dropped_unroutable, counters.confirmed) == (1, 1, 2)

    with_amqp(run)


def test_what_a_full_queue_refuses_is_refused_to_its_publisher() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
        await client.declare("q", arguments=arguments)
        await confirming(client)
        for body in (b"1", b"2", b"3"):
            client.publish("", "q", body)
        ack, nack = await client.expect(1, commands.Basic.Ack), await client.expect(1, commands.Basic.Nack)
        assert (ack.delivery_tag, ack.multiple, nack.delivery_tag) == (2, True, 3)

    with_amqp(run)


def test_a_message_in_many_frames_is_whole_again() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        body = bytes(range(256)) * 2000
        client.publish("", "q", body)
        got = await client.got("q")
        assert got is not None
        assert got.body == body

    with_amqp(run)


@pytest.mark.parametrize(
    ("properties", "code", "text"),
    [
        (
            Properties(user_id="somebody"),
            406,
            "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'",
        ),
        (Properties(expiration="soon"), 406, "PRECONDITION_FAILED - invalid expiration 'soon': no_integer"),
        (Properties(expiration="1.5"), 406, "PRECONDITION_FAILED - invalid expiration '1.5': {leftover_string,\".5\"}"),
        (Properties(expiration="-1"), 406, "PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}"),
        (Properties(headers={"CC": "q"}), 406, 'PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr}'),
        (Properties(reply_to="amq.rabbitmq.reply-to"), 406, "PRECONDITION_FAILED - fast reply consumer does not exist"),
    ],
    ids=str,
)
def test_properties_that_are_wrong(properties: Properties, code: int, text: str) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        client.publish("", "q", b"", properties)
        assert await refusal(client, 1) == (code, text, 60, 40)

    with_amqp(run)


@pytest.mark.parametrize("expiration", ["0", "1", "+5", "315360000000"])
def test_expirations_that_are_right(expiration: str) -> None:
    check_expiration(expiration)


def test_an_expiration_of_more_than_ten_years_is_refused() -> None:
    with pytest.raises(PreconditionFailed, match=r"invalid expiration '315360000001': \{value_too_large,315360000001\}"):
        check_expiration("315360000001")


def test_a_user_may_say_who_it_is() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        client.publish("", "q", b"", Properties(user_id="guest"))
        got = await client.got("q")
        assert got is not None
        assert got.properties.user_id == "guest"

    with_amqp(run)


def test_a_missing_exchange_and_an_internal_one_close_the_channel() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        client.publish("missing", "q")
        assert await refusal(client, 1) == (404, "NOT_FOUND - no exchange 'missing' in vhost '/'", 60, 40)
        await client.open_channel(2)
        declare = commands.Exchange.Declare(exchange="inner", exchange_type="fanout", internal=True)
        await client.ask(2, declare, commands.Exchange.DeclareOk)
        client.publish("inner", "", channel=2)
        text = "ACCESS_REFUSED - cannot publish to internal exchange 'inner' in vhost '/'"
        assert await refusal(client, 2) == (403, text, 60, 40)

    with_amqp(run)


def test_an_exchange_that_was_deleted_is_missing_to_those_who_published_to_it() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.ask(1, commands.Exchange.Declare(exchange="e"), commands.Exchange.DeclareOk)
        client.publish("e", "key")
        await client.ask(1, commands.Exchange.Delete(exchange="e"), commands.Exchange.DeleteOk)
        client.publish("e", "key")
        assert (await refusal(client, 1))[0] == 404

    with_amqp(run)


def test_a_permission_that_is_taken_away_counts_at_once() -> None:
    async def run() -> None:
        async with amqp_server() as server:
            access = server.broker.access
            access.put_user("writer", password="secret", tags=())
            access.set_permissions("writer", "/", configure=".*", write=".*", read=".*")
            async with await AmqpClient.connected(server, user="writer", password="secret") as client:
                await client.declare("q")
                client.publish("", "q", b"1")
                assert await client.got("q")
                access.set_permissions("writer", "/", configure=".*", write="^$", read=".*")
                client.publish("", "q", b"2")
                code, text, *_ = await refusal(client, 1)
                assert (code, "amq.default" in text) == (403, True)

    asyncio.run(run())


def test_immediate_is_not_implemented() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        publish = commands.Basic.Publish(exchange="", routing_key="q", immediate=True)
        client.send(1, publish)
        client.write(bytes.fromhex("02 0001 0000000e 003c 0000 0000000000000000 0000 ce"))
        assert await refusal(client, 0) == (540, "NOT_IMPLEMENTED - immediate=true", 60, 40)

    with_amqp(run)


def test_a_message_that_is_too_large_closes_the_channel() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        client.publish("", "q", bytes(1000))
        client.publish("", "q", bytes(1001))
        text = "PRECONDITION_FAILED - message size 1001 is larger than configured max size 1000"
        assert await refusal(client, 1) == (406, text, 60, 40)

    with_amqp(run, max_message_bytes=1000)


def test_copies_go_to_other_keys_and_blind_ones_are_told_nobody() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        for name in ("to", "cc", "bcc"):
            await client.declare(name)
        client.publish("", "to", b"m", Properties(headers={"CC": ["cc"], "BCC": ["bcc"], "x": 1}))
        for name in ("to", "cc", "bcc"):
            got = await client.got(name)
            assert got is not None
            assert got.properties.headers == {"CC": ["cc"], "x": 1}
            assert isinstance(got.method, commands.Basic.GetOk)
            assert got.method.routing_key == "to"

    with_amqp(run)


def test_confirms_of_a_channel_that_is_closed_come_before_that() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        await confirming(client)
        client.publish("", "q", b"1")
        client.send(1, commands.Channel.Close(200, "", 0, 0))
        assert [type(await client.next(1)) for _ in range(2)] == [commands.Basic.Ack, commands.Channel.CloseOk]
        await client.open_channel(1)
        await confirming(client)
        client.publish("", "q", b"1")
        client.publish("missing", "q")
        assert [type(await client.next(1)) for _ in range(2)] == [commands.Basic.Ack, commands.Channel.Close]

    with_amqp(run)


@pytest.mark.parametrize("fsync", [False, True])
def test_every_message_is_confirmed_once(fsync: bool) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        await confirming(client)
        confirmed = 0
        for tag in range(1, 501):
            client.publish("", "q", b"%d" % tag, b"\x10\0\2")
            if tag % 7 == 0:
                await asyncio.sleep(0)
        while confirmed < 500:
            ack = await client.expect(1, commands.Basic.Ack)
            assert ack.multiple or ack.delivery_tag == confirmed + 1
            assert ack.delivery_tag > confirmed
            confirmed = ack.delivery_tag
        (channel,) = next(iter(listener_of(server).connections.values())).channels.values()
        assert channel.unconfirmed_count == 0

    with_amqp(run, fsync=fsync)


def test_a_topic_permission_is_asked_for_each_key() -> None:
    async def run() -> None:
        async with amqp_server() as server:
            access = server.broker.access
            access.put_user("writer", password="secret", tags=())
            access.set_permissions("writer", "/", configure=".*", write=".*", read=".*")
            access.set_topic_permissions("writer", "/", "amq.topic", write="^mine", read=".*")
            async with await AmqpClient.connected(server, user="writer", password="secret") as client:
                client.publish("amq.topic", "mine.key")
                client.publish("amq.topic", "other.key")
                code, text, *_ = await refusal(client, 1)
                assert code == 403
                assert "access to topic 'other.key' in exchange 'amq.topic' in vhost '/' refused for user 'writer'" in text

    asyncio.run(run())
