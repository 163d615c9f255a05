"""`mq exchanges`: list."""

import typer

from message_queues.cli.cluster import show
from message_queues.cli.rabbitmq import on_rabbitmq
from message_queues.messaging.rabbitmq_answers import answer_mappings, text_of
from message_queues.messaging.rabbitmq_place import RabbitPlace

FLAGS = ("durable", "auto_delete", "internal")

exchanges = typer.Typer(no_args_is_help=True, help="Exchanges of a RabbitMQ cluster.")


@exchanges.callback()
def of_a_cluster() -> None:
    """Keeps `list` a command of its own while it is the only one."""


@exchanges.command("list")
@on_rabbitmq
def list_exchanges(place: RabbitPlace) -> None:
    """All exchanges of the virtual host but the default one."""
    listed = answer_mappings(place.management.get("exchanges", place.virtual_host))
    rows = [
        (text_of(each, "name"), text_of(each, "type"), ",".join(flag for flag in FLAGS if each.get(flag)) or "-")
        for each in sorted(listed, key=lambda each: text_of(each, "name"))
        if each.get("name")
    ]
    show(["exchange", "type", "flags"], rows)
