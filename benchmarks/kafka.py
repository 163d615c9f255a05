"""This project's Kafka server beside Apache Kafka 4.3.1, in one run on one machine.

Every figure is the median of three rounds. Within a round both brokers get the same load, one after the other, and the one that
goes first changes from round to round. Both are warmed with the kind of load that follows. The load comes from processes of its
own (benchmarks/raw_socket.py, benchmarks/librdkafka.py), which share the cores with the broker, as a program on a laptop does.

    python -m benchmarks.kafka [--only throughput,small,…] [--quick] [--peers ours] [--json FILE] [--write-readme]
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.answers import Answers, Question, in_turn
from benchmarks.broker_process import PeerFailed, cpu_seconds, resident_bytes
from benchmarks.command_line import comparison_parser, report
from benchmarks.comparison import at_least_times, at_most, at_most_times, machine
from benchmarks.loads import LOAD_TIMEOUT_S, LoadFailed, outcome_of, start_load
from benchmarks.peers import Peer, apache_kafka, embedded_server

MIB = 2**20
SETTLE_S = 2.0
"""How long a broker is left alone before its idle memory is read."""
RATES = (1_000, 5_000, 20_000)
CONNECTIONS = (1, 16, 64)
TOPIC_PARTITIONS = 12
PARTITION_TOPICS, PARTITIONS_PER_TOPIC = 10, 1_000
"""Kafka refuses some thousands of partitions in one request (POLICY_VIOLATION), so each topic is a request of its own."""
OPEN_FILES = 640


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    messages_of_100_bytes: int
    messages_of_1000_bytes: int
    seconds: float
    warm_rounds: int


FULL = Effort(rounds=3, messages_of_100_bytes=2_000_000, messages_of_1000_bytes=400_000, seconds=6.0, warm_rounds=2)
QUICK = Effort(rounds=1, messages_of_100_bytes=500_000, messages_of_1000_bytes=100_000, seconds=2.0, warm_rounds=1)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all sections need."""

    makers: dict[str, Callable[[Path], Peer]]
    directory: Path
    effort: Effort
    answers: Answers

    def in_turn(self) -> Iterator[tuple[int, str]]:
        return in_turn(tuple(self.makers), self.effort.rounds)


def measure_start(bench: Bench) -> None:
    """Fresh directories; Kafka's is formatted before the clock starts."""
    started = Question("Start and idle", "process start until Metadata is answered", "s", at_most(0.3))
    resident = Question("Start and idle", "resident memory, idle", "MiB", at_most(60))
    for number, name in bench.in_turn():
        peer = bench.makers[name](bench.directory / f"start-{name}-{number}")
        try:
            bench.answers.add(started, name, peer.start())
            time.sleep(SETTLE_S)
            bench.answers.add(resident, name, resident_bytes(peer.pid) / MIB)
        except PeerFailed as error:
            bench.answers.failed(name, "start", error)
        finally:
            peer.stop()


def measure_under_load(bench: Bench, sections: Sequence[str]) -> None:
    """The sections that need both brokers running and warm. The one that is not under load idles."""
    with ExitStack() as stack:
        peers = {name: make(bench.directory / f"load-{name}") for name, make in bench.makers.items()}
        for peer in peers.values():
            stack.callback(peer.stop)
            peer.start()
        for section in sections:
            LOADED_SECTIONS[section](bench, peers)
        resident = Question("Memory", f"resident after the load of {', '.join(sections)}", "MiB")
        for name, peer in peers.items():
            bench.answers.add(resident, name, resident_bytes(peer.pid) / MIB)


def measure_throughput(bench: Bench, peers: dict[str, Peer]) -> None:
    effort = bench.effort
    for number in range(-effort.warm_rounds, effort.rounds):
        for value_bytes, messages in ((100, effort.messages_of_100_bytes), (1000, effort.messages_of_1000_bytes)):
            for partitions in (1, TOPIC_PARTITIONS):
                for name in peers if number % 2 == 0 else reversed(peers):
                    load = ThroughputLoad(f"t-{value_bytes}-{partitions}-{number + effort.warm_rounds}", partitions, value_bytes, messages)
                    throughput_of(bench, name, peers[name], load, is_warming=number < 0)


