"""Describing and altering configurations, with the answers of Apache Kafka 4.3.1 to the same requests."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.configs import (
    AlterableConfig,
    AlterConfigsRequest,
    AlterConfigsResource,
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResult,
    IncrementalAlterableConfig,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResource,
)
from message_queues.servers.kafka.configs import alter_configs, describe_configs, incremental_alter_configs
from tests.servers.kafka.asked_node import AskedNode, asked_node

TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3

Op = tuple[str, int, str | None]
Answer = tuple[int, str | None]
DONE: Answer = (0, None)


def on_node(scenario: Callable[[AskedNode], Coroutine[Any, Any, None]], config: dict[str, str] | None = None) -> None:
    async def run() -> None:
        async with asked_node(config=config) as node:
            await scenario(node)

    asyncio.run(run())


def described(node: AskedNode, kind: int, name: str, *keys: str, version: int = 4, synonyms: bool = True) -> DescribeConfigsResult:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=list(keys) or None)
    request = DescribeConfigsRequest(resources=[resource], include_synonyms=synonyms, include_documentation=version >= 3)
    [result] = node.ask(describe_configs, request, version).results
    assert (result.resource_type, result.resource_name) == (kind, name)
    return result


def config(node: AskedNode, kind: int, name: str, key: str) -> DescribeConfigsResourceResult:
    (found,) = described(node, kind, name, key).configs
    return found


def refusal(result: DescribeConfigsResult) -> Answer:
    assert result.configs == []
    return result.error_code, result.error_message


async def altered(node: AskedNode, kind: int, name: str, *ops: Op, validate_only: bool = False) -> Answer:
    configs = [IncrementalAlterableConfig(name=key, config_operation=operation, value=value) for key, operation, value in ops]
    resource = IncrementalAlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    request = IncrementalAlterConfigsRequest(resources=[resource], validate_only=validate_only)
    (answer,) = (await node.ask_and_wait(incremental_alter_configs, request, 1)).responses
    assert (answer.resource_type, answer.resource_name) == (kind, name)
    return answer.error_code, answer.error_message


async def replaced(node: AskedNode, kind: int, name: str, configs: dict[str, str | None], *, validate_only: bool = False) -> Answer:
    resource = AlterConfigsResource(
        resource_type=kind, resource_name=name, configs=[AlterableConfig(name=key, value=value) for key, value in configs.items()]
    )
    request = AlterConfigsRequest(resources=[resource], validate_only=validate_only)
    (answer,) = (await node.ask_and_wait(alter_configs, request, 2)).responses
    return answer.error_code, answer.error_message


def listed(found: DescribeConfigsResourceResult) -> list[tuple[str, str | None, int]]:
    return [(each.name, each.value, each.source) for each in found.synonyms]


# DescribeConfigs


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_topic_is_described_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        result = described(node, TOPIC, "orders", version=version)
        assert len(result.configs) == 33
        assert (result.error_code, result.error_message) == (0, "")
        [retention] = described(node, TOPIC, "orders", "retention.ms", version=version).configs
        assert (retention.value, retention.config_source, retention.read_only, retention.is_sensitive) == ("604800000", 5, False, False)
        assert retention.config_type == (5 if version >= 3 else 0)
        assert bool(retention.documentation) == (version >= 3)

    on_node(scenario)


def test_only_known_keys_that_were_asked_for_are_described() -> None:
    async def scenario(node: AskedNode) -> None:
        result = described(node, TOPIC, "orders", "retention.ms", "foo", "log.retention.ms")
        assert [each.name for each in result.configs] == ["retention.ms"]

    on_node(scenario)


def test_synonyms_are_told_to_those_who_ask() -> None:
    async def scenario(node: AskedNode) -> None:
        assert described(node, TOPIC, "orders", "segment.bytes", synonyms=False).configs[0].synonyms == []
        assert listed(config(node, TOPIC, "orders", "segment.bytes")) == [("log.segment.bytes", "1073741824", 5)]

    on_node(scenario)


def test_a_broker_is_described_with_its_number_address_and_start_values() -> None:
    async def scenario(node: AskedNode) -> None:
        assert len(described(node, BROKER, "0").configs) == 340
        assert listed(config(node, BROKER, "0", "node.id")) == [("node.id", "0", 4)]
        assert config(node, BROKER, "0", "advertised.listeners").value == "PLAINTEXT://127.0.0.1:9092"
        assert listed(config(node, BROKER, "0", "num.partitions")) == [("num.partitions", "3", 4), ("num.partitions", "1", 5)]
        assert config(node, BROKER, "0", "num.partitions").read_only
        assert [each.name for each in described(node, BROKER, "").configs] == ["min.insync.replicas"]

    on_node(scenario, {"num.partitions": "3"})


@pytest.mark.parametrize(
    ("kind", "name", "answer"),
    [
        (TOPIC, "nope", (3, "")),
        (
            TOPIC,
            "bad name",
            (17, "Topic name is invalid: 'bad name' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
        ),
        (TOPIC, "", (17, "Topic name is invalid: the empty string is not allowed")),
        (BROKER, "5", (42, "Unexpected broker id, expected 0 or empty string, but received 5")),
        (BROKER, "x", (42, "Broker id must be an integer, but it is: x")),
        (LOGGER, "", (42, "Broker id must not be empty")),
        (LOGGER, "5", (42, "Unexpected broker id, expected 0 but received 5")),
        (GROUP, "", (42, "Group name must not be empty")),
        (CLIENT_METRICS, "m", (42, ErrorCode.INVALID_REQUEST.message)),
        (99, "x", (42, ErrorCode.INVALID_REQUEST.message)),
    ],
)
def test_what_is_not_there_is_answered_with_its_error(kind: int, name: str, answer: Answer) -> None:
    async def scenario(node: AskedNode) -> None:
        result = described(node, kind, name)
        assert (result.error_code, result.error_message, result.configs) == (*answer, [])

    on_node(scenario)


def test_every_resource_is_answered_even_one_that_was_asked_twice() -> None:
    async def scenario(node: AskedNode) -> None:
        names = ["orders", "nope", "orders", "payments"]
        resources = [DescribeConfigsResource(resource_type=TOPIC, resource_name=name, configuration_keys=None) for name in names]
        results = node.ask(describe_configs, DescribeConfigsRequest(resources=resources), 4).results
        assert [(each.resource_name, each.error_code) for each in results] == [("orders", 0), ("nope", 3), ("orders", 0), ("payments", 0)]

    on_node(scenario)


# IncrementalAlterConfigs of topics


def test_a_topic_is_altered_and_obeys_at_once() -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, TOPIC, "orders", ("retention.ms", SET, " 6000 "), ("segment.ms", SET, "7000")) == DONE
        assert listed(config(node, TOPIC, "orders", "retention.ms")) == [("retention.ms", "6000", 1)]
        assert node.broker.topics.named("orders").config.retention_ms == 6000
        assert await altered(node, TOPIC, "orders", ("retention.ms", DELETE, None)) == DONE
        assert config(node, TOPIC, "orders", "retention.ms").config_source == 5
        assert node.broker.topics.named("orders").config.segment_ms == 7000

    on_node(scenario)


def test_validate_only_changes_nothing() -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, TOPIC, "orders", ("retention.ms", SET, "77"), validate_only=True) == DONE
        assert await replaced(node, TOPIC, "orders", {"retention.ms": "77"}, validate_only=True) == DONE
        assert config(node, TOPIC, "orders", "retention.ms").value == "604800000"
        assert (await altered(node, TOPIC, "orders", ("retention.ms", SET, "-2"), validate_only=True))[0] == 40

    on_node(scenario)


def test_lists_are_appended_to_and_subtracted_from() -> None:
    async def scenario(node: AskedNode) -> None:
        async def policy(operation: int, value: str) -> str | None:
            assert await altered(node, TOPIC, "orders", ("cleanup.policy", operation, value)) == DONE
            return config(node, TOPIC, "orders", "cleanup.policy").value

        assert await policy(APPEND, "compact") == "delete,compact"
        assert await policy(APPEND, "compact,delete") == "delete,compact"
        assert await policy(SUBTRACT, "delete") == "compact"
        assert await policy(SET, "compact, delete") == "compact,delete"
        assert await policy(APPEND, "delete") == "compact,delete"
        assert await policy(SUBTRACT, "compact,delete") == ""
        assert await policy(SUBTRACT, "compact") == ""

    on_node(scenario)


@pytest.mark.parametrize(
    ("op", "answer"),
    [
        (("retention.ms", SET, "-2"), (40, "Invalid value -2 for configuration retention.ms: Value must be at least -1")),
        (("foo", SET, "1"), (40, "Unknown topic config name: foo")),
        (("foo", DELETE, None), DONE),
        (
            ("cleanup.policy", APPEND, "x"),
            (40, "Invalid value x for configuration cleanup.policy: String must be one of: compact, delete"),
        ),
        (("retention.ms", APPEND, "5"), (40, "Can't APPEND to key retention.ms because its type is not LIST.")),
        (("retention.ms", SUBTRACT, "5"), (40, "Can't SUBTRACT to key retention.ms because its type is not LIST.")),
        (("foo", APPEND, "5"), (40, "Can't APPEND to key foo because its type is not LIST.")),
        (("retention.ms", SET, None), (42, "Null value not supported for : retention.ms")),
        (("retention.ms", 7, "1"), (42, "Unknown operations type 7")),
    ],
)
def test_a_change_that_cannot_be_is_refused_in_kafkas_words(op: Op, answer: Answer) -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, TOPIC, "orders", op) == answer

    on_node(scenario)


def test_one_wrong_change_leaves_the_others_undone() -> None:
    async def scenario(node: AskedNode) -> None:
        answer = await altered(node, TOPIC, "orders", ("segment.ms", SET, "5"), ("retention.ms", SET, "-2"))
        assert answer[0] == 40
        assert config(node, TOPIC, "orders", "segment.ms").value == "604800000"

    on_node(scenario)


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("nope", "1", (3, "The topic 'nope' does not exist.")),
        ("nope", "-9", (40, "Invalid value -9 for configuration retention.ms: Value must be at least -1")),
        ("", "1", (42, "Default topic resources are not allowed.")),
        ("..", "1", (17, "Topic name is invalid: '..' is not allowed")),
    ],
)
def test_a_topic_that_is_not_there_cannot_be_altered(name: str, value: str, answer: Answer) -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, TOPIC, name, ("retention.ms", SET, value)) == answer

    on_node(scenario)


def test_a_key_that_is_named_twice_is_refused() -> None:
    async def scenario(node: AskedNode) -> None:
        answer = await altered(node, TOPIC, "orders", ("retention.ms", SET, "1"), ("retention.ms", SET, "2"))
        assert answer == (42, "Error due to duplicate config keys")

    on_node(scenario)


def test_a_resource_that_is_named_twice_is_refused_twice_and_the_others_are_altered() -> None:
    async def scenario(node: AskedNode) -> None:
        def resource(name: str, key: str) -> IncrementalAlterConfigsResource:
            configs = [IncrementalAlterableConfig(name=key, config_operation=SET, value="1")]
            return IncrementalAlterConfigsResource(resource_type=TOPIC, resource_name=name, configs=configs)

        resources = [resource("orders", "retention.ms"), resource("payments", "segment.ms"), resource("orders", "segment.ms")]
        request = IncrementalAlterConfigsRequest(resources=resources)
        responses = (await node.ask_and_wait(incremental_alter_configs, request, 1)).responses
        twice = (42, "Each resource must appear at most once.")
        assert [(each.error_code, each.error_message) for each in responses] == [twice, DONE, twice]

    on_node(scenario)


# AlterConfigs


def test_alter_configs_replaces_everything() -> None:
    async def scenario(node: AskedNode) -> None:
        assert await replaced(node, TOPIC, "orders", {"retention.ms": "1", "segment.ms": "2"}) == DONE
        assert await replaced(node, TOPIC, "orders", {"segment.ms": "3"}) == DONE
        assert node.broker.topics.named("orders").configs == {"segment.ms": "3"}
        assert await replaced(node, TOPIC, "orders", {"retention.ms": "-4"}) == (
            40,
            "Invalid value -4 for configuration retention.ms: Value must be at least -1",
        )
        assert await replaced(node, TOPIC, "orders", {"retention.ms": None}) == (42, "Null value not supported for : retention.ms")
        assert await replaced(node, TOPIC, "orders", {}) == DONE
        assert node.broker.topics.named("orders").configs == {}

    on_node(scenario)


def test_alter_configs_knows_no_loggers() -> None:
    async def scenario(node: AskedNode) -> None:
        assert await replaced(node, LOGGER, "0", {"root": "INFO"}) == (42, "Unknown resource type 8")

    on_node(scenario)


# Brokers


def test_a_broker_and_the_default_of_all_are_altered_and_topics_inherit_it_at_once() -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, BROKER, "", ("log.retention.ms", SET, "50000")) == DONE
        assert node.broker.topics.named("orders").config.retention_ms == 50000
        assert await altered(node, BROKER, "0", ("log.retention.ms", SET, "60000")) == DONE
        assert listed(config(node, BROKER, "0", "log.retention.ms")) == [
            ("log.retention.ms", "60000", 2),
            ("log.retention.ms", "50000", 3),
            ("log.retention.hours", "168", 5),
        ]
        retention = config(node, TOPIC, "orders", "retention.ms")
        assert (retention.value, retention.config_source) == ("60000", 2)
        assert await replaced(node, BROKER, "0", {}) == DONE
        assert config(node, BROKER, "0", "log.retention.ms").config_source == 3
        assert listed(config(node, BROKER, "", "log.retention.ms")) == [("log.retention.ms", "50000", 3)]

    on_node(scenario)


@pytest.mark.parametrize(
    ("name", "op", "answer"),
    [
        ("0", ("num.partitions", SET, "5"), (42, "Cannot update these configs dynamically: [num.partitions]")),
        (
            "0",
            ("log.segment.bytes", SET, "10"),
            (42, "Invalid value 10 for configuration log.segment.bytes: Value must be at least 1048576"),
        ),
        ("0", ("log.retention.ms", APPEND, "5"), (40, "Config value append is not allowed for config key: log.retention.ms")),
        ("0", ("my.thing", APPEND, "5"), (40, "Unknown config name: my.thing")),
        ("0", ("my.thing", SET, "5"), DONE),
        ("5", ("log.retention.ms", SET, "5"), (42, "Unexpected broker id, expected 0, but received 5")),
        ("x", ("log.retention.ms", SET, "5"), (42, "Node id must be an integer, but it is: x")),
        ("", ("log.cleanup.policy", APPEND, "compact"), DONE),
        ("", ("min.insync.replicas", SET, "2"), DONE),
        ("", ("min.insync.replicas", DELETE, None), (40, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")),
        ("0", ("min.insync.replicas", SET, "2"), (40, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")),
    ],
)
def test_a_change_of_a_broker_is_answered_in_kafkas_words(name: str, op: Op, answer: Answer) -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, BROKER, name, op) == answer

    on_node(scenario)


# Groups


def test_a_group_is_altered_whether_it_exists_or_not() -> None:
    async def scenario(node: AskedNode) -> None:
        assert len(described(node, GROUP, "g").configs) == 17
        assert await altered(node, GROUP, "g", ("consumer.session.timeout.ms", SET, "50000")) == DONE
        assert listed(config(node, GROUP, "g", "consumer.session.timeout.ms")) == [
            ("consumer.session.timeout.ms", "50000", 8),
            ("group.consumer.session.timeout.ms", "45000", 5),
        ]
        assert await altered(node, GROUP, "g", ("consumer.session.timeout.ms", SET, "5")) == (
            40,
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        )
        assert await altered(node, GROUP, "", ("consumer.session.timeout.ms", SET, "50000")) == (
            42,
            "Default group resources are not allowed.",
        )
        assert await replaced(node, GROUP, "g", {}) == DONE
        assert node.broker.group_configs == {}

    on_node(scenario)


# Loggers


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("message_queues.tests.configs")
    yield made
    made.setLevel(logging.NOTSET)


def test_the_level_of_a_logger_is_set_and_taken_away(logger: logging.Logger) -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, LOGGER, "0", (logger.name, SET, "DEBUG"), validate_only=True) == DONE
        assert logger.level == logging.NOTSET
        assert await altered(node, LOGGER, "0", (logger.name, SET, "FATAL")) == DONE
        assert logger.level == logging.CRITICAL
        level = config(node, LOGGER, "0", logger.name)
        assert (level.value, level.config_source, level.config_type) == ("FATAL", 6, 0)
        assert await altered(node, LOGGER, "0", (logger.name, DELETE, None)) == DONE
        assert logger.level == logging.NOTSET

    on_node(scenario)


@pytest.mark.parametrize(
    ("node_id", "op", "answer"),
    [
        ("0", ("foo.bar", SET, "DEBUG"), (40, "Logger foo.bar does not exist!")),
        (
            "0",
            ("root", SET, "debug"),
            (
                40,
                "Cannot set the log level of root to debug as it is not a supported log level. "
                "Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
            ),
        ),
        ("0", ("root", DELETE, None), (42, "Removing the log level of the root logger is not allowed")),
        ("0", ("root", APPEND, "DEBUG"), (42, "APPEND operation is not allowed for the BROKER_LOGGER resource")),
        ("", ("root", SET, "DEBUG"), (42, "Node id must be an integer, but it is: ")),
        ("5", ("root", SET, "DEBUG"), (42, "Unexpected node id. Expected 0, but received 5")),
    ],
)
def test_a_level_that_cannot_be_is_refused_in_kafkas_words(node_id: str, op: Op, answer: Answer) -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, LOGGER, node_id, op) == answer

    on_node(scenario)


@pytest.mark.parametrize("kind", [0, 1, 3, CLIENT_METRICS, 99])
def test_resources_of_other_types_are_refused(kind: int) -> None:
    async def scenario(node: AskedNode) -> None:
        assert await altered(node, kind, "x", ("a", SET, "1")) == (42, f"Unknown resource type {kind}")

    on_node(scenario)


# Durability


def test_what_was_altered_is_there_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with asked_node(data=str(tmp_path)) as node:
            assert await altered(node, TOPIC, "orders", ("retention.ms", SET, "1")) == DONE
            assert await altered(node, BROKER, "", ("log.segment.bytes", SET, "2000000")) == DONE
            assert await altered(node, BROKER, "0", ("message.max.bytes", SET, "3")) == DONE
            assert await altered(node, GROUP, "g", ("share.isolation.level", SET, "read_committed")) == DONE
        for _ in range(2):  # from the events, then from the snapshot of the first stop
            async with asked_node(data=str(tmp_path)) as node:
                orders = node.broker.topics.named("orders").config
                assert (orders.retention_ms, orders.segment_bytes, orders.max_message_bytes) == (1, 2_000_000, 3)
                assert config(node, BROKER, "0", "message.max.bytes").config_source == 2
                assert config(node, GROUP, "g", "share.isolation.level").value == "read_committed"

    asyncio.run(run())
