"""In which order a connection says things while the group commit's turns and syncs are taken by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from pamqp import commands

from message_queues.broker.broker import Broker, BrokerSettings, Turn
from message_queues.broker.clock import ManualClock
from message_queues.protocols.amqp.deliveries import ack_frame, method_frame, publish_frames
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER
from message_queues.records.properties import EMPTY_PROPERTIES, Properties, write_properties
from message_queues.servers.amqp.listener import AmqpListener
from message_queues.storage.data_directory import DataDirectory
from tests.storage.hand_driven_loop import HandDrivenLoop

PERSISTENT = write_properties(Properties(delivery_mode=2))


class Wire:
    """The transport of a connection: what was written to it, and where it is."""

    def __init__(self) -> None:
        self.written = bytearray()

    def get_extra_info(self, name: str) -> tuple[str, int] | None:
        return {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 5672)}.get(name)

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        self.written += data


class SyncedConnection:
    """To a server with `--fsync`; channel 1 of it consumes from the durable queue `q`."""

    def __init__(self, directory: Path) -> None:
        self.commits = HandDrivenLoop()
        """Drives the group commit alone: what the connection asks of the event loop is done by `pass_turn`."""
        self._data = DataDirectory(str(directory))
        turn = Turn(self.commits.call_soon, self.commits.run_in_background)
        self._broker = Broker(self._data, BrokerSettings(fsync=True), ManualClock(), turn)
        self._broker.open()
        self._wire = Wire()
        self._connection = AmqpListener(self._broker).connection()
        self._connection.connection_made(cast(asyncio.Transport, self._wire))
        self._connection.data_received(PROTOCOL_HEADER)
        self.receive(0, commands.Connection.StartOk(cast(Any, {}), "PLAIN", "\0guest\0guest", "en_US"))
        self.receive(0, commands.Connection.TuneOk(10, 131_072, 0))
        self.receive(0, commands.Connection.Open("/"))
        self.receive(1, commands.Channel.Open())
        self.receive(1, commands.Queue.Declare(queue="q", durable=True))
        self.receive(1, commands.Basic.Consume(queue="q"))

    def receive(self, channel: int, method: Any) -> None:
        self._connection.data_received(method_frame(channel, method))

    def publish(self, body: bytes, properties: bytes = EMPTY_PROPERTIES) -> None:
        self._connection.data_received(publish_frames(1, "", "q", properties, body, mandatory=False))

    async def pass_turn(self) -> None:
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """All that was said is durable and has left."""
        while self.commits.soon or self.commits.background:
            self.commits.turn()
            self.commits.finish_background()
        await self.pass_turn()

    def said(self, *pieces: bytes) -> list[bytes]:
        """Those that have left, in the order in which they did."""
        return sorted((piece for piece in pieces if piece in self._wire.written), key=self._wire.written.index)

    def close(self) -> None:
        self._connection.connection_lost(None)
        self._broker.close()


def with_synced_connection(directory: Path, scenario: Callable[[SyncedConnection], Awaitable[None]]) -> None:
    async def run() -> None:
        connection = SyncedConnection(directory)
        await connection.settle()
        await scenario(connection)
        connection.close()

    asyncio.run(run())


def test_a_delivery_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    async def run(connection: SyncedConnection) -> None:
        connection.publish(b"first", PERSISTENT)
        assert connection.said(b"first") == []
        await connection.pass_turn()
        assert connection.said(b"first") == [b"first"]

    with_synced_connection(tmp_path, run)


def test_deliveries_keep_their_order_when_a_commit_begins_between_two_of_them(tmp_path: Path) -> None:
    async def run(connection: SyncedConnection) -> None:
        connection.publish(b"first", PERSISTENT)
        connection.commits.turn()
        assert connection.commits.background
        connection.publish(b"second")
        await connection.pass_turn()
        assert connection.said(b"first", b"second") == [b"first", b"second"]

    with_synced_connection(tmp_path, run)


def test_what_follows_a_confirm_that_waits_for_the_disk_waits_with_it(tmp_path: Path) -> None:
    async def run(connection: SyncedConnection) -> None:
        connection.receive(1, commands.Confirm.Select())
        await connection.settle()
        connection.publish(b"first", PERSISTENT)
        connection.commits.turn()
        connection.publish(b"second")
        await connection.pass_turn()
        assert connection.said(b"first", b"second") == []
        await connection.settle()
        said = [b"first", ack_frame(1, 1, False), b"second", ack_frame(1, 2, False)]
        assert connection.said(*reversed(said)) == said

    with_synced_connection(tmp_path, run)
