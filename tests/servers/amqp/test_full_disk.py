"""A server as a process of its own whose files may not grow: as if the disk were full."""

import asyncio
import json
import resource
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pamqp import commands

from message_queues.records.properties import Properties
from tests.cli.mq_process import ServeProcess, serving
from tests.servers.amqp.amqp_client import AmqpClient, refusal

NO_LIMIT = resource.RLIM_INFINITY
PERSISTENT = Properties(delivery_mode=2)


class Disk:
    def __init__(self, server: ServeProcess) -> None:
        self._server = server
        self.addresses: dict[str, list[str]] = json.loads(server.ready_file.read_text())

    def fill(self) -> None:
        resource.prlimit(self._server.process.pid, resource.RLIMIT_FSIZE, (100, NO_LIMIT))

    def make_room(self) -> None:
        resource.prlimit(self._server.process.pid, resource.RLIMIT_FSIZE, (NO_LIMIT, NO_LIMIT))


def on_a_disk(directory: Path, scenario: Callable[[Disk, AmqpClient], Awaitable[None]], *flags: str) -> None:
    async def run(disk: Disk) -> None:
        async with await AmqpClient.at(disk.addresses["amqp"][0]) as client:
            await client.declare("q")
            await scenario(disk, client)

    with serving(directory, "--only", "amqp,kafka", "--data", str(directory / "data"), *flags) as server:
        asyncio.run(run(Disk(server)))
        assert server.stop(signal.SIGTERM) == (0, "")


async def confirmed(client: AmqpClient, body: bytes) -> bool:
    client.publish("", "q", body, PERSISTENT)
    return isinstance(await client.next(1), commands.Basic.Ack)


@pytest.mark.parametrize("flags", [(), ("--fsync",)], ids=["default", "fsync"])
def test_what_a_full_disk_does_not_take_is_refused_and_gone(tmp_path: Path, flags: tuple[str, ...]) -> None:
    async def run(disk: Disk, client: AmqpClient) -> None:
        await client.ask(1, commands.Confirm.Select(), commands.Confirm.SelectOk)
        assert await confirmed(client, b"first")
        disk.fill()
        assert [await confirmed(client, b"no room" * 20) for _ in range(3)] == [False, False, False]
        disk.make_room()
        assert await confirmed(client, b"last")
        got = [await client.got("q") for _ in range(3)]
        assert [content.body if content else None for content in got] == [b"first", b"last", None]

    on_a_disk(tmp_path, run, *flags)


def test_a_transaction_that_could_not_be_stored_ends_its_connection(tmp_path: Path) -> None:
    async def run(disk: Disk, client: AmqpClient) -> None:
        await client.ask(1, commands.Tx.Select(), commands.Tx.SelectOk)
        client.publish("", "q", b"first", PERSISTENT)
        await client.ask(1, commands.Tx.Commit(), commands.Tx.CommitOk)
        disk.fill()
        client.publish("", "q", b"no room" * 20, PERSISTENT)
        assert (await refusal(client, 1, commands.Tx.Commit()))[0] == 541
        disk.make_room()

    on_a_disk(tmp_path, run, "--log-level", "error")