@dataclass(frozen=True, slots=True)
class ThroughputLoad:
    topic: str
    partitions: int
    value_bytes: int
    messages: int


def throughput_of(bench: Bench, name: str, peer: Peer, load: ThroughputLoad, is_warming: bool) -> None:
    section = "Throughput (librdkafka, acks=all, linger 5 ms)"
    what = f"{load.value_bytes} B, {load.partitions} partition{'s' if load.partitions > 1 else ''}"
    million = load.messages / 1e6
    try:
        create_topics(peer, {load.topic: load.partitions})
        for command in ("produce", "consume"):
            cpu_before = cpu_seconds(peer.pid)
            arguments = ["--messages", load.messages, "--value-bytes", load.value_bytes, "--partitions", load.partitions]
            outcome = run_load("librdkafka", command, peer, load.topic, arguments)
            cpu = cpu_seconds(peer.pid) - cpu_before
            if is_warming:
                continue
            rate = Question(section, f"{command} {what}", "msg/s", at_least_times(1))
            spent = Question("Broker CPU under that load", f"{command} {what}", "CPU s per million", at_most_times(1))
            bench.answers.add(rate, name, outcome["messages_per_second"])
            bench.answers.add(spent, name, cpu / million)
        delete_topics(peer, [load.topic])
    except (LoadFailed, PeerFailed) as error:
        bench.answers.failed(name, section, error)


def measure_small(bench: Bench, peers: dict[str, Peer]) -> None:
    """One record of 100 B in each request, one request in flight on each connection."""
    section = "Small requests (raw socket, one 100 B record each, acks=all, one in flight)"
    warm(
        bench,
        peers,
        lambda peer: create_topics(peer, {"small": TOPIC_PARTITIONS}),
        lambda peer: small_requests(peer, 64, bench.effort.seconds),
    )
    for connections in CONNECTIONS:
        what = f"{connections} connection{'s' if connections > 1 else ''}"
        for _, name in bench.in_turn():
            try:
                outcome, cpu = small_requests(peers[name], connections, bench.effort.seconds)
            except (LoadFailed, PeerFailed) as error:
                bench.answers.failed(name, what, error)
                continue
            bench.answers.add(Question(section, what, "requests/s", at_least_times(1)), name, outcome["requests_per_second"])
            bench.answers.add(Question(section, f"{what}, p50", "ms"), name, outcome["p50_ms"])
            bench.answers.add(Question(section, f"{what}, p99", "ms"), name, outcome["p99_ms"])
            spent = Question(section, f"{what}, broker", "CPU s per million", at_most_times(1))
            bench.answers.add(spent, name, cpu / outcome["all_requests"] * 1e6)


def warm(bench: Bench, peers: dict[str, Peer], prepare: Callable[[Peer], object], load: Callable[[Peer], object]) -> None:
    for name, peer in peers.items():
        try:
            prepare(peer)
            for _ in range(bench.effort.warm_rounds):
                load(peer)
        except (LoadFailed, PeerFailed) as error:
            bench.answers.failed(name, "warming", error)


def small_requests(peer: Peer, connections: int, seconds: float) -> tuple[dict[str, float], float]:
    """The outcome and the broker's CPU seconds. The topic must have grown by exactly what was acknowledged."""
    held, cpu_before = records_in(peer, "small"), cpu_seconds(peer.pid)
    arguments = ["--partitions", TOPIC_PARTITIONS, "--connections", connections, "--seconds", seconds, "--warm-seconds", seconds / 3]
    outcome = run_load("raw_socket", None, peer, "small", arguments)
    cpu = cpu_seconds(peer.pid) - cpu_before
    # Under load Kafka may tell a new consumer of older ends for a moment.
    deadline = time.monotonic() + 10
    while (grown := records_in(peer, "small") - held) != outcome["all_requests"]:
        if time.monotonic() > deadline:
            raise LoadFailed(f"{outcome['all_requests']:.0f} requests were acknowledged and the topic grew by {grown} records")
    return outcome, cpu


