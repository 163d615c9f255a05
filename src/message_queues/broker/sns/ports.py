"""What SNS needs of others: queues, the form of what it sends, and a way out by HTTP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from message_queues.broker.clock import Clock, Timers
from message_queues.broker.event import Event
from message_queues.broker.sns.message import Notification
from message_queues.broker.sqs.message import MessageAttribute, NewMessage, Sent
from message_queues.broker.sqs.queue_settings import QueueSettings
from message_queues.storage.message_store import StoreHome


class TargetQueue(Protocol):
    """A queue of SQS."""

    @property
    def arn(self) -> str: ...
    @property
    def settings(self) -> QueueSettings: ...
    def send(self, new: NewMessage) -> Sent: ...


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What an endpoint is asked when it was subscribed, or told when it was unsubscribed."""

    kind: str
    """SubscriptionConfirmation or UnsubscribeConfirmation."""
    topic_arn: str
    message_id: str
    timestamp_ms: int
    token: str
    text: str
    signature_version: str
    base_url: str


class Letters(Protocol):
    """What endpoints are sent."""

    def notification(self, notification: Notification, text: str) -> Callable[[str], str]:
        """The envelope by the ARN of the subscription; what it has in common for all, the signature, is made once."""
        ...

    def confirmation(self, confirmation: Confirmation) -> str: ...

    def md5_of_attributes(self, attributes: Sequence[MessageAttribute]) -> str: ...


@dataclass(frozen=True, slots=True)
class HttpDelivery:
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Outcome(Enum):
    DELIVERED = "delivered"
    FAILED = "failed"
    """The endpoint is to be tried again."""
    REFUSED = "refused"
    """It would be refused again."""


Deliver = Callable[[HttpDelivery, Callable[[Outcome, str], None]], None]
"""Sends it, and tells what became of it and, of a failure, why; once, later, on the event loop."""


@dataclass(frozen=True, slots=True)
class SnsHome:
    clock: Clock
    timers: Timers
    call_soon: Callable[[Callable[[], None]], object]
    stores: StoreHome
    directory: str
    """Of what SNS keeps: each topic has a directory in it, named by its id in hexadecimal, and deliveries by HTTP have one."""
    commit: Callable[[list[Event]], None]
    remove_files: Callable[[str], None]
    """Of a directory, once it is durable that they are not needed."""
    find_queue: Callable[[str], TargetQueue | None]
    """By its ARN."""
