"""A queue of this server as the source of a shovel: its consumer, without a connection."""

import asyncio
import secrets
from collections import deque
from typing import TYPE_CHECKING

from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.consumer import CancelReason, Delivering, ReturnReason
from message_queues.broker.queues.declarations import QueueSpec
from message_queues.broker.queues.message import Entry
from message_queues.broker.queues.shovel_parameters import SourceDefinition
from message_queues.broker.queues.virtual_host import AnyQueue, VirtualHost
from message_queues.errors import MessageQueuesError
from message_queues.records.field_table import FieldTable
from message_queues.servers.shovels.ends import EndLost, Lost, Receive, Shovelled
from message_queues.servers.shovels.local_end import existing_virtual_host, see_to_queue

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker

PREFETCH_WHEN_UNLIMITED = 1_000


class LocalSource:
    def __init__(self, broker: "Broker", definition: SourceDefinition, name: str) -> None:
        self.uri = definition.uris[0]
        self.name = name
        """Of the connection that there would be: an exclusive queue belongs to it."""
        self._broker = broker
        self._definition = definition
        self._virtual_host: VirtualHost
        self._queue: AnyQueue | None = None
        self._consumer: LocalConsumer | None = None
        self._lost: Lost = lambda reason: None

    async def connect(self, lost: Lost) -> None:
        self._lost = lost
        self._virtual_host = existing_virtual_host(self._broker, self.uri)

    async def prepare(self) -> int:
        definition = self._definition
        if definition.queue is not None:
            self._queue = see_to_queue(self._virtual_host, definition.queue, definition.queue_arguments, definition.is_predeclared)
        else:
            self._queue = self._bound_queue(definition.exchange or "", definition.exchange_key)
        return self._queue.message_count

    def _bound_queue(self, exchange: str, key: str) -> AnyQueue:
        try:
            name = f"amq.gen-{secrets.token_urlsafe(16)}"
            queue = self._virtual_host.declare_queue(QueueSpec(name, is_exclusive=True, is_named_by_server=True), self)
            self._virtual_host.bind(Binding(exchange, queue.name, QUEUE, key), self)
        except MessageQueuesError as error:
            raise EndLost(str(error)) from error
        return queue

    async def subscribe(self, receive: Receive) -> None:
        assert self._queue is not None
        self._consumer = consumer = LocalConsumer(self._queue, self._definition, receive, self._lost)
        try:
            self._queue.add_consumer(consumer)
        except MessageQueuesError as error:
            raise EndLost(str(error)) from error

    def acknowledge(self, tag: int) -> None:
        if self._consumer is not None:
            self._consumer.acknowledge(tag)

    def requeue(self, tag: int) -> None:
        if self._consumer is not None:
            self._consumer.requeue(tag)

    async def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        if self._queue is not None and self._queue.owner is self:
            self._virtual_host.connection_closed(self)
        self._queue = None


class LocalConsumer:
    def __init__(self, queue: AnyQueue, definition: SourceDefinition, receive: Receive, lost: Lost) -> None:
        self.tag = definition.consumer_tag or f"amq.ctag-{secrets.token_urlsafe(16)}"
        self.no_ack = False
        self.is_exclusive = False
        self.arguments: FieldTable = definition.consumer_arguments
        priority = self.arguments.get("x-priority", 0)
        self.priority = priority if isinstance(priority, int) else 0
        self.prefetch_count = definition.prefetch_count or PREFETCH_WHEN_UNLIMITED
        self.can_take = True
        self.is_active = True
        self._queue = queue
        self._receive = receive
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._last_tag = 0
        self._unacknowledged: dict[int, Entry] = {}
        self._delivered: deque[Shovelled] = deque()
        self._is_closed = False

    @property
    def unacknowledged_count(self) -> int:
        return len(self._unacknowledged)

    def deliver(self, queue: Delivering, entry: Entry) -> None:
        # Sent on after the queue has finished what it is at: the target may be this very queue.
        self._last_tag = tag = self._last_tag + 1
        self._unacknowledged[tag] = entry
        self.can_take = len(self._unacknowledged) < self.prefetch_count
        message = entry.message
        properties = self._queue.delivery_properties(entry) if entry.redelivered else message.properties
        if not self._delivered:
            self._loop.call_soon(self._send_on)
        self._delivered.append(Shovelled(tag, message.exchange, message.routing_key, properties, message.body))

    def _send_on(self) -> None:
        delivered, self._delivered = self._delivered, deque()
        for message in delivered:
            if not self._is_closed:
                self._receive(message)

    def cancelled(self, reason: int) -> None:
        self._is_closed = True
        self._unacknowledged.clear()
        self._lost("the queue is gone" if reason == CancelReason.QUEUE_DELETED else "the queue waited too long for acknowledgements")

    def acknowledge(self, tag: int) -> None:
        entry = self._unacknowledged.pop(tag, None)
        if entry is not None:
            self._queue.acknowledge(entry)
            self._take_more()

    def requeue(self, tag: int) -> None:
        entry = self._unacknowledged.pop(tag, None)
        if entry is None:
            return
        try:
            self._queue.requeue([entry], ReturnReason.NACK)
        except MessageQueuesError as error:
            # A stream takes nothing back.
            self._lost(str(error))
            return
        self._take_more()

    def _take_more(self) -> None:
        if not self.can_take:
            self.can_take = True
            self._queue.consumer_ready(self)

    def close(self) -> None:
        """What it has comes back to the queue."""
        if self._is_closed:
            return
        self._is_closed = True
        self.can_take = False
        self._queue.remove_consumer(self)
        if self._unacknowledged:
            self._queue.requeue(list(self._unacknowledged.values()), ReturnReason.CHANNEL_CLOSED)
            self._unacknowledged.clear()
