"""RabbitMQ's own command line for the management API, `rabbitmqadmin` v2, built from its crate."""

from tools.rabbitmqadmin.installation import PROGRAM, install

__all__ = ["PROGRAM", "install"]
