"""The RabbitMQ cluster that a command speaks to."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer

from message_queues.cli.cluster import REACH_S, expected_failures
from message_queues.clients.connect import RabbitAddress, connect_rabbitmq
from message_queues.messaging.arguments import checked_hosts
from message_queues.messaging.rabbitmq_place import RabbitPlace


@dataclass(frozen=True, slots=True)
class Login:
    """What the options of a command say of the cluster."""

    rabbitmq: Annotated[str, typer.Option(envvar="MQ_RABBITMQ", metavar="HOST:PORT", help="Where it speaks AMQP.")] = "127.0.0.1:5672"
    management_port: Annotated[int, typer.Option(envvar="MQ_MANAGEMENT_PORT", help="Of its management API, on the same host.")] = 15_672
    virtual_host: Annotated[str, typer.Option(envvar="MQ_VIRTUAL_HOST")] = "/"
    username: Annotated[str, typer.Option(envvar="MQ_RABBITMQ_USERNAME")] = "guest"
    password: Annotated[str, typer.Option(envvar="MQ_RABBITMQ_PASSWORD", help="Rather in the environment than here.")] = "guest"


OPTIONS = inspect.signature(Login).parameters


@contextmanager
def logged_in(login: Login) -> Iterator[RabbitPlace]:
    """An expected failure becomes one line and exit code 1."""
    with expected_failures():
        hosts = checked_hosts(login.rabbitmq, 5672)
        management = (hosts[0][0], login.management_port)
        address = RabbitAddress(hosts, management, login.virtual_host, login.username, login.password, connect_timeout_s=REACH_S)
        client = connect_rabbitmq(address)
        try:
            client.check(REACH_S)
            yield RabbitPlace(login.rabbitmq, login.virtual_host, client.admin, client.management)
        finally:
            client.close()


def on_rabbitmq(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first parameter is a RabbitPlace: typer shows the options of `Login` in its stead."""
    _, *own = inspect.signature(command).parameters.values()
    parameters = [*own, *OPTIONS.values()]

    @wraps(command)
    def run(**told: Any) -> None:
        login = {name: told.pop(name) for name in OPTIONS}
        with logged_in(Login(**login)) as place:
            command(place, **told)

    # What typer reads a command's options from.
    run.__dict__["__signature__"] = inspect.Signature(parameters, return_annotation=None)
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
