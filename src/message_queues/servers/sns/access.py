"""Which topics a request may reach: those of its region, of its own account, and of others whose policy lets it."""

from message_queues.broker.sns.arns import topic_name
from message_queues.broker.sns.topic import Topic
from message_queues.errors import AccessDenied, InvalidParameterValue
from message_queues.servers.aws.context import AwsContext


def topic_for(context: AwsContext, action: str, arn: str | None, parameter: str = "TopicArn") -> Topic:
    """Raises InvalidParameterValue, ResourceNotFound and AccessDenied."""
    check_region(context, arn, parameter)
    topic = context.broker.sns.named(arn, parameter)
    check_access(context, action, topic)
    return topic


def check_region(context: AwsContext, arn: str | None, parameter: str = "TopicArn") -> None:
    if topic_name(arn, parameter).region != context.region:
        raise InvalidParameterValue(f"Invalid parameter: {parameter}")


def check_access(context: AwsContext, action: str, topic: Topic) -> None:
    account = context.account
    if account != topic.name.account and not topic.allows(account, action):
        raise AccessDenied(
            f"User: arn:aws:iam::{account}:root is not authorized to perform: SNS:{action} on resource: {topic.arn} because no "
            f"resource-based policy allows the SNS:{action} action"
        )
