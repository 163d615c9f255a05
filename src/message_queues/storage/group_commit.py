"""Group commit: what one turn of the event loop wrote reaches each file in one write, then all who waited hear of it.

With `sync_in_background` (the `--fsync` of the server) the files are also synced before anyone hears: one round of syncs runs at a time,
and what arrives meanwhile shares the next one. Without it a written byte survives the process, not a power cut.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from message_queues.errors import StorageError

logger = logging.getLogger(__name__)


class Flushable(Protocol):
    def flush(self) -> None:
        """Hands what was appended to the operating system; raises StorageError, and then nothing of it remains."""
        ...

    def begin_sync(self) -> Callable[[], None] | None:
        """What another thread shall run to make all that was flushed by now survive a power cut; it raises StorageError.

        None: nothing but what others sync, or was synced before.
        """
        ...

    def committed(self) -> None:
        """All that was flushed is as durable as promised: it may be shown to readers."""
        ...


Failures = Mapping[Flushable, StorageError]
Durable = Callable[[Failures], None]
"""Called once everything added before is durable; names the targets whose writes failed, usually none."""


class SharedFile(Protocol):
    """Takes small writes of many targets while they flush, and writes them together."""

    def flush(self) -> Mapping[Flushable, StorageError]:
        """Whose writes failed: nothing of those remains."""
        ...

    def begin_sync(self) -> tuple[Collection[Flushable], Callable[[], None]] | None:
        """As that of a target, and for which targets."""
        ...


RunInBackground = Callable[[Callable[[], None], Callable[[], None]], None]
"""Runs the first, which never raises, on another thread, then calls the second on the event loop."""


def run_at_once(work: Callable[[], None], done: Callable[[], None]) -> None:
    """No other thread: for tests and tools."""
    work()
    done()


class GroupCommit:
    def __init__(self, call_soon: Callable[[Callable[[], None]], object], sync_in_background: RunInBackground | None = None) -> None:
        self.round = 0
        """Counts commits: what is written from now on becomes durable together as long as this stays the same."""
        self._call_soon = call_soon
        self._sync_in_background = sync_in_background
        self._dirty: dict[Flushable, None] = {}
        """In order, so that the same uses do the same to the disk."""
        self._shared: list[SharedFile] = []
        self._waiting: list[Durable] = []
        self._is_scheduled = False
        self._is_syncing = False

    @property
    def syncs(self) -> bool:
        """What is durable survives a power cut, and takes its time."""
        return self._sync_in_background is not None

    def add(self, target: Flushable) -> None:
        """`target` has something to flush at the end of this turn."""
        self._dirty[target] = None
        if not self._is_scheduled:
            self._schedule()

    def share(self, file: SharedFile) -> None:
        """`file` is flushed after the targets of each commit, from now on."""
        self._shared.append(file)

    def request(self) -> None:
        """There is a commit at the end of this turn, whoever else has something to flush."""
        if not self._is_scheduled:
            self._schedule()

    def when_durable(self, durable: Durable) -> None:
        self._waiting.append(durable)
        if not self._is_scheduled:
            self._schedule()

    def commit_now(self) -> None:
        """Flushes what is there, on this thread and without waiting for a turn: for a clean stop."""
        waiting, self._waiting = self._waiting, []
        self.round += 1
        targets, failures = self._flush()
        self._tell(targets, failures, waiting)

    def _schedule(self) -> None:
        # While a sync runs, newcomers gather; its end commits them together.
        self._is_scheduled = True
        if not self._is_syncing:
            self._call_soon(self._commit)

    def _commit(self) -> None:
        self._is_scheduled = False
        # One commit at a time, or what came later might be told first: a target that adds itself while it flushes waits for the end, too.
        self._is_syncing = self._sync_in_background is not None
        waiting, self._waiting = self._waiting, []
        self.round += 1
        targets, failures = self._flush()
        if self._sync_in_background is None:
            self._tell(targets, failures, waiting)
        else:
            self._sync(self._sync_in_background, targets, failures, waiting)

    def _flush(self) -> tuple[Collection[Flushable], dict[Flushable, StorageError]]:
        targets, self._dirty = self._dirty, {}
        failures: dict[Flushable, StorageError] = {}
        for target in targets:
            try:
                target.flush()
            except StorageError as error:
                failures[target] = error
        for file in self._shared:
            failures.update(file.flush())
        return targets, failures

    def _tell(self, targets: Collection[Flushable], failures: Failures, waiting: list[Durable]) -> None:
        for target in targets:
            if target not in failures:
                target.committed()
        for durable in waiting:
            try:
                durable(failures)
            except Exception:
                # One answer that goes wrong must not keep the others of the same turn waiting for ever.
                logger.exception("an acknowledgement failed")

    def _sync(
        self,
        run_in_background: RunInBackground,
        targets: Collection[Flushable],
        failures: dict[Flushable, StorageError],
        waiting: list[Durable],
    ) -> None:
        syncs: list[tuple[Collection[Flushable], Callable[[], None]]] = [
            ((target,), sync) for target in targets if target not in failures and (sync := target.begin_sync()) is not None
        ]
        syncs += filter(None, [file.begin_sync() for file in self._shared])
        remaining = len(syncs)

        def finished() -> None:
            self._tell(targets, failures, waiting)
            self._is_syncing = False
            if self._is_scheduled:
                self._call_soon(self._commit)

        def one_synced() -> None:
            nonlocal remaining
            remaining -= 1
            if not remaining:
                finished()

        def noting_failure(targets: Collection[Flushable], sync: Callable[[], None]) -> Callable[[], None]:
            def run() -> None:
                try:
                    sync()
                except StorageError as error:
                    failures.update(dict.fromkeys(targets, error))

            return run

        if not syncs:
            finished()
        # Side by side: the file system commits what is synced at the same time together.
        for synced_targets, sync in syncs:
            run_in_background(noting_failure(synced_targets, sync), one_synced)
