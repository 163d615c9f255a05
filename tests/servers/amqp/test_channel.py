from typing import Any

import pytest
from pamqp import commands

from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, listener_of, refusal, with_amqp


@pytest.mark.parametrize(
    ("channel", "method", "said"),
    [
        (1, commands.Channel.Open(), (504, "CHANNEL_ERROR - second 'channel.open' seen", 20, 10)),
        (5, commands.Queue.Declare(queue="q"), (504, "CHANNEL_ERROR - expected 'channel.open'", 50, 10)),
        (5, commands.Basic.Ack(1), (504, "CHANNEL_ERROR - expected 'channel.open'", 60, 80)),
        (5, commands.Channel.Close(0, "", 0, 0), (504, "CHANNEL_ERROR - expected 'channel.open'", 20, 40)),
        (1, commands.Connection.Close(200, "", 0, 0), (503, "COMMAND_INVALID - unimplemented method", 10, 50)),
        (1, commands.Queue.DeclareOk("q", 0, 0), (503, "COMMAND_INVALID - unimplemented method", 50, 11)),
        (1, commands.Channel.FlowOk(True), (503, "COMMAND_INVALID - unimplemented method", 20, 21)),
        (1, commands.Channel.Flow(False), (540, "NOT_IMPLEMENTED - active=false", 20, 20)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_a_channel_does_not_wait_for_ends_the_connection(channel: int, method: Any, said: Any) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        assert await refusal(client, channel, method) == said

    with_amqp(run)


def test_after_a_channel_exception_all_is_ignored_until_the_client_has_answered() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        client.send(1, commands.Queue.Declare(queue="missing", passive=True))
        client.send(1, commands.Queue.Declare(queue="another"))
        client.publish("", "q", b"lost")
        client.send(1, commands.Basic.Ack(5))
        assert await refusal(client, 1) == (404, "NOT_FOUND - no queue 'missing' in vhost '/'", 50, 10)
        await client.ask(1, commands.Channel.Close(200, "", 0, 0), commands.Channel.CloseOk)
        client.send(1, commands.Channel.CloseOk())
        await client.open_channel(1)
        assert await client.got("q") is None
        assert "another" not in server.broker.virtual_hosts["/"].queues

    with_amqp(run)


def test_a_channel_can_be_opened_again() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        for _ in range(3):
            await client.ask(1, commands.Channel.Close(200, "", 0, 0), commands.Channel.CloseOk)
            await client.open_channel(1)
        listener = listener_of(server)
        assert (listener.channels_opened, listener.channels_closed) == (4, 3)
        (channel,) = next(iter(listener.connections.values())).channels.values()
        assert channel.name.endswith(" (1)")
        await client.ask(1, commands.Channel.Flow(True), commands.Channel.FlowOk)

    with_amqp(run)


def test_a_channel_confirms_or_has_transactions() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.ask(1, commands.Confirm.Select(), commands.Confirm.SelectOk)
        await client.ask(1, commands.Confirm.Select(), commands.Confirm.SelectOk)
        text = "PRECONDITION_FAILED - cannot switch from confirm to tx mode"
        assert await refusal(client, 1, commands.Tx.Select()) == (406, text, 90, 10)
        await client.open_channel(2)
        await client.ask(2, commands.Tx.Select(), commands.Tx.SelectOk)
        text = "PRECONDITION_FAILED - cannot switch from tx to confirm mode"
        assert await refusal(client, 2, commands.Confirm.Select()) == (406, text, 85, 10)

    with_amqp(run)
