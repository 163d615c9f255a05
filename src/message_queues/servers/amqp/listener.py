"""Where AMQP clients connect: what their connections share, and what they have done together."""

from typing import TYPE_CHECKING

from message_queues.broker.broker import Broker
from message_queues.broker.clock import Timers
from message_queues.errors import NotAllowed
from message_queues.servers.amqp.connection import AmqpConnection
from message_queues.servers.amqp.counters import ChannelCounters
from message_queues.servers.amqp.direct_reply import Replies
from message_queues.servers.amqp.limits import AmqpLimits
from message_queues.servers.amqp.node_name import NODE_NAME

if TYPE_CHECKING:
    from message_queues.broker.access import User

SPARE_CONNECTIONS = 100
"""Beyond the limit, so that those who come too late can be told."""


class AmqpListener:
    """One for all ports of a server; `connection` is the factory of its protocols."""

    def __init__(self, broker: Broker, limits: AmqpLimits | None = None, patience: Timers | None = None) -> None:
        version = broker.rabbit_version
        self.broker = broker
        self.limits = limits or AmqpLimits()
        self.patience = patience or broker.patience
        """Heartbeats and time-outs of clients: real time, even where the broker's clock is set by hand."""
        self.max_message_bytes = self.limits.max_message_bytes or version.max_message_bytes
        self.initial_frame_max = version.initial_frame_max
        """Until a client has tuned its connection."""
        self.connections: dict[str, AmqpConnection] = {}
        """By name, from the moment the socket is open."""
        self.replies = Replies()
        self.closed_channels = ChannelCounters()
        """What channels have done that are closed; `totals` adds the open ones."""
        self.closed_channels_of: dict[str, ChannelCounters] = {}
        """The same by virtual host."""
        self.connections_opened = 0
        self.connections_closed = 0
        self.channels_opened = 0
        self.channels_closed = 0
        broker.alarms.on_change.append(self._alarms_changed)
        broker.access.on_user_deleted.append(self._user_deleted)
        broker.virtual_hosts.on_deleted.append(self._virtual_host_deleted)
        broker.virtual_hosts.on_changed.append(self._virtual_host_changed)

    def connection(self) -> AmqpConnection:
        return AmqpConnection(self)

    def tls_connection(self) -> AmqpConnection:
        return AmqpConnection(self, is_tls=True)

    @property
    def cluster_name(self) -> str:
        return str(self.broker.parameters.global_value("cluster_name") or NODE_NAME)

    def totals(self) -> ChannelCounters:
        total = ChannelCounters()
        total.add(self.closed_channels)
        for connection in self.connections.values():
            for channel in connection.channels.values():
                total.add(channel.counters)
        return total

    def channel_closed(self, virtual_host_name: str, counters: ChannelCounters) -> None:
        self.channels_closed += 1
        self.count_closed(virtual_host_name, counters)

    def count_closed(self, virtual_host_name: str, counters: ChannelCounters) -> None:
        """Also of what was done as if on a channel."""
        self.closed_channels.add(counters)
        self.closed_channels_of.setdefault(virtual_host_name, ChannelCounters()).add(counters)

    def close(self, reason: str) -> None:
        """Every client is told why, and has a moment to say goodbye."""
        for connection in tuple(self.connections.values()):
            connection.close(reason)

    def abort(self) -> None:
        for connection in tuple(self.connections.values()):
            connection.abort()

    def close_those_of_user(self, name: str, reason: str) -> None:
        for connection in tuple(self.connections.values()):
            if connection.user_name == name:
                connection.close(reason)

    def close_those_of_virtual_host(self, name: str, reason: str) -> None:
        for connection in tuple(self.connections.values()):
            if connection.virtual_host_name == name:
                connection.close(reason)

    # What connections tell and ask

    def admit(self, connection: AmqpConnection) -> bool:
        """False: there are far too many to tell this one so."""
        if len(self.connections) >= self.limits.max_connections + SPARE_CONNECTIONS:
            return False
        self.connections[connection.name] = connection
        self.connections_opened += 1
        return True

    def dismiss(self, connection: AmqpConnection) -> None:
        if self.connections.get(connection.name) is connection:
            del self.connections[connection.name]
            self.connections_closed += 1

    def check_connection_limits(self, user: "User", virtual_host_name: str) -> None:
        """Of the server, of the virtual host and of the user, before a connection of theirs is opened."""
        open_ones = [each for each in self.connections.values() if each.virtual_host is not None]
        if len(open_ones) >= self.limits.max_connections:
            raise NotAllowed(f"connection refused: node connection limit ({self.limits.max_connections}) is reached")
        limit = self.broker.virtual_hosts.connection_limit(virtual_host_name)
        if limit is not None and sum(each.virtual_host_name == virtual_host_name for each in open_ones) >= limit:
            raise NotAllowed(f"access to vhost '{virtual_host_name}' refused for user '{user.name}': connection limit ({limit}) is reached")
        limit = self._user_limit(user, "max-connections")
        if limit is not None and limit <= sum(each.user_name == user.name for each in open_ones):
            raise NotAllowed(f"connection refused for user '{user.name}': user connection limit ({limit}) is reached")

    def check_channel_limits(self, user: "User") -> None:
        limit = self._user_limit(user, "max-channels")
        if limit is None:
            return
        opened = sum(len(each.channels) for each in self.connections.values() if each.user_name == user.name)
        if opened >= limit:
            raise NotAllowed(f"number of channels opened for user '{user.name}' has reached the maximum allowed user limit of {limit}")

    def _user_limit(self, user: "User", name: str) -> int | None:
        """As it is now, not as it was when the user logged in."""
        limit = self.broker.access.users.get(user.name, user).limits.get(name)
        return limit if limit is not None and limit >= 0 else None

    def _user_deleted(self, name: str) -> None:
        self.close_those_of_user(name, f"user '{name}' is deleted")

    def _virtual_host_deleted(self, name: str) -> None:
        self.close_those_of_virtual_host(name, f"vhost '{name}' is deleted")

    def _virtual_host_changed(self, name: str) -> None:
        for connection in self.connections.values():
            if connection.virtual_host_name == name:
                for channel in connection.channels.values():
                    channel.trace_or_not()

    def _alarms_changed(self) -> None:
        for connection in tuple(self.connections.values()):
            connection.alarms_changed()
