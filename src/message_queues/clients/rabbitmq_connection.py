"""One connection to RabbitMQ that comes back: a thread with an event loop, pika's AsyncioConnection in it, and who uses its channels.

A `ChannelUser` gets a channel whenever the connection opens, and again after its channel was closed if it says so. Orders (declare, bind,
delete …) each have a channel of their own, because an error of one closes its channel. When the connection is lost, the addresses are
tried in turn, with pauses that grow from `FIRST_PAUSE_S` to `LONGEST_PAUSE_S`; users and orders wait.
"""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import pika
import pika.exceptions
from pika.channel import Channel

from message_queues import errors
from message_queues.clients.rabbitmq_errors import error_of
from message_queues.clients.rabbitmq_wire import Wire

logger = logging.getLogger("message_queues.rabbitmq")

# Whatever pika logs of a lost connection is said here, once; a program that sets the level of "pika" itself sees all of it.
if logging.getLogger("pika").level == logging.NOTSET:
    logging.getLogger("pika").setLevel(logging.CRITICAL)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
ANSWER_S = 30.0
"""How long an order may take."""
CLOSE_S = 5.0
"""How long the broker may take to say goodbye."""

Order: TypeAlias = Callable[[Channel, Callable[[Any], None]], object]
"""Asks something on a channel, and passes pika's callback on."""


class ChannelUser(Protocol):
    """Whoever works on a channel of the connection. Called in the connection's thread."""

    def opened(self, wire: Wire, channel: Channel) -> None:
        """Here is a fresh channel."""

    def lost(self, error: errors.MessageQueuesError, *, connection_too: bool) -> float | None:
        """It is gone. Of a channel alone: after how many seconds to open another, or None for never."""


@dataclass(slots=True)
class _Asked:
    order: Order
    answer: "Future[Any]"


