"""What was sent to a FIFO queue in the last five minutes, so that it is not stored twice, though it may be deleted already.

Source: Developer Guide, "Exactly-once processing in Amazon SQS" and "Using the message deduplication ID": the interval is five minutes from
the first send, and goes on after the message was received and deleted.

While a message is stored it is its own proof. Before it goes within the five minutes, a trace of it is stored here; the message goes once
the trace is durable, and a message that has a trace is gone whatever its own store says: so no crash forgets one of the two. A trace is a
record in a message store of its own:

    position  bytes  field
    0         8      position of the message in its queue
    8         8      when it was sent, ms since the epoch
    16        …      key, to the end
"""

import struct
from collections import deque
from typing import Final

from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.message import SqsMessage
from message_queues.broker.sqs.stored import weigh
from message_queues.errors import DamagedFile
from message_queues.storage.group_commit import Failures
from message_queues.storage.message_store import PERSISTENT, MessageStore

INTERVAL_MS: Final = 5 * 60 * 1000
_TRACE = struct.Struct(">qq")
_POSITION_BITS: Final = 63
_POSITION: Final = (1 << _POSITION_BITS) - 1
_CHUNK_MESSAGES: Final = 1000
_CHUNK_BYTES: Final = 512 * 1024
_CLOCK_BITS: Final = 16


class Deduplication:
    __slots__ = ("_directory", "_home", "_next_position", "_order", "_remembered", "_store", "_traces", "deleted")

    def __init__(self, home: SqsHome, directory: str) -> None:
        """Raises StorageError and DamagedFile."""
        self._home = home
        self._directory = directory
        self._remembered: dict[str, int] = {}
        """By key: when it was sent, where it is or was, and whether there is a trace, in one number."""
        self._order: deque[str] = deque()
        """Keys, the first sent first."""
        self._traces: deque[tuple[int, int]] = deque()
        """When each was sent, and its position in the store here."""
        self._next_position = home.clock.now_ms() << _CLOCK_BITS
        self._store: MessageStore | None = None
        self.deleted: set[int] = set()
        """At opening: positions of messages that are gone, whether their store knows it or not."""
        if home.stores.open_files.file_system.exists(directory):
            self._load()

    def position_of(self, key: str, now_ms: int) -> int | None:
        """Where the message with this key is or was, if that was sent within the interval."""
        packed = self._remembered.get(key)
        if packed is None or (packed >> _POSITION_BITS + 1) + INTERVAL_MS <= now_ms:
            return None
        return packed >> 1 & _POSITION

    def remember(self, key: str, position: int, sent_ms: int, now_ms: int) -> None:
        self._forget_old(now_ms)
        self._remembered[key] = sent_ms << _POSITION_BITS + 1 | position << 1
        self._order.append(key)

    def forget(self, key: str, position: int) -> None:
        """The message could not be stored."""
        packed = self._remembered.get(key)
        if packed is not None and packed >> 1 & _POSITION == position:
            del self._remembered[key]

    def leave_trace(self, key: str, position: int, now_ms: int) -> bool:
        """The message will go. False: it is not remembered any more, and may go at once."""
        self._forget_old(now_ms)
        packed = self._remembered.get(key)
        if packed is None or packed >> 1 & _POSITION != position:
            return False
        sent_ms = packed >> _POSITION_BITS + 1
        if sent_ms + INTERVAL_MS <= now_ms:
            return False
        if not packed & 1:
            self._remembered[key] = packed | 1
            self._write(key, position, sent_ms)
        return True

    def leave_all_traces(self, now_ms: int) -> None:
        """All messages will go."""
        for key, packed in list(self._remembered.items()):
            self.leave_trace(key, packed >> 1 & _POSITION, now_ms)

    def _write(self, key: str, position: int, sent_ms: int) -> None:
        at = self._next_position
        self._next_position = at + 1
        trace = _TRACE.pack(position, sent_ms), key.encode("utf-8", "surrogatepass"), b""
        (self._store or self._open_store()).append(at, trace, 0, True)
        self._traces.append((sent_ms, at))

    def _forget_old(self, now_ms: int) -> None:
        last_ms = now_ms - INTERVAL_MS
        order, remembered = self._order, self._remembered
        while order:
            packed = remembered.get(order[0])
            if packed is not None:
                if packed >> _POSITION_BITS + 1 > last_ms:
                    break
                del remembered[order[0]]
            order.popleft()
        traces = self._traces
        while traces and traces[0][0] <= last_ms:
            assert self._store is not None
            self._store.acknowledge(traces.popleft()[1], 0, PERSISTENT)

    def is_failing(self, failures: Failures) -> bool:
        return self._store is not None and self._store in failures

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def delete(self) -> None:
        if self._store is not None:
            self._store.delete()
            self._store = None

    def _open_store(self) -> MessageStore:
        store = self._store = MessageStore(self._home.stores, self._directory, weigh)
        return store

    def _load(self) -> None:
        store = self._open_store()
        self._next_position = max(self._next_position, store.next_position)
        found: list[tuple[int, int, int, str]] = []
        at = 0
        while chunk := store.read(at, _CHUNK_MESSAGES, _CHUNK_BYTES):
            for here, data, start, end, _, _ in chunk:
                if end - start < _TRACE.size:
                    raise DamagedFile(self._directory, here, f"{end - start} bytes are too few for a trace")
                position, sent_ms = _TRACE.unpack_from(data, start)
                found.append((sent_ms, here, position, data[start + _TRACE.size : end].decode("utf-8", "surrogatepass")))
            at = chunk[-1][0] + 1
        for sent_ms, here, position, key in sorted(found):
            self.deleted.add(position)
            self._traces.append((sent_ms, here))
            self._remembered[key] = sent_ms << _POSITION_BITS + 1 | position << 1 | 1
            self._order.append(key)

    def loaded(self, present: list[tuple[int, int, str]]) -> None:
        """At opening: when each message that is there was sent, its position and key."""
        for sent_ms, position, key in present:
            self._remembered[key] = sent_ms << _POSITION_BITS + 1 | position << 1
            self._order.append(key)
        self._order = deque(sorted(self._remembered, key=self._remembered.__getitem__))
        self.deleted.clear()


def key_of(message: SqsMessage, is_scoped_by_group: bool) -> str:
    return sent_key(message.group_id, message.deduplication_id, is_scoped_by_group)


def sent_key(group_id: str | None, deduplication_id: str | None, is_scoped_by_group: bool) -> str:
    return f"{group_id}\0{deduplication_id}" if is_scoped_by_group else deduplication_id or ""


def moved_key(message: SqsMessage) -> str:
    """Of a message that another queue brings: its senders do not count it, but it comes once, even if that queue forgot that it did.

    Two queues may be each other's dead letter queues: it comes again after it was received again.
    """
    return f"\1{message.id_bytes.hex()}\0{message.earlier_receives}"
