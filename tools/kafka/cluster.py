"""One or three Apache Kafka nodes in KRaft mode, each broker and controller, on free loopback ports, in a directory of their own.

The settings are those of a small test cluster: one replica for internal topics on one node, no delay before the first
rebalance, and sessions as short as a second. `config` overrides any of them.
"""

import base64
import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tools.kafka.installation import class_path, install

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 30
READY_LINE = "Kafka Server started"

LOG4J = """\
status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = ${sys:kafka.log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


class KafkaFailed(Exception):
    """A node did not start; the message ends with the last lines of its log."""


class KafkaCluster:
    """`with KafkaCluster(nodes=3) as kafka: kafka.bootstrap_servers`."""

    def __init__(
        self,
        nodes: int = 1,
        *,
        config: Mapping[str, str] | None = None,
        heap: str = "512M",
        directory: Path | None = None,
    ) -> None:
        self.node_count = nodes
        self.heap = heap
        self._config = dict(config or {})
        self._directory = directory
        self._is_own_directory = directory is None
        self._processes: list[subprocess.Popen[bytes]] = []
        self.addresses: list[str] = []

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(self.addresses)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def __enter__(self) -> "KafkaCluster":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Format a new cluster, start its nodes and wait until each serves."""
        install()
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="kafka-"))
        ports = free_ports(2 * self.node_count)
        brokers, controllers = ports[: self.node_count], ports[self.node_count :]
        self.addresses = [f"127.0.0.1:{port}" for port in brokers]
        try:
            folders = [self._prepare(self._directory, node, brokers[node], controllers) for node in range(self.node_count)]
            format_storage(folders, controllers)
            self._processes = [start_node(folder, self.heap) for folder in folders]
            for folder, process in zip(folders, self._processes, strict=True):
                wait_until_ready(folder, process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every node that was started, politely and then not, and remove the directory if it was made here."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        # A node's controlled shutdown waits for a quorum that its siblings are leaving too: what is still there after a while is killed.
        deadline = time.monotonic() + STOP_TIMEOUT_S / max(1, len(self._processes))
        for process in self._processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []
        if self._is_own_directory and self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def _prepare(self, directory: Path, node: int, port: int, controllers: Sequence[int]) -> Path:
        folder = directory / f"node-{node}"
        folder.mkdir(parents=True)
        replicas = str(self.node_count)
        settings = {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.bootstrap.servers": ",".join(f"127.0.0.1:{each}" for each in controllers),
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controllers[node]}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(folder / "data"),
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "5",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.num.partitions": "5",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
        }
        settings.update(self._config)
        (folder / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        (folder / "log4j2.properties").write_text(LOG4J)
        return folder


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def new_id() -> str:
    """A random id as Kafka writes its UUIDs; it must not begin with a dash, or its tools take it for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()).startswith("-"):
        continue
    return text


def format_storage(folders: Sequence[Path], controllers: Sequence[int]) -> None:
    cluster_id = new_id()
    if len(folders) == 1:
        quorum = ["--standalone"]
    else:
        voters = [f"{node}@127.0.0.1:{port}:{new_id()}" for node, port in enumerate(controllers)]
        quorum = ["--initial-controllers", ",".join(voters)]
    for folder in folders:
        command = [*java("128M", folder, "format.log"), "kafka.tools.StorageTool", "format", *quorum, "-t", cluster_id]
        done = subprocess.run([*command, "-c", str(folder / "server.properties")], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise KafkaFailed(f"Formatting {folder} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def java(heap: str, folder: Path, log_name: str) -> list[str]:
    return [
        "java",
        f"-Xmx{heap}",
        f"-Xms{heap}",
        "-server",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-Djava.awt.headless=true",
        f"-Dkafka.log={folder / log_name}",
        f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
        "-cp",
        class_path(),
    ]


def start_node(folder: Path, heap: str) -> subprocess.Popen[bytes]:
    command = [*java(heap, folder, "server.log"), "kafka.Kafka", str(folder / "server.properties")]
    with (folder / "console.log").open("wb") as console:
        # A group of its own: Ctrl-C in a terminal reaches the caller alone, who stops the nodes in order.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)


def wait_until_ready(folder: Path, process: subprocess.Popen[bytes]) -> None:
    log = folder / "server.log"
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if log.exists() and READY_LINE in log.read_text(errors="replace"):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    text = "".join(path.read_text(errors="replace")[-2000:] for path in (folder / "console.log", log) if path.exists())
    raise KafkaFailed(f"Apache Kafka did not start (exit code {process.poll()}); the end of its log in {folder}:\n{text}")
