from pathlib import Path

import pytest

from message_queues.errors import InvalidArgument
from message_queues.settings import OPTIONS, ServerSettings, load_settings


def refusal(flags: dict[str, str], environment: dict[str, str] | None = None, file: Path | None = None) -> str:
    with pytest.raises(InvalidArgument) as refused:
        load_settings(flags, environment or {}, str(file) if file else None)
    return str(refused.value)


def written(directory: Path, text: str) -> Path:
    file = directory / "mq.toml"
    file.write_text(text)
    return file


def test_without_anything_the_defaults_hold() -> None:
    assert load_settings({}, {}) == ServerSettings()
    assert ServerSettings().all_kafka_ports == (9092,)
    assert ServerSettings().all_node_ids == (0,)


def test_a_flag_counts_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'host = "file"\nbrokers = 3\nlog_level = "info"\n')
    environment = {"MQ_SERVE_HOST": "environment", "MQ_SERVE_BROKERS": "2", "HOME": "/"}
    settings = load_settings({"host": "flag"}, environment, str(file))
    assert (settings.host, settings.brokers, settings.log_level) == ("flag", 2, "info")


def test_configurations_of_kafka_are_merged_one_by_one_in_the_same_order(tmp_path: Path) -> None:
    file = written(tmp_path, '[config]\nnum.partitions = 1\nlog.retention.ms = 1\n"log.roll.ms" = 1\n')
    environment = {"MQ_SERVE_CONFIG": "num.partitions=2;log.retention.ms=2"}
    settings = load_settings({"config": ["num.partitions=3"]}, environment, str(file))
    assert settings.config == {"num.partitions": "3", "log.retention.ms": "2", "log.roll.ms": "1"}


def test_credentials_are_merged_one_by_one_too(tmp_path: Path) -> None:
    file = written(tmp_path, '[aws_credentials]\nAKIDFILE = "s1"\nAKIDBOTH = "s2"\n')
    environment = {"MQ_SERVE_AWS_CREDENTIALS": "AKIDBOTH=wJalr/XUtn+FEMI=;AKIDENV=s4"}
    settings = load_settings({"aws_credentials": ["AKIDFLAG=s5"]}, environment, str(file))
    expected = {"AKIDFILE": "s1", "AKIDBOTH": "wJalr/XUtn+FEMI=", "AKIDENV": "s4", "AKIDFLAG": "s5"}
    assert settings.aws_credentials == expected


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    assert load_settings({}, {"MQ_SERVE_CONFIG_FILE": str(written(tmp_path, "fsync = true"))}).fsync


def test_a_file_has_the_types_of_toml(tmp_path: Path) -> None:
    text = (
        'kafka_port = [9092, 9094]\nbrokers = 2\nonly = ["kafka"]\nready-file = "r"\n[config]\nlog.cleanup.policy = ["compact", "delete"]'
    )
    settings = load_settings({}, {}, str(written(tmp_path, text)))
    assert settings.all_kafka_ports == (9092, 9094)
    assert settings.only == ("kafka",)
    assert settings.ready_file == "r"
    assert settings.config == {"log.cleanup.policy": "compact,delete"}


@pytest.mark.parametrize(
    ("text", "configs"),
    [
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ("a=1\nb = 2\n", {"a": "1", "b": "2"}),
        ("a=x,y; b=", {"a": "x,y", "b": ""}),
        ('jaas=a.Login user="me"; b.Login;;a=1', {"jaas": 'a.Login user="me"; b.Login;', "a": "1"}),
        ("", {}),
    ],
)
def test_the_environment_takes_several_configurations(text: str, configs: dict[str, str]) -> None:
    assert load_settings({}, {"MQ_SERVE_CONFIG": text}).config == configs


