"""A message of SQS, as it is sent, kept and received."""

from hashlib import blake2b, md5
from random import Random, SystemRandom
from typing import Final, NamedTuple

__all__ = ["Counts", "MessageAttribute", "NewMessage", "Received", "Seen", "Sent", "SqsMessage"]

SEQUENCE_BASE: Final = 18_849_496_460_467_696_128
"""Sequence numbers have 20 digits, as Amazon's; what is added is the message's position."""

_UUID_MASK: Final = ~(0xF << 76 | 0x3 << 62)
_UUID_4: Final = 4 << 76 | 2 << 62
_random_bits: Final = Random(SystemRandom().getrandbits(256)).getrandbits


class MessageAttribute(NamedTuple):
    name: str
    data_type: str
    """String, Number or Binary, and perhaps a custom type behind a dot."""
    value: bytes
    """Of String and Number: the UTF-8 of the text."""


class NewMessage(NamedTuple):
    """What a sender sends, its contents checked."""

    body: bytes
    """UTF-8."""
    attributes: tuple[MessageAttribute, ...] = ()
    md5_of_attributes: str | None = None
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None
    sender_id: str = ""
    delay_s: int | None = None
    """None: the queue's."""


class SqsMessage:
    """A message that a queue has."""

    __slots__ = (
        "attributes",
        "body",
        "deduplication_id",
        "earlier_received_ms",
        "earlier_receives",
        "group_id",
        "id_bytes",
        "md5_of_attributes",
        "md5_of_body",
        "message_id",
        "sender_id",
        "sent_ms",
        "sequence_number",
        "source_arn",
        "trace_header",
    )

    def __init__(
        self,
        id_bytes: bytes,
        body: bytes,
        attributes: tuple[MessageAttribute, ...],
        md5_of_body: str,
        md5_of_attributes: str | None,
        sent_ms: int,
        sequence_number: int | None,
        group_id: str | None,
        deduplication_id: str | None,
        sender_id: str,
        trace_header: str | None,
        source_arn: str | None,
        earlier_receives: int = 0,
        earlier_received_ms: int = 0,
    ) -> None:
        self.id_bytes = id_bytes
        self.message_id = uuid_text(id_bytes)
        """The same as a UUID."""
        self.body = body
        self.attributes = attributes
        self.md5_of_body = md5_of_body
        self.md5_of_attributes = md5_of_attributes
        self.sent_ms = sent_ms
        self.sequence_number = sequence_number
        """Of FIFO queues."""
        self.group_id = group_id
        self.deduplication_id = deduplication_id
        self.sender_id = sender_id
        self.trace_header = trace_header
        self.source_arn = source_arn
        """DeadLetterQueueSourceArn: the queue that it was a dead letter of."""
        self.earlier_receives = earlier_receives
        """API reference, ApproximateReceiveCount: "the number of times a message has been received across all queues but not deleted"."""
        self.earlier_received_ms = earlier_received_ms
        """The first of them; 0 if there were none."""

    def moved(self, id_bytes: bytes, sent_ms: int, source_arn: str | None, receives: int, first_received_ms: int) -> "SqsMessage":
        """As it comes to another queue."""
        return SqsMessage(
            id_bytes,
            self.body,
            self.attributes,
            self.md5_of_body,
            self.md5_of_attributes,
            sent_ms,
            None,
            self.group_id,
            self.deduplication_id,
            self.sender_id,
            self.trace_header,
            source_arn,
            receives,
            first_received_ms,
        )


class Received(NamedTuple):
    message: SqsMessage
    receipt_handle: str
    receive_count: int
    first_received_ms: int


class Sent(NamedTuple):
    message_id: str
    md5_of_body: str
    md5_of_attributes: str | None
    md5_of_system_attributes: str | None
    sequence_number: str | None


class Seen(NamedTuple):
    """A message that was looked at and not received."""

    message: SqsMessage
    receive_count: int
    first_received_ms: int | None
    is_visible: bool
    is_delayed: bool


class Counts(NamedTuple):
    visible: int
    not_visible: int
    delayed: int


def new_id() -> bytes:
    """A random UUID (RFC 9562, version 4)."""
    return (_random_bits(128) & _UUID_MASK | _UUID_4).to_bytes(16)


def fifo_id(queue_id: bytes, position: int) -> bytes:
    """Made of the position, so that who remembers a message for deduplication need not remember its id."""
    return _made_id(position.to_bytes(8), queue_id)


def moved_id(id_bytes: bytes, task_id: str) -> bytes:
    """The new id of a message that a move task moves: the same when it has to move the message again."""
    return _made_id(id_bytes, task_id.encode())


def _made_id(data: bytes, key: bytes) -> bytes:
    return (int.from_bytes(blake2b(data, key=key, digest_size=16).digest()) & _UUID_MASK | _UUID_4).to_bytes(16)


def uuid_text(id_bytes: bytes) -> str:
    digits = id_bytes.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def md5_of(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


def md5_of_system_attributes(trace_header: str) -> str:
    """AWSTraceHeader is the only one there is; Developer Guide, "Calculating the MD5 message digest for message attributes"."""
    name, data_type, value = b"AWSTraceHeader", b"String", trace_header.encode()
    pieces = [len(name).to_bytes(4), name, len(data_type).to_bytes(4), data_type, b"\x01", len(value).to_bytes(4), value]
    return md5_of(b"".join(pieces))


def accepted(id_bytes: bytes, new: NewMessage, sent_ms: int, sequence_number: int | None) -> SqsMessage:
    """What was sent, as a queue has it."""
    return SqsMessage(
        id_bytes,
        new.body,
        new.attributes,
        md5_of(new.body),
        new.md5_of_attributes,
        sent_ms,
        sequence_number,
        new.group_id,
        new.deduplication_id,
        new.sender_id,
        new.trace_header,
        None,
    )


def answer(message_id: str, md5_of_body: str, new: NewMessage, sequence_number: int | None) -> Sent:
    """What the sender is told."""
    trace_header = new.trace_header
    return Sent(
        message_id,
        md5_of_body,
        new.md5_of_attributes,
        md5_of_system_attributes(trace_header) if trace_header is not None else None,
        None if sequence_number is None else str(sequence_number),
    )
