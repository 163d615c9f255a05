"""One run of a suite against one broker: pytest, Node's test runner or vitest in the suite's environment, and the outcome of each test.

Each of them is given a plugin of ours that writes a line of JSON per test, as it ends.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.parity.client_environment import ClientEnvironment
from tools.parity.suites import Suite

PLUGINS = Path(__file__).with_name("plugins")
TEST_TIMEOUT_S = 150
NODE_TEST_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class Outcome:
    test: str
    outcome: str
    """"passed", "failed", "skipped" or "error"."""
    asks_broker: bool
    reason: str


def run_suite(suite: Suite, environment: ClientEnvironment, address: str, tests: Sequence[str] = ()) -> dict[str, Outcome]:
    """Run all of the suite, or `tests` of it alone; by test id."""
    with tempfile.TemporaryDirectory(prefix="parity-outcomes-") as directory:
        outcomes = Path(directory) / "outcomes.jsonl"
        told = environment_of(suite, environment.folder, address) | {"PARITY_OUTCOMES": str(outcomes)}
        command = command_of(suite, environment.program, tests)
        subprocess.run(command, cwd=environment.folder, env=told, stdin=subprocess.DEVNULL, check=False)
        ran = read_outcomes(outcomes)
        return ran if suite.runner == "pytest" or not tests else {test: ran[test] for test in tests if test in ran}


def command_of(suite: Suite, program: Path, tests: Sequence[str]) -> list[str]:
    if suite.runner == "pytest":
        return pytest_command(suite, program, tests)
    # Node's runner selects by parts of names, so that a test brings others along: its whole file is run.
    files = list(dict.fromkeys(test.split(" > ")[0] for test in tests)) or list(suite.tests)
    if suite.runner == "vitest":
        timeout = f"--testTimeout={NODE_TEST_TIMEOUT_S * 1000}"
        return [
            str(program),
            "run",
            "--no-file-parallelism",
            timeout,
            "--reporter=default",
            f"--reporter={PLUGINS / 'parity_vitest.mjs'}",
            *files,
        ]
    command = [str(program), "--test", "--test-concurrency=1", f"--test-timeout={NODE_TEST_TIMEOUT_S * 1000}"]
    command += ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    return [*command, f"--test-reporter={PLUGINS / 'parity_node.mjs'}", "--test-reporter-destination=stderr", *files]


def pytest_command(suite: Suite, python: Path, tests: Sequence[str]) -> list[str]:
    command = [str(python), "-P", "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "parity_outcomes"]
    for plugin in suite.plugins:
        command += ["-p", plugin]
    # A thread that gives up ends the whole run; a signal ends the one test.
    command += [f"--timeout={TEST_TIMEOUT_S}", "--timeout-method=signal", "--tb=short", "--show-capture=no", *suite.options]
    command += [f"--deselect={left_out}" for left_out in suite.left_out]
    return [*command, *(tests or suite.tests)]


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
