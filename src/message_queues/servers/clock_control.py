"""The clock of a server that was started with `--clock manual`, over HTTP: a day's time-out is tested in a millisecond, from any language.

    GET  /clock                              {"now_ms": 1700000000000}
    POST /clock  {"advance_ms": 86400000}    moves it, and fires what has become due on the way
    POST /clock  {"now_ms": 1700086400000}   likewise, to a point in time

A time that would go back or is more than a year ahead, or a body that says neither, is answered with 400 and a sentence.
"""

import asyncio
import json
import socket
from contextlib import AbstractContextManager, nullcontext

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from message_queues.broker.clock import ManualClock, Timers, advance

LONGEST_MOVE_MS = 366 * 86_400_000
"""Whatever happens every few minutes happens so often on the way that a longer one would hold up the server."""
LONGEST_BODY_BYTES = 200


class HttpServer(uvicorn.Server):
    """One of several servers of this process: signals are not its business."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


class ClockControl:
    def __init__(self, clock: ManualClock, timers: Timers) -> None:
        self._clock = clock
        self._timers = timers
        self._server: HttpServer | None = None
        self._serving: asyncio.Task[None] | None = None

    async def listen(self, host: str) -> str:
        """Listens on a free port; returns the address."""
        listener = socket.create_server((host, 0))
        app = Starlette(routes=[Route("/clock", self._read), Route("/clock", self._move, methods=["POST"])])
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        self._server = HttpServer(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        return f"{host}:{listener.getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    async def _read(self, request: Request) -> JSONResponse:
        return JSONResponse({"now_ms": self._clock.now_ms()})

    async def _move(self, request: Request) -> JSONResponse:
        try:
            now_ms = self._wanted(await self._body(request))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        fired = advance(self._clock, self._timers, now_ms)
        return JSONResponse({"now_ms": self._clock.now_ms(), "fired": fired})

    async def _body(self, request: Request) -> bytes:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY_BYTES:
                raise ValueError(f"a body of at most {LONGEST_BODY_BYTES} bytes is read")
        return body

    def _wanted(self, body: bytes) -> int:
        current_ms = self._clock.now_ms()
        match json.loads(body):
            # `True` is an int too.
            case {"advance_ms": int(advance_ms)} if advance_ms is not True and 0 <= advance_ms <= LONGEST_MOVE_MS:
                return current_ms + advance_ms
            case {"now_ms": int(now_ms)} if current_ms <= now_ms <= current_ms + LONGEST_MOVE_MS:
                return now_ms
        raise ValueError(
            f'give {{"advance_ms": N}} with N from 0 to {LONGEST_MOVE_MS}, or {{"now_ms": N}} with N from {current_ms} to '
            f"{current_ms + LONGEST_MOVE_MS}; not {body.decode('utf-8', 'replace')}"
        )
