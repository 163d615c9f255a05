"""The scenarios in `src`, compiled into `.tools/java/classes` against the jars that come with Apache Kafka (`tools/kafka`).

An installation is complete if and only if its stamp holds the digest of the sources that made it and of Kafka's pom.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tools.kafka import CannotInstall, class_path
from tools.kafka import install as install_kafka
from tools.kafka.installation import POM, missing_programs
from tools.scenarios import ScenarioProgram

SOURCES = Path(__file__).with_name("src")
HOME = Path(__file__).resolve().parents[2] / ".tools" / "java"
CLASSES = HOME / "classes"
STAMP = HOME / "installed.sha256"


def install() -> Path:
    """Compile unless it is done already; return the folder of classes."""
    if missing := missing_programs("java", "javac"):
        raise CannotInstall(f"Java's client needs {' and '.join(missing)} on the PATH (a JDK, 17 or newer).")
    install_kafka()
    files = sorted((SOURCES / "scenarios").glob("*.java"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (POM, *files))).hexdigest()
    if STAMP.exists() and STAMP.read_text() == digest:
        return CLASSES
    shutil.rmtree(HOME, ignore_errors=True)
    CLASSES.mkdir(parents=True)
    command = ["javac", "-Xlint:all", "-Werror", "--release", "17", "-d", str(CLASSES), "-cp", class_path(), *map(str, files)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise CannotInstall(f"javac refused the scenarios:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    STAMP.write_text(digest)
    return CLASSES


def program(bootstrap_servers: str) -> ScenarioProgram:
    """The installed program, playing against that cluster."""
    settings = ["-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={SOURCES / 'log4j2.properties'}"]
    return ScenarioProgram(["java", *settings, "-cp", f"{CLASSES}:{class_path()}", "scenarios.Main", bootstrap_servers])