def test_a_configuration_given_as_a_flag_is_never_divided() -> None:
    assert load_settings({"config": ["a=1;b=2", "c=3"]}, {}).config == {"a": "1;b=2", "c": "3"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"kafka_port": "70000"}, "--kafka-port should be a port from 0 to 65535, or several with commas between them, not '70000'"),
        ({"brokers": "0"}, "--brokers should be a whole number, 1 or more, not '0'"),
        ({"node_ids": "1,1"}, "--node-ids should be different whole numbers with commas between them, not '1,1'"),
        ({"clock": "manuel"}, "--clock should be system or manual (did you mean manual?), not 'manuel'"),
        (
            {"only": "kafak"},
            "--only should be protocols with commas between them, each one of: kafka, amqp, management, prometheus, sqs "
            "(did you mean kafka?), not 'kafak'",
        ),
        ({"config": ["num.partitions"]}, "--config should be KEY=VALUE, not ['num.partitions']"),
        ({"fsync": "maybe"}, "--fsync should be true or false, not 'maybe'"),
        ({"brokers": "3", "kafka_port": "1,2"}, "3 nodes take one Kafka port each, or one from which they count; 2 ports were given"),
        ({"amqp_port": "x"}, "--amqp-port should be a port from 0 to 65535, not 'x'"),
        ({"amqps_port": "0"}, "--amqps-port needs --tls-certificate and --tls-key"),
        ({"tls_verify": "require"}, "--tls-verify require needs --tls-ca"),
        (
            {"rabbitmq_version": "3.9"},
            "--rabbitmq-version should be one of 3.10, 3.13, 4.0, 4.2, 4.3, not '3.9'",
        ),
        ({"brokers": "3", "node_ids": "1,2"}, "3 brokers were asked for, but 2 node ids given: (1, 2)"),
        ({"aws_account": "42"}, "--aws-account should be an account number of twelve digits, not '42'"),
        ({"aws_region": "Frankfurt"}, "--aws-region should be a region such as us-east-1, not 'Frankfurt'"),
        ({"chaos": "yes"}, "--chaos should be a whole number, 0 or more, not 'yes'"),
        ({"brokers": "3", "kafka_port": "65534"}, "3 nodes from port 65534 on would need ports beyond 65535"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_would_be_right(flags: dict[str, str], message: str) -> None:
    assert refusal(flags) == message


def test_a_wrong_variable_is_refused_with_the_nearest_one() -> None:
    unknown = "the environment variable MQ_SERVE_KAFKA_PROT is none of mq serve (did you mean MQ_SERVE_KAFKA_PORT?)"
    assert refusal({}, {"MQ_SERVE_KAFKA_PROT": "1"}) == unknown
    assert refusal({}, {"MQ_SERVE_BROKERS": "many"}).startswith("the environment variable MQ_SERVE_BROKERS should be a whole number")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("brokrs = 3", "{file} has the unknown key brokrs (did you mean brokers?)"),
        ("brokers = true", "brokers in {file} should be a whole number, 1 or more, not 'true'"),
        ("config = 3", "config in {file} should be a table of KEY = VALUE, not 3"),
        ("brokers = ", "the configuration file {file} is no TOML: Invalid value (at end of document)"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key(tmp_path: Path, text: str, message: str) -> None:
    file = written(tmp_path, text)
    assert refusal({}, {}, file) == message.format(file=file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert refusal({}, {}, tmp_path / "none.toml") == f"cannot read the configuration file {tmp_path}/none.toml: No such file or directory"


@pytest.mark.parametrize(
    ("settings", "ports"),
    [
        (ServerSettings(brokers=3), (9092, 9093, 9094)),
        (ServerSettings(brokers=3, kafka_port=(9092, 9094, 9096)), (9092, 9094, 9096)),
        (ServerSettings(node_ids=(4, 5), kafka_port=(0,)), (0, 0)),
    ],
)
def test_several_nodes_have_a_port_each(settings: ServerSettings, ports: tuple[int, ...]) -> None:
    assert settings.all_kafka_ports == ports


def test_without_a_choice_every_protocol_is_served() -> None:
    assert ServerSettings().serves("kafka")
    assert ServerSettings(only=("kafka",)).serves("kafka")
    assert not ServerSettings(only=("kafka",)).serves("amqp")


def test_a_full_version_of_rabbitmq_is_one_of_its_release() -> None:
    assert load_settings({"rabbitmq_version": "3.10.8"}, {}).rabbitmq_version == "3.10.8"


def test_users_that_may_log_in_from_this_machine_only_can_be_none() -> None:
    assert ServerSettings().loopback_users == ("guest",)
    assert load_settings({"loopback_users": "guest, admin"}, {}).loopback_users == ("guest", "admin")
    assert load_settings({"loopback_users": "none"}, {}).loopback_users == ()


def test_every_option_has_a_sentence_and_a_default_that_it_would_accept() -> None:
    for option in OPTIONS.values():
        assert option.sentence.endswith(".")
        assert option.default == getattr(ServerSettings(), option.name)
