"""Requests that wait for messages. A client that hangs up waits no longer; a server that stops answers those who still do."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from message_queues.servers.http_listener import Receive

T = TypeVar("T")


class ClientGone(Exception):
    """Nobody reads the answer any more."""


class Polls:
    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}
        self.is_released = False
        """Nothing is waited for any more: the server stops."""

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, answer: "asyncio.Future[T]", receive: Receive, cancel: Callable[[], object], nothing: T) -> T:
        """Returns what comes as the answer, or `nothing` when the server stops. `cancel` is called if it is not waited for to the end.

        Raises ClientGone.
        """
        if self.is_released:
            cancel()
            return nothing
        released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # All that uvicorn tells of a request whose body has been read is that the client has gone.
        gone = asyncio.ensure_future(receive())
        self._waiting[released] = None
        try:
            await asyncio.wait((answer, gone, released), return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if released.done():
                return nothing
            raise ClientGone
        finally:
            del self._waiting[released]
            gone.cancel()
            if not answer.done():
                cancel()

    def release(self) -> None:
        self.is_released = True
        for released in tuple(self._waiting):
            if not released.done():
                released.set_result(None)
