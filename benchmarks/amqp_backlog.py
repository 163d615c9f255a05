"""A backlog of ten million messages in one queue of `mq serve`: how much memory it takes, how fast it opens, whether its space comes back.

There is no peer in this one: RabbitMQ's own limits are set elsewhere. The server is killed (kill -9) once all is confirmed, and started
again on what is there; then everything is consumed and acknowledged, one by one.

    python -m benchmarks.amqp_backlog [--messages 10000000]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from benchmarks.amqp_connection import Connection
from benchmarks.amqp_load import confirm, consume

MIB = 1024 * 1024
QUEUE = "backlog"
START_TIMEOUT_S = 60


class Server:
    """`mq serve` on a directory that outlives it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes]
        self.address = ""

    def start(self) -> float:
        """Seconds until it listens."""
        ready = self._directory / "ready.json"
        ready.unlink(missing_ok=True)
        command = [str(Path(sys.executable).with_name("mq")), "serve", "--only", "amqp", "--amqp-port", "0"]
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [*command, "--data", str(self._directory / "data"), "--ready-file", str(ready)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        while not ready.exists():
            if self._process.poll() is not None or time.perf_counter() - started > START_TIMEOUT_S:
                sys.exit("the server did not start")
            time.sleep(0.005)
        self.address = json.loads(ready.read_text())["amqp"][0]
        return time.perf_counter() - started

    def resident_mib(self) -> tuple[float, float]:
        """Now, and at most since it started."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if name in ("VmRSS", "VmHWM")}
        return kib["VmRSS"] / 1024, kib["VmHWM"] / 1024

    def disk_mib(self) -> float:
        files = (path for path in (self._directory / "data").rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files) / MIB

    def end(self, number: int) -> None:
        os.kill(self._process.pid, number)
        self._process.wait()


def run(server: Server, messages: int) -> None:
    print(f"started in {server.start():.2f} s")
    Connection(server.address).declare(QUEUE)
    load = SimpleNamespace(
        address=server.address,
        queues=[QUEUE],
        messages=messages,
        body_bytes=100,
        persistent=True,
        in_flight=20_000,
        exchange="",
        prefetch=0,
    )
    written = confirm(load)
    resident, most = server.resident_mib()
    print(f"{messages:,} persistent messages of 100 B confirmed at {written['per_second']:,.0f}/s")
    print(f"resident {resident:.0f} MiB, at most {most:.0f} MiB; on disk {server.disk_mib():,.0f} MiB")
    server.end(signal.SIGKILL)
    listening_s = server.start()
    asked = time.perf_counter()
    count = Connection(server.address).count(QUEUE)
    print(f"kill -9; listening again after {listening_s:.2f} s; {count:,} messages counted after {time.perf_counter() - asked:.3f} s more")
    load.address, load.prefetch = server.address, 2000
    taken = consume(load)
    resident, most = server.resident_mib()
    print(f"consumed and acknowledged at {taken['per_second']:,.0f}/s; resident {resident:.0f} MiB, at most {most:.0f} MiB")
    # The acknowledgements of the last turn are on their way.
    Connection(server.address).count(QUEUE)
    print(f"on disk afterwards {server.disk_mib():,.0f} MiB")


def main() -> int:
    parser = argparse.ArgumentParser(description="A long backlog in one queue.")
    parser.add_argument("--messages", type=int, default=10_000_000)
    messages: int = parser.parse_args().messages
    with tempfile.TemporaryDirectory(prefix="mq-backlog-") as directory:
        server = Server(Path(directory))
        try:
            run(server, messages)
        finally:
            server.end(signal.SIGTERM)
    return 0


if __name__ == "__main__":
    sys.exit(main())
