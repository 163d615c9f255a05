"""`python -m tools.test_real`: the tests that need other runtimes. What they need is installed first; what cannot be had is said at once.

An Apache Kafka of one node, one of three and a RabbitMQ serve all test processes of the run. Without a runtime its tests are skipped;
under CI that is a failure, since nobody would read of it there.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from tests.contract.rabbitmq.servers import ADDRESS_VARIABLE as RABBITMQ_VARIABLE
from tests.servers_under_test import ADDRESS_VARIABLES, HEAP, SETTINGS
from tools import aws_sdks, java, kafka, node, rabbitmq, rabbitmqadmin
from tools.kafka import CannotInstall, KafkaCluster
from tools.rabbitmq import RabbitMQ

WORKERS = "2"


@dataclass(frozen=True, slots=True)
class Runtime:
    name: str
    install: Callable[[], object]


KAFKA = Runtime("Apache Kafka", kafka.install)
RABBITMQ = Runtime("RabbitMQ", rabbitmq.install)
RUNTIMES = (
    KAFKA,
    RABBITMQ,
    Runtime("the Java client", java.install),
    Runtime("Node's clients", node.install),
    Runtime("rabbitmqadmin", rabbitmqadmin.install),
    *(Runtime(f"AWS's client {walk.name}", walk.install) for walk in aws_sdks.WALKS),
)


def install_all() -> list[Runtime]:
    """Install what can be had; return what cannot."""
    missing = []
    for runtime in RUNTIMES:
        try:
            runtime.install()
        except (CannotInstall, rabbitmq.CannotInstall, aws_sdks.CannotInstall) as reason:
            print(f"not to be had: {runtime.name}. {reason}", flush=True)
            missing.append(runtime)
        else:
            print(f"installed: {runtime.name}", flush=True)
    return missing


def run_tests(*, with_kafka: bool, with_rabbitmq: bool) -> int:
    environment = dict(os.environ)
    with ExitStack() as stack:
        if with_kafka:
            for nodes, variable in ADDRESS_VARIABLES.items():
                cluster = stack.enter_context(KafkaCluster(nodes, config=SETTINGS, heap=HEAP))
                environment[variable] = cluster.bootstrap_servers
        if with_rabbitmq:
            broker = stack.enter_context(RabbitMQ())
            environment[RABBITMQ_VARIABLE] = f"{broker.address},{broker.host}:{broker.management_port}"
        command = [sys.executable, "-m", "pytest", "-m", "real", "-n", WORKERS, "-rs", *(sys.argv[1:] or ["tests"])]
        return subprocess.run(command, env=environment, check=False).returncode


def main() -> int:
    missing = install_all()
    code = run_tests(with_kafka=KAFKA not in missing, with_rabbitmq=RABBITMQ not in missing)
    for runtime in missing:
        print(f"not tested, for want of its runtime: {runtime.name}")
    return code or int(bool(missing) and os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main())
