"""An HTTP port in the server's loop that costs nothing until somebody calls.

The socket listens at once; uvicorn and the application are imported when the first connection has come, on another thread.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from message_queues.errors import PortTaken

if TYPE_CHECKING:
    from message_queues.servers.clock_control import HttpServer

logger = logging.getLogger(__name__)

BACKLOG = 1024
KEEP_ALIVE_S = 60
LONGEST_REQUEST_S = 30
"""How long a request may take to come, head and body. Who is slower, or connects and says nothing, is hung up on within twice that time."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # asyncio lets small packets go at once where the protocol is said to be TCP, which `socket.create_server` does not.
    listener = socket.socket(family, kind, protocol or socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class HttpListener:
    def __init__(
        self, make_application: Callable[[], Application], max_connections: int = 1000, longest_request_s: float = LONGEST_REQUEST_S
    ) -> None:
        self._make_application = make_application
        """Called on another thread: it imports."""
        self._max_connections = max_connections
        self._longest_request_s = longest_request_s
        self._socket: socket.socket | None = None
        self._server: HttpServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._incomplete: set[tuple[object, object]] = set()
        """Connections that wait for the rest of a request, and which, when it was last looked."""
        self._look: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int) -> str:
        """Listens (0: on a free port); returns the address. Raises PortTaken."""
        try:
            listener = bound(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"port {port} on {host} is taken by another process; stop it, or give another port (0 picks a free one)"
                ) from error
            raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        listener.setblocking(False)
        self._socket = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._first_connection)
        return f"{host}:{listener.getsockname()[1]}"

    async def stop(self) -> None:
        if self._socket is None:
            return
        listener, self._socket = self._socket, None
        if self._serving is None:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        else:
            if self._look is not None:
                self._look.cancel()
            # One that is only just being made finds that there is nothing to serve any more.
            if self._server is not None:
                self._server.should_exit = True
                self._server.force_exit = True
            await self._serving
        listener.close()

    def _first_connection(self) -> None:
        assert self._socket is not None
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._serving = asyncio.create_task(self._serve(self._socket))

    async def _serve(self, listener: socket.socket) -> None:
        try:
            self._server = server = await asyncio.to_thread(self._make_server)
        except Exception:
            # Whoever waits in the backlog is hung up on: better than never answered.
            logger.exception("an HTTP port cannot be served")
            listener.close()
            return
        if self._socket is listener:
            self._hang_up_on_the_slow()
            await server.serve(sockets=[listener])

    def _hang_up_on_the_slow(self) -> None:
        """Costs a request nothing: whoever is found at the same one twice is too slow."""
        assert self._server is not None
        connections: Iterable[Any] = self._server.server_state.connections
        incomplete = {(connection, connection.cycle): connection for connection in connections if connection.waits_for_a_request}
        for which, connection in incomplete.items():
            if which in self._incomplete:
                connection.transport.abort()
        self._incomplete = set(incomplete)
        self._look = asyncio.get_running_loop().call_later(self._longest_request_s, self._hang_up_on_the_slow)

    def _make_server(self) -> "HttpServer":
        import uvicorn

        from message_queues.servers.clock_control import HttpServer
        from message_queues.servers.http_connection import HttpConnection

        config = uvicorn.Config(
            self._make_application(),
            http=HttpConnection,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            date_header=True,
            timeout_keep_alive=KEEP_ALIVE_S,
            limit_concurrency=self._max_connections,
        )
        return HttpServer(config)
