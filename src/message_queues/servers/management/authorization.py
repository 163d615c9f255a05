"""Who calls the management API, and what their tags let them.

    administrator   everything
    monitoring      what everybody may, nodes, and the connections and channels of all users
    policymaker     what everybody may, policies and parameters of their virtual hosts
    management      their own connections and channels, and what is in the virtual hosts that they have permissions in

What is inside a virtual host is checked against the permissions of the user besides, as over AMQP.
"""

import base64
import binascii
from typing import TYPE_CHECKING

from message_queues.errors import MessageQueuesError
from message_queues.servers.amqp.authentication import is_loopback
from message_queues.servers.management.answers import REALM, Refused, not_authorised
from message_queues.servers.management.call import Call

if TYPE_CHECKING:
    from message_queues.broker.access import User

ADMINISTRATOR = "administrator"
MONITORING = "monitoring"
POLICYMAKER = "policymaker"
MANAGEMENT_TAGS = frozenset((ADMINISTRATOR, MONITORING, POLICYMAKER, "management"))

NO_VIRTUAL_HOST_ACCESS = "User not authorised to access virtual host"
NO_OBJECT_ACCESS = "User not authorised to access object"


def authenticated(call: Call) -> "User":
    """Raises Refused."""
    credentials = basic_credentials(call.headers.get("authorization"))
    if credentials is None:
        raise Refused(401, headers=[REALM])
    return login(call, *credentials)


def login(call: Call, name: str, password: str) -> "User":
    """Raises Refused."""
    access = call.broker.access
    try:
        user = access.authenticate(name, password)
    except MessageQueuesError as error:
        call.node.attempts.failed(call.peer_host, name)
        said = "Not_Authorized" if call.node.version.is_4 else "Login failed"
        raise Refused(401, "not_authorized", said, headers=[REALM]) from error
    if name in call.node.loopback_users and not is_loopback(call.peer_host):
        call.node.attempts.failed(call.peer_host, name)
        raise not_authorised("User can only log in via localhost")
    if not MANAGEMENT_TAGS.intersection(user.tags):
        call.node.attempts.failed(call.peer_host, name)
        raise not_authorised("Not management user")
    call.node.attempts.succeeded(call.peer_host, name)
    return user


def basic_credentials(header: str | None) -> tuple[str, str] | None:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    name, colon, password = decoded.partition(":")
    return (name, password) if colon else None


# Tags


def is_administrator(user: "User") -> bool:
    return ADMINISTRATOR in user.tags


def is_monitor(user: "User") -> bool:
    return ADMINISTRATOR in user.tags or MONITORING in user.tags


def is_policymaker(user: "User") -> bool:
    return ADMINISTRATOR in user.tags or POLICYMAKER in user.tags


def may_open(call: Call, virtual_host: str) -> bool:
    """Whether the caller has permissions in this virtual host."""
    return call.broker.access.has_permissions(call.user.name, virtual_host)


def _may_open_the_named(call: Call) -> bool:
    name = call.virtual_host_name
    # What does not exist is said not to exist.
    return name is None or name not in call.broker.virtual_hosts or may_open(call, name)


# What a resource asks of the caller


def anyone(call: Call) -> None:
    """Every user with a management tag."""


def administrators(call: Call) -> None:
    if not is_administrator(call.user):
        raise not_authorised("Not administrator user")


def monitors(call: Call) -> None:
    if not is_monitor(call.user):
        raise not_authorised("Not monitor user")


def of_virtual_host(call: Call) -> None:
    if not (is_administrator(call.user) or _may_open_the_named(call)):
        raise _hidden(call)


def seeing_virtual_host(call: Call) -> None:
    if not (is_monitor(call.user) or _may_open_the_named(call)):
        raise _hidden(call)


def policymakers(call: Call) -> None:
    if is_administrator(call.user):
        return
    if not is_policymaker(call.user):
        raise not_authorised(NO_OBJECT_ACCESS)
    if not _may_open_the_named(call):
        raise _hidden(call, NO_OBJECT_ACCESS)


def global_policymakers(call: Call) -> None:
    if not is_policymaker(call.user):
        raise not_authorised(NO_OBJECT_ACCESS)


def owner_or_monitor(call: Call, owner: str | None) -> None:
    """Connections and channels: everybody their own, monitors look at all, administrators close all."""
    allowed = is_administrator(call.user) if call.method == "DELETE" else is_monitor(call.user)
    if not (allowed or call.user.name == owner):
        raise not_authorised(NO_OBJECT_ACCESS)


def administrators_change(call: Call) -> None:
    if call.method not in ("GET", "HEAD"):
        administrators(call)


def _hidden(call: Call, said: str = NO_VIRTUAL_HOST_ACCESS) -> Refused:
    # RabbitMQ 4 does not tell whether there is such a virtual host.
    return Refused(404, "not_found", "Not Found") if call.node.version.is_4 else not_authorised(said)


def visible_virtual_hosts(call: Call) -> list[str]:
    """Those that the caller may know of."""
    names = sorted(call.broker.virtual_hosts)
    return names if is_monitor(call.user) else [name for name in names if may_open(call, name)]


def entered_virtual_hosts(call: Call) -> list[str]:
    """Those whose contents the caller may see: the one that the path names, or all of them."""
    name = call.virtual_host_name
    names = sorted(call.broker.virtual_hosts) if name is None else [name] if name in call.broker.virtual_hosts else []
    return names if is_administrator(call.user) else [name for name in names if may_open(call, name)]
