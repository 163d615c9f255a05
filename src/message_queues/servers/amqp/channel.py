"""One channel of an AMQP connection."""

from typing import TYPE_CHECKING

from message_queues.broker.queues.queue import Queue
from message_queues.records.field_table import FieldTable
from message_queues.servers.amqp.counters import ChannelCounters

if TYPE_CHECKING:
    from message_queues.servers.amqp.connection import AmqpConnection


class ChannelConsumer:
    """What broker/queues/consumer.py asks of a consumer, and what management shows of it."""

    tag: str
    queue: Queue
    channel: "AmqpChannel"
    no_ack: bool
    is_exclusive: bool
    priority: int
    arguments: FieldTable
    can_take: bool
    is_active: bool
    prefetch_count: int
    unacknowledged_count: int


class AmqpChannel:
    number: int
    name: str
    """ "127.0.0.1:50000 -> 127.0.0.1:5672 (1)"."""
    connection: "AmqpConnection"
    state: str
    """starting, running, flow (its connection is blocked), closing."""
    consumers: dict[str, ChannelConsumer]
    prefetch_count: int
    global_prefetch_count: int
    is_confirming: bool
    is_transactional: bool
    idle_since_ms: int
    counters: ChannelCounters

    @property
    def unacknowledged_count(self) -> int:
        return 0

    @property
    def unconfirmed_count(self) -> int:
        return 0

    @property
    def uncommitted_count(self) -> int:
        return 0

    @property
    def uncommitted_acknowledgements(self) -> int:
        return 0
