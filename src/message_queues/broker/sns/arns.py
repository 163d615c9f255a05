"""Amazon Resource Names of topics and subscriptions.

arn:aws:sns:us-east-1:123456789012:orders                                         a topic
arn:aws:sns:us-east-1:123456789012:orders:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55    a subscription to it
"""

import re
from typing import Final, NamedTuple

from message_queues.errors import InvalidParameterValue, ResourceNotFound

LEAST_ELEMENTS: Final = 6
LONGEST_NAME: Final = 256
NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.fifo)?")
FIFO_SUFFIX: Final = ".fifo"


class TopicName(NamedTuple):
    region: str
    account: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:sns:{self.region}:{self.account}:{self.name}"

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(FIFO_SUFFIX)


def partition_of(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def elements_of(arn: str | None, parameter: str) -> list[str]:
    """Raises InvalidParameterValue in AWS's words."""
    if arn is None:
        raise InvalidParameterValue(f"Invalid parameter: {parameter} Reason: no value for required parameter")
    elements = arn.split(":")
    if len(elements) < LEAST_ELEMENTS:
        raise InvalidParameterValue(
            f"Invalid parameter: {parameter} Reason: An ARN must have at least {LEAST_ELEMENTS} elements, not {len(elements)}"
        )
    return elements


def topic_name(arn: str | None, parameter: str = "TopicArn") -> TopicName:
    elements = elements_of(arn, parameter)
    if elements[0] != "arn" or elements[2] != "sns":
        raise InvalidParameterValue(f"Invalid parameter: {parameter}")
    if len(elements) != LEAST_ELEMENTS:
        # What a subscription is called names no topic.
        raise ResourceNotFound("Topic does not exist")
    return TopicName(elements[3], elements[4], elements[5])
