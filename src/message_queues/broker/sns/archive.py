"""The archive of a FIFO topic: what was published, for as many days as its ArchivePolicy says.

https://docs.aws.amazon.com/sns/latest/dg/fifo-message-archiving-replay.html

A record of the store is an `ArchivedMessage` in MessagePack; positions are in the order of publishing.
"""

import logging
from collections.abc import Iterator
from typing import Final

import msgspec

from message_queues.broker.sns.message import Notification, SnsMessage
from message_queues.broker.sqs.message import MessageAttribute
from message_queues.errors import DamagedFile
from message_queues.storage.message_store import PERSISTENT, MessageStore, StoredMessage, StoreHome

logger = logging.getLogger(__name__)

DAY_MS: Final = 24 * 3600 * 1000
_CHUNK_BYTES: Final = 1024 * 1024
_SWEPT_AT_ONCE: Final = 1000


class ArchivedMessage(msgspec.Struct, frozen=True, array_like=True):
    message_id: str
    timestamp_ms: int
    sequence_number: str
    deduplication_id: str
    base_url: str
    body: str
    subject: str | None
    attributes: tuple[MessageAttribute, ...]
    by_protocol: dict[str, str]
    group_id: str | None
    trace_header: str | None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(ArchivedMessage).decode


class Archive:
    def __init__(self, stores: StoreHome, directory: str) -> None:
        """With what `directory` holds, which need not exist. Raises StorageError and DamagedFile."""
        self._directory = directory
        self._store = MessageStore(stores, directory, lambda data, start, end: 0)
        self._next_position = self._store.next_position

    def append(self, notification: Notification) -> int:
        """Returns where it is."""
        message = notification.message
        record = ArchivedMessage(
            message_id=notification.message_id,
            timestamp_ms=notification.timestamp_ms,
            sequence_number=notification.sequence_number or "",
            deduplication_id=notification.deduplication_id or "",
            base_url=notification.base_url,
            body=message.body,
            subject=message.subject,
            attributes=message.attributes,
            by_protocol=dict(message.by_protocol),
            group_id=message.group_id,
            trace_header=message.trace_header,
        )
        position = self._next_position
        self._store.append(position, (_encode(record), b"", b""), 0, True)
        self._next_position += 1
        return position

    def withdraw(self, position: int) -> None:
        """The publisher hears that it failed, and may try again."""
        self._store.acknowledge(position, 0, PERSISTENT)

    def read(self, position: int, count: int) -> list[tuple[int, ArchivedMessage]]:
        """From `position` on; empty at the end."""
        return [(stored[0], self._read(stored)) for stored in self._store.read(position, count, _CHUNK_BYTES)]

    def first_ms(self) -> int | None:
        """When the oldest message was published."""
        found = self.read(0, 1)
        return found[0][1].timestamp_ms if found else None

    def sweep(self, now_ms: int, days: int) -> bool:
        """Drops some of what is older; whether there may be more."""
        expired = list(self._expired(now_ms - days * DAY_MS))
        for position in expired:
            self._store.acknowledge(position, 0, PERSISTENT)
        return len(expired) == _SWEPT_AT_ONCE

    def _expired(self, before_ms: int) -> Iterator[int]:
        for position, message in self.read(0, _SWEPT_AT_ONCE):
            if message.timestamp_ms >= before_ms:
                return
            yield position

    def _read(self, stored: StoredMessage) -> ArchivedMessage:
        position, data, start, end, *_ = stored
        try:
            return _decode(memoryview(data)[start:end])
        except msgspec.MsgspecError as error:
            raise DamagedFile(self._directory, position, str(error)) from error

    def close(self) -> None:
        self._store.close()

    def delete(self) -> None:
        self._store.delete()


def notification_of(archived: ArchivedMessage, topic_arn: str, signature_version: str) -> Notification:
    """As it was published, with the attribute "Replayed": "The message includes a Replayed attribute to indicate that"."""
    return Notification(
        topic_arn=topic_arn,
        message_id=archived.message_id,
        timestamp_ms=archived.timestamp_ms,
        message=SnsMessage(
            body=archived.body,
            subject=archived.subject,
            attributes=(*archived.attributes, REPLAYED),
            by_protocol=archived.by_protocol,
            group_id=archived.group_id,
            trace_header=archived.trace_header,
        ),
        signature_version=signature_version,
        base_url=archived.base_url,
        sequence_number=archived.sequence_number,
        deduplication_id=archived.deduplication_id,
    )


REPLAYED: Final = MessageAttribute("Replayed", "String", b"true")
