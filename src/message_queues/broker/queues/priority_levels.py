"""The backlogs of a queue, one for each priority level that was ever used, and which of them has the next message.

One level: all queues without priorities. Classic queues with x-max-priority: a level for each priority, strictly the highest first. Quorum
queues: 32 levels, messages without priority on the fifth; or, before RabbitMQ 4.3, a high and a normal level, which get turns of two
to one.
"""

import posixpath
from dataclasses import dataclass
from typing import Final

from message_queues.broker.queues.backlog import Backlog, BacklogHome, stored_levels
from message_queues.broker.queues.message import Entry, QueueMessage

DEFAULT_QUORUM_LEVEL: Final = 4
"""Of 32 for messages without priority; of two everything above is high."""
_HIGH: Final = 1
_NORMAL: Final = 0
_TURNS: Final = 3


@dataclass(frozen=True, slots=True)
class LevelScheme:
    highest: int = 0
    default: int = 0
    alternates: bool = False
    """Two levels, high above the default quorum level; every third message comes from the normal one, if that is older."""


ONE_LEVEL: Final = LevelScheme()
TWO_LEVELS: Final = LevelScheme(highest=_HIGH, alternates=True)
QUORUM_LEVELS: Final = LevelScheme(highest=31, default=DEFAULT_QUORUM_LEVEL)


def level_scheme(max_priority: int | None, quorum_levels: int | None) -> LevelScheme:
    """Of a classic queue with x-max-priority, or of a quorum queue where the release has so many levels."""
    if quorum_levels is None:
        return LevelScheme(highest=max_priority) if max_priority else ONE_LEVEL
    return next((scheme for scheme in (QUORUM_LEVELS, TWO_LEVELS) if scheme.highest + 1 == quorum_levels), ONE_LEVEL)


@dataclass(frozen=True, slots=True)
class LevelHome:
    """Where and how backlogs are kept."""

    backlogs: BacklogHome
    directory: str
    is_durable: bool
    keeps_counts: bool


class PriorityLevels:
    __slots__ = ("_by_number", "_home", "_ordered", "_turn", "only", "scheme")

    def __init__(self, home: LevelHome, scheme: LevelScheme) -> None:
        """With what the directory holds, whatever scheme it was written by."""
        self.scheme = scheme
        self._home = home
        self._by_number: dict[int, Backlog] = {}
        self._ordered: list[Backlog] = []
        """The highest first."""
        self._turn = 0
        found = stored_levels(home.backlogs.stores, home.directory)
        for number in found if found or scheme.highest else (0,):
            self[number]
        self.only = self._ordered[0] if not scheme.highest and list(self._by_number) == [0] else None
        """The backlog of a queue that has one level."""

    def __getitem__(self, number: int) -> Backlog:
        backlog = self._by_number.get(number)
        if backlog is None:
            home = self._home
            directory = posixpath.join(home.directory, str(number))
            backlog = self._by_number[number] = Backlog(home.backlogs, directory, number, home.is_durable, home.keeps_counts)
            self._ordered = [self._by_number[each] for each in sorted(self._by_number, reverse=True)]
        return backlog

    def level_for(self, message: QueueMessage) -> Backlog:
        scheme = self.scheme
        attributes = message.attributes
        if scheme.alternates:
            return self[_HIGH if attributes.priority > DEFAULT_QUORUM_LEVEL else _NORMAL]
        return self[min(attributes.priority, scheme.highest) if attributes.has_priority else scheme.default]

    def default_level(self) -> Backlog:
        return self[self.scheme.default]

    @property
    def ready_count(self) -> int:
        return sum([backlog.ready_count for backlog in self._ordered])

    @property
    def ready_bytes(self) -> int:
        return sum([backlog.ready_bytes for backlog in self._ordered])

    def next(self) -> Backlog | None:
        """The one that the next message comes from."""
        for backlog in self._ordered:
            if backlog.ready_count:
                return self._in_turn(backlog) if self.scheme.alternates else backlog
        return None

    def pop(self) -> Entry | None:
        backlog = self.next()
        if backlog is None:
            return None
        self._turn = (self._turn + 1) % _TURNS
        return backlog.pop()

    def ready_levels(self) -> list[Backlog]:
        """Those that have something ready, the highest first."""
        return [backlog for backlog in self._ordered if backlog.ready_count]

    def _in_turn(self, first: Backlog) -> Backlog:
        normal = self._by_number.get(_NORMAL)
        if self._turn < _TURNS - 1 or normal is None or normal is first or not normal.ready_count:
            return first
        high_entry, normal_entry = first.peek(), normal.peek()
        is_older = high_entry is not None and normal_entry is not None and high_entry.enqueued_ms < normal_entry.enqueued_ms
        return first if is_older else normal

    def purge(self) -> int:
        return sum([backlog.purge() for backlog in self._ordered])

    def close(self) -> None:
        for backlog in self._ordered:
            backlog.close()

    def delete(self) -> None:
        for backlog in self._ordered:
            backlog.delete()
        open_files = self._home.backlogs.stores.open_files
        open_files.discard_directory(self._home.directory)
        open_files.file_system.remove_tree(self._home.directory)
