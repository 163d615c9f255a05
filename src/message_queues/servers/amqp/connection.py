"""One AMQP 0-9-1 connection: bytes in, methods handled in order, everything that is to be said out in one write per turn (output.py).

    state      waits for
    pre_init   the protocol header
    starting … opening: see handshake.py
    running    methods of any channel
    blocked    an end of the alarms; it publishes, and nothing is read from it meanwhile
    closed     connection.close-ok, or the end of the client's patience; everything else is ignored

What a client may pile up is bounded: messages it has not read (it gets no more), replies it has not read (it is read no further),
frames and messages by their sizes, channels, consumers and unacknowledged deliveries by their numbers.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from pamqp import commands

from message_queues.broker.clock import Timer
from message_queues.errors import (
    AccessRefused,
    ChannelError,
    ConnectionForced,
    InternalFailure,
    MessageQueuesError,
    NotAllowed,
    UnexpectedFrame,
)
from message_queues.protocols.amqp.deliveries import HEARTBEAT, method_frame
from message_queues.protocols.amqp.events import Kind
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER, FrameReader
from message_queues.records.field_table import FieldTable
from message_queues.servers.amqp.authentication import Peer
from message_queues.servers.amqp.blame import blamed
from message_queues.servers.amqp.channel import AmqpChannel
from message_queues.servers.amqp.consuming import ChannelConsumer
from message_queues.servers.amqp.ends import Ends
from message_queues.servers.amqp.handshake import PRE_INIT, RUNNING, SECURING, STARTING, TUNING, Handshake
from message_queues.servers.amqp.heartbeats import Heartbeats
from message_queues.servers.amqp.output import Output
from message_queues.servers.amqp.tls import login_name, tls_facts
from message_queues.servers.error_map import amqp_code, amqp_reply_text

if TYPE_CHECKING:
    from message_queues.broker.access import User
    from message_queues.broker.queues.virtual_host import VirtualHost
    from message_queues.servers.amqp.listener import AmqpListener

logger = logging.getLogger(__name__)

BLOCKED = "blocked"
CLOSED = "closed"

SILENT_STATES = frozenset({PRE_INIT, STARTING, SECURING})
"""Whoever goes wrong in them is not told why."""

PUBLISH, ACK, NACK, REJECT, METHOD = Kind.PUBLISH, Kind.ACK, Kind.NACK, Kind.REJECT, Kind.METHOD


class AmqpConnection(asyncio.Protocol):
    def __init__(self, listener: "AmqpListener", is_tls: bool = False) -> None:
        limits = listener.limits
        self.listener = listener
        self.broker = listener.broker
        self.limits = limits
        self.is_tls = is_tls
        self.name = ""
        """ "127.0.0.1:50000 -> 127.0.0.1:5672"."""
        self.ends = Ends()
        self.tls: dict[str, str] = {}
        """Of a TLS connection: ssl_protocol, ssl_cipher, peer_cert_subject, peer_cert_issuer, peer_cert_validity …"""
        self._may_show_certificate = False
        self._certificate_name: str | None = None
        self.state = PRE_INIT
        self.user: User
        """From `tuning` on."""
        self.virtual_host: VirtualHost | None = None
        """From `running` on."""
        self.client_properties: FieldTable = {}
        self.capabilities: FieldTable = {}
        """The client's."""
        self.user_provided_name: str | None = None
        self.auth_mechanism = ""
        self.channel_max = limits.channel_max
        self.frame_max = limits.frame_max
        self.heartbeat_s = 0
        self.connected_at_ms = 0
        self.received_ms = 0
        self.received_bytes = 0
        self.received_count = 0
        """How often data came."""
        self.sent_bytes = 0
        self.sent_count = 0
        self.channels: dict[int, AmqpChannel] = {}
        self.consumers: dict[ChannelConsumer, None] = {}
        """Of all channels, in the order in which they began."""
        self.takes = True
        """The client takes what it is given; otherwise it gets no deliveries."""
        self.most_turn_bytes = limits.turn_bytes
        self._call_soon = asyncio.get_running_loop().call_soon
        self.output = Output(listener.broker.group_commit, self._call_soon, self._put_out, self._was_not_stored)
        self._clock = listener.broker.clock
        self._reader = FrameReader(listener.initial_frame_max, listener.max_message_bytes)
        self._reader.refuses_wrong_sizes = listener.broker.rabbit_version.refuses_wrong_sizes
        self._handshake = Handshake(self)
        self._heartbeats: Heartbeats | None = None
        self._deadline: Timer | None = None
        """Of the handshake, and of the client's goodbye."""
        self._next_consumer = 0
        self._is_writable = True
        self._is_reading = True
        self._postponed: list[Any] = []
        """What the client has said that is not looked at before the answers to what it said earlier have left."""
        self._is_overwhelmed = False
        self._is_told_blocked = False
        self._is_ended = False
        self._is_lost = False
        self._transport: asyncio.Transport

    @property
    def user_name(self) -> str:
        return self.user.name if hasattr(self, "user") else ""

    @property
    def virtual_host_name(self) -> str:
        return self.virtual_host.name if self.virtual_host is not None else ""

    @property
    def unsent_bytes(self) -> int:
        """What the client has not taken yet."""
        return 0 if self._is_lost else self._transport.get_write_buffer_size()

    @property
    def takes_replies(self) -> bool:
        """It has not let replies pile up."""
        return self._is_writable or self.unsent_bytes < self.limits.reply_buffer_bytes

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport without being one.
        self._transport = cast(asyncio.Transport, transport)
        self.ends = Ends.of(transport.get_extra_info("peername"), transport.get_extra_info("sockname"))
        self.name = str(self.ends)
        self.connected_at_ms = self.received_ms = self._clock.now_ms()
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.tls = tls_facts(tls)
            self._may_show_certificate = tls.context.verify_mode != ssl.CERT_NONE
            self._certificate_name = login_name(tls, self.limits.tls_login_from)
        if not self.listener.admit(self):
            self._is_ended = True
            self._transport.abort()
            return
        most = self.limits.write_buffer_bytes
        self._transport.set_write_buffer_limits(most, most // 4)
        self._deadline = self.listener.patience.after(self.limits.handshake_timeout_ms, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self.output.stop()
        self.takes = False
        self._postponed = []
        if self._deadline is not None:
            self._deadline.cancel()
        self._end()
        self.listener.dismiss(self)

    def pause_writing(self) -> None:
        self._is_writable = False
        self.hold()

    def resume_writing(self) -> None:
        self._is_writable = True
        if self._is_overwhelmed:
            self._is_overwhelmed = False
            self._read_or_not()
            self._go_on()
        self._release()

    def eof_received(self) -> bool:
        return False

    # Bytes in

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        self.received_count += 1
        self.received_ms = self._clock.now_ms()
        events: Iterable[Any] = self._reader.receive_data(data)
        if self._postponed:
            self._postponed.extend(events)
        else:
            self._take_in(iter(events))

    def _take_in(self, events: Iterator[Any]) -> None:
        channels = self.channels
        has_published = False
        for event in events:
            kind = event.kind
            channel = None
            try:
                if kind <= REJECT:
                    channel = channels.get(event.channel)
                    if channel is None or not channel.is_open:
                        self._receive_unopened(event)
                    elif kind == PUBLISH:
                        has_published = True
                        channel.publishing.publish(event.method, event.properties, event.body, event.size)
                    elif kind == ACK:
                        channel.deliveries.acknowledge(event.delivery_tag, event.multiple)
                    else:
                        channel.nack(event.delivery_tag, event.multiple, event.requeue, kind == REJECT)
                else:
                    self._receive(event)
                    if self.output.turn_bytes >= self.limits.reply_buffer_bytes:
                        # Many basic.get in few bytes: their answers would be more than memory holds.
                        self._postponed = list(events)
                        self._read_or_not()
                        break
            except MessageQueuesError as error:
                self._failed(event, error)
            except Exception as error:
                logger.exception("a method failed", extra={"connection": self.name, "user": self.user_name})
                self._failed(event, error)
        if has_published and self.broker.alarms.active:
            self._block()

    def _go_on(self) -> None:
        """With what was postponed until the answers before it have left."""
        if self._is_overwhelmed or not self._postponed or self.output.turn_bytes >= self.limits.reply_buffer_bytes:
            return
        events, self._postponed = self._postponed, []
        self._take_in(iter(events))
        self._read_or_not()

    def _receive(self, event: Any) -> None:
        """All but contents and acknowledgements."""
        if event.kind == METHOD:
            if self.state == CLOSED:
                self._receive_closed(event)
            elif event.channel:
                self._receive_on_channel(event.channel, event.method)
            else:
                self._receive_on_connection(event.method)
        elif event.kind == Kind.PROTOCOL_HEADER:
            self._receive_protocol_header(event.is_supported)
        elif event.kind == Kind.VIOLATION and self.state != CLOSED:
            if event.error is None:
                logger.warning("connection closed: no such method, or arguments that cannot be read", extra={"connection": self.name})
                self.abort()
            else:
                raise event.error

    def _receive_protocol_header(self, is_supported: bool) -> None:
        if not is_supported:
            # AMQP 0-9-1 4.2.2: "the server MUST … write a protocol header with the version that it supports … and close the socket".
            self._write(PROTOCOL_HEADER)
            self._close_later()
            return
        self._handshake.start(Peer(self.ends.peer_host, self._may_show_certificate, self._certificate_name))

    def _receive_on_connection(self, method: Any) -> None:
        if self.state not in (RUNNING, BLOCKED):
            self._handshake.receive(method)
        elif type(method) is commands.Connection.Close:
            self._end()
            self.state = CLOSED
            self.send_method(0, commands.Connection.CloseOk())
            self._expect_the_end()
        elif type(method) is commands.Connection.UpdateSecret:
            # Passwords do not expire, so that a new one changes nothing.
            self.send_method(0, commands.Connection.UpdateSecretOk())
        else:
            raise ChannelError(f"unexpected method in connection state {self.state}")

    def _receive_on_channel(self, number: int, method: Any) -> None:
        if self.virtual_host is None:
            raise UnexpectedFrame("a method on a channel of a connection that is not open")
        channel = self.channels.get(number)
        if channel is None:
            channel = self._open_channel(number, self.virtual_host)
        channel.receive(method)

    def _receive_unopened(self, event: Any) -> None:
        """A content or an acknowledgement on a channel that is not open."""
        if self.state == CLOSED:
            return
        if not event.channel:
            raise ChannelError(f"unexpected method in connection state {self.state}")
        if self.virtual_host is None:
            raise UnexpectedFrame("a method on a channel of a connection that is not open")
        channel = self.channels.get(event.channel)
        if channel is None:
            raise ChannelError("expected 'channel.open'")

    def _receive_closed(self, event: Any) -> None:
        if event.channel == 0:
            if type(event.method) is commands.Connection.CloseOk:
                self._close_socket()
            elif type(event.method) is commands.Connection.Close:
                self.send_method(0, commands.Connection.CloseOk())

    # Channels

    def _open_channel(self, number: int, virtual_host: "VirtualHost") -> AmqpChannel:
        count = len(self.channels)
        if self.channel_max and count >= self.channel_max:
            raise NotAllowed(f"number of channels opened ({count}) has reached the negotiated channel_max ({self.channel_max})")
        self.listener.check_channel_limits(self.user)
        channel = self.channels[number] = AmqpChannel(self, virtual_host, number)
        self.listener.channels_opened += 1
        return channel

    def forget_channel(self, channel: AmqpChannel) -> None:
        del self.channels[channel.number]
        self.listener.channel_closed(self.virtual_host_name, channel.counters)

    def channel_failed(self, channel: AmqpChannel, error: Exception, class_id: int, method_id: int) -> None:
        logger.info("channel closed", extra={"connection": self.name, "channel": channel.number, "reason": str(error)})
        channel.fail(amqp_code(error).number, amqp_reply_text(error), class_id, method_id)

    # The handshake

    def tuned(self, channel_max: int, frame_max: int, heartbeat_s: int) -> None:
        self.channel_max, self.frame_max, self.heartbeat_s = channel_max, frame_max, heartbeat_s
        self._reader.frame_max = frame_max
        self._heartbeats = Heartbeats(self.listener.patience, heartbeat_s, self, self._beat, self._missed)

    def opened(self, virtual_host: "VirtualHost") -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self.virtual_host = virtual_host
        self.state = RUNNING
        self.send_method(0, commands.Connection.OpenOk())

    def _beat(self) -> None:
        if not self._is_lost and self.state != CLOSED:
            self._write(HEARTBEAT)

    def _missed(self) -> None:
        logger.warning("connection closed: missed heartbeats from client", extra={"connection": self.name, "timeout_s": self.heartbeat_s})
        self.abort()

    # Alarms

    def alarms_changed(self) -> None:
        if self.state == BLOCKED and not self.broker.alarms.active:
            self.state = RUNNING
            self._read_or_not()
            if self._is_told_blocked:
                self._is_told_blocked = False
                self.send_method(0, commands.Connection.Unblocked())

    def _block(self) -> None:
        """It publishes while there is no room: nothing more is read from it until there is."""
        if self.state != RUNNING:
            return
        self.state = BLOCKED
        self._read_or_not()
        if self.capabilities.get("connection.blocked") is True:
            self._is_told_blocked = True
            self.send_method(0, commands.Connection.Blocked(self.broker.alarms.reason))

    def _read_or_not(self) -> None:
        is_reading = self.state != BLOCKED and not self._is_overwhelmed and not self._postponed
        if is_reading == self._is_reading or self._is_lost:
            return
        self._is_reading = is_reading
        if self._heartbeats is not None:
            self._heartbeats.is_paused = not is_reading
        if is_reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # What is said

    def send_method(self, channel: int, method: Any) -> None:
        self.output.say(method_frame(channel, method))

    def _was_not_stored(self) -> bool:
        if self.state == CLOSED:
            return False
        self._close_because(InternalFailure("what was to be stored could not be"), 0, 0)
        return True

    def _put_out(self, data: bytes) -> None:
        self._write(data)
        if not self._is_writable and self.unsent_bytes > self.limits.reply_buffer_bytes:
            self._is_overwhelmed = True
            self._read_or_not()
        if not self.takes and self._is_writable and not self._is_ended:
            self._release()
        if self._postponed:
            self._call_soon(self._go_on)

    def _write(self, data: bytes) -> None:
        self.sent_bytes += len(data)
        self.sent_count += 1
        self._transport.write(data)

    # The consumers' share of it

    def hold(self) -> None:
        """Nobody on this connection gets anything until the client has taken what there is."""
        if self.takes:
            self.takes = False
            for consumer in self.consumers:
                consumer.can_take = False

    def _release(self) -> None:
        """Consumers go on, beginning with the one after which the last turn was full."""
        if self._is_ended or self._is_lost or not self._is_writable or self.output.turn_bytes >= self.most_turn_bytes:
            return
        self.takes = True
        consumers = list(self.consumers)
        first = self._next_consumer % len(consumers) if consumers else 0
        for index, consumer in enumerate(consumers[first:] + consumers[:first], first + 1):
            consumer.refresh()
            if not self.takes:
                self._next_consumer = index
                return

    # Closing

    def close(self, reason: str) -> None:
        """connection.close 320: "CONNECTION_FORCED - reason"."""
        if self.state in (RUNNING, BLOCKED):
            self._close_because(ConnectionForced(reason), 0, 0)
        elif self.state != CLOSED:
            self.abort()

    def abort(self) -> None:
        self._end()
        if not self._is_lost:
            self._transport.abort()

    def _failed(self, event: Any, error: Exception) -> None:
        class_id, method_id = blamed(event, error)
        number = getattr(event, "channel", 0)
        channel = self.channels.get(number)
        if channel is not None and not amqp_code(error).closes_connection:
            self.channel_failed(channel, error, class_id, method_id)
        elif self.state in SILENT_STATES or (self.state == TUNING and not isinstance(error, NotAllowed)):
            self._refuse(error)
        elif self.state != CLOSED:
            self._close_because(error, class_id, method_id)
            if event.kind == Kind.VIOLATION:
                # Where frames cannot be told apart any more, the answer is not read either.
                self._expect_the_end(self.limits.refusal_delay_ms)

    def _refuse(self, error: Exception) -> None:
        """It has not logged in: it is not told what was wrong, and kept waiting, lest it try too often."""
        logger.warning("login refused", extra={"connection": self.name, "reason": str(error)})
        if isinstance(error, AccessRefused) and self._handshake.is_told_of_refusals:
            said = f"Login was refused using authentication mechanism {self.auth_mechanism}. For details see the broker logfile."
            told = AccessRefused(said)
            self.send_method(0, commands.Connection.Close(amqp_code(told).number, amqp_reply_text(told), 0, 0))
        self._close_later()

    def _close_later(self) -> None:
        self.state = CLOSED
        self._expect_the_end(self.limits.refusal_delay_ms)

    def _close_because(self, error: Exception, class_id: int, method_id: int) -> None:
        logger.warning("connection closed", extra={"connection": self.name, "user": self.user_name, "reason": str(error)})
        self._end()
        self.state = CLOSED
        self._is_overwhelmed = False
        self._read_or_not()
        self.send_method(0, commands.Connection.Close(amqp_code(error).number, amqp_reply_text(error), class_id, method_id))
        self._expect_the_end()

    def _expect_the_end(self, delay_ms: int | None = None) -> None:
        """The client answers connection.close, or closes the socket; if it takes too long, it is closed here."""
        if delay_ms is None:
            delay_ms = self.limits.closing_timeout_ms
            if self.heartbeat_s:
                delay_ms = min(delay_ms, self.heartbeat_s * 1000)
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.listener.patience.after(delay_ms, self._close_socket)

    def _close_socket(self) -> None:
        if not self._is_lost:
            self._transport.close()

    def _end(self) -> None:
        """Consumers stop, unacknowledged messages go back, exclusive queues are deleted: once, however it ends."""
        if self._is_ended:
            return
        self._is_ended = True
        self.takes = False
        if self._heartbeats is not None:
            self._heartbeats.stop()
        channels = tuple(self.channels.values())
        # First all stop: none shall be given what another gives back.
        for channel in channels:
            channel.stop_consumers()
        for channel in channels:
            channel.publishing.settle_place()
            channel.give_back()
        for channel in channels:
            self.forget_channel(channel)
        if self.virtual_host is not None:
            self.virtual_host.connection_closed(self)
