"""RabbitMQ's command line of the management API, `rabbitmqadmin` v2: every group of its commands, as an operator calls them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pika.exceptions
import pytest

from tests.contract.rabbitmq.servers import RabbitMQUnderTest, running_embedded
from tools import rabbitmqadmin
from tools.kafka import CannotInstall

pytestmark = pytest.mark.real

SHOVEL = ["--source-uri", "amqp://", "--destination-uri", "amqp://", "--source-queue", "a", "--destination-queue", "b"]
EVERYTHING = ["--configure", ".*", "--write", ".*", "--read", ".*"]


class Admin:
    def __init__(self, server: RabbitMQUnderTest, folder: Path) -> None:
        self.server = server
        self.folder = folder
        host, port = server.management.rsplit(":", 1)
        self._command = [str(rabbitmqadmin.PROGRAM), "--host", host, "--port", port, "--username", "guest", "--password", "guest"]

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def runs(self, commands: str) -> None:
        for command in commands.strip().splitlines():
            self.run(*command.split())

    def export(self) -> Any:
        file = self.folder / "definitions.json"
        self.run("definitions", "export", "--file", str(file))
        return json.loads(file.read_text())


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    try:
        rabbitmqadmin.install()
    except CannotInstall as missing:
        pytest.skip(str(missing))
    with running_embedded("4.3") as server:
        yield Admin(server, tmp_path)


def test_what_is_declared_is_listed_and_deleted(admin: Admin) -> None:
    admin.runs(
        """
        vhosts declare --name v --description d --default-queue-type quorum
        vhosts enable_deletion_protection --name v
        vhosts disable_deletion_protection --name v
        declare queue --name q --type classic --durable true
        declare queue --name qq --type quorum --durable true --arguments {"x-delivery-limit":3}
        declare stream --name s --expiration 2D --max-length-bytes 1000000
        declare exchange --name x --type topic --durable true
        declare binding --source x --destination-type queue --destination q --routing-key a.#
        bindings declare --source x --destination-type exchange --destination amq.fanout --routing-key k --arguments {"n":1}
        """
    )
    assert "quorum" in admin.run("queues", "list")
    for listed in ("vhosts list", "queues show --name qq", "streams list", "streams show --name s", "exchanges list", "bindings list"):
        admin.run(*listed.split())
    assert {queue["name"] for queue in admin.export()["queues"]} == {"q", "qq", "s"}
    admin.runs(
        """
        delete binding --source x --destination-type queue --destination q --routing-key a.#
        bindings delete --source x --destination-type exchange --destination amq.fanout --routing-key k --arguments {"n":1}
        delete exchange --name x
        delete queue --name q
        delete stream --name s
        queues delete_multiple --name-pattern ^q --approve
        vhosts delete --name v
        """
    )
    assert admin.export()["queues"] == []


def test_messages_are_published_and_got(admin: Admin) -> None:
    admin.run("declare", "queue", "--name", "q", "--durable", "true")
    admin.run("publish", "message", "--routing-key", "q", "--payload", "hello", "--properties", '{"content_type": "text/plain"}')
    assert "hello" in admin.run("get", "messages", "--queue", "q", "--count", "5", "--ack-mode", "ack_requeue_true")
    admin.run("purge", "queue", "--name", "q")
    assert "hello" not in admin.run("get", "messages", "--queue", "q", "--count", "5", "--ack-mode", "ack_requeue_true")


def test_users_and_their_permissions(admin: Admin) -> None:
    admin.run("users", "declare", "--name", "u", "--password", "p", "--tags", "management")
    admin.run("permissions", "declare", "--user", "u", *EVERYTHING)
    admin.runs(
        """
        user_limits declare --user u --name max-channels --value 100
        user_limits list
        user_limits delete --user u --name max-channels
        vhost_limits declare --name max-queues --value 100
        vhost_limits list
        vhost_limits delete --name max-queues
        passwords salt_and_hash secret
        users permissions
        permissions list
        """
    )
    assert "management" in admin.run("users", "list")
    admin.runs("delete permissions --user u\nusers delete --name u")


def test_policies_and_parameters(admin: Admin) -> None:
    admin.run("policies", "declare", "--name", "p", "--pattern", "^q", "--apply-to", "queues", "--definition", '{"max-length": 100}')
    admin.runs(
        """
        policies declare_blanket --name blank --apply-to all --definition {"max-length":5000}
        policies declare_override --name p --override-name o --definition {"message-ttl":10000}
        policies patch --name p --definition {"max-length":200}
        policies update_definition --name p --definition-key max-length --new-value 300
        policies list
        policies list_in
        policies list_conflicting
        policies list_matching_object --name q --type queues
        operator_policies declare --name op --pattern ^q --apply-to queues --definition {"max-length":100}
        operator_policies list
        operator_policies delete --name op
        global_parameters set --name cluster_tags --value {"region":"eu"}
        global_parameters list
        global_parameters clear --name cluster_tags
        policies delete --name p
        """
    )
    assert {policy["name"] for policy in admin.export()["policies"]} == {"o", "blank"}


def test_shovels(admin: Admin) -> None:
    admin.run("shovels", "declare_amqp091", "--name", "s", *SHOVEL)
    for listed in ("shovels list_all", "shovels list", "parameters list --component shovel", "parameters list_all"):
        assert "amqp" in admin.run(*listed.split())
    admin.run("shovels", "delete", "--name", "s")


def test_what_is_connected_is_listed_and_closed(admin: Admin) -> None:
    connection = pika.BlockingConnection(pika.ConnectionParameters(admin.server.host, admin.server.port))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_consume(queue, lambda *_: None, consumer_tag="tag")
    assert "guest" in admin.run("list", "connections")
    assert "guest" in admin.run("users", "connections", "--username", "guest")
    assert "running" in admin.run("list", "channels")
    assert "tag" in admin.run("list", "consumers")
    admin.run("close", "user_connections", "--username", "guest")
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker):
        connection.process_data_events(10)


def test_the_server_describes_itself(admin: Admin) -> None:
    node = "rabbit@" + admin.run("list", "nodes").split("rabbit@")[1].split()[0]
    admin.runs(
        f"""
        show overview
        show churn
        show memory_breakdown_in_bytes --node {node}
        nodes memory_breakdown_in_percent --node {node}
        plugins list_all
        plugins list_on_node --node {node}
        auth_attempts stats --node {node}
        feature_flags list
        feature_flags enable_all
        deprecated_features list
        deprecated_features list_used
        health_check local_alarms
        health_check cluster_wide_alarms
        health_check node_is_quorum_critical
        health_check port_listener --port {admin.server.port}
        health_check protocol_listener --protocol amqp
        rebalance queues
        """
    )


def test_definitions_are_exported_and_imported(admin: Admin) -> None:
    admin.run("declare", "queue", "--name", "q", "--durable", "true")
    admin.export()
    of_one = str(admin.folder / "of_one.json")
    admin.run("definitions", "export_from_vhost", "--file", of_one)
    admin.run("delete", "queue", "--name", "q")
    admin.run("definitions", "import", "--file", str(admin.folder / "definitions.json"))
    admin.run("vhosts", "declare", "--name", "v")
    admin.run("--vhost", "v", "definitions", "import_into_vhost", "--file", of_one)
    assert {(queue["vhost"], queue["name"]) for queue in admin.export()["queues"]} == {("/", "q"), ("v", "q")}
