"""`mq exchanges`: list."""

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
from message_queues.messaging.rabbitmq_answers import answer_mappings, text_of

FLAGS = ("durable", "auto_delete", "internal")

exchanges = typer.Typer(no_args_is_help=True, help="Exchanges of a RabbitMQ cluster.")


@exchanges.callback()
def of_a_cluster() -> None:
    """Keeps `list` a command of its own while it is the only one."""


@exchanges.command("list")
def list_exchanges(
    rabbitmq_: RabbitMQ = LOCAL,
    management_port: ManagementPort = MANAGEMENT_PORT,
    virtual_host: VirtualHost = "/",
    username: Username = "guest",
    password: Password = "guest",
) -> None:
    """All exchanges of the virtual host but the default one."""
    with rabbitmq(Login(rabbitmq_, management_port, virtual_host, username, password)) as client:
        listed = answer_mappings(client.management.get("exchanges", virtual_host))
        rows = [
            (text_of(each, "name"), text_of(each, "type"), ",".join(flag for flag in FLAGS if each.get(flag)) or "-")
            for each in sorted(listed, key=lambda each: text_of(each, "name"))
            if each.get("name")
        ]
        show(["exchange", "type", "flags"], rows)
