import asyncio
from typing import Any

import pytest
from pamqp import commands

from message_queues.broker.clock import ManualClock, advance
from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, amqp_server, listener_of, refusal, with_amqp
from tests.servers.running_server import eventually


async def filled(client: AmqpClient, count: int, queue: str = "q", **how: Any) -> None:
    await client.declare(queue, **how)
    await client.published(queue, *(b"%d" % number for number in range(count)))


def numbered(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


async def prefetch(client: AmqpClient, count: int, *, channel: int = 1, everybody: bool = False) -> None:
    await client.ask(channel, commands.Basic.Qos(0, count, everybody), commands.Basic.QosOk)


# Deliveries


def test_what_waits_and_what_comes_is_delivered_in_order() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 3)
        await client.consume("q", no_ack=True)
        assert await client.bodies(3) == numbered(0, 3)
        client.publish("", "q", b"new")
        content = await client.content()
        assert (content.method.delivery_tag, content.method.consumer_tag, content.method.redelivered) == (4, "tag", False)
        assert (content.method.exchange, content.method.routing_key, content.body) == ("", "q", b"new")

    with_amqp(run)


def test_a_consumer_has_no_more_than_its_prefetch_count() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 10)
        await prefetch(client, 2)
        await client.consume("q")
        first, second = await client.content(), await client.content()
        assert await client.silent()
        client.send(1, commands.Basic.Ack(second.method.delivery_tag))
        assert await client.bodies(1) == [b"2"]
        client.send(1, commands.Basic.Ack(first.method.delivery_tag + 2, True))
        assert await client.bodies(2) == [b"3", b"4"]

    with_amqp(run)


def test_a_prefetch_count_is_for_consumers_that_come_after_it() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 3, "many")
        await filled(client, 3, "few")
        await client.consume("many", "a")
        assert await client.bodies(3) == numbered(0, 3)
        await prefetch(client, 1)
        await client.consume("few", "b")
        assert await client.bodies(1) == [b"0"]
        assert await client.silent()

    with_amqp(run)


def test_a_global_prefetch_count_is_shared() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 3, "a")
        await filled(client, 3, "b")
        await prefetch(client, 2, everybody=True)
        await client.consume("a", "a")
        await client.consume("b", "b")
        assert await client.bodies(2) == [b"0", b"1"]
        assert await silent_without_qos(client)
        client.send(1, commands.Basic.Ack(2, True))
        assert len(await client.bodies(2)) == 2
        assert await silent_without_qos(client)

    async def silent_without_qos(client: AmqpClient) -> bool:
        await client.ask(1, commands.Queue.Declare(queue="a", passive=True), commands.Queue.DeclareOk)
        return not client.arrived

    with_amqp(run, rabbitmq_version="3.13")


def test_newer_versions_take_a_global_prefetch_count_for_one_of_each_consumer() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 3, "a")
        await filled(client, 3, "b")
        await prefetch(client, 1, everybody=True)
        await client.consume("a", "a")
        await client.consume("b", "b")
        assert await client.bodies(2) == [b"0", b"0"]

    with_amqp(run)


def test_a_large_backlog_is_delivered_to_a_client_that_reads_slowly() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        for number in range(300):
            client.publish("", "q", b"%5d" % number + bytes(20_000))
        await prefetch(client, 0)
        await client.consume("q", no_ack=True)
        await eventually(lambda: not next(iter(listener_of(server).connections.values())).takes)
        for number in range(300):
            assert (await client.content()).body[:5] == b"%5d" % number

    with_amqp(run)


def test_a_client_that_does_not_read_is_given_no_more_than_it_may_pile_up() -> None:
    async def run() -> None:
        async with (
            amqp_server() as server,
            await AmqpClient.connected(server) as publisher,
            await AmqpClient.connected(server) as idle,
        ):
            await publisher.declare("q")
            await idle.consume("q", no_ack=True)
            idle.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(200):
                publisher.publish("", "q", bytes(100_000))
            await publisher.ask(1, commands.Basic.Qos(0, 0, False), commands.Basic.QosOk)
            queue = server.broker.virtual_hosts["/"].queues["q"]
            assert queue.message_count > 50

    asyncio.run(run())


