"""Debian's `rabbitmq-server`, installed by apt-get where it is missing and this process may install it."""

import os
import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path("/usr/lib/rabbitmq/bin")
SERVER = SCRIPTS / "rabbitmq-server"
COMMANDS = (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "rabbitmq-server"])


class CannotInstall(Exception):
    """The package is missing and cannot be had; the message says what to do."""


def install() -> Path:
    """Install unless it is there already; return the folder of RabbitMQ's scripts."""
    if SERVER.exists():
        return SCRIPTS
    if shutil.which("apt-get") is None:
        raise CannotInstall("RabbitMQ comes from Debian's package rabbitmq-server, and this machine has no apt-get.")
    if os.geteuid() != 0:
        raise CannotInstall("RabbitMQ is not installed: apt-get install rabbitmq-server, as root.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in COMMANDS:
        command = ["apt-get", *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False, env=environment)
        if done.returncode != 0:
            raise CannotInstall(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    if not SERVER.exists():
        raise CannotInstall(f"the package rabbitmq-server was installed and has no {SERVER}")
    return SCRIPTS
