"""One RabbitMQ node on free loopback ports, in a directory of its own, with a port mapper (epmd) of its own.

Its guest user may do everything; the management and Prometheus plugins are on, others by name. `config` are further lines of rabbitmq.conf.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tools.rabbitmq.installation import install

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 30
PLUGINS = (
    "rabbitmq_management",
    "rabbitmq_prometheus",
    "rabbitmq_consistent_hash_exchange",
    "rabbitmq_random_exchange",
    "rabbitmq_recent_history_exchange",
    "rabbitmq_sharding",
    "rabbitmq_shovel",
    "rabbitmq_shovel_management",
)
READY = "Server startup complete"


class RabbitMQFailed(Exception):
    """The node did not start; the message ends with the last lines of its log."""


class RabbitMQ:
    """`with RabbitMQ() as rabbitmq: rabbitmq.port, rabbitmq.management_port`. A port that is 0 is a free one."""

    def __init__(
        self,
        *,
        config: Mapping[str, str] | None = None,
        plugins: Sequence[str] = PLUGINS,
        directory: Path | None = None,
        port: int = 0,
        management_port: int = 0,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.management_port = management_port
        self.prometheus_port = 0
        self._config = dict(config or {})
        self._plugins = tuple(plugins)
        self._directory = directory
        self._is_own_directory = directory is None
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        assert self._directory is not None
        return self._directory / "console.log"

    @property
    def pid(self) -> int:
        """Of the Erlang virtual machine."""
        assert self._directory is not None
        return int((self._directory / "node.pid").read_text())

    def __enter__(self) -> "RabbitMQ":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Starts a node, the first time an empty one, and waits until it serves."""
        scripts = install()
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        if not self._environment:
            self._prepare(self._directory)
        try:
            self._launch([str(scripts / "rabbitmq-server")])
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` says to these arguments."""
        command = [str(install() / "rabbitmqctl"), *arguments]
        done = subprocess.run(
            command, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise RabbitMQFailed(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()[-2000:]}")
        return done.stdout

    def halt(self) -> None:
        """Stops the node, politely and then not; what it has stored stays, and `start` goes on with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._kill_group()
            self._process = None

    def kill(self) -> None:
        """kill -9."""
        self._kill_group()
        self._process = None

    def stop(self) -> None:
        """Stops the node and its port mapper, and removes the directory if it was made here."""
        self.halt()
        if self._environment:
            port_mapper = ["epmd", "-port", self._environment["ERL_EPMD_PORT"], "-kill"]
            with contextlib.suppress(OSError):
                subprocess.run(port_mapper, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
        if self._is_own_directory and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
            self._environment = {}

    def _prepare(self, folder: Path) -> None:
        port, management_port, self.prometheus_port, distribution, port_mapper = free_ports(5)
        self.port, self.management_port = self.port or port, self.management_port or management_port
        settings = {
            "listeners.tcp.default": f"127.0.0.1:{self.port}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self.management_port),
            "prometheus.tcp.ip": "127.0.0.1",
            "prometheus.tcp.port": str(self.prometheus_port),
            "disk_free_limit.absolute": "50MB",
            "log.console": "true",
            "log.console.level": "info",
            **self._config,
        }
        (folder / "rabbitmq.conf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        (folder / "enabled_plugins").write_text(f"[{','.join(self._plugins)}].\n")
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"mq{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "node.pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(port_mapper),
            # Without it the limit of open files is low.
            "ERL_MAX_PORTS": "65536",
        }

    def _launch(self, command: list[str]) -> None:
        self.log.unlink(missing_ok=True)
        with self.log.open("wb") as console:
            # A group of its own: the script starts the virtual machine, and both have to go.
            self._process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )

    def _kill_group(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if READY in self.log.read_text(errors="replace"):
                return
            time.sleep(0.1)
        raise RabbitMQFailed(f"RabbitMQ did not start:\n{self.log.read_text(errors='replace')[-3000:]}")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
