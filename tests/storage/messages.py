"""Message stores for tests: messages of known bytes, turns of a group commit run by hand."""

from collections.abc import Callable

from message_queues.storage.filesystem import FileSystem, MemoryFileSystem
from message_queues.storage.group_commit import GroupCommit
from message_queues.storage.message_segment import StoredMessage
from message_queues.storage.message_store import PERSISTENT, TRANSIENT, MessageStore, MessageStoreSettings, StoreHome
from message_queues.storage.open_files import OpenFiles

DIRECTORY = "/data/queues/q/0"
SMALL = MessageStoreSettings(
    segment_bytes=700, unsealed_segments=1, least_rewritten_bytes=0, flushes_between_looks=0, least_closing_bytes=300
)
"""About seven messages make a segment."""


def weigh(data: bytes, start: int, end: int) -> int:
    return end - start


def memory(seed: int = 0) -> MemoryFileSystem:
    file_system = MemoryFileSystem(seed)
    file_system.make_directories("/data/queues")
    for path in ("/data/queues", "/data", "/"):
        file_system.sync_directory(path)
    return file_system


class Turns:
    """The turns of an event loop, taken when told."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, action: Callable[[], None]) -> None:
        self.soon.append(action)

    def take(self) -> None:
        while self.soon:
            self.soon.pop(0)()


def home(file_system: FileSystem, turns: Turns | None = None, settings: MessageStoreSettings = SMALL, limit: int = 64) -> StoreHome:
    return StoreHome(OpenFiles(file_system, limit), GroupCommit((turns or Turns()).call_soon), settings=settings)


def open_store(file_system: FileSystem, settings: MessageStoreSettings = SMALL) -> MessageStore:
    return MessageStore(home(file_system, settings=settings), DIRECTORY, weigh)


def content(position: int, size: int = 40) -> bytes:
    return b"%d:" % position + b"m" * size


def add(store: MessageStore, position: int, size: int = 40, is_persistent: bool = True) -> bytes:
    data = content(position, size)
    store.append(position, (data[:1], data[1:3], data[3:]), len(data), is_persistent)
    return data


def commit(store: MessageStore, syncing: bool = False) -> None:
    store.flush()
    if syncing:
        sync(store)
    store.committed()


def sync(store: MessageStore) -> None:
    work = store.begin_sync()
    assert work is not None
    work()


def fill(store: MessageStore, count: int, turn: int = 3, first: int = 0, is_persistent: bool = True) -> None:
    for position in range(first, first + count):
        add(store, position, is_persistent=is_persistent)
        if position % turn == 0:
            commit(store)
    commit(store)


def all_stored(store: MessageStore, first: int = 0, max_messages: int = 5, max_bytes: int = 1000) -> list[StoredMessage]:
    found: list[StoredMessage] = []
    while chunk := store.read(first, max_messages, max_bytes):
        found += chunk
        first = chunk[-1][0] + 1
    return found


def contents(store: MessageStore, first: int = 0, max_messages: int = 5, max_bytes: int = 1000) -> dict[int, bytes]:
    return {stored[0]: stored[1][stored[2] : stored[3]] for stored in all_stored(store, first, max_messages, max_bytes)}


def acknowledge(store: MessageStore, *positions: int, size: int = 40, where: int = PERSISTENT) -> None:
    for position in positions:
        store.acknowledge(position, len(content(position, size)), where)


__all__ = ["PERSISTENT", "TRANSIENT"]
