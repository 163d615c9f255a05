import random

import pytest

from message_queues.broker.queues.backlog import PAGED_OUT, Backlog, stored_levels
from message_queues.broker.queues.message import Entry
from message_queues.errors import DamagedFile
from message_queues.storage.filesystem import CrashedError
from tests.broker.queues.backlogs import DIRECTORY, Room, bodies, drained, published
from tests.storage.messages import memory


def _pop(backlog: Backlog) -> Entry:
    entry = backlog.pop()
    assert entry is not None
    return entry


@pytest.mark.parametrize("limit_bytes", [0, 3000, 1 << 20])
@pytest.mark.parametrize("is_durable", [False, True])
@pytest.mark.parametrize("is_persistent", [False, True])
def test_messages_come_out_in_the_order_they_went_in(limit_bytes: int, is_durable: bool, is_persistent: bool) -> None:
    room = Room(memory(), limit_bytes)
    backlog = room.backlog(is_durable=is_durable)
    for number in range(200):
        backlog.push(published(number, is_persistent=is_persistent), 5)
        if number % 7 == 0:
            room.commit()
    assert (backlog.ready_count, backlog.ready_bytes) == (200, sum(len(published(number).body) for number in range(200)))
    assert drained(backlog) == list(range(200))
    assert backlog.pop() is None
    assert backlog.peek() is None
    assert (backlog.ready_count, backlog.ready_bytes, room.residence.used_bytes) == (0, 0, 0)


def test_an_entry_knows_when_it_came_and_when_it_goes() -> None:
    room = Room(memory(), 0)
    backlog = room.backlog()
    for number in range(40):
        backlog.push(published(number, other_keys=("cc",)), 1000 + number, 2000 + number if number % 2 else 0)
    for number in range(40):
        entry = _pop(backlog)
        assert (entry.enqueued_ms, entry.expires_at_ms) == (1000 + number, 2000 + number if number % 2 else 0)
        assert (entry.message.exchange, entry.message.routing_key, entry.message.other_keys) == ("orders", f"key.{number % 3}", ("cc",))
        assert (entry.level, entry.redelivered, entry.delivery_count) == (0, False, 0)


def test_a_backlog_that_is_not_durable_touches_no_file_while_memory_lasts() -> None:
    file_system = memory()
    room = Room(file_system)
    backlog = room.backlog(is_durable=False)
    backlog.push(published(0), 0)
    room.commit()
    assert not file_system.exists(DIRECTORY)


def test_memory_stays_within_its_budget() -> None:
    room = Room(memory(), 20_000)
    ours, others = room.backlog(), room.backlog("/data/queues/r/0", is_durable=False)
    for number in range(300):
        ours.push(published(number), 0)
        others.push(published(number), 0)
    # Beyond the budget each has sixteen messages.
    assert room.residence.used_bytes < 20_000 + 2 * 16 * 600
    assert drained(others) == list(range(300))
    assert drained(ours) == list(range(300))


def test_whoever_holds_most_makes_room_for_another() -> None:
    room = Room(memory(), 200_000)
    first = room.backlog()
    for number in range(1000):
        first.push(published(number), 0)
    second = room.backlog("/data/queues/r/0", is_durable=False)
    used = room.residence.used_bytes
    for number in range(300):
        second.push(published(number), 0)
    assert room.residence.used_bytes <= 200_000 + 600
    assert used > 90_000
    room.commit()
    assert not memory().exists("/data/queues/r/0")
    assert drained(first) == list(range(1000))
    assert drained(second) == list(range(300))
    assert room.residence.used_bytes == 0


def test_what_is_put_back_comes_first_again_and_in_order() -> None:
    for limit_bytes in (0, 1 << 20):
        backlog = Room(memory(), limit_bytes).backlog()
        for number in range(50):
            backlog.push(published(number), 0)
        entries = [_pop(backlog) for _ in range(10)]
        for index in (3, 7, 1):
            backlog.put_back(entries[index])
        assert backlog.ready_count == 43
        assert bodies([entry for entry in [backlog.peek()] if entry]) == [1]
        assert bodies(backlog.first(5)) == [1, 3, 7, 10, 11]
        assert drained(backlog) == [1, 3, 7, *range(10, 50)]


def test_what_was_released_is_read_again_when_it_is_put_back() -> None:
    room = Room(memory(), 0)
    backlog = room.backlog()
    for number in range(50):
        backlog.push(published(number), 0)
    room.commit()
    entries = [_pop(backlog) for _ in range(30)]
    used = room.residence.used_bytes
    for entry in entries:
        backlog.release(entry)
    assert all(entry.message is PAGED_OUT for entry in entries)
    assert room.residence.used_bytes < used
    assert bodies(entries) != list(range(30)) if entries[0].message is not PAGED_OUT else True
    assert backlog.message_of(entries[4]).body == published(4).body
    for entry in reversed(entries):
        backlog.put_back(entry)
    assert bodies(backlog.first(3)) == [0, 1, 2]
    assert drained(backlog) == list(range(50))
    assert room.residence.used_bytes == 0


