"""Queues that run without a server: a clock set by hand, files in memory, exchanges that are a table, and clients that remember."""

import itertools
from collections.abc import Callable

from message_queues.broker.clock import ManualClock, Timers, advance
from message_queues.broker.queues.backlog import BacklogHome, Residence
from message_queues.broker.queues.consumer import Delivering
from message_queues.broker.queues.dead_letter_office import DeadLetterTarget
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.queue import Queue
from message_queues.broker.queues.queue_arguments import CLASSIC, QUORUM
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.queue_identity import QueueIdentity
from message_queues.broker.queues.queue_settings import DEFAULT_SETTINGS, QueueSettings
from message_queues.broker.queues.version import rabbit_version
from message_queues.records.field_table import FieldTable
from message_queues.records.properties import Properties, read_attributes, write_properties
from message_queues.storage.filesystem import FileSystem, MemoryFileSystem
from message_queues.storage.group_commit import GroupCommit
from message_queues.storage.message_store import StoreHome, run_at_once
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.shared_log import SharedLog, SharedLogSettings

__all__ = ["CLASSIC", "QUORUM", "Client", "QueueWorld", "bodies", "message", "text"]

DIRECTORY = "/data/queues"


def message(
    body: str = "m",
    routing_key: str = "q",
    exchange: str = "",
    *,
    is_persistent: bool = True,
    priority: int | None = None,
    expiration: str | None = None,
    headers: FieldTable | None = None,
    other_keys: tuple[str, ...] = (),
) -> QueueMessage:
    properties = write_properties(
        Properties(delivery_mode=2 if is_persistent else 1, priority=priority, expiration=expiration, headers=headers)
    )
    return QueueMessage(exchange, routing_key, properties, body.encode(), read_attributes(properties), other_keys)


def text(entry: Entry | None) -> str:
    assert entry is not None
    return entry.message.body.decode()


def bodies(entries: list[Entry]) -> list[str]:
    return [text(entry) for entry in entries]


class Client:
    """A consumer with a prefetch count; what it was given is in `held` until it says what became of it."""

    def __init__(
        self,
        prefetch_count: int = 0,
        *,
        tag: str = "client",
        no_ack: bool = False,
        is_exclusive: bool = False,
        is_paused: bool = False,
        priority: int = 0,
        arguments: FieldTable | None = None,
    ) -> None:
        self.tag = tag
        self.no_ack = no_ack
        self.is_exclusive = is_exclusive
        self.priority = priority
        self.arguments: FieldTable = arguments or {}
        self.is_active = True
        self.prefetch_count = prefetch_count
        self.can_take = not is_paused
        self.held: list[Entry] = []
        self.given: list[str] = []
        """Bodies, of all that it ever got."""
        self.redelivered: list[bool] = []
        self.cancellations: list[int] = []

    def deliver(self, queue: Delivering, entry: Entry) -> None:
        assert self.can_take, "it cannot take more"
        self.given.append(text(entry))
        self.redelivered.append(entry.redelivered)
        if not self.no_ack:
            self.held.append(entry)
            self._note()

    def cancelled(self, reason: int) -> None:
        self.cancellations.append(reason)

    def acknowledge(self, queue: Queue, count: int | None = None) -> None:
        self._settle(queue, count, queue.acknowledge)

    def reject(self, queue: Queue, count: int | None = None) -> None:
        self._settle(queue, count, queue.reject)

    def give_back(self, queue: Queue, why: int, count: int | None = None) -> None:
        entries, self.held = self.held[:count], self.held[count:] if count is not None else []
        self._note()
        queue.requeue(entries, why)
        if self in queue.consumers:
            queue.consumer_ready(self)

    def _settle(self, queue: Queue, count: int | None, settle: Callable[[Entry], None]) -> None:
        for entry in self.held[:count]:
            self.held.remove(entry)
            settle(entry)
            self._note()
            queue.consumer_ready(self)

    def _note(self) -> None:
        self.can_take = not self.prefetch_count or len(self.held) < self.prefetch_count


