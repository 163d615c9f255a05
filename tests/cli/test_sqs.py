"""`mq sqs`, as a process, against an embedded server."""

from collections.abc import Iterator

import pytest

from message_queues import MessageQueues, embedded
from tests.cli.mq_process import mq


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.EmbeddedServer]:
    with embedded.start() as server:
        yield server


def said(server: embedded.EmbeddedServer, *arguments: str) -> str:
    """Standard output of a command that succeeds."""
    result = mq("sqs", *arguments, variables={"MQ_SQS": server.sqs})
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_a_queue_is_listed_described_purged_and_deleted(server: embedded.EmbeddedServer) -> None:
    with MessageQueues(embedded=server) as library:
        library.create_sqs_queue("made", "us-east-1", {"VisibilityTimeout": 5}, tags={"stage": "test"})
        library.create_sqs_queue("other", "eu-west-1")
        library.create_publisher(queue="made", publisher_type="sync").publish("x")
    assert said(server, "list") == "made\t1\t0\t0\n"
    assert said(server, "list", "other") == ""
    assert said(server, "list", "--region", "eu-west-1") == "other\t0\t0\t0\n"
    first, *attributes = said(server, "describe", "made").splitlines()
    assert first.startswith("made\tstandard\t1\t0\t0\tarn:aws:sqs:us-east-1:")
    assert "VisibilityTimeout\t5" in attributes
    assert attributes[-1] == "stage\ttest"
    assert said(server, "purge", "made") == ""
    assert said(server, "list") == "made\t0\t0\t0\n"
    assert said(server, "delete", "made") == ""
    assert said(server, "list") == ""


def test_a_queue_that_is_not_there_is_one_line_with_the_nearest(server: embedded.EmbeddedServer) -> None:
    with MessageQueues(embedded=server) as library:
        library.create_sqs_queue("orders", "us-west-2")
    result = mq("sqs", "describe", "ordrs", "--region", "us-west-2", variables={"MQ_SQS": server.sqs})
    assert result.returncode == 1
    assert result.stderr == f"mq: there is no queue 'ordrs' in us-west-2 at {server.sqs}: did you mean orders?\n"


def test_an_address_where_nobody_answers_is_named() -> None:
    result = mq("sqs", "list", "--sqs", "http://127.0.0.1:1")
    assert (result.returncode, result.stderr) == (1, "mq: http://127.0.0.1:1 (Connection refused)\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--sqs", "127.0.0.1:1"], "--sqs='127.0.0.1:1' must be a URL"),
        (["list", "--region", "x y"], "--region='x y' must be a region of AWS"),
        (["describe", "a b"], "queue='a b' holds ' '"),
    ],
)
def test_what_cannot_be_is_one_line(arguments: list[str], says: str) -> None:
    result = mq("sqs", *arguments)
    assert result.returncode == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
