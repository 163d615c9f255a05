"""The Kafka cluster that a command speaks to, and what it says when that fails or succeeds."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from message_queues.clients.connect import connect_kafka
from message_queues.clients.ports import Client
from message_queues.errors import MessageQueuesError

REACH_S = 5.0

Brokers: TypeAlias = Annotated[
    str,
    typer.Option(
        "--bootstrap-servers", "-b", envvar="MQ_BOOTSTRAP_SERVERS", metavar="HOST:PORT[,…]", help="Addresses of the Kafka cluster."
    ),
]
LOCAL = "127.0.0.1:9092"


@contextmanager
def expected_failures() -> Iterator[None]:
    """Become one line and exit code 1."""
    try:
        yield
    except MessageQueuesError as error:
        typer.echo(f"mq: {error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def cluster(brokers: str) -> Iterator[Client]:
    """Its client."""
    with expected_failures():
        client = connect_kafka([address.strip() for address in brokers.split(",")], {})
        client.check(REACH_S)
        yield client


def show(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on a terminal; lines with tabs in a pipe, without the head."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(map(str, row)))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*head)
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)
