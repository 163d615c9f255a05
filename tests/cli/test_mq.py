import subprocess
import sys
from importlib.metadata import version

from tests.cli.mq_process import TIMEOUT_S, mq


def test_the_version_is_that_of_the_package() -> None:
    assert mq("--version").stdout == f"mq {version('message-queues')}\n"


def test_the_module_can_be_run_too() -> None:
    command = [sys.executable, "-m", "message_queues", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout == mq("--version").stdout


def test_help_names_the_server() -> None:
    assert "serve" in mq("--help").stdout


def test_an_unknown_noun_is_refused() -> None:
    result = mq("sreve")
    assert result.returncode == 2
    assert "sreve" in result.stderr


def test_serve_is_started_without_the_packages_of_the_other_nouns() -> None:
    imports = "import sys, message_queues.cli.serve, message_queues.servers.server"
    code = f"{imports}; print([name for name in ('typer', 'rich', 'click') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout == "[]\n"
