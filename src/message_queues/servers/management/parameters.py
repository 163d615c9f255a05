"""Parameters of virtual hosts (components such as `shovel`) and of the whole broker.

Policies are parameters, too, but have paths of their own; operator policies and limits are listed here as well, as RabbitMQ does.
"""

from collections.abc import Iterator

from message_queues.broker.queues.events import Json
from message_queues.broker.queues.parameters import LIMITS, OPERATOR_POLICY, Parameter
from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, not_found
from message_queues.servers.management.authorization import global_policymakers, policymakers
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import validated
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource

CLUSTER_ID = "internal_cluster_id"


def found_parameters(call: Call) -> Iterator[Parameter]:
    component = call.names.get("component")
    known = call.broker.parameters
    if component is not None:
        yield from known.of(component)
        return
    yield from known.all()
    yield from known.of(OPERATOR_POLICY)
    yield from known.of(LIMITS)


def facts_of(parameter: Parameter) -> Item:
    return {"value": parameter.value, "vhost": parameter.virtual_host, "component": parameter.component, "name": parameter.name}


def parameters(call: Call) -> Answer:
    names = authorization.entered_virtual_hosts(call)
    return call.listed([facts_of(each) for each in found_parameters(call) if each.virtual_host in names])


def virtual_host_exists(call: Call) -> bool:
    name = call.virtual_host_name
    return name is None or name in call.broker.virtual_hosts


def find(call: Call) -> Parameter | None:
    name, component = call.name("name"), call.name("component")
    wanted = (each for each in call.broker.parameters.of(component) if each.name == name and each.virtual_host == call.name("vhost"))
    return next(wanted, None)


def exists(call: Call) -> bool:
    return find(call) is not None


def parameter(call: Call) -> Answer:
    one = find(call)
    assert one is not None
    return call.shown(facts_of(one))


def put(call: Call) -> None:
    if call.name("vhost") not in call.broker.virtual_hosts:
        raise not_found("vhost_not_found")
    (value,) = call.required("value")
    with validated():
        call.broker.parameters.set(call.name("vhost"), call.name("component"), call.name("name"), json_of(value))


def json_of(value: object) -> Json:
    """What was decoded from JSON is JSON."""
    assert value is None or isinstance(value, str | int | float | bool | list | dict)
    return value


def clear(call: Call) -> None:
    call.broker.parameters.clear(call.name("vhost"), call.name("component"), call.name("name"))


# Global ones


def global_values(call: Call) -> dict[str, Json]:
    return {CLUSTER_ID: call.node.cluster_id, **call.broker.parameters.globals}


def global_parameters(call: Call) -> Answer:
    return call.listed([{"name": name, "value": value} for name, value in global_values(call).items()], ("name",))


def global_exists(call: Call) -> bool:
    return call.name("name") in global_values(call)


def global_parameter(call: Call) -> Answer:
    return call.shown({"value": global_values(call)[call.name("name")], "name": call.name("name")})


def put_global(call: Call) -> None:
    (value,) = call.required("value")
    call.broker.parameters.set_global(call.name("name"), json_of(value))


def clear_global(call: Call) -> None:
    call.broker.parameters.clear_global(call.name("name"))


RESOURCES = [
    Resource("/parameters", policymakers, get=parameters, exists=virtual_host_exists),
    Resource("/parameters/:component", policymakers, get=parameters, exists=virtual_host_exists),
    Resource("/parameters/:component/:vhost", policymakers, get=parameters, exists=virtual_host_exists),
    Resource("/parameters/:component/:vhost/:name", policymakers, get=parameter, put=put, delete=clear, exists=exists),
    Resource("/global-parameters", global_policymakers, get=global_parameters),
    Resource(
        "/global-parameters/:name", global_policymakers, get=global_parameter, put=put_global, delete=clear_global, exists=global_exists
    ),
]