def test_a_released_entry_can_be_settled_unread() -> None:
    file_system = memory()
    room = Room(file_system, 0)
    backlog = room.backlog()
    backlog.push(published(0), 0)
    room.commit()
    entry = _pop(backlog)
    backlog.release(entry)
    backlog.settle(entry)
    room.commit()
    assert room.residence.used_bytes == 0
    assert Room(file_system).backlog().ready_count == 0


def test_who_waits_gets_a_message_past_the_window() -> None:
    file_system = memory()
    room = Room(file_system)
    backlog = room.backlog()
    entry = backlog.admit(published(0), 1, 2)
    assert (backlog.ready_count, entry.size, entry.expires_at_ms) == (0, 22, 2)
    room.commit()
    assert Room(file_system).backlog().ready_count == 1
    backlog.put_back(entry)
    assert drained(backlog) == [0]
    room.commit()
    assert Room(file_system).backlog().ready_count == 0


# The disk.


def test_persistent_messages_of_a_durable_queue_outlive_the_process() -> None:
    file_system = memory()
    room = Room(file_system)
    backlog = room.backlog()
    for number in range(60):
        backlog.push(published(number, is_persistent=number % 4 != 0), 7, 9)
    taken = [_pop(backlog) for _ in range(20)]
    for entry in taken[:10]:
        backlog.settle(entry)
    room.commit()
    file_system.restart()
    again = Room(file_system).backlog()
    expected = [number for number in range(10, 60) if number % 4]
    assert again.ready_count == len(expected)
    assert again.ready_bytes == sum(len(published(number).body) for number in expected)
    again.push(published(99), 0)
    assert drained(again) == [*expected, 99]


def test_counts_of_what_came_back_outlive_the_process_where_they_are_kept() -> None:
    for keeps_counts in (False, True):
        file_system = memory()
        room = Room(file_system)
        backlog = room.backlog(keeps_counts=keeps_counts)
        backlog.push(published(0), 0)
        room.commit()
        entry = _pop(backlog)
        entry.delivery_count, entry.acquired_count = 2, 3
        backlog.put_back(entry)
        room.commit()
        file_system.restart()
        entry = _pop(Room(file_system).backlog(keeps_counts=keeps_counts))
        assert (entry.delivery_count, entry.acquired_count, entry.redelivered) == ((2, 3, True) if keeps_counts else (0, 0, True))


@pytest.mark.parametrize("limit_bytes", [0, 5000, 1 << 20])
def test_purging_takes_what_is_ready_and_leaves_what_is_out(limit_bytes: int) -> None:
    file_system = memory()
    room = Room(file_system, limit_bytes)
    backlog = room.backlog()
    for number in range(100):
        backlog.push(published(number, is_persistent=number % 5 != 0), 0)
    room.commit()
    entries = [_pop(backlog) for _ in range(10)]
    backlog.put_back(entries[2])
    assert backlog.purge() == 91
    assert (backlog.ready_count, backlog.ready_bytes, backlog.pop()) == (0, 0, None)
    backlog.push(published(100), 0)
    backlog.put_back(entries[4])
    assert drained(backlog) == [4, 100]
    room.commit()
    file_system.restart()
    assert drained(Room(file_system).backlog()) == [1, 3, 6, 7, 8, 9]
    for number in (0, 1, 3, 5, 6, 7, 8, 9):
        backlog.settle(entries[number])
    assert room.residence.used_bytes == 0


def test_deleting_takes_all_and_entries_that_are_out_no_longer_matter() -> None:
    file_system = memory()
    room = Room(file_system)
    backlog = room.backlog()
    for number in range(30):
        backlog.push(published(number), 0)
    entry = _pop(backlog)
    backlog.delete()
    assert room.residence.used_bytes == 0
    assert not file_system.exists(DIRECTORY)
    backlog.settle(entry)
    assert room.residence.used_bytes == 0
    room.commit()
    assert not file_system.exists(DIRECTORY)


def test_closing_keeps_what_is_durable() -> None:
    file_system = memory()
    room = Room(file_system)
    backlog = room.backlog()
    for number in range(30):
        backlog.push(published(number), 0)
    backlog.close()
    file_system.restart()
    assert drained(Room(file_system).backlog()) == list(range(30))


def test_the_levels_of_a_queue_are_found_by_their_directories() -> None:
    file_system = memory()
    room = Room(file_system)
    assert stored_levels(room.home.stores, "/data/queues/q") == []
    for level in (3, 11):
        room.backlog(f"/data/queues/q/{level}").push(published(level), 0)
    room.commit()
    assert stored_levels(room.home.stores, "/data/queues/q") == [3, 11]


# Trouble.


