"""This project's SQS server beside moto, ministack and null servers, in one run on one machine.

Every figure is the median of its rounds; within a round all servers get the same load, one after the other. The load comes from a process
of its own (benchmarks/sqs_load.py), by boto3 or over plain HTTP, and shares the machine's cores with the server. Bodies have 100 bytes.
This project's server keeps everything on disk; the others keep it in memory, and the null servers nothing at all.

    python -m benchmarks.sqs [--only boto3,raw,…] [--quick] [--json FILE] [--write-readme]
"""

import argparse
import json
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import Row, Target, at_least_times, at_most, machine, replace_between_marks, table
from benchmarks.loads import LoadFailed, outcome_of, start_load
from benchmarks.sqs_peers import OurServer, PeerFailed, ministack_server, moto_server, null_server, our_server

README = Path(__file__).with_name("README.md")
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    boto3_messages: int
    raw_messages: int
    backlog: int
    queues: int
    waiting: int


FULL = Effort(rounds=3, boto3_messages=1_000, raw_messages=60_000, backlog=1_000_000, queues=10_000, waiting=1_000)
QUICK = Effort(rounds=1, boto3_messages=200, raw_messages=10_000, backlog=20_000, queues=500, waiting=100)


@dataclass(frozen=True, slots=True)
class Bench:
    directory: Path
    effort: Effort
    rows: list[Row]
    failures: list[str]

    def beside(self, section: str, what: str, unit: str, found: Mapping[str, Sequence[float]], targets: Mapping[str, Target]) -> None:
        """A row for each of the others, all with our figures."""
        for peer, figures in found.items():
            if peer != "ours":
                name = f"{what}, beside {peer}"
                self.rows.append(Row(section, name, unit, tuple(found["ours"]), tuple(figures), targets.get(peer)))

    def alone(self, section: str, what: str, unit: str, figures: Sequence[float], target: Target | None = None) -> None:
        self.rows.append(Row(section, what, unit, tuple(figures), (), target))


def at_least(limit: float) -> Target:
    return Target(limit, is_ratio=False, is_least=True)


def run_load(address: str, load: str, queue: str, count: int, *arguments: object) -> dict[str, float]:
    outcome = outcome_of(start_load("sqs_load", load, "--address", address, "--queue", queue, "--count", count, *arguments))
    said = ", ".join(f"{name} {value:,.4g}" for name, value in outcome.items())
    print(f"  {load} {queue}: {said}", file=sys.stderr, flush=True)
    return outcome


# Sections


def measure_boto3(bench: Bench) -> None:
    """Send, receive and delete as most programs do it."""
    one_by_one: dict[str, list[float]] = {}
    tens: dict[str, list[float]] = {}
    with ExitStack() as stack:
        servers = {"ours": stack.enter_context(our_server(bench.directory / "boto3")).address}
        servers["a null application"] = stack.enter_context(null_server("asgi"))
        servers["a null socket"] = stack.enter_context(null_server("bare"))
        servers["moto"] = stack.enter_context(moto_server())
        servers["ministack"] = stack.enter_context(ministack_server())
        for _ in range(bench.effort.rounds):
            for name, address in servers.items():
                count = bench.effort.boto3_messages
                one_by_one.setdefault(name, []).append(run_load(address, "one-by-one", "bench", count)["per_second"])
                tens.setdefault(name, []).append(run_load(address, "tens", "bench", count * 5)["per_second"])
    targets = {"a null application": at_least_times(0.9)}
    bench.beside("boto3", "send, receive, delete one at a time", "messages/s", one_by_one, targets)
    bench.beside("boto3", "send, receive, delete ten at a time", "messages/s", tens, targets)


def measure_raw(bench: Bench) -> None:
    """What the server does when the client costs little: the server has one core to itself, the load the other."""
    singles: dict[str, list[float]] = {"ours": [], "a null application": []}
    synced: list[float] = []
    tens: list[float] = []
    taken: list[float] = []
    count = bench.effort.raw_messages
    with ExitStack() as stack:
        ours = stack.enter_context(our_server(bench.directory / "raw", core=0))
        fsynced = stack.enter_context(our_server(bench.directory / "raw-fsync", fsync=True, core=0))
        null = stack.enter_context(null_server("asgi"))
        for number in range(bench.effort.rounds):
            queue = f"raw-{number}"
            singles["ours"].append(run_load(ours.address, "send", queue, count, "--connections", 16)["per_second"])
            singles["a null application"].append(run_load(null, "send", "null", count, "--connections", 16)["per_second"])
            synced.append(run_load(fsynced.address, "send", queue, count, "--connections", 16)["per_second"])
            tens.append(run_load(ours.address, "send-tens", queue, count, "--connections", 16)["per_second"])
            taken.append(run_load(ours.address, "take", queue, count)["per_second"])
    bench.beside("raw HTTP", "SendMessage, 16 connections, server on one core", "messages/s", singles, {})
    bench.alone("raw HTTP", "SendMessage, the same", "messages/s", singles["ours"], at_least(15_000))
    bench.alone("raw HTTP", "SendMessage, the same with --fsync", "messages/s", synced)
    bench.alone("raw HTTP", "SendMessageBatch of ten, 16 connections", "messages/s", tens)
    bench.alone("raw HTTP", "ReceiveMessage of ten and DeleteMessageBatch, 1 connection", "messages/s", taken)


