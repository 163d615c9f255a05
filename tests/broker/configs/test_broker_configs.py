import re
from pathlib import Path

import pytest

import message_queues
from message_queues.broker.configs.broker_configs import BROKER_CONFIGS, BrokerConfig
from message_queues.broker.configs.topic_configs import TOPIC_CONFIGS
from message_queues.errors import InvalidConfig, InvalidRequest


def refusal(static: dict[str, str]) -> str:
    with pytest.raises(InvalidConfig) as refused:
        BrokerConfig(static)
    return str(refused.value)


def dynamic_refusal(node_id: int | None, configs: dict[str, str], static: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidRequest) as refused:
        BrokerConfig(static).check_dynamic(node_id, configs)
    return str(refused.value)


def test_values_have_their_types() -> None:
    config = BrokerConfig({"num.partitions": " 3 ", "auto.create.topics.enable": "FALSE"})
    assert config.int("num.partitions") == 3
    assert config.boolean("auto.create.topics.enable") is False
    assert config.list("group.coordinator.rebalance.protocols") == ("classic", "consumer", "streams")
    assert config.string("compression.type") == "producer"
    assert config.double("log.cleaner.io.buffer.load.factor") == 0.9


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    assert refusal({"num.partition": "3"}) == "Unknown broker config name: num.partition (did you mean num.partitions?)"
    assert refusal({"qqqqqqq": "3"}) == "Unknown broker config name: qqqqqqq"


def test_a_name_with_the_prefix_of_a_listener_is_known() -> None:
    BrokerConfig({"listener.name.plaintext.max.connections": "5", "listener.name.x.scram-sha-256.sasl.jaas.config": "secret"})
    assert "Not a number" in refusal({"listener.name.plaintext.max.connections": "many"})


