"""The example program as its user wrote it, call by call, over an embedded server: each call works, or says that it is still to come.

`example.py` is the user's text and stays as it is. The calls that wait are those listed in not_supported.md, no more and no fewer.
"""

import ast
import re
from pathlib import Path

import pytest

from message_queues import Message, MessageQueues
from message_queues.errors import Unsupported
from message_queues.messaging.binding import Binding
from message_queues.messaging.consumer import Consumer
from message_queues.messaging.consumer_group import ConsumerGroup
from message_queues.messaging.exchange import Exchange
from message_queues.messaging.publisher import Publisher
from message_queues.messaging.queue import Queue
from message_queues.messaging.sqs_queue import SqsQueue
from message_queues.messaging.topic import Topic

EXAMPLE = Path(__file__).with_name("example.py")
NOT_SUPPORTED = Path(__file__).parents[2] / "not_supported.md"
SECTION = "## Calls of the library that are still to come"


def calls_that_wait() -> set[str]:
    section = NOT_SUPPORTED.read_text().partition(SECTION)[2].partition("\n## ")[0]
    return set(re.findall(r"^- `(\w+)`", section, re.MULTILINE))


class Run:
    """Every `mq.…(…)` of the program, arguments before the call that takes them; a result that waits is None for those."""

    def __init__(self, program: str) -> None:
        self.names: dict[str, object] = {}
        self.worked: list[str] = []
        self.said: dict[str, str] = {}
        for statement in ast.parse(program).body:
            self._run(statement)

    def _run(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign | ast.Expr) and isinstance(statement.value, ast.Call):
            result = self._call(statement.value)
            for target in statement.targets if isinstance(statement, ast.Assign) else ():
                assert isinstance(target, ast.Name)
                self.names[target.id] = result
        else:
            exec(compile(ast.Module([statement], []), str(EXAMPLE), "exec"), self.names)

    def _call(self, call: ast.Call) -> object:
        for number, inner in enumerate(each for each in ast.walk(call) if isinstance(each, ast.Call) and each is not call):
            name = f"result_{id(inner)}_{number}"
            self.names[name] = self._call(inner)
            call = _Replace(inner, name).visit(call)
        name = ast.unparse(call.func).removeprefix("mq.")
        try:
            result: object = eval(ast.unparse(call), self.names)
        except Unsupported as error:
            self.said[name] = str(error)
            return None
        self.worked.append(name)
        return result


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.Call, name: str) -> None:
        self._old = old
        self._name = name

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return ast.Name(self._name, ast.Load()) if node is self._old else self.generic_visit(node)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MESSAGE_QUEUES_EMBEDDED", "1")
    return Run(EXAMPLE.read_text())


def test_every_call_of_the_example_works_or_is_listed_as_still_to_come(run: Run) -> None:
    mq = run.names["mq"]
    assert isinstance(mq, MessageQueues)
    with mq:
        assert run.worked == [
            "MessageQueues", "create_kafka_cluster", "create_topic", "create_consumer_group", "create_rabbitmq_cluster", "create_exchange",
            "create_queue", "create_binding", "create_sqs_queue", "create_publisher", "configure_consumer",
        ]  # fmt: skip
        assert set(run.said) == calls_that_wait()
        assert all(said.startswith(f"{call}: ") and "not_supported.md" in said for call, said in run.said.items())


def test_what_the_example_made_is_what_it_asked_for(run: Run) -> None:
    mq, topic, group = run.names["mq"], run.names["topic"], run.names["consumer_group"]
    assert isinstance(mq, MessageQueues)
    assert isinstance(topic, Topic)
    assert isinstance(group, ConsumerGroup)
    with mq:
        described = topic.describe()
        assert (described.name, len(described.partitions), described.replication_factor) == ("orders", 12, 3)
        assert described.overrides == {"retention.ms": "604800000", "cleanup.policy": "delete", "min.insync.replicas": "2"}
        assert group.describe().topics == ("orders", "order-events")
        assert mq.kafka_cluster("production-kafka").schema_registry == "http://schema-registry:8081"


def test_what_its_publisher_publishes_its_consumer_consumes(run: Run) -> None:
    mq, publisher, consumer, group = (run.names[name] for name in ("mq", "publisher", "consumer", "consumer_group"))
    assert isinstance(mq, MessageQueues)
    assert isinstance(publisher, Publisher)
    assert isinstance(consumer, Consumer)
    assert isinstance(group, ConsumerGroup)
    seen: list[object] = []
    with mq:
        for number in range(100):
            publisher.publish({"order_id": str(number)}, key=str(number % 7))
        publisher.flush()

        @consumer.on_message
        def handle(message: object) -> None:
            assert hasattr(message, "json")
            assert hasattr(message, "ack")
            seen.append(message.json()["order_id"])
            message.ack()
            if len(seen) == 100:
                consumer.stop()

        consumer.run()
        assert sorted(map(str, seen), key=int) == [str(number) for number in range(100)]
        assert sum(lag.lag for lag in group.lag().values()) == 0


def test_its_exchange_routes_to_its_queue_what_its_binding_says(run: Run) -> None:
    mq, exchange, queue, binding = (run.names[name] for name in ("mq", "exchange", "queue", "binding"))
    assert isinstance(mq, MessageQueues)
    assert isinstance(exchange, Exchange)
    assert isinstance(queue, Queue)
    assert isinstance(binding, Binding)
    with mq:
        assert exchange.describe().bindings == (binding,)
        assert queue.describe().arguments == {"x-message-ttl": 86_400_000, "x-max-length": 100_000}
        publisher = mq.create_publisher(exchange="orders")
        for number in range(100):
            publisher.publish({"order_id": str(number)}, routing_key="order.created")
        publisher.publish({"order_id": "x"}, routing_key="order.cancelled", mandatory=False)
        publisher.flush()
        assert queue.message_count() == 100
        consumer = mq.configure_consumer("order-processing", "queue", concurrency=4, prefetch_count=50)
        seen: list[object] = []

        def handle(message: Message) -> None:
            seen.append(message.json())
            if len(seen) == 100:
                consumer.stop()

        consumer.run(handle)
        assert len(seen) == 100
        assert queue.message_count() == 0


def test_its_sqs_queue_is_what_it_asked_for_and_takes_messages(run: Run) -> None:
    mq, queue = run.names["mq"], run.names["sqs_queue"]
    assert isinstance(mq, MessageQueues)
    assert isinstance(queue, SqsQueue)
    with mq:
        described = queue.describe()
        assert (described.name, described.region) == ("order-notifications", "us-east-1")
        asked = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "20"}
        assert {name: described.attributes[name] for name in asked} == asked
        publisher = mq.create_publisher(queue="order-notifications")
        for number in range(100):
            publisher.publish({"order_id": str(number)})
        publisher.flush()
        consumer = mq.configure_consumer("order-notifications", concurrency=4, prefetch_count=50)
        seen: list[object] = []

        def handle(message: Message) -> None:
            seen.append(message.json())
            if len(seen) == 100:
                consumer.stop()

        consumer.run(handle)
        assert len(seen) == 100
        assert queue.message_count() == 0
