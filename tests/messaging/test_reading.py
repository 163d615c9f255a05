import threading
import time
from collections.abc import Callable, Iterator

import pytest

from message_queues.clients.ports import TopicPartition
from message_queues.errors import KafkaError
from message_queues.message import Message
from message_queues.messaging import reading as under_test
from message_queues.messaging.commits import Commits
from message_queues.messaging.reading import Reading
from tests.messaging.memory_client import MemoryConsumer
from tests.patience import eventually

FIRST, SECOND = TopicPartition("orders", 0), TopicPartition("orders", 1)


def reading(
    client: MemoryConsumer, *, automatic: bool = True, batch: int = 100, interval_s: float | None = None, drain_s: float = 20
) -> Reading:
    return Reading(client, ["orders"], Commits(client, interval_s), batch=batch, automatic=automatic, drain_s=drain_s)


@pytest.fixture
def client() -> MemoryConsumer:
    client = MemoryConsumer([FIRST, SECOND])
    client.publish(FIRST, 3)
    client.publish(SECOND, 2)
    return client


def take(messages: Iterator[Message], count: int) -> list[tuple[int, int]]:
    found = [next(messages) for _ in range(count)]
    return [(message.partition, message.offset) for message in found]


def test_messages_come_in_the_order_of_each_partition_until_none_came_for_a_while(client: MemoryConsumer) -> None:
    reader = reading(client)
    assert [(message.partition, message.offset) for message in reader.messages(0.01)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    reader.close()


def test_what_was_asked_beyond_is_finished(client: MemoryConsumer) -> None:
    reader = reading(client)
    list(reader.messages(0.01))
    reader.close()
    assert client.committed == {FIRST: 3, SECOND: 2}
    assert client.is_closed


def test_the_message_in_hand_when_the_loop_is_left_is_not_finished(client: MemoryConsumer) -> None:
    reader = reading(client)
    take(reader.messages(None), 2)
    reader.close()
    assert client.committed == {FIRST: 1, SECOND: 0}


def test_the_message_in_hand_is_finished_if_it_says_so(client: MemoryConsumer) -> None:
    reader = reading(client)
    messages = reader.messages(None)
    next(messages)
    next(messages).ack()
    reader.close()
    assert client.committed == {FIRST: 2, SECOND: 0}


def test_a_later_loop_goes_on_after_the_message_that_the_last_one_left(client: MemoryConsumer) -> None:
    reader = reading(client)
    assert take(reader.messages(None), 2) == [(0, 0), (0, 1)]
    assert take(reader.messages(None), 1) == [(0, 2)]
    reader.commit()
    assert client.committed[FIRST] == 2
    reader.close()


def test_finished_batches_are_committed_at_the_interval(client: MemoryConsumer) -> None:
    reader = reading(client, batch=2, interval_s=0.0)
    take(reader.messages(None), 3)
    assert client.committed == {FIRST: 2}
    reader.close()


def test_with_manual_commits_only_acknowledged_messages_are_finished(client: MemoryConsumer) -> None:
    reader = reading(client, automatic=False)
    messages = list(reader.messages(0.01))
    reader.commit()
    assert client.committed == {FIRST: 0, SECOND: 0}
    for index in (1, 2, 3):
        messages[index].ack()
    reader.commit()
    assert client.committed == {FIRST: 0, SECOND: 1}
    messages[0].ack()
    reader.close()
    assert client.committed == {FIRST: 3, SECOND: 1}


def test_a_revoked_partition_is_committed_before_it_is_given_away(client: MemoryConsumer) -> None:
    reader = reading(client)
    list(reader.messages(0.01))
    client.take(SECOND)
    assert list(reader.messages(0.01)) == []
    assert client.committed == {SECOND: 2}
    reader.close()
    assert client.committed == {FIRST: 3, SECOND: 2}


def test_an_acknowledgement_that_comes_after_the_partition_went_means_nothing(client: MemoryConsumer) -> None:
    reader = reading(client, automatic=False)
    messages = list(reader.messages(0.01))
    client.take(FIRST)
    list(reader.messages(0.01))
    messages[0].ack()
    reader.commit()
    assert client.committed == {FIRST: 0, SECOND: 0}
    reader.close()


def test_of_a_lost_partition_nothing_is_committed(client: MemoryConsumer, caplog: pytest.LogCaptureFixture) -> None:
    reader = reading(client)
    list(reader.messages(0.01))
    client.lose(FIRST)
    list(reader.messages(0.01))
    reader.close()
    assert client.committed == {SECOND: 2}
    assert "lost orders[0]" in caplog.text


def test_stop_ends_the_loop_after_the_message_in_hand(client: MemoryConsumer) -> None:
    reader = reading(client)
    seen = []
    for message in reader.messages(None):
        seen.append(message.offset)
        reader.stop()
    assert seen == [0]
    assert list(reader.messages(None)) == []
    reader.close()
    assert client.committed == {FIRST: 1, SECOND: 0}


def test_stop_ends_a_loop_that_waits(client: MemoryConsumer) -> None:
    reader = reading(client)
    list(reader.messages(0.01))
    client.when_empty = reader.stop
    assert list(reader.messages(None)) == []
    reader.close()


class SlowBody:
    """A loop whose second message stays in hand until it is let go."""

    def __init__(self, reader: Reading) -> None:
        self.in_hand = threading.Event()
        self.go_on = threading.Event()
        self.seen: list[tuple[int, int]] = []
        self._reader = reader
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()
        assert self.in_hand.wait(20)

    def _loop(self) -> None:
        for message in self._reader.messages(None):
            self.seen.append((message.partition, message.offset))
            if len(self.seen) == 2:
                self.in_hand.set()
                assert self.go_on.wait(20)

    def finish(self, until: Callable[[], object]) -> None:
        self.go_on.set()
        eventually(until)
        self._reader.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def quick_keeper() -> Iterator[None]:
    """The keeper's times are constants of the module; here they are short."""
    tick, quiet = under_test.KEEPER_TICK_S, under_test.QUIET_S
    under_test.KEEPER_TICK_S, under_test.QUIET_S = 0.005, 0.02
    yield
    under_test.KEEPER_TICK_S, under_test.QUIET_S = tick, quiet


@pytest.mark.usefixtures("quick_keeper")
def test_a_slow_body_does_not_stop_the_polling_and_its_partitions_are_paused(client: MemoryConsumer) -> None:
    reader = reading(client)
    body = SlowBody(reader)
    before = client.fetches
    eventually(lambda: client.fetches > before + 3)
    assert client.paused == {FIRST, SECOND}
    client.publish(FIRST, 1)
    body.finish(lambda: len(body.seen) == 6)
    assert body.seen == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (0, 3)]
    assert client.paused == set()
    reader.close()


