"""An HTTP port in the server's loop that costs nothing until somebody calls.

The socket listens at once; uvicorn and the application are imported when the first connection has come, on another thread.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from message_queues.errors import PortTaken

if TYPE_CHECKING:
    from message_queues.servers.clock_control import HttpServer

logger = logging.getLogger(__name__)

BACKLOG = 512
KEEP_ALIVE_S = 60

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
    def __init__(self, make_application: Callable[[], Application], max_connections: int = 1000) -> None:
        self._make_application = make_application
        """Called on another thread: it imports."""
        self._max_connections = max_connections
        self._socket: socket.socket | None = None
        self._server: HttpServer | None = None
        self._serving: asyncio.Task[None] | None = None

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
            await server.serve(sockets=[listener])

    def _make_server(self) -> "HttpServer":
        import uvicorn

        from message_queues.servers.clock_control import HttpServer

        config = uvicorn.Config(
            self._make_application(),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=True,
            timeout_keep_alive=KEEP_ALIVE_S,
            limit_concurrency=self._max_connections,
        )
        return HttpServer(config)
