"""Consumers of one group that come and go, through the library as a program uses it: nothing is lost, nothing seen twice, order kept."""

import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import pytest

from message_queues import MessageQueues, embedded
from message_queues.message import Message
from message_queues.messaging.consumer import Consumer
from tests.patience import eventually

PARTITIONS, MESSAGES = 6, 3000


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.EmbeddedServer]:
    # Heartbeats tell a member of a rebalance; the default of 3 s would make these tests wait.
    with embedded.start(brokers=3, config={"group.min.session.timeout.ms": "1000"}) as server:
        yield server


@pytest.fixture
def topic() -> str:
    return f"orders-{uuid.uuid4().hex}"


@pytest.fixture
def mq(server: embedded.EmbeddedServer, topic: str) -> Iterator[MessageQueues]:
    with MessageQueues(embedded=server) as mq:
        mq.create_kafka_cluster("east", ["kafka1:9092", "kafka2:9092", "kafka3:9092"])
        mq.create_topic("east", topic, PARTITIONS, 3, {"min.insync.replicas": 2})
        mq.create_consumer_group(topic, [topic], "earliest", config={"heartbeat.interval.ms": 100, "session.timeout.ms": 6000})
        publisher = mq.create_publisher(topic)
        for number in range(MESSAGES):
            publisher.publish(str(number), partition=number % PARTITIONS)
        publisher.flush()
        yield mq


class Members:
    """Consumers that run on threads, and what all of them saw."""

    def __init__(self, mq: MessageQueues, topic: str, handler: Callable[[Message], None] | None = None) -> None:
        self._mq = mq
        self._topic = topic
        self._handler = handler
        self._lock = threading.Lock()
        self.seen: list[tuple[str, int, int]] = []
        self._threads: list[threading.Thread] = []

    def join(self, name: str, commit: str = "auto") -> Consumer:
        consumer = self._mq.configure_consumer(self._topic, concurrency=2, prefetch_count=20, commit=commit)

        def handle(message: Message) -> None:
            if self._handler is not None:
                self._handler(message)
            with self._lock:
                self.seen.append((name, message.partition, message.offset))
            if commit == "manual":
                message.ack()

        thread = threading.Thread(target=consumer.run, args=[handle], daemon=True)
        thread.start()
        self._threads.append(thread)
        return consumer

    def saw(self, count: int) -> None:
        eventually(lambda: len(self.seen) >= count)

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def check(self) -> None:
        times = Counter((partition, offset) for _, partition, offset in self.seen)
        assert len(times) == MESSAGES
        assert max(times.values()) == 1
        by_partition = defaultdict(list)
        for _, partition, offset in self.seen:
            by_partition[partition].append(offset)
        assert all(offsets == sorted(offsets) for offsets in by_partition.values())


@pytest.mark.parametrize("commit", ["auto", "manual"])
def test_members_that_come_and_go_in_peace_share_the_work_without_doing_any_twice(mq: MessageQueues, topic: str, commit: str) -> None:
    second_has_work = threading.Event()

    def slowly(message: Message) -> None:
        # So that the first member is not through before the second has come.
        if message.offset > 100:
            second_has_work.wait(0.01)

    members = Members(mq, topic, slowly)
    first = members.join("first", commit)
    members.saw(50)
    members.join("second", commit)
    eventually(lambda: len(mq.consumer_group(topic).describe().members) == 2)
    eventually(lambda: all(member.partitions for member in mq.consumer_group(topic).describe().members))
    second_has_work.set()
    eventually(lambda: any(name == "second" for name, *_ in members.seen))
    first.stop()
    members.saw(MESSAGES)
    for consumer in mq._consumers:
        consumer.stop()
    members.wait()
    members.check()
    assert {name for name, *_ in members.seen} == {"first", "second"}
    assert sum(lag.lag for lag in mq.consumer_group(topic).lag().values()) == 0


def test_iterating_members_share_the_work_too(mq: MessageQueues, topic: str) -> None:
    first, second = (mq.configure_consumer(topic, prefetch_count=10) for _ in range(2))
    seen: list[tuple[int, int]] = []
    for message in first:
        seen.append((message.partition, message.offset))
        if len(seen) == 500:
            message.ack()
            break
    first.commit()

    def iterate(consumer: Consumer) -> None:
        seen.extend((message.partition, message.offset) for message in consumer.messages(idle_timeout_ms=1500))

    threads = [threading.Thread(target=iterate, args=[consumer], daemon=True) for consumer in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Counter(Counter(seen).values()) == {1: MESSAGES}