@pytest.mark.parametrize("limit_bytes", [0, 1 << 20])
def test_what_could_not_be_written_is_no_longer_in_the_queue(limit_bytes: int) -> None:
    file_system = memory()
    room = Room(file_system, limit_bytes)
    backlog = room.backlog()
    for number in range(20):
        backlog.push(published(number), 0)
    room.commit()
    for number in range(20, 70):
        backlog.push(published(number), 0)
    file_system.space_left = 100
    room.commit()
    file_system.space_left = None
    assert (backlog.ready_count, backlog.ready_bytes) == (20, sum(len(published(number).body) for number in range(20)))
    backlog.push(published(70), 0)
    assert drained(backlog) == [*range(20), 70]
    assert room.residence.used_bytes == 0


def test_an_entry_that_is_out_when_its_flush_fails_keeps_its_message() -> None:
    file_system = memory()
    room = Room(file_system, 0)
    backlog = room.backlog()
    backlog.push(published(0), 0)
    entry = _pop(backlog)
    file_system.space_left = 0
    room.commit()
    file_system.space_left = None
    backlog.release(entry)
    backlog.put_back(entry)
    assert drained(backlog) == [0]


def test_messages_that_are_missing_on_disk_are_told() -> None:
    file_system = memory()
    room = Room(file_system, 0)
    backlog = room.backlog()
    for number in range(60):
        backlog.push(published(number), 0)
    room.commit()
    names = [name for name in file_system.list_directory(DIRECTORY) if name.endswith(".messages")]
    file_system.open(f"{DIRECTORY}/{names[-1]}").truncate(30)
    with pytest.raises(DamagedFile):
        drained(backlog)


# A model.


class _Model:
    """What a queue should hold."""

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.out: dict[int, Entry] = {}


@pytest.mark.parametrize("seed", range(60))
def test_any_sequence_of_calls_does_what_a_list_would_do(seed: int) -> None:
    chance = random.Random(seed)
    file_system = memory(seed)
    limit_bytes = chance.choice([0, 2000, 10_000, 1 << 20])
    room = Room(file_system, limit_bytes)
    backlog = room.backlog(is_durable=chance.random() < 0.7)
    others = room.backlog("/data/queues/r/0")
    model = _Model()
    number = 0
    for _ in range(400):
        step = chance.random()
        if step < 0.4:
            for _ in range(chance.randint(1, 10)):
                backlog.push(published(number, chance.choice([0, 20, 20, 300]), chance.random() < 0.7), 0)
                model.ready.append(number)
                number += 1
        elif step < 0.6:
            for _ in range(chance.randint(1, 10)):
                entry = backlog.pop()
                assert (entry is None) == (not model.ready)
                if entry is not None:
                    (found,) = bodies([entry])
                    assert found == model.ready.pop(0)
                    model.out[found] = entry
                    if chance.random() < 0.5:
                        backlog.release(entry)
        elif step < 0.75 and model.out:
            for found in chance.sample(sorted(model.out), chance.randint(1, len(model.out))):
                backlog.settle(model.out.pop(found))
        elif step < 0.85 and model.out:
            for found in chance.sample(sorted(model.out), chance.randint(1, len(model.out))):
                backlog.put_back(model.out.pop(found))
                model.ready = sorted([*model.ready, found])
        elif step < 0.86:
            assert backlog.purge() == len(model.ready)
            model.ready = []
        elif step < 0.9:
            others.push(published(0), 0)
            backlog.shrink()
        else:
            room.commit()
        assert backlog.ready_count == len(model.ready)
    assert bodies(backlog.first(30)) == model.ready[:30]
    assert drained(backlog) == model.ready
    for entry in model.out.values():
        backlog.settle(entry)
    drained(others)
    room.commit()
    assert room.residence.used_bytes == 0
    assert Room(file_system).backlog().ready_count == 0


@pytest.mark.parametrize("seed", range(40))
def test_a_crash_loses_nothing_committed_and_returns_nothing_settled(seed: int) -> None:
    chance = random.Random(seed)
    file_system = memory(seed)
    file_system.restart()
    file_system.crash_at = chance.randint(1, 60)
    room = Room(file_system, chance.choice([0, 5000, 1 << 20]))
    committed: set[int] = set()
    settled: set[int] = set()
    unwanted: set[int] = set()
    number = 0
    try:
        backlog = room.backlog()
        while True:
            first = number
            for _ in range(chance.randint(1, 8)):
                backlog.push(published(number), 0)
                number += 1
            popped = [entry for entry in [backlog.pop() for _ in range(chance.randint(0, 8))] if entry is not None]
            for entry in popped:
                if chance.random() < 0.7:
                    unwanted.update(bodies([entry]))
                    backlog.settle(entry)
                else:
                    backlog.put_back(entry)
            room.commit()
            committed.update(range(first, number))
            settled.update(unwanted)
    except CrashedError:
        pass
    file_system.restart()
    found = drained(Room(file_system).backlog())
    assert found == sorted(found)
    assert committed - unwanted <= set(found)
    assert not settled & set(found)
