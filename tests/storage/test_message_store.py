import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from message_queues.errors import DamagedFile, StorageError
from message_queues.records.batch import read_header, read_records
from message_queues.storage.filesystem import DiskFileSystem, FileSystem, MemoryFileSystem
from message_queues.storage.message_segment import SUMMARY_BYTES
from message_queues.storage.message_store import TRANSIENT, MessageStore, MessageStoreSettings
from tests.storage.messages import (
    DIRECTORY,
    SMALL,
    Turns,
    acknowledge,
    add,
    all_stored,
    commit,
    content,
    contents,
    fill,
    home,
    memory,
    open_store,
    sync,
    weigh,
)


def _names(file_system: FileSystem, ending: str = "") -> list[str]:
    return [name for name in file_system.list_directory(DIRECTORY) if name.endswith(ending)]


def _again(file_system: MemoryFileSystem) -> MessageStore:
    """Opened by another process."""
    file_system.restart()
    return open_store(file_system)


# Appending and reading.


@pytest.mark.parametrize("settings", [MessageStoreSettings(), SMALL])
def test_what_was_appended_is_read_in_order(settings: MessageStoreSettings) -> None:
    store = open_store(memory(), settings)
    fill(store, 60)
    for max_messages, max_bytes in ((1, 1), (7, 1000), (1000, 300), (1000, 1 << 20)):
        assert contents(store, 0, max_messages, max_bytes) == {position: content(position) for position in range(60)}
    assert list(contents(store, 37)) == list(range(37, 60))
    assert (store.count, store.weight) == (60, sum(len(content(position)) for position in range(60)))


def test_a_store_on_disk_is_the_same(tmp_path: Path) -> None:
    store = MessageStore(home(DiskFileSystem(), limit=2), str(tmp_path / "queue" / "0"), weigh)
    fill(store, 60)
    acknowledge(store, *range(0, 60, 2))
    commit(store, syncing=True)
    store.close()
    again = MessageStore(home(DiskFileSystem(), limit=2), str(tmp_path / "queue" / "0"), weigh)
    assert contents(again) == {position: content(position) for position in range(1, 60, 2)}
    again.delete()
    assert not (tmp_path / "queue" / "0").exists()


def test_no_file_is_made_before_the_first_flush() -> None:
    file_system = memory()
    store = open_store(file_system)
    assert not file_system.exists(DIRECTORY)
    add(store, 0)
    assert not file_system.exists(DIRECTORY)
    assert contents(store) == {0: content(0)}
    commit(store)
    assert _names(file_system) == [f"{0:020d}.messages"]


def test_what_waits_to_be_written_is_read_behind_what_is_written() -> None:
    store = open_store(memory())
    fill(store, 10)
    add(store, 10)
    add(store, 11)
    assert list(contents(store, 8)) == [8, 9, 10, 11]


def test_a_message_acknowledged_before_the_flush_is_never_written() -> None:
    file_system = memory()
    store = open_store(file_system)
    add(store, 0)
    acknowledge(store, 0)
    commit(store)
    assert not file_system.exists(DIRECTORY)


def test_a_message_larger_than_a_segment_is_kept() -> None:
    store = open_store(memory())
    add(store, 0, 100_000)
    add(store, 1)
    add(store, 2, 300_000)
    commit(store)
    assert contents(store) == {0: content(0, 100_000), 1: content(1), 2: content(2, 300_000)}


def test_a_store_marks_itself_for_the_group_commit() -> None:
    turns = Turns()
    file_system = memory()
    store = MessageStore(home(file_system, turns), DIRECTORY, weigh)
    add(store, 0)
    turns.take()
    assert _names(file_system) == [f"{0:020d}.messages"]
    acknowledge(store, 0)
    turns.take()
    assert _again(file_system).count == 0


def test_files_hold_standard_record_batches() -> None:
    file_system = memory()
    store = open_store(file_system, MessageStoreSettings())
    fill(store, 3, turn=5)
    data = file_system.read(f"{DIRECTORY}/{0:020d}.messages")
    batch = data[: read_header(data).size]
    assert [(record.offset, record.key, record.value) for record in read_records(batch)] == [(0, None, content(0))]


