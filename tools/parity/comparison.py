"""Two runs of one suite side by side: what differs, and whether `explanations.toml` says why.

An explanation is found by the test's id, which its key may match with `*`. One that explains nothing any more is stale. What fails on both
needs none, and may have one.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tools.parity.run import Outcome

EXPLANATIONS = Path(__file__).with_name("explanations.toml")
NOT_RUN = "not run"


def explanations_of(suite: str) -> dict[str, str]:
    of_suite: dict[str, str] = tomllib.loads(EXPLANATIONS.read_text()).get(suite, {})
    return of_suite


class Comparison:
    def __init__(
        self, ours: Mapping[str, Outcome], real: Mapping[str, Outcome], explanations: Mapping[str, str], ran_twice: Sequence[str] = ()
    ) -> None:
        self.ours = ours
        self.real = real
        self._explanations = explanations
        self.ran_twice = ran_twice
        self.tests = list(dict.fromkeys([*real, *ours]))
        """In the order of their files."""

    def after_second_run(self, second: "Comparison") -> "Comparison":
        return Comparison({**self.ours, **second.ours}, {**self.real, **second.real}, self._explanations, second.tests)

    @staticmethod
    def outcome(run: Mapping[str, Outcome], test: str) -> str:
        return run[test].outcome if test in run else NOT_RUN

    @staticmethod
    def counts(run: Mapping[str, Outcome]) -> str:
        counted = Counter(each.outcome for each in run.values())
        return ", ".join(f"{counted[outcome]} {outcome}" for outcome in ("passed", "failed", "error", "skipped") if counted[outcome])

    def asks_broker(self, test: str) -> bool:
        return any(test in run and run[test].asks_broker for run in (self.ours, self.real))

    def differs(self, test: str) -> bool:
        return self.outcome(self.ours, test) != self.outcome(self.real, test)

    def explanation(self, test: str) -> str:
        matching = (text for pattern, text in self._explanations.items() if fnmatchcase(test, pattern))
        return next(matching, "") if self.differs(test) or self.fails_on_both(test) else ""

    def fails_on_both(self, test: str) -> bool:
        return not self.differs(test) and self.outcome(self.ours, test) in ("failed", "error")

    @property
    def differing(self) -> list[str]:
        return [test for test in self.tests if self.differs(test)]

    @property
    def unexplained(self) -> list[str]:
        return [test for test in self.differing if not self.explanation(test)]

    @property
    def stale(self) -> list[str]:
        explained = [test for test in self.tests if self.differs(test) or self.fails_on_both(test)]
        return [pattern for pattern in self._explanations if not any(fnmatchcase(test, pattern) for test in explained)]
