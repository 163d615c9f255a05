"""Publishing to Amazon SQS and SNS: to a queue, or to a topic that hands each message on to many queues.

Messages go in batches, several at once; each is answered by itself. What AWS may take the next time (throttled, no answer) is sent again
until `delivery_timeout_ms`. In a FIFO queue or topic the order of each group is kept, and what is sent again is no duplicate.
"""

import math
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Unpack

from message_queues.clients.aws_ports import Attribute, OutgoingMessage
from message_queues.errors import Closed, InvalidArgument, MessageTooLarge, TimedOut
from message_queues.message import Delivery, Headers
from message_queues.messaging.arguments import checked_length
from message_queues.messaging.batch_sender import BatchSender
from message_queues.messaging.message_attributes import checked_attributes, checked_body, checked_id, size_of
from message_queues.messaging.publisher import ForQueues, Publisher, PublisherDescription, PublisherSettings
from message_queues.messaging.sqs_message import AwsDelivery

ROOM_S = 0.1
"""`publish` looks again so often whether there is room."""
LONGEST_DELAY_MS = 900_000
NOTHING: Mapping[str, Attribute] = {}

_KNOWN = frozenset(("group_id", "deduplication_id", "delay_ms"))


@dataclass(frozen=True, slots=True)
class AwsTarget:
    """Where a publisher publishes, and what goes there."""

    what: str
    """ "queue" or "sns_topic"."""
    name: str
    is_fifo: bool
    deduplicates_by_content: bool
    maximum_bytes: int
    """Of one message; of a queue its MaximumMessageSize."""
    is_sync: bool = False


class AwsPublisher(Publisher):
    """Publishes to one SQS queue or SNS topic."""

    def __init__(self, sender: BatchSender[OutgoingMessage], settings: PublisherSettings, target: AwsTarget) -> None:
        super().__init__(sender, settings)
        self._sender = sender
        self._target = target
        self.publisher_type = "sync" if target.is_sync else "async"

    def publish(
        self,
        value: object,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
        timestamp_ms: int | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
        **for_queues: Unpack[ForQueues],
    ) -> Delivery:
        """Hand one message over; it is sent with others, after at most `linger_ms`. With `publisher_type="sync"`, return once AWS has it.

        `value`: str or bytes of UTF-8 text, dict, list or dataclass as JSON. `headers`: message attributes: str, bytes, int, float.
        `group_id`, or `key`: the message group, which a FIFO queue or topic keeps in order; a standard queue is fair between groups.
        `deduplication_id`: FIFO drops a second one for five minutes; where the queue does not go by content, None makes one up.
        `delay_ms`: it can be received after so long (whole seconds, rounded up, at most 900), in a standard queue.

        Waits while the buffer is full. Raises TimedOut if that lasts longer than `max_block_ms`, InvalidArgument, InvalidMessageContents,
        MessageTooLarge, Closed; with "sync" also what the delivery failed with: QueueDoesNotExist, AccessDenied, RequestThrottled …
        """
        if self._closed:
            raise Closed(f"the publisher of {self.topic!r} is closed")
        if partition is not None or timestamp_ms is not None:
            raise InvalidArgument(
                "partition and timestamp_ms are other systems': SQS and SNS have no partitions, and stamp messages themselves"
            )
        message = self._message(checked_body(value), NOTHING if headers is None else checked_attributes(headers), key, for_queues)
        delivery = AwsDelivery(self)
        if on_delivery is not None:
            delivery.add_done_callback(on_delivery)
        try:
            self._sender.send(message, delivery.answered)
        except BufferError:
            self._send_when_there_is_room(message, delivery)
        return delivery.result() if self._target.is_sync else delivery

    def _message(self, body: str, attributes: Mapping[str, Attribute], key: bytes | str | None, for_queues: ForQueues) -> OutgoingMessage:
        target = self._target
        foreign = for_queues.keys() - _KNOWN
        if foreign:
            raise InvalidArgument(f"{', '.join(sorted(foreign))}: messages to SQS and SNS have no such thing")
        size = size_of(body, attributes)
        if size > target.maximum_bytes:
            raise MessageTooLarge(f"the message has {size} bytes with its attributes: {self.topic!r} takes at most {target.maximum_bytes}")
        group = self._group(key, for_queues.get("group_id"))
        return OutgoingMessage(
            body,
            size,
            attributes,
            group,
            self._deduplication_id(for_queues.get("deduplication_id")),
            self._delay_s(for_queues.get("delay_ms")),
        )

    def _group(self, key: bytes | str | None, group_id: str | None) -> str | None:
        given = {checked_id(name, value) for name, value in (("key", key), ("group_id", group_id)) if value is not None}
        if len(given) > 1:
            raise InvalidArgument(f"key={key!r} and group_id={group_id!r} both say the message group, and differ")
        if not given and self._target.is_fifo:
            raise InvalidArgument(f"group_id is missing: {self.topic!r} is FIFO, which keeps the order of each message group")
        return next(iter(given), None)

    def _deduplication_id(self, given: str | None) -> str | None:
        target = self._target
        if given is not None:
            if not target.is_fifo:
                raise InvalidArgument(f"deduplication_id={given!r}: {self.topic!r} is not FIFO, and drops no duplicates")
            return checked_id("deduplication_id", given)
        return str(uuid.uuid4()) if target.is_fifo and not target.deduplicates_by_content else None

    def _delay_s(self, delay_ms: float | None) -> int | None:
        if delay_ms is None:
            return None
        if self._target.what != "queue" or self._target.is_fifo:
            raise InvalidArgument(
                f"delay_ms={delay_ms!r}: only single messages to standard queues of SQS can be delayed, not to {self.topic!r}"
            )
        return math.ceil(checked_length("delay_ms", delay_ms, 0, LONGEST_DELAY_MS) / 1000)

    def _send_when_there_is_room(self, message: OutgoingMessage, delivery: AwsDelivery) -> None:
        deadline = time.monotonic() + self._max_block_s
        while True:
            self._sender.wait_for_room(max(0.0, min(ROOM_S, deadline - time.monotonic())))
            try:
                return self._sender.send(message, delivery.answered)
            except BufferError:
                if time.monotonic() >= deadline:
                    raise TimedOut(
                        f"{self._sender.pending()} messages to {self.topic!r} wait for AWS and fill the buffer;"
                        f" no room came within {self._settings.max_block_ms:g} ms"
                    ) from None

    def close(self, timeout_ms: float | None = None) -> None:
        try:
            super().close(timeout_ms)
        finally:
            self._sender.close()

    def describe(self) -> PublisherDescription:
        """Settings and state at this moment."""
        return replace(super().describe(), publisher_type=self.publisher_type)

    def __repr__(self) -> str:
        kind = "SyncPublisher" if self._target.is_sync else "Publisher"
        state = "closed" if self._closed else f"{self._sender.pending()} pending"
        return f"{kind}({self._target.what}={self._target.name!r}, cluster={self._settings.cluster!r}, {state})"
