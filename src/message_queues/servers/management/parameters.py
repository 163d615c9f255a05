"""Parameters of virtual hosts (components such as `shovel`) and of the whole broker."""

from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, not_found
from message_queues.servers.management.authorization import global_policymakers, policymakers
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import validated
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource


def parameters(call: Call) -> Answer:
    names = authorization.entered_virtual_hosts(call)
    component = call.names.get("component")
    listed: list[Item] = [
        {"value": each.value, "vhost": each.virtual_host, "component": each.component, "name": each.name}
        for each in call.broker.parameters.all()
        if each.virtual_host in names and (component is None or each.component == component)
    ]
    return call.listed(listed, ("vhost", "name"))


def virtual_host_exists(call: Call) -> bool:
    name = call.virtual_host_name
    return name is None or name in call.broker.virtual_hosts