@pytest.mark.usefixtures("quick_keeper")
def test_while_a_body_is_slow_what_was_finished_before_it_is_committed(client: MemoryConsumer) -> None:
    reader = reading(client, interval_s=0.01)
    body = SlowBody(reader)
    eventually(lambda: client.committed.get(FIRST) == 1)
    body.finish(lambda: len(body.seen) == 5)
    reader.close()


@pytest.mark.usefixtures("quick_keeper")
def test_a_rebalance_waits_for_the_message_in_hand_and_the_rest_of_the_partition_is_not_handed_out(client: MemoryConsumer) -> None:
    reader = reading(client)
    body = SlowBody(reader)
    client.take(FIRST)
    eventually(lambda: reader._interrupted)
    assert client.commits == []
    body.finish(lambda: len(body.seen) == 4)
    assert body.seen == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert client.committed[FIRST] == 2
    reader.close()
    assert client.committed[FIRST] == 2


@pytest.mark.usefixtures("quick_keeper")
def test_a_message_that_takes_too_long_is_left_to_the_next_owner(client: MemoryConsumer, caplog: pytest.LogCaptureFixture) -> None:
    reader = reading(client, drain_s=0.02)
    body = SlowBody(reader)
    client.take(FIRST)
    eventually(lambda: FIRST in client.committed)
    assert client.committed[FIRST] == 1
    assert "its partition went to another consumer" in caplog.text
    body.finish(lambda: len(body.seen) == 4)
    reader.close()
    assert client.committed[FIRST] == 1


@pytest.mark.usefixtures("quick_keeper")
def test_a_partition_that_comes_while_a_body_is_slow_is_paused_and_its_messages_are_kept(client: MemoryConsumer) -> None:
    third = TopicPartition("orders", 2)
    reader = reading(client)
    body = SlowBody(reader)
    client.publish(third, 2)
    client.give(third)
    eventually(lambda: third in client.paused)
    body.finish(lambda: len(body.seen) == 7)
    assert body.seen[-2:] == [(2, 0), (2, 1)]
    reader.close()
    assert client.committed == {FIRST: 3, SECOND: 2, third: 2}


@pytest.mark.usefixtures("quick_keeper")
def test_what_the_keeper_cannot_go_on_after_is_raised_in_the_loop(client: MemoryConsumer) -> None:
    reader = reading(client)
    messages = reader.messages(None)
    take(messages, 5)

    def fail() -> None:
        raise KafkaError("Local: Fatal error")

    client.when_empty = fail
    keeper = reader._keeper
    assert keeper is not None
    keeper.join(20)
    with pytest.raises(KafkaError, match="Fatal error"):
        next(messages)
    client.when_empty = None
    reader.close()


def test_closing_twice_is_closing_once_and_unread_consumers_close_too(client: MemoryConsumer) -> None:
    reader = reading(client)
    reader.close()
    reader.close()
    assert client.is_closed
    assert client.commits == []


def test_closing_does_not_wait_for_the_loop(client: MemoryConsumer) -> None:
    reader = reading(client)
    body = SlowBody(reader)
    started = time.monotonic()
    reader.close()
    assert time.monotonic() - started < 5
    assert client.committed == {FIRST: 1, SECOND: 0}
    body.go_on.set()
