"""Definitions: exported, loaded elsewhere, loaded twice; and those that make no sense."""

import json
from pathlib import Path
from typing import Any

import pytest

from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.declarations import ExchangeSpec, QueueSpec
from message_queues.broker.queues.definitions import BadDefinitions, Document, export, import_definitions
from tests.broker.queues.broker_world import BrokerWorld

OF_RABBITMQ = Path(__file__).with_name("definitions_of_rabbitmq_3_10.json")


def furnished(directory: Path) -> BrokerWorld:
    world = BrokerWorld(directory)
    broker, host = world.broker, world.host
    broker.access.put_user("ann", password="secret", tags=["monitoring"])
    broker.access.set_permissions("ann", "/", configure="^a", write="", read=".*")
    broker.access.set_topic_permissions("ann", "/", "amq.topic", write="^a", read="^b")
    broker.access.set_user_limit("ann", "max-channels", 3)
    broker.virtual_hosts.put("shop", description="of orders", tags=["a"], default_queue_type="quorum")
    broker.virtual_hosts.set_limit("shop", "max-queues", 4)
    broker.virtual_hosts.set_policy("/", "p", {"pattern": "^q", "definition": {"max-length": 7}, "priority": 2, "apply-to": "queues"})
    broker.virtual_hosts.set_policy("/", "o", {"pattern": "", "definition": {"expires": 70_000}}, is_operator=True)
    broker.parameters.set_global("cluster_name", "here")
    host.declare_exchange(ExchangeSpec("x", "headers", arguments={"alternate-exchange": "amq.fanout"}))
    host.declare_queue(QueueSpec("q", arguments={"x-message-ttl": 5000}), None)
    host.bind(Binding("x", "q", QUEUE, "", {"x-match": "all", "a": 1}))
    broker.virtual_hosts["shop"].declare_queue(QueueSpec("orders"), None)
    return world


def ordered(item: object) -> str:
    return json.dumps(item, sort_keys=True)


def plain(document: dict[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(value, key=ordered) if isinstance(value, list) else value for key, value in json.loads(json.dumps(document)).items()
    }


def test_what_was_exported_is_there_after_the_import_and_after_a_restart(tmp_path: Path) -> None:
    document = export(furnished(tmp_path / "one").broker)
    other = BrokerWorld(tmp_path / "two")
    import_definitions(other.broker, document)
    assert plain(export(other.broker)) == plain(document)
    other.restart()
    assert plain(export(other.broker)) == plain(document)
    assert other.broker.access.authenticate("ann", "secret").tags == ("monitoring",)


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    world = furnished(tmp_path)
    before = plain(export(world.broker))
    import_definitions(world.broker, export(world.broker))
    assert plain(export(world.broker)) == before


def test_one_virtual_host_goes_into_another(tmp_path: Path) -> None:
    world = furnished(tmp_path)
    document = export(world.broker, "/")
    assert "users" not in document
    assert document["queues"] == [
        {"name": "q", "durable": True, "auto_delete": False, "arguments": {"x-message-ttl": 5000, "x-queue-type": "classic"}}
    ]
    world.broker.virtual_hosts.put("copy")
    import_definitions(world.broker, document, "copy")
    copy = world.broker.virtual_hosts["copy"]
    assert list(copy.queues) == ["q"]
    assert list(copy.bindings) == [Binding("x", "q", QUEUE, "", {"x-match": "all", "a": 1})]


def test_a_file_of_a_real_broker_loads_whole(tmp_path: Path) -> None:
    document = json.loads(OF_RABBITMQ.read_text())
    world = BrokerWorld(tmp_path, "3.10")
    import_definitions(world.broker, document)
    ours = plain(export(world.broker))
    theirs = plain(document)
    for section in (
        "users",
        "permissions",
        "topic_permissions",
        "policies",
        "parameters",
        "global_parameters",
        "queues",
        "exchanges",
        "bindings",
    ):
        assert ours[section] == theirs[section], section
    assert world.broker.access.authenticate("orders", "secret").name == "orders"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"queues": {}}, "queues should be a list"),
        ({"queues": [{"vhost": "/"}]}, "queues: name is missing"),
        ({"queues": [{"name": 5, "vhost": "/"}]}, "name should be a text"),
        ({"queues": [{"name": "q", "vhost": "/", "durable": "yes"}]}, "durable should be true or false"),
        ({"bindings": [{"source": "x", "destination": "q", "vhost": "/", "destination_type": "topic"}]}, "destination_type should be"),
        ({"queues": [{"name": "q", "vhost": "nowhere"}]}, "vhost nowhere not found"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, document: Document, said: str) -> None:
    with pytest.raises(BadDefinitions, match=said):
        import_definitions(BrokerWorld(tmp_path).broker, document)


def test_a_document_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    world = BrokerWorld(tmp_path)
    with pytest.raises(BadDefinitions):
        import_definitions(world.broker, {"queues": [{"name": "q", "vhost": "/"}], "users": [{"tags": []}]})
    assert world.host.queues == {}
