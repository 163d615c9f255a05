"""Messages on their way to HTTP endpoints.

Each is stored with the group commit that its publisher waits for, sent once that is durable, and settled when the endpoint has taken it:
a kill delivers it again, never loses it. One that fails waits as its delivery policy says, however often the server is started meanwhile,
and is at last a dead letter. What an endpoint refuses (a status 4xx other than 429) is a dead letter at once: "Amazon SNS doesn't retry the
message delivery that fails as a result of a client-side error".

A record of the store is a `StoredDelivery` in MessagePack. How often it was tried, and when the next try is due (seconds since the epoch),
are the counts that the store keeps of what came back.
"""

import heapq
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from message_queues.broker.clock import Timer
from message_queues.broker.sns.ports import Deliver, HttpDelivery, Outcome, SnsHome
from message_queues.errors import DamagedFile
from message_queues.storage.group_commit import Failures
from message_queues.storage.message_store import PERSISTENT, MessageStore, StoredMessage

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 20
"""Deliveries under way to one endpoint."""
_CHUNK_MESSAGES: Final = 500
_CHUNK_BYTES: Final = 512 * 1024


class StoredDelivery(msgspec.Struct, frozen=True, array_like=True):
    endpoint: str
    headers: list[tuple[str, str]]
    body: bytes
    delays_ms: list[int]
    """Before each further try."""
    gap_ms: int
    """At least so long lies between two deliveries to this endpoint."""
    subscription_arn: str | None
    """Whose dead letter it may become; None: of nobody, as a confirmation."""
    dead_letter: bytes
    """What goes into the dead letter queue, as `DeadLetters` writes it."""


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(StoredDelivery).decode

GiveUp = Callable[[str, bytes, str], None]
"""Makes a dead letter for a subscription, if that has a queue for them: what, and why."""


class _Endpoint:
    """One URL: what is under way, and what waits for its turn."""

    __slots__ = ("free_ms", "timer", "under_way", "url", "waiting")

    def __init__(self, url: str) -> None:
        self.url = url
        self.timer: Timer | None = None
        self.under_way = 0
        self.waiting: deque[int] = deque()
        self.free_ms = 0


class _Pending:
    __slots__ = ("due_ms", "endpoint", "tries")

    def __init__(self, endpoint: str, due_ms: int, tries: int) -> None:
        self.endpoint = endpoint
        self.due_ms = due_ms
        self.tries = tries


