"""The messages that x-delayed-message exchanges keep until they are due.

A message with a positive x-delay header (ms) is stored, and routed when its time has come, the header negated: consumers see that it was
delayed, and no further exchange delays it again. All exchanges of a virtual host share one message store, so that delays survive restarts
and kills whatever the delivery mode, as in RabbitMQ's plugin; memory holds one number per message, and some of the messages.

A due message is settled once its copies in queues are as durable as promised: a crash between the two delivers it again, never loses it.
Otherwise than in the plugin a delay may be longer than 2^32 - 1 ms, and when the exchange is gone at the time so is the message.

A record of the store:

    position  bytes  field
    0         2      length n of the exchange's name
    2         n      the name of the exchange that keeps the message: where it is routed from
    2+n       …      the message as in queues (see stored_message.py), due when it "expires"
"""

import heapq
import logging
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from message_queues.broker.clock import Clock, Timers, WakeUp
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.stored_message import read_message, write_message
from message_queues.errors import CorruptMessage, DamagedFile
from message_queues.records.properties import read_attributes, with_headers
from message_queues.storage.group_commit import Failures
from message_queues.storage.message_store import PERSISTENT, MessageStore, StoredMessage, StoreHome

logger = logging.getLogger(__name__)

RELEASED_AT_ONCE: Final = 500
"""How many messages are routed before others get their turn."""

LONGEST_DELAY_MS: Final = 1 << 50
"""Some 35,000 years; what is longer is taken as this."""

RESIDENT_BYTES: Final = 8 * 1024 * 1024
"""So much of what is kept stays in memory, too, so that short delays need no reading."""

RETRY_AFTER_MS: Final = 1_000
"""After a failure to store what was due."""

_MESSAGE_BYTES: Final = 500
"""What a message takes in memory besides its properties and body."""
_POSITION_BITS: Final = 44
_POSITION: Final = (1 << _POSITION_BITS) - 1
_NAME_LENGTH: Final = struct.Struct(">H")
_CHUNK_MESSAGES: Final = 500
_CHUNK_BYTES: Final = 512 * 1024

Release = Callable[[str, QueueMessage], None]
"""Routes a message from the exchange of this name on; the exchange may be gone."""


