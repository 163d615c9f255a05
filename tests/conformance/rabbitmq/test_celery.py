"""Celery as it is: results, groups, chords, retries, ETA and remote control."""

from pathlib import Path

import pytest

from tests.conformance.celery_program import DONE, environment, work_done
from tests.contract.rabbitmq.servers import RabbitMQUnderTest


@pytest.mark.parametrize("kind", ["", "quorum"], ids=["classic", "quorum"])
def test_celery_runs_its_tasks(server: RabbitMQUnderTest, tmp_path: Path, kind: str) -> None:
    broker = f"amqp://guest:guest@{server.host}:{server.port}//"
    known = environment(broker, tmp_path / "results", CELERY_QUEUE_TYPE=kind)
    assert work_done(known, tmp_path, "ping") == {**DONE, "ping": 1}
