"""What a group commit writes to, and what it asks of an event loop and of other threads, done when a test says so."""

from collections.abc import Callable

from message_queues.errors import StorageError


class HandDrivenLoop:
    """An event loop whose turns are taken by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.background: list[tuple[Callable[[], None], Callable[[], None]]] = []

    def call_soon(self, action: Callable[[], None]) -> None:
        self.soon.append(action)

    def run_in_background(self, work: Callable[[], None], done: Callable[[], None]) -> None:
        self.background.append((work, done))

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for action in soon:
            action()

    def finish_background(self) -> None:
        background, self.background = self.background, []
        for work, done in background:
            work()
            done()


class File:
    """Counts what is done to it; fails when told to."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.flushes = 0
        self.syncs = 0
        self.commits = 0

    def flush(self) -> None:
        self.flushes += 1
        if self.full:
            raise StorageError("no space left")

    def begin_sync(self) -> Callable[[], None]:
        def sync() -> None:
            self.syncs += 1

        return sync

    def committed(self) -> None:
        self.commits += 1
