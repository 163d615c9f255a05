from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.sns.endpoint import Endpoint, running_endpoint
from tests.servers.sqs.sqs_server import SqsServer, running_sqs


@pytest.fixture(scope="module")
def server() -> Iterator[SqsServer]:
    with running_sqs() as running:
        yield running


@pytest.fixture(scope="module")
def sqs(server: SqsServer) -> Any:
    return server.client()


@pytest.fixture(scope="module")
def sns(server: SqsServer) -> Any:
    return server.client(service="sns")


@pytest.fixture
def topic(sns: Any) -> str:
    """The ARN of a topic of its own."""
    arn: str = sns.create_topic(Name=f"t-{uuid4().hex}")["TopicArn"]
    return arn


@pytest.fixture
def fifo(sns: Any) -> str:
    arn: str = sns.create_topic(Name=f"t-{uuid4().hex}.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    return arn


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint() as running:
        yield running
