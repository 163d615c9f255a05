"""One Kafka client's connection: bytes in, requests handled in order, replies out in the same order.

Requests may wait (a long poll, a commit, a rebalance) while later ones of the same connection are handled already; their replies leave in
the order of the requests, as the protocol demands. Produce and Fetch go the short way, and the shortest when a Produce is like
one before (familiar_produce.py); all others through the codec and a handler.
What a client may pile up is bounded: a frame's size, the replies it has not had yet, and the bytes it has not read.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from message_queues.broker.broker import Broker
from message_queues.errors import FrameTooLarge, MessageQueuesError
from message_queues.protocols.kafka.api_keys import APIS, Api, ApiKey
from message_queues.protocols.kafka.codec import decode
from message_queues.protocols.kafka.frame import FrameSplitter, response_frame
from message_queues.protocols.kafka.header import RequestHeader, parse_request_header
from message_queues.protocols.kafka.message import Message
from message_queues.servers.kafka import api_versions, fetch, produce
from message_queues.servers.kafka.begun_answer import BegunAnswer
from message_queues.servers.kafka.context import Endpoint, RequestContext
from message_queues.servers.kafka.familiar_produce import FamiliarProduce
from message_queues.servers.kafka.fetch_sessions import FetchSessions
from message_queues.servers.kafka.handlers import HANDLERS

logger = logging.getLogger(__name__)

# Plain numbers: comparing with a member of an enumeration costs a look-up each time.
PRODUCE = int(ApiKey.PRODUCE)
FETCH = int(ApiKey.FETCH)
API_VERSIONS = int(ApiKey.API_VERSIONS)


@dataclass(frozen=True, slots=True)
class Limits:
    max_request_bytes: int = 100 * 1024 * 1024
    """Kafka's socket.request.max.bytes."""
    max_in_flight: int = 256
    """Replies that one connection may wait for; beyond it nothing more is read from it."""
    max_connections: int = 10_000


class KafkaNode:
    """What the connections of one listener share."""

    def __init__(self, broker: Broker, node_id: int, limits: Limits) -> None:
        self.broker = broker
        self.node_id = node_id
        self.limits = limits
        self.fetch_sessions = FetchSessions(broker.clock, broker.config.int("max.incremental.fetch.session.cache.slots"))
        self.connections: set[KafkaConnection] = set()
        self.ports: dict[int, int] = {}
        """The port of every node of the cluster."""

    def endpoints(self, host: str) -> tuple[Endpoint, ...]:
        return tuple(Endpoint(node_id, host, port, self.broker.nodes.by_id[node_id].rack) for node_id, port in self.ports.items())


