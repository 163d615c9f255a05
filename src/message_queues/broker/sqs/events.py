"""The durable facts about queues of SQS; messages and what becomes of them are in the queues' stores."""

from typing import TypeAlias

import msgspec

from message_queues.broker.event import Event


class SqsQueueCreated(Event, frozen=True, tag="SqsQueueCreated"):
    region: str
    account: str
    name: str
    queue_id: bytes
    created_ms: int
    attributes: dict[str, str]
    """As they were set; what is not in it has its default."""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    modified_ms: int | None = None
    """None: when it was created."""


class SqsQueueDeleted(Event, frozen=True, tag="SqsQueueDeleted"):
    region: str
    account: str
    name: str
    deleted_ms: int


class SqsQueueAttributesSet(Event, frozen=True, tag="SqsQueueAttributesSet"):
    queue_id: bytes
    changes: dict[str, str | None]
    """None takes the attribute away."""
    modified_ms: int


class SqsQueueTagged(Event, frozen=True, tag="SqsQueueTagged"):
    queue_id: bytes
    tags: dict[str, str]


class SqsQueueUntagged(Event, frozen=True, tag="SqsQueueUntagged"):
    queue_id: bytes
    keys: list[str]


class SqsMoveTaskStarted(Event, frozen=True, tag="SqsMoveTaskStarted"):
    task_id: str
    source_arn: str
    destination_arn: str | None
    """None: each message goes back to where it was a dead letter."""
    rate: int | None
    """Messages per second; None: as fast as it goes."""
    to_move: int
    started_ms: int


class SqsMoveTaskProgressed(Event, frozen=True, tag="SqsMoveTaskProgressed"):
    task_id: str
    moved: int
    """In all."""


class SqsMoveTaskEnded(Event, frozen=True, tag="SqsMoveTaskEnded"):
    task_id: str
    status: str
    moved: int
    failure_reason: str | None = None


SqsEvent: TypeAlias = (
    SqsQueueCreated
    | SqsQueueDeleted
    | SqsQueueAttributesSet
    | SqsQueueTagged
    | SqsQueueUntagged
    | SqsMoveTaskStarted
    | SqsMoveTaskProgressed
    | SqsMoveTaskEnded
)
