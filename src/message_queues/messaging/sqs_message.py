"""What SQS and SNS say of messages: one that was received, and the fate of one that was sent."""

from collections.abc import Mapping

from message_queues.clients.aws_ports import Attribute, ReceivedMessage, Refused, Sent
from message_queues.message import Delivery, DeliveryOffice, SettledMessage
from message_queues.messaging.batch_sender import Failed


class SqsRecord:
    """A message as it was received, with the name of its queue and until when it is ours."""

    __slots__ = ("deadline", "queue", "received")

    def __init__(self, received: ReceivedMessage, queue: str, deadline: float) -> None:
        self.received = received
        self.queue = queue
        self.deadline = deadline
        """When another consumer may see it, by `time.monotonic`; a heartbeat moves it."""

    @property
    def group_id(self) -> str | None:
        return self.received.system_attributes.get("MessageGroupId")

    @property
    def receive_count(self) -> int:
        return int(self.received.system_attributes.get("ApproximateReceiveCount", 1))

    def topic(self) -> str | None:
        return None

    def partition(self) -> int | None:
        return None

    def offset(self) -> int | None:
        return None

    def key(self) -> bytes | None:
        group = self.group_id
        return None if group is None else group.encode()

    def value(self) -> bytes | None:
        return self.received.body.encode("utf-8", "surrogatepass")

    def timestamp(self) -> tuple[int, int]:
        return (1, int(self.received.system_attributes.get("SentTimestamp", 0)))

    def headers(self) -> object:
        return [(name, _bytes(attribute)) for name, attribute in self.received.attributes.items()]


class SqsMessage(SettledMessage[SqsRecord]):
    """One message read from a queue of Amazon SQS."""

    __slots__ = ()

    @property
    def queue(self) -> str:
        return self._delivery.queue

    @property
    def redelivered(self) -> bool:
        """Whether SQS has handed it out before, to anyone."""
        return self._delivery.receive_count > 1

    @property
    def message_id(self) -> str:
        return self._delivery.received.message_id

    @property
    def group_id(self) -> str | None:
        return self._delivery.group_id

    @property
    def receive_count(self) -> int:
        return self._delivery.receive_count

    @property
    def attributes(self) -> Mapping[str, Attribute]:
        """Message attributes with their data types; `headers` has their values as bytes."""
        return self._delivery.received.attributes

    @property
    def system_attributes(self) -> Mapping[str, str]:
        """What SQS says: SenderId, SentTimestamp, SequenceNumber, MessageDeduplicationId, DeadLetterQueueSourceArn …"""
        return self._delivery.received.system_attributes

    def __repr__(self) -> str:
        group = "" if self.group_id is None else f", group_id={self.group_id!r}"
        again = f", receive_count={self.receive_count}" if self.redelivered else ""
        return f"Message({self.queue!r}, message_id={self.message_id!r}{group}{again})"


def _bytes(attribute: Attribute) -> bytes:
    return attribute.value if isinstance(attribute.value, bytes) else attribute.value.encode("utf-8", "surrogatepass")


class AwsDelivery(Delivery):
    """What became of a message to SQS or SNS."""

    __slots__ = ("_message_id", "_sequence_number")

    def __init__(self, office: DeliveryOffice) -> None:
        super().__init__(office)
        self._message_id: str | None = None
        self._sequence_number: str | None = None

    @property
    def message_id(self) -> str | None:
        return self._message_id

    @property
    def sequence_number(self) -> str | None:
        return self._sequence_number

    def answered(self, outcome: Sent | Refused) -> None:
        """AWS's answer; not for programs to call."""
        if isinstance(outcome, Sent):
            self._message_id, self._sequence_number = outcome
        else:
            self.error = self._office.failed(self, Failed(outcome.error))
        self._know()

    def __repr__(self) -> str:
        if self._message_id is None:
            return super().__repr__()
        return f"Delivery({self.topic!r}, message_id={self._message_id!r})"
