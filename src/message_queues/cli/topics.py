"""`mq topics`: list, create, describe, delete."""

from typing import Annotated

import typer

from message_queues.cli.cluster import LOCAL, Brokers, cluster, show
from message_queues.clients.ports import NewTopic
from message_queues.errors import InvalidArgument, UnknownTopicOrPartition
from message_queues.settings import assignment

topics = typer.Typer(no_args_is_help=True, help="Topics of a Kafka cluster.")

Topic = Annotated[str, typer.Argument(metavar="TOPIC")]


@topics.command("list")
def list_topics(brokers: Brokers = LOCAL) -> None:
    """All topics but Kafka's internal ones."""
    with cluster(brokers) as client:
        show(["topic"], [[name] for name in client.admin.topic_names()])


@topics.command()
def create(
    topic: Topic,
    partitions: Annotated[int, typer.Option(help="-1: the broker's default.")] = -1,
    replication_factor: Annotated[int, typer.Option(help="-1: the broker's default.")] = -1,
    config: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Can be given more than once.")] = None,
    brokers: Brokers = LOCAL,
) -> None:
    """Create a topic."""
    with cluster(brokers) as client:
        try:
            configs = dict(map(assignment, config or ()))
        except ValueError as error:
            raise InvalidArgument(f"--config should be {error}") from None
        client.admin.create_topic(NewTopic(topic, partitions, replication_factor, configs))


@topics.command()
def describe(topic: Topic, brokers: Brokers = LOCAL) -> None:
    """Partitions, and the configurations that were set."""
    with cluster(brokers) as client:
        partitions = client.admin.partitions(topic)
        if partitions is None:
            raise UnknownTopicOrPartition(f"there is no topic {topic}")
        rows = [(each.partition, each.leader, joined(each.replicas), joined(each.in_sync)) for each in partitions]
        show(["partition", "leader", "replicas", "in sync"], rows)
        configs = client.admin.topic_config(topic)
        show(["configuration", "value"], [(name, each.value) for name, each in configs.items() if not each.is_default])


def joined(node_ids: tuple[int, ...]) -> str:
    return ",".join(map(str, node_ids))


@topics.command()
def delete(topic: Topic, brokers: Brokers = LOCAL) -> None:
    """Delete a topic and all its messages."""
    with cluster(brokers) as client:
        client.admin.delete_topic(topic)
