import threading
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from message_queues.clients.ports import TopicPartition
from message_queues.errors import HandlerFailed
from message_queues.message import Message
from message_queues.messaging import workers as under_test
from message_queues.messaging.commits import Commits
from message_queues.messaging.workers import Workers
from tests.messaging.memory_client import MemoryConsumer
from tests.patience import eventually

PARTITIONS = [TopicPartition("orders", number) for number in range(4)]
FIRST, SECOND, *_ = PARTITIONS


class Run:
    """Workers on a thread of their own, with a handler that keeps what it saw."""

    def __init__(
        self,
        client: MemoryConsumer,
        handler: Callable[[Message], object] | None = None,
        *,
        concurrency: int = 4,
        prefetch: int = 100,
        automatic: bool = True,
        interval_s: float | None = None,
        drain_s: float = 20,
        on_error: Callable[[Message, Exception], None] | None = None,
    ) -> None:
        self.seen: list[tuple[int, int]] = []
        self.failure: Exception | None = None
        self._handler = handler
        self.workers = Workers(
            client,
            ["orders"],
            Commits(client, interval_s),
            self._handle,
            on_error or self._raise,
            concurrency=concurrency,
            prefetch=prefetch,
            automatic=automatic,
            drain_s=drain_s,
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @staticmethod
    def _raise(_: Message, error: Exception) -> None:
        raise error

    def _handle(self, message: Message) -> None:
        if self._handler is not None:
            self._handler(message)
        self.seen.append((message.partition, message.offset))

    def _run(self) -> None:
        try:
            self.workers.run()
        except HandlerFailed as error:
            self.failure = error

    def stop(self) -> None:
        self.workers.stop()
        self.wait()

    def wait(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()

    def saw(self, count: int) -> None:
        eventually(lambda: len(self.seen) >= count)


@pytest.fixture
def client() -> MemoryConsumer:
    client = MemoryConsumer(PARTITIONS)
    for partition in PARTITIONS:
        client.publish(partition, 100)
    return client


@pytest.fixture
def quick_pauses() -> Iterator[None]:
    """The reader's times are constants of the module; here they are short."""
    quiet, skewed = under_test.QUIET_S, under_test.SKEWED_S
    under_test.QUIET_S, under_test.SKEWED_S = 0.02, 0.01
    yield
    under_test.QUIET_S, under_test.SKEWED_S = quiet, skewed


def test_every_message_is_handled_once_and_each_partition_in_order(client: MemoryConsumer) -> None:
    run = Run(client, prefetch=10)
    run.saw(400)
    run.stop()
    by_partition = defaultdict(list)
    for partition, offset in run.seen:
        by_partition[partition].append(offset)
    assert by_partition == {number: list(range(100)) for number in range(4)}
    assert client.committed == dict.fromkeys(PARTITIONS, 100)
    assert run.workers.handled == 400


def test_it_knows_its_partitions_itself(client: MemoryConsumer) -> None:
    run = Run(client)
    run.saw(400)
    assert run.workers.partitions() == [str(each) for each in PARTITIONS]
    run.stop()
    client.close()
    assert run.workers.partitions() == []


def test_partitions_are_worked_on_side_by_side_and_one_partition_by_one_worker() -> None:
    client = MemoryConsumer([FIRST, SECOND])
    client.publish(FIRST, 2)
    client.publish(SECOND, 2)
    together = threading.Barrier(2, timeout=20)
    run = Run(client, lambda _: together.wait())
    run.saw(4)
    run.stop()
    assert sorted(run.seen) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_no_more_than_the_prefetch_is_held() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 100)
    let_go = threading.Event()
    run = Run(client, lambda _: let_go.wait(20), concurrency=1, prefetch=7)
    eventually(client.positions)
    assert client.positions()[FIRST] <= 7
    let_go.set()
    run.saw(100)
    run.stop()


def test_with_manual_commits_only_acknowledged_messages_are_finished() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 4)
    run = Run(client, lambda message: message.ack() if message.offset != 2 else None, automatic=False)
    run.saw(4)
    run.stop()
    assert client.committed == {FIRST: 2}


def test_who_never_acknowledges_is_told(caplog: pytest.LogCaptureFixture) -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 4)
    run = Run(client, automatic=False)
    run.saw(4)
    eventually(lambda: run.workers.handled == 4)
    run.stop()
    assert "4 messages were handled and none acknowledged" in caplog.text


