"""A queue of a server that speaks AMQP 0-9-1, as the source of a shovel."""

from typing import Any

from message_queues.broker.queues.shovel_parameters import SourceDefinition
from message_queues.servers.shovels.amqp_link import AmqpLink, RawProperties
from message_queues.servers.shovels.ends import Lost, Receive, Shovelled

PREFETCH_WHEN_UNLIMITED = 1_000
"""Even then no more is kept in memory."""


class AmqpSource:
    def __init__(self, definition: SourceDefinition, name: str) -> None:
        self._definition = definition
        self._link = AmqpLink(definition.uris, name)
        self._queue = definition.queue or ""
        self._lost: Lost = lambda reason: None

    @property
    def uri(self) -> str:
        return self._link.uri

    async def connect(self, lost: Lost) -> None:
        self._lost = lost
        await self._link.connect(lost)

    async def prepare(self) -> int:
        definition = self._definition
        if definition.queue is not None:
            return await self._link.see_to_queue(definition.queue, definition.queue_arguments, definition.is_predeclared)
        channel = self._link.opened_channel
        declared = await self._link.ask(lambda callback: channel.queue_declare("", exclusive=True, callback=callback))
        self._queue = declared.method.queue
        await self._link.ask(
            lambda callback: channel.queue_bind(self._queue, definition.exchange, definition.exchange_key, callback=callback)
        )
        return 0

    async def subscribe(self, receive: Receive) -> None:
        channel = self._link.opened_channel
        prefetch_count = self._definition.prefetch_count or PREFETCH_WHEN_UNLIMITED
        await self._link.ask(lambda callback: channel.basic_qos(prefetch_count=prefetch_count, callback=callback))
        channel.add_on_cancel_callback(lambda frame: self._lost("the queue is gone"))

        def received(channel: object, method: Any, properties: RawProperties, body: bytes) -> None:
            receive(Shovelled(method.delivery_tag, method.exchange, method.routing_key, properties.raw, body))

        await self._link.ask(
            lambda callback: channel.basic_consume(
                self._queue,
                received,
                arguments=self._definition.consumer_arguments,
                consumer_tag=self._definition.consumer_tag or None,
                callback=callback,
            )
        )

    def acknowledge(self, tag: int) -> None:
        if self._link.is_open:
            self._link.opened_channel.basic_ack(tag)

    def requeue(self, tag: int) -> None:
        if self._link.is_open:
            self._link.opened_channel.basic_nack(tag, requeue=True)

    async def close(self) -> None:
        await self._link.close()
