"""The management API of a server that runs in the event loop of the test, called from a thread as a client would."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pika
import pika.exceptions

from message_queues.servers.server import Server
from tests.servers.running_server import running_server

GUEST = "guest:guest"
PATIENCE_S = 20


class Answered:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str, Any]:
        return self.status, self.json["error"], self.json["reason"]


class Api:
    def __init__(self, server: Server) -> None:
        self.server = server
        self._host, port = server.addresses["management"][0].rsplit(":", 1)
        self._port = int(port)
        self.amqp_port = int(server.addresses["amqp"][0].rsplit(":", 1)[1])

    def call(
        self, method: str, path: str, content: Any = None, user: str | None = GUEST, body: bytes | None = None, **headers: Any
    ) -> Answered:
        connection = HTTPConnection(self._host, self._port, timeout=PATIENCE_S)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if user is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        if content is not None:
            body = json.dumps(content).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answered(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, user: str | None = GUEST, **headers: Any) -> Answered:
        return self.call("GET", path, user=user, **headers)

    def put(self, path: str, content: Any = None, user: str = GUEST) -> Answered:
        return self.call("PUT", path, {} if content is None else content, user)

    def post(self, path: str, content: Any = None, user: str = GUEST) -> Answered:
        return self.call("POST", path, {} if content is None else content, user)

    def delete(self, path: str, user: str = GUEST, **headers: Any) -> Answered:
        return self.call("DELETE", path, user=user, **headers)

    def publish(self, routing_key: str, payload: str, exchange: str = "amq.default", **properties: Any) -> Answered:
        content = {"routing_key": routing_key, "properties": properties, "payload": payload, "payload_encoding": "string"}
        return self.post(f"/api/exchanges/%2F/{quote(exchange, '')}/publish", content)

    def messages(self, queue: str, mode: str = "ack_requeue_true", count: int = 100, encoding: str = "auto", **more: Any) -> Any:
        content = {"count": count, "ackmode": mode, "encoding": encoding, **more}
        return self.post(f"/api/queues/%2F/{quote(queue, '')}/get", content).json

    @contextmanager
    def amqp(self, **parameters: Any) -> Iterator[pika.BlockingConnection]:
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.amqp_port, **parameters))
        try:
            yield connection
        finally:
            with suppress(pika.exceptions.AMQPError):
                connection.close()


def with_management(scenario: Callable[[Api], None], **settings: Any) -> None:
    async def run() -> None:
        async with running_server(only=("amqp", "management", "prometheus"), **settings) as server:
            await asyncio.to_thread(scenario, Api(server))

    asyncio.run(run())
