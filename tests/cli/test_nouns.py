"""`mq topics`, `publish`, `consume` and `groups`, each as a process, against `mq serve`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.mq_process import MQ, TIMEOUT_S, environment, mq, serving


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    config = ["--config", "group.initial.rebalance.delay.ms=0"]
    directory: Path = tmp_path_factory.mktemp("nouns")
    with serving(directory, *config) as server:
        yield server.addresses[0]


def said(address: str, *arguments: str, stdin: str | None = None) -> str:
    """Standard output of a command that succeeds."""
    result = subprocess.run(
        [MQ, *arguments],
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=environment({"MQ_BOOTSTRAP_SERVERS": address}),
        check=False,
    )
    assert result.returncode == 0, result
    return result.stdout


def test_a_topic_is_created_listed_described_and_deleted(address: str) -> None:
    said(address, "topics", "create", "made", "--partitions", "2", "--config", "retention.ms=5000")
    assert "made\n" in said(address, "topics", "list")
    assert said(address, "topics", "describe", "made") == "0\t0\t0\t0\n1\t0\t0\t0\nretention.ms\t5000\n"
    said(address, "topics", "delete", "made")
    assert "made\n" not in said(address, "topics", "list")


def test_what_is_published_is_consumed_and_committed_by_a_group(address: str) -> None:
    said(address, "topics", "create", "lines", "--partitions", "1")
    said(address, "publish", "lines", stdin="one\ntwo\nthree\n")
    assert said(address, "consume", "lines", "--group", "readers", "--from-beginning", "--count", "2") == "one\ntwo\n"
    assert said(address, "consume", "lines", "--group", "readers", "--from-beginning", "--count", "1") == "three\n"
    group, partition = said(address, "groups", "describe", "readers").splitlines()
    assert group.split("\t")[:3] == ["readers", "Empty", "0"]
    assert partition.split("\t") == ["lines", "0", "3", "3", "0", "-"]


def test_a_message_is_shown_whole_as_json(address: str) -> None:
    said(address, "topics", "create", "whole", "--partitions", "1")
    said(address, "publish", "whole", "the value", "--key", "k", "--header", "trace=7")
    shown = json.loads(said(address, "consume", "whole", "--from-beginning", "--count", "1", "--json"))
    assert shown.pop("timestamp") > 0
    assert shown == {"topic": "whole", "partition": 0, "offset": 0, "key": "k", "value": "the value", "headers": [["trace", "7"]]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["topics", "describe", "nope"], "mq: there is no topic nope\n"),
        (["groups", "describe", "nope"], "mq: there is no group nope\n"),
        (["topics", "create", "bad", "--config", "foo=1"], "mq: Unknown topic config name: foo\n"),
        (["publish", "nope", "value", "--header", "x"], "mq: --header should be NAME=VALUE, not 'x'\n"),
    ],
)
def test_an_expected_failure_is_one_line(address: str, arguments: list[str], message: str) -> None:
    result = mq(*arguments, variables={"MQ_BOOTSTRAP_SERVERS": address})
    assert (result.returncode, result.stdout, result.stderr) == (1, "", message)


def test_a_cluster_that_cannot_be_reached_is_named() -> None:
    result = mq("topics", "list", "-b", "127.0.0.1:1")
    assert result.returncode == 1
    assert "127.0.0.1:1" in result.stderr
    assert "Traceback" not in result.stderr
