"""The server: one broker, and a listener for every node and protocol, in one event loop.

server = Server(ServerSettings(data="…"))
addresses = await server.start()        # {"kafka": ["127.0.0.1:9092", …]}
…
await server.stop()
"""

import asyncio
import contextlib
import errno
import json
import logging
import shutil
import ssl
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from message_queues.broker.broker import Broker, BrokerSettings, Turn
from message_queues.broker.clock import Clock, ManualClock, SystemClock
from message_queues.errors import InvalidArgument, PortTaken, StorageError
from message_queues.servers.aws.server import AwsServer
from message_queues.servers.kafka.connection import KafkaConnection, KafkaNode, Limits
from message_queues.servers.management.server import ManagementServer
from message_queues.servers.prometheus import PrometheusServer
from message_queues.servers.timer_driver import TimerDriver
from message_queues.settings import ServerSettings
from message_queues.storage.data_directory import DataDirectory

if TYPE_CHECKING:
    from message_queues.servers.amqp.limits import AmqpLimits
    from message_queues.servers.amqp.listener import AmqpListener
    from message_queues.servers.clock_control import ClockControl
    from message_queues.servers.shovels.shovels import Shovels

logger = logging.getLogger(__name__)

Addresses = dict[str, list[str]]
HttpServer = ManagementServer | PrometheusServer | AwsServer

STORAGE_THREADS = 16
"""They only wait for the disk: as many files are synced side by side with --fsync."""

LAST_REPLIES_S = 0.5
"""How long a server that stops waits for clients that do not read."""