# Each answer below is what Apache Kafka 4.3.1 says to the same values.
@pytest.mark.parametrize(
    ("static", "answer"),
    [
        ({"num.partitions": "0"}, "Invalid value 0 for configuration num.partitions: Value must be at least 1"),
        ({"log.roll.ms": "0"}, "requirement failed: log.roll.ms must be greater than or equal to 1"),
        ({"log.roll.jitter.ms": "-1"}, "requirement failed: log.roll.jitter.ms must be greater than or equal to 0"),
        ({"log.retention.hours": "0"}, "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
        (
            {"log.cleaner.dedupe.buffer.size": "1"},
            "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
        ),
        (
            {"queued.max.request.bytes": "10"},
            "requirement failed: queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
        ),
        (
            {"max.connections.per.ip": "0"},
            "requirement failed: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
        ),
        ({"group.coordinator.rebalance.protocols": "consumer"}, "Disabling the 'classic' protocol is not supported."),
        (
            {"group.consumer.heartbeat.interval.ms": "50000", "group.consumer.max.heartbeat.interval.ms": "50000"},
            "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms",
        ),
        (
            {"group.streams.num.standby.replicas": "5"},
            "group.streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
        ),
        ({"group.consumer.assignors": "foo"}, "Class foo cannot be found"),
        (
            {"group.consumer.session.timeout.ms": "1"},
            "group.consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            {"group.consumer.max.session.timeout.ms": "1000"},
            "group.consumer.max.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            {"group.consumer.heartbeat.interval.ms": "60000"},
            "group.consumer.heartbeat.interval.ms must be less than or equal to group.consumer.max.heartbeat.interval.ms",
        ),
        (
            {"group.share.record.lock.duration.ms": "5000"},
            "group.share.record.lock.duration.ms must be greater than or equal to group.share.min.record.lock.duration.ms",
        ),
    ],
)
def test_what_the_broker_cannot_start_with_is_refused_in_kafkas_words(static: dict[str, str], answer: str) -> None:
    assert refusal(static) == answer


@pytest.mark.parametrize(
    ("node_id", "configs", "answer"),
    [
        (0, {"num.partitions": "5"}, "Cannot update these configs dynamically: [num.partitions]"),
        (
            None,
            {"num.partitions": "5", "log.retention.hours": "1"},
            "Cannot update these configs dynamically: [num.partitions, log.retention.hours]",
        ),
        (
            0,
            {"ssl.key.password": "x"},
            "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.key.password]",
        ),
        (0, {"log.retention.ms": "x"}, "Invalid value x for configuration log.retention.ms: Not a number of type LONG"),
        (0, {"log.retention.ms": "0"}, "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
        (
            None,
            {"ssl.client.auth": "none", "sasl.jaas.config": "x"},
            "Cannot update these configs at default cluster level, broker id must be specified: [ssl.client.auth, sasl.jaas.config]",
        ),
        (
            None,
            {"listener.name.plaintext.ssl.key.password": "x"},
            "Cannot update these configs at default cluster level, broker id must be specified: [listener.name.plaintext.ssl.key.password]",
        ),
    ],
)
def test_what_cannot_be_changed_while_the_broker_runs_is_refused_in_kafkas_words(
    node_id: int | None, configs: dict[str, str], answer: str
) -> None:
    assert dynamic_refusal(node_id, configs) == answer


def test_names_that_kafka_does_not_know_may_be_set_on_a_running_broker() -> None:
    config = BrokerConfig()
    config.check_dynamic(0, {"my.plugin.setting": "5"})
    config.check_dynamic(0, {"listener.name.plaintext.ssl.key.password": "x"})
    config.check_dynamic(None, {"listener.name.plaintext.max.connections": "5", **config.set_for(None)})


def test_a_change_is_checked_together_with_what_the_broker_was_started_with() -> None:
    static = {"log.cleaner.dedupe.buffer.size": "3000000"}
    BrokerConfig(static).check_dynamic(0, {"log.cleaner.threads": "2"})
    assert "1MB per cleaner thread" in dynamic_refusal(0, {"log.cleaner.threads": "3"}, static)


def test_the_least_in_sync_replicas_are_set_for_all_brokers_from_the_start_and_only_there() -> None:
    config = BrokerConfig({"min.insync.replicas": "2"})
    assert config.set_for(None) == {"min.insync.replicas": "2"}
    assert list(config.dynamic_overrides()) == []
    config.check_dynamic(None, {"min.insync.replicas": "3"})
    with pytest.raises(InvalidConfig, match=r"Cluster-level .* cannot be removed"):
        config.check_dynamic(None, {})
    with pytest.raises(InvalidConfig, match=r"Broker-level .* cannot be altered"):
        config.check_dynamic(0, {"min.insync.replicas": "3"})


def test_a_value_for_one_broker_counts_before_one_for_all_and_that_before_the_start() -> None:
    config = BrokerConfig({"message.max.bytes": "1"})
    assert config.int("message.max.bytes") == 1
    config.apply_dynamic(None, {"message.max.bytes": "2"})
    assert config.int("message.max.bytes") == 2
    config.apply_dynamic(1, {"message.max.bytes": "3"})
    assert config.int("message.max.bytes") == 3
    config.apply_dynamic(1, {"message.max.bytes": None})
    config.apply_dynamic(None, {"message.max.bytes": None})
    assert config.int("message.max.bytes") == 1


def test_what_was_set_while_the_broker_ran_can_be_told_again() -> None:
    config = BrokerConfig()
    config.apply_dynamic(None, {"message.max.bytes": "2"})
    config.apply_dynamic(1, {"message.max.bytes": "3", "log.retention.ms": "4"})
    config.apply_dynamic(2, {"message.max.bytes": None})
    again = BrokerConfig()
    for node_id, configs in config.dynamic_overrides():
        again.apply_dynamic(node_id, configs)
    assert dict(again.dynamic_overrides()) == {None: {"message.max.bytes": "2"}, 1: {"message.max.bytes": "3", "log.retention.ms": "4"}}


def test_what_can_be_changed_is_said_of_every_configuration() -> None:
    assert BROKER_CONFIGS["num.partitions"].is_read_only
    assert BROKER_CONFIGS["listeners"].is_per_broker
    changeable = BROKER_CONFIGS["message.max.bytes"]
    assert not changeable.is_read_only
    assert not changeable.is_per_broker


def test_what_is_marked_as_obeyed_is_what_the_broker_asks_for() -> None:
    inherited = {each.name for known in TOPIC_CONFIGS.values() if known.is_obeyed for each in known.synonyms}
    source = Path(message_queues.__file__).parent
    files = [file for file in (source / "broker").rglob("*.py") if file.parent.name != "configs"]
    asked = {name for file in files for name in re.findall(r'config(?:\.\w+)?\("([a-z.]+)"\)', file.read_text())}
    asked |= {name for file in (source / "servers").rglob("*.py") for name in re.findall(r'config\.\w+\("([a-z.]+)"\)', file.read_text())}
    assert {name for name, known in BROKER_CONFIGS.items() if known.is_obeyed} == inherited | asked
