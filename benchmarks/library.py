"""The library beside raw confluent-kafka, over the same broker in one run: publishing and consuming, messages a second.

Every figure is the median of three rounds; within a round ours and the raw client follow each other, and who goes first alternates.
Each load is a process of its own. The raw loads are the loops of confluent-kafka's documentation, with the same client settings as ours.

    python -m benchmarks.library [--broker ours|kafka | --address HOST:PORT] [--quick] [--rounds 3] [--json FILE] [--write-readme]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import Message as RawMessage
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.comparison import Row, Target, at_least_times, machine, replace_between_marks, table
from benchmarks.peers import apache_kafka, embedded_server
from message_queues import Message, MessageQueues

README = Path(__file__).with_name("README.md")
PARTITIONS = 12
SYNC_SHARE = 200
"""One message in so many is published when each is waited for."""
WAIT_S = 120
BATCH = 500

# The properties that the library sets, so that only the code differs.
PRODUCER = {"enable.idempotence": True, "acks": "all", "linger.ms": 5, "partitioner": "murmur2_random", "queue.buffering.max.kbytes": 65536}
CONSUMER = {"auto.offset.reset": "earliest", "fetch.queue.backoff.ms": 10, "topic.metadata.refresh.interval.ms": 5000}


@dataclass(frozen=True, slots=True)
class Load:
    """What one process is to do."""

    address: str
    topic: str
    messages: int
    value: bytes


class Clock:
    """From the first message on: joining a group is not what is measured."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.cpu_started = 0.0

    def start(self) -> None:
        self.started, self.cpu_started = perf_counter(), process_time()

    def rate(self, messages: int) -> dict[str, float]:
        seconds = perf_counter() - (self.started or 0.0)
        return {"messages_per_second": messages / seconds, "cpu_us_per_message": (process_time() - self.cpu_started) * 1e6 / messages}


# Publishing.


def ours_publish(load: Load, publisher_type: str = "async") -> dict[str, float]:
    with MessageQueues(embedded=False) as mq:
        mq.create_kafka_cluster("broker", load.address)
        publisher = mq.create_publisher(load.topic, publisher_type)
        publisher.publish(load.value).result()
        publish, value, clock = publisher.publish, load.value, Clock()
        clock.start()
        for _ in range(load.messages):
            publish(value)
        publisher.flush()
        return clock.rate(load.messages)


def ours_publish_sync(load: Load) -> dict[str, float]:
    return ours_publish(load, "sync")


def raw_producer(load: Load, linger_ms: float = 5) -> Producer:
    producer = Producer({"bootstrap.servers": load.address, **PRODUCER, "linger.ms": linger_ms})
    producer.produce(load.topic, load.value)
    producer.flush()
    return producer


def raw_publish_with_results(load: Load) -> dict[str, float]:
    failures: list[KafkaError] = []

    def on_delivery(error: KafkaError | None, message: RawMessage) -> None:
        if error is not None:
            failures.append(error)

    producer, topic, value, clock = raw_producer(load), load.topic, load.value, Clock()
    clock.start()
    for _ in range(load.messages):
        while True:
            try:
                producer.produce(topic, value, on_delivery=on_delivery)
                break
            except BufferError:
                producer.poll(0.01)
        producer.poll(0)
    producer.flush()
    assert not failures
    return clock.rate(load.messages)


def raw_publish_blindly(load: Load) -> dict[str, float]:
    producer, topic, value, clock = raw_producer(load), load.topic, load.value, Clock()
    clock.start()
    for _ in range(load.messages):
        while True:
            try:
                producer.produce(topic, value)
                break
            except BufferError:
                producer.poll(0.01)
    producer.flush()
    return clock.rate(load.messages)


def raw_publish_sync(load: Load) -> dict[str, float]:
    producer, topic, value, clock = raw_producer(load, linger_ms=0), load.topic, load.value, Clock()
    clock.start()
    for _ in range(load.messages):
        producer.produce(topic, value)
        producer.flush()
    return clock.rate(load.messages)


# Consuming.


def ours_consumer_group(mq: MessageQueues, load: Load) -> None:
    mq.create_kafka_cluster("broker", load.address)
    mq.create_consumer_group(str(uuid.uuid4()), [load.topic], "earliest")


