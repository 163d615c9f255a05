import random
import struct
from contextlib import suppress

import google_crc32c
import pytest
from aiokafka.record.default_records import DefaultRecordBatch as AiokafkaBatch
from aiokafka.record.default_records import DefaultRecordBatchBuilder as AiokafkaBuilder
from kafka.record.default_records import DefaultRecordBatch as KafkaPythonBatch
from kafka.record.default_records import DefaultRecordBatchBuilder as KafkaPythonBuilder

from message_queues.errors import CorruptMessage, InvalidArgument
from message_queues.records.batch import (
    HEADER_BYTES,
    BatchHeader,
    Record,
    build_batch,
    checksum_matches,
    read_header,
    read_records,
    recompressed,
    restamped,
    split_batches,
)
from message_queues.records.compression import GZIP, LZ4, NAMES, NONE, SNAPPY, ZSTD
from message_queues.records.varint import write_varint

CODECS = sorted(NAMES.values())


def _some_records(seed: int, count: int, base_offset: int = 0) -> list[Record]:
    chance = random.Random(seed)
    return [
        Record(
            base_offset + index,
            1_700_000_000_000 + chance.randint(-1000, 10**10),
            chance.choice([None, b"", b"key", chance.randbytes(chance.randint(1, 70))]),
            chance.choice([None, b"", b"value " * chance.randint(1, 500)]),
            tuple((chance.choice(["", "h", "größe"]), chance.choice([None, b"", b"x" * 200])) for _ in range(chance.randint(0, 3))),
        )
        for index in range(count)
    ]


def _built_by_kafka_python(records: list[Record], codec: int, producer: tuple[int, int, int], is_transactional: bool) -> bytes:
    builder = KafkaPythonBuilder(2, codec, is_transactional, *producer, batch_size=1 << 30)
    for record in records:
        builder.append(record.offset, record.timestamp, record.key, record.value, list(record.headers))
    return bytes(builder.build())


def _read_by_kafka_python(batch: bytes) -> list[Record]:
    opened = KafkaPythonBatch(batch)
    assert opened.validate_crc()
    return [Record(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in opened]


@pytest.mark.parametrize("codec", [NONE, SNAPPY, LZ4, ZSTD])
@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_byte_for_byte_that_of_kafka_python(codec: int, seed: int) -> None:
    records = _some_records(seed, 30)
    producer = (-1, -1, -1) if seed % 2 else (123456789, 7, 42)
    ours = build_batch(
        records,
        compression=codec,
        producer_id=producer[0],
        producer_epoch=producer[1],
        base_sequence=producer[2],
        leader_epoch=0,
        is_transactional=seed == 4,
    )
    assert ours == _built_by_kafka_python(records, codec, producer, seed == 4)


def test_an_empty_batch_is_that_of_kafka_python() -> None:
    assert build_batch([], leader_epoch=0) == _built_by_kafka_python([], NONE, (-1, -1, -1), False)
    assert read_records(build_batch([])) == []


@pytest.mark.parametrize("codec", CODECS)
def test_kafka_python_and_we_read_each_other(codec: int) -> None:
    records = _some_records(codec, 50)
    theirs = _built_by_kafka_python(records, codec, (-1, -1, -1), False)
    assert read_header(theirs).compression == codec
    assert read_records(theirs) == records
    assert _read_by_kafka_python(build_batch(records, compression=codec)) == records


@pytest.mark.parametrize("codec", CODECS)
def test_aiokafka_and_we_read_each_other(codec: int) -> None:
    records = [record._replace(headers=()) for record in _some_records(codec, 50)]
    builder = AiokafkaBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 30
    )
    for record in records:
        builder.append(record.offset, timestamp=record.timestamp, key=record.key, value=record.value, headers=[])
    assert read_records(bytes(builder.build())) == records
    opened = AiokafkaBatch(build_batch(records, compression=codec))
    assert opened.validate_crc()
    assert [Record(r.offset, r.timestamp, r.key, r.value) for r in opened] == records


