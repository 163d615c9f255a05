"""From a cluster's addresses to its client; the client package is imported when the first cluster is named, not before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext, create_default_context

from message_queues.clients.aws_ports import AwsClient
from message_queues.clients.ports import Client
from message_queues.clients.queue_ports import QueueClient
from message_queues.errors import InvalidArgument, MissingDependency


def connect_kafka(brokers: Sequence[str], config: Mapping[str, str | int | float | bool]) -> Client:
    """A client of the Kafka cluster at `brokers`; `config` holds librdkafka properties for all it does (security, timeouts).

    Opens no connection yet. Raises MissingDependency without confluent-kafka, InvalidArgument for a property that is not one.
    """
    try:
        from message_queues.clients.kafka import KafkaClient
    except ImportError as error:
        if error.name is None or not error.name.startswith("confluent_kafka"):
            raise
        raise MissingDependency("a Kafka cluster needs the package confluent-kafka: pip install 'message-queues[kafka]'") from error
    return KafkaClient(brokers, config)


@dataclass(frozen=True, slots=True)
class RabbitAddress:
    """Where a RabbitMQ cluster is, and who asks."""

    hosts: Sequence[tuple[str, int]]
    """Its nodes, tried in turn."""
    management: tuple[str, int]
    virtual_host: str = "/"
    username: str = "guest"
    password: str = field(default="guest", repr=False)
    tls: SSLContext | None = field(default=None, repr=False)
    management_tls: SSLContext | None = field(default=None, repr=False)
    config: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """heartbeat (seconds), frame_max, connection_name."""
    connect_timeout_s: float = 10.0


def connect_rabbitmq(address: RabbitAddress) -> QueueClient:
    """A client of the RabbitMQ cluster at `address`. Opens no connection yet. Raises MissingDependency without pika."""
    try:
        from message_queues.clients.rabbitmq import RabbitClient
    except ImportError as error:
        if error.name is None or not error.name.startswith("pika"):
            raise
        raise MissingDependency("a RabbitMQ cluster needs the package pika: pip install 'message-queues[rabbitmq]'") from error
    return RabbitClient(address)


@dataclass(frozen=True, slots=True)
class AwsAddress:
    """Where SQS and SNS are, and who asks: by default whom boto3's usual configuration says, at AWS."""

    region: str
    endpoint_url: str | None = None
    session: object = field(default=None, repr=False)
    """A boto3.Session of the program's own."""
    keys: tuple[str, str] | None = field(default=None, repr=False)
    """An access key and its secret; then nothing of the machine's configuration is used, its proxies neither."""


def connect_aws(address: AwsAddress) -> AwsClient:
    """A client of SQS and SNS in one region. Opens no connection yet. Raises MissingDependency without boto3."""
    try:
        from message_queues.clients.aws import Boto3Client
    except ImportError as error:
        if error.name is None or not error.name.startswith(("boto3", "botocore")):
            raise
        raise MissingDependency("Amazon SQS and SNS need the package boto3: pip install 'message-queues[sqs]'") from error
    return Boto3Client(address)


def tls_context(ca_file: str | None, cert_file: str | None, key_file: str | None) -> SSLContext:
    """The system's authorities or those of `ca_file`, and the client's own certificate, if one is given. Raises InvalidArgument."""
    try:
        context = create_default_context(cafile=ca_file)
        if cert_file is not None:
            context.load_cert_chain(cert_file, key_file)
    except OSError as error:  # ssl's own errors are OSErrors too
        raise InvalidArgument(f"the files of TLS cannot be used: {error}") from error
    return context
