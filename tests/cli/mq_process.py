"""`mq serve` as a process of its own, waited for by what it prints."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MQ = str(Path(sys.executable).with_name("mq"))
TIMEOUT_S = 30
FREE_PORTS = dict.fromkeys(("MQ_SERVE_AMQP_PORT", "MQ_SERVE_MANAGEMENT_PORT", "MQ_SERVE_PROMETHEUS_PORT"), "0")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This one's, without settings of a server that runs beside the tests, and with free ports for what a test does not ask."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MQ_SERVE_")}
    return {**own, **FREE_PORTS, **(extra or {})}


def mq(*arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs to its end."""
    return subprocess.run(
        [MQ, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=environment(variables),
        check=False,
    )


@dataclass(slots=True)
class ServeProcess:
    process: subprocess.Popen[str]
    ready_file: Path
    printed: str
    """Its first line."""

    @property
    def addresses(self) -> list[str]:
        return list(json.loads(self.ready_file.read_text())["kafka"])

    def stop(self, number: int) -> tuple[int, str]:
        """The exit code, and what was written on standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, errors


@contextmanager
def serving(directory: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> Iterator[ServeProcess]:
    ready_file = directory / "ready.json"
    process = subprocess.Popen(
        [
            MQ,
            "serve",
            "--kafka-port",
            "0",
            "--amqp-port",
            "0",
            "--management-port",
            "0",
            "--prometheus-port",
            "0",
            "--sqs-port",
            "0",
            "--ready-file",
            str(ready_file),
            *arguments,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(variables),
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, process.communicate()[1]
        yield ServeProcess(process, ready_file, first.rstrip("\n"))
    finally:
        if process.poll() is None:
            # Politely: a killed server leaves its temporary directory.
            process.terminate()
        process.communicate(timeout=TIMEOUT_S)
