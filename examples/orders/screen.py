"""What the demo shows: bars and tables on a terminal, plain lines in a pipe."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

LOOK_EVERY_S = 0.1
PLAIN_STEPS = 10


class Screen:
    """Everything that is shown goes through here; from any thread."""

    def __init__(self, bars: Sequence[str], total: int) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._total = total
        self._steps = dict.fromkeys(bars, 0)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    @contextmanager
    def bars(self, counts: Callable[[], Mapping[str, int]]) -> Iterator[None]:
        """Shows how far each bar is, as long as the block runs."""
        is_over = threading.Event()
        show = self._show_bars if self._console.is_terminal else self._show_lines
        thread = threading.Thread(target=show, args=(counts, is_over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _show_bars(self, counts: Callable[[], Mapping[str, int]], is_over: threading.Event) -> None:
        columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            tasks = {name: progress.add_task(name, total=self._total) for name in self._steps}
            while True:
                was_over = is_over.wait(LOOK_EVERY_S)
                for name, count in counts().items():
                    progress.update(tasks[name], completed=count)
                if was_over:
                    return

    def _show_lines(self, counts: Callable[[], Mapping[str, int]], is_over: threading.Event) -> None:
        while True:
            was_over = is_over.wait(LOOK_EVERY_S)
            for name, count in counts().items():
                step = count * PLAIN_STEPS // self._total
                if step > self._steps[name]:
                    self._steps[name] = step
                    self.say(f"{name}: {count:,} of {self._total:,}")
            if was_over:
                return

    def table(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        if not self._console.is_terminal:
            self.say(f"{title}:")
            for name, value in rows:
                self.say(f"  {name}: {value}")
            return
        table = Table(title=title, title_justify="left", show_header=False)
        table.add_column()
        table.add_column(justify="right")
        for name, value in rows:
            table.add_row(name, value)
        self._console.print(table)
