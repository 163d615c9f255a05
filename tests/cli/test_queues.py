"""`mq queues` and `mq exchanges`, each as a process, against an embedded server."""

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
    variables = {"MQ_RABBITMQ": server.amqp, "MQ_MANAGEMENT_PORT": server.management.rpartition(":")[2]}
    result = mq(*arguments, variables=variables)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_a_queue_is_listed_described_purged_and_deleted(server: embedded.EmbeddedServer) -> None:
    with MessageQueues(embedded=server) as library:
        library.create_rabbitmq_cluster("east", "rabbit")
        library.create_queue("east", "made", arguments={"x-max-length": 5})
        library.create_publisher(queue="made", publisher_type="sync").publish(b"x")
    assert said(server, "queues", "list").startswith("made\tclassic\t")
    assert said(server, "queues", "describe", "made").splitlines() == ["made\tclassic\tdurable\t1\t0\t0\trunning", "x-max-length\t5"]
    assert said(server, "queues", "purge", "made") == "1\n"
    assert said(server, "queues", "delete", "made", "--if-empty") == "0\n"
    assert said(server, "queues", "list") == ""


def test_exchanges_are_listed(server: embedded.EmbeddedServer) -> None:
    listed = said(server, "exchanges", "list").splitlines()
    assert "amq.topic\ttopic\tdurable" in listed
    assert "amq.rabbitmq.trace\ttopic\tdurable,internal" in listed


@pytest.mark.parametrize("command", [["queues", "purge", "nope"], ["queues", "delete", "nope"], ["queues", "describe", "nope"]])
def test_a_queue_that_is_not_there_is_one_line(server: embedded.EmbeddedServer, command: list[str]) -> None:
    result = mq(*command, variables={"MQ_RABBITMQ": server.amqp, "MQ_MANAGEMENT_PORT": server.management.rpartition(":")[2]})
    assert result.returncode == 1
    assert "queue 'nope'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_cluster_that_cannot_be_reached_is_named() -> None:
    result = mq("queues", "list", "--rabbitmq", "127.0.0.1:1")
    assert (result.returncode, result.stderr) == (1, "mq: 127.0.0.1:1 (Connection refused)\n")
