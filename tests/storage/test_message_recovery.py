import pytest

from message_queues.errors import DamagedFile
from message_queues.storage.acknowledgements import Group, write_group
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.message_recovery import open_segment
from message_queues.storage.message_segment import Summary, batch_head, make_batches, write_summary
from message_queues.storage.open_files import OpenFiles
from tests.storage.messages import weigh

PATH = f"/q/{5:020d}.messages"
ACKS = f"/q/{5:020d}.acks"


def _batch(*positions: int, synced_bytes: int = 0) -> bytes:
    (batch,) = make_batches([(position, (10, (b"0123", b"456", b"789"))) for position in positions])
    return batch_head(batch, synced_bytes) + batch.payload


def _files(content: bytes, acknowledgements: bytes | None = None) -> OpenFiles:
    file_system = MemoryFileSystem()
    file_system.make_directories("/q")
    file_system.open(PATH, create=True).append([content])
    if acknowledgements is not None:
        file_system.open(ACKS, create=True).append([acknowledgements])
    return OpenFiles(file_system)


def test_a_segment_without_a_summary_is_read_through() -> None:
    files = _files(_batch(5, 6, 9) + _batch(20), write_group(Group(0, 0, 20, [1, 15], [(4, 1, 2)])))
    segment = open_segment(files, "/q", 5, True, weigh)
    assert (segment.count, segment.live, segment.live_weight, segment.end, segment.is_sealed) == (4, 2, 20, 21, False)
    assert segment.returned == {9: (1, 2)}


def test_a_summary_is_believed() -> None:
    content = _batch(5, 6, 9) + write_summary(Summary(2, 3, 30, 5, 10))
    groups = write_group(Group(1, 0, 99, [1], [])) + write_group(Group(2, 0, 10, [4], []))

    def refuse(data: bytes, start: int, end: int) -> int:
        raise AssertionError("a message was read")

    segment = open_segment(_files(content, groups), "/q", 5, True, refuse)
    # The group of generation 1 is about a message that the summary does not count.
    assert (segment.count, segment.live, segment.live_weight, segment.end, segment.is_sealed) == (3, 2, 20, 10, True)


def test_acknowledgements_of_messages_that_were_lost_with_the_power_count_for_nothing() -> None:
    segment = open_segment(_files(_batch(5, 6), write_group(Group(0, 0, 50, [0, 100], []))), "/q", 5, True, weigh)
    assert (segment.live, segment.live_weight) == (1, 10)


def test_acknowledgements_of_messages_that_a_sealed_segment_never_had_are_damage() -> None:
    content = _batch(5, 6) + write_summary(Summary(0, 2, 20, 5, 7))
    with pytest.raises(DamagedFile):
        open_segment(_files(content, write_group(Group(0, 0, 50, [100], []))), "/q", 5, True, weigh)


def test_a_tail_is_cut_wherever_it_is_torn() -> None:
    first, second = _batch(5, 6), _batch(7, 8, 9)
    for cut in range(len(second)):
        files = _files(first + second[:cut])
        segment = open_segment(files, "/q", 5, False, weigh)
        assert (segment.live, segment.end, segment.size) == (2, 7, len(first))
        assert files.file_system.read(PATH) == first


def test_what_is_not_valid_below_a_synced_place_is_damage() -> None:
    first, second = _batch(5, 6), _batch(7, 8, 9)
    for last in (_batch(10, synced_bytes=len(first + second)), write_summary(Summary(0, 5, 50, 5, 10)) + b"torn"):
        for position in range(len(first + second)):
            content = bytearray(first + second + last)
            content[position] ^= 1
            with pytest.raises(DamagedFile):
                open_segment(_files(bytes(content)), "/q", 5, False, weigh)
    content = bytearray(first + second + _batch(10, synced_bytes=len(first)))
    content[len(first) + 30] ^= 1
    assert open_segment(_files(bytes(content)), "/q", 5, False, weigh).end == 7


def test_a_segment_that_the_log_has_acknowledgements_of_is_read_through_whatever_its_summary_says() -> None:
    files = _files(_batch(5, 6, 9) + write_summary(Summary(2, 3, 30, 5, 10)), write_group(Group(2, 0, 10, [0], [])))
    # 5 is acknowledged already, 7 and 8 never came into the file, 12 is another's.
    segment = open_segment(files, "/q", 5, True, weigh, [5, 6, 7, 8, 12])
    assert (segment.count, segment.live, segment.live_weight, segment.is_sealed) == (3, 1, 10, True)
    assert (segment.new_acks, segment.new_weight) == ([1], 10)


def test_groups_of_a_life_that_did_not_finish_a_summary_are_not_counted_twice() -> None:
    content = _batch(5, 6, 9) + write_summary(Summary(0, 3, 30, 5, 10))
    segment = open_segment(_files(content, write_group(Group(1, 0, 10, [1], []))), "/q", 5, True, weigh)
    assert (segment.live, segment.generation) == (2, 1)


def test_acknowledgements_of_messages_that_were_lost_before_the_summary_was_written_are_no_damage() -> None:
    content = _batch(5, 6) + write_summary(Summary(1, 2, 20, 5, 7))
    segment = open_segment(_files(content, write_group(Group(0, 0, 50, [100], []))), "/q", 5, True, weigh)
    assert (segment.live, segment.live_weight) == (2, 20)
