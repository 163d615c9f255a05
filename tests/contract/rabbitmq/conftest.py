"""Each test of this folder asks the embedded server and, in `make test-real`, a real RabbitMQ; both must say what is recorded."""

import re
from collections.abc import Iterator

import pytest

from tests.contract.rabbitmq.scene import Scene
from tests.contract.rabbitmq.servers import EMBEDDED, REAL, RabbitMQUnderTest, running
from tests.contract.recorded_answers import RecordedAnswers


@pytest.fixture(scope="session", params=[EMBEDDED, REAL])
def server(request: pytest.FixtureRequest) -> Iterator[RabbitMQUnderTest]:
    with running(request.param) as server:
        yield server


@pytest.fixture
def scene(server: RabbitMQUnderTest) -> Iterator[Scene]:
    scene = Scene(server)
    yield scene
    scene.close()


@pytest.fixture
def rabbitmq_says(request: pytest.FixtureRequest, server: RabbitMQUnderTest) -> RecordedAnswers:
    """`rabbitmq_says(answer)`: that the answer is the one that a real RabbitMQ gave."""
    function: pytest.Function = request.node
    test = re.sub(r"\[(embedded|rabbitmq)(-|])", lambda found: "[" if found[2] == "-" else "", function.name)
    return RecordedAnswers(function.module.__name__, test, server.kind, "rabbitmq/")
