"""What a queue is declared as, for good."""

from dataclasses import dataclass, field

from message_queues.broker.queues.queue_arguments import CLASSIC
from message_queues.records.field_table import FieldTable


@dataclass(frozen=True, slots=True)
class QueueIdentity:
    name: str
    virtual_host: str
    queue_id: bytes
    """16 bytes, new for each declaration: a queue deleted and declared again has nothing of the old one."""
    kind: str = CLASSIC
    is_durable: bool = True
    is_auto_delete: bool = False
    arguments: FieldTable = field(default_factory=dict)
    owner: object | None = None
    """The connection that an exclusive queue belongs to."""
