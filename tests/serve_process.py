"""`mq serve` as a process of its own, for tests that ask one server from outside."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import eventually

START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10


@contextmanager
def serving(*arguments: str) -> Iterator[dict[str, list[str]]]:
    """The server's addresses by protocol. It has a data directory of its own, unless the arguments name another."""
    directory = Path(tempfile.mkdtemp(prefix="mq-under-test-"))
    ready_file, log = directory / "ready.json", directory / "server.log"
    command = [str(Path(sys.executable).with_name("mq")), "serve", "--data", str(directory / "data"), "--ready-file", str(ready_file)]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def is_ready() -> bool:
        assert process.poll() is None, f"mq serve ended with code {process.poll()}:\n{log.read_text(errors='replace')[-5000:]}"
        return ready_file.exists()

    try:
        eventually(is_ready, START_TIMEOUT_S)
        yield json.loads(ready_file.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        text = log.read_text(errors="replace")
        shutil.rmtree(directory, ignore_errors=True)
        # A traceback is never an answer, whatever the client made of it.
        assert "Traceback" not in text, text[-5000:]