def measure_long_polls(bench: Bench) -> None:
    one: list[float] = []
    many: list[float] = []
    resident: list[float] = []
    with our_server(bench.directory / "long-polls") as server:
        before = server.resident_bytes
        for number in range(bench.effort.rounds):
            waiting = bench.effort.waiting
            one.append(run_load(server.address, "long-polls", f"one-{number}", 2_000, "--waiting", 1)["p99_ms"])
            many.append(run_load(server.address, "long-polls", f"many-{number}", 2 * waiting, "--waiting", waiting)["p99_ms"])
            resident.append((server.resident_bytes - before) / MIB)
    section = "long polls"
    bench.alone(section, "send to receive, one waits, p99", "ms", one, at_most(3))
    bench.alone(section, f"send to receive, {bench.effort.waiting:,} wait on as many queues, p99", "ms", many, at_most(3))
    bench.alone(section, f"memory after {bench.effort.waiting:,} long polls", "MiB more", resident)


def measure_backlog(bench: Bench) -> None:
    """A long queue costs as much per message as a short one, and its memory is bounded."""
    directory, count = bench.directory / "backlog", bench.effort.backlog
    sample = min(20_000, count)
    server = OurServer(directory)
    try:
        server.start()
        idle = server.resident_bytes
        run_load(server.address, "send-tens", "short", sample, "--connections", 16)
        short = run_load(server.address, "take", "short", sample)["per_second"]
        run_load(server.address, "send-tens", "long", count, "--connections", 16)
        sent_after = run_load(server.address, "send-tens", "long", sample, "--connections", 16)["per_second"]
        long = run_load(server.address, "take", "long", sample)["per_second"]
        resident = (server.resident_bytes - idle) / MIB
        server.kill()
        reopened = server.start()
        again = run_load(server.address, "take", "long", sample)["per_second"]
    finally:
        server.stop()
    section = f"{count:,} messages in a queue"
    bench.alone(section, "SendMessageBatch behind them", "messages/s", [sent_after])
    bench.rows.append(Row(section, "receive and delete, beside a short queue", "messages/s", (long,), (short,)))
    bench.alone(section, "memory", "MiB more", [resident])
    bench.alone(section, "open again after kill -9", "s", [reopened])
    bench.alone(section, "receive and delete after that", "messages/s", [again])


def measure_queues(bench: Bench) -> None:
    count = bench.effort.queues
    with our_server(bench.directory / "queues") as server:
        idle = server.resident_bytes
        single = run_load(server.address, "send", "single", 2 * count, "--connections", 16)["per_second"]
        outcome = run_load(server.address, "spread", "spread", 2 * count, "--queues", count)
        resident = (server.resident_bytes - idle) / MIB
    section = f"{count:,} queues"
    bench.alone(section, "CreateQueue", "queues/s", [outcome["created_per_second"]])
    bench.rows.append(Row(section, "SendMessage to all in turn, beside to one", "messages/s", (outcome["per_second"],), (single,)))
    bench.alone(section, "memory", "MiB more", [resident])


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "boto3": measure_boto3,
    "raw": measure_raw,
    "long-polls": measure_long_polls,
    "backlog": measure_backlog,
    "queues": measure_queues,
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="This project's SQS server beside moto, ministack and null servers.")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    parser.add_argument("--json", type=Path, help="write every figure of every round here")
    parser.add_argument("--write-readme", action="store_true", help="replace the table in benchmarks/README.md")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    if unknown := set(arguments.only) - set(SECTIONS):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(SECTIONS)}")
    return arguments


def report(arguments: argparse.Namespace, bench: Bench) -> str:
    text = f"{machine()}.\n\n{table(bench.rows, 'the other')}\n"
    if bench.failures:
        text += "\nFailed:\n\n" + "".join(f"- {failure}\n" for failure in bench.failures)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"conditions": machine(), "rows": [row.as_json() for row in bench.rows]}, indent=1) + "\n")
    if arguments.write_readme:
        replace_between_marks(README, "sqs", text)
    return text


def main() -> int:
    arguments = parse_arguments()
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    with tempfile.TemporaryDirectory(prefix="benchmark-sqs-") as directory:
        bench = Bench(Path(directory), QUICK if arguments.quick else FULL, [], [])
        for section in arguments.only:
            print(f"{section}:", file=sys.stderr, flush=True)
            try:
                SECTIONS[section](bench)
            except (LoadFailed, PeerFailed) as error:
                bench.failures.append(f"{section}: {error}")
                print(f"  {section} FAILED: {error}", file=sys.stderr, flush=True)
    print(report(arguments, bench))
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
