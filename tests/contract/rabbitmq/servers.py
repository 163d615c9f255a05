"""`mq serve` as RabbitMQ 3.10, and a real RabbitMQ 3.10 from Debian's package. `REAL_RABBITMQ` names one that runs already."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.serve_process import serving
from tools.rabbitmq import CannotInstall, RabbitMQ, install

VERSION = "3.10"
ADDRESS_VARIABLE = "REAL_RABBITMQ"
"""host:port,host:management port"""
EMBEDDED = pytest.param("embedded", id="embedded")
REAL = pytest.param("rabbitmq", id="rabbitmq", marks=pytest.mark.real)


@dataclass(frozen=True, slots=True)
class RabbitMQUnderTest:
    kind: str
    """ "embedded" or "rabbitmq"."""
    host: str
    port: int
    management: str
    """host:port"""


@contextmanager
def running(kind: str) -> Iterator[RabbitMQUnderTest]:
    with running_embedded() if kind == "embedded" else running_rabbitmq() as server:
        yield server


@contextmanager
def running_rabbitmq() -> Iterator[RabbitMQUnderTest]:
    if addresses := os.environ.get(ADDRESS_VARIABLE):
        amqp, management = addresses.split(",")
        host, port = amqp.rsplit(":", 1)
        yield RabbitMQUnderTest("rabbitmq", host, int(port), management)
        return
    try:
        install()
    except CannotInstall as reason:
        pytest.skip(str(reason))
    with RabbitMQ() as rabbitmq:
        yield RabbitMQUnderTest("rabbitmq", rabbitmq.host, rabbitmq.port, f"{rabbitmq.host}:{rabbitmq.management_port}")


@contextmanager
def running_embedded(version: str = VERSION, *, more: Sequence[str] = ()) -> Iterator[RabbitMQUnderTest]:
    ports = ("--amqp-port", "0", "--management-port", "0")
    with serving("--only", "amqp,management", "--rabbitmq-version", version, *ports, *more) as addresses:
        host, port = addresses["amqp"][0].rsplit(":", 1)
        yield RabbitMQUnderTest("embedded", host, int(port), addresses["management"][0])
