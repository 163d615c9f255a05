import pytest

from message_queues.broker.queues.consumer import CancelReason, ReturnReason
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.queue_arguments import STREAM
from message_queues.broker.queues.queue_identity import QueueIdentity
from message_queues.broker.queues.queue_settings import DEFAULT_SETTINGS, QueueSettings
from message_queues.broker.queues.stream_queue import InvalidAge, StreamQueue, age_ms
from message_queues.errors import NotImplementedByBroker, PreconditionFailed
from message_queues.records.field_table import FieldTable, FieldValue, Timestamp
from message_queues.records.properties import read_properties
from message_queues.storage.filesystem import CrashedError, MemoryFileSystem
from tests.broker.queues.queue_world import Client, QueueWorld, message

LOG = f"/data/queues/{(1).to_bytes(16).hex()}/{0:020d}.log"


class Reader(Client):
    """A consumer of a stream; what it holds is acknowledged when told."""

    def __init__(self, offset: FieldValue = "first", prefetch: int = 10, arguments: FieldTable | None = None) -> None:
        super().__init__(prefetch, arguments={"x-stream-offset": offset, **(arguments or {})})

    def read_all(self, stream: StreamQueue) -> list[str]:
        """Acknowledges until nothing more comes; everything it ever got."""
        while self.held:
            entries, self.held = self.held, []
            for entry in entries:
                stream.acknowledge(entry)
            self.can_take = True
            stream.consumer_ready(self)
        return self.given

    def offsets(self) -> list[FieldValue]:
        """Of what it holds, from the headers."""
        return [(read_properties(entry.message.properties).headers or {})["x-stream-offset"] for entry in self.held]


class StreamWorld(QueueWorld):
    def stream(self, settings: QueueSettings = DEFAULT_SETTINGS) -> StreamQueue:
        return StreamQueue(QueueIdentity("s", "/", (1).to_bytes(16), STREAM), settings, self.home)

    def publish(self, stream: StreamQueue, first: int, end: int, turn: int = 5, size: int = 0) -> None:
        for number in range(first, end):
            assert stream.publish(_numbered(number, size))
            if number % turn == turn - 1:
                self.turn()
        self.turn()


def _numbered(number: int, size: int = 0, headers: FieldTable | None = None) -> QueueMessage:
    return message(f"{number}:" + "b" * size, headers=headers)


def _numbers(given: list[str]) -> list[int]:
    return [int(body.split(":")[0]) for body in given]


def _read(stream: StreamQueue, reader: Reader) -> list[int]:
    stream.add_consumer(reader)
    found = _numbers(reader.read_all(stream))
    stream.remove_consumer(reader)
    return found


# Reading.


@pytest.mark.parametrize("size", [0, 3000, 100_000])
def test_each_consumer_reads_all_messages_from_its_place(size: int) -> None:
    world = StreamWorld()
    stream = world.stream()
    world.publish(stream, 0, 60, size=size)
    assert stream.message_count == 60
    for offset, first in (("first", 0), ("next", 60), ("last", 59 if size == 100_000 else 55), (0, 0), (33, 33), (60, 60), (-5, 0)):
        for prefetch in (1, 7, 1000):
            assert _read(stream, Reader(offset, prefetch)) == list(range(first, 60))
    assert stream.message_count == 60


def test_deliveries_tell_their_offset_and_are_never_redelivered() -> None:
    world = StreamWorld()
    stream = world.stream()
    world.publish(stream, 0, 20)
    reader = Reader(7, 3)
    stream.add_consumer(reader)
    assert reader.offsets() == [7, 8, 9]
    assert [entry.position for entry in reader.held] == [7, 8, 9]
    assert reader.redelivered == [False] * 3
    assert (reader.held[0].message.exchange, reader.held[0].message.routing_key) == ("", "q")
    assert stream.delivery_properties(reader.held[0]) is reader.held[0].message.properties


def test_a_consumer_at_the_end_gets_what_is_published_once_it_is_committed() -> None:
    world = StreamWorld()
    stream = world.stream()
    world.publish(stream, 0, 10)
    readers = [Reader("next", 100), Reader("next", 3), Reader("first", 100)]
    for reader in readers:
        stream.add_consumer(reader)
    stream.publish(_numbered(10))
    assert readers[0].given == []
    world.turn()
    world.publish(stream, 11, 30)
    assert [_numbers(reader.read_all(stream)) for reader in readers] == [[*range(10, 30)], [*range(10, 30)], [*range(30)]]


