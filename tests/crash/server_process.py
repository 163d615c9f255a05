"""`mq serve` as a process of its own that a test kills and starts again on the same data and ports."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
PROBE_INTERVAL_S = 0.005


class ServerFailed(Exception):
    """The server did not come up, or ended by itself; the message carries what it printed last."""


class ServerProcess:
    """The first start picks free ports; later ones take the same."""

    def __init__(self, directory: Path, brokers: int = 3, arguments: Sequence[str] = (), protocol: str = "kafka") -> None:
        self.addresses: list[str] = []
        self._protocol = protocol
        self._directory = directory
        self._brokers = brokers
        self._arguments = list(arguments)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(self.addresses)

    def start(self) -> None:
        """Returns once every listener is open."""
        ready_file = self._directory / "ready.json"
        ready_file.unlink(missing_ok=True)
        with (self._directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(ready_file), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready_file.exists():
            if self._process.poll() is not None:
                raise ServerFailed(f"the server ended with code {self._process.returncode} before it was ready:\n{self.last_output()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"the server was not ready within {START_TIMEOUT_S} s:\n{self.last_output()}")
            time.sleep(PROBE_INTERVAL_S)
        self.addresses = json.loads(ready_file.read_text())[self._protocol]

    def kill(self) -> None:
        """kill -9: nothing of the process runs any more when this returns."""
        process = self._running()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self._process = None

    def stop(self) -> int:
        """SIGTERM and its exit code."""
        process = self._running()
        process.terminate()
        try:
            code = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ServerFailed(f"the server did not stop within {STOP_TIMEOUT_S} s:\n{self.last_output()}") from None
        finally:
            self._process = None
        return code

    def end(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def last_output(self) -> str:
        log = self._directory / "server.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else ""

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            raise ServerFailed(f"the server is not running:\n{self.last_output()}")
        return self._process

    def _command(self, ready_file: Path) -> list[str]:
        mq = str(Path(sys.executable).with_name("mq"))
        ports = ",".join(address.rpartition(":")[2] for address in self.addresses) or "0"
        command = [mq, "serve", "--only", self._protocol, "--brokers", str(self._brokers), f"--{self._protocol}-port", ports]
        return [*command, "--data", str(self._directory / "data"), "--ready-file", str(ready_file), *self._arguments]
