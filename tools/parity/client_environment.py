"""A virtual environment of its own for each suite: the released client of the checkout's version, and what its tests import.

An environment is complete if and only if its stamp lists what was to be installed; anything else is made anew.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.parity.suites import Suite

HOME = Path(__file__).resolve().parents[2] / ".tools" / "parity"


class CannotInstall(Exception):
    """The package index does not have the client of this version, or pip failed; the message ends with what it said."""


def python_for(suite: Suite, version: str) -> Path:
    """Make the environment unless it is there already; return its interpreter."""
    folder = HOME / f"{suite.name}-{version}"
    wanted = [f"{suite.name}=={version}", *suite.requirements]
    stamp, python = folder / "installed.txt", folder / "bin" / "python"
    if stamp.exists() and stamp.read_text().splitlines() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(folder)])
    run([str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *wanted])
    stamp.write_text("\n".join(wanted) + "\n")
    return python


def run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise CannotInstall(f"{' '.join(command[1:])} failed. Check out a version of the suite that was released.\n{said}")
