"""A pytest plugin that writes one JSON line per test to `PARITY_OUTCOMES`, as it ends: a run that is cut short leaves what it knew.

It also imports the client (`PARITY_CLIENT`) before pytest puts the checkout in front of the path, so that the installed
client, with its compiled parts, is what the suite talks through.
"""

import importlib
import json
import os
import random
from collections.abc import Iterable

import pytest

importlib.import_module(os.environ["PARITY_CLIENT"])

WORST_FIRST = ("failed", "error", "skipped", "passed")


class Outcomes:
    def __init__(self, path: str, broker_fixture: str) -> None:
        self._path = path
        self._broker_fixture = broker_fixture
        self._reports: dict[str, list[pytest.TestReport]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        # Some tests are parametrized at random: both runs shall draw the same.
        random.seed(0)

    def pytest_collection_finish(self) -> None:
        random.seed()

    def pytest_collection_modifyitems(self, items: Iterable[pytest.Item]) -> None:
        for item in items:
            asks = not self._broker_fixture or self._broker_fixture in getattr(item, "fixturenames", ())
            item.user_properties.append(("asks_broker", asks))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.setdefault(report.nodeid, []).append(report)
        if report.when == "teardown":
            self._write(self._reports.pop(report.nodeid))

    def _write(self, reports: list[pytest.TestReport]) -> None:
        worst = min(reports, key=lambda report: WORST_FIRST.index(outcome(report)))
        line = {
            "test": worst.nodeid,
            "outcome": outcome(worst),
            "asks_broker": dict(worst.user_properties).get("asks_broker", False),
            "reason": reason(worst),
        }
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def outcome(report: pytest.TestReport) -> str:
    """A failure outside the test's own body is an error, as in pytest's summary."""
    return "error" if report.failed and report.when != "call" else report.outcome


def reason(report: pytest.TestReport) -> str:
    if report.passed or report.longrepr is None:
        return ""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash is not None else report.longrepr)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Outcomes(os.environ["PARITY_OUTCOMES"], os.environ["PARITY_FIXTURE"]))
