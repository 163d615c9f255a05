"""A partition: one log, its configuration, its replicas as metadata, its producers, and those who wait for its next record.

Batches are opaque (invariant 4): the header is parsed, the CRC checked, base offset and leader epoch stamped outside of the CRC. Records
are looked at only where a setting asks for it: `compression.type` other than the producer's, compacted topics, bounds on timestamps.
The checks and their order are those of Kafka's UnifiedLog.append and LogValidator; so are the texts.

The log is opened at the first use, so that ten thousand partitions cost nothing to start with.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from message_queues.broker.cluster.replicas import Replicas
from message_queues.broker.configs.topic_configs import TopicConfig
from message_queues.broker.logs.producer_state import ProducerStates
from message_queues.broker.waiters import Waiters
from message_queues.errors import (
    CorruptMessage,
    InvalidRecord,
    InvalidTimestamp,
    MessageQueuesError,
    MessageTooLarge,
    NotABatch,
    NotEnoughReplicas,
    NotOneBatch,
    OffsetOutOfRange,
    RecordListTooLarge,
    StorageError,
    TransactionalIdAuthorizationFailed,
    UnsupportedCompressionType,
)
from message_queues.records.batch import (
    CODEC_MASK,
    CONTROL_BIT,
    HEADER_BYTES,
    PREFIX_BYTES,
    TRANSACTIONAL_BIT,
    BatchHeader,
    checksum_matches,
    placed,
    read_header,
    read_records,
    recompressed,
    restamped,
)
from message_queues.records.compression import NAMES, NONE, ZSTD
from message_queues.storage.group_commit import RunInBackground
from message_queues.storage.log import Log, LogSettings
from message_queues.storage.open_files import OpenFiles

logger = logging.getLogger(__name__)

_STAMP = Struct(">qii")
"""What the broker writes over the first 16 bytes of a batch: base offset, batch length (unchanged), leader epoch."""

MAGIC = 2
TARGET_CODECS = {**NAMES, "uncompressed": NONE}
"""What `compression.type` may ask for; "producer" asks for nothing."""
NO_TIMESTAMP = -1


def log_settings(config: TopicConfig) -> LogSettings:
    deletes = "delete" in config.cleanup_policy
    return LogSettings(
        segment_bytes=config.segment_bytes,
        segment_ms=config.segment_ms,
        segment_jitter_ms=config.segment_jitter_ms,
        segment_index_bytes=config.segment_index_bytes,
        index_interval_bytes=config.index_interval_bytes,
        retention_ms=config.retention_ms if deletes else -1,
        retention_bytes=config.retention_bytes if deletes else -1,
    )


LENGTH_END = 12
MAGIC_END = 17
SMALLEST_LENGTH = 14
"""The least that a batch length may be, by the oldest format."""


def _framing_refusal(data: bytes) -> MessageQueuesError | None:
    """Why `data` is not exactly one batch of version 2, in the order of Kafka's ByteBufferLogInputStream and ProduceRequest."""
    if len(data) < LENGTH_END:
        return NotOneBatch("Produce requests must have at least one record batch per partition")
    length = int.from_bytes(data[8:LENGTH_END], "big", signed=True)
    if length < SMALLEST_LENGTH:
        return NotABatch(f"Record size {length} is less than the minimum record overhead ({SMALLEST_LENGTH})")
    if len(data) < MAGIC_END:
        return NotOneBatch("Produce requests must have at least one record batch per partition")
    magic = int.from_bytes(data[MAGIC_END - 1 : MAGIC_END], "big", signed=True)
    if not 0 <= magic <= MAGIC:
        return NotABatch(f"Invalid magic found in record: {magic}")
    if length + PREFIX_BYTES > len(data):
        return NotOneBatch("Produce requests must have at least one record batch per partition")
    if magic != MAGIC:
        return NotOneBatch("Produce requests are only allowed to contain record batches with magic version 2")
    if length + PREFIX_BYTES < len(data):
        return NotOneBatch("Produce requests are only allowed to contain exactly one record batch per partition")
    return None


def _batches_before(offset: int, data: bytes) -> bytes:
    position = 0
    while position + LENGTH_END <= len(data):
        if int.from_bytes(data[position : position + 8], "big") >= offset:
            return data[:position]
        position += PREFIX_BYTES + int.from_bytes(data[position + 8 : position + LENGTH_END], "big")
    return data if position >= len(data) else data[:position]


