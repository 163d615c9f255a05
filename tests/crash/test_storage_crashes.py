"""The log on a machine that crashes at every operation that changes a file and loses what was not synced, wholly or, by a seed, in part."""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from message_queues.errors import StorageError
from message_queues.records.batch import BatchHeader, read_header
from message_queues.storage.filesystem import CrashedError, MemoryFileSystem
from message_queues.storage.log import Log, LogSettings
from tests.storage.batches import NOW_MS, batch_at, memory, open_log, read_all

SETTINGS = LogSettings(segment_bytes=1200, index_interval_bytes=250, checkpoint_bytes=700)


@dataclass
class Promises:
    """What a log and its owner know, and what must therefore be there after a crash."""

    batches: dict[int, bytes] = field(default_factory=dict)
    """Everything ever appended from this history, by base offset."""
    end: int = 0
    flushed: int = 0
    synced: int = 0
    start: int = 0
    """Where the log begins at least."""
    wished_start: int = 0
    """Where it may begin: a deletion was under way."""
    epoch: int = 0


class Owner:
    """Uses a log as a partition does, and notes what it was promised."""

    def __init__(self, file_system: MemoryFileSystem, promises: Promises, open_files: int = 3) -> None:
        self.promises = promises
        self.recovered: list[BatchHeader] = []
        self.log = open_log(file_system, SETTINGS, self.recovered, open_files)

    def append(self, count: int = 1, size: int = 100) -> None:
        offset = self.log.end_offset
        batch = batch_at(offset, count, size=size, epoch=self.promises.epoch)
        self.promises.batches[offset] = batch
        self.promises.end = offset + count
        self.log.append(read_header(batch), (batch[:16], memoryview(batch)[16:]), NOW_MS)

    def flush(self) -> None:
        self.log.flush()
        self.promises.flushed = self.log.flushed_offset

    def sync(self) -> None:
        offset = self.log.flushed_offset
        self.log.sync()
        self.promises.synced = offset

    def checkpoint(self) -> None:
        self.log.checkpoint(self._state())
        self.promises.flushed = self.promises.synced = self.log.flushed_offset

    def delete_before(self, offset: int) -> None:
        self.promises.wished_start = max(self.promises.wished_start, offset)
        self.log.delete_before(offset)
        self.promises.start = self.log.start_offset

    def retain(self, retention_bytes: int) -> None:
        self.promises.wished_start = self.promises.end
        self.log.settings = replace(SETTINGS, retention_bytes=retention_bytes)
        self.log.apply_retention(NOW_MS, self._state)
        self.promises.start = self.promises.wished_start = self.log.start_offset

    def close(self) -> None:
        self.log.close(self._state())
        self.promises.flushed = self.promises.synced = self.log.flushed_offset

    def _state(self) -> bytes:
        return b"%d" % self.log.end_offset


def _check(file_system: MemoryFileSystem, promises: Promises, at_least: int) -> Owner:
    """Opens the log after a crash: all that was promised is there, nothing else was ever written."""
    owner = Owner(file_system, promises)
    log = owner.log
    assert promises.start <= log.start_offset <= promises.wished_start
    assert at_least <= log.end_offset <= max(promises.end, log.start_offset)
    assert read_all(log, max_bytes=400) == _expected(promises, log)
    state_offset = int(log.checkpoint_state or b"0")
    offsets = [(header.base_offset, header.next_offset) for header in owner.recovered]
    assert [start for start, _ in offsets] == ([state_offset] + [end for _, end in offsets])[: len(offsets)]
    assert (offsets[-1][1] if offsets else state_offset) == log.end_offset
    for offset in range(log.start_offset, log.end_offset):
        assert log.offset_for_timestamp(NOW_MS + offset) == (offset, NOW_MS + offset)
    return owner


def _expected(promises: Promises, log: Log) -> bytes:
    """The batches from the one that holds the start of the log to its end."""
    kept = [(offset, batch) for offset, batch in sorted(promises.batches.items()) if offset < log.flushed_offset]
    return b"".join(batch for _, batch in kept if read_header(batch).next_offset > log.start_offset)


def _check_twice(file_system: MemoryFileSystem, promises: Promises, at_least: int) -> None:
    """Opening is idempotent, before and after another crash, and the log can be used again."""
    first = _check(file_system, promises, at_least).log
    file_system.restart()
    again = open_log(file_system, SETTINGS)
    assert (again.start_offset, again.end_offset, again.cut) == (first.start_offset, first.end_offset, None)
    file_system.crash()
    again = _check(file_system, promises, promises.synced).log
    assert again.cut is None
    owner = Owner(file_system, _cut_to(promises, again.end_offset))
    for _ in range(4):
        owner.append(2)
        owner.flush()
    owner.close()
    file_system.crash()
    _check(file_system, owner.promises, owner.promises.end)


def _cut_to(promises: Promises, end: int) -> Promises:
    kept = {offset: batch for offset, batch in promises.batches.items() if offset < end}
    return replace(promises, batches=kept, end=end, flushed=end, synced=min(promises.synced, end), epoch=promises.epoch + 1)


