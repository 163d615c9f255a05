"""The page of a system, docs/parity/kafka.md or rabbitmq.md: a section per suite, rewritten when that suite is run."""

import datetime
from collections.abc import Mapping

from tools.parity.comparison import Comparison
from tools.parity.run import Outcome
from tools.parity.suites import Suite


def with_section(page: str, suite: Suite, version: str, comparison: Comparison) -> str:
    """The page with this suite's section in place of an earlier one, or beside the others."""
    _, *sections = page.rstrip("\n").split("\n## ")
    written = {body.split(" ", 1)[0]: body.rstrip("\n") for body in sections}
    written[suite.name] = section(suite, version, comparison)
    return "\n## ".join([suite.system.introduction, *(written[name] + "\n" for name in sorted(written))])


def section(suite: Suite, version: str, comparison: Comparison) -> str:
    alike = [test for test in comparison.tests if comparison.asks_broker(test) and not comparison.differs(test)]
    silent = sum(not comparison.asks_broker(test) for test in comparison.tests)
    beside = f"{suite.system.title} {suite.system.version}"
    lines = [
        f"{suite.name} {version}",
        "",
        f"Run on {datetime.date.today().isoformat()} beside {beside}. Left out: {suite.left_out_because}.",
        "",
        "| | passed | failed | error | skipped |",
        "|---|---|---|---|---|",
        counts_row("mq serve", comparison.ours),
        counts_row(suite.system.title, comparison.real),
        "",
        *ran_twice(comparison),
        f"Differs: {len(comparison.differing)}.",
        "",
        f"| test | mq serve | {suite.system.title} | why |",
        "|---|---|---|---|",
        *(differing_row(test, comparison) for test in comparison.differing),
        "",
        *failing(comparison),
        f"Does not differ: {len(alike)}{asking(suite, silent)}.",
        "",
        "| test | both |",
        "|---|---|",
        *(f"| {shown(test)} | {comparison.outcome(comparison.ours, test)} |" for test in alike),
    ]
    return "\n".join(lines)


def failing(comparison: Comparison) -> list[str]:
    tests = [test for test in comparison.tests if comparison.fails_on_both(test)]
    if not tests:
        return []
    rows = (f"| {shown(test)} | {comparison.explanation(test)} |" for test in tests)
    return [f"Fails on both: {len(tests)}.", "", "| test | why |", "|---|---|", *rows, ""]


def asking(suite: Suite, silent: int) -> str:
    if not suite.broker_fixture:
        return ""
    return " that ask a broker" + (f", and {silent} that ask none and are not listed" if silent else "")


def ran_twice(comparison: Comparison) -> list[str]:
    if not comparison.ran_twice:
        return []
    return [f"Differed in the first run, so that the second one counts: {', '.join(map(shown, comparison.ran_twice))}.", ""]


def counts_row(name: str, run: Mapping[str, Outcome]) -> str:
    counts = (sum(each.outcome == outcome for each in run.values()) for outcome in ("passed", "failed", "error", "skipped"))
    return f"| {name} | " + " | ".join(map(str, counts)) + " |"


def differing_row(test: str, comparison: Comparison) -> str:
    ours, real = comparison.outcome(comparison.ours, test), comparison.outcome(comparison.real, test)
    return f"| {shown(test)} | {ours} | {real} | {comparison.explanation(test) or '**not explained**'} |"


def shown(test: str) -> str:
    """The id without the folder that all have in common."""
    return "`" + test.split("/", 1)[-1].replace("|", "\\|") + "`"
