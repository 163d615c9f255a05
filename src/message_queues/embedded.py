"""An embedded server: in this process, in a thread with its own event loop, or beside it as a process of its own.

with embedded.start(brokers=3) as server:
    server.kafka            # ["127.0.0.1:40001", "127.0.0.1:40002", "127.0.0.1:40003"]
    server.amqp             # "127.0.0.1:40004"
    server.management       # "127.0.0.1:40005"
    server.sqs              # "http://127.0.0.1:40007"

The only door from what a program calls to the server. Without a data directory the server has one of its own and removes it when it stops.
"""

import asyncio
import atexit
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from message_queues.errors import InvalidArgument, MessageQueuesError, MissingDependency, StorageError, TimedOut

if TYPE_CHECKING:
    from message_queues.servers.server import Server
    from message_queues.settings import ServerSettings

logger = logging.getLogger("message_queues.embedded")

START_S = 30.0
STOP_S = 10.0
READY_STEP_S = 0.01

PORTS = ("kafka_port", "amqp_port", "management_port", "prometheus_port", "sqs_port")
"""All of them are free ones."""

DEFAULT_CONFIG: Mapping[str, str] = {"group.initial.rebalance.delay.ms": "0"}
"""Kafka waits 3 s for more members of a new group; a program that is tried out should not. `config` overrides it."""


