"""Queues of SQS that run without a server: a clock set by hand, files in memory, turns taken when told."""

from collections.abc import Callable, Mapping, Sequence

from message_queues.broker.clock import ManualClock, Timers, advance
from message_queues.broker.event import Event
from message_queues.broker.events import decode_event, encode_event
from message_queues.broker.queues.backlog import Residence
from message_queues.broker.sqs.chaos import Chaos
from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.message import NewMessage, Received, Sent
from message_queues.broker.sqs.queue import SqsQueue
from message_queues.broker.sqs.queues import QueueName, SqsQueues
from message_queues.broker.sqs.waiting import Waiting
from message_queues.storage.filesystem import FileSystem, MemoryFileSystem
from message_queues.storage.group_commit import GroupCommit
from message_queues.storage.message_store import MessageStoreSettings, StoreHome, run_at_once
from message_queues.storage.open_files import OpenFiles

DIRECTORY = "/data/queues"
REGION = "eu-west-1"
ACCOUNT = "000000000000"


def name_of(name: str) -> QueueName:
    return QueueName(REGION, ACCOUNT, name)


class SqsWorld:
    """Whatever a broker gives its queues. `syncs`: nothing is durable before it would survive a power cut."""

    def __init__(
        self,
        file_system: FileSystem | None = None,
        *,
        residence_bytes: int = 1 << 20,
        syncs: bool = False,
        chaos: int | None = None,
        store_settings: MessageStoreSettings | None = None,
        most_in_flight: int = 120_000,
        look_ahead: int = 120_000,
    ) -> None:
        self.file_system = file_system or MemoryFileSystem()
        self.clock = ManualClock()
        self._residence_bytes = residence_bytes
        self._syncs = syncs
        self._chaos = chaos
        self._store_settings = store_settings or MessageStoreSettings()
        self._most_in_flight = most_in_flight
        self._look_ahead = look_ahead
        self._journal: list[bytes] = []
        self._start()

    def _start(self) -> None:
        self._soon: list[Callable[[], None]] = []
        self.timers = Timers(self.clock)
        self.patience = Timers(self.clock)
        self.group_commit = GroupCommit(self._soon.append, run_at_once if self._syncs else None)
        self.residence = Residence(self._residence_bytes)
        self.queues = SqsQueues(self._commit)
        self.queues.open(
            SqsHome(
                clock=self.clock,
                timers=self.timers,
                patience=self.patience,
                group_commit=self.group_commit,
                stores=StoreHome(OpenFiles(self.file_system), self.group_commit, settings=self._store_settings),
                residence=self.residence,
                directory=DIRECTORY,
                remove_files=lambda directory: None,
                chaos=None if self._chaos is None else Chaos(self._chaos),
                most_in_flight=self._most_in_flight,
                look_ahead=self._look_ahead,
            )
        )
        for body in list(self._journal):
            event = decode_event(body)
            self.queues.appliers[type(event)](event)
        self.queues.start()

    def _commit(self, events: list[Event]) -> None:
        """The journal of this world is written at once, and never lost."""
        for event in events:
            self._journal.append(encode_event(event))
            self.queues.appliers[type(event)](event)

    # Queues.

    def create(self, name: str = "q", attributes: Mapping[str, str] | None = None, **settings: object) -> SqsQueue:
        given = {**(attributes or {}), **{each: str(value) for each, value in settings.items()}}
        if name.endswith(".fifo"):
            given["FifoQueue"] = "true"
        return self.queues.create(name_of(name), given, {})

    def queue(self, name: str = "q") -> SqsQueue:
        return self.queues.get(name_of(name))

    def send(self, body: str, name: str = "q", group: str | None = None, key: str | None = None, delay_s: int | None = None) -> Sent:
        return self.queue(name).send(NewMessage(body.encode(), group_id=group, deduplication_id=key, sender_id=ACCOUNT, delay_s=delay_s))

    def send_all(self, *bodies: str, name: str = "q", group: str | None = None) -> None:
        """And they are durable."""
        for body in bodies:
            self.send(body, name, group, body if name.endswith(".fifo") else None)
        self.turn()

    def receive(self, count: int = 10, name: str = "q", visibility_s: int | None = None, attempt_id: str | None = None) -> list[Received]:
        """What is there now."""
        answers: list[Sequence[Received]] = []
        self.queue(name).receive(count, visibility_s, 0, attempt_id, answers.append)
        assert len(answers) == 1
        self.turn()
        return list(answers[0])

    def bodies(self, count: int = 10, name: str = "q", visibility_s: int | None = None) -> list[str]:
        return bodies_of(self.receive(count, name, visibility_s))

    def wait(self, answers: list[list[str]], count: int = 10, name: str = "q", wait_s: float = 20) -> Waiting:
        return self.queue(name).receive(count, None, wait_s, None, lambda received: answers.append(bodies_of(received)))

    def counts(self, name: str = "q") -> tuple[int, int, int]:
        """Visible, not visible, delayed."""
        return self.queue(name).counts()

    # Time, turns and crashes.

    def turn(self) -> None:
        while self._soon:
            self._soon.pop(0)()

    def advance(self, seconds: float) -> None:
        """Turns are taken at every moment at which something happens."""
        until_ms = self.clock.now_ms() + round(seconds * 1000)
        while True:
            moments = [moment for moment in (self.timers.next_deadline(), self.patience.next_deadline()) if moment is not None]
            if not moments or min(moments) > until_ms:
                break
            self.clock.set(max(min(moments), self.clock.now_ms()))
            self.timers.fire_due()
            self.patience.fire_due()
            self.turn()
        advance(self.clock, self.timers, until_ms)
        self.turn()

    def restart(self) -> None:
        """kill -9: what was written is there, nothing else."""
        if isinstance(self.file_system, MemoryFileSystem):
            self.file_system.restart()
        self._start()

    def stop_and_start(self) -> None:
        self.turn()
        self.queues.close()
        self.turn()
        self.restart()


def bodies_of(received: Sequence[Received]) -> list[str]:
    return [each.message.body.decode() for each in received]
