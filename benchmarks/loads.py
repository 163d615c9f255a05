"""Loads: programs of their own, so that what they cost is not measured with a broker; the last line that they print is their outcome."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOAD_TIMEOUT_S = 300


class LoadFailed(Exception):
    """A load ended with an error, or what it sent is not all there."""


def start_load(module: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def outcome_of(load: "subprocess.Popen[str]") -> dict[str, float]:
    """Once it has ended; raises LoadFailed."""
    try:
        output, errors = load.communicate(timeout=LOAD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        load.kill()
        load.communicate()
        raise LoadFailed(f"a load did not end within {LOAD_TIMEOUT_S} s") from None
    if load.returncode != 0:
        raise LoadFailed(errors.strip().rpartition("\n")[2] or f"a load ended with code {load.returncode}")
    outcome: dict[str, float] = json.loads(output.strip().rpartition("\n")[2])
    return outcome
