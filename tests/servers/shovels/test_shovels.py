import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from message_queues.broker.broker import Broker
from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.declarations import QueueSpec
from message_queues.broker.queues.events import Json
from message_queues.broker.queues.virtual_host import AnyQueue, VirtualHost
from message_queues.records.field_table import FieldTable
from message_queues.records.properties import Properties, read_properties
from message_queues.servers.server import Server
from tests.broker.queues.published import published
from tests.servers.running_server import eventually, running_server

HERE = "amqp://"


class Place:
    """A running server with its shovels."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.broker: Broker = server.broker
        assert server.shovels is not None
        self.shovels = server.shovels

    @property
    def host(self) -> VirtualHost:
        return self.broker.virtual_hosts["/"]

    @property
    def uri(self) -> str:
        return f"amqp://guest:guest@{self.server.addresses['amqp'][0]}"

    def queue(self, name: str, arguments: FieldTable | None = None) -> AnyQueue:
        if name not in self.host.queues:
            self.host.declare_queue(QueueSpec(name, arguments=arguments or {}), None)
        return self.host.queues[name]

    def publish(self, queue: str, count: int, properties: Properties | None = None) -> None:
        for number in range(count):
            message = published(queue, body=str(number).encode(), exchange="", properties=properties or Properties(delivery_mode=2))
            assert self.host.publish(self.host.exchanges[""], message)

    def bodies(self, queue: str) -> list[str]:
        found = []
        while (entry := self.queue(queue).get(no_ack=True)) is not None:
            found.append(entry.message.body.decode())
        return found

    def shovel(self, name: str = "s", **changes: Json) -> None:
        value: dict[str, Json] = {"src-uri": HERE, "dest-uri": HERE, "reconnect-delay": 0.05}
        value |= {key.replace("_", "-"): item for key, item in changes.items()}
        self.broker.parameters.set("/", "shovel", name, value)

    def state(self, name: str = "s") -> dict[str, object]:
        return next((told for told in self.shovels.statuses() if told["name"] == name), {})


@asynccontextmanager
async def place(**settings: Any) -> AsyncIterator[Place]:
    async with running_server(**settings) as server:
        yield Place(server)


def at_a_place(scenario: Callable[[Place], Awaitable[None]]) -> None:
    async def run() -> None:
        async with place() as here:
            await scenario(here)

    asyncio.run(run())


def between(scenario: Callable[[Place, Place], Awaitable[None]]) -> None:
    async def run() -> None:
        async with place() as here, place() as there:
            await scenario(here, there)

    asyncio.run(run())


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_messages_move_from_queue_to_queue() -> None:
    async def scenario(here: Place) -> None:
        here.queue("from")
        here.publish("from", 100)
        here.shovel(src_queue="from", dest_queue="to")
        await eventually(lambda: here.queue("to").message_count == 100 and not here.queue("from").unacknowledged_count)
        assert here.bodies("to") == numbers(100)
        assert here.queue("from").message_count == 0

    at_a_place(scenario)


def test_messages_are_brought_to_another_server() -> None:
    async def scenario(here: Place, there: Place) -> None:
        here.queue("from")
        here.publish("from", 100, Properties(headers={"f": 1.5, "i": 7}, delivery_mode=2))
        here.shovel(src_queue="from", dest_uri=there.uri, dest_queue="to")
        await eventually(lambda: "to" in there.host.queues and there.queue("to").message_count == 100)
        await eventually(lambda: not here.queue("from").unacknowledged_count)
        entry = there.queue("to").get(no_ack=True)
        assert entry is not None
        assert read_properties(entry.message.properties) == Properties(headers={"f": 1.5, "i": 7}, delivery_mode=2)
        assert there.bodies("to") == numbers(100)[1:]

    between(scenario)


def test_messages_are_fetched_from_another_server() -> None:
    async def scenario(here: Place, there: Place) -> None:
        there.queue("from")
        there.publish("from", 100, Properties(headers={"f": 1.5}, delivery_mode=2))
        here.shovel(src_uri=there.uri, src_queue="from", dest_exchange="amq.fanout", dest_exchange_key="k")
        here.queue("to")
        here.host.bind(Binding("amq.fanout", "to", QUEUE, ""))
        await eventually(lambda: here.queue("to").message_count == 100 and not there.queue("from").unacknowledged_count)
        entry = here.queue("to").get(no_ack=True)
        assert entry is not None
        assert (entry.message.exchange, entry.message.routing_key) == ("amq.fanout", "k")
        assert read_properties(entry.message.properties).headers == {"f": 1.5}
        assert there.queue("from").message_count == 0

    between(scenario)


def test_nothing_is_lost_when_the_other_server_goes_and_comes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place() as here:
            here.queue("from")
            async with place(data=str(tmp_path)) as there:
                there.queue("to")
                port = int(there.uri.rpartition(":")[2])
                here.shovel(src_queue="from", dest_uri=there.uri, dest_queue="to", src_prefetch_count=5)
                here.publish("from", 50)
                await eventually(lambda: there.queue("to").message_count >= 10)
            here.publish("from", 50)
            await eventually(lambda: here.state()["state"] == "terminated")
            assert "Connection refused" in str(here.state()["reason"]) or "shutdown" in str(here.state()["reason"])
            async with place(data=str(tmp_path), amqp_port=port) as there:
                await eventually(lambda: not here.queue("from").message_count and not here.queue("from").unacknowledged_count)
                assert set(there.bodies("to")) == set(numbers(50))
                assert here.state()["state"] == "running"

    asyncio.run(scenario())


def test_a_shovel_ends_with_what_was_there_and_takes_its_parameter_along() -> None:
    async def scenario(here: Place) -> None:
        here.queue("from")
        here.publish("from", 10)
        here.shovel(src_queue="from", dest_queue="to", src_delete_after="queue-length")
        await eventually(lambda: not here.shovels.statuses())
        assert here.bodies("to") == numbers(10)
        assert here.broker.parameters.get("/", "shovel", "s") is None

    at_a_place(scenario)


def test_messages_of_an_exchange_are_moved_too() -> None:
    async def scenario(here: Place) -> None:
        here.shovel(src_exchange="amq.topic", src_exchange_key="a.#", dest_queue="to")
        await eventually(lambda: here.host.bindings.is_source("amq.topic"))
        assert here.host.publish(here.host.exchanges["amq.topic"], published("a.b", body=b"x"))
        await eventually(lambda: here.queue("to").message_count == 1)
        assert here.state()["src_exchange"] == "amq.topic"
        here.broker.parameters.clear("/", "shovel", "s")
        await eventually(lambda: not here.host.bindings.is_source("amq.topic"))
        assert list(here.host.queues) == ["to"]

    at_a_place(scenario)


def test_a_changed_parameter_starts_the_shovel_anew() -> None:
    async def scenario(here: Place) -> None:
        for queue in ("from", "to", "elsewhere"):
            here.queue(queue)
        here.shovel(src_queue="from", dest_queue="to")
        await eventually(lambda: here.state().get("dest_queue") == "to")
        here.shovel(src_queue="from", dest_queue="elsewhere")
        await eventually(lambda: here.state().get("dest_queue") == "elsewhere" and len(here.queue("from").consumers) == 1)
        here.publish("from", 3)
        await eventually(lambda: here.queue("elsewhere").message_count == 3)
        assert here.queue("to").message_count == 0

    at_a_place(scenario)


def test_what_is_on_its_way_goes_back_when_the_shovel_is_removed() -> None:
    async def scenario(here: Place) -> None:
        here.queue("from")
        here.broker.alarms.active = frozenset({"disk"})
        here.shovel(src_queue="from", dest_queue="to")
        await eventually(lambda: here.state().get("state") == "blocked")
        here.publish("from", 3)
        await eventually(lambda: here.state()["pending"] == 3)
        here.broker.parameters.clear("/", "shovel", "s")
        await eventually(lambda: here.queue("from").message_count == 3)
        assert not here.queue("from").consumers

    at_a_place(scenario)


def test_a_full_target_gets_the_messages_once_it_has_room() -> None:
    async def scenario(here: Place) -> None:
        here.queue("from")
        here.queue("to", {"x-max-length": 1, "x-overflow": "reject-publish"})
        here.publish("from", 3)
        here.shovel(src_queue="from", dest_queue="to")
        came = []
        for _ in range(3):
            await eventually(lambda: here.queue("to").message_count == 1)
            came += here.bodies("to")
        assert sorted(came) == numbers(3)
        await eventually(lambda: not here.queue("from").unacknowledged_count)

    at_a_place(scenario)


def test_a_shovel_that_cannot_start_says_why() -> None:
    async def scenario(here: Place) -> None:
        here.shovel("uri", src_queue="from", dest_uri="amqp://127.0.0.1:1", dest_queue="to")
        here.shovel("host", src_uri="amqp:///none", src_queue="from", dest_queue="to")
        here.shovel("exchange", src_queue="other", dest_exchange="none")
        here.shovel("predeclared", src_queue="missing", src_predeclared=True, dest_queue="to")
        await eventually(lambda: all(told["state"] == "terminated" for told in here.shovels.statuses() if told["name"] != "exchange"))
        assert "Connection refused" in str(here.state("uri")["reason"])
        assert here.state("host")["reason"] == '"failed to connect to source: vhost none not found"'
        assert here.state("predeclared")["reason"] == "\"failed to set up topology: no queue 'missing' in vhost '/'\""
        here.publish("other", 1)
        await eventually(lambda: here.state("exchange")["state"] == "terminated")
        assert here.state("exchange")["reason"] == "\"no exchange 'none' in vhost '/'\""
        assert here.queue("other").message_count == 1

    at_a_place(scenario)


def test_a_running_shovel_tells_of_its_ends() -> None:
    async def scenario(here: Place) -> None:
        here.shovel(src_queue="from", dest_queue="to", src_delete_after=5)
        await eventually(lambda: here.state().get("state") == "running")
        told = here.state()
        del told["timestamp"]
        assert told == {
            "name": "s",
            "vhost": "/",
            "type": "dynamic",
            "state": "running",
            "blocked_status": "running",
            "src_uri": "amqp://",
            "src_protocol": "amqp091",
            "src_queue": "from",
            "dest_uri": "amqp://",
            "dest_protocol": "amqp091",
            "dest_queue": "to",
            "remaining": 5,
            "remaining_unacked": 5,
            "pending": 0,
            "forwarded": 0,
        }

    at_a_place(scenario)


def test_a_shovel_can_be_started_again() -> None:
    async def scenario(here: Place) -> None:
        here.shovel(src_queue="from", dest_queue="to")
        await eventually(lambda: here.state().get("state") == "running")
        assert here.shovels.restart("/", "s")
        await eventually(lambda: here.state().get("state") == "running" and len(here.queue("from").consumers) == 1)
        assert not here.shovels.restart("/", "other")

    at_a_place(scenario)


def test_shovels_come_back_with_the_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(data=str(tmp_path)) as here:
            here.shovel(src_queue="from", dest_queue="to")
            await eventually(lambda: here.state().get("state") == "running")
            here.publish("from", 3)
            await eventually(lambda: here.queue("to").message_count == 3)
        async with place(data=str(tmp_path)) as here:
            here.publish("from", 3)
            await eventually(lambda: here.queue("to").message_count == 6)

    asyncio.run(scenario())
