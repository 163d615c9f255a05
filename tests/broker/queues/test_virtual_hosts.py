"""Virtual hosts come, change and go with all that is in them."""

from pathlib import Path

import pytest

from message_queues.broker.queues.declarations import QueueSpec
from message_queues.broker.queues.policy import BadPolicy
from message_queues.errors import InvalidArgument, VirtualHostNotFound
from tests.broker.queues.broker_world import PERSISTENT, BrokerWorld


@pytest.fixture
def world(tmp_path: Path) -> BrokerWorld:
    return BrokerWorld(tmp_path)


def test_a_deleted_virtual_host_takes_everything_with_it(world: BrokerWorld) -> None:
    hosts, access = world.broker.virtual_hosts, world.broker.access
    hosts.put("shop")
    hosts["shop"].declare_queue(QueueSpec("orders"), None)
    world.publish("", "orders", properties=PERSISTENT, host="shop")
    hosts.set_policy("shop", "all", {"pattern": "", "definition": {"max-length": 9}})
    hosts.set_limit("shop", "max-connections", 3)
    access.set_permissions("guest", "shop", configure="", write="", read="")
    told: list[str] = []
    hosts.on_deleted.append(told.append)
    hosts.delete("shop")
    world.turn()
    assert told == ["shop"]
    assert list((world.directory / "queues").iterdir()) == []
    world.restart()
    assert list(world.broker.virtual_hosts) == ["/"]
    assert world.broker.virtual_hosts.policies == {}
    assert list(world.broker.access.permissions) == [("guest", "/")]


def test_what_is_not_given_stays_as_it_was(world: BrokerWorld) -> None:
    hosts = world.broker.virtual_hosts
    hosts.put("shop", description="of orders", tags=["a"], default_queue_type="quorum")
    hosts.protect("shop", True)
    hosts.put("shop", is_tracing=True)
    shop = hosts["shop"]
    assert (shop.description, shop.tags, shop.default_queue_type, shop.is_protected, shop.is_tracing) == (
        "of orders",
        ("a",),
        "quorum",
        True,
        True,
    )


def test_tracing_is_off_after_a_restart(world: BrokerWorld) -> None:
    world.broker.virtual_hosts.put("/", is_tracing=True)
    assert world.host.is_tracing
    world.restart()
    assert not world.host.is_tracing


def test_those_who_ask_are_told_what_is_configured_otherwise(world: BrokerWorld) -> None:
    hosts = world.broker.virtual_hosts
    told: list[str] = []
    hosts.on_changed.append(told.append)
    hosts.put("shop")
    hosts.put("shop", is_tracing=True)
    assert told == ["shop"]


def test_limits(world: BrokerWorld) -> None:
    hosts = world.broker.virtual_hosts
    hosts.set_limit("/", "max-connections", 7)
    hosts.set_limit("/", "max-queues", -1)
    world.restart()
    hosts = world.broker.virtual_hosts
    assert hosts["/"].limits == {"max-connections": 7, "max-queues": -1}
    assert hosts.connection_limit("/") == 7
    hosts.clear_limit("/", "max-connections")
    assert hosts.connection_limit("/") is None
    with pytest.raises(InvalidArgument, match="max-queus"):
        hosts.set_limit("/", "max-queus", 1)
    with pytest.raises(InvalidArgument, match="should be a number"):
        hosts.set_limit("/", "max-queues", "many")


def test_a_name_that_nobody_has(world: BrokerWorld) -> None:
    with pytest.raises(VirtualHostNotFound, match="vhost nowhere not found"):
        world.broker.virtual_hosts.delete("nowhere")
    with pytest.raises(VirtualHostNotFound):
        world.broker.virtual_hosts.set_policy("nowhere", "p", {"pattern": "", "definition": {"max-length": 1}})


def test_an_unknown_default_queue_type_is_refused(world: BrokerWorld) -> None:
    with pytest.raises(InvalidArgument, match="Unsupported default queue type: fast"):
        world.broker.virtual_hosts.put("shop", default_queue_type="fast")


def test_a_wrong_policy_changes_nothing(world: BrokerWorld) -> None:
    with pytest.raises(BadPolicy):
        world.broker.virtual_hosts.set_policy("/", "p", {"pattern": "[", "definition": {"max-length": 1}})
    assert world.broker.virtual_hosts.policies == {}
