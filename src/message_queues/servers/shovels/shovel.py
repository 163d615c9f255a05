"""One shovel: it connects its ends, moves messages, and starts again when an end is lost.

Nothing is acknowledged at the source before the target has confirmed it, unless ack-mode says so: on-publish and no-ack acknowledge what
has left. (RabbitMQ's no-ack takes messages without the need to acknowledge them at all; here they are acknowledged when they are sent on,
so that a slow target holds the source back.) A message that the target refuses goes back to the source, and comes again.

With src-delete-after the shovel ends after so many messages, or as many as there were when it started, and its parameter is removed.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from message_queues.broker.queues.shovel_parameters import NEVER, ON_CONFIRM, QUEUE_LENGTH, ShovelDefinition
from message_queues.servers.shovels.ends import EndLost, Shovelled, Source, Target
from message_queues.servers.shovels.forwarding import Forwarding

logger = logging.getLogger(__name__)

STARTING = "starting"
"""Connects => RUNNING, or => TERMINATED."""
RUNNING = "running"
"""Moves messages. An end is lost => TERMINATED."""
TERMINATED = "terminated"
"""After reconnect-delay => STARTING."""

MAX_UNCONFIRMED = 1_000
"""How many messages may be on their way to the target; a source hands out no more than its prefetch count."""

REQUEUE_AFTER_S = 0.1
"""A refused message would come again at once."""

Ends = Callable[[], tuple[Source, Target]]
"""New ends, not connected."""


class Finished(Exception):
    """All that was to be moved is at the target."""


class Shovel:
    def __init__(self, definition: ShovelDefinition, ends: Ends, cluster_name: str, finished: Callable[[], None]) -> None:
        """`finished`: its parameter is to be removed."""
        self.definition = definition
        self.state = STARTING
        self.reason = ""
        """Why it is terminated."""
        self.changed_at_s = time.time()
        """When it came into its state."""
        self.source_uri = ""
        self.target_uri = ""
        self.forwarded = 0
        """How many messages it has sent on since it was last started."""
        self.remaining: int | None = None
        """How many it still has to move; None: it never ends."""
        self._unsent: int | None = None
        """How many of them it has not yet sent on."""
        self._ends = ends
        self._cluster_name = cluster_name
        self._finished = finished
        self._pending: deque[Shovelled] = deque()
        self._unconfirmed = 0
        self._refused: set[asyncio.TimerHandle] = set()
        self._source: Source
        self._target: Target
        self._forwarding: Forwarding
        self._over: asyncio.Future[None]
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """How many messages wait for the target."""
        return len(self._pending)

    @property
    def unsent(self) -> int | None:
        return self._unsent

    @property
    def is_blocked(self) -> bool:
        return self.state == RUNNING and self._target.is_blocked

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"shovel {self.definition.name}")

    async def stop(self) -> None:
        """What is under way goes back to the source."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # Starting, and starting again

    async def _run(self) -> None:
        while True:
            self._enter(STARTING)
            try:
                await self._transfer()
            except Finished:
                self._finished()
                return
            except EndLost as error:
                self._enter(TERMINATED, str(error))
                told = {"shovel": self.definition.name, "virtual_host": self.definition.virtual_host, "reason": str(error)}
                logger.warning("a shovel has lost an end", extra=told)
            if not self.definition.reconnect_delay_s:
                return
            await asyncio.sleep(self.definition.reconnect_delay_s)

    def _enter(self, state: str, reason: str = "") -> None:
        self.state, self.reason, self.changed_at_s = state, reason, time.time()

    async def _transfer(self) -> None:
        self._over = asyncio.get_running_loop().create_future()
        self._source, self._target = self._ends()
        self._pending.clear()
        self._unconfirmed = self.forwarded = 0
        duration_s = self.definition.source.delete_after_duration_s
        try:
            await self._connect()
            async with asyncio.timeout(duration_s):
                await self._over
        except TimeoutError as error:
            raise Finished from error
        finally:
            await self._close()

    async def _connect(self) -> None:
        source, target = self._source, self._target
        await _or("failed to connect to source", source.connect(self._lost))
        await _or("failed to connect to destination", target.connect(self._lost))
        self.source_uri, self.target_uri = source.uri, target.uri
        self._forwarding = Forwarding(self.definition, self._cluster_name, source.uri, target.uri)
        try:
            await target.prepare(self._confirmed, self._send_pending)
            self.remaining = self._unsent = self._count(await source.prepare())
            if self.remaining == 0:
                raise Finished
            self._enter(RUNNING)
            await source.subscribe(self._receive)
        except EndLost as error:
            raise EndLost(f"failed to set up topology: {error}") from error

    def _count(self, ready: int) -> int | None:
        delete_after = self.definition.source.delete_after
        if delete_after == NEVER:
            return None
        return ready if delete_after == QUEUE_LENGTH or isinstance(delete_after, str) else delete_after

    async def _close(self) -> None:
        if not self._over.done():
            self._over.cancel()
        elif not self._over.cancelled():
            # An end may be lost before anyone waits for it.
            self._over.exception()
        for timer in self._refused:
            timer.cancel()
        self._refused.clear()
        await self._source.close()
        await self._target.close()

    def _lost(self, reason: str) -> None:
        self._end(EndLost(reason))

    def _end(self, reason: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(reason)

    # Messages

    def _receive(self, message: Shovelled) -> None:
        if self._pending or self._must_wait():
            self._pending.append(message)
        else:
            self._send(message)

    def _must_wait(self) -> bool:
        return self._target.is_blocked or self._unconfirmed >= MAX_UNCONFIRMED

    def _send_pending(self) -> None:
        while self._pending and not self._must_wait() and not self._over.done():
            self._send(self._pending.popleft())

    def _send(self, message: Shovelled) -> None:
        if self._unsent is not None:
            if self._unsent == 0:
                # It goes back to the queue when the shovel ends, which waits for confirms only.
                return
            self._unsent -= 1
        self._unconfirmed += 1
        self.forwarded += 1
        self._target.publish(self._forwarding.changed(message, int(time.time() * 1000)))
        if self.definition.ack_mode != ON_CONFIRM:
            self._source.acknowledge(message.tag)
            self._moved()

    def _confirmed(self, tag: int, is_taken: bool) -> None:
        if self._over.done():
            return
        self._unconfirmed -= 1
        if self.definition.ack_mode == ON_CONFIRM:
            if is_taken:
                self._source.acknowledge(tag)
                self._moved()
            else:
                self._requeue_later(tag)
        self._send_pending()

    def _requeue_later(self, tag: int) -> None:
        if self._unsent is not None:
            self._unsent += 1

        def requeue() -> None:
            self._refused.discard(timer)
            if not self._over.done():
                self._source.requeue(tag)

        timer = asyncio.get_running_loop().call_later(REQUEUE_AFTER_S, requeue)
        self._refused.add(timer)

    def _moved(self) -> None:
        if self.remaining is not None:
            self.remaining -= 1
            if self.remaining == 0:
                self._end(Finished())


async def _or(reason: str, connecting: Awaitable[None]) -> None:
    try:
        await connecting
    except EndLost as error:
        raise EndLost(f"{reason}: {error}") from error
