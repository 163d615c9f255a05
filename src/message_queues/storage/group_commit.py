"""Group commit: what one turn of the event loop wrote reaches each file in one write, then all who waited hear of it.

With `sync_in_background` (the `--fsync` of the server) the files are also synced before anyone hears: one sync runs at a time, and
what arrives meanwhile shares the next one. Without it a written byte survives the process, not a power cut.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from message_queues.errors import StorageError


class Flushable(Protocol):
    def flush(self) -> None:
        """Hands what was appended to the operating system; raises StorageError, and then nothing of it remains."""
        ...

    def sync(self) -> None:
        """Makes what was flushed survive a power cut."""
        ...


Failures = Mapping[Flushable, StorageError]
Durable = Callable[[Failures], None]
"""Called once everything added before is durable; names the targets whose writes failed, usually none."""

RunInBackground = Callable[[Callable[[], None], Callable[[BaseException | None], None]], None]
"""Runs the first on another thread, then calls the second on the event loop with the error, if any."""

NO_FAILURES: Failures = {}


class GroupCommit:
    def __init__(self, call_soon: Callable[[Callable[[], None]], object], sync_in_background: RunInBackground | None = None) -> None:
        self._call_soon = call_soon
        self._sync_in_background = sync_in_background
        self._dirty: set[Flushable] = set()
        self._waiting: list[Durable] = []
        self._is_scheduled = False
        self._is_syncing = False

    def add(self, target: Flushable) -> None:
        """`target` has something to flush at the end of this turn."""
        self._dirty.add(target)
        if not self._is_scheduled:
            self._schedule()

    def when_durable(self, durable: Durable) -> None:
        self._waiting.append(durable)
        if not self._is_scheduled:
            self._schedule()

    def commit_now(self) -> None:
        """Flushes what is there, on this thread: for a clean stop, and for tests."""
        failures = self._flush()
        waiting, self._waiting = self._waiting, []
        for durable in waiting:
            durable(failures)

    def _schedule(self) -> None:
        # While a sync runs, newcomers gather; its end commits them together.
        self._is_scheduled = True
        if not self._is_syncing:
            self._call_soon(self._commit)

    def _commit(self) -> None:
        self._is_scheduled = False
        if self._sync_in_background is not None:
            self._commit_and_sync(self._sync_in_background)
            return
        waiting, self._waiting = self._waiting, []
        failures = self._flush()
        for durable in waiting:
            durable(failures)

    def _flush(self) -> Failures:
        dirty, self._dirty = self._dirty, set()
        failures: dict[Flushable, StorageError] | None = None
        for target in dirty:
            try:
                target.flush()
            except StorageError as error:
                failures = failures or {}
                failures[target] = error
        return failures or NO_FAILURES

    def _commit_and_sync(self, sync_in_background: RunInBackground) -> None:
        targets = tuple(self._dirty)
        waiting, self._waiting = self._waiting, []
        failures = dict(self._flush())
        flushed = [target for target in targets if target not in failures]

        def sync() -> None:
            for target in flushed:
                try:
                    target.sync()
                except StorageError as error:
                    failures[target] = error

        def synced(error: BaseException | None) -> None:
            self._is_syncing = False
            for durable in waiting:
                durable(failures)
            if self._is_scheduled:
                self._call_soon(self._commit)

        self._is_syncing = True
        sync_in_background(sync, synced)
