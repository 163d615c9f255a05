"""This project's Kafka server beside Apache Kafka 4.3.1, in one run on one machine.

Every figure is the median of three rounds. Within a round both brokers get the same load, one after the other, and the one that
goes first changes from round to round. Both are warmed with the kind of load that follows. The load comes from processes of its
own (benchmarks/raw_socket.py, benchmarks/librdkafka.py), which share the cores with the broker, as a program on a laptop does.

    python -m benchmarks.kafka [--only throughput,small,…] [--quick] [--peers ours] [--json FILE] [--write-readme]
"""

import argparse
import json
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

from benchmarks.comparison import Row, Target, at_least_times, at_most, at_most_times, machine, replace_between_marks, table
from benchmarks.peers import Peer, PeerFailed, apache_kafka, embedded_server

ROOT = Path(__file__).resolve().parent.parent
README = Path(__file__).with_name("README.md")
MIB = 2**20
LOAD_TIMEOUT_S = 300
SETTLE_S = 2.0
"""How long a broker is left alone before its idle memory is read."""
RATES = (1_000, 5_000, 20_000)
CONNECTIONS = (1, 16, 64)
TOPIC_PARTITIONS = 12
PARTITION_TOPICS, PARTITIONS_PER_TOPIC = 10, 1_000
"""Kafka refuses some thousands of partitions in one request (POLICY_VIOLATION), so each topic is a request of its own."""
OPEN_FILES = 640


class LoadFailed(Exception):
    """A load generator ended with an error, or what it sent is not all there."""


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
class Question:
    """What a row is about."""

    section: str
    what: str
    unit: str
    target: Target | None = None


class Answers:
    """Every peer's figures to every question, in the order in which they were first asked."""

    def __init__(self) -> None:
        self._figures: dict[Question, dict[str, list[float]]] = {}
        self.failures: list[str] = []

    def add(self, question: Question, peer: str, value: float) -> None:
        self._figures.setdefault(question, {}).setdefault(peer, []).append(value)
        print(f"  {peer:15} {question.what}: {value:,.4g} {question.unit}", file=sys.stderr, flush=True)

    def failed(self, peer: str, error: Exception) -> None:
        self.failures.append(f"{peer}: {error}")
        print(f"  {peer:15} FAILED: {error}", file=sys.stderr, flush=True)

    def rows(self) -> list[Row]:
        return [
            Row(asked.section, asked.what, asked.unit, tuple(found.get("ours", ())), tuple(found.get("kafka", ())), asked.target)
            for asked, found in self._figures.items()
        ]


@dataclass(frozen=True, slots=True)
class Bench:
    """What all sections need."""

    makers: dict[str, Callable[[Path], Peer]]
    directory: Path
    effort: Effort
    answers: Answers

    def in_turn(self, rounds: int) -> Iterator[tuple[int, str]]:
        """Each round with each peer; who goes first alternates."""
        names = list(self.makers)
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                yield number, name


def measure_start(bench: Bench) -> None:
    """Fresh directories; Kafka's is formatted before the clock starts."""
    started = Question("Start and idle", "process start until Metadata is answered", "s", at_most(0.3))
    resident = Question("Start and idle", "resident memory, idle", "MiB", at_most(60))
    for number, name in bench.in_turn(bench.effort.rounds):
        peer = bench.makers[name](bench.directory / f"start-{name}-{number}")
        try:
            bench.answers.add(started, name, peer.start())
            time.sleep(SETTLE_S)
            bench.answers.add(resident, name, peer.resident_bytes() / MIB)
        except PeerFailed as error:
            bench.answers.failed(name, error)
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
            bench.answers.add(resident, name, peer.resident_bytes() / MIB)


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
            cpu_before = peer.cpu_seconds()
            arguments = ["--messages", load.messages, "--value-bytes", load.value_bytes, "--partitions", load.partitions]
            outcome = run_load("librdkafka", command, peer, load.topic, arguments)
            cpu = peer.cpu_seconds() - cpu_before
            if is_warming:
                continue
            rate = Question(section, f"{command} {what}", "msg/s", at_least_times(1))
            spent = Question("Broker CPU under that load", f"{command} {what}", "CPU s per million", at_most_times(1))
            bench.answers.add(rate, name, outcome["messages_per_second"])
            bench.answers.add(spent, name, cpu / million)
        delete_topics(peer, [load.topic])
    except (LoadFailed, PeerFailed) as error:
        bench.answers.failed(name, error)


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
        for _, name in bench.in_turn(bench.effort.rounds):
            try:
                outcome, cpu = small_requests(peers[name], connections, bench.effort.seconds)
            except (LoadFailed, PeerFailed) as error:
                bench.answers.failed(name, error)
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
            bench.answers.failed(name, error)


