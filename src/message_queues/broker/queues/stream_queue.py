"""A stream (x-queue-type=stream): messages stay when they are read, and each consumer has its own place in them.

Rules and texts from RabbitMQ's rabbit_stream_queue. A message can be read once it is committed. Acknowledgements only give credit.
What differs on purpose: x-stream-filter is heeded for each message, where RabbitMQ looks at chunks and leaves the rest to the client;
a timestamp leads to the first message that is as late, where RabbitMQ begins with its chunk; messages older than x-max-age go although
no segment was filled since.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from message_queues.broker.clock import Timer
from message_queues.broker.queues.consumer import CancelReason, Consumer, ReturnReason
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.queue_counters import QueueCounters
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.queue_identity import QueueIdentity
from message_queues.broker.queues.queue_settings import QueueSettings
from message_queues.broker.queues.stored_message import write_message
from message_queues.broker.queues.stream_chunks import Chunk, batches_of
from message_queues.errors import CorruptMessage, DamagedFile, NotImplementedByBroker, PreconditionFailed, StorageError
from message_queues.records.batch import read_header
from message_queues.records.field_table import FieldTable, FieldValue, Timestamp
from message_queues.storage.log import Log, LogSettings

logger = logging.getLogger(__name__)

DEFAULT_SEGMENT_BYTES: Final = 500_000_000
"""RabbitMQ's."""
FILTER_VALUE_HEADER: Final = "x-stream-filter-value"

_CHUNK_BYTES: Final = 64 * 1024
_CHUNKS_KEPT: Final = 4
"""Of each stream in memory, so that consumers side by side read once."""
_PASSED_AT_ONCE: Final = 5000
"""So many messages that no filter matches are passed over in one go."""
_LONGEST_RETENTION_INTERVAL_MS: Final = 300_000
_AGE_UNITS_MS: Final = {"Y": 31_536_000_000, "M": 2_592_000_000, "D": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}


class InvalidAge(ValueError):
    """Not a number above 0 and one of Y, M, D, h, m, s."""


def age_ms(text: str) -> int:
    """From x-max-age or an interval such as "1h"."""
    digits = len(text) - len(text.lstrip("0123456789"))
    unit_ms = _AGE_UNITS_MS.get(text[digits:])
    if not digits or not text[:digits].isascii() or digits > 18 or unit_ms is None or not int(text[:digits]):
        raise InvalidAge(text)
    return int(text[:digits]) * unit_ms


class _Reader:
    """A consumer and its place."""

    __slots__ = ("chunk", "consumer", "filters", "is_resuming", "matches_unfiltered", "offset")

    def __init__(self, consumer: Consumer, offset: int, filters: frozenset[str] | None, matches_unfiltered: bool) -> None:
        self.consumer = consumer
        self.offset = offset
        """Of the next message that it may get."""
        self.filters = filters
        self.matches_unfiltered = matches_unfiltered
        self.chunk: Chunk | None = None
        self.is_resuming = False
        """It goes on in a later turn."""

    def wants(self, message: QueueMessage) -> bool:
        """Whether its filter lets the message through; only where it has one."""
        value = message.attributes.headers.get(FILTER_VALUE_HEADER) if message.attributes.has_headers else None
        if not isinstance(value, str):
            return self.matches_unfiltered
        return self.filters is not None and value in self.filters


