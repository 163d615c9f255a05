"""Where AMQP clients connect: what their connections share, and what they have done together."""

from message_queues.broker.broker import Broker
from message_queues.broker.clock import Timers
from message_queues.servers.amqp.connection import AmqpConnection
from message_queues.servers.amqp.counters import ChannelCounters
from message_queues.servers.amqp.limits import AmqpLimits


class AmqpListener:
    """One for all ports of a server; `connection` is the factory of its protocols."""

    def __init__(self, broker: Broker, limits: AmqpLimits | None = None, patience: Timers | None = None) -> None:
        self.broker = broker
        self.limits = limits or AmqpLimits()
        self.patience = patience or broker.patience
        """Heartbeats and time-outs of clients: real time, even where the broker's clock is set by hand."""
        self.connections: dict[str, AmqpConnection] = {}
        """By name, from the moment the socket is open."""
        self.closed_channels = ChannelCounters()
        """What channels have done that are closed; `totals` adds the open ones."""
        self.connections_opened = 0
        self.connections_closed = 0
        self.channels_opened = 0
        self.channels_closed = 0

    def connection(self) -> AmqpConnection:
        return AmqpConnection(self)

    def tls_connection(self) -> AmqpConnection:
        return AmqpConnection(self, is_tls=True)

    def totals(self) -> ChannelCounters:
        total = ChannelCounters()
        total.add(self.closed_channels)
        for connection in self.connections.values():
            for channel in connection.channels.values():
                total.add(channel.counters)
        return total

    def close(self, reason: str) -> None:
        """Every client is told why, and has a moment to say goodbye."""
        for connection in tuple(self.connections.values()):
            connection.close(reason)