def test_an_offset_in_the_future_is_waited_for() -> None:
    world = StreamWorld()
    stream = world.stream()
    world.publish(stream, 0, 10)
    reader = Reader(15, 100)
    stream.add_consumer(reader)
    world.publish(stream, 10, 20)
    assert _numbers(reader.given) == [15, 16, 17, 18, 19]


def test_a_time_or_an_interval_leads_to_the_first_message_as_late() -> None:
    world = StreamWorld()
    stream = world.stream()
    start_s = world.clock.now_ms() // 1000
    for number in range(10):
        world.publish(stream, number, number + 1)
        world.advance(60_000)
    assert _read(stream, Reader(Timestamp(start_s + 240))) == [4, 5, 6, 7, 8, 9]
    assert _read(stream, Reader(Timestamp(start_s - 1000))) == list(range(10))
    assert _read(stream, Reader(Timestamp(start_s + 10_000))) == []
    assert _read(stream, Reader("3m")) == [7, 8, 9]
    assert _read(stream, Reader("1h")) == list(range(10))
    assert _read(stream, Reader("30s")) == []


def test_acknowledgements_in_any_order_give_credit() -> None:
    world = StreamWorld()
    stream = world.stream()
    world.publish(stream, 0, 20)
    reader = Reader("first", 5)
    stream.add_consumer(reader)
    for _ in range(15):
        stream.acknowledge(reader.held.pop())
        reader.can_take = True
        stream.consumer_ready(reader)
    assert _numbers(reader.given) == list(range(20))
    assert (stream.counters.delivered, stream.counters.acknowledged, stream.unacknowledged_count) == (20, 15, 0)


def test_what_is_given_back_is_not_delivered_again() -> None:
    world = StreamWorld("4.3")
    stream = world.stream()
    world.publish(stream, 0, 20)
    reader = Reader("first", 5)
    stream.add_consumer(reader)
    stream.requeue(reader.held[:2], ReturnReason.NACK)
    stream.reject(reader.held[2])
    stream.requeue(reader.held[3:], ReturnReason.CHANNEL_CLOSED)
    assert _numbers(reader.read_all(stream)) == list(range(20))


# Filters.


@pytest.mark.parametrize(
    ("wanted", "matches_unfiltered", "expected"),
    [
        ("red", False, [0, 3, 6, 9]),
        (["red", "blue", 7], False, [0, 1, 3, 4, 6, 7, 9, 10]),
        ("red", True, [0, 2, 3, 5, 6, 8, 9, 11]),
        ([], True, [2, 5, 8, 11]),
        ("green", False, []),
        (5, True, list(range(12))),
    ],
)
def test_a_filter_lets_messages_through_by_their_filter_value(wanted: FieldValue, matches_unfiltered: bool, expected: list[int]) -> None:
    world = StreamWorld()
    stream = world.stream()
    reader = Reader("first", 2, {"x-stream-filter": wanted, "x-stream-match-unfiltered": matches_unfiltered})
    stream.add_consumer(reader)
    for number in range(12):
        headers: FieldTable = {"x-stream-filter-value": ("red", "blue")[number % 3]} if number % 3 < 2 else {"other": 1}
        stream.publish(_numbered(number, headers=headers))
        if number % 4 == 3:
            world.turn()
            assert _numbers(reader.read_all(stream)) == [one for one in expected if one <= number]


def test_a_filter_that_passes_over_much_does_so_in_several_turns() -> None:
    world = StreamWorld()
    stream = world.stream()
    for number in range(12_000):
        stream.publish(_numbered(number))
    world.turn()
    stream.publish(_numbered(12_000, headers={"x-stream-filter-value": "a"}))
    world.turn()
    reader = Reader("first", 2, {"x-stream-filter": "a"})
    stream.add_consumer(reader)
    assert reader.given == []
    world.turn()
    assert _numbers(reader.given) == [12_000]


def test_older_versions_know_no_filters() -> None:
    world = StreamWorld("3.10")
    stream = world.stream()
    world.publish(stream, 0, 5)
    assert _read(stream, Reader("first", 2, {"x-stream-filter": "a"})) == [0, 1, 2, 3, 4]


