from pamqp import commands

from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, listener_of, refusal, with_amqp


async def selected(client: AmqpClient, *queues: str) -> None:
    for queue in queues:
        await client.declare(queue)
    await client.ask(1, commands.Tx.Select(), commands.Tx.SelectOk)


def test_what_is_published_is_there_once_it_is_committed() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await selected(client, "q")
        client.publish("", "q", b"1")
        client.publish("", "q", b"2")
        assert await client.got("q") is None
        (channel,) = next(iter(listener_of(server).connections.values())).channels.values()
        assert (channel.is_transactional, channel.uncommitted_count) == (True, 2)
        await client.ask(1, commands.Tx.Commit(), commands.Tx.CommitOk)
        first, second = await client.got("q"), await client.got("q")
        assert first is not None
        assert second is not None
        assert (first.body, second.body) == (b"1", b"2")

    with_amqp(run)


def test_what_is_rolled_back_has_never_been() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await selected(client, "q")
        client.publish("", "q", b"lost")
        await client.ask(1, commands.Tx.Rollback(), commands.Tx.RollbackOk)
        await client.ask(1, commands.Tx.Commit(), commands.Tx.CommitOk)
        assert await client.got("q") is None

    with_amqp(run)


def test_acknowledgements_wait_for_the_commit_and_can_be_taken_back() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        await client.published("q", b"1", b"2", b"3")
        await selected(client)
        await client.consume("q")
        await client.bodies(3)
        queue = server.broker.virtual_hosts["/"].queues["q"]
        client.send(1, commands.Basic.Ack(2, True))
        await client.ask(1, commands.Tx.Rollback(), commands.Tx.RollbackOk)
        assert queue.unacknowledged_count == 3
        client.send(1, commands.Basic.Ack(1))
        client.send(1, commands.Basic.Nack(2, False, False))
        await client.silent()
        (channel,) = next(iter(listener_of(server).connections.values())).channels.values()
        assert channel.uncommitted_acknowledgements == 1
        assert queue.unacknowledged_count == 3
        await client.ask(1, commands.Tx.Commit(), commands.Tx.CommitOk)
        assert queue.unacknowledged_count == 1
        client.send(1, commands.Basic.Ack(3))
        await client.ask(1, commands.Tx.Commit(), commands.Tx.CommitOk)
        assert queue.unacknowledged_count == 0

    with_amqp(run)


def test_what_was_not_committed_goes_back_when_the_channel_is_closed() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        await client.published("q", b"1")
        await selected(client)
        await client.consume("q")
        await client.bodies(1)
        client.send(1, commands.Basic.Ack(1))
        await client.ask(1, commands.Channel.Close(200, "", 0, 0), commands.Channel.CloseOk)
        await client.open_channel(1)
        got = await client.got("q")
        assert got is not None
        assert got.method.redelivered

    with_amqp(run)


def test_unroutable_messages_come_back_at_the_commit() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await selected(client)
        client.publish("", "nowhere", b"lost", mandatory=True)
        assert await client.silent()
        client.send(1, commands.Tx.Commit())
        assert (await client.content()).body == b"lost"
        await client.expect(1, commands.Tx.CommitOk)

    with_amqp(run)


def test_a_commit_that_a_full_queue_refuses_closes_the_channel() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        await selected(client)
        client.publish("", "q", b"1")
        client.publish("", "q", b"2")
        assert await refusal(client, 1, commands.Tx.Commit()) == (406, "PRECONDITION_FAILED - partial tx completion", 90, 20)

    with_amqp(run)


def test_without_tx_select_there_is_nothing_to_commit_or_to_roll_back() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        text = "PRECONDITION_FAILED - channel is not transactional"
        assert await refusal(client, 1, commands.Tx.Commit()) == (406, text, 90, 20)
        await client.open_channel(2)
        assert await refusal(client, 2, commands.Tx.Rollback()) == (406, text, 90, 30)

    with_amqp(run)
