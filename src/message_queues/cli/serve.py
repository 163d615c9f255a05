"""`mq serve`: runs the server until SIGINT or SIGTERM.

Exit codes: 0 stopped, 1 could not start or go on, 2 wrongly called. An expected failure is one message that says what and what to do.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from message_queues.cli.logs import configure_logs
from message_queues.errors import InvalidArgument, MessageQueuesError, StorageError
from message_queues.settings import FILE_VARIABLE, OPTIONS, ServerSettings, load_settings

logger = logging.getLogger(__name__)

KEPT_BYTES = 32 * 1024 * 1024
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""The numbers of mallopt(3)."""

STOPPED, FAILED, WRONGLY_CALLED = 0, 1, 2

Addresses = Mapping[str, Sequence[str]]


def serve(arguments: Sequence[str]) -> int:
    flags = parser().parse_args(arguments)
    try:
        settings = load_settings(texts(flags), os.environ, flags.config_file)
        check_configs(settings)
    except InvalidArgument as error:
        return complain(str(error), WRONGLY_CALLED)
    configure_logs(settings.log_level, settings.log_format)
    try:
        run(settings)
    except InvalidArgument as error:
        return complain(str(error), WRONGLY_CALLED)
    except ModuleNotFoundError as error:
        return complain(f"the package {error.name} is missing: pip install 'message-queues[server]'", FAILED)
    except (MessageQueuesError, OSError) as error:
        return complain(str(error), FAILED)
    return STOPPED


def complain(message: str, exit_code: int) -> int:
    print(f"mq serve: {message}", file=sys.stderr, flush=True)
    return exit_code


# Flags


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="mq serve",
        description="A server that speaks the protocols of Kafka, RabbitMQ and Amazon SQS and SNS, durable on disk, in one process.",
        epilog="Every option can also stand in the environment or in a TOML file. See docs/serve.md.",
        allow_abbrev=False,
    )
    made.add_argument("--config-file", metavar="FILE", help=f"TOML file with any of these options; or {FILE_VARIABLE}.")
    for option in OPTIONS.values():
        if option.is_switch:
            made.add_argument(option.flag, action=argparse.BooleanOptionalAction, default=None, help=option.sentence)
        else:
            action = "append" if option.can_be_repeated else "store"
            made.add_argument(option.flag, action=action, metavar=option.metavar, help=option.sentence)
    return made


def texts(flags: argparse.Namespace) -> dict[str, str | Sequence[str]]:
    """What was given, as settings.py reads it."""
    given: dict[str, str | Sequence[str]] = {}
    for name in OPTIONS:
        value = getattr(flags, name)
        if isinstance(value, bool):
            given[name] = "true" if value else "false"
        elif value is not None:
            given[name] = value
    return given


OPTIONS_FOR_CONFIGS = {
    "listeners": "--host and --kafka-port",
    "advertised.listeners": "--host and --kafka-port",
    "node.id": "--node-ids",
    "broker.id": "--node-ids",
    "log.dir": "--data",
    "log.dirs": "--data",
}
"""Configurations of Kafka that options of the server decide."""


def check_configs(settings: ServerSettings) -> None:
    for name, option in OPTIONS_FOR_CONFIGS.items():
        if name in settings.config:
            raise InvalidArgument(f"--config {name} has no effect here; use {option}")


def warn_of_idle_configs(settings: ServerSettings) -> None:
    from message_queues.broker.configs.broker_configs import definition_of

    for name in settings.config:
        known = definition_of(name)
        if known is not None and not known.is_obeyed:
            logger.warning("this configuration is known but changes nothing here", extra={"config": name})


# Running


SPARE_FILES = 100
"""Beside logs and connections: the journal, what Python itself has open."""


def make_room_for_files(settings: ServerSettings) -> None:
    """The limit that most systems start a process with, 1024, is less than the connections and log files of a busy server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ports = len(settings.all_node_ids) * settings.serves("kafka") + settings.serves("amqp") + (settings.amqps_port is not None)
    ports += settings.serves("sqs")
    wanted = settings.max_open_files + settings.max_connections * max(ports, 1) + SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(settings: ServerSettings) -> None:
    make_room_for_files(settings)
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve_until_signal(settings))
    else:
        uvloop.run(serve_until_signal(settings))


async def serve_until_signal(settings: ServerSettings) -> None:
    from message_queues.servers.server import Server

    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled.set)
    if settings.stop_with_stdin:
        loop.add_reader(sys.stdin.fileno(), set_at_the_end_of_input, signalled)
    stop_asked = asyncio.create_task(signalled.wait())
    # One that a killed server left would say that this one listens already.
    remove_ready_file(settings)
    server = Server(settings)
    addresses = await server.start()
    warn_of_idle_configs(settings)
    spare_the_collector()
    keep_freed_memory()
    try:
        announce(settings, addresses)
        await asyncio.wait((stop_asked, server.failure), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop_asked.cancel()
        await server.stop()
        remove_ready_file(settings)
    if server.failure.done():
        raise StorageError(
            f"{server.failure.result()}; the server has stopped and nothing that it acknowledged is lost: "
            f"make room or mend the disk, then start it again"
        )


def set_at_the_end_of_input(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        ended.set()


def spare_the_collector() -> None:
    """What is loaded stays for good: the garbage collector need not look at it again, nor come by at every few hundred requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def keep_freed_memory() -> None:
    """Large batches come and go: glibc would give the memory of each back to the system and fault it in again, which costs more than
    half of the processor time of producing them. It keeps up to so much instead; other allocators are left as they are.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)


def announce(settings: ServerSettings, addresses: Addresses) -> None:
    if settings.ready_file is not None:
        write_atomically(Path(settings.ready_file), json.dumps({"pid": os.getpid(), **addresses}))
    if sys.stdout.isatty():
        print_table(settings, addresses)
    else:
        for protocol, listeners in addresses.items():
            print(f"{protocol} {','.join(listeners)}", flush=True)


def write_atomically(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text)
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise InvalidArgument(f"cannot write --ready-file {path}: {error.strerror or error}") from error


def remove_ready_file(settings: ServerSettings) -> None:
    if settings.ready_file is not None:
        with contextlib.suppress(OSError):
            Path(settings.ready_file).unlink()


def print_table(settings: ServerSettings, addresses: Addresses) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("protocol", "node", "address")
    for protocol, listeners in addresses.items():
        nodes = settings.all_node_ids if protocol == "kafka" else [""] * len(listeners)
        for node, address in zip(nodes, listeners, strict=True):
            table.add_row(protocol, str(node), address)
    console = Console()
    console.print(table)
    console.print(f"data: {settings.data or 'a directory of its own, removed when it stops'}; Ctrl-C stops")
