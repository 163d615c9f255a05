"""What a partition remembers of idempotent producers: the last five batches of each producer id (KIP-98, KAFKA-5494).

A batch that was appended before is answered with the offset it got then; a gap or an old epoch is refused. Sequence numbers wrap at 2^31.
A producer that the partition does not know may start with any sequence (KIP-360). `encode` gives the state for the log's checkpoint;
every batch after the checkpoint is told by `update`.

Encoded: version 1 as one byte, the number of producers as uint32; per producer: id int64, epoch int16, last seen int64 (ms), number of
batches as one byte; per batch: base sequence int32, record count int32, base offset int64, largest timestamp int64.
"""

from collections import deque
from struct import Struct

from message_queues.errors import InvalidProducerEpoch, InvalidRecord, OutOfOrderSequence
from message_queues.records.batch import BatchHeader

REMEMBERED_BATCHES = 5
MAX_SEQUENCE = 0x7FFFFFFF
NO_EPOCH = -1
FORMAT = 1

_HEAD = Struct(">BI")
_PRODUCER = Struct(">qhqB")
_BATCH = Struct(">iiqq")


def advance(sequence: int, by: int) -> int:
    """Sequences wrap to zero (Kafka's DefaultRecordBatch.incrementSequence)."""
    return (sequence + by) & MAX_SEQUENCE


class Producer:
    """One producer id's last batches: (base sequence, record count, base offset, largest timestamp)."""

    __slots__ = ("batches", "epoch", "last_seen_ms", "next_sequence")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.last_seen_ms = 0
        self.next_sequence = 0
        self.batches: deque[tuple[int, int, int, int]] = deque(maxlen=REMEMBERED_BATCHES)

    def add(self, base_sequence: int, record_count: int, base_offset: int, max_timestamp: int) -> None:
        self.batches.append((base_sequence, record_count, base_offset, max_timestamp))
        self.next_sequence = advance(base_sequence, record_count)


class ProducerStates:
    __slots__ = ("by_id",)

    def __init__(self) -> None:
        self.by_id: dict[int, Producer] = {}

    def check(self, header: BatchHeader) -> tuple[int, int] | None:
        """None when the batch may be appended; (base offset, largest timestamp) when it was appended before."""
        producer = self.by_id.get(header.producer_id)
        if producer is None:
            return self._check_first(header)
        if header.producer_epoch == producer.epoch:
            if header.base_sequence == producer.next_sequence:
                return None
            return self._appended_before(producer, header)
        if header.producer_epoch < producer.epoch:
            raise InvalidProducerEpoch(
                f"Epoch of producer {header.producer_id} is {header.producer_epoch}, "
                f"which is smaller than the last seen epoch {producer.epoch}"
            )
        if header.base_sequence != 0:
            raise OutOfOrderSequence(
                f"Invalid sequence number for new epoch of producer {header.producer_id}: {header.producer_epoch} (request epoch), "
                f"{header.base_sequence} (seq. number), {producer.epoch} (current producer epoch)"
            )
        return None

    @staticmethod
    def _check_first(header: BatchHeader) -> None:
        if header.base_sequence < 0:
            raise InvalidRecord(f"Invalid sequence number {header.base_sequence} in record batch with producerId {header.producer_id}")
        if header.producer_epoch < NO_EPOCH:
            raise InvalidProducerEpoch(f"Epoch of producer {header.producer_id} is {header.producer_epoch}")

    @staticmethod
    def _appended_before(producer: Producer, header: BatchHeader) -> tuple[int, int]:
        if header.base_sequence < 0:
            raise InvalidRecord(f"Invalid sequence number {header.base_sequence} in record batch with producerId {header.producer_id}")
        for base_sequence, record_count, base_offset, max_timestamp in producer.batches:
            if base_sequence == header.base_sequence and record_count == header.record_count:
                return base_offset, max_timestamp
        raise OutOfOrderSequence(
            f"Out of order sequence number for producer {header.producer_id}: {header.base_sequence} (incoming seq. number), "
            f"{(producer.next_sequence - 1) & MAX_SEQUENCE} (current end sequence number)"
        )

    def update(self, header: BatchHeader, max_timestamp: int, now_ms: int) -> None:
        """The batch is in the log."""
        producer = self.by_id.get(header.producer_id)
        if producer is None or header.producer_epoch > producer.epoch:
            producer = self.by_id[header.producer_id] = Producer(header.producer_epoch)
        producer.add(header.base_sequence, header.record_count, header.base_offset, max_timestamp)
        producer.last_seen_ms = now_ms

    def forget_from(self, offset: int) -> None:
        """Batches at `offset` and beyond were never written: the disk refused them."""
        for producer_id, producer in tuple(self.by_id.items()):
            kept = [batch for batch in producer.batches if batch[2] < offset]
            if len(kept) == len(producer.batches):
                continue
            del self.by_id[producer_id]
            if kept:
                again = self.by_id[producer_id] = Producer(producer.epoch)
                again.last_seen_ms = producer.last_seen_ms
                for batch in kept:
                    again.add(*batch)

    def expire(self, now_ms: int, expiration_ms: int) -> None:
        """Forgets producers that were not seen for `producer.id.expiration.ms`."""
        self.by_id = {id_: producer for id_, producer in self.by_id.items() if producer.last_seen_ms + expiration_ms > now_ms}

    def encode(self) -> bytes:
        parts = [_HEAD.pack(FORMAT, len(self.by_id))]
        for producer_id, producer in self.by_id.items():
            parts.append(_PRODUCER.pack(producer_id, producer.epoch, producer.last_seen_ms, len(producer.batches)))
            parts.extend(_BATCH.pack(*batch) for batch in producer.batches)
        return b"".join(parts)

    @classmethod
    def decode(cls, state: bytes) -> "ProducerStates":
        states = cls()
        if not state:
            return states
        _, count = _HEAD.unpack_from(state)
        position = _HEAD.size
        for _ in range(count):
            producer_id, epoch, last_seen_ms, batches = _PRODUCER.unpack_from(state, position)
            position += _PRODUCER.size
            producer = states.by_id[producer_id] = Producer(epoch)
            producer.last_seen_ms = last_seen_ms
            for _ in range(batches):
                producer.add(*_BATCH.unpack_from(state, position))
                position += _BATCH.size
        return states
