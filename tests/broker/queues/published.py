"""Messages as a client publishes them, for tests of what happens to them afterwards."""

from message_queues.broker.queues.message import QueueMessage
from message_queues.records.field_table import FieldTable
from message_queues.records.properties import Properties, read_attributes, write_properties


def published(
    routing_key: str = "",
    headers: FieldTable | None = None,
    *,
    body: bytes = b"",
    exchange: str = "x",
    other_keys: tuple[str, ...] = (),
    properties: Properties | None = None,
) -> QueueMessage:
    written = write_properties(properties or Properties(headers=headers))
    return QueueMessage(exchange, routing_key, written, body, read_attributes(written), other_keys)
