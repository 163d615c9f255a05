"""An exchange of a server that speaks AMQP 0-9-1, as the target of a shovel. It always confirms."""

from collections import deque
from collections.abc import Callable
from typing import Any

from message_queues.broker.queues.shovel_parameters import TargetDefinition
from message_queues.servers.shovels.amqp_link import AmqpLink, RawProperties
from message_queues.servers.shovels.ends import Confirmed, Lost, Shovelled

ACK = "Basic.Ack"


class AmqpTarget:
    def __init__(self, definition: TargetDefinition, name: str) -> None:
        self.is_blocked = False
        self._definition = definition
        self._link = AmqpLink(definition.uris, name)
        self._unconfirmed: deque[tuple[int, int]] = deque()
        """(publishing number, tag of the message), in order."""
        self._published = 0

    @property
    def uri(self) -> str:
        return self._link.uri

    async def connect(self, lost: Lost) -> None:
        await self._link.connect(lost)

    async def prepare(self, confirmed: Confirmed, ready: Callable[[], None]) -> None:
        definition, link = self._definition, self._link
        if definition.queue is not None:
            await link.see_to_queue(definition.queue, definition.queue_arguments, definition.is_predeclared)

        def answered(frame: Any) -> None:
            self._settle(frame.method.delivery_tag, frame.method.multiple, frame.method.NAME == ACK, confirmed)

        def blocked(is_blocked: bool) -> None:
            self.is_blocked = is_blocked
            if not is_blocked:
                ready()

        link.opened_connection.add_on_connection_blocked_callback(lambda connection, frame: blocked(True))
        link.opened_connection.add_on_connection_unblocked_callback(lambda connection, frame: blocked(False))
        await link.ask(lambda callback: link.opened_channel.confirm_delivery(answered, callback=callback))

    def publish(self, message: Shovelled) -> None:
        if self._link.is_open:
            self._published += 1
            self._unconfirmed.append((self._published, message.tag))
            properties = RawProperties(message.properties)
            self._link.opened_channel.basic_publish(message.exchange, message.routing_key, message.body, properties)

    async def close(self) -> None:
        await self._link.close()

    def _settle(self, number: int, and_all_before: bool, is_taken: bool, confirmed: Confirmed) -> None:
        unconfirmed = self._unconfirmed
        if and_all_before or (unconfirmed and unconfirmed[0][0] == number):
            while unconfirmed and unconfirmed[0][0] <= number:
                confirmed(unconfirmed.popleft()[1], is_taken)
            return
        for entry in unconfirmed:
            if entry[0] == number:
                unconfirmed.remove(entry)
                confirmed(entry[1], is_taken)
                return
