"""Where in AWS a queue or a topic is: what stands for the cluster that RabbitMQ's queues are on."""

from dataclasses import dataclass

from message_queues.clients.aws_ports import AwsClient


@dataclass(frozen=True, slots=True)
class AwsPlace:
    """One account in one region, or what answers for it at an address of its own."""

    region: str
    endpoint_url: str | None
    client: AwsClient

    @property
    def name(self) -> str:
        """What `cluster_name=` calls it."""
        return place_name(self.region, self.endpoint_url)


def place_name(region: str, endpoint_url: str | None) -> str:
    """ "us-east-1", or "us-east-1 at http://127.0.0.1:9324"."""
    return region if endpoint_url is None else f"{region} at {endpoint_url}"
