"""Backlogs for tests: messages of known bytes, a budget to choose, turns taken by hand."""

from message_queues.broker.queues.backlog import Backlog, BacklogHome, Residence
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.records.properties import EMPTY_PROPERTIES, Properties, read_attributes, write_properties
from message_queues.storage.filesystem import FileSystem
from message_queues.storage.message_store import MessageStoreSettings
from tests.storage.messages import SMALL, Turns, home

DIRECTORY = "/data/queues/q/0"
PERSISTENT_PROPERTIES = write_properties(Properties(delivery_mode=2))


def published(number: int, size: int = 20, is_persistent: bool = True, other_keys: tuple[str, ...] = ()) -> QueueMessage:
    properties = PERSISTENT_PROPERTIES if is_persistent else EMPTY_PROPERTIES
    body = b"%d:" % number + b"b" * size
    return QueueMessage("orders", f"key.{number % 3}", properties, body, read_attributes(properties), other_keys)


class Room:
    """One process: a file system, a budget, and what is committed when told."""

    def __init__(self, file_system: FileSystem, limit_bytes: int = 1 << 20, settings: MessageStoreSettings = SMALL) -> None:
        self.turns = Turns()
        self.residence = Residence(limit_bytes)
        self.home = BacklogHome(home(file_system, self.turns, settings), self.residence)

    def backlog(self, directory: str = DIRECTORY, is_durable: bool = True, keeps_counts: bool = False) -> Backlog:
        return Backlog(self.home, directory, 0, is_durable, keeps_counts)

    def commit(self) -> None:
        self.turns.take()


def bodies(entries: list[Entry]) -> list[int]:
    return [int(entry.message.body.split(b":")[0]) for entry in entries]


def drained(backlog: Backlog) -> list[int]:
    """Everything popped and settled."""
    found = []
    while (entry := backlog.pop()) is not None:
        found.append(entry)
        assert entry.size == len(entry.message.body)
        backlog.settle(entry)
    return bodies(found)
