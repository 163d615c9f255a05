"""DescribeConfigs, AlterConfigs and IncrementalAlterConfigs."""

from typing import Any

import pytest

from message_queues.protocols.kafka.messages.configs import (
    AlterableConfig,
    AlterConfigsRequest,
    AlterConfigsResource,
    DescribeConfigsRequest,
    DescribeConfigsResource,
    IncrementalAlterableConfig,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResource,
)
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import Scene

TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def describe(kind: int, name: str, *keys: str, synonyms: bool = True, documentation: bool = False) -> DescribeConfigsRequest:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=list(keys) if keys else None)
    return DescribeConfigsRequest(resources=[resource], include_synonyms=synonyms, include_documentation=documentation)


def alter(kind: int, name: str, configs: dict[str, str | None], *, validate_only: bool = False) -> AlterConfigsRequest:
    entries = [AlterableConfig(name=key, value=value) for key, value in configs.items()]
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=entries)
    return AlterConfigsRequest(resources=[resource], validate_only=validate_only)


def step(kind: int, name: str, *changes: tuple[str, int, str | None], validate_only: bool = False) -> IncrementalAlterConfigsRequest:
    entries = [IncrementalAlterableConfig(name=key, config_operation=operation, value=value) for key, operation, value in changes]
    resource = IncrementalAlterConfigsResource(resource_type=kind, resource_name=name, configs=entries)
    return IncrementalAlterConfigsRequest(resources=[resource], validate_only=validate_only)


# DescribeConfigs


def test_all_configurations_of_a_topic(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(describe(TOPIC, scene.topic(), documentation=True)))


def test_a_changed_configuration_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"retention.ms": "1234567", "segment.ms": "7654321"})
    kafka_says(scene.ask_all(describe(TOPIC, topic, "retention.ms", "segment.ms", "segment.bytes")))
    kafka_says(scene.ask(describe(TOPIC, topic, "retention.ms", synonyms=False)))


def test_configurations_that_are_not_known_are_left_out(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(describe(TOPIC, scene.topic(), "no.such.config", "retention.ms", "retention.ms")))


def test_no_keys_ask_for_nothing(scene: Scene, kafka_says: RecordedAnswers) -> None:
    request = describe(TOPIC, scene.topic())
    request.resources[0].configuration_keys = []
    kafka_says(scene.ask(request))


@pytest.mark.parametrize("name", ["absent", "not a name", ""])
def test_configurations_of_absent_topics(scene: Scene, kafka_says: RecordedAnswers, name: str) -> None:
    kafka_says(scene.ask_all(describe(TOPIC, scene.name("absent") if name == "absent" else name)))


BROKER_KEYS_OF_THIS_RUN = frozenset(
    {
        "advertised.listeners", "broker.heartbeat.interval.ms", "controller.listener.names", "controller.quorum.bootstrap.servers",
        "controller.quorum.voters", "group.initial.rebalance.delay.ms", "group.min.session.timeout.ms", "inter.broker.listener.name",
        "listener.security.protocol.map", "listeners", "log.dir", "log.dirs", "node.id", "broker.id", "process.roles", "metadata.log.dir",
    }
)  # fmt: skip
"""What the start of a server decides, besides internal topics."""

INTERNAL_TOPICS = ("offsets.topic.", "transaction.state.", "share.coordinator.")


def test_all_configurations_of_a_broker(scene: Scene, kafka_says: RecordedAnswers) -> None:
    answer = scene.ask(describe(BROKER, "0", synonyms=True))
    (result,) = answer["results"]
    shown = [each for each in result.pop("configs") if not depends_on_the_run(each["name"])]
    kafka_says([result, shown])


def depends_on_the_run(key: str) -> bool:
    return key in BROKER_KEYS_OF_THIS_RUN or key.startswith(INTERNAL_TOPICS)


def test_a_configuration_of_a_broker_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(describe(BROKER, "0", "log.retention.hours", "log.retention.ms", "log.roll.hours", "num.partitions")))


@pytest.mark.parametrize("name", ["", "7", "-1", "zero"])
def test_configurations_of_other_brokers(scene: Scene, kafka_says: RecordedAnswers, name: str) -> None:
    kafka_says(scene.ask(describe(BROKER, name, "num.partitions")))


@pytest.mark.parametrize("kind", [0, 1, 3, 99, -1])
def test_resources_of_unknown_types(scene: Scene, kafka_says: RecordedAnswers, kind: int) -> None:
    kafka_says(scene.ask(describe(kind, "name")))
    kafka_says(scene.ask(alter(kind, "name", {"a": "b"})))
    kafka_says(scene.ask(step(kind, "name", ("a", SET, "b"))))


