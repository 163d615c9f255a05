"""The servers of SQS under measurement, each a process of its own on loopback: this project's server, moto, ministack, and a null server
that says what the client wants to hear."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from benchmarks.broker_process import PeerFailed, resident_bytes, stop
from tools.aws_peers import HOST, free_port, ministack_server, moto_server, running

PROBE_INTERVAL_S = 0.005
START_TIMEOUT_S = 60


class OurServer:
    """`mq serve`, SQS and SNS only, with its data on disk; on one core if `core` names it."""

    def __init__(self, directory: Path, *, fsync: bool = False, core: int | None = None) -> None:
        self._directory = directory
        self._options = ["--fsync"] if fsync else []
        self._core = core
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    @property
    def resident_bytes(self) -> int:
        assert self._process is not None
        return resident_bytes(self._process.pid)

    def start(self) -> float:
        """Seconds until it listens; a later start finds the data of the earlier."""
        self._directory.mkdir(parents=True, exist_ok=True)
        ready, log = self._directory / "ready.json", self._directory / "output.log"
        ready.unlink(missing_ok=True)
        mq = str(Path(sys.executable).with_name("mq"))
        command = [mq, "serve", "--only", "sqs", "--sqs-port", "0", "--data", str(self._directory / "data"), "--ready-file", str(ready)]
        started = time.perf_counter()
        with log.open("ab") as output:
            self._process = subprocess.Popen([*command, *self._options], stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        if self._core is not None:
            os.sched_setaffinity(self._process.pid, {self._core})
        while not ready.exists():
            if self._process.poll() is not None or time.perf_counter() - started > START_TIMEOUT_S:
                raise PeerFailed(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(PROBE_INTERVAL_S)
        self.address = f"http://{json.loads(ready.read_text())['sqs'][0].removeprefix('http://')}"
        return time.perf_counter() - started

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self.stop()

    def stop(self) -> None:
        process, self._process = self._process, None
        stop(process)


@contextmanager
def our_server(directory: Path, *, fsync: bool = False, core: int | None = None) -> Iterator[OurServer]:
    server = OurServer(directory, fsync=fsync, core=core)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def null_server(kind: Literal["asgi", "bare"]) -> Iterator[str]:
    port = free_port()
    with running("null", [sys.executable, str(Path(__file__).with_name("sqs_null.py")), kind, str(port)], port, {}):
        yield f"http://{HOST}:{port}"


__all__ = ["OurServer", "PeerFailed", "ministack_server", "moto_server", "null_server", "our_server"]