# Acknowledging.


def test_an_acknowledged_message_is_not_read_again() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 30)
    acknowledge(store, 3, 4, 17, 29)
    acknowledge(store, 3, 99)
    commit(store)
    expected = {position: content(position) for position in range(30) if position not in (3, 4, 17, 29)}
    assert contents(store) == expected
    again = _again(file_system)
    assert contents(again) == expected
    assert (again.count, again.weight) == (26, sum(map(len, expected.values())))


def test_a_segment_without_messages_is_removed_wherever_it_stands() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 40)
    names = _names(file_system, ".messages")
    middle = int(names[2][:20]), int(names[3][:20])
    acknowledge(store, *range(*middle))
    commit(store, syncing=True)
    assert _names(file_system, ".messages") == names[:2] + names[3:]
    acknowledge(store, *range(middle[0]), *range(middle[1], 40))
    commit(store, syncing=True)
    assert _names(file_system, ".messages") == names[-1:]
    assert store.count == 0


def test_acknowledgements_of_a_removed_segment_go_once_its_removal_is_durable() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 20)
    acknowledge(store, 0)
    commit(store)
    acknowledge(store, *range(1, 20))
    commit(store)
    assert len(_names(file_system, ".acks")) > 1
    commit(store, syncing=True)
    assert len(_names(file_system, ".acks")) == 1


def test_acknowledgements_of_removed_segments_do_not_pile_up_where_nobody_syncs() -> None:
    file_system = memory()
    store = open_store(file_system)
    for first in range(0, 2000, 10):
        fill(store, 10, first=first)
        acknowledge(store, *range(first, first + 5))
        commit(store)
        acknowledge(store, *range(first + 5, first + 10))
        commit(store)
    assert len(_names(file_system, ".acks")) < 25


def test_a_segment_with_little_left_gives_its_space_back() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 300)
    before = store.disk_bytes
    acknowledge(store, *(position for position in range(300) if position % 10))
    for _ in range(100):
        commit(store)
    left = {position: content(position) for position in range(0, 300, 10)}
    assert store.disk_bytes < before / 2
    assert contents(store) == left
    assert sum(len(file_system.read(f"{DIRECTORY}/{name}")) for name in _names(file_system)) == store.disk_bytes
    again = _again(file_system)
    assert contents(again) == left
    assert (again.count, again.weight) == (30, sum(map(len, left.values())))
    acknowledge(again, *left)
    commit(again)
    assert again.count == 0
    assert contents(_again(file_system)) == {}


def test_messages_that_are_acknowledged_while_their_segment_is_written_anew_stay_acknowledged() -> None:
    file_system = memory()
    waiting: list[tuple[object, object]] = []
    store_home = home(file_system)
    store_home = type(store_home)(
        store_home.open_files, store_home.group_commit, lambda work, done: waiting.append((work, done)), store_home.settings
    )
    store = MessageStore(store_home, DIRECTORY, weigh)
    fill(store, 40)
    acknowledge(store, *(position for position in range(40) if position % 7))
    while True:
        commit(store)
        if not waiting:
            break
        work, done = waiting.pop()
        assert callable(work)
        assert callable(done)
        work()
        acknowledge(store, *range(14))
        commit(store)
        done()
    left = {position: content(position) for position in (14, 21, 28, 35)}
    assert contents(store) == left
    again = _again(file_system)
    assert contents(again) == left
    assert (again.count, again.weight) == (4, sum(map(len, left.values())))