def test_configurations_of_groups(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    kafka_says(scene.ask(describe(GROUP, group)))
    kafka_says(scene.ask(describe(GROUP, "")))
    kafka_says(scene.ask(step(GROUP, group, ("consumer.session.timeout.ms", SET, "46000"))))
    kafka_says(scene.ask(step(GROUP, group, ("consumer.session.timeout.ms", SET, "1"))))
    kafka_says(scene.ask(step(GROUP, group, ("no.such.config", SET, "1"))))


def test_a_resource_named_twice(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    request = describe(TOPIC, topic, "retention.ms")
    request.resources += describe(TOPIC, topic, "segment.ms").resources
    kafka_says(scene.ask(request))
    change = step(TOPIC, topic, ("retention.ms", SET, "1000000"))
    change.resources += step(TOPIC, topic, ("segment.ms", SET, "1000000")).resources
    kafka_says(scene.ask(change))


# AlterConfigs


def values(scene: Scene, topic: str) -> dict[str, Any]:
    """The configurations that the topic itself has."""
    (result,) = scene.ask(describe(TOPIC, topic, synonyms=False))["results"]
    return {each["name"]: each.get("value") for each in result["configs"] if each["config_source"] == 1}


def test_a_configuration_is_replaced_as_a_whole(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"retention.ms": "1000000", "segment.ms": "2000000"})
    kafka_says(scene.ask_all(alter(TOPIC, topic, {"retention.ms": "3000000"})))
    kafka_says.soon(lambda: values(scene, topic))
    kafka_says(scene.ask(alter(TOPIC, topic, {})))
    kafka_says.soon(lambda: values(scene, topic))


def test_validating_alters_nothing(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic(config={"retention.ms": "1000000"})
    kafka_says(scene.ask(alter(TOPIC, topic, {"retention.ms": "3000000"}, validate_only=True)))
    kafka_says(scene.ask(step(TOPIC, topic, ("retention.ms", SET, "3000000"), validate_only=True)))
    kafka_says(scene.ask(step(TOPIC, topic, ("retention.ms", SET, "soon"), validate_only=True)))
    kafka_says.soon(lambda: values(scene, topic))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("no.such.config", "1"),
        ("retention.ms", "long"),
        ("retention.ms", "-2"),
        ("retention.ms", None),
        ("cleanup.policy", "shred"),
        ("remote.storage.enable", "true"),
    ],
)
def test_ill_valued_configurations_are_refused(scene: Scene, kafka_says: RecordedAnswers, key: str, value: str | None) -> None:
    topic = scene.topic(config={"segment.ms": "2000000"})
    kafka_says(scene.ask_all(alter(TOPIC, topic, {"retention.bytes": "5", key: value})))
    kafka_says(scene.ask_all(step(TOPIC, topic, ("retention.bytes", SET, "5"), (key, SET, value))))
    kafka_says.soon(lambda: values(scene, topic))


def test_configurations_of_absent_topics_are_not_altered(scene: Scene, kafka_says: RecordedAnswers) -> None:
    absent = scene.name("absent")
    kafka_says(scene.ask(alter(TOPIC, absent, {"retention.ms": "1000000"})))
    kafka_says(scene.ask(step(TOPIC, absent, ("retention.ms", SET, "1000000"))))
    kafka_says(scene.ask(alter(TOPIC, "not a name", {"retention.ms": "1000000"})))
    kafka_says(scene.ask(step(TOPIC, "", ("retention.ms", SET, "1000000"))))


# IncrementalAlterConfigs


STEPS: dict[str, list[tuple[str, int, str | None]]] = {
    "set": [("retention.ms", SET, "5000000")],
    "set-twice": [("retention.ms", SET, "5000000"), ("retention.ms", SET, "6000000")],
    "delete": [("retention.ms", DELETE, None)],
    "delete-with-value": [("retention.ms", DELETE, "7")],
    "delete-default": [("flush.ms", DELETE, None)],
    "delete-unknown": [("no.such.config", DELETE, None)],
    "append": [("cleanup.policy", APPEND, "compact")],
    "append-what-is-there": [("cleanup.policy", APPEND, "delete")],
    "append-several": [("leader.replication.throttled.replicas", APPEND, "0:0,0:1")],
    "append-to-number": [("retention.ms", APPEND, "1")],
    "append-bad": [("cleanup.policy", APPEND, "shred")],
    "append-null": [("cleanup.policy", APPEND, None)],
    "subtract": [("cleanup.policy", SUBTRACT, "delete")],
    "subtract-what-is-not-there": [("cleanup.policy", SUBTRACT, "compact")],
    "subtract-from-number": [("retention.ms", SUBTRACT, "1")],
    "set-null": [("retention.ms", SET, None)],
    "nothing": [],
    "one-good-one-bad": [("segment.ms", SET, "1000000"), ("flush.ms", SET, "never")],
}


@pytest.mark.parametrize("case", STEPS)
def test_steps(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    topic = scene.topic(config={"retention.ms": "1000000"})
    kafka_says(scene.ask_all(step(TOPIC, topic, *STEPS[case])))
    kafka_says.soon(lambda: values(scene, topic))


@pytest.mark.parametrize(
    ("name", "key", "operation", "value"),
    [
        ("0", "log.retention.ms", SET, "3600000"),
        ("0", "log.retention.ms", DELETE, None),
        ("0", "num.partitions", SET, "3"),
        ("0", "no.such.config", SET, "3"),
        ("0", "log.cleaner.threads", SET, "many"),
        ("", "log.retention.ms", SET, "3600000"),
        ("", "log.retention.ms", DELETE, None),
        ("", "num.partitions", SET, "3"),
        ("9", "log.retention.ms", SET, "3600000"),
        ("zero", "log.retention.ms", SET, "3600000"),
        ("-1", "log.retention.ms", SET, "3600000"),
    ],
)
def test_steps_of_brokers(scene: Scene, kafka_says: RecordedAnswers, name: str, key: str, operation: int, value: str | None) -> None:
    kafka_says(scene.ask(step(BROKER, name, (key, operation, value), validate_only=True)))
