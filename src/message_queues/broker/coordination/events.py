"""What the journal keeps of groups: their last finished generation, and the offsets they committed.

A rebalance under way is not kept: after a restart the group is again in its last stored generation, whose members go on.
"""

from typing import TypeAlias

import msgspec

from message_queues.broker.event import Event


class StoredMember(msgspec.Struct, frozen=True, array_like=True):
    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    rebalance_timeout_ms: int
    session_timeout_ms: int
    protocols: tuple[tuple[str, bytes], ...]
    """Names and metadata in the member's order of preference. Kafka keeps the chosen one only, and so rebalances after a restart."""
    assignment: bytes


class GenerationStored(Event, frozen=True, tag="GenerationStored"):
    """A group became Stable, became Empty, or a static member of a Stable group came back under a new member id."""

    group_id: str
    generation: int
    protocol_type: str | None
    protocol_name: str | None
    leader_id: str | None
    stored_ms: int
    members: tuple[StoredMember, ...] = ()
    """None: the group is Empty, since `stored_ms`."""


class GroupDeleted(Event, frozen=True, tag="GroupDeleted"):
    """The group has gone, and with it all its offsets."""

    group_id: str


class CommittedOffset(msgspec.Struct, frozen=True, array_like=True):
    partition: int
    offset: int
    leader_epoch: int
    metadata: str
    committed_ms: int
    expires_ms: int = -1
    """Set by OffsetCommit 2-4 only; otherwise the retention of the broker counts."""


class OffsetsCommitted(Event, frozen=True, tag="OffsetsCommitted"):
    """A group that does not exist yet comes into being by this, as a simple group: no members, no protocol."""

    group_id: str
    topics: tuple[tuple[str, tuple[CommittedOffset, ...]], ...]


class OffsetsDeleted(Event, frozen=True, tag="OffsetsDeleted"):
    """Deleted by request, or expired."""

    group_id: str
    topics: tuple[tuple[str, tuple[int, ...]], ...]


CoordinationEvent: TypeAlias = GenerationStored | GroupDeleted | OffsetsCommitted | OffsetsDeleted