def measure_latency(bench: Bench, peers: dict[str, Peer]) -> None:
    """Linger 0, five requests in flight, four partitions; until the acknowledgement, and (in a run of its own) until it is consumed."""
    warm(bench, peers, lambda peer: create_topics(peer, {"latency": 4}), lambda peer: publish(peer, 20_000, bench.effort.seconds, True))
    for rate in RATES:
        for is_followed in (False, True):
            for _, name in bench.in_turn():
                try:
                    outcome = publish(peers[name], rate, bench.effort.seconds, is_followed)
                except (LoadFailed, PeerFailed) as error:
                    bench.answers.failed(name, f"publish at {rate:,} msg/s", error)
                    continue
                section = f"Latency, publish to {'consume' if is_followed else 'acknowledgement'} (librdkafka, linger 0)"
                bench.answers.add(Question(section, f"{rate:,} msg/s, p50", "ms"), name, outcome["p50_ms"])
                bench.answers.add(Question(section, f"{rate:,} msg/s, p99", "ms", at_most_times(0.5)), name, outcome["p99_ms"])


def publish(peer: Peer, rate: int, seconds: float, is_followed: bool) -> dict[str, float]:
    """Publish at a rate; what the publisher measured, or the consumer beside it."""
    arguments = ["--partitions", 4, "--rate", rate, "--seconds", seconds]
    if not is_followed:
        return run_load("librdkafka", "publish", peer, "latency", arguments)
    with start_on(peer, "latency", "librdkafka", "follow", arguments) as follower:
        try:
            assert follower.stdout is not None
            follower.stdout.readline()  # "ready"
            run_load("librdkafka", "publish", peer, "latency", arguments)
            return outcome_of(follower)
        finally:
            follower.kill()


def measure_partitions(bench: Bench) -> None:
    """10,000 partitions of one node: none with a record at first, then each with one."""
    for number, name in bench.in_turn():
        peer = bench.makers[name](bench.directory / f"partitions-{name}-{number}")
        try:
            peer.start()
            partitions_of(bench, name, peer)
        except (LoadFailed, PeerFailed) as error:
            bench.answers.failed(name, "10,000 partitions", error)
        finally:
            peer.stop()


def partitions_of(bench: Bench, name: str, peer: Peer) -> None:
    section = "10,000 partitions"
    topics = {f"wide-{number}": PARTITIONS_PER_TOPIC for number in range(PARTITION_TOPICS)}
    started = time.perf_counter()
    create_topics(peer, topics)
    bench.answers.add(Question(section, "create, until all have a leader", "s"), name, time.perf_counter() - started)
    restarted(bench, name, peer, "empty")
    fill(peer, topics)
    footprint(bench, name, peer, "all written to")
    restarted(bench, name, peer, "a record in each")


def restarted(bench: Bench, name: str, peer: Peer, state: str) -> None:
    """Stop in order, start, and see what it costs to hold them."""
    section = "10,000 partitions"
    peer.stop()
    started = time.perf_counter()
    seconds = peer.start()
    peer.wait_for(lambda view: view.partitions_led >= PARTITION_TOPICS * PARTITIONS_PER_TOPIC, topics=None)
    all_led = time.perf_counter() - started
    bench.answers.add(Question(section, f"restart until Metadata is answered ({state})", "s", at_most(1)), name, seconds)
    bench.answers.add(Question(section, f"restart until all have a leader ({state})", "s"), name, all_led)
    footprint(bench, name, peer, state)


def footprint(bench: Bench, name: str, peer: Peer, state: str) -> None:
    section = "10,000 partitions"
    time.sleep(SETTLE_S)
    bench.answers.add(Question(section, f"resident memory ({state})", "MiB", at_most(150)), name, resident_bytes(peer.pid) / MIB)
    bench.answers.add(Question(section, f"open files ({state})", "files", at_most(OPEN_FILES)), name, peer.open_files())


def fill(peer: Peer, topics: dict[str, int]) -> None:
    """One record into every partition."""
    producer = confluent_kafka.Producer({"bootstrap.servers": peer.address, "acks": "all", "log_level": 2})
    for topic, partitions in topics.items():
        for partition in range(partitions):
            producer.produce(topic, b"v" * 100, partition=partition)
        producer.poll(0)
    if left := producer.flush(LOAD_TIMEOUT_S):
        raise LoadFailed(f"{left} of the records for the partitions were not acknowledged")


