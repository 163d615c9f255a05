"""Apache Kafka's jars: `pom.xml` names them, Maven copies them into `.tools/kafka/libs`.

An installation is complete if and only if its stamp holds the text of the pom that made it; anything else is made anew.
"""

import shutil
import subprocess
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
HOME = Path(__file__).resolve().parents[2] / ".tools" / "kafka"
LIBS = HOME / "libs"
STAMP = HOME / "installed-pom.xml"


class CannotInstall(Exception):
    """A program that the installation needs is missing, or Maven failed; the message says which, and what to do."""


def missing_programs(*programs: str) -> list[str]:
    return [program for program in programs if shutil.which(program) is None]


def install() -> Path:
    """Install unless it is there already; return the folder of jars."""
    if STAMP.exists() and STAMP.read_text() == POM.read_text():
        return LIBS
    if missing := missing_programs("java", "mvn"):
        raise CannotInstall(f"Apache Kafka needs {' and '.join(missing)} on the PATH (Java 17 or newer, Maven 3.8 or newer).")
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={LIBS}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise CannotInstall(f"Maven could not copy Apache Kafka's jars:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    STAMP.write_text(POM.read_text())
    return LIBS


def class_path() -> str:
    return f"{LIBS}/*"
