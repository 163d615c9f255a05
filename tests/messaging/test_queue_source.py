import threading

import pytest

from message_queues.errors import AccessRefused, Closed, HandlerFailed, InvalidArgument, QueueNotFound
from message_queues.message import Message, Verdict
from message_queues.messaging.consumer import Consumer, ConsumerSettings
from message_queues.messaging.queue_source import QueueSource
from tests.messaging.memory_queue_client import MemoryQueueConsumer

ACK, REQUEUE, REJECT = Verdict.ACK, Verdict.REQUEUE, Verdict.REJECT


def consumer(client: MemoryQueueConsumer, commit: str = "auto", concurrency: int = 1, drain_timeout_ms: float = 20_000) -> Consumer:
    settings = ConsumerSettings("orders", None, (), "east", concurrency, 10, commit, None, drain_timeout_ms)
    return Consumer(QueueSource(client, settings), settings)


def stopping_after(made: Consumer, count: int) -> list[Message]:
    """A list that ends the run when it is full."""
    lock = threading.Lock()

    class Seen(list[Message]):
        def append(self, message: Message) -> None:
            with lock:
                super().append(message)
                if len(self) == count:
                    made.stop()

    return Seen()


def test_asking_for_the_next_message_acknowledges_the_one_before() -> None:
    client = MemoryQueueConsumer(3)
    made = consumer(client)
    values = []
    for message in made.messages(idle_timeout_ms=1):
        values.append(message.value)
        assert (0, ACK) not in client.verdicts or message.value != b"0"
    assert values == [b"0", b"1", b"2"]
    assert client.verdicts == [(0, ACK), (1, ACK), (2, ACK)]


def test_receive_finishes_the_one_before() -> None:
    client = MemoryQueueConsumer(2)
    made = consumer(client)
    assert made.receive(1000) is not None
    assert client.verdicts == []
    assert made.receive(1000) is not None
    assert client.verdicts == [(0, ACK)]
    assert made.receive(1) is None
    assert client.verdicts == [(0, ACK), (1, ACK)]


def test_a_loop_left_by_break_has_not_finished_the_message_in_hand() -> None:
    client = MemoryQueueConsumer(2)
    made = consumer(client)
    for _ in made:
        break
    made.close()
    assert client.verdicts == []
    assert client.is_closed


def test_with_manual_acknowledgements_the_program_says_what_becomes_of_each() -> None:
    client = MemoryQueueConsumer(4)
    made = consumer(client, "manual")
    first, second, third, fourth = (made.receive(1000) for _ in range(4))
    assert first is not None
    assert second is not None
    assert third is not None
    assert fourth is not None
    third.ack()
    third.nack()
    first.nack()
    second.reject()
    fourth.reject(requeue=True)
    assert client.verdicts == [(2, ACK), (0, REQUEUE), (1, REJECT), (3, REQUEUE)]
    again = made.receive(1000)
    assert again is not None
    assert again.redelivered
    assert repr(again) == "Message('orders', exchange='', routing_key='orders', redelivered)"


def test_a_message_that_was_settled_in_the_loop_is_not_acknowledged_too() -> None:
    client = MemoryQueueConsumer(1)
    for message in consumer(client).messages(idle_timeout_ms=1):
        message.reject()
    assert client.verdicts == [(0, REJECT)]


def test_run_acknowledges_after_the_handler() -> None:
    client = MemoryQueueConsumer(50)
    made = consumer(client, concurrency=4)
    seen = stopping_after(made, 50)
    made.run(seen.append)
    assert sorted(tag for tag, _ in client.verdicts) == list(range(50))
    assert {verdict for _, verdict in client.verdicts} == {ACK}
    assert client.is_closed
    assert made.is_closed


def test_a_manual_handler_leaves_what_it_does_not_acknowledge() -> None:
    client = MemoryQueueConsumer(2)
    made = consumer(client, "manual")
    seen = stopping_after(made, 2)
    made.run(seen.append)
    assert client.verdicts == []


def fail(_: Message) -> None:
    raise ValueError("no such article")


def test_stop_gives_the_message_back_and_ends_the_run() -> None:
    client = MemoryQueueConsumer(3)
    made = consumer(client)
    with pytest.raises(HandlerFailed, match="no such article") as raised:
        made.run(fail)
    assert isinstance(raised.value.__cause__, ValueError)
    assert client.verdicts == [(0, REQUEUE)]


