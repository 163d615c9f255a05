"""Limits of virtual hosts (`max-connections`, `max-queues`) and of users (`max-connections`, `max-channels`)."""

from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, bad_request, not_found
from message_queues.servers.management.authorization import administrators, owner_or_monitor, seeing_virtual_host
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import validated
from message_queues.servers.management.listing import Item
from message_queues.servers.management.parameters import virtual_host_exists
from message_queues.servers.management.resource import JSON, Resource

# Virtual hosts


def virtual_host_limits(call: Call) -> Answer:
    name = call.virtual_host_name
    names = [name] if name is not None else authorization.visible_virtual_hosts(call)
    listed: list[Item] = [{"vhost": each, "value": dict(limits)} for each in names if (limits := call.broker.virtual_hosts[each].limits)]
    return call.listed(listed, ())


def limit_virtual_host(call: Call) -> None:
    name = checked_virtual_host(call)
    (value,) = call.required("value")
    with validated():
        call.broker.virtual_hosts.set_limit(name, call.name("name"), value)


def unlimit_virtual_host(call: Call) -> None:
    call.broker.virtual_hosts.clear_limit(checked_virtual_host(call), call.name("name"))


def checked_virtual_host(call: Call) -> str:
    """Raises Refused."""
    name = call.name("vhost")
    if name not in call.broker.virtual_hosts:
        raise not_found("vhost_not_found")
    return name


# Users


def user_limits(call: Call) -> Answer:
    users = call.broker.access.users
    named = call.names.get("user")
    found = [users[named]] if named is not None else list(users.values())
    return call.listed([{"user": user.name, "value": dict(user.limits)} for user in found if user.limits], ())


def user_exists(call: Call) -> bool:
    named = call.names.get("user")
    return named is None or named in call.broker.access.users


def sees_user_limits(call: Call) -> None:
    named = call.names.get("user")
    if named is not None:
        owner_or_monitor(call, named)
    elif call.node.version.is_4:
        administrators(call)


def limit_user(call: Call) -> None:
    (value,) = call.required("value")
    if not user_exists(call):
        raise bad_request(["no_such_user", call.name("user")])
    with validated():
        call.broker.access.set_user_limit(call.name("user"), call.name("name"), value)


def unlimit_user(call: Call) -> None:
    if not user_exists(call):
        raise not_found("vhost_not_found")
    call.broker.access.clear_user_limit(call.name("user"), call.name("name"))


RESOURCES = [
    Resource("/vhost-limits/:vhost/:name", administrators, put=limit_virtual_host, delete=unlimit_virtual_host, accepts=JSON),
    Resource("/vhost-limits", seeing_virtual_host, get=virtual_host_limits, exists=virtual_host_exists),
    Resource("/vhost-limits/:vhost", seeing_virtual_host, get=virtual_host_limits, exists=virtual_host_exists),
    Resource("/user-limits/:user/:name", administrators, put=limit_user, delete=unlimit_user, accepts=JSON),
    Resource("/user-limits", sees_user_limits, get=user_limits, exists=user_exists),
    Resource("/user-limits/:user", sees_user_limits, get=user_limits, exists=user_exists),
]
