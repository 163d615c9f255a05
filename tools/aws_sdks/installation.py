"""Puts AWS's clients into `.tools/aws_sdks`: the SDKs for Java and JavaScript, the command line, and a botocore that speaks the Query
protocol to SQS (1.31.80 is the last before JSON).

An installation is complete if and only if its stamp holds the digest of the files that made it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent
HOME = SOURCES.parents[1] / ".tools" / "aws_sdks"
INSTALL_TIMEOUT_S = 900
WALK_TIMEOUT_S = 120


class CannotInstall(Exception):
    """A program that the installation needs is missing, or it failed; the message says which."""


class Walk(ABC):
    """One client's way through SQS and SNS."""

    name: str
    needs: tuple[str, ...] = ()
    """Programs on the PATH."""
    sources: tuple[str, ...] = ()

    @property
    def home(self) -> Path:
        return HOME / self.name

    def install(self) -> None:
        """Install unless it is there already."""
        if missing := [program for program in self.needs if shutil.which(program) is None]:
            raise CannotInstall(f"{self.name} needs {' and '.join(missing)} on the PATH.")
        stamp = self.home / "installed.sha256"
        digest = hashlib.sha256(b"".join((SOURCES / source).read_bytes() for source in self.sources) + repr(self.packages).encode())
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self._install()
        stamp.write_text(digest.hexdigest())

    def walk(self, endpoint: str, name: str) -> dict[str, Any]:
        """What the client saw."""
        command = [*self._command(), endpoint, name]
        # Neither a profile of the user nor the metadata service of a machine at Amazon shall be asked.
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": "walker", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WALK_TIMEOUT_S, check=False, env=environment
        )
        if done.returncode:
            raise AssertionError(f"{self.name} gave up:\n{done.stdout[-500:]}\n{done.stderr[-3000:]}")
        seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return seen

    packages: tuple[str, ...] = ()

    @abstractmethod
    def _install(self) -> None: ...

    @abstractmethod
    def _command(self) -> Sequence[str]: ...


class PythonWalk(Walk):
    """In a virtual environment of its own."""

    def __init__(self, name: str, source: str, packages: tuple[str, ...]) -> None:
        self.name = name
        self.sources = (source,)
        self.packages = packages

    def _install(self) -> None:
        run([sys.executable, "-m", "venv", str(self.home)])
        run([str(self.home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *self.packages])

    def _command(self) -> Sequence[str]:
        return [str(self.home / "bin" / "python"), str(SOURCES / self.sources[0])]


class CommandLineWalk(PythonWalk):
    def _command(self) -> Sequence[str]:
        return [*super()._command(), str(self.home / "bin" / "aws")]


class JavaScriptWalk(Walk):
    name = "sdk-javascript"
    needs = ("node", "npm")
    sources = ("package.json", "walk.mjs")

    def _install(self) -> None:
        for source in self.sources:
            shutil.copy(SOURCES / source, self.home)
        run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], cwd=self.home)

    def _command(self) -> Sequence[str]:
        return ["node", str(self.home / "walk.mjs")]


class JavaWalk(Walk):
    name = "sdk-java"
    needs = ("java", "javac", "mvn")
    sources = ("java/pom.xml", "java/Walk.java")

    def _install(self) -> None:
        pom, program = (SOURCES / source for source in self.sources)
        run(["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={self.home / 'libs'}"])
        run(
            [
                "javac",
                "-Xlint:all",
                "-Werror",
                "--release",
                "17",
                "-encoding",
                "UTF-8",
                "-d",
                str(self.home),
                "-cp",
                self._libs(),
                str(program),
            ]
        )

    def _libs(self) -> str:
        return f"{self.home / 'libs'}/*"

    def _command(self) -> Sequence[str]:
        settings = ["-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dstdout.encoding=UTF-8"]
        return ["java", *settings, "-cp", f"{self.home}:{self._libs()}", "Walk"]


def run(command: Sequence[str], cwd: Path | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise CannotInstall(f"{' '.join(command[:3])} … failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")


WALKS: tuple[Walk, ...] = (
    PythonWalk("botocore-query", "walk.py", ("botocore==1.31.80",)),
    CommandLineWalk("command-line", "walk_cli.py", ("awscli==1.46.3",)),
    JavaScriptWalk(),
    JavaWalk(),
)
