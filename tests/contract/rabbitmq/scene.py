"""What a test of RabbitMQ's protocol works with: connections, names of its own, and answers as plain JSON."""

import base64
import datetime
import itertools
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pamqp import commands, heartbeat

from tests.contract.rabbitmq.raw_client import Content, RawClient, name_of
from tests.contract.rabbitmq.servers import RabbitMQUnderTest

NUMBERS = itertools.count()
GENERATED_NAME = re.compile(r"amq\.(gen|ctag)-[A-Za-z0-9_-]{16,}")
REPLY_NAME = re.compile(r"amq\.rabbitmq\.reply-to\.[A-Za-z0-9+/=_.-]+")


class Scene:
    def __init__(self, server: RabbitMQUnderTest) -> None:
        self.server = server
        self._clients: list[RawClient] = []
        self._names: dict[str, str] = {}
        self.client = self.connect()
        self.client.open_channel()

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def connect(self, user: str = "guest", password: str = "guest", virtual_host: str = "/") -> RawClient:
        client = RawClient.connect(self.server.host, self.server.port, user, password, virtual_host)
        self._clients.append(client)
        return client

    def socket(self) -> RawClient:
        """Connected, and nothing said."""
        client = RawClient(self.server.host, self.server.port)
        self._clients.append(client)
        return client

    # Names

    def name(self, stem: str) -> str:
        """A name that was never used; answers show `<stem>` in its place."""
        name = f"{stem}-{os.getpid()}-{os.urandom(3).hex()}-{next(NUMBERS)}"
        self._names[name] = f"<{stem}>"
        return name

    def queue(self, stem: str = "queue", arguments: Mapping[str, Any] | None = None) -> str:
        """A new queue that goes with the connection."""
        name = self.name(stem)
        made = self.ask(commands.Queue.Declare(queue=name, exclusive=True, arguments=dict(arguments or {})))
        assert "Queue.DeclareOk" in made, made
        return name

    def exchange(self, kind: str = "direct", stem: str = "exchange", arguments: Mapping[str, Any] | None = None) -> str:
        name = self.name(stem)
        made = self.ask(commands.Exchange.Declare(exchange=name, exchange_type=kind, auto_delete=False, arguments=dict(arguments or {})))
        assert "Exchange.DeclareOk" in made, made
        return name

    def bind(self, queue: str, exchange: str, key: str = "", arguments: Mapping[str, Any] | None = None) -> None:
        bound = self.ask(commands.Queue.Bind(queue=queue, exchange=exchange, routing_key=key, arguments=dict(arguments or {})))
        assert "Queue.BindOk" in bound, bound

    # Questions

    def ask(self, method: Any, channel: int = 1, client: RawClient | None = None) -> Any:
        """What a method is answered; a channel or connection that it closes is opened again for the next question."""
        asked = client or self.client
        answer = asked.ask(channel, method)
        if client is None and not isinstance(answer, str):
            self.recover(answer, channel)
        return self.plain(answer)

    def recover(self, answer: Any, channel: int = 1) -> None:
        if isinstance(answer, commands.Channel.Close):
            self.client.open_channel(channel)
        elif isinstance(answer, commands.Connection.Close):
            self.client = self.connect()
            self.client.open_channel()

    def get(self, queue: str, no_ack: bool = True) -> Any:
        """The content, or Basic.GetEmpty."""
        self.client.send(1, commands.Basic.Get(queue=queue, no_ack=no_ack))
        answer = self.client.take(1, lambda each: isinstance(each, Content | commands.Basic.GetEmpty))
        return self.plain(answer)

    def bodies(self, queue: str) -> list[str]:
        """Takes all that is ready."""
        bodies: list[str] = []
        while True:
            self.client.send(1, commands.Basic.Get(queue=queue, no_ack=True))
            answer = self.client.take(1, lambda each: isinstance(each, Content | commands.Basic.GetEmpty))
            if not isinstance(answer, Content):
                return bodies
            bodies.append(answer.body.decode())

    def confirm_mode(self, channel: int = 1) -> None:
        self.client.send(channel, commands.Confirm.Select())
        self.client.expect(channel, commands.Confirm.SelectOk)

    def published(self, exchange: str, key: str, content: bytes = b"message", channel: int = 1, **options: Any) -> list[Any]:
        """All that comes until the publish is confirmed, the confirm with it; the channel is in confirm mode."""
        self.client.publish(channel, exchange, key, content, **options)
        said = []
        while True:
            answer = self.client.take(channel, lambda _: True)
            said.append(self.plain(answer))
            if isinstance(answer, commands.Basic.Ack | commands.Basic.Nack | commands.Channel.Close | commands.Connection.Close | str):
                if not isinstance(answer, str):
                    self.recover(answer, channel)
                return said

    def http(self, method: str, path: str, content: Any = None, user: str = "guest", password: str = "guest") -> tuple[int, Any]:
        """The management API's status and JSON body (None without one)."""
        request = urllib.request.Request(f"http://{self.server.management}/api/{path}", method=method)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
        if content is not None:
            request.data = json.dumps(content).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text[:1] in b'{["' and text else text.decode()

    # Answers

    def plain(self, answer: Any) -> Any:
        if isinstance(answer, Content):
            said = self.plain(answer.method)
            properties = {name: value for name, value in answer.properties if value not in (None, "")}
            return {**said, "properties": self._plain_value(properties), "body": self._plain_value(answer.body)}
        if isinstance(answer, heartbeat.Heartbeat):
            return "Heartbeat"
        if isinstance(answer, str):
            return answer
        return {name_of(answer): {name: self._plain_value(value) for name, value in answer if value is not None}}

    def _plain_value(self, value: Any, field: str = "") -> Any:
        if isinstance(value, bytes | bytearray):
            value = bytes(value).decode("utf-8", "backslashreplace")
        if isinstance(value, str):
            for name, placeholder in self._names.items():
                value = value.replace(name, placeholder)
            return REPLY_NAME.sub("<reply-to>", GENERATED_NAME.sub(lambda found: f"<amq.{found[1]}>", value))
        if isinstance(value, datetime.datetime):
            return "<time>"
        if isinstance(value, Decimal):
            return f"decimal {value}"
        if isinstance(value, Mapping):
            return {str(key): self._plain_value(each, str(key)) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain_value(each) for each in value]
        return value

    def plain_json(self, value: Any) -> Any:
        return self._plain_value(value)


def path(*parts: str) -> str:
    """A path of the management API from its parts."""
    return "/".join(quote(part, safe="") for part in parts)
