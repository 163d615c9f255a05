"""A server of SQS in a thread of the test's process, and the clients that ask it: boto3, and raw HTTP where the bytes matter."""

import asyncio
import http.client
import json
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import boto3
from botocore.config import Config

from message_queues.broker.clock import ManualClock, advance
from message_queues.servers.server import Server
from message_queues.settings import ServerSettings

PATIENCE_S = 20
ACCOUNT = "000000000000"
CREDENTIAL = "Credential={}/20260101/{}/sqs/aws4_request"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def xml(self) -> ET.Element:
        """Without namespaces."""
        root = ET.fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def text(self, path: str) -> str:
        found = self.xml.findtext(path)
        assert found is not None, self.body
        return found


class SqsServer:
    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self._loop = loop
        self.address = server.addresses["sqs"][0]
        self.endpoint = f"http://{self.address}"

    # The time

    def advance(self, seconds: float) -> None:
        clock = self.server.clock
        assert isinstance(clock, ManualClock)
        self.call(lambda: advance(clock, self.server.broker.timers, clock.now_ms() + round(seconds * 1000)))

    @property
    def waiting(self) -> int:
        """How many long polls wait."""
        assert self.server.aws is not None
        return self.server.aws.waiting

    def call(self, function: Callable[[], T]) -> T:
        """In the server's loop."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE_S)

    # Clients

    def client(self, region: str = "us-east-1", access_key: str = "test", secret: str = "test", service: str = "sqs") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_S + 20, max_pool_connections=50),
        )

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def query(self, action: str, path: str = "/", region: str = "us-east-1", access_key: str = "test", **parameters: object) -> Answer:
        """By the Query protocol; dots in names are written as double underscores."""
        form = {"Action": action, "Version": "2012-11-05"} | {name.replace("__", "."): value for name, value in parameters.items()}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "Authorization": "AWS4-HMAC-SHA256 " + CREDENTIAL.format(access_key, region),
        }
        return self.ask("POST", path, urlencode(form).encode(), headers)

    def json(self, action: str, region: str = "us-east-1", access_key: str = "test", **parameters: object) -> Answer:
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{action}",
            "Authorization": "AWS4-HMAC-SHA256 " + CREDENTIAL.format(access_key, region),
        }
        return self.ask("POST", "/", json.dumps(parameters).encode(), headers)


def eventually(condition: Callable[[], object]) -> None:
    """What the server does by itself has no event."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@contextmanager
def running_sqs(**settings: Any) -> Iterator[SqsServer]:
    """With a clock that stands still unless it is moved."""
    loop = asyncio.new_event_loop()
    started: Future[Server] = Future()
    stop = asyncio.Event()
    defaults: dict[str, Any] = {"only": ("sqs",), "sqs_port": 0, "clock": "manual"}
    wanted = ServerSettings(**(defaults | settings))

    async def serve() -> None:
        try:
            server = Server(wanted)
            await server.start()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(server)
        try:
            await stop.wait()
        finally:
            await server.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()], name="sqs-under-test", daemon=True)
    thread.start()
    try:
        yield SqsServer(started.result(PATIENCE_S), loop)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        loop.close()
