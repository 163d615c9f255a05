"""How a connection comes to run: start, log in, tune, open. What each state waits for is in the table below.

    state      waits for                         leads to
    starting   connection.start-ok               securing, tuning
    securing   connection.secure-ok              tuning
    tuning     connection.tune-ok                opening
    opening    connection.open                   running

A client that fails before `tuning` is not told why (as RabbitMQ does, lest it learns by trying), unless its login was refused and it has
the capability `authentication_failure_close`; then it waits for the refusal delay before the socket is closed.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pamqp import commands

from message_queues.errors import ChannelError, NotAllowed
from message_queues.servers.amqp.arguments import table
from message_queues.servers.amqp.authentication import Authentication, Peer
from message_queues.servers.amqp.server_properties import server_properties

if TYPE_CHECKING:
    from message_queues.servers.amqp.connection import AmqpConnection

PRE_INIT = "pre_init"
"""Waits for the protocol header."""
STARTING = "starting"
SECURING = "securing"
TUNING = "tuning"
OPENING = "opening"
RUNNING = "running"

CHANNEL_MIN = 1


class Handshake:
    def __init__(self, connection: "AmqpConnection") -> None:
        self._connection = connection
        self._broker = connection.broker
        self._version = connection.broker.rabbit_version
        self._authentication = Authentication(connection.broker.access, self._version.offers_anonymous, connection.limits.loopback_users)
        self.is_told_of_refusals = False
        """The client's capability authentication_failure_close."""

    def start(self, peer: Peer) -> None:
        """The protocol header was right."""
        self._peer = peer
        self._connection.state = STARTING
        properties: Any = server_properties(self._version.message_string, self._connection.listener.cluster_name)
        self._connection.send_method(
            0,
            commands.Connection.Start(
                0,
                9,
                properties,
                " ".join(self._authentication.mechanisms(peer)),
                "en_US",
            ),
        )

    def receive(self, method: Any) -> None:
        expected = EXPECTED[self._connection.state].get(type(method))
        if expected is None:
            raise ChannelError(f"unexpected method in connection state {self._connection.state}")
        expected(self, method)

    def _start_ok(self, method: commands.Connection.StartOk) -> None:
        connection = self._connection
        connection.client_properties = properties = table(method.client_properties)
        capabilities = properties.get("capabilities")
        connection.capabilities = table(capabilities)
        self.is_told_of_refusals = connection.capabilities.get("authentication_failure_close") is True
        name = properties.get("connection_name")
        connection.user_provided_name = name if isinstance(name, str) else None
        connection.auth_mechanism = method.mechanism
        connection.user = self._authentication.log_in(method.mechanism, octets(method.response), self._peer)
        self._tune()

    def _secure_ok(self, method: commands.Connection.SecureOk) -> None:
        # No mechanism here asks a question, so no client can be in this state.
        raise ChannelError(f"unexpected method in connection state {self._connection.state}")

    def _tune(self) -> None:
        limits = self._connection.limits
        self._connection.state = TUNING
        self._connection.send_method(0, commands.Connection.Tune(limits.channel_max, limits.frame_max, limits.heartbeat_s))

    def _tune_ok(self, method: commands.Connection.TuneOk) -> None:
        limits = self._connection.limits
        check_tuned("frame_max", self._version.frame_min_size, limits.frame_max, method.frame_max)
        check_tuned("channel_max", CHANNEL_MIN, limits.channel_max, method.channel_max)
        self._connection.tuned(method.channel_max, method.frame_max, method.heartbeat)
        self._connection.state = OPENING

    def _open(self, method: commands.Connection.Open) -> None:
        connection, name = self._connection, method.virtual_host
        connection.listener.check_connection_limits(connection.user, name)
        self._broker.access.check_virtual_host(connection.user, name)
        connection.opened(self._broker.virtual_hosts[name])


def octets(response: bytes | str) -> bytes:
    return response if isinstance(response, bytes) else response.encode("utf-8", "surrogateescape")


EXPECTED: dict[str, dict[type, Callable[[Handshake, Any], None]]] = {
    STARTING: {commands.Connection.StartOk: Handshake._start_ok},
    SECURING: {commands.Connection.SecureOk: Handshake._secure_ok},
    TUNING: {commands.Connection.TuneOk: Handshake._tune_ok},
    OPENING: {commands.Connection.Open: Handshake._open},
}


def check_tuned(name: str, least: int, most: int, value: int) -> None:
    """0 stands for no limit, which is more than any; `most` may be 0, too."""
    if value and value < least:
        raise NotAllowed(f"negotiated {name} = {value} is lower than the minimum allowed value ({least})")
    if most and (value == 0 or value > most):
        unlimited = " (no limit)" if name == "channel_max" and not value else ""
        raise NotAllowed(f"negotiated {name} = {value}{unlimited} is higher than the maximum allowed value ({most})")
