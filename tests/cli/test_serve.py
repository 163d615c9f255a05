import json
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from message_queues.cli.serve import check_configs
from message_queues.errors import InvalidArgument
from message_queues.settings import OPTIONS, ServerSettings
from tests.cli.mq_process import MQ, TIMEOUT_S, environment, mq, serving


def connects(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S):
        return True


def refused(*arguments: str, code: int, variables: dict[str, str] | None = None) -> str:
    """The one line that the server says before it leaves."""
    result = mq("serve", *arguments, variables=variables)
    assert result.returncode == code, result
    assert result.stdout == ""
    assert result.stderr.startswith("mq serve: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


# Starting


def test_its_addresses_are_printed_and_written_as_json(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        told = json.loads(server.ready_file.read_text())
        assert told["pid"] == server.process.pid
        assert server.printed == f"kafka {told['kafka'][0]}"
        assert connects(told["kafka"][0])
        assert [file.name for file in tmp_path.iterdir()] == ["ready.json"]


def test_every_protocol_has_its_address(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        told = json.loads(server.ready_file.read_text())
        assert set(told) == {"pid", "kafka", "amqp", "management", "prometheus", "sqs"}
        assert all(connects(told[protocol][0]) for protocol in ("amqp", "management", "prometheus", "sqs"))


@pytest.mark.parametrize("protocol", ["amqp", "management", "prometheus", "sqs"])
def test_a_port_that_is_taken_is_named_with_its_flag(tmp_path: Path, protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--kafka-port", "0", f"--{protocol}-port", str(port), code=1)
    assert f"port {port}" in said
    assert f"--{protocol}-port" in said


def test_three_nodes_listen_on_three_addresses(tmp_path: Path) -> None:
    with serving(tmp_path, "--brokers", "3") as server:
        assert len(set(server.addresses)) == 3
        assert all(map(connects, server.addresses))


def test_options_can_stand_in_the_environment_and_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mq.toml"
    file.write_text('node_ids = [7, 8]\nlog_level = "info"\n')
    with serving(tmp_path, "--config-file", str(file), variables={"MQ_SERVE_CONFIG": "num.partitions=3"}) as server:
        assert len(server.addresses) == 2


# Stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_and_quietly_even_with_a_client_connected(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as server:
        host, port = server.addresses[0].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as client:
            assert server.stop(number) == (0, "")
            assert client.recv(1) == b""
        assert not server.ready_file.exists()


def test_it_stops_when_the_program_that_started_it_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    program = (
        "import subprocess, sys\n"
        f"serve = [{MQ!r}, 'serve', '--only', 'kafka', '--kafka-port', '0', '--stop-with-stdin', '--ready-file', {str(ready)!r}]\n"
        "print(subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=sys.stdout).wait())\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment())
    assert starter.stdout is not None
    assert starter.stdout.readline().startswith("kafka ")
    starter.kill()
    # The server holds the other end of this pipe as long as it lives.
    assert starter.stdout.read() == ""
    starter.wait(TIMEOUT_S)
    assert not ready.exists()


def test_without_a_data_directory_nothing_is_left(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with serving(tmp_path, variables={"TMPDIR": str(temporary)}) as server:
        assert len(list(temporary.iterdir())) == 1
        assert server.stop(signal.SIGTERM)[0] == 0
    assert list(temporary.iterdir()) == []


def test_a_killed_server_starts_again_on_its_data_and_its_ready_file_is_not_believed(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with serving(tmp_path, "--data", data) as server:
        server.stop(signal.SIGKILL)
        killed = server.process.pid
        assert server.ready_file.exists()
    with serving(tmp_path, "--data", data) as server:
        assert json.loads(server.ready_file.read_text())["pid"] == server.process.pid != killed
        assert server.stop(signal.SIGTERM) == (0, "")


# What can be expected to go wrong


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--kafka-port", str(port), code=1)
    assert f"port {port}" in said
    assert "--kafka-port" in said


def test_a_data_directory_in_use_is_named_with_its_holder(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with serving(tmp_path, "--data", data) as server:
        said = refused("--kafka-port", "0", "--data", data, code=1)
        assert data in said
        assert str(server.process.pid) in said
        assert server.stop(signal.SIGTERM) == (0, "")


def test_a_data_directory_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("999\n")
    said = refused("--kafka-port", "0", "--data", str(tmp_path), code=1)
    assert "999" in said
    assert "upgrade" in said


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert f"{tmp_path}/file/data" in refused("--kafka-port", "0", "--data", str(tmp_path / "file" / "data"), code=1)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    def let_no_file_grow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    result = subprocess.run(
        [MQ, "serve", "--only", "kafka", "--kafka-port", "0", "--data", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=environment(),
        preexec_fn=let_no_file_grow,  # one thread only
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("mq serve: ")
    assert str(tmp_path) in result.stderr
    assert "Traceback" not in result.stderr


def test_a_ready_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    said = refused("--kafka-port", "0", "--ready-file", str(tmp_path / "none" / "ready.json"), code=2)
    assert f"cannot write --ready-file {tmp_path}/none/ready.json" in said


# Wrongly called


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "num.partition=3"], "Unknown broker config name: num.partition (did you mean num.partitions?)"),
        (["--config", "num.partitions=x"], "Invalid value x for configuration num.partitions: Not a number of type INT"),
        (["--config", "log.dirs=/tmp"], "--config log.dirs has no effect here; use --data"),
        (["--kafka-port", "x"], "--kafka-port should be a port from 0 to 65535, or several with commas between them, not 'x'"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_would_be_right(arguments: list[str], message: str) -> None:
    assert refused("--kafka-port", "0", *arguments, code=2) == f"mq serve: {message}\n"


def test_an_unknown_flag_is_refused() -> None:
    result = mq("serve", "--kafka-prot", "0")
    assert result.returncode == 2
    assert "--kafka-prot" in result.stderr


def test_configurations_that_options_decide_are_sent_there() -> None:
    with pytest.raises(InvalidArgument, match="use --host and --kafka-port"):
        check_configs(ServerSettings(config={"advertised.listeners": "PLAINTEXT://here:1"}))


def test_help_shows_every_option() -> None:
    help_text = mq("serve", "--help").stdout
    assert all(option.flag in help_text for option in OPTIONS.values())
