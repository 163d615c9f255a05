"""Where exchanges and queues live: a virtual host of a cluster, and whom to ask about it."""

from dataclasses import dataclass

from message_queues.clients.queue_ports import Management, QueueAdmin


@dataclass(frozen=True, slots=True)
class RabbitPlace:
    cluster: str
    virtual_host: str
    admin: QueueAdmin
    management: Management
