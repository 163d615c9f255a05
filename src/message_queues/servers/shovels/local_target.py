"""An exchange of this server as the target of a shovel."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.shovel_parameters import TargetDefinition
from message_queues.broker.queues.virtual_host import REFUSED, VirtualHost
from message_queues.errors import AccessRefused, MessageQueuesError
from message_queues.records.properties import read_attributes, with_headers
from message_queues.servers.shovels.ends import Confirmed, Lost, Shovelled
from message_queues.servers.shovels.local_end import existing_virtual_host, see_to_queue
from message_queues.storage.group_commit import Failures

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker


class LocalTarget:
    def __init__(self, broker: "Broker", definition: TargetDefinition) -> None:
        self.uri = definition.uris[0]
        self.is_blocked = bool(broker.alarms.active)
        self._broker = broker
        self._definition = definition
        self._virtual_host: VirtualHost
        self._lost: Lost = lambda reason: None
        self._confirmed: Confirmed = lambda tag, is_taken: None
        self._ready: Callable[[], None] = lambda: None
        self._published: list[tuple[int, bool]] = []
        """Since the last group commit: the tag, and whether all queues took it."""

    async def connect(self, lost: Lost) -> None:
        self._lost = lost
        self._virtual_host = existing_virtual_host(self._broker, self.uri)

    async def prepare(self, confirmed: Confirmed, ready: Callable[[], None]) -> None:
        definition = self._definition
        self._confirmed, self._ready = confirmed, ready
        if definition.queue is not None:
            see_to_queue(self._virtual_host, definition.queue, definition.queue_arguments, definition.is_predeclared)
        self._broker.alarms.on_change.append(self._look_at_alarms)

    def publish(self, message: Shovelled) -> None:
        try:
            result = self._publish(message)
        except MessageQueuesError as error:
            self._lost(str(error))
            return
        if not self._published:
            self._broker.group_commit.when_durable(self._durable)
        self._published.append((message.tag, not result & REFUSED))

    def _publish(self, message: Shovelled) -> int:
        exchange = self._virtual_host.exchange(message.exchange)
        if exchange.is_internal:
            raise AccessRefused(f"cannot publish to internal exchange '{exchange.name}' in vhost '{self._virtual_host.name}'")
        attributes = read_attributes(message.properties)
        properties = with_headers(message.properties, {}, ("BCC",)) if attributes.blind_copies else message.properties
        other_keys = attributes.carbon_copies + attributes.blind_copies
        return self._virtual_host.publish(
            exchange, QueueMessage(message.exchange, message.routing_key, properties, message.body, attributes, other_keys)
        )

    def _durable(self, failures: Failures) -> None:
        published, self._published = self._published, []
        for tag, is_taken in published:
            self._confirmed(tag, is_taken and not failures)

    def _look_at_alarms(self) -> None:
        self.is_blocked = bool(self._broker.alarms.active)
        if not self.is_blocked:
            self._ready()

    async def close(self) -> None:
        self._confirmed = lambda tag, is_taken: None
        if self._look_at_alarms in self._broker.alarms.on_change:
            self._broker.alarms.on_change.remove(self._look_at_alarms)
