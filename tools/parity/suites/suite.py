"""A suite that can be run: which client it belongs to, which of its tests ask for a broker alone, and how they are told of one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tools.parity.systems import System

Runner = Literal["pytest", "node", "vitest"]
VERSION = re.compile(r"^\s*(?:__version__|version|\"version\") ?[=:] ?['\"](.+?)['\"]", re.MULTILINE)


class NotASuite(Exception):
    """The folder does not hold a checkout of the suite."""


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    """As on the command line."""
    system: System
    version_file: str
    tests: tuple[str, ...]
    """What its runner is given."""
    requirements: tuple[str, ...]
    """What the tests import besides the client, or what runs them."""
    left_out: tuple[str, ...] = ()
    """Tests that need more than a broker, as the beginnings of their ids. Of pytest's suites alone."""
    left_out_because: str = "nothing"
    runner: Runner = "pytest"
    package: str = ""
    """The client's import name. What runs on Node imports the client from its checkout."""
    distribution: str = ""
    """On the package index, where that is not the suite's name."""
    broker_fixture: str = ""
    """A test that asks for it, however indirectly, talks to the broker. Where there is none, every test counts as one that does."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Broker settings that the suite's own broker would have; both servers get them."""
    real_config: Mapping[str, str] = field(default_factory=dict)
    """Those that the real broker gets alone: what belongs to its plugins."""
    options: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """`{host}`, `{port}`, `{address}` and `{suite}` stand for the broker's and for the folder of the checkout."""

    def version(self, folder: Path) -> str:
        path = folder / self.version_file
        text = path.read_text() if path.is_file() else ""
        if found := VERSION.search(text):
            return found[1]
        raise NotASuite(f"{folder} is no checkout of {self.name}: {self.version_file} with a version is not there.")
