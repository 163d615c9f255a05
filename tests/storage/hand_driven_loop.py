"""What a group commit asks of an event loop and of other threads, done when a test says so."""

from collections.abc import Callable


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
