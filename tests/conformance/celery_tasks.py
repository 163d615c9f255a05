"""The tasks of a Celery application, as its documentation would have one write them; the addresses come from the environment."""

import json
import os
import time

from celery import Celery

app = Celery("conformance", broker=os.environ["CELERY_BROKER"], backend=os.environ["CELERY_RESULTS"])
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    result_chord_retry_interval=0.1,
    result_chord_join_timeout=20,
    task_queue_max_priority=5,
    worker_enable_remote_control=True,
    broker_transport_options=json.loads(os.environ.get("CELERY_TRANSPORT_OPTIONS", "{}")),
)
if kind := os.environ.get("CELERY_QUEUE_TYPE"):
    app.conf.update(task_default_queue_type=kind, task_default_exchange_type="topic", worker_detect_quorum_queues=True)
    app.conf.update(task_default_queue="celery-quorum", task_default_exchange="celery-quorum", task_default_routing_key="celery-quorum")
    app.conf.task_queue_max_priority = None


@app.task  # type: ignore[untyped-decorator]
def add(x: int, y: int) -> int:
    return x + y


@app.task  # type: ignore[untyped-decorator]
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task  # type: ignore[untyped-decorator]
def moment() -> float:
    return time.time()


@app.task(bind=True, max_retries=5)  # type: ignore[untyped-decorator]
def third_time_lucky(self, path: str) -> int:  # type: ignore[no-untyped-def]
    with open(path, "a") as attempts:
        attempts.write("x")
    if self.request.retries < 2:
        raise self.retry(countdown=1)
    return int(self.request.retries)
