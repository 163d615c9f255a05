"""The messages of one priority level of one queue, in order: a window in memory over a message store.

    returned    delivered before and put back; the oldest of all, by position
    window      in memory, in order; may be on disk, too
    paged out   on disk only, all of them later than the window; read in chunks when the window is empty

A message goes to the store at once if it is persistent (or its queue a quorum queue) and the queue durable, so that its confirm can
wait for the group commit; else only when memory is over budget. While anything is paged out, what is pushed follows it there. The
budget is `Residence`, shared by all backlogs: one that is over it pages out what the largest others hold on disk anyway. A backlog
has a small window whatever the budget says, so that each one moves.

An entry that was popped belongs to whoever popped it until `settle` or `put_back`. `release` lets go of its message meanwhile when
memory is short; it is read again when the entry comes back.
"""

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice
from typing import Final, Protocol

from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.stored_message import body_bytes, read_message, write_message
from message_queues.errors import CorruptMessage, DamagedFile
from message_queues.records.properties import EMPTY_PROPERTIES, read_attributes
from message_queues.storage.message_store import PERSISTENT, TRANSIENT, MessageStore, StoredMessage, StoreHome

ENTRY_BYTES: Final = 450
"""What an entry and its message take in memory besides properties and body."""

_LEAST_MESSAGES: Final = 16
_LEAST_MESSAGE_BYTES: Final = 4096
"""So many messages of this size are in the window whatever the budget says."""
_CHUNK_MESSAGES: Final = 1000
_CHUNK_BYTES: Final = 512 * 1024
_SMALL_CHUNK_MESSAGES: Final = 64
_SMALL_CHUNK_BYTES: Final = 32 * 1024
_TRIES_BETWEEN: Final = 256
_NEVER: Final = 1 << 62

PAGED_OUT: Final = QueueMessage("", "", EMPTY_PROPERTIES, b"", read_attributes(EMPTY_PROPERTIES))
"""Stands for the message of an entry that was released."""


class Resident(Protocol):
    """Who keeps messages in memory."""

    def shrink(self) -> None:
        """Pages out some of those that the disk has."""
        ...


