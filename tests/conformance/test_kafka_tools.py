"""The commands that come with Apache Kafka (kafka-topics.sh, kafka-consumer-groups.sh …), as an operator runs them."""

import json
from collections.abc import Iterator

import pytest

from tests.conformance.java_client import java_program
from tests.conformance.librdkafka import publish
from tests.conformance.topics import Topics, unique_name
from tests.patience import eventually
from tests.servers_under_test import ServerUnderTest
from tools.scenarios import ScenarioProgram

pytestmark = pytest.mark.real

TOOLS = "org.apache.kafka.tools."
TOPICS = TOOLS + "TopicCommand"
GROUPS = TOOLS + "consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"


class Commands:
    def __init__(self, java: ScenarioProgram) -> None:
        self._java = java

    def run(self, command: str, *arguments: str, typed: str = "", status: int = 0) -> list[str]:
        """The lines it printed."""
        given = ["--bootstrap-server", "BOOTSTRAP", *arguments]
        told = self._java.play("tool", command=command, arguments=given, input=typed)
        assert told["status"] == status, told["printed"]
        lines = told["printed"]
        assert isinstance(lines, list)
        return lines


@pytest.fixture(scope="session")
def commands(server: ServerUnderTest) -> Iterator[Commands]:
    with java_program(server) as java:
        yield Commands(java)


def columns(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines]


def test_topics_are_created_described_grown_and_deleted(commands: Commands) -> None:
    topic = unique_name("topic")
    assert commands.run(TOPICS, "--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=100000000") == [
        f"Created topic {topic}."
    ]
    eventually(lambda: topic in commands.run(TOPICS, "--list"))
    head, *partitions = commands.run(TOPICS, "--describe", "--topic", topic)
    assert "PartitionCount: 2\tReplicationFactor: 1\tConfigs: min.insync.replicas=1,retention.ms=100000000" in head
    assert len(partitions) == 2
    commands.run(TOPICS, "--alter", "--topic", topic, "--partitions", "4")
    eventually(lambda: len(commands.run(TOPICS, "--describe", "--topic", topic)) == 5)
    commands.run(TOPICS, "--delete", "--topic", topic)
    eventually(lambda: topic not in commands.run(TOPICS, "--list"))
    commands.run(TOPICS, "--describe", "--topic", topic, status=1)


def test_lines_go_from_the_console_to_the_console(commands: Commands, topics: Topics) -> None:
    topic = topics.new()
    reading = ["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"]
    commands.run(TOOLS + "ConsoleProducer", "--topic", topic, *reading, typed="a:1\nb:2\na:3\n")
    printing = ["--from-beginning", "--max-messages", "3", "--formatter-property", "print.key=true", "--timeout-ms", "20000"]
    printed = commands.run(TOOLS + "consumer.ConsoleConsumer", "--topic", topic, *printing)
    assert [line for line in printed if "\t" in line] == ["a\t1", "b\t2", "a\t3"]


def test_a_group_is_described_reset_and_deleted(commands: Commands, topics: Topics, bootstrap: str) -> None:
    topic, group = topics.new(), unique_name("group")
    publish(bootstrap, topic, [b"1", b"2", b"3"])
    reading = ["--topic", topic, "--group", group, "--from-beginning", "--max-messages", "3", "--timeout-ms", "20000"]
    commands.run(TOOLS + "consumer.ConsoleConsumer", *reading)

    def committed() -> list[str]:
        """Current offset, log end, lag."""
        for line in columns(commands.run(GROUPS, "--describe", "--group", group)):
            if line[:3] == [group, topic, "0"]:
                return line[3:6]
        return []

    assert committed() == ["3", "3", "0"]
    assert [group, "Empty"] in columns(commands.run(GROUPS, "--list", "--state"))
    moved = commands.run(GROUPS, "--reset-offsets", "--group", group, "--topic", topic, "--shift-by", "-2", "--execute")
    assert columns(moved)[-1] == [group, topic, "0", "1"]
    assert committed() == ["1", "3", "2"]
    commands.run(GROUPS, "--delete-offsets", "--group", group, "--topic", topic)
    assert committed() == []
    commands.run(GROUPS, "--reset-offsets", "--group", group, "--topic", topic, "--to-latest", "--execute")
    commands.run(GROUPS, "--delete", "--group", group)
    assert group not in commands.run(GROUPS, "--list")


