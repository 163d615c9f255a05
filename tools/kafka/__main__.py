"""`python -m tools.kafka install`, `start [--nodes 3] [--config KEY=VALUE]… [--ready-file FILE]`, `stop --ready-file FILE`.

`start` stays in the foreground until SIGINT or SIGTERM. Its ready file has the form of the one that `mq serve` writes.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tools.kafka.cluster import KafkaCluster, KafkaFailed
from tools.kafka.installation import CannotInstall, install


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.kafka", description="A real Apache Kafka on loopback.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="copy its jars into .tools/kafka")
    start = commands.add_parser("start", help="format and start a new cluster; ends on SIGINT or SIGTERM")
    start.add_argument("--nodes", type=int, default=1)
    start.add_argument("--config", action="append", default=[], metavar="KEY=VALUE")
    start.add_argument("--heap", default="512M")
    start.add_argument("--ready-file", type=Path)
    stop = commands.add_parser("stop", help="stop the cluster that wrote this ready file")
    stop.add_argument("--ready-file", type=Path, required=True)
    return parser.parse_args(arguments)


def start(arguments: argparse.Namespace) -> None:
    config = dict(pair.split("=", 1) for pair in arguments.config)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    with KafkaCluster(arguments.nodes, config=config, heap=arguments.heap) as kafka:
        print(kafka.bootstrap_servers, flush=True)
        if arguments.ready_file is not None:
            write_atomically(arguments.ready_file, json.dumps({"pid": os.getpid(), "kafka": kafka.addresses}))
        while True:
            signal.pause()


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """End by an exception, whatever is being done: the cluster's `with` stops its nodes on the way out."""
    sys.exit(0)


def write_atomically(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)


def stop(ready_file: Path) -> None:
    pid = int(json.loads(ready_file.read_text())["pid"])
    os.kill(pid, signal.SIGTERM)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    ready_file.unlink()


def main() -> int:
    arguments = parse_arguments(sys.argv[1:])
    try:
        if arguments.command == "install":
            print(install())
        elif arguments.command == "start":
            start(arguments)
        else:
            stop(arguments.ready_file)
    except (CannotInstall, KafkaFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
