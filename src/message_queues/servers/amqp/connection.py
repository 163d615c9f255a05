"""One AMQP 0-9-1 connection."""

import asyncio
from typing import TYPE_CHECKING

from message_queues.records.field_table import FieldTable
from message_queues.servers.amqp.channel import AmqpChannel

if TYPE_CHECKING:
    from message_queues.servers.amqp.listener import AmqpListener


class AmqpConnection(asyncio.Protocol):
    def __init__(self, listener: "AmqpListener", is_tls: bool = False) -> None:
        self.listener = listener
        self.broker = listener.broker
        self.limits = listener.limits
        self.is_tls = is_tls
        self.name = ""
        """ "127.0.0.1:50000 -> 127.0.0.1:5672"."""
        self.peer_host = ""
        self.peer_port = 0
        self.host = ""
        self.port = 0
        self.tls: dict[str, str] = {}
        """Of a TLS connection: ssl_protocol, ssl_cipher, ssl_key_exchange, ssl_hash, peer_cert_subject, peer_cert_issuer,
        peer_cert_validity."""
        self.state = "starting"
        """starting, securing, tuning, opening, running, blocked, closing, closed: RabbitMQ's words."""
        self.user_name = ""
        self.virtual_host_name = ""
        self.client_properties: FieldTable = {}
        self.user_provided_name: str | None = None
        self.auth_mechanism = ""
        self.channel_max = listener.limits.channel_max
        self.frame_max = listener.limits.frame_max
        self.heartbeat_s = 0
        self.connected_at_ms = 0
        self.received_bytes = 0
        self.received_count = 0
        """How often data came."""
        self.sent_bytes = 0
        self.sent_count = 0
        self.channels: dict[int, AmqpChannel] = {}

    @property
    def unsent_bytes(self) -> int:
        """What the client has not taken yet."""
        return 0

    def close(self, reason: str) -> None:
        """connection.close 320: "CONNECTION_FORCED - reason"."""
        raise NotImplementedError

    def abort(self) -> None:
        raise NotImplementedError
