"""`python -m tools.rabbitmq install`, `start [--config KEY=VALUE]… [--ready-file FILE]`.

`start` stays in the foreground until SIGINT or SIGTERM. Its ready file has the form of the one that `mq serve` writes.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tools.rabbitmq.installation import CannotInstall, install
from tools.rabbitmq.node import RabbitMQ, RabbitMQFailed


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.rabbitmq", description="A real RabbitMQ on loopback.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install Debian's rabbitmq-server")
    start = commands.add_parser("start", help="start a new node; ends on SIGINT or SIGTERM")
    start.add_argument("--config", action="append", default=[], metavar="KEY=VALUE")
    start.add_argument("--ready-file", type=Path)
    return parser.parse_args(arguments)


def start(arguments: argparse.Namespace) -> None:
    config = dict(pair.split("=", 1) for pair in arguments.config)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    with RabbitMQ(config=config) as rabbitmq:
        addresses = {
            "pid": os.getpid(),
            "amqp": [rabbitmq.address],
            "management": [f"{rabbitmq.host}:{rabbitmq.management_port}"],
            "prometheus": [f"{rabbitmq.host}:{rabbitmq.prometheus_port}"],
        }
        print(json.dumps(addresses), flush=True)
        if arguments.ready_file is not None:
            unfinished = arguments.ready_file.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(addresses))
            unfinished.replace(arguments.ready_file)
        while True:
            signal.pause()


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """End by an exception, whatever is being done: the node's `with` stops it on the way out."""
    sys.exit(0)


def main() -> int:
    arguments = parse_arguments(sys.argv[1:])
    try:
        if arguments.command == "install":
            print(install())
        else:
            start(arguments)
    except (CannotInstall, RabbitMQFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
