"""One run of a suite against one broker: pytest in the suite's environment, and the outcome of each test."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.parity.suites import Suite

PLUGINS = Path(__file__).with_name("plugins")
TEST_TIMEOUT_S = 150


@dataclass(frozen=True, slots=True)
class Outcome:
    test: str
    outcome: str
    """"passed", "failed", "skipped" or "error"."""
    asks_broker: bool
    reason: str


def run_suite(suite: Suite, folder: Path, python: Path, address: str, tests: Sequence[str] = ()) -> dict[str, Outcome]:
    """Run all of the suite, or `tests` of it alone; by test id."""
    with tempfile.TemporaryDirectory(prefix="parity-outcomes-") as directory:
        outcomes = Path(directory) / "outcomes.jsonl"
        command = [str(python), "-P", "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "parity_outcomes"]
        for plugin in suite.plugins:
            command += ["-p", plugin]
        # A thread that gives up ends the whole run; a signal ends the one test.
        command += [f"--timeout={TEST_TIMEOUT_S}", "--timeout-method=signal", "--tb=short", "--show-capture=no", *suite.options]
        command += [f"--deselect={left_out}" for left_out in suite.left_out]
        command += list(tests or suite.tests)
        environment = environment_of(suite, folder, address) | {"PARITY_OUTCOMES": str(outcomes)}
        subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=False)
        return read_outcomes(outcomes)


def environment_of(suite: Suite, folder: Path, address: str) -> dict[str, str]:
    host, port = address.rsplit(":", 1)
    places = {"host": host, "port": port, "address": address, "suite": str(folder)}
    told = {name: value.format_map(places) for name, value in suite.environment.items()}
    ours = {
        "PYTHONPATH": str(PLUGINS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PARITY_CLIENT": suite.package,
        "PARITY_FIXTURE": suite.broker_fixture,
    }
    return {**os.environ, **told, **ours}


def read_outcomes(path: Path) -> dict[str, Outcome]:
    if not path.exists():
        return {}
    outcomes = [Outcome(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    return {each.test: each for each in outcomes}
