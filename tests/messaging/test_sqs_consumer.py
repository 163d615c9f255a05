"""The consumer of an SQS queue: its polls, its orders and its heartbeat, over a queue in memory."""

import threading
import time
from collections.abc import Callable

import pytest

from message_queues.clients.aws_ports import Refused
from message_queues.errors import HandlerFailed, InvalidArgument, QueueDoesNotExist, Unreachable
from message_queues.message import Message
from message_queues.messaging.consumer import Consumer, ConsumerSettings, OnError
from message_queues.messaging.sqs_consumer import SqsConsumer, SqsConsumerOptions
from message_queues.messaging.sqs_message import SqsMessage
from message_queues.messaging.sqs_source import SqsSource
from tests.messaging.memory_aws import LOST, MemoryReceiver

SECONDS = 20


def consumer(
    queue: MemoryReceiver,
    *,
    prefetch: int = 20,
    concurrency: int = 1,
    commit: str = "auto",
    visibility_s: int = 3000,
    is_fifo: bool = False,
    is_redriven: bool = False,
    retry_delay_ms: float = 0,
) -> Consumer:
    settings = ConsumerSettings("orders", None, (), "us-east-1", concurrency, prefetch, commit, None, 20_000)
    options = SqsConsumerOptions("orders", prefetch, visibility_s, is_fifo, is_redriven, retry_delay_ms)
    return Consumer(SqsSource(SqsConsumer(queue, options), settings), settings)


def ran(made: Consumer, count: int, handle: Callable[[Message], None] = lambda _: None, on_error: OnError = "stop") -> list[str]:
    """What was handled: it stops after so many."""
    lock = threading.Lock()
    seen: list[str] = []

    def counting(message: Message) -> None:
        with lock:
            seen.append(message.text())
            if len(seen) == count:
                made.stop()
        handle(message)

    made.run(counting, on_error=on_error)
    return seen


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


def test_all_messages_are_handled_and_deleted() -> None:
    queue = MemoryReceiver(100)
    assert sorted(ran(consumer(queue, concurrency=4), 100)) == sorted(str(number) for number in range(100))
    assert sorted(queue.deleted, key=int) == [str(number) for number in range(100)]
    assert (queue.in_flight, queue.visible, queue.is_closed) == ([], [], True)


def test_a_message_says_what_sqs_says_of_it() -> None:
    queue = MemoryReceiver()
    queue.put("{}", "g")
    made = consumer(queue)
    message = made.receive(SECONDS * 1000)
    assert isinstance(message, SqsMessage)
    assert (message.queue, message.message_id, message.group_id, message.key) == ("orders", "id-{}", "g", b"g")
    assert (message.receive_count, message.redelivered, message.timestamp_ms) == (1, False, 1_700_000_000_000)
    assert (message.headers, message.attributes, message.exchange, message.properties) == ((), {}, None, None)
    assert message.system_attributes["MessageGroupId"] == "g"
    assert repr(message) == "Message('orders', message_id='id-{}', group_id='g')"
    made.close()


def test_asking_for_the_next_deletes_the_one_before() -> None:
    queue = MemoryReceiver(2)
    made = consumer(queue)
    assert made.receive(SECONDS * 1000) is not None
    made.commit()
    assert queue.deleted == []
    assert made.receive(SECONDS * 1000) is not None
    made.commit()
    assert queue.deleted == ["0"]
    made.close()
    assert (queue.visible, queue.deleted) == (["1"], ["0"])


def test_what_is_not_settled_is_visible_at_once_when_the_consumer_closes() -> None:
    queue = MemoryReceiver(5)
    made = consumer(queue, commit="manual")
    messages = [made.receive(SECONDS * 1000) for _ in range(3)]
    assert messages[1] is not None
    messages[1].ack()
    made.close()
    assert queue.visible == ["0", "2", "3", "4"]
    assert queue.deleted == ["1"]
    assert messages[0] is not None
    messages[0].ack()  # too late: it is another's by now
    assert queue.deleted == ["1"]


def test_a_poll_that_waits_ends_when_the_consumer_closes() -> None:
    queue = MemoryReceiver()
    made = consumer(queue)
    assert made.receive(1) is None
    started = time.monotonic()
    made.close()
    assert time.monotonic() - started < 5


def test_while_nothing_comes_one_poll_waits() -> None:
    queue = MemoryReceiver()
    made = consumer(queue, prefetch=100)
    made.receive(1)
    until(lambda: queue.asked == [10])
    assert made.receive(50) is None
    assert queue.asked == [10]
    made.close()


def test_no_more_is_held_than_asked_for() -> None:
    queue = MemoryReceiver(30)
    made = consumer(queue, prefetch=3, commit="manual")
    assert made.receive(SECONDS * 1000) is not None
    until(lambda: len(queue.in_flight) == 3)
    assert made.receive(SECONDS * 1000) is not None
    assert made.receive(SECONDS * 1000) is not None
    assert made.receive(20) is None
    assert len(queue.in_flight) == 3
    assert max(queue.asked) <= 3
    made.close()


def test_a_handler_that_fails_ends_the_run_and_gives_its_message_back() -> None:
    queue = MemoryReceiver(1)

    def fail(_: Message) -> None:
        raise ValueError("no")

    with pytest.raises(HandlerFailed, match="no"):
        consumer(queue).run(fail)
    assert queue.visible == ["0"]
    assert queue.deleted == []


def failing_until(times: int) -> Callable[[Message], None]:
    def handle(message: Message) -> None:
        assert message.receive_count is not None
        if message.receive_count <= times:
            raise ValueError(message.receive_count)

    return handle


