"""A worker of `celery_tasks` and a program that gives it work, each a process of its own, over whatever broker the environment names."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S, eventually

ROOT = Path(__file__).resolve().parents[2]
MODULE = "tests.conformance.celery_tasks"
WORK = """
import json, sys, time
from celery import chord, group
from tests.conformance import celery_tasks as tasks
said = {}
said["add"] = tasks.add.delay(2, 3).get(timeout=20)
said["group"] = group(tasks.add.s(n, n) for n in range(20))().get(timeout=20)
said["chord"] = chord((tasks.add.s(n, 1) for n in range(10)), tasks.total.s())().get(timeout=20)
said["chain"] = (tasks.add.s(1, 2) | tasks.add.s(10)).delay().get(timeout=20)
said["retries"] = tasks.third_time_lucky.delay(sys.argv[1]).get(timeout=20)
said["attempts"] = len(open(sys.argv[1]).read())
asked = time.time()
said["waited"] = tasks.moment.apply_async(countdown=1).get(timeout=20) - asked >= 0.9
if "ping" in sys.argv:
    said["ping"] = len(tasks.app.control.ping(timeout=3))
print(json.dumps(said))
"""
DONE = {
    "add": 5,
    "group": [2 * number for number in range(20)],
    "chord": 55,
    "chain": 13,
    "retries": 2,
    "attempts": 3,
    "waited": True,
}
"""What the program says, but for the ping."""
WORK_TIMEOUT_S = 100


def environment(broker: str, results: Path, **settings: str) -> dict[str, str]:
    results.mkdir(exist_ok=True)
    return {**os.environ, "CELERY_BROKER": broker, "CELERY_RESULTS": f"file://{results}", "PYTHONPATH": str(ROOT), **settings}


@contextmanager
def worker(environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "celery", "-A", MODULE, "worker", "--pool", "solo", "--loglevel", "info"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()[-3000:]
        return b"ready." in log.read_bytes()

    try:
        eventually(is_ready)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def work_done(environment: Mapping[str, str], directory: Path, *words: str) -> dict[str, Any]:
    """What the program says after it has given a worker all kinds of tasks."""
    log = directory / "worker.log"
    with worker(environment, log):
        done = subprocess.run(
            [sys.executable, "-c", WORK, str(directory / "attempts"), *words],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=WORK_TIMEOUT_S,
        )
    assert done.returncode == 0, done.stderr[-3000:] + log.read_text()[-3000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said