def create_topics(peer: Peer, topics: dict[str, int]) -> None:
    """One request per topic, then wait until every partition has a leader."""
    admin = AdminClient({"bootstrap.servers": peer.address, "log_level": 2})
    try:
        for topic, partitions in topics.items():
            for created in admin.create_topics([NewTopic(topic, partitions, 1)], operation_timeout=60, request_timeout=90).values():
                created.result()
    except confluent_kafka.KafkaException as error:
        raise LoadFailed(f"creating a topic: {error}") from error
    peer.wait_for(lambda view: view.partitions_led == sum(topics.values()), tuple(topics), LOAD_TIMEOUT_S)


def delete_topics(peer: Peer, topics: list[str]) -> None:
    admin = AdminClient({"bootstrap.servers": peer.address, "log_level": 2})
    try:
        for deleted in admin.delete_topics(topics, operation_timeout=60).values():
            deleted.result()
    except confluent_kafka.KafkaException as error:
        raise LoadFailed(f"deleting a topic: {error}") from error


def records_in(peer: Peer, topic: str) -> int:
    """End offsets minus start offsets over the topic's partitions."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": peer.address, "group.id": "unused", "log_level": 2})
    watermarks = [watermarks_of(consumer, confluent_kafka.TopicPartition(topic, number)) for number in range(TOPIC_PARTITIONS)]
    consumer.close()
    return sum(high - low for low, high in watermarks)


def watermarks_of(consumer: confluent_kafka.Consumer, partition: confluent_kafka.TopicPartition) -> tuple[int, int]:
    """Kafka's Metadata names a new leader some milliseconds before that leader knows of it, so this asks again for a while."""
    deadline = time.monotonic() + 30
    while True:
        try:
            found = consumer.get_watermark_offsets(partition, timeout=30)
        except confluent_kafka.KafkaException as error:
            if time.monotonic() > deadline:
                raise LoadFailed(f"the offsets of {partition.topic}-{partition.partition}: {error}") from error
            continue
        if found is None:
            raise LoadFailed(f"the offsets of {partition.topic}-{partition.partition} were not answered")
        low, high = found
        return low, high


def run_load(module: str, command: str | None, peer: Peer, topic: str, arguments: Sequence[object]) -> dict[str, float]:
    return outcome_of(start_on(peer, topic, module, command, arguments))


def start_on(peer: Peer, topic: str, module: str, command: str | None, arguments: Sequence[object]) -> "subprocess.Popen[str]":
    return start_load(module, *([command] if command else []), "--address", peer.address, "--topic", topic, *arguments)


LOADED_SECTIONS: dict[str, Callable[[Bench, dict[str, Peer]], None]] = {
    "throughput": measure_throughput,
    "small": measure_small,
    "latency": measure_latency,
}
SECTIONS = ("start", *LOADED_SECTIONS, "partitions")
PEERS: dict[str, Callable[[Path], Peer]] = {"ours": embedded_server, "kafka": apache_kafka}


def measure(bench: Bench, sections: Sequence[str]) -> None:
    if "start" in sections:
        measure_start(bench)
    if loaded := [section for section in LOADED_SECTIONS if section in sections]:
        measure_under_load(bench, loaded)
    if "partitions" in sections:
        measure_partitions(bench)


def main() -> int:
    arguments = comparison_parser("This project's Kafka server beside Apache Kafka.", SECTIONS, tuple(PEERS)).parse_args()
    effort = QUICK if arguments.quick else FULL
    if arguments.rounds:
        effort = Effort(arguments.rounds, effort.messages_of_100_bytes, effort.messages_of_1000_bytes, effort.seconds, effort.warm_rounds)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))  # Kafka opens a file for each of 10,000 partitions
    answers = Answers()
    with tempfile.TemporaryDirectory(prefix="benchmark-kafka-") as directory:
        bench = Bench({name: PEERS[name] for name in arguments.peers}, Path(directory), effort, answers)
        measure(bench, arguments.only)
    conditions = f"{machine()}; librdkafka {confluent_kafka.libversion()[0]}; Apache Kafka 4.3.1 with a heap of 1 GB"
    return report(arguments, answers, conditions, mark="kafka", peer="Apache Kafka")


if __name__ == "__main__":
    sys.exit(main())
