import pytest

from message_queues.broker.configs.broker_configs import BROKER_CONFIGS
from message_queues.broker.configs.config_definition import ConfigDefinition, ConfigType, Value, double_text, text_of
from message_queues.broker.configs.group_configs import GROUP_CONFIGS
from message_queues.broker.configs.topic_configs import TOPIC_CONFIGS
from message_queues.errors import InvalidConfig

EVERY_ONE = [*TOPIC_CONFIGS.values(), *BROKER_CONFIGS.values(), *GROUP_CONFIGS.values()]


def test_every_default_is_a_valid_value() -> None:
    for known in EVERY_ONE:
        if known.default is not None:
            assert known.parse(known.default) == known.default_value, known.name


def test_every_configuration_is_explained_in_one_sentence() -> None:
    for known in EVERY_ONE:
        assert known.documentation.endswith("."), known.name
        assert "\n" not in known.documentation, known.name


def test_the_catalogues_are_those_of_kafka_4_3() -> None:
    assert sum(not known.is_internal for known in TOPIC_CONFIGS.values()) == 33
    assert sum(not known.is_internal for known in BROKER_CONFIGS.values()) == 340
    assert len(GROUP_CONFIGS) == 17


def test_only_passwords_are_sensitive() -> None:
    assert BROKER_CONFIGS["ssl.key.password"].is_sensitive
    assert not BROKER_CONFIGS["ssl.keystore.location"].is_sensitive


# Each answer below is what Apache Kafka 4.3.1 says to the same value.
REFUSED = [
    ("cleanup.policy", "x", "Invalid value x for configuration cleanup.policy: String must be one of: compact, delete"),
    ("cleanup.policy", "delete,x", "Invalid value x for configuration cleanup.policy: String must be one of: compact, delete"),
    ("cleanup.policy", ",", "Configuration 'cleanup.policy' values must not be empty."),
    ("cleanup.policy", "delete,,compact", "Configuration 'cleanup.policy' values must not be empty."),
    (
        "compression.type",
        "none",
        "Invalid value none for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
    ),
    (
        "compression.gzip.level",
        "0",
        "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
    ),
    ("compression.gzip.level", "x", "Invalid value x for configuration compression.gzip.level: Not a number of type INT"),
    ("compression.zstd.level", "23", "Invalid value 23 for configuration compression.zstd.level: Value must be no more than 22"),
    ("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
    ("retention.ms", "1.5", "Invalid value 1.5 for configuration retention.ms: Not a number of type LONG"),
    ("retention.ms", "", "Invalid value  for configuration retention.ms: Not a number of type LONG"),
    (
        "retention.ms",
        "9223372036854775808",
        "Invalid value 9223372036854775808 for configuration retention.ms: Not a number of type LONG",
    ),
    ("max.message.bytes", "2147483648", "Invalid value 2147483648 for configuration max.message.bytes: Not a number of type INT"),
    (
        "min.cleanable.dirty.ratio",
        "1.5",
        "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
    ),
    ("min.cleanable.dirty.ratio", "x", "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE"),
    ("preallocate", "1", "Invalid value 1 for configuration preallocate: Expected value to be either true or false"),
    (
        "leader.replication.throttled.replicas",
        "1:2,*",
        "Invalid value [1:2, *] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be "
        "the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
    ),
    (
        "group.consumer.migration.policy",
        "x",
        "Invalid value x for configuration group.consumer.migration.policy: "
        "String must be one of (case insensitive): DISABLED, DOWNGRADE, UPGRADE, BIDIRECTIONAL",
    ),
    (
        "process.roles",
        "",
        "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]",
    ),
    ("log.dir", "", "Configuration 'log.dir' must not be empty. Valid values include: any non-empty value"),
    (
        "principal.builder.class",
        "foo.Bar",
        "Invalid value foo.Bar for configuration principal.builder.class: Class foo.Bar could not be found.",
    ),
    (
        "remote.log.metadata.manager.class.name",
        "",
        "Invalid value  for configuration remote.log.metadata.manager.class.name: String must be non-empty",
    ),
    (
        "sasl.login.refresh.buffer.seconds",
        "40000",
        "Invalid value 40000 for configuration sasl.login.refresh.buffer.seconds: Not a number of type SHORT",
    ),
    (
        "controller.quorum.voters",
        "x",
        "Invalid configuration value for controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.",
    ),
    (
        "controller.quorum.bootstrap.servers",
        "x",
        "Failed to parse host name from x for the configuration controller.quorum.bootstrap.servers. "
        'Each entry should be in the form "{host}:{port}"',
    ),
    (
        "share.auto.offset.reset",
        "by_duration:x",
        "Invalid value by_duration:x for configuration share.auto.offset.reset: Invalid value `by_duration:x` for configuration "
        "share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
    ),
]


def definition(name: str) -> ConfigDefinition:
    return next(catalogue[name] for catalogue in (TOPIC_CONFIGS, BROKER_CONFIGS, GROUP_CONFIGS) if name in catalogue)


@pytest.mark.parametrize(("name", "text", "answer"), REFUSED)
def test_a_wrong_value_is_refused_in_kafkas_words(name: str, text: str, answer: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        definition(name).parse(text)
    assert str(refused.value) == answer


@pytest.mark.parametrize(
    ("name", "text", "value", "printed"),
    [
        ("retention.ms", " +5 ", 5, "5"),
        ("cleanup.policy", "compact, delete", ("compact", "delete"), "compact,delete"),
        ("cleanup.policy", " ", (), ""),
        ("cleanup.policy", "compact,delete,compact", ("compact", "delete"), "compact,delete"),
        ("leader.replication.throttled.replicas", "1:2,1:2", ("1:2", "1:2"), "1:2,1:2"),
        ("preallocate", "TRUE", True, "true"),
        ("min.cleanable.dirty.ratio", "1d", 1.0, "1.0"),
        ("min.cleanable.dirty.ratio", ".5", 0.5, "0.5"),
        ("min.cleanable.dirty.ratio", "1e-5", 1e-5, "1.0E-5"),
        ("compression.type", " lz4 ", "lz4", "lz4"),
        ("leader.replication.throttled.replicas", "*", ("*",), "*"),
        ("group.consumer.migration.policy", "Upgrade", "Upgrade", "Upgrade"),
        ("share.auto.offset.reset", "by_duration:PT1H", "by_duration:PT1H", "by_duration:PT1H"),
    ],
)
def test_a_value_is_read_and_printed_as_kafka_does(name: str, text: str, value: Value, printed: str) -> None:
    parsed = definition(name).parse(text)
    assert parsed == value
    assert text_of(parsed) == printed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (0.001, "0.001"),
        (0.0005, "5.0E-4"),
        (9_999_999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (123456789.0, "1.23456789E8"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (-2.5e-7, "-2.5E-7"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
    ],
)
def test_doubles_are_printed_as_java_prints_them(value: float, text: str) -> None:
    assert double_text(value) == text


def test_types_are_numbered_as_on_the_wire() -> None:
    assert (ConfigType.BOOLEAN, ConfigType.LIST, ConfigType.PASSWORD) == (1, 7, 9)
