"""How long a test waits for another process, and how: a real cluster tells its nodes of a change a moment after it has confirmed it."""

import time
from collections.abc import Callable

PATIENCE_S = 20


def eventually(condition: Callable[[], object]) -> None:
    """Ask until the condition holds; fail with what it said last if it does not in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not (said := condition()):
        assert time.monotonic() < deadline, f"after {PATIENCE_S} seconds it still was {said!r}"
        time.sleep(0.02)
