"""Several message stores that share a log, on a machine that crashes at every operation that changes a file: killed, or with the power cut
and what was not synced lost, wholly or, by a seed, in part."""

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from message_queues.storage.filesystem import CrashedError, MemoryFileSystem
from message_queues.storage.group_commit import Failures, GroupCommit, run_at_once
from message_queues.storage.message_store import PERSISTENT, TRANSIENT, MessageStore, StoreHome
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.shared_log import SharedLog, SharedLogSettings
from tests.storage.messages import SMALL, Turns, all_stored, memory, weigh

ROOT = "/data/queues"
NAMES = ("a/0", "a/3", "b/0", "c")

Counts = tuple[int, int]


@dataclass
class Promises:
    """What the owners of the stores know, and what must therefore be there after a crash. Each message has a number of its own."""

    content: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, str] = field(default_factory=dict)
    """The store of each."""
    directories: dict[str, str] = field(default_factory=lambda: {name: name for name in NAMES})
    """Of the stores there are; a new one has one of its own."""
    reuses_directories: bool = False
    """A new one has that of the old one."""
    written: set[int] = field(default_factory=set)
    synced: set[int] = field(default_factory=set)
    unwanted: set[int] = field(default_factory=set)
    """Acknowledged, purged or deleted with their store, perhaps not written yet."""
    gone: set[int] = field(default_factory=set)
    gone_for_good: set[int] = field(default_factory=set)
    counts: dict[int, list[Counts]] = field(default_factory=dict)
    """Of what came back, all that were ever noted."""
    counts_written: dict[int, Counts] = field(default_factory=dict)
    counts_synced: dict[int, Counts] = field(default_factory=dict)


