"""An SQS queue as the source of a consumer: each message is settled by itself, as `queue_source.py` has it.

Finished is deleted; given back is visible again, at once or after `retry_delay_ms`; rejected is left to the queue's redrive policy, or
dropped where it has none. What is not settled comes back when the consumer closes, or, when its process has died, after the visibility
timeout.
"""

from collections.abc import Callable

from message_queues.message import Message
from message_queues.messaging.arguments import checked_choice
from message_queues.messaging.consumer import ConsumerSettings, OnError
from message_queues.messaging.queue_source import QueueReading, QueueWorkers
from message_queues.messaging.sqs_consumer import SqsConsumer
from message_queues.messaging.sqs_message import SqsMessage, SqsRecord


class SqsSource:
    """One consumer's client."""

    def __init__(self, client: SqsConsumer, settings: ConsumerSettings) -> None:
        self._client = client
        self._settings = settings

    def reading(self) -> QueueReading[SqsRecord]:
        self._client.start()
        # One by one: what a loop holds of a FIFO group is settled before the next of it comes.
        return QueueReading(self._client, SqsMessage, batch=1, automatic=self._settings.is_automatic)

    def workers(self, handler: Callable[[Message], object], on_error: OnError) -> QueueWorkers[SqsRecord]:
        if not callable(on_error):
            checked_choice("on_error", on_error, ("stop", "skip", "requeue"))
        return QueueWorkers(self._client, SqsMessage, handler, on_error, self._settings)

    def partitions(self) -> list[str]:
        return []

    def close(self) -> None:
        self._client.close()
