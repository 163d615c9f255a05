"""A pytest plugin for moto's suite in its server mode, against a server that has no call that empties it: it is started anew instead.

`PARITY_SERVE` is its command; without it the suite talks to moto's own server, which has that call.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from moto.core.models import ServerModeMockAWS

START_TIMEOUT_S = 20


class FreshServer:
    """The server of one test. What it logged is kept to the end of the run: a traceback in it fails the run."""

    def __init__(self, command: list[str]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="parity-")
        self._ready_file = Path(self._directory.name, "ready.json")
        self.log = Path(self._directory.name, "server.log")
        self._command = [*command, "--ready-file", str(self._ready_file)]
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.is_fresh = False
        """Nothing but the present test has used it."""

    def reset(self) -> None:
        if not self.is_fresh:
            self.stop()
            self._start()
            self.is_fresh = True

    def _start(self) -> None:
        self._starts += 1
        data = Path(self._directory.name, str(self._starts))
        with self.log.open("ab") as output:
            self._process = subprocess.Popen([*self._command, "--data", str(data)], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not get ready: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            # What it would take its time for, the next one does not need.
            self._process.kill()
            self._process.wait()
            self._process = None
        self._ready_file.unlink(missing_ok=True)

    def end(self) -> str:
        """Its log."""
        self.stop()
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        self._directory.cleanup()
        return text


class Plugin:
    def __init__(self, server: FreshServer) -> None:
        self._server = server

    def pytest_runtest_setup(self) -> None:
        self._server.is_fresh = False

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        log = self._server.end()
        if "Traceback" in log:
            print(f"The server logged a traceback:\n{log[-5000:]}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config: pytest.Config) -> None:
    if command := os.environ.get("PARITY_SERVE"):
        server = FreshServer(json.loads(command))
        setattr(ServerModeMockAWS, "reset", lambda _: server.reset())  # noqa: B010 - a method is replaced, which mypy does not allow
        config.pluginmanager.register(Plugin(server))
