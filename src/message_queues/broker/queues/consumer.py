"""The channel's side of a subscription, as queues see it."""

from typing import Protocol

from message_queues.broker.queues.message import Entry
from message_queues.records.field_table import FieldTable


class ReturnReason:
    """Why a delivered message comes back. Plain numbers: they are compared for each message."""

    NACK = 0
    REJECT = 1
    CHANNEL_CLOSED = 2
    RECOVER = 3
    TIMEOUT = 4


class CancelReason:
    """Why a queue ends a subscription."""

    QUEUE_DELETED = 0
    TIMEOUT = 1


class Delivering(Protocol):
    """The queue that a delivery came from: who takes an entry settles it there."""

    @property
    def name(self) -> str: ...
    def acknowledge(self, entry: Entry) -> None: ...
    def reject(self, entry: Entry) -> None: ...
    def requeue(self, entries: list[Entry], why: int) -> None: ...


class Consumer(Protocol):
    tag: str
    no_ack: bool
    is_exclusive: bool
    priority: int
    arguments: FieldTable
    prefetch_count: int
    """How many unacknowledged messages it asked for at most; 0: it did not say."""
    can_take: bool
    """Kept by its owner: true while it has credit and its connection takes bytes. Who makes it true again tells the queue."""
    is_active: bool
    """Kept by the queue: false while a single active consumer has it wait."""

    def deliver(self, queue: Delivering, entry: Entry) -> None:
        """Takes the entry; without `no_ack` it comes back by acknowledge, reject or requeue."""
        ...

    def cancelled(self, reason: int) -> None:
        """The queue has ended the subscription and forgotten it."""
        ...
