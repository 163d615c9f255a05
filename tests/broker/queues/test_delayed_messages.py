from collections.abc import Callable

from message_queues.broker.clock import ManualClock, Timers, advance
from message_queues.broker.queues.delayed_messages import RELEASED_AT_ONCE, RESIDENT_BYTES, RETRY_AFTER_MS, DelayedMessages, arrived
from message_queues.broker.queues.message import QueueMessage
from message_queues.records.properties import read_properties
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.group_commit import GroupCommit
from message_queues.storage.message_store import StoreHome
from message_queues.storage.open_files import OpenFiles
from tests.broker.queues.published import published

DIRECTORY = "/data/delayed"


class Started:
    """Delayed messages of a server that has started; what is left by an earlier one is in `files`."""

    def __init__(self, files: MemoryFileSystem | None = None, clock: ManualClock | None = None) -> None:
        self.files = files or MemoryFileSystem()
        self.clock = clock or ManualClock(1_000_000)
        self.timers = Timers(self.clock)
        self.turn: list[Callable[[], None]] = []
        self.group_commit = GroupCommit(self.turn.append)
        self.released: list[tuple[str, QueueMessage]] = []
        home = StoreHome(OpenFiles(self.files), self.group_commit)
        self.delayed = DelayedMessages(home, DIRECTORY, self.clock, self.timers, self.release)

    def release(self, exchange: str, message: QueueMessage) -> None:
        self.released.append((exchange, message))

    def publish(self, body: str, delay_ms: int, exchange: str = "x") -> None:
        message = published("k", {"x-delay": delay_ms}, body=body.encode())
        assert self.delayed.recipient(exchange).publish(message)

    def end_turn(self) -> None:
        while self.turn:
            self.turn.pop(0)()

    def pass_time(self, ms: int) -> list[str]:
        """What has come meanwhile."""
        self.end_turn()
        self.released.clear()
        advance(self.clock, self.timers, self.clock.now_ms() + ms)
        self.end_turn()
        return self.bodies

    @property
    def bodies(self) -> list[str]:
        return [message.body.decode() for _, message in self.released]


def test_messages_come_when_they_are_due_and_not_before() -> None:
    server = Started()
    server.publish("late", 5_000)
    server.publish("soon", 1_000)
    assert server.pass_time(999) == []
    assert server.pass_time(1) == ["soon"]
    assert server.pass_time(3_999) == []
    assert server.pass_time(1) == ["late"]
    assert server.pass_time(100_000) == []


def test_messages_due_at_once_come_in_the_order_they_were_published() -> None:
    server = Started()
    for number in range(10):
        server.publish(str(number), 10)
    assert server.pass_time(10) == [str(number) for number in range(10)]


def test_each_comes_from_its_exchange_with_its_delay_negated() -> None:
    server = Started()
    server.publish("a", 10, exchange="x é\udcff")
    server.pass_time(10)
    ((exchange, message),) = server.released
    assert exchange == "x é\udcff"
    assert message.attributes.delay_ms == -10
    assert read_properties(message.properties).headers == {"x-delay": -10}
    assert (message.exchange, message.routing_key) == ("x", "k")


def test_everything_else_of_a_message_stays() -> None:
    before = published("k", {"x-delay": 7, "other": [1, "a"]}, body=b"body", other_keys=("cc", "bcc"))
    after = arrived(before)
    assert after.other_keys == ("cc", "bcc")
    assert after.body == b"body"
    assert read_properties(after.properties).headers == {"x-delay": -7, "other": [1, "a"]}


def test_delays_survive_a_kill() -> None:
    server = Started()
    server.publish("first", 1_000)
    server.publish("second", 2_000, exchange="y")
    server.publish("third", 3_000)
    assert server.pass_time(1_000) == ["first"]
    again = Started(server.files, server.clock)
    assert (again.delayed.count("x"), again.delayed.count("y")) == (1, 1)
    assert again.pass_time(1_000) == ["second"]
    again.publish("fourth", 500)
    assert again.pass_time(1_000) == ["fourth", "third"]


def test_what_came_due_while_the_server_was_down_comes_at_its_start() -> None:
    server = Started()
    server.publish("a", 1_000)
    server.end_turn()
    server.delayed.close()
    server.clock.set(server.clock.now_ms() + 50_000)
    assert Started(server.files, server.clock).pass_time(0) == ["a"]


