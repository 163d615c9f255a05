"""How two runs of somebody else's suite are compared and reported."""

from pathlib import Path

import pytest

from tools.parity.comparison import Comparison, explanations_of
from tools.parity.report import with_section
from tools.parity.run import Outcome, environment_of, read_outcomes
from tools.parity.suites import AIOKAFKA, KAFKA_PYTHON, SUITES, NotASuite


def run(asks_broker: bool = True, **results: str) -> dict[str, Outcome]:
    return {f"tests/a.py::{name}": Outcome(f"tests/a.py::{name}", outcome, asks_broker, "") for name, outcome in results.items()}


def test_what_differs_needs_an_explanation() -> None:
    comparison = Comparison(run(a="passed", b="failed", c="failed"), run(a="passed", b="passed", c="passed"), {"*::b": "because"})
    assert comparison.differing == ["tests/a.py::b", "tests/a.py::c"]
    assert comparison.explanation("tests/a.py::b") == "because"
    assert comparison.unexplained == ["tests/a.py::c"]


def test_a_test_that_passes_here_alone_differs_too() -> None:
    assert Comparison(run(a="passed"), run(a="failed"), {}).unexplained == ["tests/a.py::a"]


def test_a_test_that_one_run_did_not_reach_differs() -> None:
    comparison = Comparison(run(a="passed"), run(a="passed", b="passed"), {})
    assert comparison.unexplained == ["tests/a.py::b"]
    assert comparison.outcome(comparison.ours, "tests/a.py::b") == "not run"


def test_an_explanation_that_explains_nothing_any_more_is_stale() -> None:
    comparison = Comparison(run(a="passed", b="failed"), run(a="passed", b="passed"), {"*::a": "was not built", "*::b": "is not built"})
    assert comparison.stale == ["*::a"]


def test_the_second_run_counts() -> None:
    first = Comparison(run(a="passed", b="failed"), run(a="passed", b="passed"), {})
    comparison = first.after_second_run(Comparison(run(b="passed"), run(b="passed"), {}))
    assert comparison.unexplained == []
    assert comparison.counts(comparison.ours) == "2 passed"
    assert "so that the second one counts: `a.py::b`." in with_section("", AIOKAFKA, "1.0", comparison)


def test_the_page_lists_what_asks_a_broker_and_counts_the_rest() -> None:
    ours = {**run(a="passed", b="failed"), **run(asks_broker=False, unit="passed")}
    kafka = {**run(a="passed", b="passed"), **run(asks_broker=False, unit="passed")}
    page = with_section("", AIOKAFKA, "1.0", Comparison(ours, kafka, {"*::b": "because"}))
    assert "| mq serve | 2 | 1 | 0 | 0 |" in page
    assert "| `a.py::b` | failed | passed | because |" in page
    assert "| `a.py::a` | passed |" in page
    assert "1 that ask none" in page
    assert "unit" not in page


def test_a_section_replaces_the_earlier_one_of_its_suite_only() -> None:
    comparison = Comparison(run(a="passed"), run(a="passed"), {})
    page = with_section(with_section("", KAFKA_PYTHON, "3.0.0", comparison), AIOKAFKA, "0.14.0", comparison)
    again = with_section(page, KAFKA_PYTHON, "3.0.1", comparison)
    assert again == page.replace("## kafka-python 3.0.0", "## kafka-python 3.0.1")
    assert again.index("## aiokafka 0.14.0") < again.index("## kafka-python 3.0.1")


@pytest.mark.parametrize("suite", SUITES)
def test_explanations_are_texts(suite: str) -> None:
    assert all(isinstance(text, str) and text for text in explanations_of(suite).values())


def test_the_version_is_the_one_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "version.py").write_text("__version__ = '3.0.11'\n")
    assert KAFKA_PYTHON.version(tmp_path) == "3.0.11"
    with pytest.raises(NotASuite, match="no checkout of aiokafka"):
        AIOKAFKA.version(tmp_path)


def test_a_suite_is_told_of_the_broker_in_its_own_variables(tmp_path: Path) -> None:
    told = environment_of(KAFKA_PYTHON, tmp_path, "127.0.0.1:9092")
    assert (told["KAFKA_URI"], told["KAFKA_ROOT"], told["PARITY_CLIENT"]) == ("kafka://127.0.0.1:9092", str(tmp_path), "kafka")


def test_a_run_that_was_cut_short_leaves_what_it_knew(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    assert read_outcomes(path) == {}
    path.write_text('{"test": "a", "outcome": "passed", "asks_broker": true, "reason": ""}\n')
    assert read_outcomes(path) == {"a": Outcome("a", "passed", True, "")}
