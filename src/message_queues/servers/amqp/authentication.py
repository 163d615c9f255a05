"""SASL mechanisms: PLAIN, AMQPLAIN, ANONYMOUS (from RabbitMQ 4.0 on), and EXTERNAL where the client shows a certificate.

A refusal is AccessRefused with RabbitMQ's words, which the client never hears: it is told the mechanism alone.
Some users (`guest`, where nothing else is said) come in from the same machine only.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from message_queues.errors import AccessRefused, CommandInvalid, MessageQueuesError, SyntaxRefused
from message_queues.records.field_table import read_table

if TYPE_CHECKING:
    from message_queues.broker.access import Access, User

PLAIN = "PLAIN"
AMQPLAIN = "AMQPLAIN"
ANONYMOUS = "ANONYMOUS"
EXTERNAL = "EXTERNAL"

ANONYMOUS_USER = "guest"


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of a client before it says who it is."""

    host: str
    may_show_certificate: bool = False
    """The server has asked for one: a client that is offered EXTERNAL in vain takes it all the same, and is refused."""
    certificate_name: str | None = None
    """The user that its certificate names; None: it has shown none."""


class Authentication:
    def __init__(self, access: "Access", allows_anonymous: bool, loopback_users: frozenset[str]) -> None:
        self._access = access
        self._loopback_users = loopback_users
        self._allows_anonymous = allows_anonymous
        self._mechanisms: dict[str, Callable[[bytes, Peer], User]] = {
            PLAIN: self._plain,
            AMQPLAIN: self._amqplain,
            ANONYMOUS: self._anonymous,
            EXTERNAL: self._external,
        }

    def mechanisms(self, peer: Peer) -> list[str]:
        """What connection.start offers."""
        offered = [AMQPLAIN, PLAIN]
        if self._allows_anonymous:
            offered.append(ANONYMOUS)
        if peer.may_show_certificate:
            offered.append(EXTERNAL)
        return offered

    def log_in(self, mechanism: str, response: bytes, peer: Peer) -> "User":
        """Raises AccessRefused, SyntaxRefused, CommandInvalid."""
        if mechanism not in self._mechanisms:
            raise CommandInvalid(f"unknown authentication mechanism '{mechanism}'")
        if mechanism not in self.mechanisms(peer):
            raise CommandInvalid(f"invalid authentication mechanism '{mechanism}'")
        user = self._mechanisms[mechanism](response, peer)
        if user.name in self._loopback_users and not is_loopback(peer.host):
            raise AccessRefused(f"user '{user.name}' can only connect via localhost")
        return user

    def _plain(self, response: bytes, peer: Peer) -> "User":
        # RFC 4616 without an authorization identity; qpid and RabbitMQ take no other form.
        parts = response.split(b"\0")
        if len(parts) != 3 or parts[0]:
            raise SyntaxRefused("the response of PLAIN is invalid")
        return self._check(parts[1], parts[2])

    def _amqplain(self, response: bytes, peer: Peer) -> "User":
        # The table without its length.
        try:
            table, _ = read_table(len(response).to_bytes(4, "big") + response)
        except MessageQueuesError as error:
            raise SyntaxRefused(f"the response of AMQPLAIN is no table: {error}") from error
        login, password = table.get("LOGIN"), table.get("PASSWORD")
        if login is None or password is None:
            raise SyntaxRefused("AMQPLAIN auth info is missing LOGIN or PASSWORD field")
        if not isinstance(login, str | bytes) or not isinstance(password, str | bytes):
            raise SyntaxRefused("AMQPLAIN auth info uses unsupported type for LOGIN or PASSWORD field")
        return self._check(octets(login), octets(password))

    def _anonymous(self, response: bytes, peer: Peer) -> "User":
        user = self._access.users.get(ANONYMOUS_USER)
        if user is None:
            raise AccessRefused(f"user '{ANONYMOUS_USER}' - invalid credentials")
        return user

    def _external(self, response: bytes, peer: Peer) -> "User":
        if peer.certificate_name is None:
            raise AccessRefused("connection peer presented no TLS (x.509) certificate")
        user = self._access.users.get(peer.certificate_name)
        if user is None:
            raise AccessRefused(f"user '{peer.certificate_name}' - invalid credentials")
        return user

    def _check(self, name: bytes, password: bytes) -> "User":
        return self._access.authenticate(name.decode("utf-8", "surrogateescape"), password.decode("utf-8", "surrogateescape"))


def octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        # A Unix socket has no address, and no other machine reaches it.
        return not host
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