def test_skip_rejects_the_message_and_goes_on() -> None:
    client = MemoryQueueConsumer(2)
    made = consumer(client)
    seen = stopping_after(made, 2)

    def handle(message: Message) -> None:
        seen.append(message)
        fail(message)

    made.run(handle, on_error="skip")
    assert client.verdicts == [(0, REJECT), (1, REJECT)]


def test_requeue_tries_once_more_and_then_rejects() -> None:
    client = MemoryQueueConsumer(1)
    made = consumer(client)
    seen = stopping_after(made, 2)

    def handle(message: Message) -> None:
        seen.append(message)
        fail(message)

    made.run(handle, on_error="requeue")
    assert client.verdicts == [(0, REQUEUE), (0, REJECT)]


def test_a_callable_decides_and_what_it_lets_pass_is_finished() -> None:
    client = MemoryQueueConsumer(2)
    made = consumer(client)
    seen = stopping_after(made, 2)

    def decide(message: Message, error: Exception) -> None:
        assert isinstance(error, ValueError)
        if message.value == b"0":
            message.reject()
        seen.append(message)

    made.run(fail, on_error=decide)
    assert client.verdicts == [(0, REJECT), (1, ACK)]


def test_a_callable_that_raises_ends_the_run() -> None:
    client = MemoryQueueConsumer(2)

    def decide(_: Message, error: Exception) -> None:
        raise error

    with pytest.raises(HandlerFailed):
        consumer(client).run(fail, on_error=decide)
    assert client.verdicts == [(0, REQUEUE)]


def test_sys_exit_in_a_handler_ends_the_run() -> None:
    client = MemoryQueueConsumer(1)

    def handle(_: Message) -> None:
        raise SystemExit(3)

    with pytest.raises(HandlerFailed, match="SystemExit"):
        consumer(client).run(handle, on_error="skip")
    assert client.verdicts == [(0, REQUEUE)]


def test_what_the_broker_refuses_is_raised_where_the_reading_begins() -> None:
    client = MemoryQueueConsumer()
    client.refuses_with = QueueNotFound("no queue 'orders' in vhost '/'")
    with pytest.raises(QueueNotFound):
        consumer(client).receive(10)
    with pytest.raises(QueueNotFound):
        consumer(client).run(print)


def test_reading_that_cannot_go_on_ends_the_loop_and_the_run() -> None:
    client = MemoryQueueConsumer(1)
    client.fails_with = AccessRefused("access to queue 'orders' in vhost '/' refused for user 'app'")
    made = consumer(client)
    with pytest.raises(AccessRefused):
        for _ in made:
            pass
    assert client.verdicts == [(0, ACK)]
    with pytest.raises(AccessRefused):
        consumer(client, concurrency=2).run(print)


def test_a_handler_that_does_not_end_is_waited_for_no_longer_than_said(caplog: pytest.LogCaptureFixture) -> None:
    client = MemoryQueueConsumer(1)
    made = consumer(client, drain_timeout_ms=10)
    go_on = threading.Event()

    def handle(_: Message) -> None:
        made.stop()
        go_on.wait(20)

    made.run(handle)
    go_on.set()
    assert "1 messages took longer than 0.01 s: the queue delivers them again" in caplog.text


def test_commit_sends_the_acknowledgements_that_are_collected() -> None:
    client = MemoryQueueConsumer(1)
    made = consumer(client, "manual")
    made.receive(1000)
    made.commit()
    assert client.flushes == 1


def test_it_describes_itself() -> None:
    client = MemoryQueueConsumer(1)
    made = consumer(client)
    assert repr(made) == "Consumer(queue_name='orders', cluster='east', concurrency=1, idle)"
    made.receive(10)
    described = made.describe()
    assert (described.consumer_type, described.group_id, described.state, described.partitions) == ("queue", None, "iterating", ())
    made.close()
    with pytest.raises(Closed, match="the consumer of 'orders' is closed"):
        made.receive(10)


def test_wrong_ways_to_go_on_are_named() -> None:
    with pytest.raises(InvalidArgument, match=r"on_error='requeu' is not one of 'stop', 'skip', 'requeue': did you mean requeue\?"):
        consumer(MemoryQueueConsumer()).run(print, on_error="requeu")  # type: ignore[arg-type]