class StreamQueue:
    """Appends are collected and written by the group commit, as those of any store."""

    __slots__ = (
        "_bytes_to_retention", "_chunks", "_clock", "_home", "_is_checkpointing", "_is_closed", "_is_deleted", "_is_dirty",
        "_log", "_pending", "_readable", "_readers", "_refuses_returns", "_tail", "_timer", "arguments", "counters",
        "idle_since_ms", "is_auto_delete", "is_durable", "kind", "name", "owner", "queue_id", "settings", "virtual_host",
    )  # fmt: skip

    def __init__(self, identity: QueueIdentity, settings: QueueSettings, home: QueueHome) -> None:
        """Opens its log: raises StorageError and DamagedFile."""
        self.name = identity.name
        self.virtual_host = identity.virtual_host
        self.queue_id = identity.queue_id
        self.kind = identity.kind
        self.is_durable = True
        self.is_auto_delete = False
        self.arguments = identity.arguments
        self.owner: object | None = None
        self.settings = settings
        self.counters = QueueCounters()
        self._home = home
        self._clock = home.clock
        self.idle_since_ms = home.clock.now_ms()
        self._refuses_returns = not home.version.is_4
        self._pending: list[tuple[QueueMessage, int]] = []
        """(message, when) of what waits for the flush."""
        self._tail: Chunk | None = None
        """What the last flush wrote."""
        self._chunks: OrderedDict[int, Chunk] = OrderedDict()
        """By the offset they were read for, the latest used last."""
        self._readers: dict[Consumer, _Reader] = {}
        self._is_dirty = False
        self._is_closed = False
        self._is_deleted = False
        self._is_checkpointing = False
        self._timer: Timer | None = None
        directory = f"{home.directory}/{identity.queue_id.hex()}"
        self._log = Log.open(home.backlogs.stores.open_files, directory, _log_settings(settings), lambda header: None)
        self._readable = self._log.flushed_offset
        self._bytes_to_retention = 0
        self._plan_retention()

    def configure(self, settings: QueueSettings) -> None:
        """The policy has changed."""
        self.settings = settings
        self._log.settings = _log_settings(settings)
        self._apply_retention()
        self._plan_retention()

    def used(self) -> None:
        """It was declared again."""

    # Messages in

    def publish(self, message: QueueMessage) -> bool:
        """Never refused. Consumers get it once it is committed."""
        self.counters.published += 1
        self._pending.append((message, self._clock.now_ms()))
        if not self._is_dirty:
            self._is_dirty = True
            self._home.group_commit.add(self)
        return True

    def flush(self) -> None:
        self._is_dirty = False
        pending, self._pending = self._pending, []
        log = self._log
        if self._is_closed or not pending:
            return
        first = log.end_offset
        now_ms = pending[-1][1]
        for header, chunks in batches_of([write_message(message, when, 0) for message, when in pending], first, now_ms):
            log.append(header, chunks, now_ms)
            self._bytes_to_retention -= header.size
        log.flush()
        self._tail = Chunk.of_messages(first, pending) if self._readers else None

    def begin_sync(self) -> Callable[[], None]:
        return self._log.begin_sync()

    def committed(self) -> None:
        if self._is_closed:
            return
        self._readable = self._log.flushed_offset
        for reader in list(self._readers.values()):
            if reader.consumer.can_take:
                self._serve_or_cancel(reader)
        if self._bytes_to_retention < 0:
            self._apply_retention()
        if self._log.checkpoint_is_due and not self._is_checkpointing:
            self._checkpoint()

    # Messages out

    def get(self, no_ack: bool) -> Entry | None:
        raise NotImplementedByBroker(f"basic.get not supported by stream queues {self._called}")

    def acknowledge(self, entry: Entry) -> None:
        """The credit is the consumer's to give; the message stays."""
        self.counters.acknowledged += 1

    def reject(self, entry: Entry) -> None:
        self._refuse_returns()

    def requeue(self, entries: Iterable[Entry], why: int) -> None:
        """Nothing comes back: who wants it again reads it again."""
        if why in (ReturnReason.NACK, ReturnReason.REJECT, ReturnReason.RECOVER):
            self._refuse_returns()

    def delivery_properties(self, entry: Entry) -> bytes:
        return entry.message.properties

    def _refuse_returns(self) -> None:
        if self._refuses_returns:
            raise NotImplementedByBroker(f"basic.nack and basic.reject not supported by stream queues {self._called}")

    @property
    def _called(self) -> str:
        return f"queue '{self.name}' in vhost '{self.virtual_host}'"

    # Consumers

    @property
    def consumers(self) -> list[Consumer]:
        return list(self._readers)

    @property
    def active_consumer(self) -> Consumer | None:
        return None

    def add_consumer(self, consumer: Consumer) -> None:
        """Raises PreconditionFailed without a prefetch count, NotImplementedByBroker without acknowledgements."""
        if not consumer.prefetch_count:
            called = f"'{self._called}'" if self._refuses_returns else f"stream {self._called}"
            raise PreconditionFailed(f"consumer prefetch count is not set for {called}")
        if consumer.no_ack:
            called = f"stream queues {self._called}" if self._refuses_returns else f"stream {self._called}"
            raise NotImplementedByBroker(f"automatic acknowledgement not supported by {called}")
        arguments = consumer.arguments
        try:
            offset = self._offset_of(arguments.get("x-stream-offset", "next"))
        except InvalidAge as error:
            raise PreconditionFailed(f"failed consuming from stream {self._called}: invalid_max_age") from error
        filters = _filters(arguments) if self._home.version.pair >= (3, 13) else None
        consumer.is_active = True
        reader = _Reader(consumer, offset, filters, arguments.get("x-stream-match-unfiltered") is True)
        self._readers[consumer] = reader
        self._serve_or_cancel(reader)

    def remove_consumer(self, consumer: Consumer) -> None:
        if self._readers.pop(consumer, None) is not None and not self._readers:
            self.idle_since_ms = self._clock.now_ms()
            self._tail = None
            self._chunks.clear()

    def consumer_ready(self, consumer: Consumer) -> None:
        """Its `can_take` has become true."""
        reader = self._readers.get(consumer)
        if reader is not None and reader.offset < self._readable:
            self._serve_or_cancel(reader)

    def timeout_of(self, consumer: Consumer | None) -> int | None:
        """A stream waits for its consumers as long as they like."""
        return None

    def _offset_of(self, wanted: FieldValue) -> int:
        """Where a consumer with this x-stream-offset begins."""
        log = self._log
        if isinstance(wanted, Timestamp):
            return self._offset_at(wanted * 1000)
        if isinstance(wanted, int) and not isinstance(wanted, bool):
            return max(wanted, 0)
        if wanted == "first":
            return log.start_offset
        if wanted == "next":
            return self._readable
        if wanted == "last":
            return self._last_batch()
        if isinstance(wanted, str):
            return self._offset_at(self._clock.now_ms() - age_ms(wanted))
        raise InvalidAge(wanted)

    def _offset_at(self, timestamp_ms: int) -> int:
        found = self._log.offset_for_timestamp(timestamp_ms)
        return self._readable if found is None else min(found[0], self._readable)

    def _last_batch(self) -> int:
        log = self._log
        if self._readable <= log.start_offset:
            return self._readable
        return max(read_header(log.read(self._readable - 1, _CHUNK_BYTES)).base_offset, log.start_offset)

    # Deliveries

    def _serve(self, reader: _Reader) -> None:
        """Delivers what is committed, as long as the consumer can take it."""
        consumer = reader.consumer
        counters = self.counters
        readable = self._readable
        left = _PASSED_AT_ONCE
        filters = reader.filters
        while consumer.can_take and reader.offset < readable:
            chunk = reader.chunk
            if chunk is None or not chunk.first <= reader.offset < chunk.end:
                chunk = reader.chunk = self._chunk_at(reader)
            message, enqueued_ms = chunk.get(reader.offset)
            offset = reader.offset
            reader.offset = offset + 1
            if filters is not None and not reader.wants(message):
                left -= 1
                if not left:
                    self._resume_later(reader)
                    return
                continue
            entry = Entry(message, offset, 0, enqueued_ms, 0)
            entry.size = len(message.body)
            counters.delivered += 1
            consumer.deliver(self, entry)
        if reader.offset >= readable:
            reader.chunk = None

    def _resume_later(self, reader: _Reader) -> None:
        """The others come first."""
        if not reader.is_resuming:
            reader.is_resuming = True
            self._home.call_soon(lambda: self._resume(reader))

    def _resume(self, reader: _Reader) -> None:
        reader.is_resuming = False
        if reader.consumer in self._readers:
            self._serve_or_cancel(reader)

    def _serve_or_cancel(self, reader: _Reader) -> None:
        """A consumer that comes to damage gets nothing more; the others go on."""
        try:
            self._serve(reader)
        except StorageError as error:
            logger.error("a consumer of a stream is cancelled", extra={"queue": self.name, "error": str(error)})
            self.remove_consumer(reader.consumer)
            reader.consumer.cancelled(CancelReason.QUEUE_DELETED)

    def _chunk_at(self, reader: _Reader) -> Chunk:
        """The chunk that begins at the reader's offset, or holds it; the offset moves on if retention has overtaken it."""
        offset = reader.offset = max(reader.offset, self._log.start_offset)
        tail = self._tail
        if tail is not None and tail.first <= offset < tail.end:
            return tail
        chunk = self._chunks.get(offset)
        if chunk is None:
            chunk = self._read(offset)
            self._chunks[offset] = chunk
            if len(self._chunks) > _CHUNKS_KEPT:
                self._chunks.popitem(last=False)
        else:
            self._chunks.move_to_end(offset)
        return chunk

    def _read(self, offset: int) -> Chunk:
        try:
            chunk = Chunk.of_batches(self._log.read(offset, _CHUNK_BYTES), offset)
        except CorruptMessage as error:
            raise DamagedFile(self.name, offset, str(error)) from error
        if chunk.end == chunk.first:
            raise DamagedFile(self.name, offset, "the log has no message at this offset")
        return chunk

    # The whole stream

    @property
    def message_count(self) -> int:
        return max(0, self._readable - self._log.start_offset)

    @property
    def first_offset(self) -> int:
        return self._log.start_offset

    @property
    def committed_offset(self) -> int:
        """Of the last message that can be read; -1 if there never was one."""
        return self._readable - 1

    @property
    def unacknowledged_count(self) -> int:
        """As RabbitMQ says of streams."""
        return 0

    @property
    def ready_bytes(self) -> int:
        """Of the log, which is what x-max-length-bytes counts."""
        return self._log.size_bytes

    @property
    def unacknowledged_bytes(self) -> int:
        return 0

    @property
    def delayed_count(self) -> int:
        return 0

    @property
    def retained_count(self) -> int:
        return 0

    @property
    def persistent_count(self) -> int:
        return self.message_count

    def purge(self) -> int:
        raise NotImplementedByBroker(f"queue.purge not supported by stream queues {self._called}")

    def close(self) -> None:
        """The server stops."""
        if not self._is_closed:
            self.flush()
            self._end()
            self._log.close(b"")

    def delete(self) -> int:
        """Its files go, its consumers are cancelled; RabbitMQ says that there were no messages."""
        if self._is_closed:
            return 0
        consumers = list(self._readers)
        self._end()
        self._is_deleted = True
        self._pending = []
        try:
            self._log.delete()
        except StorageError:
            # The checkpoint under way may have made a file meanwhile; its end tries again.
            if not self._is_checkpointing:
                raise
        for consumer in consumers:
            consumer.cancelled(CancelReason.QUEUE_DELETED)
        return 0

    def _end(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._readers.clear()
        self._chunks.clear()
        self._tail = None

    # Retention and checkpoints

    def _apply_retention(self) -> None:
        settings = self._log.settings
        limit = min(settings.segment_bytes, settings.retention_bytes if settings.retention_bytes >= 0 else settings.segment_bytes)
        self._bytes_to_retention = max(limit // 8, 1)
        try:
            self._log.apply_retention(self._clock.now_ms(), lambda: b"")
        except StorageError as error:
            logger.warning("what is too old in a stream stays", extra={"queue": self.name, "error": str(error)})

    def _plan_retention(self) -> None:
        """Messages grow old although nothing is published."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        max_age_ms = self.settings.max_age_ms
        if max_age_ms is not None and not self._is_closed:
            interval_ms = max(1000, min(max_age_ms // 4, _LONGEST_RETENTION_INTERVAL_MS))
            self._timer = self._home.timers.at(self._clock.now_ms() + interval_ms, self._retain)

    def _retain(self) -> None:
        self._timer = None
        self._apply_retention()
        self._plan_retention()

    def _checkpoint(self) -> None:
        """On another thread, so that opening after a crash reads little."""
        write, finish = self._log.begin_checkpoint(b"")
        failures: list[StorageError] = []

        def write_or_leave() -> None:
            try:
                write()
            except StorageError as error:
                failures.append(error)

        def written() -> None:
            self._is_checkpointing = False
            try:
                if self._is_deleted:
                    self._log.delete()
                elif not failures and not self._is_closed:
                    finish()
            except StorageError as error:
                failures.append(error)
            for failure in failures:
                # The next checkpoint tries again; until then a crash costs a longer recovery.
                logger.warning("checkpoint not written", extra={"queue": self.name, "error": str(failure)})

        self._is_checkpointing = True
        self._home.backlogs.stores.run_in_background(write_or_leave, written)


def _log_settings(settings: QueueSettings) -> LogSettings:
    return replace(
        LogSettings(),
        segment_bytes=settings.stream_segment_bytes or DEFAULT_SEGMENT_BYTES,
        retention_ms=-1 if settings.max_age_ms is None else settings.max_age_ms,
        retention_bytes=-1 if settings.max_length_bytes is None else settings.max_length_bytes,
    )


def _filters(arguments: FieldTable) -> frozenset[str] | None:
    """x-stream-filter: one value or several."""
    wanted = arguments.get("x-stream-filter")
    if isinstance(wanted, str):
        return frozenset((wanted,))
    if isinstance(wanted, list):
        return frozenset(value for value in wanted if isinstance(value, str))
    return None
