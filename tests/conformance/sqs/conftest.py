"""Clients of SQS and SNS against an embedded server."""

from collections.abc import Iterator

import pytest

from message_queues import embedded


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with embedded.start() as server:
        yield server.sqs
