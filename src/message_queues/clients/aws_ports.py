"""What the library needs of Amazon's SQS and SNS: `SqsApi`, `SnsApi`, and the values that pass between.

The adapters over boto3 are `clients/sqs.py` and `clients/sns.py`; a second one, in memory, stands in for them in the tests of `messaging/`.
Names and words are those of AWS's API references. Every call raises Unreachable, TimedOut, NotAuthorized or the error that AWS names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from message_queues.errors import MessageQueuesError

BATCH_MESSAGES = 10
"""Most entries of any batch. SQS API reference, SendMessageBatch; SNS API reference, PublishBatch."""


class Attribute(NamedTuple):
    """A message attribute: data type String, Number or Binary, with what may follow after a dot."""

    data_type: str
    value: str | bytes


Attributes: TypeAlias = Mapping[str, Attribute]


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    body: str
    size: int
    """Bytes that count against the limits: UTF-8 of the body, and names, types and values of the attributes."""
    attributes: Attributes = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None
    delay_s: int | None = None


class Sent(NamedTuple):
    """AWS has the message."""

    message_id: str
    sequence_number: str | None


class Refused(NamedTuple):
    """One entry of a batch was not done; `is_final` if it would not be done the next time either."""

    error: MessageQueuesError
    is_final: bool


class ReceivedMessage(NamedTuple):
    message_id: str
    receipt_handle: str
    body: str
    attributes: Attributes
    system_attributes: Mapping[str, str]
    """SentTimestamp, ApproximateReceiveCount, MessageGroupId, SequenceNumber …"""


Item_contra = TypeVar("Item_contra", contravariant=True)


class Batches(Protocol[Item_contra]):
    """Where batches go."""

    def send(self, batch: Sequence[Item_contra]) -> Sequence[Sent | Refused]:
        """An answer to each, in their order. At most `BATCH_MESSAGES`."""

    def close(self) -> None: ...


Sender: TypeAlias = Batches[OutgoingMessage]
"""Where messages go: a queue, or a topic."""


class Receiver(Protocol):
    """Reads one queue; from several threads at once."""

    def receive(self, count: int, wait_s: int, attempt_id: str | None) -> Sequence[ReceivedMessage]:
        """Up to `count` (1..10) messages, as soon as there is one, or none after `wait_s` (0..20)."""

    def delete(self, receipt_handles: Sequence[str]) -> Sequence[Refused | None]:
        """An answer to each. At most `BATCH_MESSAGES`."""

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> Sequence[Refused | None]:
        """Of (receipt handle, seconds from now on); an answer to each. At most `BATCH_MESSAGES`."""

    def interrupt(self) -> None:
        """End every `receive` that waits, now and from now on: each raises Closed."""

    def close(self) -> None: ...


class SqsApi(Protocol):
    """The queues of one account in one region."""

    def create_queue(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> str:
        """Its URL. Raises QueueNameExists if it exists otherwise, QueueDeletedRecently."""

    def queue_url(self, name: str) -> str | None:
        """None where there is no such queue."""

    def queue_urls(self, prefix: str) -> list[str]:
        """Of all queues whose names begin so."""

    def attributes(self, url: str) -> dict[str, str]:
        """All of them. Raises QueueDoesNotExist."""

    def set_attributes(self, url: str, changes: Mapping[str, str]) -> None:
        """An empty text takes a policy away."""

    def tags(self, url: str) -> dict[str, str]: ...
    def tag(self, url: str, tags: Mapping[str, str]) -> None: ...
    def purge(self, url: str) -> None:
        """Raises PurgeQueueInProgress within 60 s of the one before."""

    def delete_queue(self, url: str) -> None: ...
    def sender(self, url: str, at_once: int) -> Sender:
        """For `at_once` threads."""

    def receiver(self, url: str, at_once: int) -> Receiver:
        """For `at_once` threads."""


class SubscriptionState(NamedTuple):
    arn: str
    protocol: str
    endpoint: str


class SnsApi(Protocol):
    """The topics of one account in one region."""

    def create_topic(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> str:
        """Its ARN. Raises InvalidParameterValue if it exists with other attributes or tags."""

    def topic_arns(self) -> list[str]: ...
    def attributes(self, arn: str) -> dict[str, str] | None:
        """None where there is no such topic."""

    def set_attribute(self, arn: str, name: str, value: str) -> None: ...
    def tags(self, arn: str) -> dict[str, str]: ...
    def delete_topic(self, arn: str) -> None: ...
    def subscribe(self, arn: str, protocol: str, endpoint: str, attributes: Mapping[str, str]) -> str:
        """The subscription's ARN."""

    def subscriptions(self, arn: str) -> list[SubscriptionState]: ...
    def subscription_attributes(self, arn: str) -> dict[str, str] | None:
        """None where there is no such subscription."""

    def set_subscription_attribute(self, arn: str, name: str, value: str) -> None: ...
    def unsubscribe(self, arn: str) -> None: ...
    def sender(self, arn: str, at_once: int) -> Sender:
        """For `at_once` threads."""


class AwsClient(Protocol):
    """One account in one region: where the two above come from."""

    @property
    def region(self) -> str: ...
    @property
    def sqs(self) -> SqsApi: ...
    @property
    def sns(self) -> SnsApi: ...
    def close(self) -> None: ...
