"""Each test of this folder runs against one node, three nodes and, in `make test-real`, a real Apache Kafka of the same settings."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from tests.conformance.topics import Topics
from tests.patience import PATIENCE_S, eventually
from tests.servers_under_test import EMBEDDED_ONE_NODE, EMBEDDED_THREE_NODES, REAL_KAFKA, ServerUnderTest, running


@pytest.fixture(scope="session", params=[EMBEDDED_ONE_NODE, EMBEDDED_THREE_NODES, REAL_KAFKA])
def server(request: pytest.FixtureRequest) -> Iterator[ServerUnderTest]:
    kind, nodes = request.param
    with running(kind, nodes) as server:
        eventually(lambda: coordinators_answer(AdminClient({"bootstrap.servers": server.bootstrap_servers})))
        yield server


def coordinators_answer(admin: AdminClient) -> bool:
    """A new Kafka names the coordinator of a group a moment before it acts as such, and not every client asks again."""
    groups = [f"group-{number}" for number in range(50)]
    return all(future.exception(PATIENCE_S) is None for future in admin.describe_consumer_groups(groups).values())


@pytest.fixture(scope="session")
def bootstrap(server: ServerUnderTest) -> str:
    return server.bootstrap_servers


@pytest.fixture(scope="session")
def admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap})


@pytest.fixture(scope="session")
def topics(admin: AdminClient) -> Topics:
    return Topics(admin)