# Settling


def test_rejected_messages_go_and_returned_ones_come_again() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 3)
        await prefetch(client, 1)
        await client.consume("q")
        content = await client.content()
        client.send(1, commands.Basic.Reject(content.method.delivery_tag, False))
        content = await client.content()
        assert content.body == b"1"
        client.send(1, commands.Basic.Reject(content.method.delivery_tag, True))
        content = await client.content()
        assert (content.body, content.method.redelivered) == (b"1", True)
        client.send(1, commands.Basic.Nack(content.method.delivery_tag, True, False))
        assert await client.bodies(1) == [b"2"]

    with_amqp(run)


def test_several_are_acknowledged_together() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 10)
        await client.consume("q")
        assert await client.bodies(10) == numbered(0, 10)
        client.send(1, commands.Basic.Ack(2))
        client.send(1, commands.Basic.Ack(5, True))
        client.send(1, commands.Basic.Ack(8))
        client.send(1, commands.Basic.Ack(7, True))
        await client.silent()
        (channel,) = next(iter(listener_of(server).connections.values())).channels.values()
        assert list(channel.deliveries.waiting) == [9, 10]
        assert channel.counters.acknowledged == 8
        client.send(1, commands.Basic.Ack(0, True))
        await client.silent()
        assert channel.unacknowledged_count == 0
        assert server.broker.virtual_hosts["/"].queues["q"].unacknowledged_count == 0

    with_amqp(run)


@pytest.mark.parametrize(
    ("method", "tag"),
    [
        (commands.Basic.Ack(1), 1),
        (commands.Basic.Ack(0), 0),
        (commands.Basic.Ack(7, True), 7),
        (commands.Basic.Nack(7), 7),
        (commands.Basic.Reject(7), 7),
    ],
    ids=["ack", "ack zero", "ack multiple", "nack", "reject"],
)
def test_a_tag_that_nobody_was_given_closes_the_channel(method: Any, tag: int) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        code, text, *_ = await refusal(client, 1, method)
        assert (code, text) == (406, f"PRECONDITION_FAILED - unknown delivery tag {tag}")

    with_amqp(run)


def test_a_tag_is_settled_once() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 2)
        await client.consume("q")
        await client.bodies(2)
        client.send(1, commands.Basic.Ack(1))
        assert (await refusal(client, 1, commands.Basic.Ack(1, True)))[1].endswith("unknown delivery tag 1")

    with_amqp(run)


def test_recover_gives_everything_back() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 2)
        await client.consume("q")
        await client.bodies(2)
        client.send(1, commands.Basic.Recover(True))
        again = [await client.next(1) for _ in range(3)]
        assert [each.body for each in again if not isinstance(each, commands.Basic.RecoverOk)] == numbered(0, 2)
        assert await refusal(client, 1, commands.Basic.Qos(1, 1, False)) == (540, "NOT_IMPLEMENTED - prefetch_size!=0 (1)", 60, 10)

    async def unkept(server: Server, client: AmqpClient) -> None:
        assert await refusal(client, 1, commands.Basic.Recover(False)) == (540, "NOT_IMPLEMENTED - requeue=false", 60, 110)

    with_amqp(run)
    with_amqp(unkept)


def test_what_a_closed_channel_or_connection_held_goes_to_others() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 4)
        await client.open_channel(2)
        await prefetch(client, 2)
        await client.consume("q")
        assert await client.bodies(2) == numbered(0, 2)
        await client.ask(1, commands.Channel.Close(200, "", 0, 0), commands.Channel.CloseOk)
        async with await AmqpClient.connected(server) as other:
            await prefetch(other, 3)
            await other.consume("q")
            held = [await other.content() for _ in range(3)]
            assert [(each.body, each.method.redelivered) for each in held] == [(b"0", True), (b"1", True), (b"2", False)]
        await eventually(lambda: len(listener_of(server).connections) == 1)
        await client.consume("q", channel=2)
        assert await client.bodies(4, channel=2) == numbered(0, 4)

    with_amqp(run)


# Getting


