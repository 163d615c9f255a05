import pytest

from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.configs.group_configs import GROUP_CONFIGS, effective_group_config, validate_group_configs
from message_queues.errors import InvalidConfig

KAFKAS_DEFAULTS = BrokerConfig()


# Each answer below is what Apache Kafka 4.3.1 says to the same value.
@pytest.mark.parametrize(
    ("name", "text", "answer"),
    [
        ("foo", "1", "Unknown group config name: foo"),
        ("consumer.session.timeout.ms", "x", "Invalid value x for configuration consumer.session.timeout.ms: Not a number of type INT"),
        (
            "consumer.session.timeout.ms",
            "1",
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            "consumer.session.timeout.ms",
            "100000",
            "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms",
        ),
        (
            "share.record.lock.duration.ms",
            "1000",
            "share.record.lock.duration.ms must be greater than or equal to group.share.min.record.lock.duration.ms",
        ),
        (
            "streams.num.standby.replicas",
            "9",
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
        ),
        (
            "share.partition.max.record.locks",
            "10",
            "Invalid value 10 for configuration share.partition.max.record.locks: Value must be at least 100",
        ),
        (
            "share.isolation.level",
            "x",
            "Invalid value x for configuration share.isolation.level: String must be one of: read_committed, read_uncommitted",
        ),
    ],
)
def test_a_wrong_value_is_refused_in_kafkas_words(name: str, text: str, answer: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        validate_group_configs({name: text}, KAFKAS_DEFAULTS)
    assert str(refused.value) == answer


def test_limits_are_those_of_the_broker() -> None:
    validate_group_configs({"consumer.session.timeout.ms": "1000"}, BrokerConfig({"group.consumer.min.session.timeout.ms": "500"}))
    validate_group_configs({"streams.initial.rebalance.delay.ms": "0", "share.auto.offset.reset": "earliest"}, KAFKAS_DEFAULTS)


def test_a_group_inherits_from_the_broker() -> None:
    broker = BrokerConfig({"group.consumer.heartbeat.interval.ms": "6000"})
    assert effective_group_config("consumer.heartbeat.interval.ms", {}, broker) == 6000
    assert effective_group_config("consumer.heartbeat.interval.ms", {"consumer.heartbeat.interval.ms": "7000"}, broker) == 7000
    assert effective_group_config("share.isolation.level", {}, broker) == "read_uncommitted"


def test_every_configuration_has_the_default_of_its_broker_configuration() -> None:
    for name, known in GROUP_CONFIGS.items():
        assert effective_group_config(name, {}, KAFKAS_DEFAULTS) == known.default_value
