"""Which method a refusal names: connection.close and channel.close carry its class and method id."""

from typing import Any

from message_queues.errors import InternalFailure
from message_queues.protocols.amqp.events import Kind
from message_queues.servers.error_map import INTERNAL_ERROR, amqp_code

NOBODY = (0, 0)
CLASS_AND_METHOD = {
    Kind.PUBLISH: (60, 40),
    Kind.ACK: (60, 80),
    Kind.NACK: (60, 120),
    Kind.REJECT: (60, 90),
}


def blamed(event: Any, error: Exception) -> tuple[int, int]:
    """Class and method id; zeros where it was no method."""
    if amqp_code(error) is INTERNAL_ERROR and not isinstance(error, InternalFailure):
        # In RabbitMQ a process fails, and nobody knows any more what it was doing.
        return NOBODY
    if event.kind == Kind.METHOD:
        return event.method.index >> 16, event.method.index & 0xFFFF
    if event.kind == Kind.VIOLATION:
        return event.class_id, event.method_id
    return CLASS_AND_METHOD.get(event.kind, NOBODY)
