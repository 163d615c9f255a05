"""What a suite is run in: for Python a virtual environment of its own with the released client of the checkout's version and what its
tests import; for Node.js a folder with the packages that its tests import and, below it, a copy of the checkout, which finds them there.

An environment is complete if and only if its stamp lists what was to be installed; anything else is made anew.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.parity.suites import Suite

HOME = Path(__file__).resolve().parents[2] / ".tools" / "parity"


class CannotInstall(Exception):
    """The package index does not have the client of this version, or pip or npm failed; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class ClientEnvironment:
    program: Path
    """The interpreter, or what runs the tests."""
    folder: Path
    """Where it runs: the checkout, or the copy of it."""


def environment_for(suite: Suite, version: str, checkout: Path) -> ClientEnvironment:
    """Make it unless it is there already."""
    home = HOME / f"{suite.name}-{version}"
    if suite.runner == "pytest":
        distribution = suite.distribution or suite.name
        wanted = [f"{distribution}=={version}", *suite.requirements]
        if not is_installed(home, wanted):
            make_virtual_environment(home, wanted)
        return ClientEnvironment(home / "bin" / "python", checkout)
    if not is_installed(home, suite.requirements):
        make_node_folder(home, suite.requirements)
    copy = home / "suite"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git", "node_modules"))
    return ClientEnvironment(home / "node_modules" / ".bin" / "vitest" if suite.runner == "vitest" else program("node"), copy)


def is_installed(home: Path, wanted: list[str] | tuple[str, ...]) -> bool:
    stamp = home / "installed.txt"
    return stamp.exists() and stamp.read_text().splitlines() == list(wanted)


def make_virtual_environment(home: Path, wanted: list[str]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(home)])
    run([str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *wanted])
    (home / "installed.txt").write_text("\n".join(wanted) + "\n")


def make_node_folder(home: Path, packages: tuple[str, ...]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "package.json").write_text("{}\n")
    run([str(program("npm")), "install", "--prefix", str(home), "--ignore-scripts", "--no-audit", "--no-fund", *packages])
    (home / "installed.txt").write_text("\n".join(packages) + "\n")


def program(name: str) -> Path:
    if found := shutil.which(name):
        return Path(found)
    raise CannotInstall(f"This suite needs Node.js, and there is no {name} on the path.")


def run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise CannotInstall(f"{' '.join(command[1:])} failed. Check out a version of the suite that was released.\n{said}")