@dataclass(frozen=True, slots=True)
class LogHome:
    """What all partitions share of the machine they live on."""

    open_files: OpenFiles
    run_in_background: RunInBackground


class Partition:
    __slots__ = (
        "_damage",
        "_directory",
        "_home",
        "_is_checkpointing",
        "_log",
        "_uncommitted_bytes",
        "config",
        "high_watermark",
        "index",
        "producers",
        "replicas",
        "topic_name",
        "waiters",
    )

    def __init__(self, topic_name: str, index: int, replicas: Replicas, config: TopicConfig, home: LogHome, directory: str) -> None:
        self.topic_name = topic_name
        self.index = index
        self.replicas = replicas
        self.config = config
        self.producers = ProducerStates()
        self.waiters = Waiters()
        self.high_watermark = 0
        """The offset up to which readers may read; meaningful once the log is open."""
        self._home = home
        self._directory = directory
        self._log: Log | None = None
        self._damage: StorageError | None = None
        self._uncommitted_bytes = 0
        self._is_checkpointing = False

    def __repr__(self) -> str:
        return f"<Partition {self.topic_name}-{self.index}>"

    # The log

    @property
    def log(self) -> Log:
        return self._log or self._open()

    @property
    def is_open(self) -> bool:
        return self._log is not None

    def _open(self) -> Log:
        if self._damage is not None:
            raise self._damage
        recovered: list[BatchHeader] = []
        try:
            log = Log.open(self._home.open_files, self._directory, log_settings(self.config), recovered.append)
        except StorageError as error:
            # Offline until someone has looked: guessing would drop records silently.
            self._damage = error
            logger.error("partition is offline", extra={"topic": self.topic_name, "partition": self.index, "error": str(error)})
            raise
        self.producers = ProducerStates.decode(log.checkpoint_state)
        for header in recovered:
            if header.producer_id >= 0 and header.base_sequence >= 0:
                self.producers.update(header, header.max_timestamp, header.max_timestamp)
        self.high_watermark = log.flushed_offset
        self._log = log
        return log

    def configure(self, config: TopicConfig) -> None:
        self.config = config
        if self._log is not None:
            self._log.settings = log_settings(config)

    def close(self) -> None:
        if self._log is not None:
            self._log.close(self.producers.encode())
            self._log = None

    def discard(self) -> None:
        """The topic is deleted: readers that wait are told, and nothing is written any more."""
        self._log = None
        self._damage = StorageError(f"{self.topic_name}-{self.index} was deleted")
        self.waiters.wake(1 << 62)

    # Writing

    def append(self, batch: bytes, now_ms: int, *, in_sync: bool) -> tuple[int, int]:
        """Checks and buffers one batch; `in_sync` (acks=all) asks for min.insync.replicas.

        Returns (base offset, append time or -1); for a batch that was appended before, what it got then, and its largest timestamp, as
        Kafka does. The caller adds this partition to the group commit; until that has flushed it nobody
        reads the batch. Raises what Kafka would: the classes of errors.py under "Produced records".
        """
        log = self._log or self._open()
        config = self.config
        if in_sync and len(self.replicas.in_sync) < config.min_insync_replicas:
            self._check_in_sync(config.min_insync_replicas)
        header = self._checked_header(batch)
        append_time = NO_TIMESTAMP
        if header.max_timestamp > now_ms + config.message_timestamp_after_max_ms or not config.takes_batches_as_sent:
            batch, header, append_time = self._rewritten(batch, header, now_ms)
        if header.producer_id >= 0:
            appended = self.producers.check(header)
            if appended is not None:
                return appended
        base_offset = log.end_offset
        leader_epoch = self.replicas.leader_epoch
        header = placed(header, base_offset, leader_epoch)
        log.append(header, (_STAMP.pack(base_offset, header.batch_length, leader_epoch), memoryview(batch)[16:]), now_ms)
        self._uncommitted_bytes += header.batch_length
        if header.producer_id >= 0:
            self.producers.update(header, header.max_timestamp, now_ms)
        return base_offset, append_time

    def _check_in_sync(self, wanted: int) -> None:
        # A topic with fewer replicas than min.insync.replicas is not unwritable: all that it has are enough (Partition.effectiveMinIsr).
        wanted = min(wanted, len(self.replicas.assigned))
        if len(self.replicas.in_sync) < wanted:
            raise NotEnoughReplicas(
                f"The size of the current ISR : {len(self.replicas.in_sync)} is insufficient to satisfy the min.isr requirement of "
                f"{wanted} for partition {self.topic_name}-{self.index}"
            )

    def _checked_header(self, batch: bytes) -> BatchHeader:
        size = len(batch)
        if size < HEADER_BYTES:
            raise _framing_refusal(batch) or CorruptMessage(f"A record batch of {size} bytes is smaller than its header")
        header = read_header(batch)
        config = self.config
        if (
            header.magic == MAGIC
            and header.batch_length + PREFIX_BYTES == size
            and not header.base_offset
            and size <= config.max_message_bytes
            and size <= config.segment_bytes
            and header.last_offset_delta + 1 == header.record_count > 0
            and not header.attributes & (CONTROL_BIT | TRANSACTIONAL_BIT)
            and header.attributes & CODEC_MASK <= ZSTD
            and checksum_matches(batch, header)
        ):
            return header
        raise self._refusal(batch, header, size)

    def _refusal(self, batch: bytes, header: BatchHeader, size: int) -> MessageQueuesError:
        """Why Kafka would refuse this batch; the order is that of its checks."""
        where = f"{self.topic_name}-{self.index}"
        if refusal := _framing_refusal(batch):
            return refusal
        if header.is_transactional:
            # Transactions are not built, so no transactional id may be used.
            return TransactionalIdAuthorizationFailed("Transactional Id authorization failed.")
        if header.base_offset != 0:
            return InvalidRecord(f"The baseOffset of the record batch in the append to {where} should be 0, but it is {header.base_offset}")
        if size > self.config.max_message_bytes:
            return MessageTooLarge(
                f"The record batch size in the append to {where} is {size} bytes which exceeds the maximum configured value of "
                f"{self.config.max_message_bytes}."
            )
        if not checksum_matches(batch, header):
            return CorruptMessage(f"Record is corrupt (stored crc = {header.crc}) in topic partition {where}.")
        if header.record_count <= 0 or header.last_offset_delta + 1 != header.record_count:
            return InvalidRecord(
                f"Inconsistent batch offset range [0, {header.last_offset_delta}] and count of records {header.record_count} "
                f"in topic partition {where}."
            )
        if header.is_control:
            return InvalidRecord("Clients are not allowed to write control records")
        if header.compression > ZSTD:
            return UnsupportedCompressionType(f"Unknown compression type id: {header.compression}")
        return RecordListTooLarge(
            f"Message batch size is {size} bytes in append to partition {where}, which exceeds the maximum configured segment size of "
            f"{self.config.segment_bytes}."
        )

    def _rewritten(self, batch: bytes, header: BatchHeader, now_ms: int) -> tuple[bytes, BatchHeader, int]:
        """The slow way: records are checked one by one, then compressed or stamped anew where the topic says so."""
        config = self.config
        is_create_time = config.message_timestamp_type == "CreateTime"
        self._check_records(batch, now_ms, timestamps=is_create_time)
        codec = TARGET_CODECS.get(config.compression_type)
        if codec is not None and codec != header.compression:
            batch = recompressed(batch, codec, config.compression_level)
        append_time = NO_TIMESTAMP
        if not is_create_time:
            append_time = now_ms
            batch = restamped(batch, log_append_time=now_ms)
        return batch, read_header(batch), append_time

    def _check_records(self, batch: bytes, now_ms: int, *, timestamps: bool) -> None:
        config = self.config
        earliest = now_ms - config.message_timestamp_before_max_ms
        latest = now_ms + config.message_timestamp_after_max_ms
        wants_keys = "compact" in config.cleanup_policy
        keyless: list[tuple[int, str]] = []
        out_of_range: list[tuple[int, str]] = []
        for index, record in enumerate(read_records(batch)):
            if wants_keys and record.key is None:
                where = f"{self.topic_name}-{self.index}"
                keyless.append((index, f"Compacted topic cannot accept message without key in topic partition {where}"))
            elif timestamps and record.timestamp != NO_TIMESTAMP and not earliest <= record.timestamp <= latest:
                out_of_range.append(
                    (
                        index,
                        f"Timestamp {record.timestamp} of message with offset {record.offset} is out of range. "
                        f"The timestamp should be within [{earliest}, {latest}]",
                    )
                )
        if out_of_range:
            raise InvalidTimestamp("One or more records have been rejected due to invalid timestamp", tuple(sorted(out_of_range + keyless)))
        if keyless:
            shown = ", ".join(f"RecordError(batchIndex={index}, message={message!r})" for index, message in keyless[:3])
            raise InvalidRecord(
                f"One or more records have been rejected due to {len(keyless)} record errors in total, "
                f"and only showing the first three errors at most: [{shown}]",
                tuple(keyless),
            )

    # Group commit

    def flush(self) -> None:
        log = self._log
        if log is None:
            if self._damage is not None:
                # Deleted, or offline, since something was appended: nobody may think that it was kept.
                raise self._damage
            return
        try:
            log.flush()
        except StorageError:
            self._uncommitted_bytes = 0
            self.producers.forget_from(log.end_offset)
            raise
        if log.checkpoint_is_due and not self._is_checkpointing:
            self._checkpoint(log)

    def _checkpoint(self, log: Log) -> None:
        # Taken right after a flush: the producers' state and the file hold exactly the same batches.
        write, finish = log.begin_checkpoint(self.producers.encode())
        failures: list[StorageError] = []

        def write_or_leave() -> None:
            try:
                write()
            except StorageError as error:
                failures.append(error)

        def written() -> None:
            self._is_checkpointing = False
            try:
                if not failures and self._log is log:
                    finish()
            except StorageError as error:
                failures.append(error)
            for failure in failures:
                # The next checkpoint tries again; until then a crash costs a longer recovery.
                logger.warning("checkpoint not written", extra={"partition": repr(self), "error": str(failure)})

        self._is_checkpointing = True
        self._home.run_in_background(write_or_leave, written)

    def begin_sync(self) -> Callable[[], None]:
        sync = self.log.begin_sync()

        def sync_or_go_offline() -> None:
            try:
                sync()
            except StorageError as error:
                # The disk may have dropped what it was given and say otherwise the next time: only a new start can tell what there is.
                logger.error("partition is offline", extra={"topic": self.topic_name, "partition": self.index, "error": str(error)})
                self._damage, self._log = error, None
                raise

        return sync_or_go_offline

    def committed(self) -> None:
        log = self._log
        if log is None:
            return
        self.high_watermark = log.flushed_offset
        arrived_bytes, self._uncommitted_bytes = self._uncommitted_bytes, 0
        if self.waiters:
            self.waiters.wake(arrived_bytes)

    # Reading

    def has_nothing_after(self, offset: int, leader_epoch: int, node_id: int) -> bool:
        """Whether a reader who stands at `offset` has all there is, asks the leader, and knows it by its epoch (or -1)."""
        replicas = self.replicas
        return (
            offset == self.high_watermark
            and self._log is not None
            and replicas.leader == node_id
            and (leader_epoch == -1 or leader_epoch == replicas.leader_epoch)
        )

    def read(self, offset: int, max_bytes: int, *, at_least_one: bool) -> bytes:
        """Whole batches from the one that holds `offset`; only the last may be cut off. Raises OffsetOutOfRange, DamagedFile."""
        log = self._log or self._open()
        if offset == self.high_watermark:
            return b""
        if offset > self.high_watermark:
            raise OffsetOutOfRange(
                f"Received request for offset {offset} for partition {self.topic_name}-{self.index}, "
                f"but we only have log segments upto {self.high_watermark}."
            )
        data = log.read(offset, max_bytes, at_least_one=at_least_one)
        # What is in the file and not synced yet is nobody's business.
        return data if log.flushed_offset == self.high_watermark else _batches_before(self.high_watermark, data)

    def delete_records(self, offset: int) -> int:
        """Moves the log's start to `offset` (-1: the high watermark); returns the new start."""
        log = self.log
        target = self.high_watermark if offset == -1 else offset
        if target < 0 or target > self.high_watermark:
            raise OffsetOutOfRange(
                f"Cannot increment the log start offset to {target} of partition {self.topic_name}-{self.index} "
                f"since it is larger than the high watermark {self.high_watermark}"
            )
        if target > log.start_offset:
            log.delete_before(target)
        return log.start_offset

    def apply_retention(self, now_ms: int, producer_expiration_ms: int) -> int:
        """Drops what is too old or too much, and producers that have not been seen; returns the bytes given back."""
        if self._damage is not None:
            # Deleted, or offline, which was told when it happened.
            return 0
        log = self.log
        self.producers.expire(now_ms, producer_expiration_ms)
        return log.apply_retention(now_ms, self.producers.encode)
