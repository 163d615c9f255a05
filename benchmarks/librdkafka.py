"""Load by librdkafka (confluent-kafka), in a process of its own: produce, consume, publish at a rate, follow what is published.

Each command prints one line of JSON; `follow` prints "ready" before it. Times are of one machine's monotonic clock, which all
processes share: a published value begins with the nanosecond at which it was handed to the client.

    python -m benchmarks.librdkafka produce --address 127.0.0.1:9092 --topic t --partitions 12 --messages 1000000 --value-bytes 100
"""

from __future__ import annotations  # array[int] is for the type checker only

import argparse
import gc
import json
import struct
import sys
import threading
from array import array
from time import monotonic, perf_counter, perf_counter_ns, sleep

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from benchmarks.raw_socket import percentile_ms

TIMEOUT_S = 120
CHUNK = 500
WARM_SHARE = 0.2
"""The first part of a latency run, which is not counted."""
IN_FLIGHT = 5
"""With librdkafka's default, 1,000,000, the client's own queue is what is measured at 20,000 messages/s."""


class Lost(Exception):
    """Fewer messages came through than were sent."""


def produce(arguments: argparse.Namespace) -> dict[str, float]:
    """So many messages as fast as they are acknowledged, each to the next partition in turn."""
    errors: list[str] = []

    def on_failure(error: KafkaError | None, message: Message) -> None:
        errors.append(str(error))

    producer = Producer(
        {
            "bootstrap.servers": arguments.address,
            "acks": "all",
            "linger.ms": 5,
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 512_000,
            "delivery.report.only.error": True,
            "on_delivery": on_failure,
        }
    )
    producer.list_topics(arguments.topic, timeout=TIMEOUT_S)
    chunk = [{"value": b"v" * arguments.value_bytes}] * CHUNK
    partitions, batch, topic = arguments.partitions, producer.produce_batch, arguments.topic
    started = perf_counter()
    for number in range(arguments.messages // CHUNK):
        if batch(topic, chunk, number % partitions) != CHUNK:
            raise Lost("the client's queue is full")
        while len(producer) > 400_000:
            producer.poll(0.001)
    left = producer.flush(TIMEOUT_S)
    elapsed = perf_counter() - started
    if left or errors:
        raise Lost(f"{left} messages were not acknowledged; {len(errors)} failed, first {errors[:1]}")
    return {"messages": arguments.messages, "seconds": elapsed, "messages_per_second": arguments.messages / elapsed}


def consume(arguments: argparse.Namespace) -> dict[str, float]:
    """So many messages from the beginning of each partition, without a group."""
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.address,
            "group.id": "unused",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            # With the defaults librdkafka pauses a partition for a second whenever 100,000 messages wait in it.
            "queued.min.messages": 1_000_000,
            "queued.max.messages.kbytes": 524_288,
            "fetch.queue.backoff.ms": 1,
        }
    )
    consumer.list_topics(arguments.topic, timeout=TIMEOUT_S)
    started = perf_counter()
    consumer.assign([TopicPartition(arguments.topic, partition, 0) for partition in range(arguments.partitions)])
    received = 0
    deadline = monotonic() + TIMEOUT_S
    while received < arguments.messages:
        messages = consumer.consume(min(10_000, arguments.messages - received), 1.0)
        for message in messages:
            if (error := message.error()) is not None:
                raise KafkaException(error)
        received += len(messages)
        if monotonic() > deadline:
            raise Lost(f"{received} of {arguments.messages} messages came within {TIMEOUT_S} s")
    elapsed = perf_counter() - started
    consumer.close()
    return {"messages": received, "seconds": elapsed, "messages_per_second": received / elapsed}