class Owner:
    """Uses a store as a backlog does."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.directory = world.promises.directories[name]
        self.store = MessageStore(world.home, f"{ROOT}/{self.directory}", weigh, self._lost)
        self.next_position = self.store.next_position
        self.live = {stored[0]: (number_of(stored[1][stored[2] : stored[3]]), stored[4]) for stored in all_stored(self.store)}

    def append(self, count: int, size: int, is_persistent: bool = True) -> None:
        promises = self.world.promises
        for _ in range(count):
            number = len(promises.content)
            content = b"%d:" % number + b"m" * size
            promises.content[number] = content
            promises.places[number] = self.directory
            self.live[self.next_position] = number, PERSISTENT if is_persistent else TRANSIENT
            if is_persistent:
                self.world.pending.add(number)
            self.store.append(self.next_position, (content[:1], content[1:2], content[2:]), len(content), is_persistent)
            self.next_position += 1

    def acknowledge(self, positions: list[int]) -> None:
        promises = self.world.promises
        for position in positions:
            number, where = self.live.pop(position)
            promises.unwanted.add(number)
            self.world.unwanted.add(number)
            self.store.acknowledge(position, len(promises.content[number]), where)

    def purge(self, first: int) -> None:
        gone = [position for position in self.live if position >= first]
        self.world.unwanted.update(self.live.pop(position)[0] for position in gone)
        self.world.promises.unwanted |= self.world.unwanted
        assert self.store.purge(first) == len(gone)

    def give_back(self, position: int) -> None:
        number, where = self.live[position]
        if where == PERSISTENT and number not in self.world.pending:
            noted = self.world.promises.counts.setdefault(number, [])
            noted.append((len(noted) + 1, number))
            self.world.counts[number] = noted[-1]
            self.store.returned(position, *noted[-1])

    def check(self) -> None:
        assert {stored[0]: content_of(stored) for stored in all_stored(self.store)} == {
            position: self.world.promises.content[number] for position, (number, _) in self.live.items()
        }
        assert self.store.count == len(self.live)

    def _lost(self, lost: list[tuple[int, int]]) -> None:
        for position, _ in lost:
            found = self.live.pop(position, None)
            if found is not None:
                self.world.pending.discard(found[0])


class World:
    """One life of a process."""

    def __init__(self, file_system: MemoryFileSystem, promises: Promises, seed: int, names: tuple[str, ...] = NAMES) -> None:
        chance = random.Random(seed)
        self.promises = promises
        # What this life did.
        self.pending: set[int] = set()
        self.unwanted: set[int] = set()
        self.counts: dict[int, Counts] = {}
        self.syncs = chance.random() < 0.6
        self.background: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._is_prompt = chance.random() < 0.5
        self._turns = Turns()
        open_files = OpenFiles(file_system, chance.choice((1, 64)))
        self.group_commit = GroupCommit(self._turns.call_soon, run_at_once if self.syncs else None)
        settings = SharedLogSettings(
            log_bytes=chance.choice((1, 300, 1500)),
            most_messages=4,
            most_bytes=300,
            most_acknowledged=3,
            most_gathered_bytes=chance.choice((100, 400)),
            parts_per_commit=1,
            most_synced_singly=chance.choice((0, 100)),
        )
        self.log = SharedLog(open_files, self.group_commit, ROOT, self._later, settings)
        self.home = StoreHome(open_files, self.group_commit, self._later, SMALL, self.log)
        self.owners = {name: Owner(self, name) for name in names}
        self.log.opened()

    def _later(self, work: Callable[[], None], done: Callable[[], None]) -> None:
        if self._is_prompt:
            run_at_once(work, done)
        else:
            self.background.append((work, done))

    def finish_background(self) -> None:
        if self.background:
            run_at_once(*self.background.pop(0))

    def commit(self) -> bool:
        """Whether all went well."""
        promises = self.promises
        pending, unwanted, counts = self.pending, set(self.unwanted), dict(self.counts)
        told: list[Failures] = []
        self.group_commit.when_durable(told.append)
        self._turns.take()
        self.pending = set()
        promises.written |= pending
        promises.gone |= unwanted
        promises.counts_written |= counts
        if self.syncs and told == [{}]:
            promises.synced |= pending
            promises.gone_for_good |= unwanted
            promises.counts_synced |= counts
        return told == [{}]

    def recreate(self, name: str) -> None:
        """It is deleted, and there is another one of this name."""
        owner = self.owners[name]
        numbers = {number for number, _ in owner.live.values()}
        self.unwanted |= numbers
        self.promises.unwanted |= numbers
        self.pending -= numbers
        if not self.promises.reuses_directories:
            self.promises.directories[name] = f"{name}-{len(self.promises.content)}"
        owner.store.delete()
        self.owners[name] = Owner(self, name)
        assert self.owners[name].live == {}

    def close(self) -> None:
        self.commit()
        for owner in self.owners.values():
            owner.store.close()
        self.log.close()


def content_of(stored: tuple[int, bytes, int, int, int, Counts | None]) -> bytes:
    return stored[1][stored[2] : stored[3]]


def number_of(content: bytes) -> int:
    return int(content.split(b":")[0])


def _check(file_system: MemoryFileSystem, promises: Promises, is_killed: bool, seed: int) -> World:
    """Opens the stores after a crash: all that was promised is there, nothing that is gone has returned, nothing else was ever written."""
    world = World(file_system, promises, seed)
    kept, gone = (promises.written, promises.gone) if is_killed else (promises.synced, promises.gone_for_good)
    promised_counts = promises.counts_written if is_killed else promises.counts_synced
    found: list[int] = []
    for owner in world.owners.values():
        owner.check()
        assert owner.store.weight == sum(len(promises.content[number]) for number, _ in owner.live.values())
        assert not owner.live or max(owner.live) < owner.next_position
        numbers = [number for number, _ in owner.live.values()]
        assert numbers == sorted(numbers) or promises.reuses_directories
        assert all(promises.places[number] == owner.directory for number in numbers)
        found += numbers
        for stored in all_stored(owner.store):
            number = number_of(content_of(stored))
            if number in promised_counts:
                assert stored[5] in promises.counts[number], (number, owner.directory)
                assert stored[5] >= promised_counts[number]
    assert len(found) == len(set(found))
    assert kept - promises.unwanted <= set(found)
    assert not gone & set(found), gone & set(found)
    return world


def _settle(world: World, is_killed: bool) -> None:
    """The history as it has turned out: a kill leaves unsynced what was unsynced."""
    promises = world.promises
    live = _live(world)
    promises.written = set(live)
    promises.synced = promises.synced & live if is_killed else set(live)
    promises.unwanted -= live
    promises.gone = set(promises.unwanted)
    found = {number_of(content_of(stored)): stored[5] for owner in world.owners.values() for stored in all_stored(owner.store)}
    promises.counts = {
        number: noted[: noted.index(counts) + 1] if (counts := found.get(number)) is not None else noted
        for number, noted in promises.counts.items()
        if number not in found or found[number] is not None
    }
    promises.counts_written = {number: noted[-1] for number, noted in promises.counts.items() if number in found}
    if not is_killed:
        promises.counts_synced = dict(promises.counts_written)


def _step(world: World, chance: random.Random) -> None:
    name = chance.choice(NAMES)
    owner = world.owners[name]
    live = list(owner.live)
    kind = chance.random()
    if kind < 0.35:
        owner.append(chance.choice((1, 1, 1, 2, 9)), chance.choice((0, 30, 30, 200)))
    elif kind < 0.40:
        owner.append(chance.randint(1, 3), 30, is_persistent=False)
    elif kind < 0.60:
        owner.acknowledge(chance.sample(live, chance.randint(0, len(live))) if chance.random() < 0.5 else live[: chance.randint(0, 3)])
    elif kind < 0.66 and live:
        owner.give_back(chance.choice(live))
    elif kind < 0.69:
        owner.purge(chance.choice((0, owner.next_position, *live)))
    elif kind < 0.71:
        world.recreate(name)
    elif kind < 0.77:
        world.finish_background()
    else:
        assert world.commit()
    owner = world.owners[name]
    owner.check()


def _life(file_system: MemoryFileSystem, promises: Promises, seed: int, steps: int = 60) -> None:
    chance = random.Random(seed)
    world = World(file_system, promises, seed)
    for _ in range(steps):
        _step(world, chance)
    if chance.random() < 0.5:
        world.close()


def _lived(seed: int) -> MemoryFileSystem:
    """A disk with some history: old segments, old logs."""
    file_system = memory(seed)
    _life(file_system, promises := Promises(), seed + 1000, 40)
    file_system.promises = promises  # type: ignore[attr-defined]  # so that both are copied together
    return file_system


SCRIPTS = (*range(6), 12, 30, 35, 40)


@pytest.mark.parametrize("script", SCRIPTS)
def test_whenever_the_process_is_killed_or_the_power_is_cut_promises_are_kept(script: int) -> None:
    started = _lived(script)
    whole = copy.deepcopy(started)
    whole.restart()
    world = _check(whole, whole.promises, is_killed=True, seed=script)  # type: ignore[attr-defined]
    _settle(world, is_killed=True)
    whole.restart()
    _life(whole, whole.promises, script)  # type: ignore[attr-defined]
    for operation in range(1, whole.operations + 1):
        crashed = copy.deepcopy(started)
        crashed.restart()
        world = _check(crashed, crashed.promises, is_killed=True, seed=script)  # type: ignore[attr-defined]
        _settle(world, is_killed=True)
        crashed.restart()
        crashed.crash_at = operation
        with pytest.raises(CrashedError):
            _life(crashed, crashed.promises, script)  # type: ignore[attr-defined]
        for fate in ("killed", None, operation, operation + 1):
            file_system = copy.deepcopy(crashed)
            promises = file_system.promises  # type: ignore[attr-defined]
            if fate == "killed":
                file_system.restart()
            else:
                file_system.crash(fate)  # type: ignore[arg-type]
            _check_twice(file_system, promises, fate == "killed", operation)


def _check_twice(file_system: MemoryFileSystem, promises: Promises, is_killed: bool, seed: int) -> None:
    """Opening is idempotent, before and after another crash, and the stores can be used again."""
    first = _check(file_system, promises, is_killed, seed)
    live = _live(first)
    file_system.restart()
    again = _check(file_system, copy.deepcopy(promises), is_killed, seed + 1)
    # What became of a message in the commit that crashed may be known to the segment that the first opening removed, not to the log yet.
    assert _live(again) ^ live <= promises.unwanted
    _settle(again, is_killed)
    chance = random.Random(seed)
    for _ in range(12):
        _step(again, chance)
    again.commit()
    file_system.restart()
    _check(file_system, again.promises, is_killed=True, seed=seed)
    file_system.crash(seed)
    _check(file_system, again.promises, is_killed=False, seed=seed)


def _live(world: World) -> set[int]:
    return {number for owner in world.owners.values() for number, _ in owner.live.values()}


@pytest.mark.parametrize("seed", [*range(250), 488, 934, 1416, 1428, 1960, 2161, 2691, 4221])
def test_many_lives_with_crashes_and_full_disks(seed: int) -> None:
    chance = random.Random(seed)
    file_system = memory(seed)
    # Nobody syncs that the files of a deleted store are gone.
    promises = Promises(reuses_directories=chance.random() < 0.2)
    for _ in range(6):
        file_system.restart()
        file_system.crash_at = chance.choice([None, chance.randint(1, 100)])
        is_closed = False
        try:
            world = World(file_system, promises, chance.randrange(1 << 30))
            for _ in range(chance.randint(5, 90)):
                file_system.space_left = chance.choice([None] * 9 + [chance.randint(0, 1500)])
                if file_system.space_left is None:
                    _step(world, chance)
                else:
                    _commit_with_little_room(world, file_system)
            if chance.random() < 0.3:
                world.close()
                is_closed = True
        except CrashedError:
            pass
        file_system.space_left = None
        is_killed = chance.random() < 0.5 or is_closed or promises.reuses_directories
        if is_killed:
            file_system.restart()
        else:
            file_system.crash(chance.choice([None, seed]))
        _settle(_check(file_system, promises, is_killed, chance.randrange(1 << 30)), is_killed)


def _commit_with_little_room(world: World, file_system: MemoryFileSystem) -> None:
    """Acknowledgements may not find room: what they are about is promised to be gone only by the next flush that has."""
    promises = world.promises
    before = copy.deepcopy(
        (promises.gone, promises.gone_for_good, promises.synced, promises.counts_written, promises.counts_synced),
    )
    went_well = world.commit()
    file_system.space_left = None
    promises.gone, promises.gone_for_good, synced, promises.counts_written, promises.counts_synced = before
    if not went_well:
        promises.synced = synced
    for owner in world.owners.values():
        # So that each store tries again with the next commit.
        owner.append(1, 0, is_persistent=False)


def test_what_nobody_opens_is_void() -> None:
    for operation in range(1, 40):
        file_system = memory()
        promises = Promises()
        world = World(file_system, promises, seed=3)
        for owner in world.owners.values():
            owner.append(2, 30)
        world.commit()
        file_system.restart()
        file_system.crash_at = operation
        try:
            world = World(file_system, promises, seed=4, names=("a/0",))
            world.commit()
            world.owners["b/0"] = Owner(world, "b/0")
            assert world.owners["b/0"].live == {}
            world.owners["b/0"].append(1, 30)
            world.commit()
        except CrashedError:
            continue
        file_system.crash(operation)
        assert _live(World(file_system, promises, seed=operation)) == {0, 1, max(promises.content)}
        return
    raise AssertionError("the script is longer than expected")
