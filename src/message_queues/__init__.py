"""Kafka, RabbitMQ and Amazon SQS through one API, and one process that speaks their wire protocols."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from message_queues.facade import MessageQueues
    from message_queues.message import Delivery, Message, Properties
    from message_queues.messaging.consumer import Consumer
    from message_queues.messaging.publisher import Publisher

__all__ = ["Consumer", "Delivery", "Message", "MessageQueues", "Properties", "Publisher", "__version__"]

__version__ = "0.1.0"

_HOMES = {
    "Consumer": "message_queues.messaging.consumer",
    "Delivery": "message_queues.message",
    "Message": "message_queues.message",
    "MessageQueues": "message_queues.facade",
    "Properties": "message_queues.message",
    "Publisher": "message_queues.messaging.publisher",
}


def __getattr__(name: str) -> object:
    # The server imports this package too, and starts without loading the library.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