def ours_iterate(load: Load, *, acknowledge: bool = False) -> dict[str, float]:
    with MessageQueues(embedded=False) as mq:
        ours_consumer_group(mq, load)
        consumer, clock, count = mq.configure_consumer(load.topic, commit="manual" if acknowledge else "auto"), Clock(), 0
        consumer.receive(WAIT_S * 1000)
        clock.start()
        for message in consumer:
            count += len(message.value or b"") > 0
            if acknowledge:
                message.ack()
            if count == load.messages - 1:
                break
        return clock.rate(count)


def ours_iterate_manually(load: Load) -> dict[str, float]:
    return ours_iterate(load, acknowledge=True)


def ours_run(load: Load, concurrency: int = 1) -> dict[str, float]:
    with MessageQueues(embedded=False) as mq:
        ours_consumer_group(mq, load)
        consumer, clock, counts, rates = mq.configure_consumer(load.topic, concurrency=concurrency), Clock(), [0], list[dict[str, float]]()

        def handle(message: Message) -> None:
            if clock.started is None:
                clock.start()
            counts[0] += len(message.value or b"") > 0
            # With several workers a count may be lost; the last hundredth is left out.
            if counts[0] >= load.messages * 0.99 and not rates:
                rates.append(clock.rate(counts[0]))
                consumer.stop()

        consumer.run(handle)
        return rates[0]


def ours_run_four(load: Load) -> dict[str, float]:
    return ours_run(load, 4)


def raw_consumer(load: Load, config: Mapping[str, str | int | bool]) -> Consumer:
    consumer = Consumer({"bootstrap.servers": load.address, "group.id": str(uuid.uuid4()), **CONSUMER, **config})
    consumer.subscribe([load.topic])
    while consumer.poll(1.0) is None:
        pass
    return consumer


def checked(message: RawMessage) -> int:
    if (error := message.error()) is not None:
        raise KafkaException(error)
    return len(message.value() or b"") > 0


def raw_consume(load: Load) -> dict[str, float]:
    consumer, clock, count = raw_consumer(load, {}), Clock(), 0
    clock.start()
    while count < load.messages - 1:
        for message in consumer.consume(BATCH, 1.0):
            count += checked(message)
    rate = clock.rate(count)
    consumer.close()
    return rate


def raw_poll(load: Load, *, store: bool = False) -> dict[str, float]:
    consumer, clock, count = raw_consumer(load, {"enable.auto.offset.store": not store}), Clock(), 0
    clock.start()
    while count < load.messages - 1:
        message = consumer.poll(1.0)
        if message is None:
            continue
        count += checked(message)
        if store:
            consumer.store_offsets(message)
    rate = clock.rate(count)
    consumer.close()
    return rate


def raw_poll_manually(load: Load) -> dict[str, float]:
    return raw_poll(load, store=True)


