"""Each test of this folder asks the embedded server and, in `make test-real`, a real Apache Kafka; both must say what is recorded."""

import re
from collections.abc import Iterator

import pytest

from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import Scene
from tests.servers_under_test import EMBEDDED_ONE_NODE, REAL_KAFKA, ServerUnderTest, running


@pytest.fixture(scope="session", params=[EMBEDDED_ONE_NODE, REAL_KAFKA])
def server(request: pytest.FixtureRequest) -> Iterator[ServerUnderTest]:
    kind, nodes = request.param
    with running(kind, nodes) as server:
        Scene(server).wait_for_coordinators()
        yield server


@pytest.fixture
def scene(server: ServerUnderTest) -> Iterator[Scene]:
    scene = Scene(server)
    yield scene
    scene.close()


@pytest.fixture
def kafka_says(request: pytest.FixtureRequest, server: ServerUnderTest) -> RecordedAnswers:
    """`kafka_says(answer)`: that the answer is the one that a real Kafka gave."""
    function: pytest.Function = request.node
    test = re.sub(r"\[(embedded-3-nodes|embedded|kafka-3-nodes|kafka)(-|])", lambda found: "[" if found[2] == "-" else "", function.name)
    return RecordedAnswers(function.module.__name__, test, server.kind)
