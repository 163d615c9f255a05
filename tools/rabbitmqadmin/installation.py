"""The crate `rabbitmqadmin`, built by cargo into `.tools/rabbitmqadmin`; some minutes on two cores, at the lowest priority.

An installation is complete if and only if its stamp holds the version.
"""

import os
import shutil
import subprocess
from pathlib import Path

from tools.kafka import CannotInstall
from tools.kafka.installation import missing_programs

VERSION = "2.35.0"
HOME = Path(__file__).resolve().parents[2] / ".tools" / "rabbitmqadmin"
PROGRAM = HOME / "bin" / "rabbitmqadmin"
BUILD = HOME / "build"
STAMP = HOME / "installed.version"
BUILD_TIMEOUT_S = 1800


def install() -> Path:
    """Builds unless it is there already; returns the program."""
    if STAMP.exists() and STAMP.read_text() == VERSION:
        return PROGRAM
    if missing := missing_programs("cargo", "cc"):
        raise CannotInstall(f"rabbitmqadmin needs {' and '.join(missing)} on the PATH (Rust 1.90 or newer).")
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    command = ["nice", "-n", "19", "cargo", "install", "rabbitmqadmin", "--version", VERSION, "--locked", "--root", str(HOME)]
    done = subprocess.run(
        command,
        env={**os.environ, "CARGO_TARGET_DIR": str(BUILD)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    shutil.rmtree(BUILD, ignore_errors=True)
    if done.returncode != 0:
        raise CannotInstall(f"cargo could not build rabbitmqadmin:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    STAMP.write_text(VERSION)
    return PROGRAM
