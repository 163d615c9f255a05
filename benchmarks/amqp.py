"""This project's AMQP server beside RabbitMQ 3.10.8, in one run on one machine.

Every figure is the median of its rounds. Within a round both brokers get the same load, one after the other, and the one that goes first
changes from round to round; the other one idles. The load comes from processes of its own (benchmarks/amqp_load.py over plain sockets,
benchmarks/pika_load.py with pika), which share the cores with the broker. Bodies have 100 bytes, queues are durable and classic.

RabbitMQ syncs persistent messages before it confirms them, so this project's server does the same (--fsync); --unsynced leaves that out.

    python -m benchmarks.amqp [--only confirm,consume,…] [--quick] [--peers ours] [--unsynced] [--json FILE] [--write-readme]
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

from pamqp import commands

from benchmarks.amqp_connection import Connection, Refused
from benchmarks.amqp_peers import AmqpPeer, EmbeddedServer, RealRabbitMQ, UnsyncedServer
from benchmarks.answers import Answers, Question, in_turn
from benchmarks.broker_process import PeerFailed, cpu_seconds, resident_bytes
from benchmarks.command_line import comparison_parser, report
from benchmarks.comparison import at_least_times, at_most, at_most_times, machine
from benchmarks.loads import LoadFailed, outcome_of, start_load

MIB = 2**20
SETTLE_S = 2.0
QUEUES = tuple(f"bench-{number}" for number in range(10))
MANY_QUEUES = 10_000
MANY_CONNECTIONS = 1_000
BINDINGS = 10_000
PREFETCH = 500
PACES = (1_000, 10_000)
"""Publishes per second of the latency rows beside half of what RabbitMQ takes."""
TWICE = at_least_times(2)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    messages: int
    pika_messages: int


FULL = Effort(rounds=3, messages=200_000, pika_messages=10_000)
QUICK = Effort(rounds=1, messages=40_000, pika_messages=2_000)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all sections need."""

    names: tuple[str, ...]
    directory: Path
    effort: Effort
    answers: Answers

    def in_turn(self, peers: dict[str, AmqpPeer]) -> Iterator[tuple[str, AmqpPeer]]:
        """Each round with each peer; who goes first alternates."""
        for _, name in in_turn(self.names, self.effort.rounds):
            yield name, peers[name]

    def ask(self, question: Question, name: str, measured: Callable[[], float]) -> None:
        try:
            self.answers.add(question, name, measured())
        except (LoadFailed, Refused, OSError) as error:
            self.answers.failed(name, question.what, error)


# Loads


def start_on(peer: AmqpPeer, module: str, load: str, arguments: Sequence[object]) -> "subprocess.Popen[str]":
    return start_load(module, load, "--address", peer.address, *arguments)


def run_load(load: str, peer: AmqpPeer, queues: Sequence[str], *arguments: object) -> dict[str, float]:
    return outcome_of(start_on(peer, "amqp_load", load, ["--queues", ",".join(queues), *arguments]))


def consumed_while(peer: AmqpPeer, queues: Sequence[str], messages: int, prefetch: int, publish: Sequence[object]) -> float:
    """Messages a second from the first publish to the last delivery, consumer and publisher in two processes."""
    options = ["--queues", ",".join(queues), "--messages", messages, "--prefetch", prefetch]
    consumer = start_on(peer, "amqp_load", "consume", options)
    assert consumer.stdout is not None
    if consumer.stdout.readline().strip() != "ready":
        outcome_of(consumer)
    try:
        published = run_load("confirm", peer, queues, *publish)
        consumed = outcome_of(consumer)
    finally:
        if consumer.poll() is None:
            consumer.kill()
            consumer.wait()
    return messages * 1e9 / (consumed["ended_ns"] - published["started_ns"])


def durability(is_persistent: bool) -> tuple[str, tuple[str, ...]]:
    return ("persistent", ("--persistent",)) if is_persistent else ("transient", ())


CASES = [(count, is_persistent) for is_persistent in (False, True) for count in (1, 10)]


def case_name(count: int, is_persistent: bool) -> str:
    return f"{durability(is_persistent)[0]}, {count} queue{'s' if count > 1 else ''}"


def empty(peer: AmqpPeer) -> None:
    connection = Connection(peer.address)
    for queue in QUEUES:
        connection.purge(queue)
    connection.close()


# The sections


