import copy
from collections.abc import Callable

import pytest

from message_queues.errors import DamagedFile, StorageError
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.group_commit import Failures, GroupCommit, run_at_once
from message_queues.storage.message_store import MessageStore, StoreHome
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.shared_log import SharedLog, SharedLogSettings
from tests.storage.messages import SMALL, Turns, acknowledge, add, all_stored, content, contents, memory, weigh

ROOT = "/data/queues"


class Process:
    """Stores that share a log, and turns taken by hand."""

    def __init__(self, file_system: MemoryFileSystem, *names: str, log_bytes: int = 10_000, syncs: bool = False) -> None:
        self.file_system = file_system
        self.turns = Turns()
        self.lost: list[int] = []
        self.failures: list[Failures] = []
        open_files = OpenFiles(file_system, 16)
        self.group_commit = GroupCommit(self.turns.call_soon, run_at_once if syncs else None)
        self.log = SharedLog(open_files, self.group_commit, ROOT, run_at_once, SharedLogSettings(log_bytes=log_bytes, parts_per_commit=1))
        self.home = StoreHome(open_files, self.group_commit, run_at_once, SMALL, self.log)
        self.stores = {name: self.open(name) for name in names}
        self.log.opened()

    def open(self, name: str) -> MessageStore:
        return MessageStore(self.home, f"{ROOT}/{name}", weigh, lambda lost: self.lost.extend(position for position, _ in lost))

    def __getitem__(self, name: str) -> MessageStore:
        return self.stores[name]

    def commit(self) -> Failures:
        told: list[Failures] = []
        self.group_commit.when_durable(told.append)
        self.turns.take()
        return told[0]


def _again(process: Process, *names: str, log_bytes: int = 10_000) -> Process:
    """Killed, and another process."""
    process.file_system.restart()
    return Process(process.file_system, *(names or tuple(process.stores)), log_bytes=log_bytes)


def _files(file_system: MemoryFileSystem) -> list[str]:
    return [name for name in file_system.list_directory(ROOT) if name.endswith(".log")]


def _log(number: int) -> str:
    return f"{number:020d}.log"


def test_one_write_and_one_sync_are_enough_for_the_small_writes_of_many_stores() -> None:
    names = [f"q{number}/0" for number in range(50)]
    process = Process(memory(), *names, syncs=True)
    add(process[names[0]], 0)
    process.commit()
    for name in names:
        add(process[name], 1)
    before = process.file_system.operations
    assert process.commit() == {}
    assert process.file_system.operations - before == 2
    assert process.file_system.list_directory(ROOT) == [_log(1)]
    process.file_system.crash()
    again = Process(process.file_system, *names)
    assert contents(again[names[0]]) == {0: content(0), 1: content(1)}
    assert all(contents(again[name]) == {1: content(1)} for name in names[1:])


@pytest.mark.parametrize("count", [18, 60])
def test_what_is_more_than_a_little_goes_to_the_files_of_the_store(count: int) -> None:
    process = Process(memory(), "a/0")
    add(process["a/0"], 0)
    process.commit()
    for position in range(1, count):
        add(process["a/0"], position, 100)
    process.commit()
    assert len(process.file_system.list_directory(f"{ROOT}/a/0")) > 0
    expected = {0: content(0), **{position: content(position, 100) for position in range(1, count)}}
    assert contents(process["a/0"]) == expected
    assert contents(_again(process)["a/0"]) == expected


def test_a_message_that_was_settled_in_time_never_reaches_a_file_of_its_own() -> None:
    process = Process(memory(), "a/0", log_bytes=1 << 20)
    for position in range(200):
        add(process["a/0"], position)
        process.commit()
        acknowledge(process["a/0"], position)
        process.commit()
    assert not process.file_system.exists(f"{ROOT}/a")
    assert process["a/0"].count == 0
    assert contents(_again(process)["a/0"]) == {}


def test_a_full_log_is_followed_by_another_and_goes_once_the_stores_have_written_out_what_is_left() -> None:
    process = Process(memory(), "a/0", "b/0", log_bytes=1000)
    for position in range(12):
        for name in ("a/0", "b/0"):
            add(process[name], position)
        process.commit()
    acknowledge(process["a/0"], *range(11))
    process.commit()
    assert _log(1) not in _files(process.file_system)
    for _ in range(3):
        assert list(contents(process["a/0"])) == [11]
        assert contents(process["b/0"]) == {position: content(position) for position in range(12)}
        process = _again(process)


def test_positions_go_on_behind_those_that_only_the_log_knows() -> None:
    process = Process(memory(), "a/0")
    add(process["a/0"], 7)
    process.commit()
    acknowledge(process["a/0"], 7)
    process.commit()
    assert _again(process)["a/0"].next_position > 7


