"""The firehose: copies of what the clients of a virtual host publish and are given, to its topic exchange amq.rabbitmq.trace.

https://www.rabbitmq.com/docs/firehose: the routing key is "publish.{exchange}" or "deliver.{queue}", the body is the message's own, and all
else that there is to know of it stands in headers. Copies are not copied. Tracing is off when the server starts.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from message_queues.broker.queues.consumer import Delivering
from message_queues.broker.queues.exchange import Exchange, Recipient
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.records.field_table import FieldTable
from message_queues.records.properties import Properties, read_attributes, read_properties, write_properties
from message_queues.servers.amqp.node_name import NODE_NAME

if TYPE_CHECKING:
    from message_queues.servers.amqp.channel import AmqpChannel

TRACE_EXCHANGE: Final = "amq.rabbitmq.trace"


class Firehose:
    """One channel's."""

    __slots__ = ("_channel", "_virtual_host")

    def __init__(self, channel: "AmqpChannel") -> None:
        self._channel = channel
        self._virtual_host = channel.virtual_host

    def publish(self, exchange: Exchange, message: QueueMessage) -> int:
        """As the virtual host does it, with a copy before."""
        recipients = self._virtual_host.router.route(exchange, message)
        # Of the default exchange RabbitMQ does not look whether they are there.
        keys = (message.routing_key, *message.other_keys)
        routed = keys if exchange.is_default else [each.name for each in recipients if self._is_queue(each)]
        self._copy(f"publish.{message.exchange}", message, {"routed_queues": [*sorted(routed)]})
        return self._virtual_host.publish(exchange, message, recipients)

    def delivered(self, queue: Delivering, entry: Entry) -> None:
        self._copy(f"deliver.{queue.name}", entry.message, {"redelivered": int(entry.redelivered)})

    def _is_queue(self, recipient: Recipient) -> bool:
        """Others keep messages for later."""
        return self._virtual_host.queues.get(recipient.name) is recipient

    def _copy(self, routing_key: str, message: QueueMessage, more: FieldTable) -> None:
        if message.exchange == TRACE_EXCHANGE:
            return
        connection = self._channel.connection
        headers: FieldTable = {
            "exchange_name": message.exchange,
            "routing_keys": [message.routing_key, *message.other_keys],
            "properties": as_table(read_properties(message.properties)),
            "node": NODE_NAME,
            **more,
            "vhost": self._virtual_host.name,
            "connection": connection.name,
            "channel": self._channel.number,
            "user": connection.user_name,
        }
        properties = write_properties(Properties(headers=headers))
        copy = QueueMessage(TRACE_EXCHANGE, routing_key, properties, message.body, read_attributes(properties))
        self._virtual_host.publish(self._virtual_host.exchanges[TRACE_EXCHANGE], copy)


def as_table(properties: Properties) -> FieldTable:
    """Those that there are; a timestamp is a number among numbers."""
    told = {name: value for name, value in asdict(properties).items() if value is not None}
    return told if properties.timestamp is None else {**told, "timestamp": int(properties.timestamp)}
