"""Users: list, show, put (with a password or its hash), delete; hashing a password."""

import base64
import binascii

from message_queues.broker.access import DEFAULT_HASHING, User, hashed
from message_queues.servers.management.answers import Answer, bad_request
from message_queues.servers.management.authorization import administrators
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import validated
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource

MOST_TAGS = 64


def facts_of(user: User) -> Item:
    return {
        "name": user.name,
        "password_hash": user.password_hash,
        "hashing_algorithm": user.hashing_algorithm,
        "tags": list(user.tags),
        "limits": dict(user.limits),
    }


def users(call: Call) -> Answer:
    # RabbitMQ 3 has no pages here.
    return call.listed([facts_of(user) for user in call.broker.access.users.values()], ("name",), has_pages=call.node.version.is_4)


def users_without_permissions(call: Call) -> Answer:
    access = call.broker.access
    with_some = {name for name, _ in access.permissions}
    return call.listed([facts_of(user) for name, user in access.users.items() if name not in with_some], ("name",))


def exists(call: Call) -> bool:
    return call.name("user") in call.broker.access.users


def user(call: Call) -> Answer:
    return call.shown(facts_of(call.broker.access.users[call.name("user")]))


def put(call: Call) -> None:
    content = call.content()
    password, password_hash = content.get("password"), content.get("password_hash")
    if password is not None and password_hash is not None:
        raise bad_request("both_password_and_password_hash_are_provided")
    if "tags" not in content:
        raise bad_request("tags_not_present")
    if not isinstance(password, str | None):
        raise bad_request("password must be a string")
    algorithm = content.get("hashing_algorithm", DEFAULT_HASHING)
    with validated():
        call.broker.access.put_user(
            call.name("user"),
            password=password,
            password_hash=None if password_hash is None else checked_hash(str(password_hash)),
            hashing_algorithm=str(algorithm),
            tags=tags_of(content["tags"]),
        )


def checked_hash(password_hash: str) -> str:
    """Raises Refused."""
    try:
        base64.b64decode(password_hash, validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(["not_base64", password_hash]) from error
    return password_hash


def tags_of(tags: object) -> list[str]:
    """A text with commas, or a list. Raises Refused."""
    found = [tag.strip() for tag in tags.split(",")] if isinstance(tags, str) else tags
    if not isinstance(found, list):
        raise bad_request("tags must be a list or a string")
    names = [str(tag) for tag in found if tag != ""]
    if len(names) > MOST_TAGS:
        raise bad_request(f"A user can have at most {MOST_TAGS} tags (received {len(names)})")
    return names


def delete(call: Call) -> None:
    call.broker.access.delete_user(call.name("user"))


def delete_many(call: Call) -> None:
    (names,) = call.required("users")
    if not isinstance(names, list):
        raise bad_request("users must be a list")
    for name in map(str, names):
        if name not in call.broker.access.users:
            raise bad_request(["no_such_user", name])
        call.broker.access.delete_user(name)


def hash_password(call: Call) -> Answer:
    return call.shown({"ok": hashed(call.name("password"))})


RESOURCES = [
    Resource("/users/bulk-delete", administrators, post=delete_many),
    Resource("/users/without-permissions", administrators, get=users_without_permissions),
    Resource("/users", administrators, get=users),
    Resource("/users/:user", administrators, get=user, put=put, delete=delete, exists=exists),
    Resource("/auth/hash_password/:password", administrators, get=hash_password),
]
