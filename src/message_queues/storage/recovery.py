"""Opening a log: what its checkpoint says, and what follows the recovery point.

Below the recovery point nothing is read but the sizes that the checkpoint gives; a segment that is missing or that ends too early
is DamagedFile. Above it batch after batch is taken in as long as they are valid. The first that is not, and all behind it, is cut
off: a crash left it there. Files that retention, a failed flush or an unfinished checkpoint left behind are removed.
"""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from message_queues.errors import DamagedFile
from message_queues.records.batch import BatchHeader
from message_queues.storage.checkpoint import SegmentFacts, read_checkpoint
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.segment import Segment

_logger = logging.getLogger(__name__)

CHECKPOINT_NAME: Final = "checkpoint"
_LOG_NAME: Final = re.compile(r"\d{20}\.log")
_REMOVABLE_NAME: Final = re.compile(r"(\d{20})\.(?:log|index|timeindex)|checkpoint\..+")


class RecoveryPoint(NamedTuple):
    """The offset below which a checkpoint has synced everything."""

    offset: int
    segment: SegmentFacts | None
    """The segment that holds it, as it was then; None when there is none."""
    state: bytes
    """What the log's owner knew then."""


NO_RECOVERY_POINT: Final = RecoveryPoint(0, None, b"")


@dataclass(frozen=True, slots=True)
class Cut:
    """What opening removed from the end of a log."""

    path: str
    position: int
    size: int
    reason: str


class Recovery:
    """What is found in a directory; the log takes it over."""

    def __init__(
        self, open_files: OpenFiles, directory: str, index_interval_bytes: int, on_recovered: Callable[[BatchHeader], None]
    ) -> None:
        self._open_files = open_files
        self._directory = directory
        self._index_interval_bytes = index_interval_bytes
        self._on_recovered = on_recovered
        self.point = NO_RECOVERY_POINT
        self.start_offset = 0
        self.end_offset = 0
        self.leader_epochs: list[tuple[int, int]] = []
        self.segments: list[Segment] = []
        self.cut: Cut | None = None
        self.is_new = False
        """There is no such directory."""
        self._run()

    def _run(self) -> None:
        try:
            names = self._open_files.file_system.list_directory(self._directory)
        except FileNotFoundError:
            self.is_new = True
            return
        following = [int(name[:20]) for name in names if _LOG_NAME.fullmatch(name)]
        if CHECKPOINT_NAME in names:
            following = self._load_checkpoint(following)
        elif following and following[0] != 0:
            raise DamagedFile(f"{self._directory}/{CHECKPOINT_NAME}", 0, f"it is missing, and the log begins at {following[0]}")
        self._recover_last_listed()
        for base_offset in following:
            self._recover_following(base_offset)
        self._remove_strays(names)

    def _load_checkpoint(self, bases: list[int]) -> list[int]:
        """Takes over what the checkpoint says; returns the segments that follow it."""
        path = f"{self._directory}/{CHECKPOINT_NAME}"
        checkpoint = read_checkpoint(self._open_files.file_system.read(path), path)
        self.point = RecoveryPoint(checkpoint.recovery_offset, checkpoint.segments[-1] if checkpoint.segments else None, checkpoint.state)
        self.start_offset = checkpoint.start_offset
        self.end_offset = checkpoint.recovery_offset
        self.leader_epochs = list(checkpoint.leader_epochs)
        self.segments = [Segment.from_facts(self._directory, facts) for facts in checkpoint.segments]
        unlisted = set(bases)
        for segment in self.segments:
            if segment.base_offset not in unlisted:
                raise DamagedFile(segment.path, 0, "it is missing")
            unlisted.remove(segment.base_offset)
        for base in sorted(unlisted):
            # What retention left behind lies before the start; what else there is is not ours to remove.
            if self.start_offset <= base < self.point.offset:
                raise DamagedFile(f"{self._directory}/{base:020d}.log", 0, "the checkpoint does not know it")
        return sorted(base for base in unlisted if base >= self.point.offset)

    def _recover_last_listed(self) -> None:
        if not self.segments:
            return
        segment = self.segments[-1]
        size = self._open_files.get(segment.path).size
        if size < segment.size:
            raise DamagedFile(segment.path, size, f"it ends before {segment.size}, which was synced")
        segment.trusted_from = segment.size
        self._take_batches(segment)

    def _recover_following(self, base_offset: int) -> None:
        if base_offset < self.end_offset:
            # Left behind by a flush that failed; what it held was written to the segment before.
            return
        segment = Segment(self._directory, base_offset, 0)
        if base_offset > self.end_offset or self.cut is not None:
            self._cut_off(segment, f"it does not follow offset {self.end_offset}")
            return
        self._take_batches(segment)
        if segment.size:
            self.segments.append(segment)

    def _take_batches(self, segment: Segment) -> None:
        """Takes in the valid batches behind those that the segment has already, and cuts off the rest."""
        try:
            for header, position in segment.batches_in_file(self._open_files, segment.size, self.end_offset):
                segment.note_batch(header, position, self._index_interval_bytes)
                if not self.leader_epochs or header.leader_epoch != self.leader_epochs[-1][0]:
                    self.leader_epochs.append((header.leader_epoch, header.base_offset))
                self.end_offset = header.next_offset
                self._on_recovered(header)
        except DamagedFile as damage:
            self._cut_off(segment, damage.reason)

    def _cut_off(self, segment: Segment, reason: str) -> None:
        """Removes what lies behind the valid batches of a segment."""
        position = segment.size
        size = self._open_files.get(segment.path).size - position
        if not size:
            return
        if position:
            self._open_files.get(segment.path).truncate(position)
            segment.synced_size = 0
        else:
            segment.discard(self._open_files)
        _logger.warning("%s: cut off %d bytes at %d that a crash left behind: %s", segment.path, size, position, reason)
        self.cut = Cut(segment.path, position, size, reason) if self.cut is None else replace(self.cut, size=self.cut.size + size)

    def _remove_strays(self, names: list[str]) -> None:
        kept = {f"{segment.base_offset:020d}" for segment in self.segments}
        if CHECKPOINT_NAME not in names:
            # See Segment.discard.
            kept.add(f"{0:020d}")
        for name in names:
            removable = _REMOVABLE_NAME.fullmatch(name)
            if removable is not None and removable[1] not in kept:
                with suppress(OSError):
                    self._open_files.remove(f"{self._directory}/{name}")
