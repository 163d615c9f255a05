"""A message store on a machine that crashes at every operation that changes a file and loses what was not synced, wholly or, by a seed,
in part."""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from message_queues.errors import StorageError
from message_queues.storage.filesystem import CrashedError, MemoryFileSystem
from message_queues.storage.message_store import PERSISTENT, TRANSIENT, MessageStore
from tests.storage.messages import DIRECTORY, add, all_stored, content, contents, home, memory, sync, weigh


@dataclass
class Promises:
    """What the owner of a store knows, and what must therefore be there after a crash."""

    sizes: dict[int, int] = field(default_factory=dict)
    """Of every persistent message ever appended."""
    written: set[int] = field(default_factory=set)
    synced: set[int] = field(default_factory=set)
    unwanted: set[int] = field(default_factory=set)
    """Acknowledged or purged, perhaps not written yet."""
    gone: set[int] = field(default_factory=set)
    """Unwanted, and that is written."""
    gone_for_good: set[int] = field(default_factory=set)
    """Unwanted, and that is synced."""
    pending: set[int] = field(default_factory=set)


class Owner:
    """Uses a store as a backlog does, and notes what it was promised."""

    def __init__(self, file_system: MemoryFileSystem, promises: Promises) -> None:
        self.promises = promises
        self.store = MessageStore(home(file_system), DIRECTORY, weigh, self.lost)
        self.live = {stored[0]: stored[4] for stored in all_stored(self.store)}
        # So that a position stands for one message in all lives, also when a store was empty in between.
        self.next_position = max(self.store.next_position, 1 + max(promises.sizes.keys() | promises.unwanted | promises.gone, default=-1))

    def append(self, count: int = 1, size: int = 40, is_persistent: bool = True) -> None:
        for _ in range(count):
            position = self.next_position
            self.next_position += 1
            self.live[position] = PERSISTENT if is_persistent else TRANSIENT
            if is_persistent:
                self.promises.sizes[position] = size
                self.promises.pending.add(position)
            add(self.store, position, size, is_persistent)

    def acknowledge(self, *positions: int) -> None:
        for position in positions:
            where = self.live.pop(position, None)
            if where is not None:
                self.promises.unwanted.add(position)
                self.store.acknowledge(position, len(content(position, self.promises.sizes.get(position, 40))), where)

    def purge(self, first: int) -> None:
        self.promises.unwanted.update(position for position in self.live if position >= first)
        self.live = {position: where for position, where in self.live.items() if position < first}
        self.store.purge(first)

    def flush(self) -> None:
        promises = self.promises
        self.store.flush()
        promises.written |= promises.pending
        promises.pending = set()
        promises.gone |= promises.unwanted
        self.store.committed()

    def sync(self) -> None:
        promises = self.promises
        self.store.flush()
        promises.written |= promises.pending
        promises.pending = set()
        promises.gone |= promises.unwanted
        sync(self.store)
        promises.synced |= promises.written
        promises.gone_for_good |= promises.gone
        self.store.committed()

    def close(self) -> None:
        self.store.close()
        self.promises.written |= self.promises.pending
        self.promises.gone |= self.promises.unwanted

    def lost(self, lost: list[tuple[int, int]]) -> None:
        for position, _ in lost:
            self.live.pop(position, None)
            self.promises.pending.discard(position)


def _check(file_system: MemoryFileSystem, promises: Promises, is_killed: bool) -> Owner:
    """Opens the store after a crash: all that was promised is there, nothing that is gone has returned, nothing else was ever written."""
    owner = Owner(file_system, promises)
    found = contents(owner.store)
    kept, gone = (promises.written, promises.gone) if is_killed else (promises.synced, promises.gone_for_good)
    assert kept - promises.unwanted <= set(found)
    assert not gone & set(found)
    assert found == {position: content(position, promises.sizes[position]) for position in found}
    assert (owner.store.count, owner.store.weight) == (len(found), sum(map(len, found.values())))
    assert not found or max(found) < owner.next_position
    return owner


def _settle(promises: Promises, owner: Owner, is_killed: bool) -> Promises:
    """The history as it has turned out: a kill leaves unsynced what was unsynced."""
    live = set(owner.live)
    if is_killed:
        return Promises(promises.sizes, live, promises.synced & live, promises.unwanted - live, promises.gone, promises.gone_for_good)
    sizes = {position: size for position, size in promises.sizes.items() if position in live}
    return Promises(sizes, set(live), set(live))