# Refusals.


@pytest.mark.parametrize(
    ("version", "no_prefetch", "no_ack"),
    [
        (
            "3.10",
            "consumer prefetch count is not set for 'queue 's' in vhost '/''",
            "automatic acknowledgement not supported by stream queues queue 's' in vhost '/'",
        ),
        (
            "4.3",
            "consumer prefetch count is not set for stream queue 's' in vhost '/'",
            "automatic acknowledgement not supported by stream queue 's' in vhost '/'",
        ),
    ],
)
def test_a_consumer_needs_a_prefetch_count_and_acknowledgements(version: str, no_prefetch: str, no_ack: str) -> None:
    stream = StreamWorld(version).stream()
    with pytest.raises(PreconditionFailed) as without_prefetch:
        stream.add_consumer(Client())
    assert str(without_prefetch.value) == no_prefetch
    with pytest.raises(NotImplementedByBroker) as without_acknowledgements:
        stream.add_consumer(Client(10, no_ack=True))
    assert str(without_acknowledgements.value) == no_ack
    assert stream.consumers == []


def test_an_offset_that_is_none_is_refused() -> None:
    stream = StreamWorld().stream()
    offsets: list[FieldValue] = ["soon", "0h", "h", "1w", "", True, None, [1], "²h"]
    for offset in offsets:
        with pytest.raises(PreconditionFailed) as refused:
            stream.add_consumer(Reader(offset))
        assert str(refused.value) == "failed consuming from stream queue 's' in vhost '/': invalid_max_age"


def test_nobody_gets_or_purges() -> None:
    stream = StreamWorld().stream()
    with pytest.raises(NotImplementedByBroker) as got:
        stream.get(no_ack=True)
    assert str(got.value) == "basic.get not supported by stream queues queue 's' in vhost '/'"
    with pytest.raises(NotImplementedByBroker) as purged:
        stream.purge()
    assert str(purged.value) == "queue.purge not supported by stream queues queue 's' in vhost '/'"


def test_older_versions_refuse_what_is_given_back() -> None:
    world = StreamWorld("3.10")
    stream = world.stream()
    world.publish(stream, 0, 3)
    reader = Reader("first")
    stream.add_consumer(reader)
    text = "^basic.nack and basic.reject not supported by stream queues queue 's' in vhost '/'$"
    with pytest.raises(NotImplementedByBroker, match=text):
        stream.reject(reader.held[0])
    with pytest.raises(NotImplementedByBroker, match=text):
        stream.requeue(reader.held, ReturnReason.NACK)
    stream.requeue(reader.held, ReturnReason.CHANNEL_CLOSED)


def test_ages_have_units() -> None:
    assert [age_ms(text) for text in ("1s", "2m", "3h", "4D", "5M", "6Y")] == [
        1000, 120_000, 10_800_000, 345_600_000, 12_960_000_000, 189_216_000_000,
    ]  # fmt: skip
    for text in ("", "1", "s", "1d", "-1s", "1.5h", "0s"):
        with pytest.raises(InvalidAge):
            age_ms(text)


# Retention.


def test_a_stream_forgets_whole_segments_beyond_its_length() -> None:
    world = StreamWorld()
    stream = world.stream(QueueSettings(max_length_bytes=20_000, stream_segment_bytes=4000))
    reader = Reader("first", 3)
    stream.add_consumer(reader)
    world.publish(stream, 0, 500, size=100)
    assert stream.ready_bytes <= 24_500
    assert 0 < stream.first_offset == 500 - stream.message_count
    assert _read(stream, Reader("first")) == list(range(stream.first_offset, 500))
    assert _read(stream, Reader(3)) == list(range(stream.first_offset, 500))
    # Whoever was behind goes on with what is left.
    held = _numbers(reader.given)
    found = _numbers(reader.read_all(stream))
    assert found[: len(held)] == [0, 1, 2]
    assert found[-1] == 499
    assert found == sorted(found)