def test_a_store_in_the_directory_of_a_deleted_one_is_let_alone_by_what_that_had_begun() -> None:
    file_system = memory()
    waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []
    store_home = replace(home(file_system), run_in_background=lambda work, done: waiting.append((work, done)))
    store = MessageStore(store_home, DIRECTORY, weigh)
    fill(store, 40)
    acknowledge(store, *(position for position in range(40) if position % 7))
    while not waiting or ".new" not in str(_names(file_system)):
        for work, done in waiting:
            work()
            if ".new" not in str(_names(file_system)):
                done()
        commit(store)
    store.delete()
    again = MessageStore(store_home, DIRECTORY, weigh)
    fill(again, 3)
    waiting[-1][1]()
    assert list(contents(again)) == [0, 1, 2]
    assert _names(file_system, ".new") == []


def test_acknowledgements_of_a_segment_that_is_removed_before_it_is_synced_are_durable_with_its_removal() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 20)
    commit(store, syncing=True)
    acknowledge(store, 0, 1)
    store.flush()
    begun = store.begin_sync()
    assert begun is not None
    store.purge(0)
    begun()
    file_system.crash()
    assert not {0, 1} & set(contents(open_store(file_system)))


def test_a_wide_gap_between_positions_costs_nothing() -> None:
    file_system = memory()
    store = open_store(file_system)
    for position in (3, 1 << 40, 1 << 50):
        add(store, position)
    commit(store)
    assert list(contents(store)) == list(contents(_again(file_system))) == [3, 1 << 40, 1 << 50]


# Transient messages.


def test_transient_messages_keep_their_place_among_the_others() -> None:
    store = open_store(memory())
    for position in range(100):
        add(store, position, is_persistent=position % 3 != 0)
        if position % 10 == 0:
            commit(store)
    for max_messages, max_bytes in ((1, 1), (4, 200), (7, 100_000), (1000, 150)):
        assert contents(store, 0, max_messages, max_bytes) == {position: content(position) for position in range(100)}


def test_transient_messages_of_an_earlier_process_are_gone() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 10)
    fill(store, 30, first=10, is_persistent=False)
    acknowledge(store, 12, 13, where=TRANSIENT)
    acknowledge(store, 3)
    commit(store)
    assert store.count == 37
    again = _again(file_system)
    assert list(contents(again)) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert not _names(file_system, ".transient")


def test_space_of_transient_messages_comes_back() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 300, is_persistent=False)
    before = store.disk_bytes
    acknowledge(store, *(position for position in range(300) if position % 10), where=TRANSIENT)
    for _ in range(100):
        commit(store)
    assert store.disk_bytes < before / 2
    assert list(contents(store)) == list(range(0, 300, 10))


# Returns.


def test_the_counts_of_a_returned_message_outlive_the_process() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 30)
    store.returned(5, 1, 2)
    store.returned(5, 2, 3)
    store.returned(21, 0, 1)
    commit(store)
    counts = {stored[0]: stored[5] for stored in all_stored(_again(file_system)) if stored[5] is not None}
    assert counts == {5: (2, 3), 21: (0, 1)}


# Purging.


@pytest.mark.parametrize("first", [0, 1, 12, 25, 40])
def test_purging_leaves_what_is_before_a_position(first: int) -> None:
    file_system = memory()
    store = open_store(file_system)
    for position in range(40):
        add(store, position, is_persistent=position % 4 != 0)
        if position % 3 == 0 and position < 37:
            commit(store)
    assert store.purge(first) == 40 - first
    assert list(contents(store)) == list(range(first))
    commit(store)
    assert store.count == first
    assert list(contents(_again(file_system))) == [position for position in range(first) if position % 4]


# Opening.


def test_a_closed_store_opens_without_reading_a_message() -> None:
    file_system = memory()
    store = open_store(file_system, replace(SMALL, least_closing_bytes=0))
    fill(store, 100)
    acknowledge(store, *range(50, 60))
    store.close()
    file_system.restart()

    def refuse(data: bytes, start: int, end: int) -> int:
        raise AssertionError("a message was read")

    again = MessageStore(home(file_system), DIRECTORY, refuse)
    assert again.count == 90


def test_positions_go_on_behind_those_of_the_earlier_process() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 25)
    again = _again(file_system)
    first = again.next_position
    assert first >= 25
    fill(again, 25, first=first)
    assert list(contents(_again(file_system))) == [*range(25), *range(first, first + 25)]


