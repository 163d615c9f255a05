"""Shovels: their state, restarting and deleting them. They are made as parameters of the component `shovel`."""

from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, object_not_found
from message_queues.servers.management.authorization import monitors, policymakers
from message_queues.servers.management.call import Call
from message_queues.servers.management.listing import Item
from message_queues.servers.management.parameters import virtual_host_exists
from message_queues.servers.management.resource import Resource

COMPONENT = "shovel"


def found(call: Call) -> list[Item]:
    statuses = call.node.shovels.statuses() if call.node.shovels is not None else []
    names = [name for name in call.broker.virtual_hosts if authorization.may_open(call, name)]
    wanted = call.virtual_host_name
    shown: list[Item] = [
        {"node": call.node.name, **status}
        for status in statuses
        if status["vhost"] in names and (wanted is None or status["vhost"] == wanted)
    ]
    return shown


def shovels(call: Call) -> Answer:
    return call.listed(found(call))


def is_defined(call: Call) -> bool:
    return call.broker.parameters.get(call.name("vhost"), COMPONENT, call.name("name")) is not None


def shovel(call: Call) -> Answer:
    """RabbitMQ 4 answers with its parameter, 3 with a list of its state."""
    if not call.node.version.is_4:
        return call.listed([status for status in found(call) if status["name"] == call.name("name")])
    value = call.broker.parameters.get(call.name("vhost"), COMPONENT, call.name("name"))
    return call.shown({"value": value, "vhost": call.name("vhost"), "component": COMPONENT, "name": call.name("name")})


def delete(call: Call) -> None:
    call.broker.parameters.clear(call.name("vhost"), COMPONENT, call.name("name"))


def restart(call: Call) -> None:
    if call.node.shovels is None or not call.node.shovels.restart(call.name("vhost"), call.name("name")):
        raise object_not_found()


def sees(call: Call) -> None:
    (policymakers if call.method == "DELETE" else monitors)(call)


RESOURCES = [
    Resource("/shovels", monitors, get=shovels, exists=virtual_host_exists),
    Resource("/shovels/:vhost", monitors, get=shovels, exists=virtual_host_exists),
    Resource("/shovels/vhost/:vhost/:name", sees, get=shovel, delete=delete, exists=is_defined),
    Resource("/shovels/vhost/:vhost/:name/restart", policymakers, delete=restart, exists=is_defined),
]
