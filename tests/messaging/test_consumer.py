import logging

import pytest

from message_queues.clients.ports import TopicPartition
from message_queues.errors import Closed, HandlerFailed, InvalidArgument, InvalidRequest
from message_queues.message import Message
from message_queues.messaging.consumer import Consumer, ConsumerSettings
from message_queues.messaging.group_source import GroupSource
from tests.messaging.memory_client import MemoryConsumer

FIRST = TopicPartition("orders", 0)


@pytest.fixture
def client() -> MemoryConsumer:
    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 3)
    return client


def consumer(client: MemoryConsumer, commit: str = "auto") -> Consumer:
    settings = ConsumerSettings("orders", "order-processors", ("orders",), "east", 2, 10, commit, None, 20_000)
    return Consumer(GroupSource(client, settings), settings)


def test_it_is_iterated_over(client: MemoryConsumer) -> None:
    with consumer(client) as reader:
        for message in reader:
            if message.offset == 2:
                message.ack()
                break
    assert client.committed == {FIRST: 3}


def test_it_gives_one_message_at_a_time_or_none_in_time(client: MemoryConsumer) -> None:
    reader = consumer(client)
    found = [reader.receive(10) for _ in range(4)]
    assert [message.value if message else None for message in found] == [b"0", b"1", b"2", None]
    reader.close()
    assert client.committed == {FIRST: 3}


def test_it_runs_a_registered_handler_until_it_is_stopped_and_then_is_closed(client: MemoryConsumer) -> None:
    runner = consumer(client)
    seen: list[int] = []

    @runner.on_message
    def handle(message: Message) -> None:
        seen.append(message.offset)
        if len(seen) == 3:
            runner.commit()
            runner.stop()

    runner.run()
    assert seen == [0, 1, 2]
    assert client.committed == {FIRST: 3}
    assert client.is_closed
    assert runner.is_closed


def test_closing_from_a_handler_lets_the_run_end_by_itself(client: MemoryConsumer) -> None:
    runner = consumer(client)
    runner.run(lambda _: runner.close())
    assert client.committed == {FIRST: 1}
    assert client.is_closed


def test_a_failing_handler_stops_the_run_or_is_skipped(client: MemoryConsumer, caplog: pytest.LogCaptureFixture) -> None:
    def fail(message: Message) -> None:
        if message.offset == 1:
            raise ZeroDivisionError
        if message.offset == 2:
            skipping.stop()

    with pytest.raises(HandlerFailed, match="the handler failed on Message"):
        consumer(client).run(fail)
    assert client.committed == {FIRST: 1}

    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 3)
    skipping = consumer(client)
    with caplog.at_level(logging.ERROR):
        skipping.run(fail, on_error="skip")
    assert client.committed == {FIRST: 3}
    assert "which is skipped" in caplog.text


def test_wrong_handlers_are_refused(client: MemoryConsumer) -> None:
    async def later(_: Message) -> None: ...

    runner = consumer(client)
    with pytest.raises(InvalidArgument, match=r"run\(\) needs a handler"):
        runner.run()
    with pytest.raises(InvalidArgument, match="handler is a coroutine function"):
        runner.run(later)
    with pytest.raises(InvalidArgument, match="handler=5 must be a function"):
        runner.run(5)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"on_error='skipp' is not one of 'stop', 'skip': did you mean skip\?"):
        runner.run(print, on_error="skipp")  # type: ignore[arg-type]
    runner.close()


def test_it_is_used_in_one_way_only(client: MemoryConsumer) -> None:
    reader = consumer(client)
    reader.receive(10)
    with pytest.raises(InvalidRequest, match="is in use already"):
        reader.run(print)
    reader.close()

    client = MemoryConsumer([FIRST])
    client.publish(FIRST, 1)
    runner = consumer(client)
    refused: list[str] = []

    def handle(_: Message) -> None:
        try:
            runner.receive(10)
        except InvalidRequest as error:
            refused.append(str(error))
        runner.stop()

    runner.run(handle)
    assert "runs a handler" in refused[0]


def test_a_closed_consumer_says_so(client: MemoryConsumer) -> None:
    reader = consumer(client)
    reader.commit()
    reader.close()
    reader.close()
    says = "the consumer of 'orders' in group 'order-processors' is closed"
    with pytest.raises(Closed, match=says):
        reader.receive(10)
    with pytest.raises(Closed, match=says):
        reader.run(print)
    with pytest.raises(Closed, match=says):
        reader.commit()


def test_it_describes_itself(client: MemoryConsumer) -> None:
    reader = consumer(client, "manual")
    assert repr(reader) == "Consumer(queue_name='orders', group='order-processors', cluster='east', concurrency=2, idle)"
    reader.receive(10)
    described = reader.describe()
    assert (described.state, described.commit, described.partitions) == ("iterating", "manual", ("orders[0]",))
    reader.close()
    assert reader.describe().state == "closed"
    assert reader.describe().partitions == ()
