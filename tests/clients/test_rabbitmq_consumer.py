import pika.frame
import pika.spec
import pytest

from message_queues import errors
from message_queues.clients.queue_ports import QueueConsumerOptions
from message_queues.clients.rabbitmq_consumer import RabbitConsumer
from message_queues.message import QueueRecord, Verdict
from tests.clients.still_connection import StillConnection

EMPTY = b"\0\0"
GONE = errors.Unreachable("still:5672 (Connection reset by peer)")


class World:
    def __init__(self, prefetch: int = 100) -> None:
        self.connection = StillConnection()
        options = QueueConsumerOptions("orders", prefetch, arguments={"x-priority": 1})
        self.consumer = RabbitConsumer(self.connection, options, owns_connection=True)
        self.connection.attach(self.consumer)
        self.connection.open()
        self.tags = 0

    def deliver(self, count: int, properties: bytes = EMPTY) -> None:
        for _ in range(count):
            self.tags += 1
            self.consumer.delivered(self.tags, False, "", "orders", properties, str(self.tags).encode())
        self.consumer.settled()

    def settle(self, records: list[QueueRecord], verdict: Verdict = Verdict.ACK) -> None:
        for record in records:
            self.consumer.settle(record, verdict)
        self.connection.run_timers()

    def sent(self) -> list[tuple[object, ...]]:
        data, found = self.connection.wire.taken(), list[tuple[object, ...]]()
        while data:
            consumed, frame = pika.frame.decode_frame(data)
            data = data[consumed:]
            method = frame.method
            if isinstance(method, pika.spec.Basic.Ack):
                found.append(("ack", method.delivery_tag, method.multiple))
            else:
                found.append(("reject", method.delivery_tag, method.requeue))
        return found

    def reopen(self, error: errors.MessageQueuesError = GONE, *, connection_too: bool = True) -> float | None:
        pause = self.consumer.lost(error, connection_too=connection_too)
        self.tags = 0
        self.connection.open()
        return pause


@pytest.fixture
def world() -> World:
    return World()


def test_it_consumes_as_it_was_told(world: World) -> None:
    assert world.connection.channel.consumed == [{"queue": "orders", "arguments": {"x-priority": 1}, "exclusive": False}]


def test_deliveries_wait_for_the_program(world: World) -> None:
    world.deliver(3)
    first = world.consumer.fetch(2, 1)
    assert [record.value() for record in first] == [b"1", b"2"]
    assert [record.value() for record in world.consumer.fetch(10, 1)] == [b"3"]
    assert list(world.consumer.fetch(10, 0)) == []


def test_acknowledgements_in_order_are_one_frame(world: World) -> None:
    world.deliver(3)
    world.settle(list(world.consumer.fetch(3, 1)))
    assert world.sent()[-1] == ("ack", 3, True)


def test_those_beyond_one_in_hand_have_frames_of_their_own(world: World) -> None:
    world.deliver(5)
    records = list(world.consumer.fetch(5, 1))
    world.deliver(1)
    world.settle([records[0], records[2], records[4]])
    assert world.sent() == [("ack", 1, True), ("ack", 3, False), ("ack", 5, False)]
    world.settle([records[1]])
    assert world.sent() == [("ack", 2, True)]
    world.settle([records[3]])
    assert world.sent() == [("ack", 4, True)]


def test_a_reject_goes_before_an_ack_of_several_that_would_cover_it(world: World) -> None:
    world.deliver(3)
    first, second, third = world.consumer.fetch(3, 1)
    world.deliver(1)
    world.consumer.settle(first, Verdict.ACK)
    world.consumer.settle(second, Verdict.REJECT)
    world.consumer.settle(third, Verdict.ACK)
    world.connection.run_timers()
    assert world.sent() == [("reject", 2, False), ("ack", 3, True)]
    (fourth,) = world.consumer.fetch(1, 1)
    world.settle([fourth], Verdict.REQUEUE)
    assert world.sent() == [("reject", 4, True)]