def _script(owner: Owner) -> None:
    """A life with everything in it: turns of several batches, rolls, syncs, checkpoints, deletion, retention, a clean end."""
    for turn in range(6):
        for _ in range(turn % 3 + 1):
            owner.append(turn % 2 + 1)
        owner.flush()
    owner.sync()
    owner.append(size=2000)
    owner.append()
    owner.flush()
    owner.checkpoint()
    for _ in range(9):
        owner.append()
    owner.flush()
    owner.promises.epoch += 1
    owner.delete_before(3)
    owner.append()
    owner.flush()
    owner.checkpoint()
    owner.append(3)
    owner.flush()
    owner.delete_before(14)
    owner.retain(1500)
    for _ in range(3):
        owner.append(2)
        owner.flush()
        owner.sync()
    owner.retain(0)
    owner.append()
    owner.flush()
    owner.close()


def _operations() -> int:
    file_system = memory()
    file_system.restart()
    _script(Owner(file_system, Promises()))
    return file_system.operations


def _crash_at(operation: int) -> tuple[MemoryFileSystem, Promises]:
    file_system = memory(seed=operation)
    file_system.restart()
    file_system.crash_at = operation
    promises = Promises()
    with pytest.raises(CrashedError):
        _script(Owner(file_system, promises))
    return file_system, promises


OPERATIONS = range(1, _operations() + 1)


def test_a_killed_process_loses_nothing_that_was_flushed() -> None:
    for operation in OPERATIONS:
        file_system, promises = _crash_at(operation)
        file_system.restart()
        _check_twice(file_system, promises, max(promises.flushed, promises.synced))


@pytest.mark.parametrize("open_files", [3, 512])
def test_what_a_recovered_log_takes_in_outlives_its_next_death(open_files: int) -> None:
    for operation in OPERATIONS:
        file_system, promises = _crash_at(operation)
        file_system.restart()
        owner = Owner(file_system, promises, open_files)
        owner.promises = _cut_to(promises, owner.log.end_offset)
        for size in (100, 1000, 100):
            owner.append(2, size)
            owner.flush()
        file_system.restart()
        _check(file_system, owner.promises, owner.promises.flushed)


@pytest.mark.parametrize("seeds", [[None], range(4), range(4, 8)], ids=["wholly", "in part", "in part again"])
def test_a_power_cut_loses_nothing_that_was_synced(seeds: list[int | None]) -> None:
    for operation in OPERATIONS:
        crashed, promises = _crash_at(operation)
        for seed in seeds:
            file_system = copy.deepcopy(crashed)
            file_system.crash(seed)
            _check_twice(file_system, copy.deepcopy(promises), promises.synced)


def test_a_crash_while_a_log_recovers_changes_nothing() -> None:
    for operation in OPERATIONS[::4]:
        crashed, promises = _crash_at(operation)
        crashed.crash(operation)
        for again in range(1, 8):
            file_system = copy.deepcopy(crashed)
            file_system.crash_at = again
            try:
                open_log(file_system, SETTINGS)
            except CrashedError:
                file_system.crash(again)
                _check(file_system, copy.deepcopy(promises), promises.synced)
            else:
                break


def _random_life(owner: Owner, chance: random.Random, file_system: MemoryFileSystem) -> None:
    steps: list[Callable[[], None]] = [
        lambda: owner.append(chance.randint(1, 4), chance.choice([10, 100, 100, 700])),
        lambda: owner.append(1, 100),
        owner.flush,
        owner.flush,
        owner.sync,
        lambda: owner.checkpoint() if owner.log.checkpoint_is_due or chance.random() < 0.2 else None,
        lambda: owner.delete_before(chance.randint(owner.log.start_offset, owner.log.flushed_offset)) if chance.random() < 0.3 else None,
        lambda: owner.retain(chance.choice([0, 1000, 3000])) if chance.random() < 0.2 else None,
    ]
    for _ in range(chance.randint(5, 80)):
        file_system.space_left = chance.choice([None] * 9 + [chance.randint(0, 1500)])
        try:
            chance.choice(steps)()
        except StorageError:
            # A full disk: what was not flushed is gone, the rest is as it was.
            owner.promises.end = owner.log.end_offset
            owner.promises.batches = {o: b for o, b in owner.promises.batches.items() if o < owner.log.end_offset}
            file_system.space_left = None
            assert read_all(owner.log) == _expected(owner.promises, owner.log)
    file_system.space_left = None


@pytest.mark.parametrize("seed", range(60))
def test_many_lives_with_crashes_and_full_disks(seed: int) -> None:
    chance = random.Random(seed)
    file_system = memory(seed)
    promises = Promises()
    for _ in range(6):
        file_system.restart()
        file_system.crash_at = chance.choice([None, chance.randint(1, 60)])
        is_closed = False
        try:
            owner = Owner(file_system, promises)
            _random_life(owner, chance, file_system)
            if chance.random() < 0.3:
                owner.close()
                is_closed = True
        except CrashedError:
            pass
        is_killed = chance.random() < 0.4
        if is_killed:
            file_system.restart()
        else:
            file_system.crash(chance.choice([None, seed]))
        at_least = promises.flushed if is_killed else promises.synced
        log = _check(file_system, promises, at_least).log
        assert not is_closed or log.end_offset == promises.end
        promises = _cut_to(promises, log.end_offset)
        if not is_killed:
            promises.start = promises.wished_start = log.start_offset
