"""What works on a server while it is killed: publishers, a member of a group, and somebody who creates and deletes topics.

Each keeps a ledger of what the server acknowledged, to be compared with what it holds afterwards. Each outlives its server's death
as a stock client does: by trying again.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE_S = 60
QUICK_TO_RETURN = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20, "log_level": 0}


class Stuck(AssertionError):
    """What was waited for did not come."""


class Progress:
    """A count that others wait for."""

    def __init__(self, of_what: str) -> None:
        self.of_what = of_what
        self.count = 0
        self._changed = threading.Condition()

    def add(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self.count >= count, PATIENCE_S):
                raise Stuck(f"{self.of_what}: {self.count} of {count} within {PATIENCE_S} s")


class Worker(threading.Thread):
    """A thread whose failure is raised where it is joined."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self.work()
        except Exception as failure:
            self.failure = failure

    def work(self) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        self.join(PATIENCE_S)
        if self.failure is not None:
            raise self.failure
        if self.is_alive():
            raise Stuck(f"{self.name} has not finished within {PATIENCE_S} s")


def value_of(publisher: str, number: int) -> bytes:
    """The value of a publisher's n-th record: known beforehand, mostly small, now and then larger than a network buffer."""
    seed = sha256(f"{publisher}:{number}".encode()).digest()
    size = 60_000 + seed[1] * 400 if seed[0] < 2 else 16 + seed[1] * 3
    return f"{publisher}:{number}:".encode() + (seed * (size // len(seed) + 1))[:size]


class Publisher(Worker):
    """Publishes so many records with acks=all, and notes at which offset each was acknowledged."""

    def __init__(self, name: str, bootstrap_servers: str, topic: str, partitions: int, total: int, settings: dict[str, str | bool]) -> None:
        super().__init__(name)
        self.acknowledged: dict[tuple[int, int], int] = {}
        """(partition, offset) -> number of the record."""
        self.partition_of: list[int] = []
        self.failures: list[str] = []
        self.progress = Progress(f"records of {name} acknowledged")
        self._topic, self._partitions, self._total = topic, partitions, total
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "acks": "all",
                "linger.ms": 1,
                "message.timeout.ms": PATIENCE_S * 1000,
                "queue.buffering.max.messages": 2_000,
                **QUICK_TO_RETURN,
                **settings,
            }
        )

    def work(self) -> None:
        chance = Random(self.name)
        for number in range(self._total):
            self.partition_of.append(chance.randrange(self._partitions))
            self._publish(number)
        left = self._producer.flush(PATIENCE_S)
        if left or self.failures:
            raise Stuck(f"{self.name}: {left} records were never acknowledged, {len(self.failures)} failed: {self.failures[:3]}")

    def _publish(self, number: int) -> None:
        on_delivery = self._note(number)
        while True:
            try:
                self._producer.produce(
                    self._topic, value_of(self.name, number), partition=self.partition_of[number], on_delivery=on_delivery
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _note(self, number: int) -> Callable[[KafkaError | None, Message], None]:
        def on_delivery(error: KafkaError | None, message: Message) -> None:
            partition, offset = message.partition(), message.offset()
            if error is not None or partition is None or offset is None:
                self.failures.append(f"record {number}: {error}")
                return
            earlier = self.acknowledged.setdefault((partition, offset), number)
            if earlier != number:
                self.failures.append(f"offset {offset} of partition {partition} was acknowledged for record {earlier} and record {number}")
            self.progress.add()

        return on_delivery


@dataclass(slots=True)
class Commits:
    """What a member asked to commit and what was confirmed, per partition."""

    attempted: dict[int, int] = field(default_factory=dict)
    acknowledged: dict[int, int] = field(default_factory=dict)


class Member(Worker):
    """The only member of a group: reads on, commits every so often and notes each commit."""

    def __init__(self, bootstrap_servers: str, group: str, topic: str, commit_every: int) -> None:
        super().__init__(f"member of {group}")
        self.group = group
        self.commits = Commits()
        self.violations: list[str] = []
        self.progress = Progress("commits acknowledged")
        self._until: dict[int, int] | None = None
        self._commit_every = commit_every
        self._positions: dict[int, int] = {}
        self._uncommitted = 0
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "check.crcs": True,
                "session.timeout.ms": 6_000,
                "heartbeat.interval.ms": 500,
                **QUICK_TO_RETURN,
            }
        )

    def stop_at(self, ends: dict[int, int]) -> None:
        """Leave once everything before these offsets is read and committed."""
        self._until = ends

    def work(self) -> None:
        self._consumer.subscribe([self._topic], on_assign=self._on_assign)
        deadline = time.monotonic() + PATIENCE_S
        while self._until is None or not self._has_committed(self._until):
            message = self._consumer.poll(0.1)
            if message is not None and self._take(message):
                self._uncommitted += 1
                deadline = time.monotonic() + PATIENCE_S
            if self._uncommitted and (self._uncommitted >= self._commit_every or message is None) and self._commit():
                self._uncommitted = 0
            if time.monotonic() > deadline:
                raise Stuck(f"the {self.name} got no record for {PATIENCE_S} s at {self._positions} on the way to {self._until}")

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # It goes on from what is committed now. To commit what it had read before would skip what it is about to be given again.
        self._positions.clear()
        self._uncommitted = 0

    def _has_committed(self, ends: dict[int, int]) -> bool:
        return all(self.commits.acknowledged.get(partition, 0) >= end for partition, end in ends.items())

    def _take(self, message: Message) -> bool:
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is not None or partition is None or offset is None:
            if error is not None and not error.retriable() and error.code() not in FORGIVEN:
                self.violations.append(f"the group's consumer was given {error}")
            return False
        committed = self.commits.acknowledged.get(partition, 0)
        if offset < committed:
            self.violations.append(f"offset {offset} of partition {partition} came again after {committed} was committed")
        self._positions[partition] = offset + 1
        return True

    def _commit(self) -> bool:
        """True when the server confirmed it. What was not confirmed may or may not be in force."""
        offsets = [
            TopicPartition(self._topic, partition, offset, metadata=f"up to {offset}") for partition, offset in self._positions.items()
        ]
        for partition, offset in self._positions.items():
            self.commits.attempted[partition] = max(offset, self.commits.attempted.get(partition, 0))
        try:
            confirmed = self._consumer.commit(offsets=offsets, asynchronous=False) or []
        except KafkaException:
            return False
        for each in confirmed:
            if each.error is None:
                self.commits.acknowledged[each.partition] = each.offset
        self.progress.add()
        return True


FORGIVEN = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._MAX_POLL_EXCEEDED,
    }
)
"""What a client says of a server that is away."""


class Administrator(Worker):
    """Creates topics one after another and deletes every third, and notes what was confirmed."""

    def __init__(self, bootstrap_servers: str, most: int) -> None:
        super().__init__("administrator")
        self.created: dict[str, int] = {}
        """Confirmed and never asked to be deleted: name -> partitions."""
        self.deleted: set[str] = set()
        self.progress = Progress("topics created")
        self._must_stop = threading.Event()
        self._most = most
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, **QUICK_TO_RETURN})

    def stop(self) -> None:
        self._must_stop.set()

    def work(self) -> None:
        for number in range(self._most):
            if self._must_stop.is_set():
                return
            name, partitions = f"made-{number}", number % 4 + 1
            if self._is_confirmed(self._admin.create_topics([NewTopic(name, partitions, 1)], request_timeout=5)[name]):
                self.progress.add()
                if number % 3:
                    self.created[name] = partitions
                elif self._is_confirmed(self._admin.delete_topics([name], request_timeout=5)[name]):
                    self.deleted.add(name)

    def _is_confirmed(self, future: Future[None]) -> bool:
        try:
            future.result()
        except KafkaException:
            return False
        return True
