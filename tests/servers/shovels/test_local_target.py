import asyncio
from collections.abc import Awaitable, Callable

import pytest

from message_queues.broker.queues.declarations import ExchangeSpec, QueueSpec
from message_queues.broker.queues.shovel_parameters import shovel_definition
from message_queues.records.properties import EMPTY_PROPERTIES, Properties, read_properties, write_properties
from message_queues.servers.server import Server
from message_queues.servers.shovels.ends import EndLost, Shovelled
from message_queues.servers.shovels.local_target import LocalTarget
from tests.servers.running_server import running_server


class Bringing:
    def __init__(self, server: Server, **changes: object) -> None:
        value: dict[str, object] = {"src-uri": "amqp://", "src-queue": "from", "dest-uri": "amqp://"}
        value |= {key.replace("_", "-"): item for key, item in changes.items()}
        self.host = server.broker.virtual_hosts["/"]
        self.target = LocalTarget(server.broker, shovel_definition("/", "s", value).target)
        self.confirmed: dict[int, bool] = {}
        self.lost: list[str] = []
        self.ready = 0

    async def begin(self) -> None:
        await self.target.connect(self.lost.append)
        await self.target.prepare(self.confirmed.__setitem__, self.become_ready)

    def become_ready(self) -> None:
        self.ready += 1

    def publish(self, tag: int, exchange: str = "", key: str = "q", properties: bytes = EMPTY_PROPERTIES) -> None:
        self.target.publish(Shovelled(tag, exchange, key, properties, b"body"))


def with_server(scenario: Callable[[Server], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running_server() as server:
            await scenario(server)

    asyncio.run(run())


def test_a_message_is_confirmed_once_it_is_durable() -> None:
    async def scenario(server: Server) -> None:
        given = Bringing(server, dest_queue="q")
        await given.begin()
        given.publish(7)
        assert given.host.queues["q"].message_count == 1
        assert given.confirmed == {}
        await server.broker.synced()
        assert given.confirmed == {7: True}
        await given.target.close()

    with_server(scenario)


def test_what_a_full_queue_refuses_is_told() -> None:
    async def scenario(server: Server) -> None:
        given = Bringing(server, dest_queue="q", dest_queue_args={"x-max-length": 1, "x-overflow": "reject-publish"})
        await given.begin()
        given.publish(1)
        given.publish(2)
        await server.broker.synced()
        assert given.confirmed == {1: True, 2: False}
        await given.target.close()

    with_server(scenario)


def test_copies_go_where_their_headers_say() -> None:
    async def scenario(server: Server) -> None:
        given = Bringing(server, dest_queue="q")
        await given.begin()
        for name in ("cc", "bcc"):
            given.host.declare_queue(QueueSpec(name), None)
        given.publish(1, properties=write_properties(Properties(headers={"CC": ["cc"], "BCC": ["bcc"]})))
        for name in ("q", "cc", "bcc"):
            entry = given.host.queues[name].get(no_ack=True)
            assert entry is not None
            assert read_properties(entry.message.properties).headers == {"CC": ["cc"]}
        await given.target.close()

    with_server(scenario)


def test_what_no_queue_gets_counts_as_taken() -> None:
    async def scenario(server: Server) -> None:
        given = Bringing(server, dest_exchange="amq.direct")
        await given.begin()
        given.publish(1, "amq.direct", "nobody")
        await server.broker.synced()
        assert given.confirmed == {1: True}
        await given.target.close()

    with_server(scenario)


def test_alarms_ask_to_wait() -> None:
    async def scenario(server: Server) -> None:
        given = Bringing(server, dest_queue="q")
        await given.begin()
        alarms = server.broker.alarms
        waits = []
        for limit in (1 << 62, 0):
            alarms.disk_free_limit_bytes = limit
            alarms.check()
            waits.append(given.target.is_blocked)
        assert waits == [True, False]
        assert given.ready == 1
        await given.target.close()
        assert len(alarms.on_change) == 1

    with_server(scenario)


def test_an_exchange_that_takes_nothing_loses_the_target() -> None:
    async def scenario(server: Server) -> None:
        given = Bringing(server, dest_exchange="x")
        given.host.declare_exchange(ExchangeSpec("x", is_internal=True))
        await given.begin()
        given.publish(1, "x")
        given.publish(2, "none")
        assert given.lost == [
            "cannot publish to internal exchange 'x' in vhost '/'",
            "no exchange 'none' in vhost '/'",
        ]
        await given.target.close()

    with_server(scenario)


def test_a_missing_virtual_host_is_told() -> None:
    async def scenario(server: Server) -> None:
        with pytest.raises(EndLost, match="vhost none not found"):
            await Bringing(server, dest_uri="amqp:///none", dest_queue="q").begin()

    with_server(scenario)
