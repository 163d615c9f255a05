"""Direct reply-to: a client consumes from the pseudo-queue `amq.rabbitmq.reply-to`, and answers reach it through no queue at all.

A request that names it as its reply-to leaves with a name of the consumer's own; a message published to the default exchange with that
name as routing key is delivered to the consumer at once, or lost.
"""

import secrets
from typing import TYPE_CHECKING

from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import PreconditionFailed
from message_queues.records.properties import read_properties, write_properties

if TYPE_CHECKING:
    from message_queues.servers.amqp.channel import AmqpChannel
    from message_queues.servers.amqp.consuming import ReplyConsumer

PSEUDO_QUEUE = "amq.rabbitmq.reply-to"
REPLY_PREFIX = PSEUDO_QUEUE + "."


class Replies:
    """The reply consumers of all connections, by their names."""

    def __init__(self) -> None:
        self._consumers: dict[str, ReplyConsumer] = {}

    def add(self, consumer: "ReplyConsumer") -> str:
        name = f"{REPLY_PREFIX}{secrets.token_urlsafe(24)}"
        self._consumers[name] = consumer
        return name

    def remove(self, name: str) -> None:
        self._consumers.pop(name, None)

    def exists(self, name: str) -> bool:
        return name == PSEUDO_QUEUE or name in self._consumers

    def deliver(self, message: QueueMessage) -> bool:
        """False: nobody waits for it any more."""
        consumer = self._consumers.get(message.routing_key)
        if consumer is None:
            return False
        consumer.deliver_reply(message)
        return True


def with_reply_to(channel: "AmqpChannel", octets: bytes) -> bytes:
    """Properties that name the pseudo-queue as reply-to name the channel's reply consumer instead."""
    properties = read_properties(octets)
    if channel.reply_consumer is None:
        raise PreconditionFailed("fast reply consumer does not exist")
    properties.reply_to = channel.reply_consumer.reply_name
    return write_properties(properties)