def test_requeued_it_comes_once_more_and_is_then_dropped() -> None:
    queue = MemoryReceiver(1)
    ran(consumer(queue), 2, failing_until(5), "requeue")
    assert queue.changes == [("id-0", 0)]
    assert queue.deleted == ["0"]


def test_rejected_it_is_left_to_the_redrive_policy() -> None:
    queue = MemoryReceiver(1)
    ran(consumer(queue, is_redriven=True), 3, failing_until(5), "skip")
    # Once more, if a poll was on its way when the run ended.
    assert queue.changes[:3] == [("id-0", 0)] * 3
    assert queue.deleted == []
    assert queue.visible == ["0"]


def test_without_a_redrive_policy_what_is_skipped_is_dropped() -> None:
    queue = MemoryReceiver(1)
    ran(consumer(queue), 1, failing_until(5), "skip")
    assert queue.deleted == ["0"]


def test_given_back_it_stays_invisible_for_longer_each_time() -> None:
    queue = MemoryReceiver(1)
    made = consumer(queue, commit="manual", retry_delay_ms=2000)
    message = made.receive(SECONDS * 1000)
    assert message is not None
    message.nack()
    made.commit()
    assert queue.changes == [("id-0", 2)]
    made.close()


def test_the_delay_doubles_with_each_delivery_up_to_a_quarter_of_an_hour() -> None:
    def delay(received: int) -> int:
        queue = MemoryReceiver()
        queue.put("0")
        for _ in range(received - 1):
            (message,) = queue.receive(1, 0, None)
            queue.change_visibility([(message.receipt_handle, 0)])
        queue.changes.clear()
        made = consumer(queue, commit="manual", retry_delay_ms=1000)
        given = made.receive(SECONDS * 1000)
        assert given is not None
        given.nack()
        made.close()
        return queue.changes[0][1]

    assert [delay(1), delay(2), delay(5), delay(40)] == [1, 2, 16, 900]


def test_groups_keep_their_order_however_many_workers_there_are() -> None:
    queue = MemoryReceiver(in_order=True)
    for number in range(100):
        queue.put(str(number), f"g{number % 5}")
    seen: dict[str | None, list[int]] = {}
    inside: set[str | None] = set()
    lock = threading.Lock()

    def handle(message: Message) -> None:
        with lock:
            assert message.group_id not in inside
            inside.add(message.group_id)
            seen.setdefault(message.group_id, []).append(int(message.text()))
        threading.Event().wait(0.0005)
        with lock:
            inside.remove(message.group_id)

    ran(consumer(queue, prefetch=50, concurrency=8, is_fifo=True), 100, handle)
    assert seen == {f"g{group}": list(range(group, 100, 5)) for group in range(5)}
    assert queue.visible == queue.in_flight == []


def test_a_group_waits_for_a_message_of_it_that_was_given_back() -> None:
    queue = MemoryReceiver(in_order=True)
    for number in range(6):
        queue.put(str(number), "g")
    seen: list[tuple[str, int | None]] = []

    def handle(message: Message) -> None:
        seen.append((message.text(), message.receive_count))
        if message.text() == "2" and not message.redelivered:
            raise ValueError

    ran(consumer(queue, concurrency=4, is_fifo=True), 7, handle, "requeue")
    assert [body for body, _ in seen] == ["0", "1", "2", "2", "3", "4", "5"]


def test_a_slow_handler_keeps_its_message() -> None:
    queue = MemoryReceiver(2)

    def slow(message: Message) -> None:
        until(lambda: queue.changes.count((str(message.message_id), 1)) >= 2)

    ran(consumer(queue, visibility_s=1), 1, slow)
    assert "0" in queue.deleted
    # The one that waited behind it was kept too.
    assert ("id-1", 1) in queue.changes


def test_a_message_that_is_lost_before_its_turn_is_not_begun(caplog: pytest.LogCaptureFixture) -> None:
    queue = MemoryReceiver(2)
    queue.refuse_changes = LOST
    seen: list[str] = []

    def slow(message: Message) -> None:
        seen.append(message.text())
        until(lambda: "not begun, may be delivered to another consumer too: the receipt handle has expired" in caplog.text)

    ran(consumer(queue, visibility_s=1), 1, slow)
    assert seen == ["0"]
    assert "id-0 of orders, in hand, may be delivered" in caplog.text


def test_reading_goes_on_after_failures_that_pass(caplog: pytest.LogCaptureFixture) -> None:
    queue = MemoryReceiver(1)
    queue.failures += [Unreachable("away"), Unreachable("still away")]
    assert ran(consumer(queue), 1) == ["0"]
    assert "reading orders: away; it is tried again" in caplog.text


def test_reading_ends_with_what_it_cannot_go_on_after() -> None:
    queue = MemoryReceiver()
    queue.failures.append(QueueDoesNotExist("gone"))
    with pytest.raises(QueueDoesNotExist):
        consumer(queue).run(lambda _: None)


def test_a_deletion_that_is_refused_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Refusing(MemoryReceiver):
        def delete(self, receipt_handles: object) -> list[Refused | None]:
            return [LOST]

    ran(consumer(Refusing(1)), 1)
    assert "message id-0 of orders is delivered again: the receipt handle has expired" in caplog.text


def test_what_to_do_with_errors_is_checked() -> None:
    with pytest.raises(InvalidArgument, match=r"on_error='skp'"):
        consumer(MemoryReceiver()).run(lambda _: None, on_error="skp")  # type: ignore[arg-type]