def test_configurations_are_altered_and_described(commands: Commands, topics: Topics) -> None:
    topic = topics.new(config={"segment.bytes": "2000000"})
    entity = ["--entity-type", "topics", "--entity-name", topic]
    commands.run(CONFIGS, "--alter", *entity, "--add-config", "cleanup.policy=[compact,delete]", "--delete-config", "segment.bytes")
    changed = (
        "cleanup.policy=compact,delete sensitive=false synonyms="
        "{DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}"
    )
    eventually(lambda: changed in [line.strip() for line in commands.run(CONFIGS, "--describe", *entity)])
    assert len(commands.run(CONFIGS, "--describe", *entity, "--all")) > 33


def test_offsets_and_sizes_are_shown(commands: Commands, topics: Topics, bootstrap: str) -> None:
    topic = topics.new(partitions=2)
    publish(bootstrap, topic, [b"1", b"2", b"3"])
    assert commands.run(TOOLS + "GetOffsetShell", "--topic", topic) == [f"{topic}:0:3", f"{topic}:1:0"]
    assert commands.run(TOOLS + "GetOffsetShell", "--topic", topic, "--time", "earliest") == [f"{topic}:0:0", f"{topic}:1:0"]
    told = json.loads(commands.run(TOOLS + "LogDirsCommand", "--describe", "--topic-list", topic)[-1])
    replicas = [each for broker in told["brokers"] for folder in broker["logDirs"] for each in folder["partitions"]]
    sizes = {each["partition"]: each["size"] for each in replicas}
    assert sizes[f"{topic}-0"] > 0
    assert sizes[f"{topic}-1"] == 0


def test_the_versions_of_every_node_can_be_used(commands: Commands, server: ServerUnderTest) -> None:
    printed = commands.run(TOOLS + "BrokerApiVersionsCommand")
    assert sum(line.startswith("127.0.0.1:") for line in printed) == server.node_count
    assert "\tProduce(0): 0 to 13 [usable: 13]," in printed
    assert "\tFetch(1): 4 to 18 [usable: 18]," in printed


def test_the_performance_of_a_topic_is_measured(commands: Commands, topics: Topics, bootstrap: str) -> None:
    topic = topics.new(partitions=3)
    load = ["--topic", topic, "--num-records", "20000", "--record-size", "100", "--throughput", "-1"]
    printed = commands.run(TOOLS + "ProducerPerformance", *load)
    assert printed[-1].startswith("20000 records sent")
    printed = commands.run(TOOLS + "ConsumerPerformance", "--topic", topic, "--num-records", "20000", "--timeout", "20000")
    assert printed[-1].split(", ")[4] == "20000"


def test_the_verifiable_consumer_is_content(commands: Commands, topics: Topics, bootstrap: str) -> None:
    topic = topics.new()
    publish(bootstrap, topic, [b"v"] * 1000)
    load = ["--topic", topic, "--group-id", unique_name("group"), "--max-messages", "1000", "--reset-policy", "earliest"]
    events = [json.loads(line) for line in commands.run(TOOLS + "VerifiableConsumer", *load)]
    assert sum(each["count"] for each in events if each["name"] == "records_consumed") == 1000
    committed = [each for each in events if each["name"] == "offsets_committed"]
    assert all(each["success"] for each in committed)
    assert committed[-1]["offsets"] == [{"topic": topic, "partition": 0, "offset": 1000}]


def test_the_client_compatibility_test_of_kafka_passes(commands: Commands, topics: Topics, server: ServerUnderTest) -> None:
    expected = {
        "offsets-for-times-supported": "true",
        "cluster-id-supported": "true",
        "expect-record-too-large-exception": "false",
        "num-cluster-nodes": str(server.node_count),
        "create-topics-supported": "true",
        "describe-acls-supported": "true" if server.kind == "kafka" else "false",
        "describe-configs-supported": "true",
        "idempotent-producer-supported": "true",
    }
    arguments = [part for name, value in expected.items() for part in (f"--{name}", value)]
    commands.run(TOOLS + "ClientCompatibilityTest", "--topic", topics.new(), *arguments)