def small_requests(peer: Peer, connections: int, seconds: float) -> tuple[dict[str, float], float]:
    """The outcome and the broker's CPU seconds. The topic must have grown by exactly what was acknowledged."""
    held, cpu_before = records_in(peer, "small"), peer.cpu_seconds()
    arguments = ["--partitions", TOPIC_PARTITIONS, "--connections", connections, "--seconds", seconds, "--warm-seconds", seconds / 3]
    outcome = run_load("raw_socket", None, peer, "small", arguments)
    cpu = peer.cpu_seconds() - cpu_before
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
            for _, name in bench.in_turn(bench.effort.rounds):
                try:
                    outcome = publish(peers[name], rate, bench.effort.seconds, is_followed)
                except (LoadFailed, PeerFailed) as error:
                    bench.answers.failed(name, error)
                    continue
                section = f"Latency, publish to {'consume' if is_followed else 'acknowledgement'} (librdkafka, linger 0)"
                bench.answers.add(Question(section, f"{rate:,} msg/s, p50", "ms"), name, outcome["p50_ms"])
                bench.answers.add(Question(section, f"{rate:,} msg/s, p99", "ms", at_most_times(0.5)), name, outcome["p99_ms"])


def publish(peer: Peer, rate: int, seconds: float, is_followed: bool) -> dict[str, float]:
    """Publish at a rate; what the publisher measured, or the consumer beside it."""
    arguments = ["--partitions", 4, "--rate", rate, "--seconds", seconds]
    if not is_followed:
        return run_load("librdkafka", "publish", peer, "latency", arguments)
    with start_load("librdkafka", "follow", peer, "latency", arguments) as follower:
        try:
            assert follower.stdout is not None
            follower.stdout.readline()  # "ready"
            run_load("librdkafka", "publish", peer, "latency", arguments)
            return outcome_of(follower)
        finally:
            follower.kill()


def measure_partitions(bench: Bench) -> None:
    """10,000 partitions of one node: none with a record at first, then each with one."""
    for number, name in bench.in_turn(bench.effort.rounds):
        peer = bench.makers[name](bench.directory / f"partitions-{name}-{number}")
        try:
            peer.start()
            partitions_of(bench, name, peer)
        except (LoadFailed, PeerFailed) as error:
            bench.answers.failed(name, error)
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
    bench.answers.add(Question(section, f"resident memory ({state})", "MiB", at_most(150)), name, peer.resident_bytes() / MIB)
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


def start_load(module: str, command: str | None, peer: Peer, topic: str, arguments: Sequence[object]) -> "subprocess.Popen[str]":
    program = [sys.executable, "-m", f"benchmarks.{module}", *([command] if command else [])]
    options = ["--address", peer.address, "--topic", topic, *map(str, arguments)]
    return subprocess.Popen([*program, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def run_load(module: str, command: str | None, peer: Peer, topic: str, arguments: Sequence[object]) -> dict[str, float]:
    return outcome_of(start_load(module, command, peer, topic, arguments))


def outcome_of(load: "subprocess.Popen[str]") -> dict[str, float]:
    """Wait for a load generator and read the line it printed."""
    try:
        output, errors = load.communicate(timeout=LOAD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        load.kill()
        load.communicate()
        raise LoadFailed(f"a load did not end within {LOAD_TIMEOUT_S} s") from None
    if load.returncode != 0:
        raise LoadFailed(errors.strip().rpartition("\n")[2] or f"a load ended with code {load.returncode}")
    outcome: dict[str, float] = json.loads(output)
    return outcome


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


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="This project's Kafka server beside Apache Kafka.")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--peers", default="ours,kafka", help="one of ours, kafka, or both in the order of the first round")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    parser.add_argument("--rounds", type=int, help="instead of three")
    parser.add_argument("--json", type=Path, help="write every figure of every round here")
    parser.add_argument("--write-readme", action="store_true", help="replace the table in benchmarks/README.md")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    arguments.peers = arguments.peers.split(",")
    for given, known in ((arguments.only, SECTIONS), (arguments.peers, tuple(PEERS))):
        if unknown := set(given) - set(known):
            parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}")
    return arguments


def report(arguments: argparse.Namespace, answers: Answers) -> str:
    rows = answers.rows()
    conditions = f"{machine()}; librdkafka {confluent_kafka.libversion()[0]}; Apache Kafka 4.3.1 with a heap of 1 GB"
    text = f"{conditions}.\n\n{table(rows, 'Apache Kafka')}\n"
    if answers.failures:
        text += "\nFailed:\n\n" + "".join(f"- {failure}\n" for failure in answers.failures)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"conditions": conditions, "rows": [row.as_json() for row in rows]}, indent=1) + "\n")
    if arguments.write_readme:
        replace_between_marks(README, "kafka", text)
    return text


def main() -> int:
    arguments = parse_arguments()
    effort = QUICK if arguments.quick else FULL
    if arguments.rounds:
        effort = Effort(arguments.rounds, effort.messages_of_100_bytes, effort.messages_of_1000_bytes, effort.seconds, effort.warm_rounds)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))  # Kafka opens a file for each of 10,000 partitions
    answers = Answers()
    with tempfile.TemporaryDirectory(prefix="benchmark-kafka-") as directory:
        bench = Bench({name: PEERS[name] for name in arguments.peers}, Path(directory), effort, answers)
        measure(bench, arguments.only)
    print(report(arguments, answers))
    return 1 if answers.failures else 0


if __name__ == "__main__":
    sys.exit(main())
