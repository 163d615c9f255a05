"""How two runs of somebody else's suite are compared and reported."""

import shutil
from pathlib import Path

import pytest

from tools.parity.client_environment import ClientEnvironment
from tools.parity.comparison import Comparison, explanations_of
from tools.parity.report import with_section
from tools.parity.run import Outcome, command_of, environment_of, read_outcomes, run_suite
from tools.parity.suites import AIOKAFKA, AMQP_CLIENT_JS, AMQPLIB, KAFKA_PYTHON, PIKA, SUITES, NotASuite, Suite
from tools.parity.systems import KAFKA, RABBITMQ


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


def test_what_fails_on_both_is_listed_with_its_explanation() -> None:
    comparison = Comparison(run(a="failed", b="passed"), run(a="failed", b="passed"), {"*::a": "is of a later release"})
    assert (comparison.unexplained, comparison.stale) == ([], [])
    page = with_section("", PIKA, "1.4.4", comparison)
    assert "Fails on both: 1." in page
    assert "| `a.py::a` | is of a later release |" in page


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


def test_each_kind_of_messaging_has_a_page_of_its_own() -> None:
    assert {suite.system.page.name for suite in SUITES.values()} == {"kafka.md", "rabbitmq.md", "sqs.md"}
    page = with_section("", PIKA, "1.4.4", Comparison(run(a="passed"), run(a="failed"), {}))
    assert page.startswith(RABBITMQ.introduction)
    assert "| test | mq serve | RabbitMQ | why |" in page
    assert f"beside Apache Kafka {KAFKA.version}" in with_section("", AIOKAFKA, "1.0", Comparison({}, {}, {}))


def test_a_suite_without_a_fixture_for_its_broker_lists_all() -> None:
    page = with_section("", PIKA, "1.4.4", Comparison(run(a="passed"), run(a="passed"), {}))
    assert "Does not differ: 1.\n" in page


@pytest.mark.parametrize("suite", SUITES)
def test_explanations_are_texts(suite: str) -> None:
    assert all(isinstance(text, str) and text for text in explanations_of(suite).values())


def test_the_version_is_the_one_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "version.py").write_text("__version__ = '3.0.11'\n")
    assert KAFKA_PYTHON.version(tmp_path) == "3.0.11"
    with pytest.raises(NotASuite, match="no checkout of aiokafka"):
        AIOKAFKA.version(tmp_path)


@pytest.mark.parametrize(
    ("suite", "text"),
    [
        (PIKA, "__version__ = '2.0.1'\n"),
        (SUITES["aiormq"], '[project]\nname = "aiormq"\nversion = "2.0.1"\n'),
        (AMQPLIB, '{\n  "version": "2.0.1"\n}'),
    ],
)
def test_the_version_stands_where_the_language_puts_it(suite: Suite, text: str, tmp_path: Path) -> None:
    path = tmp_path / suite.version_file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert suite.version(tmp_path) == "2.0.1"


@pytest.mark.parametrize("suite", [AMQPLIB, AMQP_CLIENT_JS])
def test_of_named_tests_of_nodes_runners_the_files_are_run(suite: Suite) -> None:
    command = command_of(suite, Path("runner"), ["test/a.js > x > first", "test/a.js > second", "test/b.js > third"])
    assert command[-2:] == ["test/a.js", "test/b.js"]
    assert command_of(suite, Path("runner"), [])[-3:] == list(suite.tests)


NODE_TESTS = """\
const { describe, it } = require('node:test');
describe('outer', () => {
  describe('inner', () => { it('passes', () => {}); it('fails', () => { throw new Error('for a reason'); }); });
  it.skip('is skipped', () => {});
});
it('waits for its callback', (_t, done) => done());
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_outcomes_of_nodes_runner_are_named_by_file_and_suites(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a.test.js").write_text(NODE_TESTS)
    node = ClientEnvironment(Path(shutil.which("node") or ""), tmp_path)
    file, both = "test/a.test.js", ["test/a.test.js > outer > inner > fails", "test/a.test.js > waits for its callback"]
    ran = run_suite(AMQPLIB, node, "127.0.0.1:5672", [f"{file} > outer > inner > passes", f"{file} > outer > is skipped", *both])
    assert {test: (each.outcome, each.reason) for test, each in ran.items()} == {
        f"{file} > outer > inner > passes": ("passed", ""),
        f"{file} > outer > inner > fails": ("failed", "for a reason"),
        f"{file} > outer > is skipped": ("skipped", ""),
        f"{file} > waits for its callback": ("passed", ""),
    }
    assert list(run_suite(AMQPLIB, node, "127.0.0.1:5672", both)) == both


def test_a_suite_is_told_of_the_broker_in_its_own_variables(tmp_path: Path) -> None:
    told = environment_of(KAFKA_PYTHON, tmp_path, "127.0.0.1:9092")
    assert (told["KAFKA_URI"], told["KAFKA_ROOT"], told["PARITY_CLIENT"]) == ("kafka://127.0.0.1:9092", str(tmp_path), "kafka")


def test_a_run_that_was_cut_short_leaves_what_it_knew(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    assert read_outcomes(path) == {}
    path.write_text('{"test": "a", "outcome": "passed", "asks_broker": true, "reason": ""}\n')
    assert read_outcomes(path) == {"a": Outcome("a", "passed", True, "")}