def publish(arguments: argparse.Namespace) -> dict[str, float]:
    """Messages at a rate, linger 0, acks=all: the time from produce() to the acknowledgement."""
    latencies = array("q")
    failures: list[str] = []
    total = int(arguments.rate * arguments.seconds)
    done = threading.Event()
    unpack = struct.Struct(">q").unpack_from

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        now = perf_counter_ns()
        if error is not None:
            failures.append(str(error))
        latencies.append(now - unpack(message.value() or b"")[0])
        if len(latencies) == total:
            done.set()

    producer = Producer(
        {
            "bootstrap.servers": arguments.address,
            "acks": "all",
            "linger.ms": 0,
            "max.in.flight.requests.per.connection": IN_FLIGHT,
            "on_delivery": on_delivery,
        }
    )
    producer.list_topics(arguments.topic, timeout=TIMEOUT_S)
    # A thread that waits in poll() hears of an acknowledgement when it comes, which a pacing loop that sleeps would not.
    threading.Thread(target=poll_until, args=(producer, done), daemon=True).start()
    gc.disable()
    started = send_at_rate(producer, arguments, total)
    sending_s = perf_counter() - started
    if not done.wait(TIMEOUT_S):
        raise Lost(f"{len(latencies)} of {total} messages were acknowledged within {TIMEOUT_S} s")
    if failures:
        raise Lost(f"{len(failures)} messages failed, first {failures[0]}")
    return {**summary(latencies), "rate_reached": total / sending_s}


def poll_until(producer: Producer, done: threading.Event) -> None:
    while not done.is_set():
        producer.poll(1.0)


def send_at_rate(producer: Producer, arguments: argparse.Namespace, total: int) -> float:
    """Send when each message is due, asleep in between so that the cores are left to the broker. Returns when it began."""
    padding = b"v" * (arguments.value_bytes - 8)
    pack, topic, rate = struct.Struct(">q").pack, arguments.topic, arguments.rate
    started = perf_counter()
    sent = 0
    while sent < total:
        due = min(total, int((perf_counter() - started) * rate) + 1)
        for _ in range(due - sent):
            producer.produce(topic, pack(perf_counter_ns()) + padding)
        sent = due
        sleep(0.00005)
    return started


def follow(arguments: argparse.Namespace) -> dict[str, float]:
    """Receive so many messages as they are published: the time from produce() to poll()."""
    consumer = Consumer({"bootstrap.servers": arguments.address, "group.id": "unused", "enable.auto.commit": False})
    ends = {}
    for partition in range(arguments.partitions):
        low_high = consumer.get_watermark_offsets(TopicPartition(arguments.topic, partition), timeout=TIMEOUT_S)
        ends[partition] = low_high[1] if low_high is not None else OFFSET_END
    consumer.assign([TopicPartition(arguments.topic, partition, offset) for partition, offset in ends.items()])
    consumer.poll(0)
    print("ready", flush=True)
    latencies = array("q")
    unpack = struct.Struct(">q").unpack_from
    total = int(arguments.rate * arguments.seconds)
    deadline = monotonic() + TIMEOUT_S
    gc.disable()
    while len(latencies) < total:
        message = consumer.poll(1.0)
        now = perf_counter_ns()
        if message is None:
            if monotonic() > deadline:
                raise Lost(f"{len(latencies)} of {total} messages came within {TIMEOUT_S} s")
            continue
        if (error := message.error()) is not None:
            raise KafkaException(error)
        latencies.append(now - unpack(message.value() or b"")[0])
    consumer.close()
    return summary(latencies)


def summary(latencies: array[int]) -> dict[str, float]:
    counted = sorted(latencies[int(len(latencies) * WARM_SHARE) :])
    return {"messages": len(counted), "p50_ms": percentile_ms(counted, 50), "p99_ms": percentile_ms(counted, 99)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Load by librdkafka.")
    parser.add_argument("command", choices=["produce", "consume", "publish", "follow"])
    parser.add_argument("--address", required=True)
    parser.add_argument("--topic", required=True, help="must exist")
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--value-bytes", type=int, default=100)
    parser.add_argument("--messages", type=int, default=1_000_000, help="of produce and consume")
    parser.add_argument("--rate", type=float, default=1_000, help="messages/s of publish and follow")
    parser.add_argument("--seconds", type=float, default=5.0, help="of publish and follow")
    arguments = parser.parse_args()
    commands = {"produce": produce, "consume": consume, "publish": publish, "follow": follow}
    try:
        outcome = commands[arguments.command](arguments)
    except (Lost, KafkaException) as error:
        print(f"librdkafka {arguments.command}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
