"""The Java client's idempotent producer through `kill -9` and restarts: each record is there once, in the order in which it was sent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.java_client import java_program
from tests.crash.server_process import ServerProcess
from tests.patience import eventually
from tests.servers_under_test import ServerUnderTest
from tools.scenarios import ScenarioProgram

pytestmark = pytest.mark.real

TOPIC, PARTITIONS = "ledger", 4
MORE = 2_000
"""Records confirmed between one kill and the next."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path, brokers=3)
    server.start()
    yield server
    server.end()


@pytest.fixture
def java(server: ServerProcess) -> Iterator[ScenarioProgram]:
    with java_program(ServerUnderTest("embedded", tuple(server.addresses))) as program:
        yield program


@pytest.mark.parametrize("polite", [False, True], ids=["kill -9", "SIGTERM"])
def test_each_record_is_there_once_and_in_order(server: ServerProcess, java: ScenarioProgram, polite: bool) -> None:
    java.play("create_topic", topic=TOPIC, partitions=PARTITIONS)
    # Small batches, many in flight: most kills tear some of them.
    config = {
        "batch.size": 500,
        "buffer.memory": 200_000,
        "delivery.timeout.ms": 60_000,
        "retry.backoff.ms": 20,
        "reconnect.backoff.ms": 20,
    }
    java.play("start_producing", topic=TOPIC, partitions=PARTITIONS, config=config)
    for _ in range(5):
        wait_for_more(java)
        if polite:
            assert server.stop() == 0
        else:
            server.kill()
        server.start()
    told = java.play("stop_producing")
    assert told["errors"] == []
    assert told["confirmed"] == told["sent"]
    found = java.play("check_produced", topic=TOPIC, partitions=PARTITIONS)
    assert [each["stray"] for each in found] == ["none"] * PARTITIONS
    assert sum(each["count"] for each in found) == told["sent"]


def wait_for_more(java: ScenarioProgram) -> None:
    enough = java.play("confirmed") + MORE
    eventually(lambda: java.play("confirmed") >= enough)
