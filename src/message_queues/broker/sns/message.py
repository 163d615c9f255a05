"""A message as it is published to a topic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from message_queues.broker.sqs.message import MessageAttribute


@dataclass(frozen=True, slots=True)
class SnsMessage:
    body: str
    subject: str | None = None
    attributes: tuple[MessageAttribute, ...] = ()
    by_protocol: Mapping[str, str] = field(default_factory=dict)
    """Of a message with MessageStructure=json: what is sent instead of the body, by protocol."""
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None

    def text_for(self, protocol: str) -> str:
        return self.by_protocol.get(protocol, self.body)

    @property
    def content_id(self) -> str:
        """What a FIFO topic with ContentBasedDeduplication takes for the deduplication id: "a SHA-256 hash … of the body"."""
        return sha256(self.body.encode("utf-8", "surrogatepass")).hexdigest()


class Published(NamedTuple):
    message_id: str
    sequence_number: str | None
    """Of FIFO topics."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A published message on its way to subscriptions."""

    topic_arn: str
    message_id: str
    timestamp_ms: int
    message: SnsMessage
    signature_version: str
    base_url: str
    """Under which the publisher knows this server: what the message refers to is reached there."""
    sequence_number: str | None = None
    deduplication_id: str | None = None
    """Of FIFO topics: given, or made of the content."""