class Residence:
    """How many bytes all backlogs together keep in memory, and may."""

    __slots__ = ("_largest", "_pushes_to_next_try", "limit_bytes", "noted_bytes", "share_bytes", "used_bytes")

    def __init__(self, limit_bytes: int = 64 * 1024 * 1024) -> None:
        self.limit_bytes = limit_bytes
        self.share_bytes = limit_bytes // 2
        """What one backlog keeps at most."""
        self.noted_bytes = max(1, limit_bytes // 64)
        """Backlogs with more than this are asked for room."""
        self.used_bytes = 0
        self._largest: set[Resident] = set()
        self._pushes_to_next_try = 0

    def note(self, backlog: Resident) -> None:
        self._largest.add(backlog)

    def forget(self, backlog: Resident) -> None:
        self._largest.discard(backlog)

    def make_room(self, for_whom: Resident) -> bool:
        """Has the others page out what they have on disk anyway; whether that brought all below the limit."""
        if self._pushes_to_next_try:
            self._pushes_to_next_try -= 1
            return False
        for backlog in list(self._largest):
            if backlog is not for_whom:
                backlog.shrink()
            if self.used_bytes < self.limit_bytes:
                return True
        self._pushes_to_next_try = _TRIES_BETWEEN
        return False


@dataclass(frozen=True, slots=True)
class BacklogHome:
    """What all backlogs of a server share."""

    stores: StoreHome
    residence: Residence


class Backlog:
    __slots__ = (
        "_bytes_to_note",
        "_directory",
        "_home",
        "_inherited_before",
        "_keeps_counts",
        "_level",
        "_next_position",
        "_paged_count",
        "_paged_from",
        "_ready",
        "_residence",
        "_resident_bytes",
        "_returned",
        "_store",
        "_unwritten",
        "is_durable",
        "ready_bytes",
        "ready_count",
    )

    def __init__(self, home: BacklogHome, directory: str, level: int = 0, is_durable: bool = False, keeps_counts: bool = False) -> None:
        """The backlog that `directory` holds, which need not exist. With `keeps_counts`, which is for quorum queues,
        the counts of a returned entry survive a restart, and so does every message.

        Raises StorageError and DamagedFile. A directory belongs to one backlog.
        """
        self._home = home
        self._directory = directory
        self._level = level
        self._keeps_counts = keeps_counts
        self._residence = home.residence
        self._resident_bytes = 0
        """Of this backlog in memory: the window and what was popped and neither settled nor released."""
        self._bytes_to_note = home.residence.noted_bytes
        self._ready: deque[Entry] = deque()
        self._returned: list[tuple[int, Entry]] = []
        self._paged_count = 0
        self._paged_from = 0
        self._next_position = 0
        self._inherited_before = 0
        """Messages before this number are from an earlier life of the server."""
        self._store: MessageStore | None = None
        self._unwritten: set[int] = set()
        """Positions of popped entries whose flush failed."""
        self.is_durable = is_durable
        self.ready_count = 0
        self.ready_bytes = 0
        """Of the bodies."""
        if home.stores.exists(directory):
            store = self._open_store()
            self._next_position = self._inherited_before = store.next_position
            self._paged_from = 0
            self._paged_count = self.ready_count = store.count
            self.ready_bytes = store.weight

    # The ways in.

    def push(self, message: QueueMessage, now_ms: int, expires_at_ms: int = 0) -> Entry:
        """The message becomes the last one. The entry is for looking at; it is had by `pop`."""
        position = self._next_position
        self._next_position = position + 1
        body_size = len(message.body)
        entry = Entry(message, position, self._level, now_ms, expires_at_ms)
        entry.size = body_size
        self.ready_count += 1
        self.ready_bytes += body_size
        if self.is_durable and (message.attributes.is_persistent or self._keeps_counts):
            entry.stored = PERSISTENT
            (self._store or self._open_store()).append(position, write_message(message, now_ms, expires_at_ms), body_size, True)
        residence = self._residence
        is_short = self._paged_count or residence.used_bytes >= residence.limit_bytes or self._resident_bytes >= residence.share_bytes
        if is_short and not self._has_room(body_size):
            self._page_out(entry)
            return entry
        cost = body_size + len(message.properties) + ENTRY_BYTES
        residence.used_bytes += cost
        resident_bytes = self._resident_bytes = self._resident_bytes + cost
        if resident_bytes > self._bytes_to_note:
            self._bytes_to_note = _NEVER
            residence.note(self)
        self._ready.append(entry)
        return entry

    def admit(self, message: QueueMessage, now_ms: int, expires_at_ms: int = 0) -> Entry:
        """As push and then pop, of a message that nothing ready stands before: somebody waits for it."""
        position = self._next_position
        self._next_position = position + 1
        body_size = len(message.body)
        entry = Entry(message, position, self._level, now_ms, expires_at_ms)
        entry.size = body_size
        if self.is_durable and (message.attributes.is_persistent or self._keeps_counts):
            entry.stored = PERSISTENT
            (self._store or self._open_store()).append(position, write_message(message, now_ms, expires_at_ms), body_size, True)
        cost = body_size + len(message.properties) + ENTRY_BYTES
        self._residence.used_bytes += cost
        self._resident_bytes += cost
        return entry

    def put_back(self, entry: Entry) -> None:
        """A popped entry is ready again, where it was: before all that were never popped."""
        heappush(self._returned, (entry.position, entry))
        self.ready_count += 1
        self.ready_bytes += entry.size
        self.note_counts(entry)

    def note_counts(self, entry: Entry) -> None:
        """The counts of an entry that is not settled have changed."""
        if self._keeps_counts and entry.stored == PERSISTENT and self._store is not None:
            self._store.returned(entry.position, entry.delivery_count, entry.acquired_count)

    # The ways out.

    def pop(self) -> Entry | None:
        """The oldest ready entry; it comes back by `put_back`, or never by `settle`."""
        if self._returned:
            entry = heappop(self._returned)[1]
            if entry.message is PAGED_OUT:
                self._restore(entry)
        elif self._ready:
            entry = self._ready.popleft()
        elif self._paged_count:
            self._read_ahead()
            entry = self._ready.popleft()
        else:
            return None
        self.ready_count -= 1
        self.ready_bytes -= entry.size
        return entry

    def peek(self) -> Entry | None:
        """What `pop` would give."""
        if self._returned:
            entry = self._returned[0][1]
            if entry.message is PAGED_OUT:
                self._restore(entry)
            return entry
        if not self._ready:
            if not self._paged_count:
                return None
            self._read_ahead()
        return self._ready[0]

    def first(self, count: int) -> list[Entry]:
        """What as many `pop` would give, at most; they stay ready, in memory for the time being."""
        returned = sorted(self._returned)[:count]
        for _, entry in returned:
            if entry.message is PAGED_OUT:
                self._restore(entry)
        while len(returned) + len(self._ready) < count and self._paged_count:
            self._read_ahead()
        return [entry for _, entry in returned] + list(islice(self._ready, count - len(returned)))

    def settle(self, entry: Entry) -> None:
        """A popped entry is gone for ever: acknowledged, dropped, dead-lettered."""
        if self._unwritten:
            self._unwritten.discard(entry.position)
        if entry.stored and self._store is not None:
            self._store.acknowledge(entry.position, entry.size, entry.stored)
        message = entry.message
        if message is not PAGED_OUT:
            cost = entry.size + len(message.properties) + ENTRY_BYTES
            self._residence.used_bytes -= cost
            self._resident_bytes -= cost

    def purge(self) -> int:
        """All that is ready goes; what was popped stays. Returns how many."""
        count = self.ready_count
        for _, entry in self._returned:
            self.settle(entry)
        resident = sum(entry.size + len(entry.message.properties) + ENTRY_BYTES for entry in self._ready)
        self._residence.used_bytes -= resident
        self._resident_bytes -= resident
        if self._store is not None:
            first = self._ready[0].position if self._ready else self._paged_from if self._paged_count else self._next_position
            self._store.purge(first)
        self._ready.clear()
        self._returned = []
        self._paged_count = 0
        self.ready_count = self.ready_bytes = 0
        return count

    # Popped entries and memory.

    def release(self, entry: Entry) -> None:
        """Lets go of a popped entry's message if memory is short and the disk has it, once its delivery is written."""
        residence = self._residence
        if (
            entry.stored
            and residence.used_bytes >= residence.limit_bytes
            and entry.message is not PAGED_OUT
            and entry.position not in self._unwritten
        ):
            cost = entry.size + len(entry.message.properties) + ENTRY_BYTES
            residence.used_bytes -= cost
            self._resident_bytes -= cost
            entry.message = PAGED_OUT

    def message_of(self, entry: Entry) -> QueueMessage:
        """The message of a popped entry, released or not."""
        if entry.message is PAGED_OUT:
            self._restore(entry)
        return entry.message

    def shrink(self) -> None:
        """Pages out the newer half of the window, as far as the disk has it."""
        ready = self._ready
        goal = max(_LEAST_MESSAGES, len(ready) // 2)
        freed = 0
        while len(ready) > goal and ready[-1].stored:
            entry = ready.pop()
            freed += entry.size + len(entry.message.properties) + ENTRY_BYTES
            self._paged_count += 1
            self._paged_from = entry.position
        self._residence.used_bytes -= freed
        self._resident_bytes -= freed
        if self._resident_bytes < self._residence.noted_bytes:
            self._residence.forget(self)
            self._bytes_to_note = self._residence.noted_bytes

    # The end.

    def close(self) -> None:
        """What is stored stays for the next opening."""
        self._forget()
        if self._store is not None:
            self._store.close()
            self._store = None

    def delete(self) -> None:
        """With all that is on disk. Entries that are still out may be settled; nothing happens."""
        self._forget()
        if self._store is not None:
            self._store.delete()
            self._store = None

    def _forget(self) -> None:
        self._residence.forget(self)
        self._residence.used_bytes -= self._resident_bytes
        # Entries that come back later are no business of the others.
        self._residence = Residence()
        self._resident_bytes = 0
        self._ready.clear()
        self._returned = []
        self._paged_count = self.ready_count = self.ready_bytes = 0

    # Disk.

    def _open_store(self) -> MessageStore:
        store = self._store = MessageStore(self._home.stores, self._directory, body_bytes, self._taken_back)
        return store

    def _has_room(self, body_size: int) -> bool:
        """Whether a message may be kept in the window although the budget is spent."""
        if self._paged_count:
            return False
        if len(self._ready) < _LEAST_MESSAGES and body_size <= _LEAST_MESSAGE_BYTES:
            return True
        return self._resident_bytes < self._residence.share_bytes and self._residence.make_room(self)

    def _page_out(self, entry: Entry) -> None:
        if not entry.stored:
            entry.stored = TRANSIENT
            pieces = write_message(entry.message, entry.enqueued_ms, entry.expires_at_ms)
            (self._store or self._open_store()).append(entry.position, pieces, entry.size, False)
        if not self._paged_count:
            self._paged_from = entry.position
        self._paged_count += 1

    def _read_ahead(self) -> None:
        """Adds the oldest that are paged out to the window."""
        store = self._store
        residence = self._residence
        if residence.used_bytes < residence.limit_bytes:
            limits = _CHUNK_MESSAGES, _CHUNK_BYTES
        else:
            limits = _SMALL_CHUNK_MESSAGES, _SMALL_CHUNK_BYTES
        found = store.read(self._paged_from, *limits) if store is not None else []
        if not found:
            raise DamagedFile(self._directory, 0, f"{self._paged_count} messages from number {self._paged_from} on are missing")
        ready = self._ready
        resident = 0
        for stored in found:
            entry = self._entry_of(stored)
            resident += entry.size + len(entry.message.properties) + ENTRY_BYTES
            ready.append(entry)
        residence.used_bytes += resident
        self._resident_bytes += resident
        self._paged_count -= len(found)
        self._paged_from = found[-1][0] + 1

    def _entry_of(self, stored: StoredMessage) -> Entry:
        position, data, start, end, where, counts = stored
        try:
            message, enqueued_ms, expires_at_ms = read_message(data, start, end)
        except CorruptMessage as error:
            raise DamagedFile(self._directory, position, f"message {position} cannot be read: {error}") from error
        entry = Entry(message, position, self._level, enqueued_ms, expires_at_ms)
        entry.size = len(message.body)
        entry.stored = where
        if counts is not None:
            entry.delivery_count, entry.acquired_count = counts
            entry.redelivered = True
        elif position < self._inherited_before:
            # Nobody wrote down whether it was delivered before the server ended: it may have been.
            entry.redelivered = True
        return entry

    def _restore(self, entry: Entry) -> None:
        """Reads the message of a released entry again."""
        found = self._store.read(entry.position, 1, 1) if self._store is not None else []
        if not found or found[0][0] != entry.position:
            raise DamagedFile(self._directory, entry.position, f"message {entry.position} is missing")
        entry.message = self._entry_of(found[0]).message
        cost = entry.size + len(entry.message.properties) + ENTRY_BYTES
        self._residence.used_bytes += cost
        self._resident_bytes += cost

    def _taken_back(self, lost: list[tuple[int, int]]) -> None:
        """The store could not write these: whoever published them hears of it, so they are no longer in the queue."""
        weights = dict(lost)
        kept: deque[Entry] = deque()
        for entry in self._ready:
            if weights.pop(entry.position, None) is None:
                kept.append(entry)
            else:
                self._drop(entry)
        self._ready = kept
        for position, entry in self._returned:
            if weights.pop(position, None) is not None:
                entry.stored = 0
        if self._paged_count:
            for position in [position for position in weights if position >= self._paged_from]:
                self._paged_count -= 1
                self.ready_count -= 1
                self.ready_bytes -= weights.pop(position)
        # What is left was popped in the same turn; nothing else has it.
        self._unwritten.update(weights)

    def _drop(self, entry: Entry) -> None:
        self.ready_count -= 1
        self.ready_bytes -= entry.size
        cost = entry.size + len(entry.message.properties) + ENTRY_BYTES
        self._residence.used_bytes -= cost
        self._resident_bytes -= cost


def stored_levels(stores: StoreHome, directory: str) -> list[int]:
    """The levels that have a directory of their own, by number, below that of their queue."""
    return sorted(int(name) for name in stores.names_in(directory) if name.isdecimal())
