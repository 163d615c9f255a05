"""Limits of virtual hosts (`max-connections`, `max-queues`) and of users (`max-connections`, `max-channels`)."""

from message_queues.errors import MessageQueuesError, StorageError
from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, bad_request, not_found
from message_queues.servers.management.authorization import administrators, owner_or_monitor, seeing_virtual_host
from message_queues.servers.management.call import Call
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import JSON, Resource

NO_VIRTUAL_HOST = "vhost_not_found"


def virtual_host_limits(call: Call) -> Answer:
    name = call.virtual_host_name
    names = [name] if name is not None else authorization.visible_virtual_hosts(call)
    listed: list[Item] = []
    for each in names:
        limits = call.broker.virtual_hosts[each].limits
        if limits:
            listed.append({"vhost": each, "value": dict(limits)})
    return call.listed(listed, ())


def virtual_host_exists(call: Call) -> bool:
    name = call.virtual_host_name
    return name is None or name in call.broker.virtual_hosts


def limit_virtual_host(call: Call) -> None:
    name = checked_virtual_host(call)
    (value,) = call.required("value")
    with_reason(lambda: call.broker.virtual_hosts.set_limit(name, call.name("name"), value))


def unlimit_virtual_host(call: Call) -> None:
    call.broker.virtual_hosts.clear_limit(checked_virtual_host(call), call.name("name"))


def checked_virtual_host(call: Call) -> str:
    name = call.name("vhost")
    if name not in call.broker.virtual_hosts:
        raise not_found(NO_VIRTUAL_HOST)
    return name
