"""Ending a boto3 call that waits for its answer: a long poll may take 20 s, and a program that stops should not.

boto3 has no call for it. urllib3 lets a pool's connections be of another class (`HTTPConnectionPool.ConnectionCls`,
`PoolManager.pool_classes_by_scheme`): here of one that remembers its sockets. Where botocore's session is not built on such a manager,
polls end by themselves.
"""

import socket
import threading
import weakref
from contextlib import suppress
from typing import Any


class Interruption:
    """The sockets of one boto3 client, and whether it is over with them."""

    def __init__(self, client: Any) -> None:
        self.is_over = False
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        manager = getattr(getattr(getattr(client, "_endpoint", None), "http_session", None), "_manager", None)
        classes = getattr(manager, "pool_classes_by_scheme", None)
        if isinstance(classes, dict):
            # In its place: the managers of proxies use the same one.
            classes.update({scheme: self._pool_class(pool) for scheme, pool in classes.items()})

    def begin(self) -> None:
        """Every call that waits fails now, and so does every new one that needs a connection."""
        with self._lock:
            self.is_over = True
            sockets = list(self._sockets)
        for each in sockets:
            # Of the plain socket: TLS would wait for the other side to say goodbye.
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def _pool_class(self, pool: Any) -> Any:
        interruption = self

        class Connection(pool.ConnectionCls):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                interruption._connected(self.sock)

        class Pool(pool):  # type: ignore[misc]
            ConnectionCls = Connection

        return Pool

    def _connected(self, connected: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connected)
            is_over = self.is_over
        if is_over:
            raise ConnectionAbortedError("the client is closed")