LOADS: dict[str, Callable[[Load], dict[str, float]]] = {
    each.__name__: each
    for each in (
        ours_publish,
        ours_publish_sync,
        ours_iterate,
        ours_iterate_manually,
        ours_run,
        ours_run_four,
        raw_publish_with_results,
        raw_publish_blindly,
        raw_publish_sync,
        raw_consume,
        raw_poll,
        raw_poll_manually,
    )
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Ours and the raw loop that does the same."""

    section: str
    what: str
    ours: str
    raw: str
    value_bytes: int
    share: float = 1.0
    """Of the messages of a round."""


PAIRS = (
    Pair("Publish", "100 B, a result for each / on_delivery for each", "ours_publish", "raw_publish_with_results", 100),
    Pair("Publish", "100 B, a result for each / no result at all", "ours_publish", "raw_publish_blindly", 100),
    Pair("Publish", "1 KB, a result for each / on_delivery for each", "ours_publish", "raw_publish_with_results", 1000, 0.4),
    Pair("Publish", "100 B, sync / produce and flush", "ours_publish_sync", "raw_publish_sync", 100, 1 / SYNC_SHARE),
    Pair("Consume", "100 B, iterate / consume(500)", "ours_iterate", "raw_consume", 100),
    Pair("Consume", "100 B, iterate / poll()", "ours_iterate", "raw_poll", 100),
    Pair("Consume", "1 KB, iterate / consume(500)", "ours_iterate", "raw_consume", 1000, 0.4),
    Pair("Consume", "100 B, iterate, ack each / poll(), store each", "ours_iterate_manually", "raw_poll_manually", 100),
    Pair("Consume", "100 B, run(handler) / poll()", "ours_run", "raw_poll", 100),
    Pair("Consume", "100 B, run(handler) on 4 threads / poll()", "ours_run_four", "raw_poll", 100),
)
TARGET: Target = at_least_times(0.9)


class Bench:
    """The pairs against one broker."""

    def __init__(self, address: str, messages: int, rounds: int) -> None:
        self._address = address
        self._messages = messages
        self._rounds = rounds
        self._admin = AdminClient({"bootstrap.servers": address})
        self._filled: dict[int, str] = {}

    def rows(self) -> list[Row]:
        return [self._row(pair) for pair in PAIRS]

    def _row(self, pair: Pair) -> Row:
        ours: list[float] = []
        raw: list[float] = []
        for number in range(self._rounds):
            turns = [(pair.ours, ours), (pair.raw, raw)]
            for name, rates in turns if number % 2 == 0 else reversed(turns):
                rates.append(self._run(name, pair)["messages_per_second"])
        row = Row(pair.section, pair.what, "messages/s", tuple(ours), tuple(raw), TARGET)
        print(" | ".join(row.cells()), flush=True)
        return row

    def _run(self, name: str, pair: Pair) -> dict[str, float]:
        messages = int(self._messages * pair.share)
        topic = self._new_topic() if pair.section == "Publish" else self._filled_topic(pair.value_bytes, messages)
        return self._load(name, topic, messages, pair.value_bytes)

    def _load(self, name: str, topic: str, messages: int, value_bytes: int) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.library", "--load", name, "--address", self._address]
        command += ["--topic", topic, "--messages", str(messages), "--value-bytes", str(value_bytes)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
        if ran.returncode:
            raise SystemExit(f"{name} failed: {ran.stderr.strip()[-2000:]}")
        rates: dict[str, float] = json.loads(ran.stdout)
        return rates

    def _new_topic(self) -> str:
        topic = f"library-{uuid.uuid4().hex}"
        self._admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
        return topic

    def _filled_topic(self, value_bytes: int, messages: int) -> str:
        if value_bytes not in self._filled:
            self._filled[value_bytes] = self._new_topic()
            self._load("raw_publish_blindly", self._filled[value_bytes], messages, value_bytes)
        return self._filled[value_bytes]


def main() -> int:
    arguments = parsed()
    if arguments.load:
        load = Load(arguments.address, arguments.topic, arguments.messages, b"v" * arguments.value_bytes)
        print(json.dumps(LOADS[arguments.load](load)))
        return 0
    with ExitStack() as stack:
        address = arguments.address
        if address is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="message_queues-bench-")))
            peer = (embedded_server if arguments.broker == "ours" else apache_kafka)(directory / "broker")
            stack.callback(peer.stop)
            peer.start()
            address = peer.address
        rows = Bench(address, 100_000 if arguments.quick else arguments.messages, 1 if arguments.quick else arguments.rounds).rows()
    report(rows, arguments.broker, arguments.json, arguments.write_readme)
    return 0 if all(row.is_reached is not False for row in rows) else 1


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The library beside raw confluent-kafka.")
    parser.add_argument("--broker", choices=["ours", "kafka"], default="ours", help="which broker both use: mq serve or Apache Kafka")
    parser.add_argument("--address", help="a broker that runs already")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", type=Path, help="keep every round's figures")
    parser.add_argument("--write-readme", action="store_true")
    parser.add_argument("--load", choices=sorted(LOADS), help=argparse.SUPPRESS)
    parser.add_argument("--topic", help=argparse.SUPPRESS)
    parser.add_argument("--value-bytes", type=int, default=100, help=argparse.SUPPRESS)
    return parser.parse_args()


def report(rows: Sequence[Row], broker: str, json_file: Path | None, write_readme: bool) -> None:
    over = {"ours": "mq serve", "kafka": "Apache Kafka 4.3.1"}[broker]
    load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
    text = f"{machine()}; over {over}; load average at the end {load}.\n\n{table(rows, 'raw client')}"
    print(f"\n{text}")
    if json_file is not None:
        json_file.write_text(json.dumps([row.as_json() for row in rows], indent=1))
    if write_readme:
        replace_between_marks(README, "library", text)


if __name__ == "__main__":
    sys.exit(main())