def test_verdicts_are_collected_until_the_program_has_nothing_left_to_do(world: World) -> None:
    world.deliver(2)
    (first,) = world.consumer.fetch(1, 1)
    world.consumer.settle(first, Verdict.ACK)
    assert world.sent() == []
    (second,) = world.consumer.fetch(1, 1)
    world.consumer.settle(second, Verdict.ACK)
    world.consumer.fetch(1, 0)
    assert world.sent() == [("ack", 2, True)]


def test_or_until_they_are_half_of_the_prefetch() -> None:
    world = World(prefetch=4)
    world.deliver(4)
    first, second = world.consumer.fetch(2, 1)
    world.consumer.settle(first, Verdict.ACK)
    assert world.sent() == []
    world.consumer.settle(second, Verdict.ACK)
    assert world.sent() == [("ack", 2, True)]


def test_a_lost_connection_voids_what_it_brought(world: World) -> None:
    world.deliver(3)
    (first,) = world.consumer.fetch(1, 1)
    world.reopen()
    assert list(world.consumer.fetch(10, 0)) == []
    world.settle([first])
    assert world.sent() == []
    world.deliver(1)
    (again,) = world.consumer.fetch(1, 1)
    world.settle([again])
    assert world.sent() == [("ack", 1, True)]


def test_a_cancelled_consumer_closes_its_channel_and_begins_again(world: World) -> None:
    cancelled = world.connection.channel.cancelled
    assert cancelled is not None
    channel = world.connection.channel
    cancelled(None)
    assert channel.closes == 1
    gone = errors.QueueNotFound("no queue 'orders' in vhost '/'")
    pauses = [world.reopen(gone, connection_too=False) for _ in range(8)]
    assert all(pause is not None and pause <= 5 for pause in pauses)
    assert world.connection.channel.consumed


def test_the_pause_grows_while_the_queue_is_not_there(world: World) -> None:
    gone = errors.QueueNotFound("no queue 'orders' in vhost '/'")
    pauses = [world.consumer.lost(gone, connection_too=False) or 0.0 for _ in range(8)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.1, 5.0)


def test_what_the_broker_refuses_for_good_is_raised_to_the_reader(world: World) -> None:
    refused = errors.AccessRefused("access to queue 'orders' in vhost '/' refused for user 'app'")
    assert world.consumer.lost(refused, connection_too=False) is None
    with pytest.raises(errors.AccessRefused):
        world.consumer.fetch(1, 0)


def test_a_first_refusal_is_raised_where_it_starts() -> None:
    connection = StillConnection()
    consumer = RabbitConsumer(connection, QueueConsumerOptions("orders", 10), owns_connection=True)
    consumer.lost(errors.QueueNotFound("no queue 'orders' in vhost '/'"), connection_too=False)
    with pytest.raises(errors.QueueNotFound):
        consumer.start()
    unreachable = StillConnection()
    unreachable.error = GONE
    with pytest.raises(errors.Unreachable):
        RabbitConsumer(unreachable, QueueConsumerOptions("orders", 10), owns_connection=True).start()


def test_a_stream_is_read_on_from_the_first_message_that_was_not_settled(world: World) -> None:
    for offset in range(40, 44):
        properties = pika.spec.BasicProperties(headers={"x-stream-offset": offset})
        world.deliver(1, b"".join(properties.encode()))
    records = list(world.consumer.fetch(4, 1))
    assert [record.offset() for record in records] == [40, 41, 42, 43]
    world.settle([records[0], records[1], records[3]])
    world.reopen()
    assert world.connection.channel.consumed[-1]["arguments"] == {"x-priority": 1, "x-stream-offset": 42}


def test_closing_settles_what_was_said_and_gives_back_the_rest(world: World) -> None:
    world.deliver(3)
    (first,) = world.consumer.fetch(1, 1)
    world.consumer.settle(first, Verdict.ACK)
    wire = world.connection.wire
    world.consumer.close()
    assert wire.sent
    assert world.connection.users == []
    assert world.connection.is_closed
