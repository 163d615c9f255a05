"""The packages of `package.json`, put into `.tools/node` by npm, and our scenarios beside them. No install script runs.

An installation is complete if and only if its stamp holds the digest of the package.json and the scenarios that made it. The scenarios
are copied because Node looks for packages in the folders above the file that imports them.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tools.kafka import CannotInstall
from tools.kafka.installation import missing_programs
from tools.scenarios import ScenarioProgram

PACKAGE = Path(__file__).with_name("package.json")
SOURCES = Path(__file__).with_name("scenarios")
HOME = Path(__file__).resolve().parents[2] / ".tools" / "node"
SCENARIOS = HOME / "scenarios"
STAMP = HOME / "installed.sha256"

CLIENTS = ("kafkajs", "platformatic")
NPM_INSTALL = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--loglevel=error"]


def install() -> Path:
    """Install unless it is there already; return the folder."""
    if missing := missing_programs("node", "npm"):
        raise CannotInstall(f"Node's clients need {' and '.join(missing)} on the PATH (Node 20.19 or newer).")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (PACKAGE, *sorted(SOURCES.glob("*.js"))))).hexdigest()
    if STAMP.exists() and STAMP.read_text() == digest:
        return HOME
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(SOURCES, SCENARIOS)
    shutil.copy(PACKAGE, HOME)
    done = subprocess.run(NPM_INSTALL, cwd=HOME, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise CannotInstall(f"npm could not install Node's clients:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    STAMP.write_text(digest)
    return HOME


def program(client: str, bootstrap_servers: str) -> ScenarioProgram:
    """The installed program, playing with that client against that cluster."""
    return ScenarioProgram(["node", str(SCENARIOS / "main.js"), client, bootstrap_servers])
