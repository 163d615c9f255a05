"""A row of a measurement: what this project did, what its peer did in the same run, what was to be reached, and whether it was."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

BEGIN = "<!-- {name}: begin -->"
END = "<!-- {name}: end -->"


@dataclass(frozen=True, slots=True)
class Target:
    """What a row must reach: a share of the peer's figure, or a figure of its own."""

    limit: float
    is_ratio: bool
    is_least: bool
    """Whether more is better."""

    def holds(self, ours: float, ratio: float | None) -> bool | None:
        measured = ratio if self.is_ratio else ours
        if measured is None:
            return None
        return measured >= self.limit if self.is_least else measured <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.limit:g}{'x' if self.is_ratio else ''}"


def at_least_times(limit: float) -> Target:
    return Target(limit, is_ratio=True, is_least=True)


def at_most_times(limit: float) -> Target:
    return Target(limit, is_ratio=True, is_least=False)


def at_most(limit: float) -> Target:
    return Target(limit, is_ratio=False, is_least=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of both, the median of its rounds."""

    section: str
    what: str
    unit: str
    ours: tuple[float, ...]
    peer: tuple[float, ...]
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of the peer's; unknown when either was not measured or the peer's is nought."""
        if not self.ours or not self.peer or median(self.peer) == 0:
            return None
        return median(self.ours) / median(self.peer)

    @property
    def is_reached(self) -> bool | None:
        if self.target is None or not self.ours:
            return None
        return self.target.holds(median(self.ours), self.ratio)

    def cells(self) -> tuple[str, ...]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}x"
        target = "" if self.target is None else str(self.target)
        reached = {True: "yes", False: "**no**", None: ""}[self.is_reached]
        return (f"{self.what}, {self.unit}", figure(self.ours), figure(self.peer), ratio, target, reached)

    def as_json(self) -> dict[str, object]:
        return {
            "section": self.section,
            "what": self.what,
            "unit": self.unit,
            "ours": list(self.ours),
            "peer": list(self.peer),
            "ratio": self.ratio,
            "target": None if self.target is None else str(self.target),
            "reached": self.is_reached,
        }


def figure(values: Sequence[float]) -> str:
    """The median with as many digits as it deserves."""
    if not values:
        return "–"
    value = median(values)
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(rows: Iterable[Row], peer: str) -> str:
    """A Markdown table per section, its columns aligned so that it reads well in a terminal too."""
    sections: dict[str, list[Row]] = {}
    for row in rows:
        sections.setdefault(row.section, []).append(row)
    return "\n\n".join(section_table(name, members, peer) for name, members in sections.items())


def section_table(section: str, rows: Sequence[Row], peer: str) -> str:
    lines = [(section, "ours", peer, "ratio", "target", "reached"), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = "| " + " | ".join("-" * widths[0] if not at else "-" * (width - 1) + ":" for at, width in enumerate(widths)) + " |"
    text = [aligned(line, widths) for line in lines]
    return "\n".join([text[0], rule, *text[1:]])


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        cell.ljust(width) if not at else cell.rjust(width) for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join([first, *others]) + " |"


def machine() -> str:
    """The day and the machine, without its name or any path."""
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), ""
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores {model or platform.machine()}, {memory_bytes / 2**30:.0f} GiB; "
        f"{platform.system()} {platform.release().split('-')[0]}; {platform.python_implementation()} {platform.python_version()}"
    )


def replace_between_marks(document: Path, name: str, text: str) -> None:
    """Put the text where the document keeps this measurement's last table."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, found, rest = document.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{document.name} has no place marked {begin} … {end}")
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")
