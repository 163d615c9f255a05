from message_queues.broker.queues.backlog import BacklogHome, Residence
from message_queues.broker.queues.priority_levels import ONE_LEVEL, QUORUM_LEVELS, TWO_LEVELS, LevelHome, LevelScheme, PriorityLevels
from message_queues.storage.filesystem import MemoryFileSystem
from tests.broker.queues.queue_world import message, text
from tests.storage.messages import Turns, home

DIRECTORY = "/data/queues/q"


def _levels(scheme: LevelScheme, file_system: MemoryFileSystem | None = None, turns: Turns | None = None) -> PriorityLevels:
    backlogs = BacklogHome(home(file_system or MemoryFileSystem(), turns), Residence())
    return PriorityLevels(LevelHome(backlogs, DIRECTORY, is_durable=True, keeps_counts=False), scheme)


def _push(levels: PriorityLevels, body: str, priority: int | None = None) -> None:
    of = message(body, priority=priority)
    levels.level_for(of).push(of, 0)


def test_a_queue_without_priorities_has_one_backlog() -> None:
    levels = _levels(ONE_LEVEL)
    assert levels.only is not None
    assert levels.level_for(message(priority=9)) is levels.only
    assert (levels.next(), levels.pop()) == (None, None)


def test_levels_are_made_when_they_are_needed() -> None:
    levels = _levels(QUORUM_LEVELS)
    assert (levels.only, levels.ready_levels(), levels.ready_count) == (None, [], 0)
    _push(levels, "a", 7)
    _push(levels, "bb", 31)
    _push(levels, "c")
    assert (levels.ready_count, levels.ready_bytes) == (3, 4)
    highest = levels.next()
    assert highest is levels[31]
    assert [level.ready_count for level in levels.ready_levels()] == [1, 1, 1]
    assert levels.default_level() is levels[4]
    assert [text(levels.pop()) for _ in range(3)] == ["bb", "a", "c"]


def test_the_normal_level_has_no_turn_when_it_is_empty() -> None:
    levels = _levels(TWO_LEVELS)
    for number in range(5):
        _push(levels, str(number), 5)
    assert [text(levels.pop()) for _ in range(5)] == ["0", "1", "2", "3", "4"]


def test_what_is_stored_is_found_again_and_deleted_for_good() -> None:
    file_system, turns = MemoryFileSystem(), Turns()
    levels = _levels(QUORUM_LEVELS, file_system, turns)
    for number in (1, 20):
        _push(levels, str(number), number)
    turns.take()
    levels.close()
    levels = _levels(ONE_LEVEL, file_system, turns)
    assert levels.only is None
    _push(levels, "new", 31)
    assert [text(levels.pop()) for _ in range(3)] == ["20", "1", "new"]
    assert levels.purge() == 0
    levels.delete()
    turns.take()
    assert not file_system.exists(DIRECTORY)
    assert _levels(ONE_LEVEL, file_system).only is not None
