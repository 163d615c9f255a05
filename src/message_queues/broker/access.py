"""Users, and what they may do: RabbitMQ's internal authentication and authorisation (rabbit_auth_backend_internal.erl).

A user may open a virtual host where it has permissions, which are three regular expressions over the names of exchanges and queues: for
configure, write and read. Passwords are kept as RabbitMQ keeps them, so that its definitions can be loaded:
base64(salt, 4 bytes; hash(salt + password)).
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from message_queues.broker.event import Event
from message_queues.broker.queues.erlang_terms import printed_json
from message_queues.broker.queues.version import RabbitVersion
from message_queues.errors import AccessRefused, InvalidArgument, NotAllowed, NotFound

ADMINISTRATOR: Final = "administrator"
HASHES: Final[Mapping[str, str]] = {
    "rabbit_password_hashing_sha256": "sha256",
    "rabbit_password_hashing_sha512": "sha512",
    "rabbit_password_hashing_md5": "md5",
}
DEFAULT_HASHING: Final = "rabbit_password_hashing_sha256"
LIMIT_NAMES: Final = ("max-connections", "max-channels")
PERMISSIONS: Final = ("configure", "write", "read")
DEFAULT_EXCHANGE_ALIAS: Final = "amq.default"
"""What the default exchange is called in permissions."""


class UserPut(Event, frozen=True, tag="UserPut"):
    name: str
    password_hash: str
    """Empty: nobody logs in with a password."""
    hashing_algorithm: str
    tags: list[str]
    limits: dict[str, int] = msgspec.field(default_factory=dict)


class UserDeleted(Event, frozen=True, tag="UserDeleted"):
    name: str


class PermissionsSet(Event, frozen=True, tag="PermissionsSet"):
    user: str
    virtual_host: str
    configure: str
    write: str
    read: str


class PermissionsCleared(Event, frozen=True, tag="PermissionsCleared"):
    user: str
    virtual_host: str


class TopicPermissionsSet(Event, frozen=True, tag="TopicPermissionsSet"):
    user: str
    virtual_host: str
    exchange: str
    write: str
    read: str


class TopicPermissionsCleared(Event, frozen=True, tag="TopicPermissionsCleared"):
    user: str
    virtual_host: str
    exchange: str | None = None
    """None: of all exchanges."""


AccessEvent: TypeAlias = UserPut | UserDeleted | PermissionsSet | PermissionsCleared | TopicPermissionsSet | TopicPermissionsCleared


@dataclass(frozen=True, slots=True)
class User:
    name: str
    tags: tuple[str, ...] = ()
    password_hash: str = ""
    hashing_algorithm: str = DEFAULT_HASHING
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_administrator(self) -> bool:
        return ADMINISTRATOR in self.tags


@dataclass(frozen=True, slots=True)
class Permissions:
    configure: str
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class TopicPermissions:
    write: str
    read: str


class NotAuthenticated(AccessRefused):
    """No such user, or another password; the message does not say which."""


class Access:
    def __init__(self, commit: Callable[[list[Event]], None], has_virtual_host: Callable[[str], bool], version: RabbitVersion) -> None:
        self.users: dict[str, User] = {}
        self.permissions: dict[tuple[str, str], Permissions] = {}
        """(user, virtual host) -> permissions"""
        self.topic_permissions: dict[tuple[str, str], dict[str, TopicPermissions]] = {}
        """(user, virtual host) -> exchange -> permissions"""
        self.on_user_deleted: list[Callable[[str], None]] = []
        """Called with the name: its connections are to be closed."""
        self.version = 0
        """Changes with every change: what was checked before may be otherwise now."""
        self._commit = commit
        self._has_virtual_host = has_virtual_host
        self._refusals_name_permissions = version.pair >= (3, 13)
        self.appliers: Mapping[type[Event], Callable[..., object]] = {
            UserPut: self._apply_user_put,
            UserDeleted: self._apply_user_deleted,
            PermissionsSet: self._apply_permissions_set,
            PermissionsCleared: self._apply_permissions_cleared,
            TopicPermissionsSet: self._apply_topic_permissions_set,
            TopicPermissionsCleared: self._apply_topic_permissions_cleared,
        }

    # Who it is

    def authenticate(self, name: str, password: str) -> User:
        """Raises NotAuthenticated."""
        user = self.users.get(name)
        if user is None or not user.password_hash or not password_matches(user.password_hash, user.hashing_algorithm, password):
            raise NotAuthenticated(f"user '{name}' - invalid credentials")
        return user

    # What it may do

    def has_permissions(self, user: str, virtual_host: str) -> bool:
        return (user, virtual_host) in self.permissions

    def check_virtual_host(self, user: User, name: str) -> None:
        """Raises NotAllowed."""
        if not self._has_virtual_host(name):
            raise NotAllowed(f"vhost {name} not found")
        if not self.has_permissions(user.name, name):
            raise NotAllowed(f"access to vhost '{name}' refused for user '{user.name}'")

    def check(self, user: User, virtual_host: str, kind: str, name: str, permission: str) -> None:
        """Raises AccessRefused. `kind` is "queue" or "exchange", `permission` one of PERMISSIONS."""
        granted = self.permissions.get((user.name, virtual_host))
        asked = name or DEFAULT_EXCHANGE_ALIAS
        if granted is None or not matches(getattr(granted, permission), asked):
            resource = f"{kind} '{asked if kind == 'exchange' else name}' in vhost '{virtual_host}'"
            raise self._refusal(permission, resource, user)

    def check_topic(self, user: User, virtual_host: str, exchange: str, routing_key: str, permission: str) -> None:
        """Of a topic exchange: without a topic permission for it everything is allowed. Raises AccessRefused."""
        granted = self.topic_permissions.get((user.name, virtual_host), {}).get(exchange or DEFAULT_EXCHANGE_ALIAS)
        if granted is None:
            return
        pattern = str(getattr(granted, permission)).replace("{username}", re.escape(user.name)).replace("{vhost}", re.escape(virtual_host))
        if not matches(pattern, routing_key):
            resource = f"topic '{routing_key}' in exchange '{exchange}' in vhost '{virtual_host}'"
            raise self._refusal(permission, resource, user)

    def _refusal(self, permission: str, resource: str, user: User) -> AccessRefused:
        named = f"{permission} " if self._refusals_name_permissions else ""
        return AccessRefused(f"{named}access to {resource} refused for user '{user.name}'")

    # Users

    def put_user(
        self,
        name: str,
        *,
        password: str | None = None,
        password_hash: str | None = None,
        hashing_algorithm: str = DEFAULT_HASHING,
        tags: Sequence[str] = (),
        limits: Mapping[str, int] | None = None,
    ) -> None:
        """Creates or replaces a user; without any password it cannot log in with one. Raises InvalidArgument."""
        if not name:
            raise InvalidArgument("Cannot create a user with an empty name")
        if hashing_algorithm not in HASHES:
            raise InvalidArgument(f"{hashing_algorithm} is not a known hashing algorithm; known are {', '.join(HASHES)}")
        if password_hash is not None and not _is_hash(password_hash):
            raise InvalidArgument(f"The password hash of {name} is no base64")
        if password is not None:
            password_hash = hashed(password, hashing_algorithm)
        present = self.users.get(name)
        kept = dict(limits if limits is not None else present.limits if present else {})
        self._commit(
            [UserPut(name=name, password_hash=password_hash or "", hashing_algorithm=hashing_algorithm, tags=list(tags), limits=kept)]
        )

    def delete_user(self, name: str) -> None:
        """With its permissions. Raises NotFound."""
        self.named(name)
        self._commit([UserDeleted(name=name)])
        for told in tuple(self.on_user_deleted):
            told(name)

    def named(self, name: str) -> User:
        user = self.users.get(name)
        if user is None:
            raise NotFound(f"user '{name}' does not exist")
        return user

    def set_user_limit(self, name: str, limit: str, value: object) -> None:
        """Raises NotFound, InvalidArgument."""
        user = self.named(name)
        if limit not in LIMIT_NAMES:
            raise InvalidArgument(f"Unrecognised terms [{{{printed_json(limit)},{printed_json(value)}}}] in user-limits")
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidArgument(f"{limit} should be a number, actually was {printed_json(value)}")
        self._put_limits(user, {**user.limits, limit: value})

    def clear_user_limit(self, name: str, limit: str) -> None:
        user = self.named(name)
        self._put_limits(user, {each: value for each, value in user.limits.items() if each != limit})

    def _put_limits(self, user: User, limits: Mapping[str, int]) -> None:
        self._commit([user_event(user, limits)])

    # Permissions

    def set_permissions(self, user: str, virtual_host: str, *, configure: str, write: str, read: str) -> None:
        """Raises NotFound, InvalidArgument for what is no regular expression."""
        self.named(user)
        self._check_virtual_host(virtual_host)
        for pattern in (configure, write, read):
            check_pattern(pattern)
        self._commit([PermissionsSet(user=user, virtual_host=virtual_host, configure=configure, write=write, read=read)])

    def clear_permissions(self, user: str, virtual_host: str) -> bool:
        """False: there were none."""
        if (user, virtual_host) not in self.permissions:
            return False
        self._commit([PermissionsCleared(user=user, virtual_host=virtual_host)])
        return True

    def set_topic_permissions(self, user: str, virtual_host: str, exchange: str, *, write: str, read: str) -> None:
        self.named(user)
        self._check_virtual_host(virtual_host)
        for pattern in (write, read):
            check_pattern(pattern)
        self._commit([TopicPermissionsSet(user=user, virtual_host=virtual_host, exchange=exchange, write=write, read=read)])

    def clear_topic_permissions(self, user: str, virtual_host: str, exchange: str | None = None) -> bool:
        """Of one exchange, or of all; False: there were none."""
        if (user, virtual_host) not in self.topic_permissions:
            return False
        self._commit([TopicPermissionsCleared(user=user, virtual_host=virtual_host, exchange=exchange)])
        return True

    def virtual_host_deleted(self, name: str) -> None:
        gone: list[Event] = [PermissionsCleared(user=user, virtual_host=host) for user, host in self.permissions if host == name]
        gone += [TopicPermissionsCleared(user=user, virtual_host=host) for user, host in self.topic_permissions if host == name]
        if gone:
            self._commit(gone)

    def _check_virtual_host(self, name: str) -> None:
        if not self._has_virtual_host(name):
            raise NotFound(f"vhost {name} not found")

    # What has happened

    def _apply_user_put(self, event: UserPut) -> None:
        self.version += 1
        self.users[event.name] = User(event.name, tuple(event.tags), event.password_hash, event.hashing_algorithm, event.limits)

    def _apply_user_deleted(self, event: UserDeleted) -> None:
        self.version += 1
        del self.users[event.name]
        for key in [key for key in self.permissions if key[0] == event.name]:
            del self.permissions[key]
        for key in [key for key in self.topic_permissions if key[0] == event.name]:
            del self.topic_permissions[key]

    def _apply_permissions_set(self, event: PermissionsSet) -> None:
        self.version += 1
        self.permissions[event.user, event.virtual_host] = Permissions(event.configure, event.write, event.read)

    def _apply_permissions_cleared(self, event: PermissionsCleared) -> None:
        self.version += 1
        self.permissions.pop((event.user, event.virtual_host), None)

    def _apply_topic_permissions_set(self, event: TopicPermissionsSet) -> None:
        self.version += 1
        of_exchange = self.topic_permissions.setdefault((event.user, event.virtual_host), {})
        of_exchange[event.exchange or DEFAULT_EXCHANGE_ALIAS] = TopicPermissions(event.write, event.read)

    def _apply_topic_permissions_cleared(self, event: TopicPermissionsCleared) -> None:
        self.version += 1
        key = (event.user, event.virtual_host)
        if event.exchange is not None:
            self.topic_permissions.get(key, {}).pop(event.exchange, None)
        if event.exchange is None or not self.topic_permissions.get(key):
            self.topic_permissions.pop(key, None)

    def state_events(self) -> Iterator[Event]:
        for user in self.users.values():
            yield user_event(user, user.limits)
        for (name, virtual_host), granted in self.permissions.items():
            yield PermissionsSet(user=name, virtual_host=virtual_host, configure=granted.configure, write=granted.write, read=granted.read)
        for (name, virtual_host), of_exchange in self.topic_permissions.items():
            for exchange, topics in of_exchange.items():
                yield TopicPermissionsSet(user=name, virtual_host=virtual_host, exchange=exchange, write=topics.write, read=topics.read)


def user_event(user: User, limits: Mapping[str, int]) -> UserPut:
    return UserPut(
        name=user.name,
        password_hash=user.password_hash,
        hashing_algorithm=user.hashing_algorithm,
        tags=list(user.tags),
        limits=dict(limits),
    )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def matches(pattern: str, name: str) -> bool:
    """Somewhere in the name, as RabbitMQ looks; the empty pattern matches the empty name only."""
    return not name if not pattern else _compiled(pattern).search(name) is not None


def check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise InvalidArgument(f"{pattern!r} is no regular expression: {error}") from None


# Passwords


def hashed(password: str, hashing_algorithm: str = DEFAULT_HASHING, salt: bytes | None = None) -> str:
    salt = os.urandom(4) if salt is None else salt
    digest = hashlib.new(HASHES[hashing_algorithm], salt + password.encode("utf-8", "surrogateescape")).digest()
    return base64.b64encode(salt + digest).decode()


def password_matches(password_hash: str, hashing_algorithm: str, password: str) -> bool:
    salt = base64.b64decode(password_hash)[:4]
    return hmac.compare_digest(hashed(password, hashing_algorithm, salt), password_hash)


def _is_hash(text: str) -> bool:
    try:
        return not text or len(base64.b64decode(text, validate=True)) > 4
    except ValueError:
        return False
