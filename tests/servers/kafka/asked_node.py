"""One node of a broker in a temporary directory, asked without a socket: requests and responses pass through the codec, as on the wire."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from message_queues.broker.broker import Broker, BrokerSettings, Turn
from message_queues.broker.clock import ManualClock
from message_queues.broker.topics import TopicSpec
from message_queues.protocols.kafka.codec import decode, encode
from message_queues.protocols.kafka.message import Message
from message_queues.servers.kafka.context import Endpoint, RequestContext
from message_queues.storage.data_directory import DataDirectory

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
NO_CONFIG: dict[str, str] = {"group.initial.rebalance.delay.ms": "0"}


class AskedNode:
    def __init__(self, broker: Broker, clock: ManualClock, node_ids: tuple[int, ...]) -> None:
        self.broker = broker
        self.clock = clock
        self.node_id = node_ids[0]
        self._endpoints = tuple(Endpoint(node_id, "127.0.0.1", 9092 + node_id) for node_id in node_ids)

    def context(self, version: int, node_id: int | None = None) -> RequestContext:
        node_id = self.node_id if node_id is None else node_id
        return RequestContext(self.broker, node_id, version, "client", "10.0.0.7", self._endpoints)

    def ask(self, handler: Callable[[RequestContext, RequestT], ResponseT], request: RequestT, version: int) -> ResponseT:
        return self._through_codec(handler(self.context(version), self._through_codec(request, version)), version)

    async def ask_and_wait(
        self, handler: Callable[[RequestContext, RequestT], Awaitable[ResponseT]], request: RequestT, version: int
    ) -> ResponseT:
        return self._through_codec(await handler(self.context(version), self._through_codec(request, version)), version)

    def pass_time(self, ms: int) -> None:
        self.clock.set(self.clock.now_ms() + ms)
        self.broker.timers.fire_due()

    @staticmethod
    def _through_codec(message: RequestT, version: int) -> RequestT:
        return decode(type(message), version, encode(message, version))


def run_now(work: Callable[[], None], done: Callable[[], None]) -> None:
    work()
    done()


@asynccontextmanager
async def asked_node(
    node_ids: tuple[int, ...] = (0,), data: str | None = None, clock: ManualClock | None = None, config: dict[str, str] | None = None
) -> AsyncIterator[AskedNode]:
    """A new one with the topics `orders` (12 partitions) and `payments` (3); or again, on the data of an earlier one."""
    with tempfile.TemporaryDirectory() as own:
        clock = clock or ManualClock()
        turn = Turn(asyncio.get_running_loop().call_soon, run_now)
        broker = Broker(DataDirectory(data or own), BrokerSettings(node_ids=node_ids, config=NO_CONFIG | (config or {})), clock, turn)
        broker.open()
        try:
            if not len(broker.topics):
                await broker.create_topic(TopicSpec("orders", 12, 1))
                await broker.create_topic(TopicSpec("payments", 3, 1))
            yield AskedNode(broker, clock, node_ids)
        finally:
            broker.close()