# Disks that are full or broken.


def test_a_flush_that_fails_leaves_none_of_its_messages() -> None:
    file_system = memory()
    lost: list[tuple[int, int]] = []
    store = MessageStore(home(file_system), DIRECTORY, weigh, lost.extend)
    fill(store, 5)
    for position in range(5, 60):
        add(store, position)
    acknowledge(store, 2)
    file_system.space_left = 1500
    with pytest.raises(StorageError):
        store.flush()
    assert [position for position, _ in lost] == list(range(5, 60))
    file_system.space_left = None
    assert list(contents(store)) == [0, 1, 3, 4]
    fill(store, 10, first=60)
    expected = [0, 1, 3, 4, *range(60, 70)]
    assert list(contents(store)) == expected
    assert list(contents(_again(file_system))) == expected


def test_what_a_failed_flush_left_in_a_file_is_cut_off_before_the_next() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 3)
    add(store, 3)
    file_system.space_left = 50
    file_system.truncation_fails = True
    with pytest.raises(StorageError):
        store.flush()
    file_system.space_left = None
    file_system.truncation_fails = False
    fill(store, 4, first=4)
    assert list(contents(_again(file_system))) == [0, 1, 2, 4, 5, 6, 7]


def test_acknowledgements_that_cannot_be_written_wait() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 10)
    acknowledge(store, 1)
    file_system.space_left = 10
    commit(store)
    file_system.space_left = None
    acknowledge(store, 2)
    commit(store)
    assert list(contents(_again(file_system))) == [0, 3, 4, 5, 6, 7, 8, 9]


def test_a_sync_that_failed_is_never_forgotten() -> None:
    file_system = memory()
    store = open_store(file_system)
    add(store, 0)
    store.flush()
    file_system.syncing_fails = True
    with pytest.raises(StorageError):
        sync(store)
    file_system.syncing_fails = False
    with pytest.raises(StorageError):
        sync(store)


# Damage.


def _damaged(file_system: MemoryFileSystem, path: str, position: int, mask: int) -> tuple[dict[int, bytes], bool]:
    """What is read after one byte was changed, and whether damage was told."""
    file_system = copy.deepcopy(file_system)
    file_system.flip(path, position, mask)
    try:
        store = open_store(file_system)
        return contents(store), False
    except DamagedFile:
        return {}, True


def test_each_byte_of_a_sealed_segment_that_is_changed_is_told_or_changes_nothing() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 40)
    acknowledge(store, 3, 13)
    store.close()
    file_system.restart()
    expected = contents(open_store(file_system))
    path = f"{DIRECTORY}/{_names(file_system, '.messages')[1]}"
    told = 0
    before = file_system.read(path)
    for position in range(len(before)):
        found, is_told = _damaged(file_system, path, position, 0x10)
        assert is_told or found == expected, position
        told += is_told
    # Where it is not told the summary was hit: the segment is read through instead.
    assert told == len(before) - SUMMARY_BYTES


def test_damage_in_what_was_synced_is_told_and_a_torn_tail_is_cut() -> None:
    file_system = memory()
    store = open_store(file_system, MessageStoreSettings())
    for position in range(10):
        add(store, position)
        acknowledge(store, position - 2)
        commit(store, syncing=True)
    file_system.restart()
    for ending in (".messages", ".acks"):
        path = f"{DIRECTORY}/{0:020d}{ending}"
        size = len(file_system.read(path))
        for position in range(size // 2):
            found, is_told = _damaged(file_system, path, position, 0x40)
            assert is_told, (ending, position, found)
        file_system.open(path).truncate(size - 5)
    assert contents(open_store(file_system)) == {7: content(7), 8: content(8)}


def test_a_segment_that_ends_too_early_is_damage_when_it_is_read() -> None:
    file_system = memory()
    store = open_store(file_system)
    fill(store, 10)
    file_system.open(f"{DIRECTORY}/{0:020d}.messages").truncate(80)
    with pytest.raises(DamagedFile):
        contents(store)