def measure_publish(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    for count, is_persistent in CASES:
        question = Question("Publish (raw socket, no confirms)", case_name(count, is_persistent), "msg/s", TWICE)
        options = ["--messages", bench.effort.messages, *durability(is_persistent)[1]]
        for name, peer in bench.in_turn(peers):
            bench.ask(question, name, lambda: run_load("publish", peer, QUEUES[:count], *options)["per_second"])  # noqa: B023
            empty(peer)


def measure_confirm(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    for count, is_persistent in CASES:
        what = case_name(count, is_persistent)
        question = Question("Publish with confirms (raw socket, 1,000 in flight)", what, "msg/s", TWICE)
        cost = Question("Broker CPU of publishing with confirms", what, "CPU s per million", at_most_times(1))
        options = ["--messages", bench.effort.messages, *durability(is_persistent)[1]]
        for name, peer in bench.in_turn(peers):
            before = cpu_seconds(peer.pid)
            bench.ask(question, name, lambda: run_load("confirm", peer, QUEUES[:count], *options)["per_second"])  # noqa: B023
            bench.answers.add(cost, name, (cpu_seconds(peer.pid) - before) * 1e6 / bench.effort.messages)
            empty(peer)


def measure_consume(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    for prefetch, how in ((0, "no acks"), (PREFETCH, "acks")):
        for count, is_persistent in CASES:
            question = Question("Consume a backlog (raw socket)", f"{how}, {case_name(count, is_persistent)}", "msg/s", TWICE)
            fill = ["--messages", bench.effort.messages, *durability(is_persistent)[1]]
            options = ["--messages", bench.effort.messages, "--prefetch", prefetch]
            for name, peer in bench.in_turn(peers):
                try:
                    run_load("confirm", peer, QUEUES[:count], *fill)
                except LoadFailed as error:
                    bench.answers.failed(name, question.what, error)
                    continue
                bench.ask(question, name, lambda: run_load("consume", peer, QUEUES[:count], *options)["per_second"])  # noqa: B023
                empty(peer)


def measure_through(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    section = f"Publish to consume (raw socket, confirms, acks, prefetch {PREFETCH})"
    messages = bench.effort.messages
    for count, is_persistent in CASES:
        question = Question(section, case_name(count, is_persistent), "msg/s", TWICE)
        publish = ["--messages", messages, *durability(is_persistent)[1]]
        for name, peer in bench.in_turn(peers):
            bench.ask(question, name, lambda: consumed_while(peer, QUEUES[:count], messages, PREFETCH, publish))  # noqa: B023
            empty(peer)


def measure_fanout(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    question = Question("Routing (raw socket)", "fan-out to 10 queues with 10 consumers, transient, no acks", "deliveries/s", TWICE)
    for peer in peers.values():
        connection = Connection(peer.address)
        connection.ask(commands.Exchange.Declare(exchange="bench-fanout", exchange_type="fanout"), commands.Exchange.DeclareOk)
        for queue in QUEUES:
            connection.ask(commands.Queue.Bind(queue=queue, exchange="bench-fanout", routing_key=""), commands.Queue.BindOk)
        connection.close()
    messages = bench.effort.messages // 5
    publish = ["--messages", messages, "--exchange", "bench-fanout", "--keys", "fan%d"]
    for name, peer in bench.in_turn(peers):
        bench.ask(question, name, lambda: consumed_while(peer, QUEUES, messages * len(QUEUES), 0, publish))  # noqa: B023
        empty(peer)


def measure_topic(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    question = Question("Routing (raw socket)", f"topic exchange with {BINDINGS:,} bindings, publish with confirms", "msg/s", TWICE)
    bind = Question("Routing (raw socket)", f"make {BINDINGS:,} bindings", "s", at_most_times(1))
    for name, peer in peers.items():
        connection = Connection(peer.address)
        connection.ask(commands.Exchange.Declare(exchange="bench-topic", exchange_type="topic"), commands.Exchange.DeclareOk)
        started = time.perf_counter()
        for number in range(BINDINGS):
            pattern = f"region-{number}.*.created" if number % 2 else f"region-{number}.orders.#"
            queue = QUEUES[number % len(QUEUES)]
            connection.send(commands.Queue.Bind(queue=queue, exchange="bench-topic", routing_key=pattern, nowait=True))
        connection.count(QUEUES[0])
        bench.answers.add(bind, name, time.perf_counter() - started)
        connection.close()
    options = ["--exchange", "bench-topic", "--keys", "region-%d.orders.created", "--key-count", BINDINGS]
    for name, peer in bench.in_turn(peers):
        bench.ask(question, name, lambda: run_load("confirm", peer, QUEUES, "--messages", bench.effort.messages, *options)["per_second"])  # noqa: B023
        empty(peer)
    for peer in peers.values():
        connection = Connection(peer.address)
        connection.ask(commands.Exchange.Delete(exchange="bench-topic"), commands.Exchange.DeleteOk)
        connection.close()


def measure_connections(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    section = f"{MANY_CONNECTIONS:,} connections, one confirmed publish in flight each (raw socket)"
    questions = {
        "per_second": Question(section, "publish with confirms, persistent", "msg/s", TWICE),
        "p50_ms": Question(section, "p50", "ms", at_most_times(1)),
        "p99_ms": Question(section, "p99", "ms", at_most_times(1)),
        "connected_s": Question(section, "until all are connected", "s", at_most_times(1)),
    }
    options = ["--messages", bench.effort.messages, "--connections", MANY_CONNECTIONS, "--persistent"]
    for name, peer in bench.in_turn(peers):
        _answer_all(bench, name, questions, lambda: run_load("connections", peer, QUEUES, *options))  # noqa: B023
        empty(peer)


def measure_latency(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    """At half of what RabbitMQ takes, and at rates that laptops have; the same for both."""
    half = half_load(bench, peers)
    for is_persistent in (False, True):
        how, flags = durability(is_persistent)
        for pace in (*PACES, half):
            section = "Publish to delivery (raw socket, confirms, acks)"
            said = f"{how}, {pace:,} msg/s" + (" (half of RabbitMQ's limit)" if pace == half else "")
            questions = {f"p{percent}_ms": Question(section, f"{said}, p{percent}", "ms", at_most_times(1)) for percent in (50, 99)}
            options = ["--messages", min(bench.effort.messages, pace * 8), "--rate", pace, *flags]
            for name, peer in bench.in_turn(peers):
                _answer_all(bench, name, questions, lambda: run_load("pace", peer, QUEUES[:1], *options))  # noqa: B023
                empty(peer)


def half_load(bench: Bench, peers: dict[str, AmqpPeer]) -> int:
    peer = peers.get("rabbitmq") or peers["ours"]
    messages = bench.effort.messages
    return int(consumed_while(peer, QUEUES[:1], messages, PREFETCH, ["--messages", messages, "--persistent"]) / 2000) * 1000 or 500


def _answer_all(bench: Bench, name: str, questions: dict[str, Question], measured: Callable[[], dict[str, float]]) -> None:
    try:
        outcome = measured()
    except LoadFailed as error:
        bench.answers.failed(name, next(iter(questions.values())).section, error)
        return
    for key, question in questions.items():
        bench.answers.add(question, name, outcome[key])


def measure_pika(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    section = "pika, BlockingConnection, persistent, 1 queue"
    messages = bench.effort.pika_messages
    for load, what in (("confirm", "publish with confirms"), ("publish", "publish"), ("consume", "consume with acks")):
        question = Question(section, what, "msg/s", at_least_times(1))
        for name, peer in bench.in_turn(peers):
            options = ["--queue", QUEUES[0], "--messages", messages]
            if load == "consume":
                run_load("confirm", peer, QUEUES[:1], "--messages", messages, "--persistent")
            bench.ask(question, name, lambda: outcome_of(start_on(peer, "pika_load", load, options))["per_second"])  # noqa: B023
            empty(peer)


def measure_queues(bench: Bench, peers: dict[str, AmqpPeer]) -> None:
    section = f"{MANY_QUEUES:,} queues"
    names = [f"many-{number}" for number in range(MANY_QUEUES)]
    # RabbitMQ begins the rows from here with the memory of the rows before, so growth is what is compared.
    for name, peer in peers.items():
        before = resident_bytes(peer.pid)
        connection = Connection(peer.address)
        started = time.perf_counter()
        for queue in names:
            connection.send(commands.Queue.Declare(queue=queue, durable=True, nowait=True))
        connection.count(names[-1])
        bench.answers.add(Question(section, "declare", "s", at_most_times(1)), name, time.perf_counter() - started)
        time.sleep(SETTLE_S)
        target = at_most(100)
        bench.answers.add(Question(section, "memory that they take", "MiB", target), name, (resident_bytes(peer.pid) - before) / MIB)
        connection.close()
    one = Question(section, "publish with confirms, persistent, to 1 of them", "msg/s", TWICE)
    all_of_them = Question(section, "publish with confirms, persistent, to all in turn", "msg/s", TWICE)
    messages = max(bench.effort.messages, 2 * MANY_QUEUES)
    for name, peer in bench.in_turn(peers):
        bench.ask(one, name, lambda: run_load("confirm", peer, names[:1], "--messages", messages, "--persistent")["per_second"])  # noqa: B023
        # By an exchange, as ten thousand names do not fit into a command line.
        options = ["--exchange", "amq.direct", "--keys", "many-%d", "--key-count", MANY_QUEUES, "--messages", messages, "--persistent"]
        _bind_all(peer, names)
        bench.ask(all_of_them, name, lambda: run_load("confirm", peer, names[:1], *options)["per_second"])  # noqa: B023
    for peer in peers.values():
        connection = Connection(peer.address)
        for queue in names:
            connection.send(commands.Queue.Delete(queue=queue, nowait=True))
        connection.count(QUEUES[0])
        connection.close()


def _bind_all(peer: AmqpPeer, names: Sequence[str]) -> None:
    connection = Connection(peer.address)
    for queue in names:
        connection.send(commands.Queue.Bind(queue=queue, exchange="amq.direct", routing_key=queue, nowait=True))
    connection.count(names[-1])
    connection.close()


LOADED_SECTIONS: dict[str, Callable[[Bench, dict[str, AmqpPeer]], None]] = {
    "publish": measure_publish,
    "confirm": measure_confirm,
    "consume": measure_consume,
    "through": measure_through,
    "fanout": measure_fanout,
    "topic": measure_topic,
    "connections": measure_connections,
    "latency": measure_latency,
    "pika": measure_pika,
    "queues": measure_queues,
}
SECTIONS = ("start", *LOADED_SECTIONS)
PEERS: dict[str, Callable[[Path], AmqpPeer]] = {"ours": EmbeddedServer, "rabbitmq": RealRabbitMQ}


def measure_start(bench: Bench) -> None:
    started = Question("Start and idle", "process start until a channel is open", "s", at_most(0.5))
    resident = Question("Start and idle", "resident memory, idle", "MiB", at_most(60))
    for number, name in in_turn(bench.names, bench.effort.rounds):
        peer = PEERS[name](bench.directory / f"start-{name}-{number}")
        try:
            bench.answers.add(started, name, peer.start())
            time.sleep(SETTLE_S)
            bench.answers.add(resident, name, resident_bytes(peer.pid) / MIB)
        except PeerFailed as error:
            bench.answers.failed(name, "start", error)
        finally:
            peer.stop()


def measure_under_load(bench: Bench, sections: Sequence[str]) -> None:
    """The sections that need both brokers running. The one that is not under load idles."""
    with ExitStack() as stack:
        peers = {name: PEERS[name](bench.directory / f"load-{name}") for name in bench.names}
        for peer in peers.values():
            stack.callback(peer.stop)
            peer.start()
            connection = Connection(peer.address)
            for queue in QUEUES:
                connection.declare(queue)
            connection.close()
        for section in sections:
            print(f"{section}:", file=sys.stderr, flush=True)
            try:
                LOADED_SECTIONS[section](bench, peers)
            except (LoadFailed, Refused, OSError) as error:
                bench.answers.failed("both", section, error)
        resident = Question("Memory", f"resident after {', '.join(sections)}", "MiB")
        for name, peer in peers.items():
            bench.answers.add(resident, name, resident_bytes(peer.pid) / MIB)


def main() -> int:
    parser = comparison_parser("This project's AMQP server beside RabbitMQ.", SECTIONS, tuple(PEERS))
    parser.add_argument("--unsynced", action="store_true", help="this project's server as it comes, without --fsync")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    if arguments.unsynced:
        PEERS["ours"] = UnsyncedServer
    if arguments.rounds:
        effort = Effort(arguments.rounds, effort.messages, effort.pika_messages)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    answers = Answers()
    with tempfile.TemporaryDirectory(prefix="benchmark-amqp-") as directory:
        bench = Bench(arguments.peers, Path(directory), effort, answers)
        if "start" in arguments.only:
            measure_start(bench)
        if loaded := [section for section in LOADED_SECTIONS if section in arguments.only]:
            measure_under_load(bench, loaded)
    conditions = f"{machine()}; RabbitMQ 3.10.8; ours {'without' if arguments.unsynced else 'with'} --fsync"
    return report(arguments, answers, conditions, mark="amqp", peer="RabbitMQ")


if __name__ == "__main__":
    sys.exit(main())