class Reply:
    """A place in the order of replies; `pieces` is None until it is known, and empty when there is nothing to say (acks=0)."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: Iterable[bytes] | None = None


class KafkaConnection(asyncio.Protocol):
    def __init__(self, node: KafkaNode) -> None:
        self.node = node
        self.broker = node.broker
        self.parked: set[Callable[[], object]] = set()
        """What to call when the client goes away while it waits."""
        self._splitter = FrameSplitter(node.limits.max_request_bytes)
        self._backlog: deque[bytes] = deque()
        self._replies: deque[Reply] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_writable = True
        self._is_reading = True
        self._is_working = False
        self._is_closed = False
        self._complaint: tuple[str, RequestHeader | None] | None = None
        """Why the connection will be closed, once what came before is answered."""
        self._refused: FrameTooLarge | None = None
        self._client_host = ""
        self._client_id: str | None = None
        self.endpoints: tuple[Endpoint, ...] = ()
        self.familiar_produce = FamiliarProduce(self)

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport without being one.
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._client_host = peer[0] if isinstance(peer, tuple) else ""
        dialled = transport.get_extra_info("sockname")
        self.endpoints = self.node.endpoints(dialled[0])
        if len(self.node.connections) >= self.node.limits.max_connections:
            self._give_up(f"more than {self.node.limits.max_connections} connections", None)
            return
        self.node.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True
        self.node.connections.discard(self)
        self._backlog.clear()
        for cancel in tuple(self.parked):
            cancel()
        self.parked.clear()
        for task in self._tasks:
            task.cancel()

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True
        self._send()
        self._work()

    def data_received(self, data: bytes) -> None:
        if self._complaint is not None or self._refused is not None:
            return
        try:
            self._backlog.extend(self._splitter.receive_data(data))
        except FrameTooLarge as error:
            # An empty frame stands for it, in its place after those that came before.
            self._refused = error
            self._backlog.extend((*error.frames, b""))
        self._work()

    def close(self) -> None:
        """Nothing more is answered; what was, still goes out."""
        self._is_closed = True
        self._backlog.clear()
        self._transport.close()

    def abort(self) -> None:
        """Not even that."""
        self._transport.abort()

    def _work(self) -> None:
        backlog = self._backlog
        limit = self.node.limits.max_in_flight
        self._is_working = True
        while backlog and self._is_writable and len(self._replies) < limit:
            self._handle(backlog.popleft())
        self._is_working = False
        if self._is_closed:
            return
        if backlog:
            if self._is_reading:
                self._is_reading = False
                self._transport.pause_reading()
        elif not self._is_reading:
            self._is_reading = True
            self._transport.resume_reading()

    def _give_up(self, reason: str, header: RequestHeader | None) -> None:
        """The peer's mistake: what came before is answered, then the connection is closed, with one line in the log."""
        if self._is_closed:
            return
        self._backlog.clear()
        if self._replies:
            self._complaint = self._complaint or (reason, header)
            return
        api = APIS.get(header.api_key) if header is not None else None
        logger.warning(
            "connection closed",
            extra={
                "reason": reason,
                "client": self._client_host,
                "client_id": self._client_id,
                "api": api.name if api is not None else header.api_key if header is not None else None,
                "version": header.api_version if header is not None else None,
            },
        )
        self.close()

    # Requests

    def _handle(self, frame: bytes) -> None:
        header: RequestHeader | None = None
        try:
            if self.familiar_produce.handle(frame):
                return
            header = parse_request_header(frame)
            self._client_id = header.client_id
            api = APIS.get(header.api_key)
            if api is None:
                self._give_up("this API is not supported", header)
            elif not api.min_version <= header.api_version <= api.max_version:
                self._unsupported_version(api, header)
            elif header.api_key == PRODUCE:
                produce.handle(self, header, frame)
            elif header.api_key == FETCH:
                fetch.handle(self, header, frame)
            else:
                self._dispatch(api, header, frame)
        except MessageQueuesError as error:
            self._give_up(str(error if frame else self._refused or error), header)
        except Exception:
            self._fail(header)

    def _fail(self, header: RequestHeader | None) -> None:
        """Our mistake, to be looked into: the connection is closed at once."""
        logger.exception("request failed", extra={"client": self._client_host, "client_id": self._client_id, "request": header})
        self.close()

    def _unsupported_version(self, api: Api, header: RequestHeader) -> None:
        if api.key != API_VERSIONS:
            self._give_up("this version is not supported", header)
            return
        # KIP-511: answered in version 0, so that a client of any age can read which versions there are.
        self.finish(self.begin_reply(), (response_frame(api.key, 0, header.correlation_id, api_versions.unsupported_version()),))

    def _dispatch(self, api: Api, header: RequestHeader, frame: bytes) -> None:
        request = decode(api.request, header.api_version, frame, header.body_position)
        context = RequestContext(self.broker, self.node.node_id, header.api_version, header.client_id, self._client_host, self.endpoints)
        answer = HANDLERS[api.key](context, request)
        if not isinstance(answer, Message):
            answer = BegunAnswer.begin(answer)
        if isinstance(answer, BegunAnswer):
            task = asyncio.get_running_loop().create_task(self._answer_later(self.begin_reply(), header, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            response = response_frame(header.api_key, header.api_version, header.correlation_id, answer)
            self.finish(self.begin_reply(), (response,))

    async def _answer_later(self, reply: Reply, header: RequestHeader, answer: BegunAnswer) -> None:
        try:
            response = response_frame(header.api_key, header.api_version, header.correlation_id, await answer)
        except MessageQueuesError as error:
            self.break_off(reply, str(error), header)
        except Exception:
            self._fail(header)
        else:
            self.finish(reply, (response,))

    # Replies

    def begin_reply(self) -> Reply:
        reply = Reply()
        self._replies.append(reply)
        return reply

    def finish(self, reply: Reply, pieces: Iterable[bytes]) -> None:
        """The reply is known; it leaves once all before it have left."""
        reply.pieces = pieces
        if not self._is_closed and self._replies[0] is reply:
            self._send()
            if self._backlog and not self._is_working:
                self._work()

    def _send(self) -> None:
        """Those replies whose turn it is, as long as the client takes them."""
        replies = self._replies
        write = self._transport.write
        while replies and self._is_writable and (pieces := replies[0].pieces) is not None:
            replies.popleft()
            for piece in pieces:
                write(piece)
        if self._complaint is not None and not replies:
            self._give_up(*self._complaint)

    def break_off(self, reply: Reply, reason: str, header: RequestHeader) -> None:
        """This reply will not come, nor those to the requests after it."""
        if reply in self._replies:
            while self._replies.pop() is not reply:
                pass
            self._give_up(reason, header)

    def refuse(self, reason: str, header: RequestHeader) -> None:
        """For a request that takes no reply (acks=0), closing is the only way to say that it has failed."""
        self._give_up(reason, header)
