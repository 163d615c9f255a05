"""The settings of `mq serve`: an option is a field, a default and a sentence.

Flag, environment variable, TOML key and the reference page `docs/serve.md` are derived from the fields of ServerSettings. What counts
first: the flag, then the environment, then the file, then the default. Options of many entries (Kafka's configurations, credentials) are
merged one by one in the same order.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from message_queues.errors import InvalidArgument

PROTOCOLS = ("kafka", "amqp", "management", "prometheus", "sqs")
RABBITMQ_VERSIONS = ("3.10", "3.13", "4.0", "4.2", "4.3")
ENVIRONMENT_PREFIX = "MQ_SERVE_"
FILE_VARIABLE = ENVIRONMENT_PREFIX + "CONFIG_FILE"
GREATEST_PORT = 65_535

T = TypeVar("T")
Setting: TypeAlias = str | int | bool | tuple[int, ...] | tuple[str, ...] | Mapping[str, str] | None


# What a text may be


def any_text(text: str) -> str:
    return text


def yes_or_no(text: str) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}[text.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def number(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or int(text) < least:
            raise ValueError(f"a whole number, {least} or more")
        return int(text)

    return parse


def ports(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() and int(word) <= GREATEST_PORT for word in words):
        raise ValueError(f"a port from 0 to {GREATEST_PORT}, or several with commas between them")
    return tuple(map(int, words))


def port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > GREATEST_PORT:
        raise ValueError(f"a port from 0 to {GREATEST_PORT}")
    return int(text)


def rabbitmq_version(text: str) -> str:
    """Of a full version, too, the last part of which changes nothing but what the server calls itself."""
    if not re.fullmatch(r"\d+\.\d+(\.\d+)?", text) or ".".join(text.split(".")[:2]) not in RABBITMQ_VERSIONS:
        raise ValueError("one of " + ", ".join(RABBITMQ_VERSIONS) + nearest(text, RABBITMQ_VERSIONS))
    return text


def user_names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(word.strip() for word in text.split(",") if word.strip())


def aws_account(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", text):
        raise ValueError("an account number of twelve digits")
    return text


def aws_region(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise ValueError("a region such as us-east-1")
    return text


def node_ids(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise ValueError("different whole numbers with commas between them")
    return tuple(map(int, words))


def choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(" or ".join(choices) + nearest(text, choices))
        return text

    return parse


def protocols(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    for word in words:
        if word not in PROTOCOLS:
            raise ValueError(f"protocols with commas between them, each one of: {', '.join(PROTOCOLS)}" + nearest(word, PROTOCOLS))
    return words


NEXT_ASSIGNMENT = re.compile(r"[;\n]\s*(?=[\w.-]+\s*=)")


def assignments(text: str) -> dict[str, str]:
    """KEY=VALUE; several are separated by semicolons or line ends, because values have commas of their own."""
    return dict(assignment(each) for each in NEXT_ASSIGNMENT.split(text) if each.strip())


def assignment(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise ValueError("KEY=VALUE")
    return name.strip(), value.strip()


# The options


def option(default: T, sentence: str, metavar: str, parse: Callable[[str], Setting]) -> T:
    field: T = dataclasses.field(default=default, metadata={"option": (sentence, metavar, parse)})
    return field


def no_configs() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    data: str | None = option(
        None,
        "Directory that keeps everything; without it the server uses one of its own and removes it when it stops.",
        "DIR",
        any_text,
    )
    host: str = option("127.0.0.1", "Address to listen on.", "ADDRESS", any_text)
    kafka_port: tuple[int, ...] = option(
        (9092,),
        "Port of each node; with one port for several nodes the others take the ports that follow, and 0 picks free ones.",
        "PORT[,PORT…]",
        ports,
    )
    amqp_port: int = option(5672, "Port for RabbitMQ's clients (AMQP 0-9-1); 0 picks a free one.", "PORT", port)
    amqps_port: int | None = option(
        None, "Port for RabbitMQ's clients over TLS, with --tls-certificate and --tls-key; without it there is none.", "PORT", port
    )
    management_port: int = option(15672, "Port of RabbitMQ's management HTTP API; 0 picks a free one.", "PORT", port)
    prometheus_port: int = option(15692, "Port where Prometheus finds RabbitMQ's metrics; 0 picks a free one.", "PORT", port)
    sqs_port: int = option(9324, "Port of Amazon SQS and SNS; 0 picks a free one.", "PORT", port)
    aws_credentials: Mapping[str, str] = dataclasses.field(
        default_factory=no_configs,
        metadata={
            "option": (
                "Access key and secret of a user of SQS and SNS; can be given more than once. If any is given, signatures are checked; "
                "without, every signature and none is accepted.",
                "KEY=SECRET",
                assignments,
            )
        },
    )
    aws_account: str = option(
        "000000000000", "Account of a request to SQS or SNS; an access key of twelve digits names one of its own.", "NUMBER", aws_account
    )
    aws_region: str = option("us-east-1", "Region of a request to SQS or SNS that names none.", "REGION", aws_region)
    chaos: int | None = option(
        None,
        "Seed of what the real SQS may do now and then: duplicates, receives that find nothing, other orders on standard queues, "
        "attributes that change late. Without it nothing of that happens.",
        "SEED",
        number(0),
    )
    brokers: int = option(1, "How many Kafka nodes the server simulates.", "COUNT", number(1))
    node_ids: tuple[int, ...] = option((), "Numbers of the nodes; without them they count from 0.", "ID[,ID…]", node_ids)
    config: Mapping[str, str] = dataclasses.field(
        default_factory=no_configs,
        metadata={"option": ("Any broker configuration of Kafka; can be given more than once.", "KEY=VALUE", assignments)},
    )
    fsync: bool = option(
        False, "Sync to disk before acknowledging, so that a power cut loses nothing either, at the price of latency.", "", yes_or_no
    )
    clock: str = option(
        "system", "What tells the time: the system, or a clock that stands still until it is moved, for tests.", "system|manual",
        choice("system", "manual"),
    )  # fmt: skip
    only: tuple[str, ...] = option((), "Protocols to serve; all that are built, if none is named.", "PROTOCOL[,PROTOCOL…]", protocols)
    ready_file: str | None = option(
        None, "File that gets the process id and the addresses as JSON once the server listens.", "FILE", any_text
    )
    stop_with_stdin: bool = option(
        False,
        "Stop when standard input ends: when the program that started the server has ended, however it did.",
        "",
        yes_or_no,
    )
    rabbitmq_version: str = option(
        "4.3", "Which RabbitMQ it is to its clients: versions differ in what they refuse and in how they say it.", "VERSION",
        rabbitmq_version,
    )  # fmt: skip
    default_user: str = option("guest", "User that a new data directory has, an administrator.", "NAME", any_text)
    default_password: str = option("guest", "Password of that user.", "PASSWORD", any_text)
    default_vhost: str = option("/", "Virtual host that a new data directory has.", "NAME", any_text)
    loopback_users: tuple[str, ...] = option(
        ("guest",), "Users of RabbitMQ that may log in from this machine only; none: all may from anywhere.", "NAME[,NAME…]|none",
        user_names,
    )  # fmt: skip
    load_definitions: str | None = option(
        None,
        "File with definitions of RabbitMQ (users, virtual hosts, queues …) that is imported at every start. If it has users, a new data "
        "directory has no others.",
        "FILE",
        any_text,
    )
    tls_certificate: str | None = option(None, "Certificate of the server, PEM, with those that lead to its authority.", "FILE", any_text)
    tls_key: str | None = option(None, "Private key of that certificate, PEM.", "FILE", any_text)
    tls_ca: str | None = option(None, "Certificates of authorities that clients' certificates are checked by, PEM.", "FILE", any_text)
    tls_verify: str = option(
        "none",
        "Whether a client must show a certificate: none asks for none, peer checks one that is shown, require takes no client without.",
        "none|peer|require",
        choice("none", "peer", "require"),
    )
    tls_login_from: str = option(
        "distinguished_name",
        "What of a certificate names the user who logs in with it (the mechanism EXTERNAL).",
        "distinguished_name|common_name",
        choice("distinguished_name", "common_name"),
    )
    heartbeat: int = option(60, "Seconds between heartbeats that RabbitMQ's clients are asked for; 0 asks for none.", "SECONDS", number(0))
    channel_max: int = option(2047, "Most channels of one connection of RabbitMQ's clients.", "COUNT", number(1))
    frame_max: int = option(131_072, "Largest frame of RabbitMQ's clients.", "BYTES", number(8192))
    max_message_bytes: int = option(
        0, "Largest message of RabbitMQ's clients; 0: 16 MiB, or 128 MiB as a RabbitMQ before 4.0.", "BYTES", number(0)
    )
    max_unacknowledged: int = option(
        1_000_000, "Most deliveries that one consumer without a prefetch count may have unacknowledged.", "COUNT", number(1)
    )
    memory_high_watermark: int = option(
        0, "Memory of the server in bytes beyond which publishers have to wait; 0: six tenths of the machine's.", "BYTES", number(0)
    )
    disk_free_limit: int = option(50_000_000, "Free disk space in bytes below which publishers have to wait.", "BYTES", number(0))
    max_open_files: int = option(512, "Most log files that are open at a time.", "COUNT", number(16))
    max_request_bytes: int = option(100 * 1024 * 1024, "Largest request that is read.", "BYTES", number(1024))
    max_connections: int = option(10_000, "Most connections to one node or port at a time.", "COUNT", number(1))
    log_level: str = option(
        "warning", "From which level on messages are logged.", "LEVEL", choice("debug", "info", "warning", "error", "critical")
    )
    log_format: str = option("text", "How messages are logged: key=value text, or JSON lines.", "text|json", choice("text", "json"))

    def __post_init__(self) -> None:
        count = len(self.all_node_ids)
        if self.node_ids and self.brokers not in (1, count):
            raise InvalidArgument(f"{self.brokers} brokers were asked for, but {count} node ids given: {self.node_ids}")
        if len(self.kafka_port) not in (1, count):
            raise InvalidArgument(
                f"{count} nodes take one Kafka port each, or one from which they count; {len(self.kafka_port)} ports were given"
            )
        if max(self.all_kafka_ports) > GREATEST_PORT:
            raise InvalidArgument(f"{count} nodes from port {self.kafka_port[0]} on would need ports beyond {GREATEST_PORT}")
        if self.amqps_port is not None and not (self.tls_certificate and self.tls_key):
            raise InvalidArgument("--amqps-port needs --tls-certificate and --tls-key")
        if self.tls_verify != "none" and not self.tls_ca:
            raise InvalidArgument(f"--tls-verify {self.tls_verify} needs --tls-ca")

    @property
    def all_node_ids(self) -> tuple[int, ...]:
        return self.node_ids or tuple(range(self.brokers))

    @property
    def all_kafka_ports(self) -> tuple[int, ...]:
        """One for each node; 0 stands for a free one."""
        count = len(self.all_node_ids)
        if len(self.kafka_port) == count:
            return self.kafka_port
        first = self.kafka_port[0]
        return tuple(first + index if first else 0 for index in range(count))

    def serves(self, protocol: str) -> bool:
        return not self.only or protocol in self.only


@dataclass(frozen=True, slots=True)
class Option:
    """A field of ServerSettings under all its names."""

    name: str
    default: Setting
    sentence: str
    metavar: str
    """Empty for a switch."""
    parse: Callable[[str], Setting]

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def is_switch(self) -> bool:
        return not self.metavar

    @property
    def can_be_repeated(self) -> bool:
        return self.name in MERGED

    def value(self, text: str | Sequence[str], given_as: str) -> Setting:
        """`given_as` is the name that the user knows it by: a flag, a variable or a key in a file."""
        try:
            return self.parse(text) if isinstance(text, str) else dict(map(assignment, text))
        except ValueError as error:
            raise InvalidArgument(f"{given_as} should be {error}, not {text!r}") from None


def options() -> Iterator[Option]:
    for field in dataclasses.fields(ServerSettings):
        sentence, metavar, parse = field.metadata["option"]
        yield Option(field.name, {} if field.default is dataclasses.MISSING else field.default, sentence, metavar, parse)


MERGED = ("config", "aws_credentials")
"""Options whose entries are merged; TOML has a table for each."""

OPTIONS: dict[str, Option] = {each.name: each for each in options()}


def nearest(name: str, names: Sequence[str]) -> str:
    import difflib  # only where something is wrong: it would cost every start

    found = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


# From flags, environment and file


def load_settings(flags: Mapping[str, str | Sequence[str]], environment: Mapping[str, str], file: str | None = None) -> ServerSettings:
    """`flags` by the names of their fields, a repeated one as a sequence; `file` is a TOML file, which the environment can name too.

    Raises InvalidArgument: the message names the flag, variable or key, its value, and what would be right.
    """
    file = file or environment.get(FILE_VARIABLE)
    values: dict[str, Setting] = {}
    for source in (from_file(file) if file else {}, from_environment(environment), from_flags(flags)):
        for name, value in source.items():
            before = values.get(name)
            values[name] = {**before, **value} if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return ServerSettings(**values)  # type: ignore[arg-type]  # each was parsed by its own option


def from_flags(flags: Mapping[str, str | Sequence[str]]) -> dict[str, Setting]:
    return {name: OPTIONS[name].value(text, OPTIONS[name].flag) for name, text in flags.items()}


def from_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    by_variable = {each.variable: each for each in OPTIONS.values()}
    values: dict[str, Setting] = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == FILE_VARIABLE:
            continue
        known = by_variable.get(variable)
        if known is None:
            raise InvalidArgument(
                f"the environment variable {variable} is none of mq serve{nearest(variable, [*by_variable, FILE_VARIABLE])}"
            )
        values[known.name] = known.value(text, f"the environment variable {variable}")
    return values


def from_file(path: str) -> dict[str, Setting]:
    import tomllib  # only where there is a file: it would cost every start

    try:
        with Path(path).open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise InvalidArgument(f"cannot read the configuration file {path}: {error.strerror or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidArgument(f"the configuration file {path} is no TOML: {error}") from error
    values: dict[str, Setting] = {}
    for key, value in content.items():
        known = OPTIONS.get(key.replace("-", "_"))
        if known is None:
            raise InvalidArgument(f"{path} has the unknown key {key}{nearest(key, tuple(OPTIONS))}")
        if known.can_be_repeated:
            if not isinstance(value, dict):
                raise InvalidArgument(f"{key} in {path} should be a table of {known.metavar.replace('=', ' = ')}, not {value!r}")
            values[known.name] = dict(flattened(value))
        else:
            values[known.name] = known.value(toml_text(value), f"{key} in {path}")
    return values


def flattened(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """TOML reads `num.partitions = 3` as a table in a table; Kafka's names have dots."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, toml_text(value)


def toml_text(value: object) -> str:
    """As the flag would be given."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(toml_text, value))
    return str(value)