def test_offsets_are_absolute() -> None:
    records = _some_records(1, 5, base_offset=1000)
    batch = build_batch(records, base_offset=1000)
    header = read_header(batch)
    assert (header.base_offset, header.last_offset, header.next_offset, header.record_count) == (1000, 1004, 1005, 5)
    assert read_records(batch) == records
    with pytest.raises(InvalidArgument):
        build_batch(records, base_offset=1001)
    with pytest.raises(InvalidArgument):
        build_batch(records[::-1], base_offset=1000)


def test_a_batch_with_gaps_keeps_its_offsets() -> None:
    records = [Record(10, 1, b"a", None), Record(17, 2, b"b", None)]
    batch = build_batch(records, base_offset=8)
    assert read_header(batch).next_offset == 18
    assert read_records(batch) == records


def test_the_header_says_what_the_batch_is() -> None:
    batch = build_batch(
        [Record(3, 5, b"", b"")],
        base_offset=3,
        compression=ZSTD,
        producer_id=1 << 40,
        producer_epoch=3,
        base_sequence=9,
        leader_epoch=6,
        is_transactional=True,
        is_control=True,
        log_append_time=77,
    )
    header = read_header(b"before" + batch, 6)
    assert (header.producer_id, header.producer_epoch, header.base_sequence, header.leader_epoch) == (1 << 40, 3, 9, 6)
    assert (header.compression, header.is_transactional, header.is_control, header.is_log_append_time) == (ZSTD, True, True, True)
    assert (header.base_timestamp, header.max_timestamp, header.magic, header.size) == (5, 77, 2, len(batch))
    assert isinstance(header, BatchHeader)
    plain = read_header(build_batch([]))
    assert (plain.compression, plain.is_transactional, plain.is_control, plain.is_log_append_time) == (NONE, False, False, False)


def test_the_checksum_covers_all_but_what_the_broker_stamps() -> None:
    batch = build_batch(_some_records(2, 3))
    header = read_header(batch)
    assert checksum_matches(batch, header)
    for position in range(len(batch)):
        flipped = bytearray(batch)
        flipped[position] ^= 1
        assert checksum_matches(bytes(flipped), header) == (position < 21)


def test_log_append_time_is_the_time_of_every_record() -> None:
    records = _some_records(4, 3)
    batch = restamped(build_batch(records, compression=LZ4, producer_id=5), log_append_time=99)
    header = read_header(batch)
    assert checksum_matches(batch, header)
    assert (header.is_log_append_time, header.max_timestamp, header.producer_id) == (True, 99, 5)
    assert read_records(batch) == [record._replace(timestamp=99) for record in records]
    assert batch == build_batch(records, compression=LZ4, producer_id=5, log_append_time=99)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("target", CODECS)
def test_recompressing_changes_nothing_else(codec: int, target: int) -> None:
    records = [*_some_records(5, 9), Record(9, 1, b"k", b"v", (("\udcff", None),))]
    batch = build_batch(records, compression=codec, producer_id=5, producer_epoch=1, base_sequence=2, log_append_time=6, leader_epoch=4)
    result = recompressed(batch, target)
    assert read_header(result).compression == target
    assert checksum_matches(result, read_header(result))
    assert recompressed(result, NONE) == recompressed(batch, NONE)


def test_a_level_makes_a_difference() -> None:
    batch = build_batch([Record(0, 0, None, random.Random(0).randbytes(100) * 50 + bytes(range(256)) * 40)])
    assert len(recompressed(batch, GZIP, 9)) < len(recompressed(batch, GZIP, 1))


def test_batches_are_split_at_their_lengths() -> None:
    batches = [build_batch(_some_records(seed, seed + 1, seed * 10), base_offset=seed * 10) for seed in range(4)]
    found = split_batches(b"".join(batches))
    assert [header for _, header in found] == [read_header(batch) for batch in batches]
    assert [position for position, _ in found] == [sum(map(len, batches[:index])) for index in range(4)]
    assert split_batches(b"") == []


@pytest.mark.parametrize("cut", [1, 11, 12, 60, 61, 80])
def test_bytes_that_are_no_whole_batch_are_refused(cut: int) -> None:
    batch = build_batch(_some_records(1, 3))
    with pytest.raises(CorruptMessage):
        split_batches(batch + batch[:cut])
    with pytest.raises(CorruptMessage):
        read_records(batch[:cut])