class HttpDeliveries:
    def __init__(self, home: SnsHome, give_up: GiveUp) -> None:
        self._home = home
        self._give_up = give_up
        self._directory = f"{home.directory}/http"
        self._store: MessageStore | None = None
        self._next_position = 0
        self._pending: dict[int, _Pending] = {}
        """By position; what is due stands in `_due`, or waits for its endpoint, or is under way."""
        self._due: list[tuple[int, int]] = []
        """A heap of when, and position."""
        self._endpoints: dict[str, _Endpoint] = {}
        self._deliver: Deliver | None = None
        self._timer: Timer | None = None
        self._unwritten: list[int] = []

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def waiting(self) -> int:
        """How many wait for their next try."""
        return len(self._due)

    def open(self) -> None:
        """What an earlier life has left. Raises StorageError and DamagedFile."""
        if self._home.stores.open_files.file_system.exists(self._directory):
            self._load(self._opened_store())

    def start(self, deliver: Deliver) -> None:
        """From now on there is a way out."""
        self._deliver = deliver
        self._schedule()

    def close(self) -> None:
        self._deliver = None
        if self._timer is not None:
            self._timer.cancel()
        if self._store is not None:
            self._store.close()
            self._store = None

    def add(self, delivery: StoredDelivery) -> None:
        """Stored with this turn's group commit, and sent then."""
        store = self._store or self._opened_store()
        position = self._next_position
        self._next_position += 1
        store.append(position, (_encode(delivery), b"", b""), 0, True)
        self._pending[position] = _Pending(delivery.endpoint, self._home.clock.now_ms(), 0)
        if not self._unwritten:
            self._home.stores.group_commit.when_durable(self._written)
        self._unwritten.append(position)

    def _opened_store(self) -> MessageStore:
        store = self._store = MessageStore(self._home.stores, self._directory, lambda data, start, end: 0)
        self._next_position = store.next_position
        return store

    def _load(self, store: MessageStore) -> None:
        position = 0
        now_ms = self._home.clock.now_ms()
        while found := store.read(position, _CHUNK_MESSAGES, _CHUNK_BYTES):
            for stored in found:
                tries, due_s = stored[5] or (0, 0)
                pending = _Pending(self._read(stored).endpoint, due_s * 1000 if due_s else now_ms, tries)
                self._pending[stored[0]] = pending
                self._due.append((pending.due_ms, stored[0]))
            position = found[-1][0] + 1
        heapq.heapify(self._due)

    def _read(self, stored: StoredMessage) -> StoredDelivery:
        position, data, start, end, *_ = stored
        try:
            return _decode(memoryview(data)[start:end])
        except msgspec.MsgspecError as error:
            raise DamagedFile(self._directory, position, str(error)) from error

    def _written(self, failures: Failures) -> None:
        positions, self._unwritten = self._unwritten, []
        for position in positions:
            if failures:
                # Whatever it was that failed: who published it is told so, and may publish it again.
                self._settle(position)
            else:
                heapq.heappush(self._due, (self._pending[position].due_ms, position))
        self._send_due()

    # When

    def _schedule(self) -> None:
        if not self._due or self._deliver is None:
            return
        due_ms = self._due[0][0]
        if self._timer is None or not self._timer.is_pending:
            self._timer = self._home.timers.at(due_ms, self._send_due)
        elif due_ms < self._timer.deadline_ms:
            self._timer.cancel()
            self._timer = self._home.timers.at(due_ms, self._send_due)

    def _send_due(self) -> None:
        if self._deliver is None:
            return
        now_ms = self._home.clock.now_ms()
        while self._due and self._due[0][0] <= now_ms:
            _, position = heapq.heappop(self._due)
            pending = self._pending.get(position)
            if pending is not None:
                endpoint = self._endpoints.get(pending.endpoint) or _Endpoint(pending.endpoint)
                self._endpoints[endpoint.url] = endpoint
                endpoint.waiting.append(position)
                self._send_next(endpoint)
        self._schedule()

    def _send_next(self, endpoint: _Endpoint) -> None:
        """As many as the endpoint takes at once, and not sooner than its policy says."""
        now_ms = self._home.clock.now_ms()
        while endpoint.waiting and endpoint.under_way < MOST_AT_ONCE and self._deliver is not None:
            if endpoint.free_ms > now_ms:
                if endpoint.timer is None or not endpoint.timer.is_pending:
                    endpoint.timer = self._home.timers.at(endpoint.free_ms, partial(self._send_next, endpoint))
                return
            position = endpoint.waiting.popleft()
            delivery = self._stored(position)
            if delivery is not None:
                endpoint.free_ms = now_ms + delivery.gap_ms
                endpoint.under_way += 1
                request = HttpDelivery(delivery.endpoint, tuple(delivery.headers), delivery.body)
                self._deliver(request, partial(self._ended, endpoint, position, delivery))
        if not endpoint.waiting and not endpoint.under_way and endpoint.free_ms <= now_ms:
            self._endpoints.pop(endpoint.url, None)

    def _stored(self, position: int) -> StoredDelivery | None:
        found = self._store.read(position, 1, 1) if self._store is not None and position in self._pending else []
        if not found or found[0][0] != position:
            self._pending.pop(position, None)
            return None
        return self._read(found[0])

    # What became of it

    def _ended(self, endpoint: _Endpoint, position: int, delivery: StoredDelivery, outcome: Outcome, reason: str) -> None:
        endpoint.under_way -= 1
        pending = self._pending.get(position)
        if pending is not None and self._store is not None:
            if outcome is Outcome.DELIVERED:
                self._settle(position)
            elif outcome is Outcome.FAILED and pending.tries < len(delivery.delays_ms):
                self._wait(position, pending, delivery)
            else:
                self._fail(position, delivery, reason)
        self._send_next(endpoint)
        self._schedule()

    def _settle(self, position: int) -> None:
        del self._pending[position]
        if self._store is not None:
            self._store.acknowledge(position, 0, PERSISTENT)

    def _wait(self, position: int, pending: _Pending, delivery: StoredDelivery) -> None:
        pending.due_ms = self._home.clock.now_ms() + delivery.delays_ms[pending.tries]
        pending.tries += 1
        assert self._store is not None
        self._store.returned(position, pending.tries, -(-pending.due_ms // 1000))
        heapq.heappush(self._due, (pending.due_ms, position))

    def _fail(self, position: int, delivery: StoredDelivery, reason: str) -> None:
        told = {"endpoint": delivery.endpoint, "subscription": delivery.subscription_arn, "reason": reason}
        logger.warning("a message could not be delivered", extra=told)
        if delivery.subscription_arn is not None:
            self._give_up(delivery.subscription_arn, delivery.dead_letter, reason)

        def stored(failures: Failures) -> None:
            # Settled after the dead letter is durable: a crash may duplicate, never lose.
            if position not in self._pending:
                return
            if not failures:
                self._settle(position)
            else:
                heapq.heappush(self._due, (self._home.clock.now_ms() + 1000, position))
                self._schedule()

        self._home.stores.group_commit.when_durable(stored)
