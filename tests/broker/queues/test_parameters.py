"""Runtime and global parameters."""

from pathlib import Path

import pytest

from message_queues.broker.queues.parameters import UnknownComponent
from message_queues.errors import InvalidArgument
from tests.broker.queues.broker_world import BrokerWorld

UPSTREAM = {"uri": "amqp://elsewhere", "expires": 3600}


@pytest.fixture
def world(tmp_path: Path) -> BrokerWorld:
    return BrokerWorld(tmp_path)


def test_parameters_stay_over_a_restart_and_are_told_of(world: BrokerWorld) -> None:
    parameters = world.broker.parameters
    told: list[int] = []
    parameters.on_change.append(lambda: told.append(1))
    parameters.set("/", "federation-upstream", "up", UPSTREAM)  # type: ignore[arg-type]
    parameters.set_global("cluster_name", "here")
    assert told == [1]
    world.restart()
    parameters = world.broker.parameters
    assert [(each.component, each.virtual_host, each.name, each.value) for each in parameters.all()] == [
        ("federation-upstream", "/", "up", UPSTREAM)
    ]
    assert parameters.global_value("cluster_name") == "here"
    assert parameters.clear("/", "federation-upstream", "up")
    assert not parameters.clear("/", "federation-upstream", "up")
    assert parameters.clear_global("cluster_name")
    assert parameters.global_value("cluster_name") is None


def test_policies_and_limits_are_not_listed_as_parameters(world: BrokerWorld) -> None:
    world.broker.virtual_hosts.set_policy("/", "p", {"pattern": "", "definition": {"max-length": 1}})
    world.broker.virtual_hosts.set_limit("/", "max-queues", 5)
    assert list(world.broker.parameters.all()) == []


def test_an_unknown_component_is_refused(world: BrokerWorld) -> None:
    with pytest.raises(UnknownComponent, match="component spade not found"):
        world.broker.parameters.set("/", "spade", "s", {})


def test_a_shovel_that_cannot_work_is_refused(world: BrokerWorld) -> None:
    with pytest.raises(InvalidArgument, match="Validation failed"):
        world.broker.parameters.set("/", "shovel", "s", {"src-queue": "q"})
