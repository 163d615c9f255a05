"""The stock clients of Node, kafkajs and @platformatic/kafka, by the scenarios of `tools/node`."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Message

from tests.conformance.librdkafka import producer, publish, read
from tests.conformance.topics import Topics, unique_name
from tests.patience import PATIENCE_S, eventually
from tests.servers_under_test import ServerUnderTest
from tools import node as node_tool
from tools.kafka import CannotInstall
from tools.scenarios import Refused, ScenarioProgram

pytestmark = pytest.mark.real

# kafkajs has neither lz4 nor zstd without native code; Node itself has zstd from version 22 on.
COMPRESSIONS = {"kafkajs": ("none", "gzip", "snappy"), "platformatic": ("none", "gzip", "snappy", "lz4")}
KEPT = {"retention.ms": "-1"}
"""For records of a time long ago."""


class NodeClient:
    def __init__(self, name: str, program: ScenarioProgram) -> None:
        self.name = name
        self.play = program.play

    def produce(self, topic: str, *values: str, **options: object) -> Any:
        """Each value into partition 0."""
        return self.play("produce", topic=topic, records=[{"partition": 0, "value": value} for value in values], **options)

    def refusal(self, scenario: str, **arguments: object) -> str:
        with pytest.raises(Refused) as refused:
            self.play(scenario, **arguments)
        return refused.value.error


@pytest.fixture(scope="session", params=node_tool.CLIENTS)
def node(server: ServerUnderTest, request: pytest.FixtureRequest) -> Iterator[NodeClient]:
    try:
        node_tool.install()
    except CannotInstall as missing:
        pytest.skip(str(missing))
    with node_tool.program(request.param, server.bootstrap_servers) as program:
        yield NodeClient(request.param, program)


# Producing and consuming


def test_a_record_comes_back_as_it_was_sent_in_every_compression(node: NodeClient, topics: Topics) -> None:
    sent = [
        {"partition": 0, "timestamp": 1_700_000_000_000, "key": "k", "value": "v", "headers": {"h": "1", "other": "ü"}},
        {"partition": 0, "timestamp": 1_700_000_000_500, "key": "ключ", "value": "鍵"},
    ]
    for compression in COMPRESSIONS[node.name]:
        topic = topics.new(config=KEPT)
        assert node.play("produce", topic=topic, records=sent, compression=compression) == [[0, 0]]
        received = node.play("read", topic=topic, group=unique_name("group"), count=2)
        assert received == [
            {**sent[0], "offset": 0, "headers": [["h", "1"], ["other", "ü"]]},
            {**sent[1], "offset": 1, "headers": []},
        ]


def test_what_node_compressed_librdkafka_reads_and_the_other_way_round(node: NodeClient, topics: Topics, bootstrap: str) -> None:
    topic = topics.new()
    for compression in COMPRESSIONS[node.name]:
        node.produce(topic, *[f"node {compression} {number}" for number in range(20)], compression=compression)
        publish(bootstrap, topic, [f"librdkafka {compression} {number}".encode() for number in range(20)], compression_type=compression)
    count = 40 * len(COMPRESSIONS[node.name])
    by_node = [each["value"] for each in node.play("read", topic=topic, group=unique_name("group"), count=count)]
    assert by_node == [(message.value() or b"").decode() for message in read(bootstrap, topic, count)]


@pytest.mark.parametrize(("acks", "idempotent"), [(-1, False), (1, False), (-1, True)])
def test_records_are_confirmed_where_they_lie(node: NodeClient, topics: Topics, acks: int, idempotent: bool) -> None:
    topic = topics.new(partitions=3)
    records = [{"partition": number % 3, "value": str(number)} for number in range(30)]
    options = {"acks": acks, "idempotent": idempotent}
    assert node.play("produce", topic=topic, records=records, **options) == [[0, 0], [1, 0], [2, 0]]
    assert node.play("produce", topic=topic, records=records, **options) == [[0, 10], [1, 10], [2, 10]]
    received = node.play("read", topic=topic, group=unique_name("group"), count=60)
    assert sorted(each["value"] for each in received) == sorted(str(number) for number in range(30) for _ in range(2))


def test_without_acknowledgement_all_arrives(node: NodeClient, topics: Topics) -> None:
    topic = topics.new()
    node.produce(topic, "a", "b", acks=0)
    assert [each["value"] for each in node.play("read", topic=topic, group=unique_name("group"), count=2)] == ["a", "b"]


# @platformatic/kafka takes the sign of the hash another way.
@pytest.mark.parametrize("node", ["kafkajs"], indirect=True)
def test_keys_land_where_those_of_librdkafka_do(node: NodeClient, topics: Topics, bootstrap: str) -> None:
    topic = topics.new(partitions=12)
    keys = [f"customer-{number}" for number in range(100)]
    node.play("produce", topic=topic, records=[{"key": key, "value": "v"} for key in keys])
    received = node.play("read", topic=topic, group=unique_name("group"), count=100)
    by_node = {each["key"]: each["partition"] for each in received}
    confirmed: list[Message] = []
    sender = producer(bootstrap, partitioner="murmur2_random")
    for key in keys:
        sender.produce(topic, b"v", key, on_delivery=lambda _, message: confirmed.append(message))
    assert sender.flush(PATIENCE_S) == 0
    assert by_node == {(message.key() or b"").decode(): message.partition() for message in confirmed}


def test_a_consumer_seeks(node: NodeClient, topics: Topics) -> None:
    topic = topics.new()
    node.produce(topic, *"abcdefghij")
    assert node.play("seek", topic=topic, group=unique_name("group"), offset=7)["value"] == "h"


# Groups


def test_a_second_member_takes_half_and_gives_it_back(node: NodeClient, topics: Topics) -> None:
    told = node.play("rebalance", topic=topics.new(partitions=4), group=unique_name("group"))
    assert told["alone"] == told["again"] == [0, 1, 2, 3]
    assert (len(told["first"]), len(told["second"])) == (2, 2)
    assert sorted(told["first"] + told["second"]) == [0, 1, 2, 3]


def test_a_group_resumes_where_it_committed(node: NodeClient, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    node.produce(topic, *"abcd")
    assert [each["value"] for each in node.play("read", topic=topic, group=group, count=4)] == list("abcd")
    assert node.play("committed", topic=topic, group=group) == 4
    node.produce(topic, *"efg")
    assert [each["value"] for each in node.play("read", topic=topic, group=group, count=3)] == list("efg")


def test_a_group_that_commits_nothing_starts_anew(node: NodeClient, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    node.produce(topic, *"abcd")
    for _ in range(2):
        assert [each["value"] for each in node.play("read", topic=topic, group=group, count=4, commits=False)] == list("abcd")
    assert node.play("committed", topic=topic, group=group) == -1


def test_a_group_is_described_with_its_member_and_without(node: NodeClient, topics: Topics) -> None:
    told = node.play("describe_group", topic=topics.new(partitions=2), group=unique_name("group"))
    alive, empty = told["alive"], told["empty"]
    assert (alive["state"].upper(), alive["protocol_type"], alive["is_listed"]) == ("STABLE", "consumer", True)
    assert alive["members"] == [{"member_id": told["member_id"], "client_id": "the-client", "host": "/127.0.0.1", "partitions": [0, 1]}]
    assert (empty["state"].upper(), empty["members"], empty["is_listed"]) == ("EMPTY", [], True)


# Administration


def test_a_topic_is_created_described_and_deleted(node: NodeClient, topics: Topics, server: ServerUnderTest) -> None:
    topic = unique_name("topic")
    nodes = server.node_count
    node.play("create_topic", topic=topic, partitions=3, replication_factor=nodes, configs={"retention.ms": "1234567"})
    eventually(lambda: topics.partition_count(topic) == 3)
    described = node.play("describe_topic", topic=topic)
    assert [[number, replicas, isr] for number, _, replicas, isr in described["partitions"]] == [
        [0, nodes, nodes],
        [1, nodes, nodes],
        [2, nodes, nodes],
    ]
    assert {leader for _, leader, _, _ in described["partitions"]} <= set(node.play("describe_cluster")["nodes"])
    assert node.play("describe_configs", type="topic", name=topic)["retention.ms"] == "1234567"
    assert topic in node.play("list_topics")
    node.play("delete_topic", topic=topic)
    eventually(lambda: topic not in node.play("list_topics"))


def test_a_bad_topic_is_refused(node: NodeClient) -> None:
    assert node.refusal("create_topic", topic="not a name") == node.refusal("create_topic", topic="x" * 250)
    assert node.refusal("create_topic", topic=unique_name("topic"), replication_factor=7) == "INVALID_REPLICATION_FACTOR"
    assert node.refusal("create_topic", topic=unique_name("topic"), configs={"retention.ms": "long"}) == "INVALID_CONFIG"
    assert node.refusal("delete_topic", topic=unique_name("absent")) == "UNKNOWN_TOPIC_OR_PARTITION"


def test_partitions_are_added(node: NodeClient, topics: Topics) -> None:
    topic = topics.new(partitions=2)
    node.play("create_partitions", topic=topic, count=5)
    eventually(lambda: topics.partition_count(topic) == 5)
    assert node.refusal("create_partitions", topic=topic, count=3) == "INVALID_PARTITIONS"


def test_records_are_deleted_and_offsets_found(node: NodeClient, topics: Topics) -> None:
    topic = topics.new(config=KEPT)
    first = 1_700_000_000_000
    records = [{"partition": 0, "timestamp": first + 1000 * number, "value": "v"} for number in range(5)]
    node.play("produce", topic=topic, records=records)
    assert node.play("offsets", topic=topic, time=first + 2500) == [0, 5, 3]
    node.play("delete_records", topic=topic, before=2)
    assert node.play("offsets", topic=topic, time=first) == [2, 5, 2]


def test_a_configuration_is_changed(node: NodeClient, topics: Topics) -> None:
    topic = topics.new()
    node.play("alter_configs", topic=topic, configs={"retention.ms": "1000"})
    eventually(lambda: node.play("describe_configs", type="topic", name=topic)["retention.ms"] == "1000")
    assert node.refusal("alter_configs", topic=topic, configs={"retention.m": "1"}) == "INVALID_CONFIG"


def test_the_cluster_and_its_brokers_are_described(node: NodeClient, server: ServerUnderTest) -> None:
    told = node.play("describe_cluster")
    assert told["addresses"] == sorted(server.addresses)
    assert told["controller"] in told["nodes"]
    assert len(told["cluster_id"]) == 22
    assert node.play("describe_configs", type="broker", name=told["nodes"][0])["group.min.session.timeout.ms"] == "1000"


def test_offsets_of_a_group_are_set_and_the_group_deleted(node: NodeClient, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    node.produce(topic, *"abcde")
    node.play("alter_group_offsets", topic=topic, group=group, offset=3)
    assert node.play("committed", topic=topic, group=group) == 3
    assert [each["value"] for each in node.play("read", topic=topic, group=group, count=2)] == ["d", "e"]
    node.play("delete_group", group=group)
    assert node.play("committed", topic=topic, group=group) == -1
