import asyncio
from collections.abc import Awaitable, Callable

import pytest

from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.declarations import QueueSpec
from message_queues.broker.queues.shovel_parameters import shovel_definition
from message_queues.broker.queues.virtual_host import VirtualHost
from message_queues.servers.server import Server
from message_queues.servers.shovels.ends import EndLost, Shovelled
from message_queues.servers.shovels.local_source import LocalSource
from tests.broker.queues.published import published
from tests.servers.running_server import running_server


class Receiving:
    """A source whose messages are kept."""

    def __init__(self, server: Server, **changes: object) -> None:
        self.host: VirtualHost = server.broker.virtual_hosts["/"]
        value: dict[str, object] = {"src-uri": "amqp://", "dest-uri": "amqp://", "dest-queue": "to"}
        value |= {key.replace("_", "-"): item for key, item in changes.items()}
        self.source = LocalSource(server.broker, shovel_definition("/", "s", value).source, "Shovel s")
        self.received: list[Shovelled] = []
        self.lost: list[str] = []

    async def begin(self) -> int:
        await self.source.connect(self.lost.append)
        ready = await self.source.prepare()
        await self.source.subscribe(self.received.append)
        return ready

    def publish(self, count: int, queue: str = "q") -> None:
        for number in range(count):
            self.host.publish(self.host.exchanges[""], published(queue, body=str(number).encode()))


def with_server(scenario: Callable[[Server], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running_server() as server:
            await scenario(server)

    asyncio.run(run())


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_no_more_come_than_were_acknowledged() -> None:
    async def scenario(server: Server) -> None:
        given = Receiving(server, src_queue="q", src_prefetch_count=2)
        given.host.declare_queue(QueueSpec("q"), None)
        given.publish(5)
        assert await given.begin() == 5
        await turn()
        assert [message.body for message in given.received] == [b"0", b"1"]
        given.source.acknowledge(given.received[0].tag)
        await turn()
        assert [message.body for message in given.received] == [b"0", b"1", b"2"]
        await given.source.close()
        assert given.host.queues["q"].message_count == 4
        assert not given.host.queues["q"].consumers

    with_server(scenario)


def test_a_requeued_message_comes_again() -> None:
    async def scenario(server: Server) -> None:
        given = Receiving(server, src_queue="q")
        await given.begin()
        given.publish(1)
        await turn()
        given.source.requeue(given.received[0].tag)
        await turn()
        assert [message.body for message in given.received] == [b"0", b"0"]
        given.source.acknowledge(given.received[1].tag)
        assert given.host.queues["q"].unacknowledged_count == 0
        await given.source.close()

    with_server(scenario)


def test_nothing_comes_within_a_publish() -> None:
    async def scenario(server: Server) -> None:
        given = Receiving(server, src_queue="q")
        await given.begin()
        given.publish(1)
        assert given.received == []
        await turn()
        assert len(given.received) == 1
        await given.source.close()

    with_server(scenario)


def test_a_deleted_queue_loses_the_source() -> None:
    async def scenario(server: Server) -> None:
        given = Receiving(server, src_queue="q")
        await given.begin()
        given.publish(1)
        given.host.delete_queue("q")
        await turn()
        assert given.lost == ["the queue is gone"]
        assert given.received == []
        await given.source.close()

    with_server(scenario)


def test_a_queue_of_its_own_is_bound_to_an_exchange_and_goes_with_the_source() -> None:
    async def scenario(server: Server) -> None:
        given = Receiving(server, src_exchange="amq.direct", src_exchange_key="k")
        await given.begin()
        (name,) = given.host.queues
        assert name.startswith("amq.gen-")
        assert Binding("amq.direct", name, QUEUE, "k") in given.host.bindings
        await given.source.close()
        assert not given.host.queues
        await given.source.close()

    with_server(scenario)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"src_uri": "amqp:///none", "src_queue": "q"}, "vhost none not found"),
        ({"src_exchange": "none"}, "no exchange 'none' in vhost '/'"),
        ({"src_queue": "q", "src_predeclared": True}, "no queue 'q' in vhost '/'"),
        ({"src_queue": "amq.q"}, r"queue name 'amq.q' contains reserved prefix 'amq\.\*'"),
    ],
)
def test_what_cannot_be_had_is_told(changes: dict[str, object], told: str) -> None:
    async def scenario(server: Server) -> None:
        given = Receiving(server, **changes)
        with pytest.raises(EndLost, match=told):
            await given.begin()
        await given.source.close()

    with_server(scenario)


def test_a_stream_is_read_from_where_the_arguments_say() -> None:
    async def scenario(server: Server) -> None:
        given = Receiving(server, src_queue="q", src_consumer_args={"x-stream-offset": "first"})
        given.host.declare_queue(QueueSpec("q", arguments={"x-queue-type": "stream"}), None)
        given.publish(3)
        await server.broker.synced()
        await given.begin()
        await turn()
        assert [message.body for message in given.received] == [b"0", b"1", b"2"]
        given.source.acknowledge(given.received[0].tag)
        await given.source.close()
        assert given.host.queues["q"].message_count == 3

    with_server(scenario)
