import pytest

from message_queues.errors import DamagedFile
from message_queues.storage.acknowledgements import Group, load_groups, read_group, read_groups, write_group
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.open_files import OpenFiles

GROUPS = [
    Group(0, 0, 300, [0, 1, 2], []),
    Group(0, 76, 0, [], [(3, 1, 2), (7, 0, 1)]),
    Group(3, 76, 1 << 40, [4_000_000_000, 5], [(9, 1, 1)]),
]
PATH = "/q.acks"


def _facts(group: Group) -> tuple[int, int, int, list[int], list[tuple[int, int, int]]]:
    return group.generation, group.synced_bytes, group.weight, list(group.acknowledged), group.returns


def _files(content: bytes) -> tuple[MemoryFileSystem, OpenFiles]:
    file_system = MemoryFileSystem()
    file_system.open(PATH, create=True).append([content])
    return file_system, OpenFiles(file_system)


def test_groups_come_back_as_they_were_written() -> None:
    data = b"".join(map(write_group, GROUPS))
    found = list(read_groups(data))
    assert [_facts(group) for group, _ in found] == [_facts(group) for group in GROUPS]
    assert found[-1][1] == len(data)


def test_a_group_that_is_changed_or_cut_is_none() -> None:
    data = write_group(GROUPS[2])
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x20
        assert read_group(bytes(changed), 0) is None
        assert read_group(data[:position], 0) is None


def test_a_torn_tail_is_cut() -> None:
    data = b"".join(map(write_group, GROUPS))
    whole = len(data) - len(write_group(GROUPS[2]))
    file_system, open_files = _files(data[:-3])
    groups, size = load_groups(open_files, PATH)
    assert (len(groups), size, file_system.read(PATH)) == (2, whole, data[:whole])


def test_damage_before_a_place_that_was_synced_is_told() -> None:
    data = b"".join(map(write_group, GROUPS))
    for position in range(len(write_group(GROUPS[0]))):
        changed = bytearray(data)
        changed[position] ^= 1
        file_system, open_files = _files(bytes(changed))
        with pytest.raises(DamagedFile):
            load_groups(open_files, PATH)
        assert file_system.read(PATH) == bytes(changed)
