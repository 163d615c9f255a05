"""`mq queues`: list, describe, purge, delete."""

from typing import Annotated

import typer

from message_queues.cli.cluster import show
from message_queues.cli.rabbitmq import on_rabbitmq
from message_queues.messaging.queue import Queue
from message_queues.messaging.rabbitmq_answers import answer_mappings, number_of, text_of
from message_queues.messaging.rabbitmq_place import RabbitPlace

queues = typer.Typer(no_args_is_help=True, help="Queues of a RabbitMQ cluster.")

COUNTS = ("messages_ready", "messages_unacknowledged", "consumers")
QueueName = Annotated[str, typer.Argument(metavar="QUEUE")]


@queues.command("list")
@on_rabbitmq
def list_queues(place: RabbitPlace) -> None:
    """All queues of the virtual host: type, messages that are ready, messages in hand, consumers."""
    listed = answer_mappings(place.management.get("queues", place.virtual_host))
    rows = [
        (text_of(each, "name"), text_of(each, "type"), *(number_of(each, count) for count in COUNTS))
        for each in sorted(listed, key=lambda each: text_of(each, "name"))
    ]
    show(["queue", "type", "ready", "in hand", "consumers"], rows)


@queues.command()
@on_rabbitmq
def describe(place: RabbitPlace, queue: QueueName) -> None:
    """What it is, what it holds, and its arguments."""
    found = Queue(place, queue, lambda: None).describe()
    flags = ",".join(name for name in ("durable", "exclusive", "auto_delete") if getattr(found, name)) or "-"
    counts = (found.messages_ready, found.messages_unacknowledged, found.consumers)
    show(
        ["queue", "type", "flags", "ready", "in hand", "consumers", "state"],
        [(found.name, found.queue_type, flags, *counts, found.state or "-")],
    )
    show(["argument", "value"], sorted(found.arguments.items()))


@queues.command()
@on_rabbitmq
def purge(place: RabbitPlace, queue: QueueName) -> None:
    """Drop all messages that are ready, and say how many."""
    typer.echo(place.admin.purge_queue(queue))


@queues.command()
@on_rabbitmq
def delete(
    place: RabbitPlace,
    queue: QueueName,
    if_unused: Annotated[bool, typer.Option("--if-unused", help="Only without consumers.")] = False,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Only without messages.")] = False,
) -> None:
    """Delete a queue and all its messages, and say how many."""
    typer.echo(place.admin.delete_queue(queue, if_unused=if_unused, if_empty=if_empty))
