"""A client that sends any request in any version to any broker, over the project's own codec, and hides nothing of the answer."""

import socket
import struct
from types import TracebackType
from typing import Self

from message_queues.protocols.kafka.api_keys import APIS, Api
from message_queues.protocols.kafka.codec import decode
from message_queues.protocols.kafka.frame import request_frame
from message_queues.protocols.kafka.header import parse_response_header
from message_queues.protocols.kafka.message import Message
from tests.patience import PATIENCE_S

API_OF_REQUEST: dict[type[Message], Api] = {api.request: api for api in APIS.values()}


class ConnectionClosed(Exception):
    """The broker hung up instead of answering."""


class RawClient:
    def __init__(self, host: str, port: int, client_id: str = "contract") -> None:
        self._socket = socket.create_connection((host, port), PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client_id = client_id
        self._correlation_id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(self, request: Message, version: int) -> Message:
        api = self.send(request, version)
        return self.receive(api, version)

    def send(self, request: Message, version: int) -> Api:
        """Send without waiting for an answer; `receive` takes the answers in the order of the requests."""
        api = API_OF_REQUEST[type(request)]
        self._correlation_id += 1
        self._socket.sendall(request_frame(api.key, version, self._correlation_id, self._client_id, request))
        return api

    def receive(self, api: Api, version: int) -> Message:
        frame = self.receive_frame()
        _, position = parse_response_header(api.key, version, frame)
        return decode(api.response, version, frame, position)

    def send_bytes(self, payload: bytes) -> None:
        """One frame of any content."""
        self._socket.sendall(struct.pack(">i", len(payload)) + payload)

    def send_unframed(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive_frame(self) -> bytes:
        (size,) = struct.unpack(">i", self._receive_exactly(4))
        return self._receive_exactly(size)

    def _receive_exactly(self, size: int) -> bytes:
        chunks: list[bytes] = []
        while size > 0:
            try:
                chunk = self._socket.recv(size)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise ConnectionClosed("the broker closed the connection")
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)
