"""Where in AWS a queue or a topic is: what stands for the cluster that RabbitMQ's queues are on."""

from dataclasses import dataclass

from message_queues.clients.aws_ports import AwsClient


@dataclass(frozen=True, slots=True)
class AwsPlace:
    """One account in one region, or what answers for it at an address of its own."""

    name: str
    """What `cluster_name=` calls it: "us-east-1", or "us-east-1 at http://127.0.0.1:9324"."""
    region: str
    client: AwsClient


def place_name(region: str, endpoint_url: str | None) -> str:
    return region if endpoint_url is None else f"{region} at {endpoint_url}"