def test_a_stream_forgets_what_is_too_old() -> None:
    world = StreamWorld()
    stream = world.stream(QueueSettings(max_age_ms=age_ms("1h"), stream_segment_bytes=2000))
    world.publish(stream, 0, 100)
    world.advance(age_ms("30m"))
    world.publish(stream, 100, 110)
    world.advance(age_ms("29m"))
    assert stream.message_count == 110
    world.advance(age_ms("16m"))
    assert stream.first_offset > 50
    world.advance(age_ms("1h"))
    assert stream.message_count == 0
    world.publish(stream, 110, 112)
    assert _read(stream, Reader("first")) == [110, 111]


def test_a_policy_changes_what_is_kept() -> None:
    world = StreamWorld()
    stream = world.stream(QueueSettings(stream_segment_bytes=2000))
    world.publish(stream, 0, 200)
    stream.configure(QueueSettings(stream_segment_bytes=2000, max_length_bytes=5000))
    assert stream.ready_bytes <= 7500
    stream.configure(DEFAULT_SETTINGS)
    world.publish(stream, 200, 400)
    assert stream.ready_bytes > 15_000


# The end, and trouble.


def test_messages_outlive_a_kill_and_a_clean_stop() -> None:
    for stops_cleanly in (False, True):
        world = StreamWorld()
        stream = world.stream(QueueSettings(stream_segment_bytes=3000))
        world.publish(stream, 0, 100)
        stream.publish(_numbered(100))
        if stops_cleanly:
            stream.close()
        world.restart()
        again = world.stream(QueueSettings(stream_segment_bytes=3000))
        assert _read(again, Reader("first")) == list(range(100 + stops_cleanly))
        assert _read(again, Reader("last", 100)) == ([100] if stops_cleanly else [95, 96, 97, 98, 99])


def test_deleting_cancels_consumers_and_removes_the_files() -> None:
    world = StreamWorld()
    stream = world.stream()
    world.publish(stream, 0, 10)
    reader = Reader("next")
    stream.add_consumer(reader)
    stream.publish(_numbered(10))
    assert stream.delete() == 0
    assert reader.cancellations == [CancelReason.QUEUE_DELETED]
    world.turn()
    assert reader.given == []
    assert not world.file_system.exists(f"/data/queues/{(1).to_bytes(16).hex()}")


def test_what_could_not_be_written_is_not_in_the_stream() -> None:
    world = StreamWorld()
    assert isinstance(world.file_system, MemoryFileSystem)
    stream = world.stream()
    world.publish(stream, 0, 10)
    reader = Reader("first", 100)
    stream.add_consumer(reader)
    world.file_system.space_left = 10
    world.publish(stream, 10, 20, turn=100)
    world.file_system.space_left = None
    assert stream.message_count == 10
    world.publish(stream, 20, 25)
    assert _numbers(reader.given) == [*range(10), *range(20, 25)]
    assert stream.committed_offset == 14


def test_a_consumer_that_comes_to_damage_is_cancelled() -> None:
    world = StreamWorld()
    assert isinstance(world.file_system, MemoryFileSystem)
    stream = world.stream()
    world.publish(stream, 0, 10)
    stream.close()
    world.restart()
    world.file_system.flip(LOG, 300)
    stream = world.stream()
    reader = Reader("first")
    stream.add_consumer(reader)
    assert (reader.given, reader.cancellations, stream.consumers) == ([], [CancelReason.QUEUE_DELETED], [])


def test_a_crash_at_any_operation_loses_nothing_committed() -> None:
    settings = QueueSettings(stream_segment_bytes=1500, max_length_bytes=6000)

    def live(world: StreamWorld, committed: list[int]) -> None:
        stream = world.stream(settings)
        reader = Reader("next", 1000)
        stream.add_consumer(reader)
        for first in range(0, 90, 6):
            world.publish(stream, first, first + 6, turn=3)
            committed[:] = _numbers(reader.given)
        stream.close()

    plain = StreamWorld()
    assert isinstance(plain.file_system, MemoryFileSystem)
    live(plain, [])
    for operation in range(1, plain.file_system.operations + 1):
        file_system = MemoryFileSystem(operation)
        file_system.crash_at = operation
        world = StreamWorld(file_system=file_system)
        committed: list[int] = []
        with pytest.raises(CrashedError):
            live(world, committed)
        world.restart()
        stream = world.stream(settings)
        found = _read(stream, Reader("first", 1000))
        assert found == list(range(stream.first_offset, stream.committed_offset + 1))
        assert not committed or committed[-1] <= stream.committed_offset