class RabbitConnection:
    """Connects when it is first used; from any thread."""

    def __init__(self, parameters: Sequence[pika.ConnectionParameters], name: str) -> None:
        self._parameters = list(parameters)
        self.name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._users: list[ChannelUser] = []
        self._channels: dict[int, Channel] = {}
        self._waiting: list[_Asked] = []
        self._restoring: list[tuple[str, Order]] = []
        self._wire: Wire | None = None
        self._attempt: Wire | None = None
        self._attempts = 0
        """Failed ones: they choose the address, and `_pauses` how long to wait."""
        self._pauses = 0
        self._closing = False
        self.error: errors.MessageQueuesError | None = None
        """Why there is no connection at this moment."""
        self.blocked: str | None = None
        """Why the broker takes nothing (connection.blocked), or None."""

    @property
    def address(self) -> str:
        """The one that is in use, or tried."""
        parameters = self._parameters[self._attempts % len(self._parameters)]
        return f"{parameters.host}:{parameters.port}"

    @property
    def addresses(self) -> str:
        return ", ".join(f"{each.host}:{each.port}" for each in self._parameters)

    @property
    def is_open(self) -> bool:
        return self._wire is not None

    @property
    def server_properties(self) -> dict[str, Any]:
        """What the broker said of itself when the connection opened."""
        wire = self._wire
        return {} if wire is None else dict(wire.server_properties or {})

    # From any thread.

    def call(self, function: Callable[[], object]) -> bool:
        """Run it in the connection's thread; False when the connection is closed for good, and it runs nowhere."""
        loop = self._started()
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed
            if not self._closing:
                raise
            return False
        return True

    def later(self, delay_s: float, function: Callable[[], object]) -> None:
        """The same after a while; from the connection's thread."""
        assert self._loop is not None
        self._loop.call_later(delay_s, function)

    def attach(self, user: ChannelUser) -> None:
        """From now on the user has a channel whenever there is a connection."""

        def begin() -> None:
            self._users.append(user)
            if self._wire is not None:
                self._open_channel(user)

        self.call(begin)

    def detach(self, user: ChannelUser) -> None:
        """Close its channel; returns once that is through, or the broker took longer than `CLOSE_S`."""
        gone = threading.Event()

        def end() -> None:
            if user in self._users:
                self._users.remove(user)
            channel = self._channels.pop(id(user), None)
            if channel is None or not channel.is_open:
                gone.set()
                return
            channel.add_on_close_callback(lambda *_: gone.set())
            channel.close()

        if self.call(end):
            gone.wait(CLOSE_S)

    def ask(self, order: Order, timeout_s: float = ANSWER_S) -> Any:
        """The broker's answer to an order. Raises what it answers instead, Unreachable, TimedOut."""
        if self._closing:
            raise errors.Closed("the connection is closed")
        answer: Future[Any] = Future()
        asked = _Asked(order, answer)
        self.call(lambda: self._begin(asked))
        try:
            return answer.result(timeout_s)
        except FutureTimeout:
            answer.cancel()
            if not self.is_open and self.error is not None:
                raise type(self.error)(*self.error.args) from None
            raise errors.TimedOut(f"{self.address} did not answer within {timeout_s:g} s") from None

    def restore_with(self, name: str, order: Order) -> None:
        """Give this order again whenever the connection is back, before anything else: what belongs to it is gone with it."""
        self._restoring.append((name, order))

    def restore_no_more(self, name: str) -> None:
        """The orders of that name are done with."""
        self._restoring = [each for each in self._restoring if each[0] != name]

    def close(self) -> None:
        """Say goodbye and end the thread. What still waits fails with Closed."""
        self._closing = True
        with self._starting:
            thread, loop = self._thread, self._loop
        if thread is None or loop is None or not thread.is_alive():
            return
        loop.call_soon_threadsafe(self._leave)
        if thread is not threading.current_thread():
            thread.join(CLOSE_S + 1)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, name=f"rabbitmq-{self.name}", daemon=True)
                self._thread.start()
            return self._loop

    # In the connection's thread.

    def _run(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._unexpected)
        self._loop.call_soon(self._connect)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # pika fails an assertion of its own when a connection is closed before it is open.
        if not self._closing:
            loop.default_exception_handler(context)

    def _connect(self) -> None:
        if self._closing:
            self._end()
            return
        parameters = self._parameters[self._attempts % len(self._parameters)]
        try:
            self._attempt = Wire(
                parameters,
                on_open_callback=self._opened,
                on_open_error_callback=lambda _, error: self._failed(error),
                on_close_callback=lambda _, error: self._lost(error),
                custom_ioloop=self._loop,
            )
        except Exception as error:  # pika resolves and checks some things at once
            self._failed(error)

    def _opened(self, wire: Wire) -> None:
        wire.receive_more()
        wire.add_on_connection_blocked_callback(lambda _, frame: self._set_blocked(frame.method.reason))
        wire.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(None))
        if self.error is not None and self._attempts:
            logger.info("connected to %s", self.address)
        self._wire = wire
        self.error = None
        self._attempt = None
        self._pauses = 0
        if self._closing:
            self._leave()
        elif self._restoring:
            self._restore([order for _, order in self._restoring])
        else:
            self._serve()

    def _restore(self, orders: list[Order]) -> None:
        """One after the other; one that fails is said, and the others go on."""
        if not orders:
            self._serve()
            return
        answer: Future[Any] = Future()

        def done(future: "Future[Any]") -> None:
            error = future.exception()
            if error is not None:
                logger.warning("not restored after the connection came back: %s", error)
            if self._wire is not None:
                self._restore(orders[1:])

        answer.add_done_callback(done)
        self._give(_Asked(orders[0], answer))

    def _serve(self) -> None:
        for user in list(self._users):
            self._open_channel(user)
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            self._give(asked)

    def _set_blocked(self, reason: str | bytes | None) -> None:
        self.blocked = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        if self.blocked is not None:
            logger.warning("%s takes no messages at the moment: %s", self.address, self.blocked)
        else:
            logger.warning("%s takes messages again", self.address)

    def _failed(self, error: BaseException) -> None:
        """A connection did not come about."""
        self._attempt = None
        self.error = error_of(error, self.address)
        self._attempts += 1
        if self._closing:
            self._end()
            return
        logger.debug("no connection: %s", self.error)
        # Who asked something before there ever was a connection is told why there is none, once all addresses were tried.
        if self._attempts % len(self._parameters) == 0:
            self._pauses += 1
            for asked in self._waiting:
                asked.answer.set_exception(self.error) if not asked.answer.done() else None
            self._waiting.clear()
        self.later(self._pause_s(), self._connect)

    def _pause_s(self) -> float:
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._pauses, 16))
        return longest * (0.5 + random.random() / 2)

    def _lost(self, error: BaseException) -> None:
        """An open connection is gone."""
        self._wire = None
        self.blocked = None
        self._channels.clear()
        if self._closing:
            self._end()
            return
        self.error = error_of(error, self.address)
        logger.warning("the connection to %s was lost and is opened again: %s", self.address, self.error)
        for user in list(self._users):
            user.lost(self.error, connection_too=True)
        self.later(self._pause_s(), self._connect)

    def _open_channel(self, user: ChannelUser) -> None:
        wire = self._wire
        if wire is None or user not in self._users:
            return

        def ready(channel: Channel) -> None:
            user.opened(wire, channel)

        def closed(channel: Channel, reason: Exception) -> None:
            wire.untap(channel.channel_number)
            if self._channels.get(id(user)) is not channel:
                return
            del self._channels[id(user)]
            if wire is not self._wire or wire.is_closed or wire.is_closing or user not in self._users:
                return
            pause_s = user.lost(error_of(reason, self.address), connection_too=False)
            if pause_s is not None:
                self.later(pause_s, lambda: self._open_channel(user))

        if id(user) in self._channels:
            return
        channel = wire.channel(on_open_callback=ready)
        channel.add_on_close_callback(closed)
        self._channels[id(user)] = channel

    def _begin(self, asked: _Asked) -> None:
        if self._closing:
            asked.answer.set_exception(errors.Closed("the connection is closed"))
        elif self._wire is None:
            self._waiting.append(asked)
        else:
            self._give(asked)

    def _give(self, asked: _Asked) -> None:
        assert self._wire is not None
        answer = asked.answer

        def done(method: Any) -> None:
            if not answer.done():
                answer.set_result(method)
            if channel.is_open:
                channel.close()

        def closed(_: Channel, reason: Exception) -> None:
            if not answer.done():
                answer.set_exception(error_of(reason, self.address))

        def ready(opened: Channel) -> None:
            try:
                asked.order(opened, done)
            except Exception as error:
                if not answer.done():
                    answer.set_exception(errors.InvalidArgument(str(error) or repr(error)))
                if opened.is_open:
                    opened.close()

        channel = self._wire.channel(on_open_callback=ready)
        channel.add_on_close_callback(closed)

    def _leave(self) -> None:
        for asked in self._waiting:
            if not asked.answer.done():
                asked.answer.set_exception(errors.Closed("the connection is closed"))
        self._waiting.clear()
        wire = self._wire or self._attempt
        if wire is None or wire.is_closed:
            self._end()
            return
        if not wire.is_closing:
            wire.close()
        # A broker that does not answer does not keep us.
        self.later(CLOSE_S, self._end)

    def _end(self) -> None:
        assert self._loop is not None
        self._loop.stop()
