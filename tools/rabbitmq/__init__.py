"""A real RabbitMQ on loopback, from Debian's package: `RabbitMQ` in Python, `python -m tools.rabbitmq` in a shell."""

from tools.rabbitmq.installation import CannotInstall, install
from tools.rabbitmq.node import RabbitMQ, RabbitMQFailed

__all__ = ["CannotInstall", "RabbitMQ", "RabbitMQFailed", "install"]