def test_get_says_how_many_are_left() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 3)
        got = await client.got("q", no_ack=False)
        assert got is not None
        assert (got.body, got.method.message_count, got.method.delivery_tag, got.method.redelivered) == (b"0", 2, 1, False)
        client.send(1, commands.Basic.Nack(1, False, True))
        got = await client.got("q")
        assert got is not None
        assert (got.body, got.method.redelivered) == (b"0", True)
        assert (await client.got("q") or got).body == b"1"
        assert (await client.got("q") or got).body == b"2"
        assert await client.got("q") is None
        counters = listener_of(server).totals()
        assert (counters.got, counters.got_no_ack, counters.get_empty, counters.redelivered) == (1, 3, 1, 1)

    with_amqp(run)


# Consumers that come and go


def test_a_tag_is_taken_once_per_channel() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 0)
        await client.consume("q", "mine")
        text = "NOT_ALLOWED - attempt to reuse consumer tag 'mine'"
        assert await refusal(client, 1, commands.Basic.Consume(queue="q", consumer_tag="mine")) == (530, text, 60, 20)

    with_amqp(run)


def test_the_server_makes_tags_for_those_who_have_none() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 0)
        consume = commands.Basic.Consume(queue="q")
        tags = {(await client.ask(1, consume, commands.Basic.ConsumeOk)).consumer_tag for _ in range(2)}
        assert len(tags) == 2
        assert all(str(tag).startswith("amq.ctag-") for tag in tags)

    with_amqp(run)


def test_an_exclusive_consumer_is_alone() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 0)
        await client.consume("q", "first", exclusive=True)
        text = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"
        assert await refusal(client, 1, commands.Basic.Consume(queue="q", consumer_tag="second")) == (403, text, 60, 20)

    with_amqp(run)


def test_a_cancelled_consumer_gets_nothing_more_and_keeps_what_it_has() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 1)
        await client.consume("q")
        await client.bodies(1)
        await client.ask(1, commands.Basic.Cancel("tag"), commands.Basic.CancelOk)
        client.publish("", "q", b"kept")
        assert await client.silent()
        client.send(1, commands.Basic.Ack(1))
        got = await client.got("q")
        assert got is not None
        assert got.body == b"kept"
        await client.ask(1, commands.Basic.Cancel("nobody"), commands.Basic.CancelOk)

    with_amqp(run)


@pytest.mark.parametrize("is_capable", [True, False])
def test_a_client_hears_that_its_queue_is_deleted_if_it_can(is_capable: bool) -> None:
    async def run() -> None:
        capabilities = {"consumer_cancel_notify": is_capable}
        async with amqp_server() as server, await AmqpClient.connected(server, capabilities=capabilities) as client:
            await filled(client, 0)
            await client.consume("q")
            async with await AmqpClient.connected(server) as other:
                await other.ask(1, commands.Queue.Delete(queue="q"), commands.Queue.DeleteOk)
            if is_capable:
                cancel = await client.expect(1, commands.Basic.Cancel)
                assert (cancel.consumer_tag, cancel.nowait) == ("tag", True)
            else:
                assert await client.silent()
            connection = next(iter(listener_of(server).connections.values()))
            assert not connection.consumers

    asyncio.run(run())


def test_a_late_consumer_of_an_older_version_loses_its_channel() -> None:
    async def run() -> None:
        async with amqp_server(clock="manual", rabbitmq_version="3.13") as server, await AmqpClient.connected(server) as client:
            await filled(client, 1)
            await client.consume("q")
            await client.bodies(1)
            assert isinstance(server.clock, ManualClock)
            advance(server.clock, server.broker.timers, server.clock.now_ms() + 3_700_000)
            code, text, *_ = await refusal(client, 1)
            assert code == 406
            assert text.startswith("PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.")
            await client.open_channel(2)
            await client.consume("q", channel=2)
            assert await client.bodies(1, channel=2) == [b"0"]

    asyncio.run(run())


def test_consumers_beyond_the_limit_are_refused() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await filled(client, 0)
        object.__setattr__(listener_of(server).limits, "max_consumers_per_channel", 1)
        await client.consume("q", "first")
        text = "NOT_ALLOWED - reached maximum (1) of consumers per channel"
        assert (await refusal(client, 1, commands.Basic.Consume(queue="q", consumer_tag="second")))[1] == text

    with_amqp(run)
