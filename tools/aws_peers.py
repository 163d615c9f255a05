"""Other programs that speak SQS and SNS, each in a process of its own on loopback: moto's server and ministack. Both are packages that the
tests install.

    with moto_server() as address:
        ...                            # address is "http://127.0.0.1:41234"
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
POLL_S = 0.05


class PeerFailed(Exception):
    """It did not start; the message ends with what it said."""


@contextmanager
def moto_server(port: int = 0) -> Iterator[str]:
    """Of all of AWS that moto has; account 123456789012."""
    chosen = port or free_port()
    program = f"from moto.server import main; main(['-H', '{HOST}', '-p', '{chosen}'])"
    with running("moto", [sys.executable, "-c", program], chosen, {}):
        yield f"http://{HOST}:{chosen}"


@contextmanager
def ministack_server(port: int = 0) -> Iterator[str]:
    """Of SQS and SNS alone; account 000000000000."""
    chosen = port or free_port()
    settings = {"GATEWAY_PORT": str(chosen), "BIND_HOST": HOST, "SERVICES": "sqs,sns"}
    with running("ministack", [sys.executable, "-m", "ministack"], chosen, settings):
        yield f"http://{HOST}:{chosen}"


@contextmanager
def running(name: str, command: Sequence[str], port: int, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as directory:
        log = Path(directory, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **environment}
            )
        try:
            wait_until_it_answers(name, process, port, log)
            yield process
        finally:
            stop(process)


def wait_until_it_answers(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=START_TIMEOUT_S).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(POLL_S)
        else:
            return
    raise PeerFailed(f"{name} did not answer on port {port} (exit code {process.poll()}):\n{log.read_text(errors='replace')[-2000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
