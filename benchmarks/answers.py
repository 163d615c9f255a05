"""A comparison under way: what every peer answered to every question."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.comparison import Row, Target

OURS = "ours"


@dataclass(frozen=True, slots=True)
class Question:
    """What a row is about."""

    section: str
    what: str
    unit: str
    target: Target | None = None


class Answers:
    """Every peer's figures to every question, in the order in which they were first asked."""

    def __init__(self) -> None:
        self._figures: dict[Question, dict[str, list[float]]] = {}
        self.failures: list[str] = []

    def add(self, question: Question, peer: str, value: float) -> None:
        self._figures.setdefault(question, {}).setdefault(peer, []).append(value)
        print(f"  {peer:9} {question.what}: {value:,.4g} {question.unit}", file=sys.stderr, flush=True)

    def failed(self, peer: str, what: str, error: Exception) -> None:
        self.failures.append(f"{peer}, {what}: {error}")
        print(f"  {peer:9} {what} FAILED: {error}", file=sys.stderr, flush=True)

    def rows(self) -> list[Row]:
        return [row(asked, found) for asked, found in self._figures.items()]


def row(asked: Question, found: dict[str, list[float]]) -> Row:
    peers = next((figures for name, figures in found.items() if name != OURS), [])
    return Row(asked.section, asked.what, asked.unit, tuple(found.get(OURS, ())), tuple(peers), asked.target)


def in_turn(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """The round's number and a peer, each round with each; who goes first alternates."""
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            yield number, name
