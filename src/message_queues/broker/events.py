"""Every durable fact of the broker, and its form in the journal.

An event says what has happened, never what to do; replaying all of them in order gives the state. A field added later needs a default,
so that journals written before it still read.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from message_queues.broker.access import AccessEvent
from message_queues.broker.coordination.events import CoordinationEvent
from message_queues.broker.event import Event
from message_queues.broker.queues.events import VirtualHostEvent
from message_queues.broker.sns.events import SnsEvent
from message_queues.broker.sqs.events import SqsEvent


class ClusterCreated(Event, frozen=True, tag="ClusterCreated"):
    """The first event of every journal."""

    cluster_id: str


class TopicCreated(Event, frozen=True, tag="TopicCreated"):
    topic_id: bytes
    name: str
    replicas: list[list[int]]
    """The node ids of each partition's replicas, the preferred leader first."""
    configs: dict[str, str]


class TopicDeleted(Event, frozen=True, tag="TopicDeleted"):
    topic_id: bytes


class PartitionsAdded(Event, frozen=True, tag="PartitionsAdded"):
    topic_id: bytes
    replicas: list[list[int]]
    """Of the new partitions only; their numbers follow the existing ones."""


class TopicConfigsAltered(Event, frozen=True, tag="TopicConfigsAltered"):
    topic_id: bytes
    changes: dict[str, str | None]
    """None takes the override away."""


class BrokerConfigsAltered(Event, frozen=True, tag="BrokerConfigsAltered"):
    node_id: int | None
    """None is the default of the whole cluster."""
    changes: dict[str, str | None]


class GroupConfigsAltered(Event, frozen=True, tag="GroupConfigsAltered"):
    group_id: str
    changes: dict[str, str | None]


class ProducerIdsReserved(Event, frozen=True, tag="ProducerIdsReserved"):
    """Ids below `next_producer_id` may have been handed out; a restart goes on from there."""

    next_producer_id: int


BrokerEvent: TypeAlias = (
    ClusterCreated
    | TopicCreated
    | TopicDeleted
    | PartitionsAdded
    | TopicConfigsAltered
    | BrokerConfigsAltered
    | GroupConfigsAltered
    | ProducerIdsReserved
    | CoordinationEvent
    | VirtualHostEvent
    | SqsEvent
    | SnsEvent
    | AccessEvent
)

encode_event: Callable[[Event], bytes] = msgspec.msgpack.Encoder().encode
decode_event: Callable[[bytes], BrokerEvent] = msgspec.msgpack.Decoder(BrokerEvent).decode
