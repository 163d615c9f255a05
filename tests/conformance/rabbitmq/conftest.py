"""Stock clients against `mq serve` as the newest RabbitMQ it knows; in `make test-real` against a real RabbitMQ too."""

from collections.abc import Iterator

import pytest

from tests.contract.rabbitmq.servers import EMBEDDED, REAL, RabbitMQUnderTest, running_embedded, running_rabbitmq


@pytest.fixture(params=[EMBEDDED, REAL])
def server(request: pytest.FixtureRequest) -> Iterator[RabbitMQUnderTest]:
    with running_embedded("4.3") if request.param == "embedded" else running_rabbitmq() as server:
        yield server
