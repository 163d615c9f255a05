"""How long a test waits for another process, and how: a real cluster tells its nodes of a change a moment after it has confirmed it."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 20


def eventually(condition: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """Ask until the condition holds, and return what it said; fail with what it said last if it does not in time."""
    deadline = time.monotonic() + patience_s
    while not (said := condition()):
        assert time.monotonic() < deadline, f"after {patience_s} seconds it still was {said!r}"
        time.sleep(0.02)
    return said
