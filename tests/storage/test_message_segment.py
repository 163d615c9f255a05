import pytest

from message_queues.errors import CorruptMessage, DamagedFile
from message_queues.records.batch import checksum_matches, read_header, read_records
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.message_segment import (
    BATCH_BYTES,
    PERSISTENT,
    SUMMARY_BYTES,
    MessageSegment,
    StoredMessage,
    Summary,
    batch_fault,
    batch_head,
    make_batches,
    offset_check,
    read_messages,
    read_summary,
    write_summary,
)
from message_queues.storage.open_files import OpenFiles


def _message(position: int, size: int = 50) -> tuple[int, tuple[int, tuple[bytes, bytes, bytes]]]:
    return position, (size, (b"h%d" % position, b"", b"b" * size))


def _written(positions: list[int], size: int = 50) -> tuple[MessageSegment, OpenFiles]:
    file_system = MemoryFileSystem()
    file_system.make_directories("/q")
    segment = MessageSegment("/q", positions[0], PERSISTENT)
    file = file_system.open(segment.path, create=True)
    for batch in make_batches([_message(position, size) for position in positions]):
        file.append([batch_head(batch, 0), batch.payload])
        segment.take(batch)
    return segment, OpenFiles(file_system)


@pytest.mark.parametrize("size", [0, 1, 50, 51, 63, 64, 200, 8000, 9000, 3_000_000])
@pytest.mark.parametrize("positions", [[0], [7, 8, 9], [0, 1, 63, 64, 65, 8191, 8192, 1_000_000], list(range(300))])
def test_batches_are_standard_record_batches(positions: list[int], size: int) -> None:
    if size > 10_000:
        positions = positions[:8]
    found = []
    for batch in make_batches([_message(position, size) for position in positions]):
        data = batch_head(batch, 17) + batch.payload
        header = read_header(data)
        assert (header.size, header.next_offset, header.record_count) == (len(data), batch.end, batch.messages)
        assert (header.producer_id, header.base_sequence, header.producer_epoch) == (-1, 17, offset_check(batch.first))
        assert checksum_matches(data, header)
        records = read_records(data)
        found += [(record.offset, record.value) for record in records]
        ours = [(position, data[start:end]) for position, start, end in read_messages(data, 61, len(data), header.base_offset)]
        assert ours == [(record.offset, record.value) for record in records]
        assert len(data) < BATCH_BYTES + size + 200
        assert batch.weight == size * batch.messages
    assert found == [(position, b"h%d" % position + b"b" * size) for position in positions]


def test_a_check_finds_each_changed_bit_of_a_base_offset() -> None:
    for offset in (0, 5, 1 << 40, (1 << 62) - 1):
        assert -0x8000 <= offset_check(offset) < 0x8000
        assert all(offset_check(offset ^ 1 << bit) != offset_check(offset) for bit in range(63))


def test_records_that_are_not_ours_are_refused() -> None:
    (batch,) = make_batches([_message(0), _message(1)])
    for position, byte in ((0, 0x10), (5, 0x02)):
        changed = bytearray(batch.payload)
        changed[position] = byte
        with pytest.raises((CorruptMessage, IndexError)):
            list(read_messages(bytes(changed), 0, len(changed), 0))


def test_a_summary_is_found_where_it_is_whole() -> None:
    summary = Summary(3, 10, 1 << 40, 5, 1 << 41)
    data = write_summary(summary)
    assert len(data) == SUMMARY_BYTES
    assert read_summary(data) == summary
    assert read_header(data).is_control
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 4
        assert read_summary(bytes(changed)) is None
    assert read_summary(data[1:]) is None


def test_a_header_is_at_fault_for_a_reason() -> None:
    (batch,) = make_batches([_message(10)])
    header = read_header(batch_head(batch, 0))
    size = header.size
    assert batch_fault(header, 10, size) is None
    for changed, expected, left in (
        (header._replace(magic=1), 10, size),
        (header._replace(leader_epoch=0), 10, size),
        (header, 11, size),
        (header._replace(base_offset=12), 10, size),
        (header._replace(batch_length=3), 10, size),
        (header._replace(last_offset_delta=-1), 10, size),
        (header, 10, size - 1),
    ):
        assert batch_fault(changed, expected, left) is not None


@pytest.mark.parametrize("has_index", [False, True])
def test_messages_are_found_from_any_position(has_index: bool) -> None:
    positions = [position for position in range(4000) if position % 5]
    segment, open_files = _written(positions)
    if not has_index:
        segment.index = None
    for first in (0, 1, 3999, 2000, 17, 3990, 1234):
        found: list[StoredMessage] = []
        segment.read(open_files, first, found, 10, 1 << 20)
        assert [stored[0] for stored in found] == [position for position in positions if position >= first][:10]


def test_each_message_is_acknowledged_once_and_gaps_never() -> None:
    segment, open_files = _written([3, 4, 6, 9])
    assert [segment.acknowledge(position, 50) for position in (4, 4, 5, 2, 10, 9)] == [True, False, False, False, False, True]
    assert (segment.live, segment.live_weight, segment.new_acks, segment.new_weight) == (2, 100, [1, 6], 100)
    found: list[StoredMessage] = []
    segment.read(open_files, 0, found, 10, 1 << 20)
    assert [stored[0] for stored in found] == [3, 6]


def test_a_batch_that_is_not_valid_is_told_when_it_is_read() -> None:
    segment, open_files = _written(list(range(2000)), 100)
    file_system = open_files.file_system
    assert isinstance(file_system, MemoryFileSystem)
    for position in (0, 8, 16, 20, 60, 200, segment.size // 2, segment.size - 1):
        file_system.flip(segment.path, position)
        found: list[StoredMessage] = []
        with pytest.raises(DamagedFile):
            segment.read(open_files, 0, found, 1 << 30, 1 << 30)
        file_system.flip(segment.path, position)
    file_system.open(segment.path).truncate(segment.size - 1)
    with pytest.raises(DamagedFile):
        segment.read(open_files, 0, [], 1 << 30, 1 << 30)