class EmbeddedServer(ABC):
    """A running server: its addresses, and how to stop it. Made by `start`."""

    def __init__(self, place: str) -> None:
        self.place = place
        """Where it runs, for people: "in this process" or "in process 4711"."""
        self.addresses: dict[str, list[str]] = {}
        """Host:port, by protocol; of every node where there are several."""
        self._stopped = False

    @property
    def kafka(self) -> list[str]:
        """The addresses of the Kafka nodes."""
        return self.addresses["kafka"]

    @property
    def amqp(self) -> str:
        """Where RabbitMQ's clients connect: user and password are `guest`."""
        return self.addresses["amqp"][0]

    @property
    def management(self) -> str:
        """Where RabbitMQ's management HTTP API is."""
        return self.addresses["management"][0]

    @property
    def sqs(self) -> str:
        """The endpoint URL of Amazon SQS and SNS: any credentials and any region will do."""
        return f"http://{self.addresses['sqs'][0]}"

    def stop(self) -> None:
        """Stop it; what was acknowledged is on disk. A second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        self._stop()

    @abstractmethod
    def _stop(self) -> None: ...

    def __enter__(self) -> "EmbeddedServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else f"kafka at {', '.join(self.kafka)}"
        return f"EmbeddedServer({self.place}, {state})"


def start(
    data: str | os.PathLike[str] | None = None,
    *,
    brokers: int = 1,
    process: bool = False,
    config: Mapping[str, str] | None = None,
) -> EmbeddedServer:
    """Start a server on free loopback ports and return once it listens.

    `data`: a directory that keeps everything. `brokers`: how many Kafka nodes it simulates. `process`: beside this process instead of
    in it. `config`: any broker configurations of Kafka.

    Raises MissingDependency without the extra "server", InvalidConfig, DataDirectoryInUse, NewerFormat, StorageError, TimedOut.
    """
    if isinstance(brokers, bool) or not isinstance(brokers, int) or not 1 <= brokers <= 100:
        raise InvalidArgument(f"brokers={brokers!r} must be a whole number in 1..100")
    directory = None if data is None else os.fspath(data)
    merged = {**DEFAULT_CONFIG, **(config or {})}
    server: InThread | Beside = Beside(directory, brokers, merged) if process else InThread(directory, brokers, merged)
    atexit.register(server.stop)
    return server


class InThread(EmbeddedServer):
    """The server in this process."""

    def __init__(self, data: str | None, brokers: int, config: Mapping[str, str]) -> None:
        super().__init__("in this process")
        make = _importing_server()
        settings = _settings(data, brokers, config)
        self._loop = _new_loop()
        self._stop_asked = asyncio.Event()
        started: Future[dict[str, list[str]]] = Future()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=[self._serve(make, settings, started)], name="embedded-server", daemon=True
        )
        self._thread.start()
        self.addresses = started.result(START_S)

    async def _serve(self, make: "type[Server]", settings: "ServerSettings", started: "Future[dict[str, list[str]]]") -> None:
        try:
            server = make(settings)
            addresses = await server.start()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(addresses)
        server.failure.add_done_callback(lambda _: self._stop_asked.set())
        try:
            await self._stop_asked.wait()
        finally:
            await server.stop()
        if server.failure.done():
            logger.error("the embedded server has stopped, and nothing that it acknowledged is lost: %s", server.failure.result())

    def _stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop_asked.set)
            self._thread.join(STOP_S)
        if not self._thread.is_alive():
            self._loop.close()


class Beside(EmbeddedServer):
    """The server in a process of its own, which ends with this one, however that ends: then its standard input ends."""

    def __init__(self, data: str | None, brokers: int, config: Mapping[str, str]) -> None:
        super().__init__("in a process of its own")
        _importing_server()
        command = [sys.executable, "-m", "message_queues", "serve", "--stop-with-stdin", "--brokers", str(brokers)]
        for port in PORTS:
            command += [f"--{port.replace('_', '-')}", "0"]
        command += [] if data is None else ["--data", data]
        for name, value in config.items():
            command += ["--config", f"{name}={value}"]
        with tempfile.TemporaryDirectory(prefix="message_queues-") as directory, tempfile.TemporaryFile() as said:
            ready = Path(directory, "ready.json")
            self._process = subprocess.Popen(
                [*command, "--ready-file", str(ready)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
            )
            try:
                found = self._wait_until_ready(ready)
            except MessageQueuesError as error:
                self._stop()
                said.seek(0)
                raise type(error)(f"{error}: {said.read().decode(errors='replace').strip()}") from None
        self.place = f"in process {self._process.pid}"
        self.addresses = {protocol: at for protocol, at in found.items() if isinstance(at, list)}

    def _wait_until_ready(self, ready: Path) -> dict[str, object]:
        deadline = time.monotonic() + START_S
        while not ready.exists():
            if self._process.poll() is not None:
                raise StorageError(f"the embedded server ended with exit code {self._process.returncode}")
            if time.monotonic() >= deadline:
                raise TimedOut(f"the embedded server does not listen after {START_S:g} s")
            time.sleep(READY_STEP_S)
        found: dict[str, object] = json.loads(ready.read_text())
        return found

    def _stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _importing_server() -> "type[Server]":
    try:
        from message_queues.servers.server import Server
    except ImportError as error:
        if error.name is None or error.name.startswith("message_queues"):
            raise
        raise MissingDependency(f"an embedded server needs the package {error.name}: pip install 'message-queues[server]'") from error
    return Server


def _settings(data: str | None, brokers: int, config: Mapping[str, str]) -> "ServerSettings":
    from message_queues.settings import ServerSettings

    return ServerSettings(
        data=data, brokers=brokers, kafka_port=(0,), amqp_port=0, management_port=0, prometheus_port=0, sqs_port=0, config=config
    )


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class _Shared:
    """The servers that `MessageQueues(embedded=…)` uses: one a process and data directory, for as long as anyone uses it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[str | None, tuple[EmbeddedServer, int]] = {}

    def take(self, data: str | None, brokers: int) -> EmbeddedServer:
        """The server of that directory, started with `brokers` nodes unless it runs already."""
        place = None if data is None else os.path.realpath(data)
        with self._lock:
            server, users = self._servers.get(place) or (start(place, brokers=brokers), 0)
            self._servers[place] = (server, users + 1)
            return server

    def give_back(self, data: str | None) -> None:
        """The last user stops it."""
        place = None if data is None else os.path.realpath(data)
        with self._lock:
            server, users = self._servers.pop(place)
            if users > 1:
                self._servers[place] = (server, users - 1)
                return
        server.stop()


shared = _Shared()