def test_the_counts_of_a_returned_message_are_in_the_log_and_later_in_the_files_of_the_store() -> None:
    process = Process(memory(), "a/0")
    add(process["a/0"], 0)
    process.commit()
    for counts in ((1, 1), (2, 5)):
        process["a/0"].returned(0, *counts)
        process.commit()
    again = _again(process)
    assert all_stored(again["a/0"])[0][5] == (2, 5)
    again.commit()
    assert _files(again.file_system) == [_log(2)]
    assert all_stored(_again(again)["a/0"])[0][5] == (2, 5)


def test_acknowledgements_of_written_messages_go_to_the_log_too() -> None:
    process = Process(memory(), "a/0", "b/0")
    for position in range(40):
        add(process["a/0"], position)
    process.commit()
    names = process.file_system.list_directory(f"{ROOT}/a/0")
    acknowledge(process["a/0"], 3, 5)
    process.commit()
    assert process.file_system.list_directory(f"{ROOT}/a/0") == names
    expected = [position for position in range(40) if position not in (3, 5)]
    again = _again(process)
    assert list(contents(again["a/0"])) == expected
    assert (again["a/0"].count, again["a/0"].weight) == (38, sum(len(content(position)) for position in expected))
    again.commit()
    assert _again(again)["a/0"].count == 38


def test_a_purge_takes_what_only_the_log_has() -> None:
    process = Process(memory(), "a/0")
    for position in range(8):
        add(process["a/0"], position)
        process.commit()
    add(process["a/0"], 8)
    assert process["a/0"].purge(3) == 6
    process.commit()
    assert list(contents(_again(process)["a/0"])) == [0, 1, 2]


def test_a_store_in_the_directory_of_a_deleted_one_begins_with_nothing() -> None:
    process = Process(memory(), "a/0")
    add(process["a/0"], 0)
    process.commit()
    process["a/0"].delete()
    store = process.open("a/0")
    assert store.count == 0
    add(store, 0, 10)
    process.commit()
    assert contents(store) == {0: content(0, 10)}
    assert contents(_again(process)["a/0"]) == {0: content(0, 10)}


def test_what_the_log_has_of_a_store_that_is_gone_is_void() -> None:
    process = Process(memory(), "a/0", "b/0")
    for name in ("a/0", "b/0"):
        add(process[name], 0)
    process.commit()
    again = _again(process, "a/0")
    again.commit()
    assert contents(_again(again, "a/0", "b/0")["b/0"]) == {}


def test_a_store_that_is_closed_and_opened_again_has_what_the_log_has() -> None:
    process = Process(memory(), "a/0")
    for position in range(3):
        add(process["a/0"], position)
    process.commit()
    acknowledge(process["a/0"], 1)
    process.commit()
    process["a/0"].close()
    assert list(contents(process.open("a/0"))) == [0, 2]


def test_a_clean_stop_leaves_everything_for_the_next_start() -> None:
    process = Process(memory(), "a/0", "b/0")
    for position in range(3):
        add(process["a/0"], position)
    process.commit()
    acknowledge(process["a/0"], 0)
    add(process["b/0"], 0)
    for store in process.stores.values():
        store.close()
    process.log.close()
    again = _again(process)
    assert (list(contents(again["a/0"])), list(contents(again["b/0"]))) == ([1, 2], [0])


def test_directories_that_only_the_log_knows_are_found() -> None:
    process = Process(memory(), "a/0", "a/11")
    for name in ("a/0", "a/11"):
        add(process[name], 0)
    process.commit()
    process.file_system.restart()
    turns = Turns()
    open_files = OpenFiles(process.file_system)
    group_commit = GroupCommit(turns.call_soon)
    home = StoreHome(open_files, group_commit, log=SharedLog(open_files, group_commit, ROOT))
    assert home.names_in(f"{ROOT}/a") == {"0", "11"}
    assert home.exists(f"{ROOT}/a/11")
    assert not home.exists(f"{ROOT}/b")
    assert home.names_in(f"{ROOT}/b") == set()


# Trouble.


def test_a_frame_that_cannot_be_written_leaves_none_of_its_messages_and_says_whose() -> None:
    process = Process(memory(), "a/0", "b/0")
    add(process["a/0"], 0)
    process.commit()
    add(process["a/0"], 1)
    add(process["b/0"], 0)
    process.file_system.space_left = 60
    failures = process.commit()
    assert set(failures) == set(process.stores.values())
    assert all(isinstance(failure, StorageError) for failure in failures.values())
    assert sorted(process.lost) == [0, 1]
    process.file_system.space_left = None
    add(process["a/0"], 2)
    assert process.commit() == {}
    for _ in range(2):
        assert list(contents(process["a/0"])) == [0, 2]
        assert list(contents(process["b/0"])) == []
        process = _again(process)


