"""One AMQP 0-9-1 connection, blocking, over pamqp: it sends what it is told, right or wrong, and shows every frame that comes back."""

import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pamqp import body, commands, frame, header, heartbeat
from pamqp.exceptions import UnmarshalingException

PATIENCE_S = 10.0
QUIET_S = 0.25
"""How long nothing has to come before nothing more is expected."""
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
CAPABILITIES = {
    "consumer_cancel_notify": True,
    "connection.blocked": True,
    "authentication_failure_close": True,
    "basic.nack": True,
    "publisher_confirms": True,
    "exchange_exchange_bindings": True,
}


@dataclass(frozen=True, slots=True)
class Content:
    """A method that carries a message, with the message."""

    method: Any
    properties: commands.Basic.Properties
    body: bytes


CLOSED = "the socket is closed"


class RawClient:
    """Frames by channel; `connect` shakes hands, `RawClient(…)` alone only opens the socket."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._data = b""
        self._arrived: deque[tuple[int, Any]] = deque()
        self._partial: dict[int, tuple[Any, header.ContentHeader, bytes]] = {}
        self.is_closed = False
        self.server_properties: Mapping[str, Any] = {}
        self.tune: commands.Connection.Tune | None = None

    @classmethod
    def connect(cls, host: str, port: int, user: str = "guest", password: str = "guest", virtual_host: str = "/") -> "RawClient":
        client = cls(host, port)
        client.handshake(user, password)
        client.send(0, commands.Connection.Open(virtual_host))
        client.expect(0, commands.Connection.OpenOk)
        return client

    def handshake(
        self,
        user: str = "guest",
        password: str = "guest",
        *,
        heartbeat_s: int = 0,
        frame_max: int = 131072,
        channel_max: int = 2047,
        capabilities: Mapping[str, Any] = CAPABILITIES,
    ) -> None:
        """Up to tune-ok."""
        self.start_ok(f"\0{user}\0{password}", capabilities=capabilities)
        self.tune = self.expect(0, commands.Connection.Tune)
        self.send(0, commands.Connection.TuneOk(channel_max, frame_max, heartbeat_s))

    def start_ok(self, response: str, mechanism: str = "PLAIN", capabilities: Mapping[str, Any] = CAPABILITIES) -> None:
        self.write(PROTOCOL_HEADER)
        start = self.expect(0, commands.Connection.Start)
        self.server_properties = start.server_properties
        properties: Any = {"product": "contract", "capabilities": dict(capabilities)}
        self.send(0, commands.Connection.StartOk(properties, mechanism, response, "en_US"))

    def close(self) -> None:
        self.socket.close()

    # Sending

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send(self, channel: int, method: Any) -> None:
        self.write(frame.marshal(method, channel))

    def publish(
        self,
        channel: int,
        exchange: str,
        routing_key: str,
        content: bytes = b"",
        *,
        mandatory: bool = False,
        immediate: bool = False,
        **properties: Any,
    ) -> None:
        method = commands.Basic.Publish(0, exchange, routing_key, mandatory, immediate)
        head = header.ContentHeader(0, len(content), commands.Basic.Properties(**properties))
        frames = frame.marshal(method, channel) + frame.marshal(head, channel)
        self.write(frames + (frame.marshal(body.ContentBody(content), channel) if content else b""))

    # Receiving

    def open_channel(self, channel: int = 1) -> None:
        self.send(channel, commands.Channel.Open())
        self.expect(channel, commands.Channel.OpenOk)

    def ask(self, channel: int, method: Any) -> Any:
        """The method's answer: its -ok, or what closes the channel or the connection. What comes before it stays to be taken."""
        self.send(channel, method)
        wanted = {name.replace(".", "") for name in method.valid_responses}
        if isinstance(method, commands.Basic.Get):
            wanted = {"BasicGetOk", "BasicGetEmpty"}
        return self.take(channel, lambda arrived: name_of(arrived).replace(".", "") in wanted)

    def expect(self, channel: int, kind: type) -> Any:
        arrived = self.take(channel, lambda each: isinstance(each, kind))
        assert isinstance(arrived, kind), arrived
        return arrived

    def take(self, channel: int, is_wanted: Callable[[Any], bool]) -> Any:
        """The first that is wanted, or an end: a close of the channel or the connection, answered, or CLOSED."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for index, (at, arrived) in enumerate(self._arrived):
                if (at == channel and (is_wanted(arrived) or isinstance(arrived, commands.Channel.Close))) or is_end(arrived):
                    del self._arrived[index]
                    self._answer_close(at, arrived)
                    return arrived
            if self.is_closed:
                return CLOSED
            left = deadline - time.monotonic()
            assert left > 0, f"nothing of what was asked for; there is {list(self._arrived)}"
            self._receive(left)

    def contents(self, channel: int, count: int) -> list[Any]:
        """So many deliveries, returns or get-oks; fewer if the channel or connection ends."""
        taken: list[Any] = []
        while len(taken) < count:
            taken.append(self.take(channel, lambda arrived: isinstance(arrived, Content)))
            if not isinstance(taken[-1], Content):
                break
        return taken

    def everything(self, channel: int | None = None) -> list[Any]:
        """All that has come, once nothing more comes for a moment; heartbeats left out."""
        while not self.is_closed and self._receive(QUIET_S):
            pass
        taken = [(at, each) for at, each in self._arrived if channel is None or at == channel]
        self._arrived = deque((at, each) for at, each in self._arrived if not (channel is None or at == channel))
        for at, each in taken:
            self._answer_close(at, each)
        return [each for _, each in taken if not isinstance(each, heartbeat.Heartbeat)] + ([CLOSED] if self.is_closed else [])

    def some(self, channel: int) -> list[Any]:
        """What has come on a channel, once anything has or a moment is over."""
        if not any(at == channel for at, _ in self._arrived):
            self._receive(QUIET_S)
        taken = [each for at, each in self._arrived if at == channel]
        self._arrived = deque((at, each) for at, each in self._arrived if at != channel)
        return taken

    def _answer_close(self, channel: int, arrived: Any) -> None:
        if isinstance(arrived, commands.Channel.Close):
            self.send(channel, commands.Channel.CloseOk())
        elif isinstance(arrived, commands.Connection.Close) and not self.is_closed:
            try:
                self.send(0, commands.Connection.CloseOk())
            except OSError:
                self.is_closed = True

    def _receive(self, timeout_s: float) -> bool:
        self.socket.settimeout(timeout_s)
        try:
            data = self.socket.recv(1 << 20)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
            return False
        self._data += data
        self._split()
        return True

    def _split(self) -> None:
        while self._data:
            try:
                size, channel, arrived = frame.unmarshal(self._data)
            except UnmarshalingException:
                return
            self._data = self._data[size:]
            self._note(channel, arrived)

    def _note(self, channel: int, arrived: Any) -> None:
        if isinstance(arrived, commands.Basic.Deliver | commands.Basic.Return | commands.Basic.GetOk):
            self._partial[channel] = (arrived, header.ContentHeader(), b"")
            return
        if isinstance(arrived, header.ContentHeader):
            method = self._partial[channel][0]
            self._partial[channel] = (method, arrived, b"")
        elif isinstance(arrived, body.ContentBody):
            method, head, content = self._partial[channel]
            self._partial[channel] = (method, head, content + arrived.value)
        else:
            self._arrived.append((channel, arrived))
            return
        method, head, content = self._partial[channel]
        if len(content) >= head.body_size:
            del self._partial[channel]
            assert isinstance(head.properties, commands.Basic.Properties)
            self._arrived.append((channel, Content(method, head.properties, content)))


def is_end(arrived: Any) -> bool:
    return isinstance(arrived, commands.Connection.Close)


def name_of(arrived: Any) -> str:
    return str(getattr(arrived.method if isinstance(arrived, Content) else arrived, "name", type(arrived).__name__))
