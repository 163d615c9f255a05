"""What local ends of shovels have in common: their virtual host, and their queue."""

from typing import TYPE_CHECKING

from message_queues.broker.queues.amqp_uri import parse_amqp_uri
from message_queues.broker.queues.declarations import QueueSpec
from message_queues.broker.queues.virtual_host import AnyQueue, VirtualHost
from message_queues.errors import MessageQueuesError
from message_queues.records.field_table import FieldTable
from message_queues.servers.shovels.ends import EndLost

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker


def existing_virtual_host(broker: "Broker", uri: str) -> VirtualHost:
    name = parse_amqp_uri(uri).virtual_host
    virtual_host = broker.virtual_hosts.get(name)
    if virtual_host is None:
        raise EndLost(f"vhost {name} not found")
    return virtual_host


def see_to_queue(virtual_host: VirtualHost, name: str, arguments: FieldTable, is_predeclared: bool) -> AnyQueue:
    """The queue, which is declared when it is missing."""
    try:
        if name in virtual_host.queues or is_predeclared:
            return virtual_host.queue(name, None)
        return virtual_host.declare_queue(QueueSpec(name, is_durable=True, arguments=arguments), None)
    except MessageQueuesError as error:
        raise EndLost(str(error)) from error