def test_what_a_failed_write_left_is_cut_off_before_the_next() -> None:
    process = Process(memory(), "a/0")
    add(process["a/0"], 0)
    process.commit()
    process.file_system.space_left = 50
    process.file_system.truncation_fails = True
    add(process["a/0"], 1)
    process.commit()
    process.file_system.space_left = None
    process.file_system.truncation_fails = False
    add(process["a/0"], 2)
    process.commit()
    assert list(contents(_again(process)["a/0"])) == [0, 2]


def test_acknowledgements_that_find_no_room_wait_and_are_no_failure() -> None:
    process = Process(memory(), "a/0")
    for position in range(3):
        add(process["a/0"], position)
    process.commit()
    acknowledge(process["a/0"], 0)
    process.file_system.space_left = 10
    assert process.commit() == {}
    process.file_system.space_left = None
    acknowledge(process["a/0"], 1)
    process.commit()
    assert list(contents(_again(process)["a/0"])) == [2]


def test_a_log_that_cannot_be_rolled_stays_until_it_can() -> None:
    process = Process(memory(), "a/0", log_bytes=1)
    add(process["a/0"], 0)
    process.file_system.space_left = 200
    process.commit()
    assert _log(1) in _files(process.file_system)
    assert list(contents(_again(process)["a/0"])) == [0]
    process.file_system.space_left = None
    add(process["a/0"], 1)
    process.commit()
    assert list(contents(_again(process)["a/0"])) == [0, 1]


def test_a_sync_that_failed_is_never_forgotten() -> None:
    process = Process(memory(), "a/0", "b/0", syncs=True)
    add(process["a/0"], 0)
    process.file_system.syncing_fails = True
    assert set(process.commit()) == {process["a/0"]}
    process.file_system.syncing_fails = False
    add(process["b/0"], 0)
    assert set(process.commit()) == {process["b/0"]}


@pytest.mark.parametrize("together", [False, True])
def test_an_old_log_stays_where_the_stores_cannot_be_synced(together: bool) -> None:
    names = tuple(f"q{number}/0" for number in range(100 if together else 2))
    process = Process(memory(), *names, syncs=True)
    for name in names:
        add(process[name], 0)
    process.commit()
    process.file_system.restart()
    process.file_system.syncing_fails = True
    again = Process(process.file_system, *names)
    again.commit()
    assert _log(1) in _files(process.file_system)
    process.file_system.syncing_fails = False
    process.file_system.crash()
    again = Process(process.file_system, *names)
    assert all(contents(again[name]) == {0: content(0)} for name in names)


# Damage.


def _logged() -> MemoryFileSystem:
    process = Process(memory(), "a/0", syncs=True)
    for position in range(6):
        add(process["a/0"], position)
        process.commit()
    process.file_system.restart()
    return process.file_system


def _read(file_system: MemoryFileSystem, change: Callable[[MemoryFileSystem], None]) -> list[int]:
    file_system = copy.deepcopy(file_system)
    change(file_system)
    return list(contents(Process(file_system, "a/0")["a/0"]))


def test_damage_in_what_was_synced_is_told_and_a_torn_tail_is_left_out() -> None:
    file_system = _logged()
    path = f"{ROOT}/{_log(1)}"
    size = len(file_system.read(path))
    for position in range(size // 2):
        with pytest.raises(DamagedFile):
            _read(file_system, lambda damaged, position=position: damaged.flip(path, position))  # type: ignore[misc]
    assert _read(file_system, lambda torn: torn.open(path).truncate(size - 1)) == [0, 1, 2, 3, 4]
    assert _read(file_system, lambda whole: None) == [0, 1, 2, 3, 4, 5]


def test_messages_whose_segment_a_power_cut_took_are_written_where_they_were() -> None:
    process = Process(memory(), "a/0", syncs=True)
    for position in range(3):
        add(process["a/0"], position)
    process.commit()
    for position in range(3, 43):
        add(process["a/0"], position)
        if position % 20 == 2:
            process.commit()
    first, *later = [name for name in process.file_system.list_directory(f"{ROOT}/a/0") if name.endswith(".messages")]
    process.file_system.remove(f"{ROOT}/a/0/{first}")
    again = _again(process)
    found = list(contents(again["a/0"]))
    assert found[:3] == [0, 1, 2]
    assert later
    assert found[3:] == list(range(23, 43))
    acknowledge(again["a/0"], 1, 42)
    again.commit()
    assert list(contents(_again(again)["a/0"])) == [0, 2, *found[3:-1]]
