"""`mq queues`: list, describe, purge, delete."""

from typing import Annotated

import typer

from message_queues.cli.cluster import show
from message_queues.cli.rabbitmq import (
    LOCAL,
    MANAGEMENT_PORT,
    Login,
    ManagementPort,
    Password,
    RabbitMQ,
    Username,
    VirtualHost,
    rabbitmq,
)
from message_queues.messaging.queue import Queue
from message_queues.messaging.rabbitmq_answers import answer_mappings, number_of, text_of
from message_queues.messaging.rabbitmq_place import RabbitPlace

queues = typer.Typer(no_args_is_help=True, help="Queues of a RabbitMQ cluster.")

COUNTS = ("messages_ready", "messages_unacknowledged", "consumers")
QueueName = Annotated[str, typer.Argument(metavar="QUEUE")]


@queues.command("list")
def list_queues(
    rabbitmq_: RabbitMQ = LOCAL,
    management_port: ManagementPort = MANAGEMENT_PORT,
    virtual_host: VirtualHost = "/",
    username: Username = "guest",
    password: Password = "guest",
) -> None:
    """All queues of the virtual host: type, messages that are ready, messages in hand, consumers."""
    with rabbitmq(Login(rabbitmq_, management_port, virtual_host, username, password)) as client:
        listed = answer_mappings(client.management.get("queues", virtual_host))
        rows = [
            (text_of(each, "name"), text_of(each, "type"), *(number_of(each, count) for count in COUNTS))
            for each in sorted(listed, key=lambda each: text_of(each, "name"))
        ]
        show(["queue", "type", "ready", "in hand", "consumers"], rows)


@queues.command()
def describe(
    queue: QueueName,
    rabbitmq_: RabbitMQ = LOCAL,
    management_port: ManagementPort = MANAGEMENT_PORT,
    virtual_host: VirtualHost = "/",
    username: Username = "guest",
    password: Password = "guest",
) -> None:
    """What it is, what it holds, and its arguments."""
    with rabbitmq(Login(rabbitmq_, management_port, virtual_host, username, password)) as client:
        found = Queue(RabbitPlace(rabbitmq_, virtual_host, client.admin, client.management), queue, lambda: None).describe()
        flags = [name for name in ("durable", "exclusive", "auto_delete") if getattr(found, name)]
        show(
            ["queue", "type", "flags", "ready", "in hand", "consumers", "state"],
            [
                (
                    found.name,
                    found.queue_type,
                    ",".join(flags) or "-",
                    found.messages_ready,
                    found.messages_unacknowledged,
                    found.consumers,
                    found.state or "-",
                )
            ],
        )
        show(["argument", "value"], sorted(found.arguments.items()))


@queues.command()
def purge(
    queue: QueueName,
    rabbitmq_: RabbitMQ = LOCAL,
    management_port: ManagementPort = MANAGEMENT_PORT,
    virtual_host: VirtualHost = "/",
    username: Username = "guest",
    password: Password = "guest",
) -> None:
    """Drop all messages that are ready, and say how many."""
    with rabbitmq(Login(rabbitmq_, management_port, virtual_host, username, password)) as client:
        typer.echo(client.admin.purge_queue(queue))


@queues.command()
def delete(
    queue: QueueName,
    if_unused: Annotated[bool, typer.Option("--if-unused", help="Only without consumers.")] = False,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Only without messages.")] = False,
    rabbitmq_: RabbitMQ = LOCAL,
    management_port: ManagementPort = MANAGEMENT_PORT,
    virtual_host: VirtualHost = "/",
    username: Username = "guest",
    password: Password = "guest",
) -> None:
    """Delete a queue and all its messages, and say how many."""
    with rabbitmq(Login(rabbitmq_, management_port, virtual_host, username, password)) as client:
        typer.echo(client.admin.delete_queue(queue, if_unused=if_unused, if_empty=if_empty))
