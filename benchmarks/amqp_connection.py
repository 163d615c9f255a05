"""One AMQP connection of a load generator: shakes hands, asks and waits, and then gives its socket to whoever loads it."""

import socket
import struct
from typing import TypeVar

from pamqp import base, commands

from message_queues.protocols.amqp.deliveries import method_frame
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER
from message_queues.protocols.amqp.methods import read_method

M = TypeVar("M", bound=base.Frame)

TIMEOUT_S = 120
RECEIVE_BYTES = 262_144
FRAME_MAX = 131_072
CHANNEL = 1


class Refused(Exception):
    """The broker said something else than what was asked for."""


class Connection:
    """Connected as guest, with channel 1 open."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel's time-out: Python's own would cost a poll() before every recv().
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", TIMEOUT_S, 0))
        self._rest = b""
        self.socket.sendall(PROTOCOL_HEADER)
        self.expect(commands.Connection.Start)
        self.send(commands.Connection.StartOk({"product": "benchmark"}, "PLAIN", "\0guest\0guest", "en_US"), 0)
        self.expect(commands.Connection.Tune)
        self.send(commands.Connection.TuneOk(2047, FRAME_MAX, 0), 0)
        self.send(commands.Connection.Open("/"), 0)
        self.expect(commands.Connection.OpenOk)
        self.ask(commands.Channel.Open(), commands.Channel.OpenOk)

    def send(self, method: base.Frame, channel: int = CHANNEL) -> None:
        self.socket.sendall(method_frame(channel, method))

    def ask(self, method: base.Frame, answer: type[M]) -> M:
        self.send(method)
        return self.expect(answer)

    def expect(self, answer: type[M]) -> M:
        """The next method; raises Refused if it is another."""
        while True:
            if len(self._rest) >= 7:
                (size,) = struct.unpack_from(">I", self._rest, 3)
                if len(self._rest) >= size + 8:
                    method = read_method(self._rest[7 : 7 + size])
                    self._rest = self._rest[size + 8 :]
                    if isinstance(method, answer):
                        return method
                    raise Refused(f"{answer.name} was expected: {dict(method)}")
            data = self.socket.recv(RECEIVE_BYTES)
            if not data:
                raise Refused("the broker closed the connection")
            self._rest += data

    def declare(self, queue: str, *, durable: bool = True, **arguments: object) -> None:
        # pamqp's names of queues and of arguments are fewer than RabbitMQ's, so it is not asked to check them.
        method = commands.Queue.Declare(durable=durable)
        method.queue, method.arguments = queue, arguments  # type: ignore[assignment]
        self.ask(method, commands.Queue.DeclareOk)

    def count(self, queue: str) -> int:
        """Messages that wait in the queue: answered after everything that this channel has published before."""
        return self.ask(commands.Queue.Declare(queue=queue, passive=True), commands.Queue.DeclareOk).message_count or 0

    def purge(self, queue: str) -> int:
        return self.ask(commands.Queue.Purge(queue=queue), commands.Queue.PurgeOk).message_count or 0

    def delete(self, queue: str) -> None:
        self.ask(commands.Queue.Delete(queue=queue), commands.Queue.DeleteOk)

    def close(self) -> None:
        self.send(commands.Connection.Close(200, "done", 0, 0), 0)
        self.expect(commands.Connection.CloseOk)
        self.socket.close()
