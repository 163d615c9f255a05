"""What may subscribe to a topic: AWS's checks in AWS's words."""

import re
from typing import Final
from urllib.parse import urlsplit

from message_queues.broker.sns.arns import FIFO_SUFFIX
from message_queues.broker.sns.subscription import HTTP, PROTOCOLS
from message_queues.broker.sns.topic import Topic
from message_queues.errors import InvalidParameterValue

LARGE_MESSAGES: Final = ("sqs", "firehose", "lambda")
"""What a topic with a MaximumMessageSize above 256 KiB may have."""
_PHONE: Final = re.compile(r"\+?[0-9]+(?:[./-][0-9]+)*")
PHONE_DIGITS: Final = re.compile(r"\+?[1-9][0-9]{1,14}")
"""E.164."""
_ARNS: Final = {
    "lambda": re.compile(r"arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]+(:[^:]+)?"),
    "firehose": re.compile(r"arn:[^:]*:firehose:[^:]*:[^:]*:deliverystream/[^:]+"),
    "application": re.compile(r"arn:[^:]*:sns:[^:]*:[^:]*:endpoint/[^:]+"),
}
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


def check_endpoint(topic: Topic, protocol: str, endpoint: str) -> None:
    """Raises InvalidParameterValue."""
    if protocol not in PROTOCOLS:
        raise InvalidParameterValue(f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}")
    if topic.takes_large_messages and protocol not in LARGE_MESSAGES:
        raise InvalidParameterValue(
            f"Invalid parameter: Protocol Reason: a topic with messages above 256 KiB has no {protocol} subscriptions"
        )
    if protocol == "sqs":
        _check_queue(topic, endpoint)
    elif topic.is_fifo:
        # A FIFO topic delivers to queues alone.
        raise InvalidParameterValue("Invalid parameter: Invalid parameter: Endpoint Reason: Please use FIFO SQS queue")
    elif protocol in HTTP:
        _check_url(protocol, endpoint)
    elif protocol == "sms":
        if not (_PHONE.fullmatch(endpoint) and PHONE_DIGITS.fullmatch(re.sub(r"[./-]", "", endpoint))):
            raise InvalidParameterValue(f"Invalid SMS endpoint: {endpoint}")
    elif protocol in ("email", "email-json"):
        if not _EMAIL.fullmatch(endpoint):
            raise InvalidParameterValue("Invalid parameter: Email address")
    elif not _ARNS[protocol].fullmatch(endpoint):
        raise InvalidParameterValue(f"Invalid parameter: {protocol.capitalize()} endpoint ARN")


def _check_queue(topic: Topic, endpoint: str) -> None:
    elements = endpoint.split(":")
    if len(elements) != 6 or elements[0] != "arn" or elements[2] != "sqs":
        raise InvalidParameterValue("Invalid parameter: SQS endpoint ARN")
    if endpoint.endswith(FIFO_SUFFIX) and not topic.is_fifo:
        raise InvalidParameterValue(
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


def _check_url(protocol: str, endpoint: str) -> None:
    if not endpoint.startswith(f"{protocol}://"):
        raise InvalidParameterValue("Invalid parameter: Endpoint must match the specified protocol")
    try:
        parts = urlsplit(endpoint)
        is_url = bool(parts.hostname) and parts.port != 0 and not any(ord(character) <= 32 for character in endpoint)
    except ValueError:
        is_url = False
    if not is_url:
        raise InvalidParameterValue("Invalid parameter: Unreachable Endpoint")


def check_dead_letter_queue(topic: Topic, endpoint: str, dead_letter_arn: str | None) -> None:
    """Raises InvalidParameterValue."""
    if dead_letter_arn is None:
        return
    is_fifo = dead_letter_arn.endswith(FIFO_SUFFIX)
    if topic.is_fifo and endpoint.endswith(FIFO_SUFFIX) and not is_fifo:
        raise InvalidParameterValue(
            "Invalid parameter: RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
        )
    if is_fifo and not endpoint.endswith(FIFO_SUFFIX):
        raise InvalidParameterValue("Invalid parameter: RedrivePolicy: must use a standard queue as DLQ for a standard subscription.")
    if dead_letter_arn.split(":")[3:5] != [topic.name.region, topic.name.account]:
        # "The Amazon SNS subscription and Amazon SQS queue must be under the same AWS account and Region."
        raise InvalidParameterValue(
            "Invalid parameter: RedrivePolicy: deadLetterTargetArn must be in the subscription's account and region"
        )
