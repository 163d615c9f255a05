"""`python -m tools.parity NAME --suite FOLDER`: NAME is kafka-python, aiokafka, pika, aio-pika, …

Runs the suite of the checkout in FOLDER against `mq serve`, then against the real broker, and writes the result of each test to
docs/parity/kafka.md or docs/parity/rabbitmq.md. With tests named after `--`, or with `--only`, nothing is written: for looking closer.

A result that differs unexplained is looked at a second time, in a new run of those tests alone: some race, and lose on a busy machine.
The page names them.

Exit code 1 if a result still differs that `explanations.toml` does not explain, or if an explanation there is no longer needed.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.kafka import CannotInstall as CannotInstallKafka
from tools.kafka.cluster import KafkaFailed
from tools.parity.client_environment import CannotInstall, ClientEnvironment, environment_for
from tools.parity.comparison import Comparison, explanations_of
from tools.parity.report import with_section
from tools.parity.run import Outcome, run_suite
from tools.parity.servers import ServerFailed, our_server, real_server
from tools.parity.suites import SUITES, NotASuite, Suite
from tools.rabbitmq import CannotInstall as CannotInstallRabbitMQ
from tools.rabbitmq import RabbitMQFailed

EXPECTED = (NotASuite, CannotInstall, CannotInstallKafka, KafkaFailed, CannotInstallRabbitMQ, RabbitMQFailed, ServerFailed)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.parity", description="Other people's suites, against our server and the real broker."
    )
    parser.add_argument("name", choices=sorted(SUITES))
    parser.add_argument("--suite", type=Path, required=True, metavar="FOLDER", help="a checkout of the client's repository")
    parser.add_argument("--only", choices=("ours", "real"), help="run against this server alone")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="these alone, as pytest names them")
    return parser.parse_args(arguments)


def outcomes(server: str, suite: Suite, environment: ClientEnvironment, tests: list[str]) -> Mapping[str, Outcome]:
    start, config = (our_server, suite.config) if server == "ours" else (real_server, {**suite.config, **suite.real_config})
    with start(suite.system, config) as address:
        print(f"\n{suite.name} against {'mq serve' if server == 'ours' else suite.system.title} at {address}", flush=True)
        return run_suite(suite, environment, address, tests)


def compared(suite: Suite, environment: ClientEnvironment, tests: list[str]) -> Comparison:
    ours, real = (outcomes(server, suite, environment, tests) for server in ("ours", "real"))
    return Comparison(ours, real, explanations_of(suite.name))


def run(arguments: argparse.Namespace) -> int:
    suite, folder = SUITES[arguments.name], arguments.suite.resolve()
    version = suite.version(folder)
    environment = environment_for(suite, version, folder)
    if arguments.only:
        outcomes(arguments.only, suite, environment, arguments.tests)
        return 0
    comparison = compared(suite, environment, arguments.tests)
    if again := comparison.unexplained:
        comparison = comparison.after_second_run(compared(suite, environment, again))
    print(f"\nours: {comparison.counts(comparison.ours)}\n{suite.system.title}: {comparison.counts(comparison.real)}")
    if arguments.tests:
        return 0
    page = suite.system.page
    page.parent.mkdir(exist_ok=True)
    page.write_text(with_section(page.read_text() if page.exists() else "", suite, version, comparison))
    for test in comparison.unexplained:
        here, there = comparison.outcome(comparison.ours, test), comparison.outcome(comparison.real, test)
        print(f"differs and is not explained: {test}: {here} here, {there} there")
    for pattern in comparison.stale:
        print(f"explained, but nothing that matches differs any more: {pattern}")
    return 1 if comparison.unexplained or comparison.stale else 0


def main() -> int:
    try:
        return run(parse_arguments(sys.argv[1:]))
    except EXPECTED as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
