"""Celery as it is: results, groups, chords, retries, ETA, remote control, and a worker that is killed in the middle of its work."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.rabbitmq.servers import RabbitMQUnderTest
from tests.patience import PATIENCE_S, eventually

ROOT = Path(__file__).resolve().parents[3]
MODULE = "tests.conformance.rabbitmq.celery_tasks"
TASKS = """
import json, sys, time
from celery import chord, group
from tests.conformance.rabbitmq import celery_tasks as tasks
said = {}
said["add"] = tasks.add.delay(2, 3).get(timeout=20)
said["group"] = group(tasks.add.s(n, n) for n in range(20))().get(timeout=20)
said["chord"] = chord((tasks.add.s(n, 1) for n in range(10)), tasks.total.s())().get(timeout=20)
said["chain"] = (tasks.add.s(1, 2) | tasks.add.s(10)).delay().get(timeout=20)
said["retries"] = tasks.third_time_lucky.delay(sys.argv[1]).get(timeout=20)
said["attempts"] = len(open(sys.argv[1]).read())
asked = time.time()
said["waited"] = tasks.moment.apply_async(countdown=1).get(timeout=20) - asked >= 0.9
said["ping"] = len(tasks.app.control.ping(timeout=3))
print(json.dumps(said))
"""


def environment(server: RabbitMQUnderTest, results: Path, kind: str) -> dict[str, str]:
    results.mkdir(exist_ok=True)
    told = {"CELERY_BROKER": f"amqp://guest:guest@{server.host}:{server.port}//", "CELERY_RESULTS": f"file://{results}"}
    return {**os.environ, **told, "PYTHONPATH": str(ROOT), "CELERY_QUEUE_TYPE": kind}


@contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
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


@pytest.mark.parametrize("kind", ["", "quorum"], ids=["classic", "quorum"])
def test_celery_runs_its_tasks(server: RabbitMQUnderTest, tmp_path: Path, kind: str) -> None:
    known: dict[str, Any] = environment(server, tmp_path / "results", kind)
    with worker(known, tmp_path / "worker.log"):
        done = subprocess.run(
            [sys.executable, "-c", TASKS, str(tmp_path / "attempts")], env=known, cwd=ROOT, capture_output=True, text=True, timeout=100
        )
    assert done.returncode == 0, done.stderr[-3000:] + (tmp_path / "worker.log").read_text()[-3000:]
    assert json.loads(done.stdout) == {
        "add": 5,
        "group": [2 * number for number in range(20)],
        "chord": 55,
        "chain": 13,
        "retries": 2,
        "attempts": 3,
        "waited": True,
        "ping": 1,
    }