def test_what_was_not_stored_elsewhere_before_a_kill_comes_again() -> None:
    server = Started()
    server.publish("a", 1_000)
    server.end_turn()
    advance(server.clock, server.timers, server.clock.now_ms() + 1_000)
    assert server.bodies == ["a"]
    again = Started(server.files, server.clock)
    assert again.pass_time(0) == ["a"]
    assert Started(server.files, server.clock).pass_time(0) == []


def test_the_messages_of_each_exchange_are_counted() -> None:
    server = Started()
    for number in range(3):
        server.publish(str(number), 10 * (number + 1))
    server.publish("y", 10, exchange="y")
    assert (server.delayed.count("x"), server.delayed.count("y"), server.delayed.count("z")) == (3, 1, 0)
    server.pass_time(20)
    assert (server.delayed.count("x"), server.delayed.count("y")) == (1, 0)


def test_many_due_messages_let_others_have_their_turn() -> None:
    server = Started()
    for number in range(RELEASED_AT_ONCE + 100):
        server.publish(str(number), 10)
    server.end_turn()
    server.clock.set(server.clock.now_ms() + 10)
    server.timers.fire_due()
    assert len(server.released) == RELEASED_AT_ONCE
    server.timers.fire_due()
    assert server.bodies == [str(number) for number in range(RELEASED_AT_ONCE + 100)]


def test_a_message_that_cannot_be_stored_is_not_kept() -> None:
    server = Started()
    server.publish("kept", 10)
    server.end_turn()
    server.files.space_left = 0
    server.publish("lost", 10)
    server.end_turn()
    server.files.space_left = None
    assert server.delayed.count("x") == 1
    assert server.pass_time(10) == ["kept"]


def test_what_could_not_be_stored_when_due_is_tried_again() -> None:
    server = Started()
    server.publish("a", 10)
    server.end_turn()
    server.files.space_left = 0
    server.clock.set(server.clock.now_ms() + 10)
    server.timers.fire_due()
    server.publish("lost", 10)
    server.end_turn()
    server.files.space_left = None
    assert server.bodies == ["a"]
    assert server.delayed.count("x") == 1
    assert server.pass_time(RETRY_AFTER_MS) == ["a"]
    assert server.pass_time(RETRY_AFTER_MS) == []
    assert server.delayed.count("x") == 0


def test_an_earlier_message_does_not_wait_for_a_later_one() -> None:
    server = Started()
    server.publish("late", 60_000)
    server.publish("soon", 10)
    assert server.pass_time(10) == ["soon"]


def test_a_delay_may_be_longer_than_erlang_can_wait() -> None:
    server = Started()
    server.publish("a", 1 << 33)
    assert server.pass_time((1 << 33) - 1) == []
    assert server.pass_time(1) == ["a"]


def test_a_delay_beyond_all_bounds_is_kept_like_any_other() -> None:
    server = Started()
    server.publish("a", (1 << 63) - 1)
    assert server.pass_time(1_000_000) == []
    assert Started(server.files, server.clock).delayed.count("x") == 1


def test_what_does_not_fit_into_memory_comes_from_the_disk_in_the_same_order() -> None:
    server = Started()
    body = "x" * 1024 * 1024
    for number in range(RESIDENT_BYTES // len(body) + 4):
        server.publish(f"{number} {body}", 100 - number % 3)
    came = [text.split()[0] for text in server.pass_time(100)]
    assert came == sorted(came, key=lambda number: (-(int(number) % 3), int(number)))
    assert len(came) == RESIDENT_BYTES // len(body) + 4


def test_delays_may_be_texts_and_fractions() -> None:
    server = Started()
    for body, delay in (("text", "10"), ("fraction", 20.7)):
        server.delayed.hold("x", published("k", {"x-delay": delay}, body=body.encode()))
    assert server.pass_time(10) == ["text"]
    assert server.pass_time(10) == ["fraction"]


def test_nothing_comes_after_closing() -> None:
    server = Started()
    server.publish("a", 10)
    server.end_turn()
    server.delayed.close()
    assert server.pass_time(10) == []


def test_deleting_takes_what_is_kept_along() -> None:
    server = Started()
    server.publish("a", 10)
    server.end_turn()
    server.delayed.delete()
    assert server.pass_time(10) == []
    assert Started(server.files, server.clock).pass_time(10) == []


def test_closing_what_never_kept_anything_leaves_no_file() -> None:
    server = Started()
    server.delayed.close()
    server.delayed.delete()
    assert not server.files.exists(DIRECTORY)