def test_a_handler_that_fails_ends_the_run_and_its_message_is_not_finished() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 10)

    def fail_at_five(message: Message) -> None:
        if message.offset == 5:
            raise ZeroDivisionError("no")

    run = Run(client, fail_at_five)
    run.wait()
    assert isinstance(run.failure, HandlerFailed)
    assert isinstance(run.failure.__cause__, ZeroDivisionError)
    assert isinstance(run.failure.message, Message)
    assert run.failure.message.offset == 5
    assert client.committed == {FIRST: 5}


def test_a_failure_that_is_taken_care_of_finishes_the_message() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 3)
    failed: list[int] = []

    def fail(message: Message) -> None:
        if message.offset == 1:
            raise ZeroDivisionError

    run = Run(client, fail, on_error=lambda message, _: failed.append(message.offset))
    run.saw(2)
    eventually(lambda: run.workers.handled == 3)
    run.stop()
    assert failed == [1]
    assert client.committed == {FIRST: 3}


def test_an_exit_in_a_handler_ends_the_run() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 3)

    def leave(_: Message) -> None:
        raise SystemExit(3)

    run = Run(client, leave)
    run.wait()
    assert isinstance(run.failure, HandlerFailed)
    assert isinstance(run.failure.__cause__, SystemExit)


class Held:
    """A handler that keeps the message at one place in hand until it is let go."""

    def __init__(self, partition: int, offset: int) -> None:
        self.in_hand = threading.Event()
        self.go_on = threading.Event()
        self._place = (partition, offset)

    def __call__(self, message: Message) -> None:
        if (message.partition, message.offset) == self._place:
            self.in_hand.set()
            assert self.go_on.wait(20)


def test_a_revoked_partition_finishes_the_message_in_hand_and_drops_the_rest() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 10)
    held = Held(0, 2)
    run = Run(client, held)
    assert held.in_hand.wait(20)
    client.take(FIRST)
    eventually(lambda: FIRST in run.workers._works and run.workers._works[FIRST].is_revoked)
    assert client.commits == []
    held.go_on.set()
    eventually(lambda: client.committed == {FIRST: 3})
    run.stop()
    assert run.seen == [(0, 0), (0, 1), (0, 2)]
    assert client.committed == {FIRST: 3}


def test_a_revoked_partition_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 10)
    held = Held(0, 2)
    run = Run(client, held, drain_s=0.02)
    assert held.in_hand.wait(20)
    client.take(FIRST)
    eventually(lambda: client.committed == {FIRST: 2})
    held.go_on.set()
    run.saw(3)
    run.stop()
    assert client.committed == {FIRST: 2}
    assert "1 messages took longer than 0.02 s" in caplog.text


def test_of_a_lost_partition_nothing_is_committed() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 3)
    run = Run(client)
    run.saw(3)
    client.lose(FIRST)
    eventually(lambda: not run.workers._works)
    run.stop()
    assert client.committed == {}


def test_a_partition_that_comes_back_starts_anew() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 3)
    run = Run(client)
    run.saw(3)
    eventually(lambda: run.workers.handled == 3)
    client.take(FIRST)
    client.give(FIRST)
    client.publish(FIRST, 2)
    run.saw(5)
    run.stop()
    assert run.seen == [(0, offset) for offset in range(5)]
    assert client.committed == {FIRST: 5}


@pytest.mark.usefixtures("quick_pauses")
def test_slow_handlers_do_not_stop_the_polling() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 5)
    held = Held(0, 0)
    run = Run(client, held, concurrency=1, prefetch=2)
    assert held.in_hand.wait(20)
    before = client.fetches
    eventually(lambda: client.fetches > before + 3)
    assert client.paused == {FIRST}
    held.go_on.set()
    run.saw(5)
    run.stop()
    assert client.paused == set()
    assert run.seen == [(0, offset) for offset in range(5)]


@pytest.mark.usefixtures("quick_pauses")
def test_a_busy_partition_is_set_aside_while_workers_are_idle() -> None:
    client = MemoryConsumer([FIRST, SECOND])
    client.publish(FIRST, 50)
    client.publish(SECOND, 3)
    held = Held(0, 0)
    run = Run(client, held, concurrency=2, prefetch=10)
    run.saw(3)
    assert run.seen == [(1, 0), (1, 1), (1, 2)]
    held.go_on.set()
    run.saw(53)
    run.stop()
    assert client.committed == {FIRST: 50, SECOND: 3}


def test_finished_work_is_committed_at_the_interval_and_on_demand() -> None:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 3)
    run = Run(client, interval_s=0.001)
    eventually(lambda: client.committed == {FIRST: 3})
    run.workers.commit()
    assert client.committed == {FIRST: 3}
    run.stop()