class Server:
    def __init__(self, settings: ServerSettings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or (ManualClock() if settings.clock == "manual" else SystemClock())
        self.broker: Broker
        self.addresses: Addresses = {}
        """Where each protocol is served, from `start` on."""
        self.failure: asyncio.Future[StorageError]
        """From `start` on; done when the server cannot go on; whoever runs it stops it and tells."""
        self._own_directory: str | None = None
        self._background = ThreadPoolExecutor(max_workers=STORAGE_THREADS, thread_name_prefix="storage")
        self.nodes: list[KafkaNode] = []
        self._listeners: list[asyncio.Server] = []
        self._drivers: list[TimerDriver] = []
        self._clock_control: ClockControl | None = None
        self.amqp: AmqpListener | None = None
        """From `start` on, if AMQP or its management is served."""
        self.shovels: Shovels | None = None
        """From `start` on, with `amqp`."""
        self.aws: AwsServer | None = None
        """From `start` on, if SQS is served."""
        self._http: list[HttpServer] = []
        self._definitions: dict[str, Any] = {}
        """Of RabbitMQ, to be imported at the start."""

    async def start(self) -> Addresses:
        """Opens the data directory, replays it, listens. Raises StorageError, PortTaken; then nothing is left open."""
        self.failure = asyncio.get_running_loop().create_future()
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            self._open_broker()
            if self.settings.serves("kafka"):
                self.addresses["kafka"] = await self._listen_kafka()
            if any(map(self.settings.serves, ("amqp", "management", "prometheus"))):
                await self._listen_rabbitmq()
            if self.settings.serves("sqs"):
                self.addresses["sqs"] = [await self._listen_aws()]
            if isinstance(self.clock, ManualClock):
                self.addresses["clock"] = [await self._listen_clock(self.clock)]
            undo.pop_all()
        return self.addresses

    async def stop(self) -> None:
        """Answers what is on its way to the disk, closes all connections, then the broker: what was acknowledged is on disk.

        A temporary directory is gone afterwards.
        """
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self.shovels is not None:
            await self.shovels.stop()
        await self._committed()
        await self._disconnect()
        for driver in self._drivers:
            driver.stop()
        if self._clock_control is not None:
            await self._clock_control.stop()
        for http in self._http:
            await http.stop()
        # Whatever was taken in meanwhile; after that no thread has any work that would come back to a closed broker.
        await self._committed()
        self._background.shutdown(wait=True)
        try:
            if hasattr(self, "broker"):
                self.broker.close()
        finally:
            if self._own_directory is not None:
                shutil.rmtree(self._own_directory, ignore_errors=True)

    async def _committed(self) -> None:
        if hasattr(self, "broker"):
            # That the journal cannot be written is what the server may be stopping for.
            with contextlib.suppress(StorageError):
                await self.broker.synced()

    async def _disconnect(self) -> None:
        """Gives clients a moment to take their last replies."""
        for node in self.nodes:
            for connection in tuple(node.connections):
                connection.close()
        if self.amqp is not None:
            self.amqp.close("broker forced connection closure with reason 'shutdown'")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_REPLIES_S):
                while self._is_connected():  # noqa: ASYNC110 - one event for all would be a set of its own
                    await asyncio.sleep(0.001)
        for node in self.nodes:
            for connection in tuple(node.connections):
                connection.abort()
        if self.amqp is not None:
            self.amqp.abort()
        await asyncio.sleep(0)

    def _is_connected(self) -> bool:
        return any(node.connections for node in self.nodes) or (self.amqp is not None and bool(self.amqp.connections))

    def _open_broker(self) -> None:
        settings = self.settings
        if settings.data is None:
            self._own_directory = tempfile.mkdtemp(prefix="message_queues-")
        loop = asyncio.get_running_loop()

        def run_in_background(work: Callable[[], None], done: Callable[[], None]) -> None:
            future = loop.run_in_executor(self._background, work)
            future.add_done_callback(lambda _: done())

        if settings.load_definitions is not None:
            self._definitions = read_definitions(settings.load_definitions)
        data = DataDirectory(settings.data or self._own_directory or "")
        broker_settings = BrokerSettings(
            node_ids=settings.all_node_ids,
            config=settings.config,
            fsync=settings.fsync,
            max_open_files=settings.max_open_files,
            rabbit_version=settings.rabbitmq_version,
            # Who brings users of their own wants nobody else to be let in, as with RabbitMQ.
            default_user=None if self._definitions.get("users") else settings.default_user,
            default_password=settings.default_password,
            default_virtual_host=settings.default_vhost,
            memory_high_watermark_bytes=settings.memory_high_watermark or None,
            disk_free_limit_bytes=settings.disk_free_limit,
            chaos=settings.chaos,
        )
        try:
            broker = Broker(data, broker_settings, self.clock, Turn(loop.call_soon, run_in_background))
            broker.open()
        except BaseException:
            data.close()
            raise
        self.broker = broker
        broker.on_journal_failure = self.failure.set_result
        self._drivers = [TimerDriver(broker.timers, loop), TimerDriver(broker.patience, loop)]

    async def _listen_kafka(self) -> list[str]:
        settings = self.settings
        limits = Limits(max_request_bytes=settings.max_request_bytes, max_connections=settings.max_connections)
        ports: dict[int, int] = {}
        for node_id, port in zip(settings.all_node_ids, settings.all_kafka_ports, strict=True):
            node = KafkaNode(self.broker, node_id, limits)
            node.ports = ports
            self.nodes.append(node)
            listener = await self._bind(partial(KafkaConnection, node), port, "--kafka-port")
            ports[node_id] = listener.sockets[0].getsockname()[1]
        # Nobody is let in before all ports are known: who came early would never hear of the nodes that bind last.
        for listener in self._listeners:
            await listener.start_serving()
        return [f"{settings.host}:{port}" for port in ports.values()]

    async def _listen_clock(self, clock: ManualClock) -> str:
        # Only a server whose clock is set by hand needs an HTTP server: the others do not wait for its import.
        from message_queues.servers.clock_control import ClockControl

        self._clock_control = ClockControl(clock, self.broker.timers)
        return await self._clock_control.listen(self.settings.host)

    async def _listen_rabbitmq(self) -> None:
        # A server of Kafka alone does not wait for these imports.
        from message_queues.servers.amqp.listener import AmqpListener
        from message_queues.servers.shovels.shovels import Shovels

        settings = self.settings
        self.broker.alarms.start()
        if settings.load_definitions is not None:
            self._import_definitions(settings.load_definitions)
        self.amqp = amqp = AmqpListener(self.broker, self._amqp_limits())
        self.shovels = Shovels(self.broker)
        listeners = []
        if settings.serves("amqp"):
            listeners.append(await self._bind(amqp.connection, settings.amqp_port, "--amqp-port"))
            self.addresses["amqp"] = [self._address(listeners[-1])]
            if settings.amqps_port is not None:
                tls = self._tls()
                listeners.append(await self._bind(amqp.tls_connection, settings.amqps_port, "--amqps-port", tls))
                self.addresses["amqps"] = [self._address(listeners[-1])]
        if settings.serves("management"):
            management = ManagementServer(self.broker, amqp, self.addresses, self.shovels, settings.tls_certificate)
            self.addresses["management"] = [await self._listen_http(management, settings.management_port, "--management-port")]
        if settings.serves("prometheus"):
            prometheus = PrometheusServer(self.broker, amqp)
            self.addresses["prometheus"] = [await self._listen_http(prometheus, settings.prometheus_port, "--prometheus-port")]
        for listener in listeners:
            await listener.start_serving()
        self.shovels.start()

    def _amqp_limits(self) -> "AmqpLimits":
        from message_queues.servers.amqp.limits import AmqpLimits

        settings = self.settings
        return AmqpLimits(
            heartbeat_s=settings.heartbeat,
            channel_max=settings.channel_max,
            frame_max=settings.frame_max,
            max_message_bytes=settings.max_message_bytes,
            max_connections=settings.max_connections,
            max_unacknowledged=settings.max_unacknowledged,
            loopback_users=frozenset(settings.loopback_users),
            tls_login_from=settings.tls_login_from,
        )

    def _import_definitions(self, path: str) -> None:
        # Most servers have no such file, and need not wait for what reads it.
        from message_queues.broker.queues.definitions import import_definitions

        try:
            import_definitions(self.broker, self._definitions)
        except ValueError as error:
            raise InvalidArgument(f"--load-definitions {path} cannot be imported: {error}") from error

    async def _listen_aws(self) -> str:
        settings = self.settings
        self.aws = AwsServer(
            self.broker,
            account=settings.aws_account,
            region=settings.aws_region,
            credentials=settings.aws_credentials,
            max_request_bytes=settings.max_request_bytes,
            max_connections=settings.max_connections,
        )
        return await self._listen_http(self.aws, settings.sqs_port, "--sqs-port")

    async def _listen_http(self, server: HttpServer, port: int, flag: str) -> str:
        self._http.append(server)
        try:
            return await server.listen(self.settings.host, port)
        except PortTaken as error:
            raise PortTaken(str(error).replace("another port (", f"another port with {flag} (")) from error

    def _tls(self) -> ssl.SSLContext:
        settings = self.settings
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(str(settings.tls_certificate), settings.tls_key)
            if settings.tls_ca is not None:
                context.load_verify_locations(settings.tls_ca)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(filter(None, (settings.tls_certificate, settings.tls_key, settings.tls_ca)))
            raise InvalidArgument(f"the TLS files {files} cannot be used: {error}") from error
        context.verify_mode = {"none": ssl.CERT_NONE, "peer": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}[settings.tls_verify]
        return context

    def _address(self, listener: asyncio.Server) -> str:
        return f"{self.settings.host}:{listener.sockets[0].getsockname()[1]}"

    async def _bind(
        self, make_connection: Callable[[], asyncio.Protocol], port: int, flag: str, tls: ssl.SSLContext | None = None
    ) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        host = self.settings.host
        try:
            listener = await loop.create_server(make_connection, host, port, backlog=1024, start_serving=False, ssl=tls)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"port {port} on {host} is taken by another process; stop it, or give another port with {flag} (0 picks a free one)"
                ) from error
            raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self._listeners.append(listener)
        return listener


def read_definitions(path: str) -> dict[str, Any]:
    """Raises InvalidArgument for a file that is none of definitions; what it says is not looked at."""
    try:
        document = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InvalidArgument(f"cannot read --load-definitions {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidArgument(f"--load-definitions {path} cannot be imported: {error}") from error
    if not isinstance(document, dict):
        raise InvalidArgument(f"--load-definitions {path} cannot be imported: it should be one object")
    return document