@pytest.mark.parametrize("length", [-1, 0, 48, 2**31 - 1])
def test_a_claimed_length_is_checked(length: int) -> None:
    batch = bytearray(build_batch(_some_records(1, 3)))
    batch[8:12] = struct.pack(">i", length)
    with pytest.raises(CorruptMessage):
        split_batches(bytes(batch))
    with pytest.raises(CorruptMessage):
        read_records(bytes(batch))


@pytest.mark.parametrize("magic", [0, 1, 3])
def test_another_magic_is_refused(magic: int) -> None:
    batch = bytearray(build_batch(_some_records(1, 3)))
    batch[16] = magic
    with pytest.raises(CorruptMessage, match="magic"):
        split_batches(bytes(batch))
    with pytest.raises(CorruptMessage, match="magic"):
        read_records(bytes(batch))


def _batch_of(payload: bytes, record_count: int = 1, codec: int = NONE) -> bytes:
    """A batch with a right checksum over whatever is in it."""
    rest = struct.pack(">hiqqqhii", codec, 0, 0, 0, -1, -1, -1, record_count) + payload
    return struct.pack(">qiib", 0, len(rest) + 9, 0, 2) + struct.pack(">I", google_crc32c.value(rest)) + rest


def _record_of(fields: bytes) -> bytes:
    return write_varint(len(fields)) + fields


MINIMAL = b"\x00\x00\x00\x01\x01\x00"


def test_the_smallest_record_is_seven_bytes() -> None:
    assert read_records(_batch_of(_record_of(MINIMAL))) == [Record(0, 0, None, None)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        _record_of(MINIMAL[:-1]),
        _record_of(MINIMAL) + b"\x00",
        write_varint(100) + MINIMAL,
        write_varint(-1) + MINIMAL,
        write_varint(2**40) + MINIMAL,
        _record_of(MINIMAL + b"\x00"),
        _record_of(b"\x00\x00\x00" + write_varint(50) + b"\x01\x00"),
        _record_of(b"\x00\x00\x00\x01" + write_varint(2**31 - 1) + b"\x00"),
        _record_of(b"\x00\x00\x00\x01\x01" + write_varint(-1)),
        _record_of(b"\x00\x00\x00\x01\x01" + write_varint(2**31 - 1)),
        _record_of(b"\x00\x00\x00\x01\x01" + write_varint(1)),
        _record_of(b"\x00\x00\x00\x01\x01" + write_varint(1) + b"\x01\x01"),
        _record_of(b"\x00\x00\x00\x01\x01" + write_varint(1) + b"\x00" + write_varint(9)),
        _record_of(b"\x00" + b"\xff" * 11 + b"\x00\x01\x01\x00"),
    ],
)
def test_a_malformed_record_is_refused(payload: bytes) -> None:
    with pytest.raises(CorruptMessage):
        read_records(_batch_of(payload))


@pytest.mark.parametrize("count", [-1, 2, 2**31 - 1])
def test_a_claimed_count_is_checked(count: int) -> None:
    with pytest.raises(CorruptMessage):
        read_records(_batch_of(_record_of(MINIMAL), count))


def test_decompression_is_bounded() -> None:
    batch = build_batch([Record(0, 0, None, bytes(1 << 20))], compression=ZSTD)
    assert len(batch) < 1000
    with pytest.raises(CorruptMessage, match="larger"):
        read_records(batch, limit_bytes=1 << 20)
    with pytest.raises(CorruptMessage, match="larger"):
        recompressed(batch, NONE, limit_bytes=1 << 20)


def test_mutated_batches_give_records_or_corrupt_message() -> None:
    chance = random.Random(8)
    for number in range(3000):
        batch = bytearray(build_batch(_some_records(number % 7, 6), compression=CODECS[number % 5]))
        for _ in range(chance.randint(1, 3)):
            batch[chance.randrange(HEADER_BYTES - 4, len(batch))] = chance.randrange(256)
        with suppress(CorruptMessage):
            read_records(bytes(batch), limit_bytes=1 << 20)
