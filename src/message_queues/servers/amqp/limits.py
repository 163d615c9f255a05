"""What an AMQP client may do, and have at most; the values of the server's settings."""

from dataclasses import dataclass

from message_queues.servers.amqp.tls import DISTINGUISHED_NAME

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AmqpLimits:
    heartbeat_s: int = 60
    """Suggested to clients; they decide. 0: none."""
    channel_max: int = 2047
    frame_max: int = 131_072
    max_message_bytes: int = 0
    """0: what the RabbitMQ version has."""
    max_connections: int = 10_000
    max_consumers_per_channel: int = 100_000
    max_unacknowledged: int = 1_000_000
    """Deliveries of one channel that wait for an acknowledgement; beyond it the channel gets nothing more."""
    max_transaction_bytes: int = 256 * MEGABYTE
    """Bodies that one uncommitted transaction may hold."""
    turn_bytes: int = 256 * 1024
    """Deliveries to one connection that are made before they are handed to the operating system."""
    write_buffer_bytes: int = 512 * 1024
    """What a client has not read yet, beyond which it gets no deliveries."""
    reply_buffer_bytes: int = 16 * MEGABYTE
    """What a client has not read yet, replies included, beyond which nothing more is read from it."""
    loopback_users: frozenset[str] = frozenset({"guest"})
    """They may log in from this machine only."""
    tls_login_from: str = DISTINGUISHED_NAME
    """What of a client's certificate is the name of its user."""
    handshake_timeout_ms: int = 10_000
    closing_timeout_ms: int = 30_000
    """How long a client may take to answer connection.close."""
    refusal_delay_ms: int = 3_000
    """A client that could not log in, or sent what is no frame, is kept waiting before the socket is closed."""