class QueueWorld:
    """Whatever a broker gives its queues. `exchanges`: names and the queues bound to them; the default exchange is there anyway."""

    def __init__(
        self,
        version: str = "4.3",
        file_system: FileSystem | None = None,
        residence_bytes: int = 1 << 20,
        *,
        syncs: bool = False,
        log: SharedLogSettings | None = None,
    ) -> None:
        """`syncs`: nothing is durable before it would survive a power cut. `log`: None is the usual one."""
        self.version = version
        self.file_system = file_system or MemoryFileSystem()
        self.clock = ManualClock()
        self.exchanges: dict[str, list[str]] = {}
        self.identities: dict[str, tuple[QueueIdentity, QueueSettings]] = {}
        self.unused: list[str] = []
        self._residence_bytes = residence_bytes
        self._log_settings = log or SharedLogSettings()
        self._syncs = syncs
        self._ids = itertools.count(1)
        self._start()
        self.log.opened()

    def _start(self) -> None:
        self._soon: list[Callable[[], None]] = []
        self.timers = Timers(self.clock)
        self.group_commit = GroupCommit(self._soon.append, run_at_once if self._syncs else None)
        self.residence = Residence(self._residence_bytes)
        self.queues: dict[str, Queue] = {}
        open_files = OpenFiles(self.file_system)
        self.log = SharedLog(open_files, self.group_commit, DIRECTORY, run_at_once, self._log_settings)
        self.home = QueueHome(
            clock=self.clock,
            timers=self.timers,
            call_soon=self._soon.append,
            group_commit=self.group_commit,
            backlogs=BacklogHome(StoreHome(open_files, self.group_commit, log=self.log), self.residence),
            directory=DIRECTORY,
            dead_letters=self,
            version=rabbit_version(self.version),
        )

    def declare(
        self,
        name: str = "q",
        kind: str = CLASSIC,
        settings: QueueSettings = DEFAULT_SETTINGS,
        *,
        is_durable: bool = True,
        is_auto_delete: bool = False,
    ) -> Queue:
        identity = QueueIdentity(name, "/", next(self._ids).to_bytes(16), kind, is_durable, is_auto_delete)
        self.identities[name] = identity, settings
        return self._open(name)

    def _open(self, name: str) -> Queue:
        identity, settings = self.identities[name]
        queue = self.queues[name] = Queue(identity, settings, self.home, self._is_unused)
        return queue

    def _is_unused(self, queue: Queue) -> None:
        self.unused.append(queue.name)
        self.delete(queue.name)

    def delete(self, name: str) -> int:
        del self.identities[name]
        return self.queues.pop(name).delete()

    def dead_letter_targets(self, virtual_host: str, exchange: str, message: QueueMessage) -> list[DeadLetterTarget] | None:
        names = [message.routing_key, *message.other_keys] if not exchange else self.exchanges.get(exchange)
        return None if names is None else [self.queues[name] for name in dict.fromkeys(names) if name in self.queues]

    # Time, turns and crashes

    def turn(self) -> None:
        """Whatever was left for later happens, until nothing is left."""
        while self._soon:
            self._soon.pop(0)()

    def advance(self, elapsed_ms: int) -> None:
        advance(self.clock, self.timers, self.clock.now_ms() + elapsed_ms)
        self.turn()
        while self.timers.fire_due():
            self.turn()

    def restart(self) -> None:
        """kill -9: what was written is there, nothing else; queues that are not durable are gone."""
        if isinstance(self.file_system, MemoryFileSystem):
            self.file_system.restart()
        self.identities = {name: known for name, known in self.identities.items() if known[0].is_durable}
        self._start()
        for name in self.identities:
            self._open(name)
        self.log.opened()

    def stop_and_start(self) -> None:
        self.turn()
        for queue in self.queues.values():
            queue.close()
        self.log.close()
        self.turn()
        self.restart()

    def drained(self, name: str = "q") -> list[str]:
        """The ready messages, in order, taken for good."""
        found = []
        while (entry := self.queues[name].get(no_ack=True)) is not None:
            found.append(text(entry))
        return found
