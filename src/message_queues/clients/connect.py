"""From a cluster's addresses to its client; the client package is imported when the first cluster is named, not before."""

from collections.abc import Mapping, Sequence

from message_queues.clients.ports import Client
from message_queues.errors import MissingDependency


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
