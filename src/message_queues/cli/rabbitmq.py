"""The RabbitMQ cluster that a command speaks to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from message_queues.cli.cluster import REACH_S, expected_failures
from message_queues.clients.connect import RabbitAddress, connect_rabbitmq
from message_queues.clients.queue_ports import QueueClient
from message_queues.messaging.arguments import checked_hosts

RabbitMQ: TypeAlias = Annotated[str, typer.Option("--rabbitmq", envvar="MQ_RABBITMQ", metavar="HOST:PORT", help="Where it speaks AMQP.")]
ManagementPort: TypeAlias = Annotated[int, typer.Option(envvar="MQ_MANAGEMENT_PORT", help="Of its management API, on the same host.")]
VirtualHost: TypeAlias = Annotated[str, typer.Option(envvar="MQ_VIRTUAL_HOST")]
Username: TypeAlias = Annotated[str, typer.Option(envvar="MQ_RABBITMQ_USERNAME")]
Password: TypeAlias = Annotated[str, typer.Option(envvar="MQ_RABBITMQ_PASSWORD", help="Rather in the environment than here.")]
LOCAL = "127.0.0.1:5672"
MANAGEMENT_PORT = 15_672


@dataclass(frozen=True, slots=True)
class Login:
    """What the options of a command say of the cluster."""

    address: str = LOCAL
    management_port: int = MANAGEMENT_PORT
    virtual_host: str = "/"
    username: str = "guest"
    password: str = "guest"


@contextmanager
def rabbitmq(login: Login) -> Iterator[QueueClient]:
    """Its client; an expected failure becomes one line and exit code 1."""
    with expected_failures():
        hosts = checked_hosts(login.address, 5672)
        management = (hosts[0][0], login.management_port)
        address = RabbitAddress(hosts, management, login.virtual_host, login.username, login.password, connect_timeout_s=REACH_S)
        client = connect_rabbitmq(address)
        try:
            client.check(REACH_S)
            yield client
        finally:
            client.close()
