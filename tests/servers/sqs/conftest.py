from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.sqs.sqs_server import SqsServer, running_sqs


@pytest.fixture(scope="module")
def server() -> Iterator[SqsServer]:
    with running_sqs() as running:
        yield running


@pytest.fixture(scope="module")
def sqs(server: SqsServer) -> Any:
    return server.client()


@pytest.fixture
def queue(sqs: Any) -> str:
    """The URL of a queue of its own."""
    url: str = sqs.create_queue(QueueName=f"q-{uuid4().hex}")["QueueUrl"]
    return url


@pytest.fixture
def fifo(sqs: Any) -> str:
    url: str = sqs.create_queue(QueueName=f"q-{uuid4().hex}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    return url
