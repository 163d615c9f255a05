import base64
import json
import os
import signal
import time
import urllib.request
from pathlib import Path

import boto3
import pika
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from message_queues import embedded
from message_queues.errors import DataDirectoryInUse, InvalidArgument, MessageQueuesError, StorageError


def topics(addresses: list[str]) -> set[str]:
    admin = AdminClient({"bootstrap.servers": ",".join(addresses)})
    return set(admin.list_topics(timeout=10).topics)


def create(addresses: list[str], topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": ",".join(addresses)})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)


@pytest.mark.parametrize("process", [False, True])
def test_it_keeps_its_data_in_the_directory_given(tmp_path: Path, process: bool) -> None:
    with embedded.start(tmp_path, process=process) as server:
        create(server.kafka, "orders")
    with embedded.start(tmp_path, process=process) as server:
        assert topics(server.kafka) == {"orders"}


def test_it_has_as_many_nodes_as_asked_for_in_this_process() -> None:
    with embedded.start(brokers=3) as server:
        assert len(server.kafka) == 3
        admin = AdminClient({"bootstrap.servers": server.kafka[0]})
        assert len(admin.list_topics(timeout=10).brokers) == 3
        assert repr(server) == f"EmbeddedServer(in this process, kafka at {', '.join(server.kafka)})"
    server.stop()
    assert repr(server) == "EmbeddedServer(in this process, stopped)"


@pytest.mark.parametrize("process", [False, True])
def test_it_serves_rabbitmqs_clients_too(process: bool) -> None:
    with embedded.start(process=process) as server:
        host, port = server.amqp.rsplit(":", 1)
        with pika.BlockingConnection(pika.ConnectionParameters(host, int(port))) as connection:
            channel = connection.channel()
            channel.queue_declare("orders", durable=True)
            channel.basic_publish("", "orders", b"first")
            assert channel.basic_get("orders", auto_ack=True)[2] == b"first"
        request = urllib.request.Request(f"http://{server.management}/api/queues/%2F/orders")
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["name"] == "orders"


@pytest.mark.parametrize("process", [False, True])
def test_it_serves_amazons_clients_too(process: bool) -> None:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    with embedded.start(process=process) as server:
        sqs = boto3.client("sqs", endpoint_url=server.sqs, region_name="us-east-1", **keys)
        url = sqs.create_queue(QueueName="orders")["QueueUrl"]
        assert url == f"{server.sqs}/000000000000/orders"
        sqs.send_message(QueueUrl=url, MessageBody="first")
        assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "first"


def test_beside_this_process_it_has_a_process_of_its_own() -> None:
    server = embedded.start(brokers=2, process=True, config={"num.partitions": "4"})
    number = int(server.place.removeprefix("in process "))
    assert number != os.getpid()
    assert len(server.kafka) == 2
    os.kill(number, 0)
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_server_that_was_killed_is_stopped_without_ado() -> None:
    server = embedded.start(process=True)
    os.kill(int(server.place.removeprefix("in process ")), signal.SIGKILL)
    server.stop()


@pytest.mark.parametrize("process", [False, True])
def test_a_directory_in_use_is_refused_with_the_reason(tmp_path: Path, process: bool) -> None:
    started = time.monotonic()
    with embedded.start(tmp_path), pytest.raises((DataDirectoryInUse, StorageError), match=r"in use|lock|another"):
        embedded.start(tmp_path, process=process)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("process", [False, True])
def test_a_wrong_configuration_is_refused_with_the_reason(process: bool) -> None:
    with pytest.raises(MessageQueuesError, match=r"num\.partitions"):
        embedded.start(process=process, config={"num.partitions": "many"})


def test_a_wrong_number_of_nodes_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"brokers=0 must be a whole number in 1\.\.100"):
        embedded.start(brokers=0)


def test_users_of_one_directory_share_a_server_until_the_last_gives_it_back(tmp_path: Path) -> None:
    first = embedded.shared.take(str(tmp_path), 1)
    assert embedded.shared.take(str(tmp_path / "." / ""), 3) is first
    embedded.shared.give_back(str(tmp_path))
    assert topics(first.kafka) == set()
    embedded.shared.give_back(str(tmp_path))
    assert "stopped" in repr(first)
