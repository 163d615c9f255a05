import pytest

from message_queues.errors import DamagedFile
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.message_recovery import open_segment
from message_queues.storage.message_segment import MessageSegment, StoredMessage, Summary, batch_head, make_batches, write_summary
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.rewriting import rewrite_segment
from tests.storage.messages import weigh

PATH = f"/q/{0:020d}.messages"


def _sealed(count: int) -> MemoryFileSystem:
    file_system = MemoryFileSystem()
    file_system.make_directories("/q")
    file = file_system.open(PATH, create=True)
    for batch in make_batches([(position, (10, (b"%d" % position, b":", b"b" * 500))) for position in range(count)]):
        file.append([batch_head(batch, 0), batch.payload])
    file.append([write_summary(Summary(0, count, 10 * count, 0, count))])
    return file_system


def test_only_what_is_left_is_in_the_new_file_under_its_old_positions() -> None:
    file_system = _sealed(200)
    size = len(file_system.read(PATH))
    flags = bytes(position % 20 != 3 for position in range(200))
    rewritten = rewrite_segment(file_system, PATH, size, flags, Summary(1, 10, 100, 0, 200))
    assert rewritten.size == len(file_system.read(PATH + ".new")) < size / 15
    file_system.rename(PATH + ".new", PATH)
    segment: MessageSegment = open_segment(OpenFiles(file_system), "/q", 0, False, weigh)
    assert (segment.is_sealed, segment.count, segment.weight, segment.end, segment.generation) == (True, 10, 100, 200, 1)
    found: list[StoredMessage] = []
    segment.read(OpenFiles(file_system), 0, found, 1000, 1 << 20)
    read = {at: data[start:end] for at, data, start, end, _, _ in found}
    assert read == {position: b"%d:" % position + b"b" * 500 for position in range(3, 200, 20)}


def test_damage_in_the_old_file_is_told_and_it_stays() -> None:
    file_system = _sealed(200)
    size = len(file_system.read(PATH))
    flags = bytes(position % 20 != 3 for position in range(200))
    for position in (0, 30, 100, 40_000):
        file_system.flip(PATH, position)
        with pytest.raises(DamagedFile):
            rewrite_segment(file_system, PATH, size, flags, Summary(1, 10, 100, 0, 200))
        file_system.flip(PATH, position)
    with pytest.raises(DamagedFile):
        rewrite_segment(file_system, PATH, size, flags, Summary(1, 11, 110, 0, 200))
    assert not file_system.exists(PATH + ".new")
