"""The messages of one queue on disk, and which of them are in memory, too.

    known       entries that somebody holds by themselves: received ones, those that came back, those of message groups, by position
    paged out   those from `paged_from` on that nobody holds, on disk only; they are read ahead in order, in chunks

What is appended is shown once it is durable: reading ahead ends before the first message that is not (`shown_end`). A message let go of
when memory is short (`Residence`, shared by all queues) is read again when it is needed. Each message that was received has its state in
the store, see receive_state.py.
"""

from collections.abc import Callable, Iterator
from typing import Final

from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.message import SqsMessage
from message_queues.broker.sqs.receive_state import pack_state, unpack_state
from message_queues.broker.sqs.stored import Times, is_remembered, read_message, read_times, weigh, write_message
from message_queues.errors import CorruptMessage, DamagedFile
from message_queues.storage.group_commit import Failures
from message_queues.storage.message_store import PERSISTENT, MessageStore, StoredMessage

ENTRY_BYTES: Final = 600
"""What an entry and its message take in memory besides body and attributes."""
CHUNK_MESSAGES: Final = 1000
CHUNK_BYTES: Final = 512 * 1024
NEVER: Final = 1 << 62
_CLOCK_BITS: Final = 16


class Shelf:
    __slots__ = (
        "_bytes_to_note",
        "_directory",
        "_going",
        "_home",
        "_is_fifo",
        "_residence",
        "_shrink",
        "_store",
        "_taken_back",
        "known",
        "next_position",
        "paged_count",
        "paged_from",
        "resident_bytes",
        "shown_end",
    )

    def __init__(
        self, home: SqsHome, directory: str, is_fifo: bool, taken_back: Callable[[set[int]], None], shrink: Callable[[], None]
    ) -> None:
        """What `directory` holds, which need not exist. `taken_back` is told the positions of messages that could not be written;
        `shrink` is asked for memory.

        Raises StorageError and DamagedFile.
        """
        self._home = home
        self._directory = directory
        self._is_fifo = is_fifo
        self._residence = home.residence
        self._taken_back = taken_back
        self._shrink = shrink
        self.resident_bytes = 0
        self._bytes_to_note = home.residence.noted_bytes
        self._going: set[int] = set()
        self.known: dict[int, Entry] = {}
        self.paged_count = 0
        """Visible ones that nobody holds."""
        self.paged_from = NEVER
        # Positions ascend through all lives, also where a queue was empty in between: sequence numbers are made of them.
        self.next_position = home.clock.now_ms() << _CLOCK_BITS
        self._store: MessageStore | None = None
        if home.stores.open_files.file_system.exists(directory):
            store = self._open_store()
            self.next_position = max(self.next_position, store.next_position)
        self.shown_end = self.next_position

    def begin_behind(self, position: int) -> None:
        """Positions up to this one were had by messages that are gone."""
        self.next_position = self.shown_end = max(self.next_position, position + 1)

    # In.

    def append(self, message: SqsMessage, delayed_until_ms: int, is_remembered: bool = True) -> Entry:
        """The message is stored with the next flush."""
        position = self.next_position
        self.next_position = position + 1
        size = len(message.body)
        if message.attributes:
            size += sum(len(each.name) + len(each.data_type) + len(each.value) for each in message.attributes)
        (self._store or self._open_store()).append(position, write_message(message, delayed_until_ms, is_remembered), 0, True)
        cost = size + ENTRY_BYTES
        self._residence.used_bytes += cost
        resident_bytes = self.resident_bytes = self.resident_bytes + cost
        if resident_bytes > self._bytes_to_note:
            self._note_size()
        return Entry(position, message.sent_ms, delayed_until_ms, message, message.group_id, size)

    # Out.

    def settle(self, entry: Entry) -> None:
        """The message is gone for ever."""
        if entry.message is not None:
            entry.message = None
            cost = entry.size + ENTRY_BYTES
            self._residence.used_bytes -= cost
            self.resident_bytes -= cost
        entry.is_gone = True
        position = entry.position
        self.known.pop(position, None)
        if self._store is not None:
            self._store.acknowledge(position, 0, PERSISTENT)

    def drop(self, entry: Entry) -> None:
        """The message is in memory no longer, nor will it be."""
        if entry.message is not None:
            self.let_go(entry)
        entry.is_gone = True
        self.known.pop(entry.position, None)

    def hide(self, entry: Entry) -> None:
        """The message is gone for everybody but the disk, until `settle_position`."""
        self.drop(entry)
        self._going.add(entry.position)

    def settle_position(self, position: int) -> None:
        """Of a message that nobody holds."""
        self._going.discard(position)
        if self._store is not None:
            self._store.acknowledge(position, 0, PERSISTENT)

    def note(self, entry: Entry) -> None:
        """The receive state of the entry has changed."""
        if self._store is not None:
            state = pack_state(entry.sent_ms, entry.receive_count, entry.first_received_ms, entry.until_ms)
            self._store.returned(entry.position, *state)

    def purge(self) -> None:
        """All messages go; raises StorageError."""
        for entry in self.known.values():
            entry.is_gone = True
        self.known.clear()
        self._going.clear()
        if self._store is not None:
            self._store.purge(0)
        self._residence.used_bytes -= self.resident_bytes
        self.resident_bytes = 0
        self.paged_count = 0
        self.paged_from = NEVER

    # Memory.

    @property
    def is_short(self) -> bool:
        residence = self._residence
        return residence.used_bytes >= residence.limit_bytes or self.resident_bytes >= residence.share_bytes

    def has_room(self) -> bool:
        """Whether one more may be kept in memory; others are asked for room."""
        residence = self._residence
        return not self.is_short or (self.resident_bytes < residence.share_bytes and residence.make_room(self))

    def let_go(self, entry: Entry) -> None:
        """Its message is on disk only."""
        if entry.message is not None:
            entry.message = None
            cost = entry.size + ENTRY_BYTES
            self._residence.used_bytes -= cost
            self.resident_bytes -= cost

    def message_of(self, entry: Entry) -> SqsMessage:
        message = entry.message
        if message is None:
            found = self._store.read(entry.position, 1, 1) if self._store is not None else []
            if not found or found[0][0] != entry.position:
                raise DamagedFile(self._directory, entry.position, f"message {entry.position} is missing")
            message = entry.message = self._read(found[0])
            self._take_up(entry.size + ENTRY_BYTES)
        return message

    def shrink(self) -> None:
        """Another queue needs the memory."""
        self._shrink()
        if self.resident_bytes < self._residence.noted_bytes:
            self._residence.forget(self)
            self._bytes_to_note = self._residence.noted_bytes

    def _take_up(self, cost: int) -> None:
        self._residence.used_bytes += cost
        self.resident_bytes += cost
        if self.resident_bytes > self._bytes_to_note:
            self._note_size()

    def _note_size(self) -> None:
        """This one is large enough to be asked for room."""
        self._bytes_to_note = NEVER
        self._residence.note(self)

    # What is paged out.

    def page_out(self, entry: Entry) -> None:
        """Of a visible entry that nobody holds any more, and that no other one that is paged out follows directly but later ones."""
        self.let_go(entry)
        self.count_paged(entry.position)

    def count_paged(self, position: int) -> None:
        """One more is visible, and on disk only."""
        self.paged_count += 1
        self.paged_from = min(self.paged_from, position)

    def left_behind(self, position: int) -> bool:
        """A delay is over: whether reading ahead will come to the message."""
        if self.paged_count and position >= self.paged_from:
            self.paged_count += 1
            return True
        return False

    def unpage(self, count: int) -> None:
        """So many of those that are paged out are settled."""
        self.paged_count -= count
        if not self.paged_count:
            self.paged_from = NEVER

    def read_ahead(self, now_ms: int, at_most: int = CHUNK_MESSAGES) -> list[Entry]:
        """The next of what is paged out, in order; nobody holds them yet. Those whose own delay is not over are passed over."""
        entries: list[Entry] = []
        while self.paged_count and not entries:
            chunk = self._chunk(self.paged_from, min(at_most, CHUNK_MESSAGES))
            if not chunk:
                raise DamagedFile(self._directory, 0, f"{self.paged_count} messages from position {self.paged_from} on are missing")
            entries += [
                self.entry_of(stored)
                for stored in chunk
                if stored[0] not in self.known and self.times_of(stored).delayed_until_ms <= now_ms
            ]
            self.paged_from = chunk[-1][0] + 1
            self.unpage(len(entries))
        return entries

    def at(self, positions: list[int]) -> Iterator[Entry]:
        """The entries at these positions, which ascend; those that follow one another in one read."""
        index = 0
        while index < len(positions):
            following = index + 1
            while following < len(positions) and positions[following] == positions[following - 1] + 1:
                following += 1
            wanted = set(positions[index:following])
            position = positions[index]
            while wanted:
                chunk = self._store.read(position, len(wanted), CHUNK_BYTES) if self._store is not None else []
                if not chunk:
                    raise DamagedFile(self._directory, position, f"message {position} is missing")
                for stored in chunk:
                    if stored[0] in wanted:
                        wanted.discard(stored[0])
                        yield self.entry_of(stored)
                position = chunk[-1][0] + 1
            index = following

    def all_shown(self, position: int = 0) -> Iterator[StoredMessage]:
        """All messages from a position on that are shown, whoever holds them, in order."""
        while chunk := self._chunk(position):
            yield from chunk
            position = chunk[-1][0] + 1

    def _chunk(self, position: int, at_most: int = CHUNK_MESSAGES) -> list[StoredMessage]:
        found = self._store.read(position, at_most, CHUNK_BYTES) if self._store is not None else []
        if found and (found[-1][0] >= self.shown_end or self._going):
            shown = [stored for stored in found if stored[0] < self.shown_end and stored[0] not in self._going]
            if not shown and found[-1][0] < self.shown_end:
                return self._chunk(found[-1][0] + 1, at_most)
            return shown
        return found

    def entry_of(self, stored: StoredMessage) -> Entry:
        """With its message, which counts as being in memory."""
        position, _, start, end, _, counts = stored
        message = self._read(stored)
        entry = Entry(position, message.sent_ms, 0, message, message.group_id, end - start)
        entry.until_ms = self.times_of(stored).delayed_until_ms
        if counts is not None:
            entry.receive_count, entry.first_received_ms, entry.until_ms = unpack_state(message.sent_ms, counts)
            entry.received_ms = entry.first_received_ms
        self._take_up(entry.size + ENTRY_BYTES)
        return entry

    def times_of(self, stored: StoredMessage) -> Times:
        try:
            return read_times(stored[1], stored[2], stored[3])
        except CorruptMessage as error:
            raise DamagedFile(self._directory, stored[0], f"message {stored[0]} cannot be read: {error}") from error

    def _read(self, stored: StoredMessage) -> SqsMessage:
        position, data, start, end, _, _ = stored
        try:
            return read_message(data, start, end, position, self._is_fifo)
        except (CorruptMessage, UnicodeDecodeError) as error:
            raise DamagedFile(self._directory, position, f"message {position} cannot be read: {error}") from error

    def is_remembered(self, stored: StoredMessage) -> bool:
        """Whether its deduplication id counts for those who send to this queue."""
        return is_remembered(stored[1], stored[2])

    def peeked(self, stored: StoredMessage) -> SqsMessage:
        """The message, for looking at."""
        return self._read(stored)

    # The end.

    def close(self) -> None:
        """What is stored stays for the next opening."""
        self._forget()
        if self._store is not None:
            self._store.close()
            self._store = None

    def delete(self) -> None:
        """With all that is on disk."""
        self._forget()
        if self._store is not None:
            self._store.delete()
            self._store = None

    def is_failing(self, failures: Failures) -> bool:
        """Whether this commit did not make what was appended durable."""
        return self._store is not None and self._store in failures

    def _forget(self) -> None:
        self._residence.forget(self)
        self._residence.used_bytes -= self.resident_bytes
        self.resident_bytes = 0
        for entry in self.known.values():
            entry.is_gone = True
        self.known.clear()
        self.paged_count = 0
        self.paged_from = NEVER

    def _open_store(self) -> MessageStore:
        store = self._store = MessageStore(self._home.stores, self._directory, weigh, self._lost)
        return store

    def _lost(self, lost: list[tuple[int, int]]) -> None:
        self._taken_back({position for position, _ in lost})
