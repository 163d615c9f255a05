"""Permissions and topic permissions: of everybody, of a user, of a virtual host, of one user in one virtual host."""

import re
from collections.abc import Iterator

from message_queues.broker.access import Permissions
from message_queues.servers.management.answers import Answer, bad_request, missing_keys
from message_queues.servers.management.authorization import administrators
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import validated
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource

NOT_FOUND = "vhost_or_user_not_found"
MESSAGES = {"unterminated character set": "missing terminating ] for character class"}
"""Of Python's regular expressions, and what RabbitMQ's say."""


def found(call: Call) -> Iterator[Item]:
    user, virtual_host = call.names.get("user"), call.names.get("vhost")
    for (its_user, its_host), granted in call.broker.access.permissions.items():
        if user in (None, its_user) and virtual_host in (None, its_host):
            yield facts_of(its_user, its_host, granted)


def facts_of(user: str, virtual_host: str, granted: Permissions) -> Item:
    return {"user": user, "vhost": virtual_host, "configure": granted.configure, "write": granted.write, "read": granted.read}


def found_for_topics(call: Call) -> Iterator[Item]:
    user, virtual_host, exchange = call.names.get("user"), call.names.get("vhost"), call.names.get("exchange")
    for (its_user, its_host), of_exchanges in call.broker.access.topic_permissions.items():
        if user in (None, its_user) and virtual_host in (None, its_host):
            for name, granted in of_exchanges.items():
                if exchange in (None, name):
                    yield {"user": its_user, "vhost": its_host, "exchange": name, "write": granted.write, "read": granted.read}


def permissions(call: Call) -> Answer:
    return call.listed(list(found(call)), ("vhost", "user"))


def topic_permissions(call: Call) -> Answer:
    return call.listed(list(found_for_topics(call)), ("vhost", "user", "exchange"))


def user_exists(call: Call) -> bool:
    return call.name("user") in call.broker.access.users


def virtual_host_exists(call: Call) -> bool:
    return call.name("vhost") in call.broker.virtual_hosts


def exists(call: Call) -> bool:
    return any(True for _ in found(call))


def topic_exists(call: Call) -> bool:
    return any(True for _ in found_for_topics(call))


def one(call: Call) -> Answer:
    return call.shown(next(found(call)))


def put(call: Call) -> None:
    check_both_exist(call)
    configure, write, read = patterns(call, "configure", "write", "read")
    with validated():
        call.broker.access.set_permissions(call.name("user"), call.name("vhost"), configure=configure, write=write, read=read)


def put_topic(call: Call) -> None:
    check_both_exist(call)
    exchange = call.content().get("exchange")
    if exchange is None:
        raise missing_keys([key for key in ("exchange", "write", "read") if key not in call.content()])
    write, read = patterns(call, "write", "read", is_shown_as_text=True)
    with validated():
        call.broker.access.set_topic_permissions(call.name("user"), call.name("vhost"), str(exchange), write=write, read=read)


def check_both_exist(call: Call) -> None:
    """Raises Refused."""
    if not (user_exists(call) and virtual_host_exists(call)):
        raise bad_request(NOT_FOUND)


def patterns(call: Call, *keys: str, is_shown_as_text: bool = False) -> list[str]:
    """Raises Refused."""
    checked = []
    for pattern in call.required(*keys):
        if not isinstance(pattern, str):
            raise bad_request(["not_string", pattern])
        try:
            re.compile(pattern)
        except re.error as error:
            # Erlang writes its strings as lists of their characters.
            message = MESSAGES.get(error.msg, error.msg.partition(",")[0])
            told = [list(map(ord, message)), len(pattern) if error.pos is None else error.pos + 1]
            raise bad_request(["invalid_regexp", pattern if is_shown_as_text else list(map(ord, pattern)), told]) from error
        checked.append(pattern)
    return checked


def clear(call: Call) -> None:
    call.broker.access.clear_permissions(call.name("user"), call.name("vhost"))


def clear_topic(call: Call) -> None:
    call.broker.access.clear_topic_permissions(call.name("user"), call.name("vhost"), call.names.get("exchange"))


TOPIC = "/topic-permissions"

RESOURCES = [
    Resource("/permissions", administrators, get=permissions),
    Resource("/permissions/:vhost/:user", administrators, get=one, put=put, delete=clear, exists=exists),
    Resource("/users/:user/permissions", administrators, get=permissions, exists=user_exists),
    Resource("/vhosts/:vhost/permissions", administrators, get=permissions, exists=virtual_host_exists),
    Resource(TOPIC, administrators, get=topic_permissions),
    Resource(
        f"{TOPIC}/:vhost/:user",
        administrators,
        get=topic_permissions,
        put=put_topic,
        delete=clear_topic,
        exists=topic_exists,
    ),
    Resource(f"{TOPIC}/:vhost/:user/:exchange", administrators, get=topic_permissions, delete=clear_topic, exists=topic_exists),
    Resource(f"/users/:user{TOPIC}", administrators, get=topic_permissions, exists=user_exists),
    Resource(f"/vhosts/:vhost{TOPIC}", administrators, get=topic_permissions, exists=virtual_host_exists),
]
