"""Celery and Kombu's transport over SQS as they are: results, groups, chords, retries and ETA."""

import json
from pathlib import Path
from urllib.parse import urlparse

from kombu.connection import Connection

from tests.conformance.celery_program import DONE, environment, work_done
from tests.conformance.topics import unique_name

OPTIONS = {"region": "us-east-1", "is_secure": False, "visibility_timeout": 60, "wait_time_seconds": 1, "polling_interval": 0.1}


def broker(endpoint: str) -> str:
    return f"sqs://kombu:secret@{urlparse(endpoint).netloc}/"


def test_celery_runs_its_tasks(endpoint: str, tmp_path: Path) -> None:
    options = json.dumps({**OPTIONS, "queue_name_prefix": unique_name("celery") + "-"})
    known = environment(broker(endpoint), tmp_path / "results", CELERY_TRANSPORT_OPTIONS=options)
    assert work_done(known, tmp_path) == DONE


def test_kombu_puts_and_gets_in_a_simple_queue(endpoint: str) -> None:
    with Connection(broker(endpoint), transport_options=OPTIONS) as connection, connection.SimpleQueue(unique_name("kombu")) as queue:
        for number in range(20):
            queue.put({"number": number}, headers={"kind": "test"})
        found = []
        for _ in range(20):
            message = queue.get(timeout=10)
            found.append(message.payload["number"])
            message.ack()
        assert sorted(found) == list(range(20))
        assert queue.qsize() == 0
