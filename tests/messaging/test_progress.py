import random

from tests.messaging.memory_client import MemoryRecord

from message_queues.clients.ports import TopicPartition
from message_queues.messaging.progress import Progress


def test_nothing_read_is_nothing_to_commit() -> None:
    assert Progress().committable() is None


def test_the_first_unfinished_offset_is_committed() -> None:
    progress = Progress()
    for offset in (10, 11, 12):
        progress.read(offset)
    progress.finish(11)
    progress.finish(12)
    assert progress.committable() == 10
    progress.finish(10)
    assert progress.committable() == 13


def test_gaps_in_the_offsets_of_a_compacted_topic_are_skipped() -> None:
    progress = Progress()
    progress.read(5)
    progress.read(9)
    progress.finish(5)
    assert progress.committable() == 9


def test_finishing_twice_is_finishing_once() -> None:
    progress = Progress()
    progress.read(0)
    progress.acknowledge(MemoryRecord(TopicPartition("orders", 0), 0))
    progress.finish(0)
    assert progress.committable() == 1
    assert progress.unfinished == 0


def test_of_a_partition_that_was_taken_away_nothing_is_committed() -> None:
    progress = Progress()
    progress.read(0)
    progress.take_away()
    progress.finish(0)
    assert progress.committable() is None


def test_no_order_of_finishing_ever_commits_past_an_unfinished_message() -> None:
    chance = random.Random(3)
    for _ in range(50):
        progress, open_offsets, following = Progress(), set[int](), 0
        for _ in range(200):
            if chance.random() < 0.5:
                progress.read(following)
                open_offsets.add(following)
                following += 1
            elif open_offsets:
                offset = chance.choice(sorted(open_offsets))
                open_offsets.remove(offset)
                progress.finish(offset)
            if following:
                assert progress.committable() == min(open_offsets, default=following)