class DelayedMessages:
    """Those of one virtual host."""

    def __init__(self, home: StoreHome, directory: str, clock: Clock, timers: Timers, release: Release) -> None:
        """With what `directory` holds, which need not exist. Raises StorageError and DamagedFile."""
        self._home = home
        self._directory = directory
        self._clock = clock
        self._wake_up = WakeUp(timers, self._release_due)
        self._release = release
        self._due: list[int] = []
        """A heap of when it is due and where it is stored, in one number."""
        self._counts: Counter[str] = Counter()
        self._resident: dict[int, tuple[str, QueueMessage]] = {}
        """By position: the exchange, and what it keeps."""
        self._resident_bytes = 0
        self._unwritten: dict[int, str] = {}
        """The exchanges of messages that wait for the group commit, by position."""
        self._next_position = 0
        self._store: MessageStore | None = None
        if home.exists(directory):
            self._load()

    def recipient(self, exchange_name: str) -> "DelayingExchange":
        return DelayingExchange(exchange_name, self)

    def hold(self, exchange_name: str, message: QueueMessage) -> None:
        """Keeps the message for as long as its x-delay header says; durable with the group commit."""
        now_ms = self._clock.now_ms()
        due_ms = now_ms + min(message.attributes.delay_ms or 0, LONGEST_DELAY_MS)
        position = self._next_position
        self._next_position = position + 1
        name = exchange_name.encode("utf-8", "surrogateescape")
        head, properties, body = write_message(message, now_ms, due_ms)
        pieces = (_NAME_LENGTH.pack(len(name)) + name + head, properties, body)
        (self._store or self._open_store()).append(position, pieces, 0, True)
        self._counts[exchange_name] += 1
        heapq.heappush(self._due, due_ms << _POSITION_BITS | position)
        size = len(message.body) + len(message.properties) + _MESSAGE_BYTES
        if self._resident_bytes + size <= RESIDENT_BYTES:
            self._resident[position] = exchange_name, message
            self._resident_bytes += size
        if not self._unwritten:
            self._home.group_commit.when_durable(self._written)
        self._unwritten[position] = exchange_name
        self._schedule()

    def count(self, exchange_name: str) -> int:
        """How many messages of the exchange are not due yet."""
        return self._counts[exchange_name]

    def close(self) -> None:
        self._stop()
        if self._store is not None:
            self._store.close()
            self._store = None

    def delete(self) -> None:
        """With all that is kept."""
        self._stop()
        if self._store is not None:
            self._store.delete()
            self._store = None

    def _stop(self) -> None:
        self._due.clear()
        self._counts.clear()
        self._resident.clear()
        self._unwritten.clear()
        self._wake_up.stop()

    def _open_store(self) -> MessageStore:
        store = self._store = MessageStore(self._home, self._directory, _weightless, self._taken_back)
        return store

    def _load(self) -> None:
        store = self._open_store()
        self._next_position = store.next_position
        position = 0
        while found := store.read(position, _CHUNK_MESSAGES, _CHUNK_BYTES):
            for stored in found:
                try:
                    exchange_name, _, due_ms = _message_of(stored)
                except CorruptMessage as error:
                    raise DamagedFile(self._directory, stored[0], str(error)) from error
                self._counts[exchange_name] += 1
                self._due.append(due_ms << _POSITION_BITS | stored[0])
            position = found[-1][0] + 1
        heapq.heapify(self._due)
        self._schedule()

    def _schedule(self) -> None:
        if self._due:
            self._wake_up.at(self._due[0] >> _POSITION_BITS)

    def _release_due(self) -> None:
        end = (self._clock.now_ms() + 1) << _POSITION_BITS
        positions: list[int] = []
        while self._due and self._due[0] < end and len(positions) < RELEASED_AT_ONCE:
            positions.append(heapq.heappop(self._due) & _POSITION)
        for exchange_name, message in self._messages(positions):
            self._counts[exchange_name] -= 1
            self._release(exchange_name, arrived(message))
        self._home.group_commit.when_durable(lambda failures: self._settle(positions, failures))
        self._schedule()

    def _settle(self, positions: list[int], failures: Failures) -> None:
        if self._store is None:
            return
        if not failures:
            for position in positions:
                self._store.acknowledge(position, 0, PERSISTENT)
            return
        # What of it was stored elsewhere is not known: it may come twice, and must not be lost.
        again_ms = self._clock.now_ms() + RETRY_AFTER_MS
        for stored in self._stored(positions):
            self._counts[_message_of(stored)[0]] += 1
            heapq.heappush(self._due, again_ms << _POSITION_BITS | stored[0])
        self._schedule()

    def _messages(self, positions: list[int]) -> Iterator[tuple[str, QueueMessage]]:
        """Those of these positions, in this order."""
        on_disk = self._stored([position for position in positions if position not in self._resident])
        for position in positions:
            resident = self._leave(position)
            if resident is not None:
                yield resident
                continue
            try:
                stored = next(on_disk, None)
                if stored is not None:
                    yield _message_of(stored)[:2]
            except CorruptMessage as error:
                logger.error("a delayed message is lost", extra={"error": str(error), "directory": self._directory})

    def _leave(self, position: int) -> tuple[str, QueueMessage] | None:
        resident = self._resident.pop(position, None)
        if resident is not None:
            self._resident_bytes -= len(resident[1].body) + len(resident[1].properties) + _MESSAGE_BYTES
        return resident

    def _stored(self, positions: list[int]) -> Iterator[StoredMessage]:
        """Those of these positions, in this order; those that follow one another in one read."""
        ahead: dict[int, StoredMessage] = {}
        for index, position in enumerate(positions):
            if position not in ahead:
                following = index + 1
                while following < len(positions) and positions[following] == positions[following - 1] + 1:
                    following += 1
                found = self._store.read(position, following - index, _CHUNK_BYTES) if self._store is not None else []
                ahead = {stored[0]: stored for stored in found}
            if position in ahead:
                yield ahead.pop(position)
            else:
                logger.error("a delayed message is missing", extra={"position": position, "directory": self._directory})

    def _written(self, failures: Failures) -> None:
        self._unwritten.clear()

    def _taken_back(self, lost: list[tuple[int, int]]) -> None:
        """The store could not write these: whoever published them hears of it."""
        positions = {position for position, _ in lost}
        self._due = [due for due in self._due if due & _POSITION not in positions]
        heapq.heapify(self._due)
        for position in positions:
            self._counts[self._unwritten.pop(position)] -= 1
            self._leave(position)


class DelayingExchange:
    """The exchange as a recipient: what it gets, it keeps until it is due."""

    __slots__ = ("_delayed", "name")

    def __init__(self, name: str, delayed: DelayedMessages) -> None:
        self.name = name
        self._delayed = delayed

    def publish(self, message: QueueMessage) -> bool:
        self._delayed.hold(self.name, message)
        return True


def arrived(message: QueueMessage) -> QueueMessage:
    """The message as it goes on once it was delayed."""
    properties = with_headers(message.properties, {"x-delay": -(message.attributes.delay_ms or 0)})
    return QueueMessage(message.exchange, message.routing_key, properties, message.body, read_attributes(properties), message.other_keys)


def _message_of(stored: StoredMessage) -> tuple[str, QueueMessage, int]:
    """The exchange that keeps it, the message, and when it is due."""
    _, data, start, end, *_ = stored
    name_end = start + _NAME_LENGTH.size + _NAME_LENGTH.unpack_from(data, start)[0]
    name = data[start + _NAME_LENGTH.size : name_end].decode("utf-8", "surrogateescape")
    message, _, due_ms = read_message(data, name_end, end)
    return name, message, due_ms


def _weightless(data: bytes, start: int, end: int) -> int:
    return 0