def _check_twice(file_system: MemoryFileSystem, promises: Promises, is_killed: bool) -> None:
    """Opening is idempotent, before and after another crash, and the store can be used again."""
    first = _check(file_system, promises, is_killed)
    file_system.restart()
    again = Owner(file_system, copy.deepcopy(promises))
    assert again.live == first.live
    again.append(9)
    again.acknowledge(*list(again.live)[::2])
    again.sync()
    expected = set(again.live)
    file_system.crash()
    assert set(Owner(file_system, Promises()).live) == expected


def _script(owner: Owner) -> None:
    """A life with everything in it: rolls, sealing, acknowledgements in any order, segments written anew, purges, a clean end."""
    for turn in range(8):
        owner.append(turn % 3 + 1)
        owner.append(turn % 2, is_persistent=False)
        owner.flush()
    owner.acknowledge(0, 2, 5)
    owner.sync()
    owner.append(14)
    owner.append(1, size=1000)
    owner.acknowledge(1)
    owner.flush()
    owner.append(10)
    owner.acknowledge(*range(3, 9))
    owner.sync()
    owner.acknowledge(*(position for position in range(38) if position % 9))
    owner.flush()
    owner.flush()
    owner.append(4)
    owner.sync()
    owner.flush()
    owner.append(6)
    owner.acknowledge(9, 18)
    owner.flush()
    owner.purge(owner.next_position - 12)
    owner.flush()
    owner.append(9)
    owner.sync()
    owner.acknowledge(*list(owner.live)[:4])
    owner.append(2)
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
        _check_twice(file_system, promises, is_killed=True)


def test_what_an_opened_store_takes_in_outlives_its_next_death() -> None:
    for operation in OPERATIONS:
        file_system, promises = _crash_at(operation)
        file_system.restart()
        owner = Owner(file_system, promises)
        owner.append(9)
        owner.acknowledge(*list(owner.live)[::2])
        owner.flush()
        file_system.restart()
        assert set(Owner(file_system, Promises()).live) == set(owner.live)


@pytest.mark.parametrize("seeds", [[None], range(4), range(4, 8)], ids=["wholly", "in part", "in part again"])
def test_a_power_cut_loses_nothing_that_was_synced(seeds: list[int | None]) -> None:
    for operation in OPERATIONS:
        crashed, promises = _crash_at(operation)
        for seed in seeds:
            file_system = copy.deepcopy(crashed)
            file_system.crash(seed)
            _check_twice(file_system, copy.deepcopy(promises), is_killed=False)


def test_a_crash_while_a_store_is_opened_changes_nothing() -> None:
    for operation in OPERATIONS[::3]:
        crashed, promises = _crash_at(operation)
        crashed.crash(operation)
        for again in range(1, 8):
            file_system = copy.deepcopy(crashed)
            file_system.crash_at = again
            try:
                Owner(file_system, copy.deepcopy(promises))
            except CrashedError:
                file_system.crash(again)
                _check(file_system, copy.deepcopy(promises), is_killed=False)
            else:
                break


def _random_life(owner: Owner, chance: random.Random, file_system: MemoryFileSystem) -> None:
    def some_live() -> list[int]:
        live = list(owner.live)
        return chance.sample(live, chance.randint(0, len(live))) if chance.random() < 0.3 else live[: chance.randint(0, 6)]

    steps: list[Callable[[], None]] = [
        lambda: owner.append(chance.randint(1, 9), chance.choice([0, 40, 40, 40, 600])),
        lambda: owner.append(chance.randint(1, 4), is_persistent=False),
        lambda: owner.acknowledge(*some_live()),
        owner.flush,
        owner.flush,
        owner.sync,
        lambda: owner.purge(chance.randint(0, owner.next_position)) if chance.random() < 0.1 else None,
    ]
    for _ in range(chance.randint(5, 80)):
        file_system.space_left = chance.choice([None] * 9 + [chance.randint(0, 1500)])
        gone, gone_for_good = set(owner.promises.gone), set(owner.promises.gone_for_good)
        try:
            chance.choice(steps)()
        except StorageError:
            file_system.space_left = None
        if file_system.space_left is not None:
            # Acknowledgements may not have found room: what they are about is promised to be gone only by the next flush that has.
            file_system.space_left = None
            owner.promises.gone, owner.promises.gone_for_good = gone, gone_for_good
        assert list(contents(owner.store)) == list(owner.live)
    file_system.space_left = None


@pytest.mark.parametrize("seed", range(100))
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
        is_killed = chance.random() < 0.4 or is_closed
        if is_killed:
            file_system.restart()
        else:
            file_system.crash(chance.choice([None, seed]))
        again = _check(file_system, promises, is_killed)
        promises = _settle(promises, again, is_killed)
