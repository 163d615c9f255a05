"""What is described, against what Apache Kafka 4.3.1 answers with the same settings."""

from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.configs.config_definition import ConfigSource, ConfigType
from message_queues.broker.configs.describe import (
    ConfigEntry,
    ConfigSynonym,
    describe_broker,
    describe_cluster,
    describe_group,
    describe_topic,
    describe_topic_overrides,
)

TOPIC, BROKER, CLUSTER, STATIC, DEFAULT, GROUP = (
    ConfigSource.TOPIC,
    ConfigSource.BROKER,
    ConfigSource.CLUSTER,
    ConfigSource.STATIC,
    ConfigSource.DEFAULT,
    ConfigSource.GROUP,
)


def named(name: str, entries: list[ConfigEntry]) -> ConfigEntry:
    return next(entry for entry in entries if entry.name == name)


def topic(name: str, overrides: dict[str, str], broker: BrokerConfig) -> tuple[str | None, ConfigSource, tuple[ConfigSynonym, ...]]:
    entry = named(name, describe_topic(overrides, broker, 0))
    return entry.value, entry.source, entry.synonyms


def test_an_inherited_value_has_the_source_of_the_broker_configuration() -> None:
    broker = BrokerConfig({"unclean.leader.election.enable": "TRUE"})
    value, source, synonyms = topic("unclean.leader.election.enable", {}, broker)
    assert (value, source) == ("true", STATIC)
    assert [(each.name, each.source) for each in synonyms] == [
        ("unclean.leader.election.enable", STATIC),
        ("unclean.leader.election.enable", DEFAULT),
    ]


def test_hours_alone_count_but_are_not_described_as_the_source() -> None:
    assert topic("retention.ms", {}, BrokerConfig({"log.retention.hours": "100"})) == ("360000000", DEFAULT, ())


def test_all_layers_are_listed_the_first_that_counts_first() -> None:
    broker = BrokerConfig({"log.retention.hours": "100"})
    broker.apply_dynamic(None, {"log.retention.ms": "50000"})
    broker.apply_dynamic(0, {"log.retention.ms": "60000"})
    assert topic("retention.ms", {"retention.ms": " 6000 "}, broker) == (
        "6000",
        TOPIC,
        (
            ConfigSynonym("retention.ms", "6000", TOPIC),
            ConfigSynonym("log.retention.ms", "60000", BROKER),
            ConfigSynonym("log.retention.ms", "50000", CLUSTER),
            ConfigSynonym("log.retention.hours", "100", STATIC),
            ConfigSynonym("log.retention.hours", "168", DEFAULT),
        ),
    )


def test_what_is_set_for_another_broker_is_not_described() -> None:
    broker = BrokerConfig()
    broker.apply_dynamic(1, {"log.retention.ms": "60000"})
    assert topic("retention.ms", {}, broker) == ("604800000", DEFAULT, ())


def test_a_topic_has_33_configurations_and_those_for_tests_where_they_are_set() -> None:
    assert len(describe_topic({}, BrokerConfig(), 0)) == 33
    assert named("internal.segment.bytes", describe_topic({"internal.segment.bytes": "300"}, BrokerConfig(), 0)).value == "300"


def test_lists_are_printed_without_spaces_but_told_as_given_when_a_topic_is_created() -> None:
    overrides = {"cleanup.policy": "compact, delete"}
    assert topic("cleanup.policy", overrides, BrokerConfig())[0] == "compact,delete"
    created = named("cleanup.policy", describe_topic_overrides(overrides, BrokerConfig(), 0))
    assert (created.value, created.source) == ("compact, delete", TOPIC)


def test_a_created_topic_tells_the_source_of_hours_too() -> None:
    entries = describe_topic_overrides({}, BrokerConfig({"log.roll.hours": "20"}), 0)
    rolled = named("segment.ms", entries)
    assert (rolled.value, rolled.source) == ("72000000", STATIC)
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert named("leader.replication.throttled.replicas", entries).value == ""


def test_a_broker_is_described_with_what_it_is() -> None:
    entries = describe_broker(BrokerConfig(), 2, {"node.id": "2", "broker.id": "2"})
    assert len(entries) == 340
    assert named("node.id", entries).synonyms == (ConfigSynonym("node.id", "2", STATIC),)
    assert named("broker.id", entries).synonyms == (ConfigSynonym("broker.id", "2", STATIC), ConfigSynonym("broker.id", "-1", DEFAULT))
    assert named("num.partitions", entries).is_read_only
    assert not named("log.retention.ms", entries).is_read_only
    assert named("log.retention.ms", entries) == named("log.retention.ms", entries)._replace(value=None, source=DEFAULT, synonyms=())
    assert named("log.cleaner.io.max.bytes.per.second", entries).value == "1.7976931348623157E308"
    assert named("num.partitions", entries).type is ConfigType.INT


def test_secrets_are_not_told() -> None:
    broker = BrokerConfig({"sasl.jaas.config": "secret"})
    broker.apply_dynamic(0, {"my.plugin": "secret", "listener.name.x.ssl.key.password": "secret"})
    broker.apply_dynamic(None, {"my.plugin": "secret"})
    entries = [*describe_broker(broker, 0, {}), *describe_cluster(broker)]
    for entry in entries:
        assert entry.value != "secret"
        assert all(each.value != "secret" for each in entry.synonyms)
    unknown = named("my.plugin", entries)
    assert (unknown.is_sensitive, unknown.is_read_only, unknown.type) == (True, True, ConfigType.UNKNOWN)


def test_the_default_of_all_brokers_is_described_by_what_is_set() -> None:
    broker = BrokerConfig({"log.retention.ms": "7"})
    (formed,) = describe_cluster(broker)
    assert (formed.name, formed.value, formed.source) == ("min.insync.replicas", "1", CLUSTER)
    broker.apply_dynamic(None, {"log.retention.ms": "50000"})
    broker.apply_dynamic(0, {"message.max.bytes": "5"})
    _, entry = describe_cluster(broker)
    assert (entry.name, entry.value, entry.source) == ("log.retention.ms", "50000", CLUSTER)
    assert entry.synonyms == (ConfigSynonym("log.retention.ms", "50000", CLUSTER),)


def test_a_name_with_the_prefix_of_a_listener_falls_back_on_the_name_without() -> None:
    broker = BrokerConfig()
    broker.apply_dynamic(0, {"listener.name.plaintext.max.connections": "50"})
    entry = named("listener.name.plaintext.max.connections", describe_broker(broker, 0, {}))
    assert entry.synonyms == (
        ConfigSynonym("listener.name.plaintext.max.connections", "50", BROKER),
        ConfigSynonym("max.connections", "2147483647", DEFAULT),
    )


def test_a_group_inherits_or_overrides() -> None:
    broker = BrokerConfig()
    inherited = named("consumer.session.timeout.ms", describe_group({}, broker, 0))
    assert (inherited.value, inherited.source) == ("45000", DEFAULT)
    assert inherited.synonyms == (ConfigSynonym("group.consumer.session.timeout.ms", "45000", DEFAULT),)
    overridden = named("consumer.session.timeout.ms", describe_group({"consumer.session.timeout.ms": "50000"}, broker, 0))
    assert overridden.synonyms == (
        ConfigSynonym("consumer.session.timeout.ms", "50000", GROUP),
        ConfigSynonym("group.consumer.session.timeout.ms", "45000", DEFAULT),
    )
    own = named("share.auto.offset.reset", describe_group({}, broker, 0))
    assert own.synonyms == (ConfigSynonym("share.auto.offset.reset", "latest", DEFAULT),)
