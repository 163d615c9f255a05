import pika.frame
import pytest

from message_queues import errors
from message_queues.clients.ports import OnDelivery
from message_queues.clients.queue_ports import QueueProducerOptions
from message_queues.clients.rabbitmq_producer import Failed, RabbitProducer, decoded_properties, encoded_properties
from message_queues.message import DeliveryFailure, Properties, Record
from tests.clients.still_connection import StillConnection
from tests.patience import eventually

GONE = errors.Unreachable("still:5672 (Connection reset by peer)")


class Answers:
    """What became of each message, in order."""

    def __init__(self) -> None:
        self.known: dict[str, errors.MessageQueuesError | None] = {}

    def of(self, name: str) -> OnDelivery:
        def on_delivery(failure: DeliveryFailure | None, _: Record) -> None:
            assert failure is None or isinstance(failure, Failed)
            self.known[name] = None if failure is None else failure.error

        return on_delivery


class World:
    def __init__(self, **options: int) -> None:
        self.connection = StillConnection()
        chosen = {"linger_ms": 0, "buffer_messages": 1000, "buffer_bytes": 1_000_000, "delivery_timeout_ms": 60_000, **options}
        self.producer = RabbitProducer(self.connection, QueueProducerOptions(batch_messages=None, **chosen))
        self.answers = Answers()
        self.properties = self.producer.prepared(Properties(delivery_mode=2))

    def send(self, name: str, routing_key: str = "k") -> None:
        route = self.producer.route("orders", routing_key, True)
        self.producer.send(route, self.properties, name.encode(), self.answers.of(name))

    def sent(self) -> list[str]:
        """The bodies that went out since the last time."""
        data, bodies = self.connection.wire.taken(), []
        while data:
            consumed, frame = pika.frame.decode_frame(data)
            data = data[consumed:]
            if isinstance(frame, pika.frame.Body):
                bodies.append(frame.fragment.decode())
        return bodies

    def lose(self, error: errors.MessageQueuesError = GONE) -> None:
        self.connection.error = error
        self.producer.lost(error, connection_too=True)

    def close_channel(self, error: errors.MessageQueuesError) -> None:
        self.producer.lost(error, connection_too=False)
        self.connection.open()


@pytest.fixture
def world() -> World:
    made = World()
    made.connection.open()
    return made


def test_messages_are_sent_in_order_and_acks_of_several_settle_all_below(world: World) -> None:
    for name in "abc":
        world.send(name)
    assert world.sent() == ["a", "b", "c"]
    world.producer.answered(2, multiple=True, is_ack=True)
    assert world.answers.known == {"a": None, "b": None}
    world.producer.answered(3, multiple=False, is_ack=True)
    assert world.producer.pending() == 0


def test_acks_may_come_in_any_order(world: World) -> None:
    for name in "abcd":
        world.send(name)
    world.producer.answered(3, multiple=False, is_ack=True)
    world.producer.answered(1, multiple=False, is_ack=True)
    assert list(world.answers.known) == ["c", "a"]
    world.producer.answered(0, multiple=True, is_ack=True)
    assert world.producer.pending() == 0


def test_a_nack_is_a_message_rejected(world: World) -> None:
    world.send("a")
    world.producer.answered(1, multiple=False, is_ack=False)
    assert isinstance(world.answers.known["a"], errors.Rejected)


def test_a_returned_message_fails_when_its_ack_comes_and_the_others_do_not(world: World) -> None:
    world.send("a")
    world.send("b", "lost")
    world.send("b", "lost")
    world.send("c")
    world.producer.returned(312, "NO_ROUTE", "orders", "lost", world.properties, b"b")
    assert world.answers.known == {}
    world.producer.answered(4, multiple=True, is_ack=True)
    assert world.answers.known["a"] is None
    assert world.answers.known["c"] is None


def test_a_return_whose_properties_the_broker_wrote_anew_is_found_by_its_body(world: World) -> None:
    world.send("a", "lost")
    world.producer.returned(312, "NO_ROUTE", "orders", "lost", b"\0\0", b"a")
    world.producer.answered(1, multiple=False, is_ack=True)
    error = world.answers.known["a"]
    assert isinstance(error, errors.Unroutable)
    assert (error.exchange, error.routing_key) == ("orders", "lost")
    assert str(error) == "exchange 'orders' routes 'lost' to no queue"


def test_what_is_unconfirmed_when_the_connection_is_lost_is_sent_again_before_what_waits(world: World) -> None:
    for name in "abc":
        world.send(name)
    world.producer.answered(2, multiple=False, is_ack=True)
    world.lose()
    world.send("d")
    world.connection.open()
    assert world.sent() == ["a", "c", "d"]
    world.producer.answered(3, multiple=True, is_ack=True)
    assert list(world.answers.known) == ["b", "a", "c", "d"]
    assert set(world.answers.known.values()) == {None}


def test_messages_wait_for_the_first_connection() -> None:
    world = World()
    world.send("a")
    world.connection.open()
    assert world.sent() == ["a"]


