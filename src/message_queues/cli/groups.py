"""`mq groups`: describe."""

from typing import Annotated

import typer

from message_queues.cli.cluster import LOCAL, Brokers, cluster, show
from message_queues.clients.ports import GroupState, TopicPartition
from message_queues.errors import GroupIdNotFound

groups = typer.Typer(no_args_is_help=True, help="Consumer groups of a Kafka cluster.")


@groups.callback()
def of_a_cluster() -> None:
    """Keeps `describe` a command of its own while it is the only one."""


@groups.command()
def describe(group: Annotated[str, typer.Argument(metavar="GROUP")], brokers: Brokers = LOCAL) -> None:
    """State, and for each partition: what is committed, what is there, the lag, and who reads it."""
    with cluster(brokers) as client:
        state = client.admin.group(group)
        if state is None:
            raise GroupIdNotFound(f"there is no group {group}")
        committed = client.admin.committed(group)
        ends = client.admin.offsets(list(committed), "latest")
        show(["group", "state", "members", "assignor"], [(group, state.state, len(state.members), state.assignor or "-")])
        show(
            ["topic", "partition", "committed", "end", "lag", "member"],
            [
                (each.topic, each.partition, offset, ends[each], ends[each] - offset, reader(state, each))
                for each, offset in sorted(committed.items())
            ],
        )


def reader(state: GroupState, partition: TopicPartition) -> str:
    return next((member.member_id for member in state.members if partition in member.partitions), "-")
