"""How a queue is named."""

from typing import NamedTuple


class QueueName(NamedTuple):
    region: str
    account: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:sqs:{self.region}:{self.account}:{self.name}"

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")


def partition_of(region: str) -> str:
    """Of Amazon's clouds."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