def test_a_large_message_is_cut_as_the_connection_wants_it(world: World) -> None:
    world.send("x" * 10_000)
    assert [len(part) for part in world.sent()] == [4088, 4088, 1824]
    world.lose()
    world.connection.open()
    assert "".join(world.sent()) == "x" * 10_000


def test_a_full_buffer_takes_no_more_until_there_are_answers() -> None:
    world = World(buffer_messages=2)
    world.connection.open()
    world.send("a")
    world.send("b")
    with pytest.raises(BufferError):
        world.send("c")
    world.producer.answered(1, multiple=False, is_ack=True)
    world.send("c")
    small = World(buffer_bytes=100)
    small.connection.open()
    small.send("x" * 200)  # one that is larger than the buffer goes alone
    with pytest.raises(BufferError):
        small.send("y")


def test_what_the_socket_does_not_take_waits(world: World) -> None:
    world.connection.wire.unsent = 10_000_000
    world.send("a")
    assert world.sent() == []
    world.connection.wire.unsent = 0
    world.connection.run_timers()
    assert world.sent() == ["a"]


def test_a_blocked_connection_is_sent_nothing_and_says_why(world: World) -> None:
    world.connection.blocked = "low on disk"
    world.send("a")
    assert world.sent() == []
    assert world.producer.blocked() == "low on disk"
    world.connection.blocked = None
    world.connection.run_timers()
    assert world.sent() == ["a"]


def test_a_message_that_the_broker_does_not_take_is_found_and_those_around_it_go_through(world: World) -> None:
    for name in ("a", "bad", "c"):
        world.send(name)
    world.sent()
    refusal = errors.PreconditionFailed("user_id property set to 'x' but authenticated user was 'guest'")
    world.close_channel(refusal)
    assert world.sent() == ["a"]
    world.producer.answered(1, multiple=False, is_ack=True)
    world.producer.settled()
    assert world.sent() == ["bad"]
    world.close_channel(refusal)
    assert world.answers.known == {"a": None, "bad": refusal}
    assert world.sent() == ["c"]
    world.producer.answered(1, multiple=False, is_ack=True)
    world.producer.settled()
    world.send("d")
    world.send("e")
    assert world.sent() == ["d", "e"]


@pytest.mark.parametrize(
    "error",
    [
        errors.ExchangeNotFound("no exchange 'orders' in vhost '/'"),
        errors.AccessRefused("access to exchange 'orders' in vhost '/' refused for user 'app'"),
    ],
)
def test_where_nothing_can_be_published_all_that_was_sent_fails(world: World, error: errors.MessageQueuesError) -> None:
    world.send("a")
    world.send("b")
    world.close_channel(error)
    assert world.answers.known == {"a": error, "b": error}
    world.send("c")
    world.producer.answered(1, multiple=False, is_ack=True)
    assert world.answers.known["c"] is None


def test_a_message_that_waits_too_long_fails_and_says_why() -> None:
    world = World(delivery_timeout_ms=1)
    world.connection.open()
    world.send("a")
    world.lose()
    world.send("b")

    def is_given_up() -> bool:
        world.connection.run_timers()
        return not world.producer.pending()

    eventually(is_given_up)
    assert [str(error) for error in world.answers.known.values()] == [
        "not confirmed within 0.001 s: still:5672 (Connection reset by peer)"
    ] * 2
    world.connection.error = None
    world.connection.open()
    world.producer.answered(1, multiple=True, is_ack=True)
    world.send("c")
    assert world.sent() == ["c"]


def test_giving_up_fails_everything(world: World) -> None:
    world.send("a")
    world.lose()
    world.send("b")
    world.producer.purge()
    assert all(isinstance(error, errors.TimedOut) for error in world.answers.known.values())
    assert world.producer.flush(0) == 0
    world.producer.close()
    assert world.connection.is_closed


def test_lingering_messages_go_together_and_flush_does_not_wait_for_that() -> None:
    world = World(linger_ms=5)
    world.connection.open()
    world.connection.timers.clear()
    world.send("a")
    world.send("b")
    assert world.sent() == []
    world.connection.run_timers()
    assert world.sent() == ["a", "b"]
    world.send("c")
    assert world.producer.flush(0) == 3
    assert world.sent() == ["c"]


def test_properties_are_written_and_read_back() -> None:
    properties = Properties(
        "text/plain", "gzip", {"a": 1, "b": [True, None, b"x"]}, 2, 5, "c-1", "r", "1000", "m", 1_700_000_000, "t", "u", "app"
    )
    assert decoded_properties(encoded_properties(properties)) == properties
    for wrong, says in (
        (Properties(headers={"h": {1, 2}}), "headers: {1, 2} is set: AMQP carries None, bool"),
        (Properties(message_id="x" * 256), "message_id has 256 bytes"),
        (Properties(content_type=5), "content_type=5 is int: it must be a str"),  # type: ignore[arg-type]
        (Properties(priority=1000), "properties cannot be written"),
    ):
        with pytest.raises(errors.InvalidArgument, match=says):
            encoded_properties(wrong)
