import random
import threading

from message_queues.clients.ports import TopicPartition
from message_queues.messaging.progress import AnyOrder, InOrder
from tests.messaging.memory_client import MemoryRecord


def record(offset: int) -> MemoryRecord:
    return MemoryRecord(TopicPartition("orders", 0), offset)


def test_in_order_the_last_finished_message_says_it_all() -> None:
    progress = InOrder()
    assert progress.committable() is None
    progress.finished = record(7)
    progress.acknowledge(record(8))
    assert progress.committable() == 8
    progress.take_away()
    assert progress.committable() is None


def test_nothing_read_is_nothing_to_commit() -> None:
    assert AnyOrder().committable() is None


def test_the_first_unfinished_offset_is_committed() -> None:
    progress = AnyOrder()
    for offset in (10, 11, 12):
        progress.read(offset)
    progress.acknowledge(record(11))
    progress.acknowledge(record(12))
    assert progress.committable() == 10
    progress.acknowledge(record(10))
    assert progress.committable() == 13


def test_gaps_in_the_offsets_of_a_compacted_topic_are_skipped() -> None:
    progress = AnyOrder()
    progress.read(5)
    progress.read(9)
    progress.acknowledge(record(5))
    assert progress.committable() == 9


def test_finishing_twice_is_finishing_once() -> None:
    progress = AnyOrder()
    progress.read(0)
    progress.acknowledge(record(0))
    progress.acknowledge(record(0))
    assert progress.committable() == 1
    assert progress.unfinished == 0


def test_of_a_partition_that_was_taken_away_nothing_is_committed() -> None:
    progress = AnyOrder()
    progress.read(0)
    progress.take_away()
    progress.acknowledge(record(0))
    assert progress.committable() is None


def test_no_order_of_finishing_ever_commits_past_an_unfinished_message() -> None:
    chance = random.Random(3)
    for _ in range(50):
        progress, open_offsets, following = AnyOrder(), set[int](), 0
        for _ in range(200):
            if chance.random() < 0.5:
                progress.read(following)
                open_offsets.add(following)
                following += 1
            elif open_offsets:
                offset = chance.choice(sorted(open_offsets))
                open_offsets.remove(offset)
                progress.acknowledge(record(offset))
            if following:
                assert progress.committable() == min(open_offsets, default=following)


def test_threads_that_acknowledge_while_another_reads_never_let_it_commit_too_far() -> None:
    progress, done = AnyOrder(), threading.Event()
    acknowledged = set[int]()

    def acknowledge() -> None:
        for offset in range(20_000):
            acknowledged.add(offset)
            progress.acknowledge(record(offset))
        done.set()

    for offset in range(20_000):
        progress.read(offset)
    threading.Thread(target=acknowledge, daemon=True).start()
    while not done.is_set():
        committable = progress.committable()
        assert committable is not None
        assert committable == 0 or committable - 1 in acknowledged
    assert progress.committable() == 20_000
